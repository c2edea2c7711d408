"""Work spread over the machine's cores by threads: what takes long is done without the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self, TypeVar

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

#: So many elements are one job.
_PIECE: Final = 512


class Workers:
    """Does jobs in order, in this thread or in several; use it with ``with``."""

    def __init__(self, threads: int | None = None) -> None:
        """Start nothing yet.

        Args:
            threads: how many; the number of cores by default; 1 = this one.
        """
        self._count = threads or len(os.sched_getaffinity(0))
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        """The workers themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the threads end."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, work: Callable[[_Job], _Result], jobs: Sequence[_Job]) -> list[_Result]:
        """The result of each job, in order; the first error of a job is raised."""
        if self._count == 1 or len(jobs) == 1:
            return [work(each) for each in jobs]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._count)
        return list(self._pool.map(work, jobs))

    def map_pieces(self, work: Callable[[Sequence[_Job]], list[_Result]], elements: Sequence[_Job]) -> list[_Result]:
        """The result for each element, in order, from work on pieces of many; the first error is raised."""
        pieces = [elements[at : at + _PIECE] for at in range(0, len(elements), _PIECE)]
        return [each for piece in self.map(work, pieces) for each in piece]
