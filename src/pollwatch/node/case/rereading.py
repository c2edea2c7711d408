"""Originals read again, for proofs about their lines: forward, once, as long as requests come in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from pollwatch.errors import SourceError
from pollwatch.events.block import LineBlock
from pollwatch.incidents.records import Case
from pollwatch.node.case.reading import blocks
from pollwatch.sources.content import Content
from pollwatch.sources.interface import Source
from pollwatch.sources.position import Position, digest

#: Files beside one that was rotated that are looked at.
_MOST_BESIDE: Final = 200


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


def finder(case: Case) -> Callable[[str], Source]:
    """Finds the originals of a case's inputs, also of those that a watch followed and that were rotated since."""
    followed = case.places()

    def find(path: str) -> Source:
        moved = _moved(Position.loads(followed[path])) if path in followed else None
        return find_file(path if moved is None else moved)

    return find


def _moved(position: Position) -> str | None:
    """Where a followed file lies now: under its name, or beside it under another, compressed perhaps."""
    here = Path(position.path)
    try:
        beside = sorted(each for each in here.parent.iterdir() if each.is_file() and each.name.startswith(here.stem))
    except OSError:
        return None
    for path in (here, *beside[:_MOST_BESIDE]):
        with suppress(OSError, SourceError):
            content = Content(str(path))
            try:
                head = content.read(0, position.head_bytes)
                tail = content.read(position.offset - position.tail_bytes, position.tail_bytes)
            finally:
                content.close()
            if (digest(head), digest(tail)) == (position.head, position.tail):
                return str(path)
    return None
