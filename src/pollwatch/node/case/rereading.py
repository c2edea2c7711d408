"""Originals read again, for proofs about their lines: forward, once, as long as requests come in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from pollwatch.errors import SourceError
from pollwatch.events.block import LineBlock
from pollwatch.node.case.reading import blocks
from pollwatch.sources.interface import Source


class Rereader:
    """Gives raw records by input and number; see :data:`pollwatch.node.evidence.sealing.FetchRaw`."""

    def __init__(self, find: Callable[[str], Source]) -> None:
        """Read inputs as ``find`` locates them by the case's name for them."""
        self._find = find
        self._path = ""
        self._ahead: Iterator[LineBlock] = iter(())
        self._block: LineBlock | None = None

    def __call__(self, path: str, first_number: int, count: int) -> Sequence[bytes]:
        """Records ``first_number`` to ``first_number + count - 1``; fewer where the input ends before.

        Raises:
            SourceError: the input cannot be read again.
        """
        if path != self._path or self._block is None or self._block.first_number > first_number:
            self._path = path
            self._ahead = self._blocks(path)
            self._block = next(self._ahead, None)
        found: list[bytes] = []
        end = first_number + count
        while self._block is not None:
            start = self._block.first_number
            found += self._block.raw[max(0, first_number - start) : max(0, end - start)]
            if start + len(self._block) >= end:
                break
            self._block = next(self._ahead, None)
        return found

    def _blocks(self, path: str) -> Iterator[LineBlock]:
        source = self._find(path)
        with closing(source.open()) as stored:
            yield from blocks(stored, path)


def find_file(path: str) -> Source:
    """The file behind a case's name for an input (``access.log``, or ``access.log@1a2b3c4d`` for a second one).

    Raises:
        SourceError: it is not there, or came from stdin.
    """
    from pollwatch.sources import kept  # noqa: PLC0415 - with what it decompresses
    from pollwatch.sources.files import expand  # noqa: PLC0415 - the same

    if (received := kept.find(path)) is not None:
        return received

    for name in dict.fromkeys((path, path.rpartition("@")[0])):
        if name and name != "-":
            sources, _missing = expand([name])
            if sources:
                return sources[0]
    raise SourceError(f"{path}: the original is needed to prove its lines; put it back, or export without lines")
