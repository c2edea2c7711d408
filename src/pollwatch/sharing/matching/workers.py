"""Work spread over the machine's cores: on many elements by processes, since libsodium computes one at a time."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Final, Self, TypeVar

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

#: Fewer jobs than these are done before another process has started.
_WORTH_IT: Final = 4_000
_PIECE: Final = 500


class Workers:
    """Does jobs in order, in this process or in several; use it with ``with``."""

    def __init__(self, processes: int | None = None) -> None:
        """Start nothing yet.

        Args:
            processes: how many; the number of cores by default; 1 = in this process.
        """
        self._count = processes or len(os.sched_getaffinity(0))
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        """The workers themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the processes end."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, work: Callable[[_Job], _Result], jobs: Sequence[_Job], weight: int = 1) -> list[_Result]:
        """The result of each job, in order; the first error of a job is raised.

        Args:
            work: a function of a module (it travels by name).
            jobs: what to do.
            weight: how many elements one job is about.
        """
        if self._count == 1 or len(jobs) * weight < _WORTH_IT:
            return [work(each) for each in jobs]
        if self._pool is None:
            # Spawned, not forked: whoever calls may have threads.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, context, initializer=_end_with_parent)
        return list(self._pool.map(work, jobs, chunksize=max(1, _PIECE // weight)))

    def map_arrays(self, work: Callable[[_Job], _Result], jobs: Sequence[_Job]) -> list[_Result]:
        """The result of each job, in order, by threads of this process: nothing is copied.

        Args:
            work: what numpy does with whole arrays, so that other threads can run meanwhile.
            jobs: what to do.
        """
        with ThreadPoolExecutor(self._count) as pool:
            return list(pool.map(work, jobs))


def _end_with_parent() -> None:
    """In a worker: should the process that started it be killed, it ends too, instead of waiting for jobs for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent,), daemon=True).start()


def _wait_and_end(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
