"""The text of lines that came lately, for incidents to show: a new incident is made of lines that were just read."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pollwatch.events.block import LineBlock
from pollwatch.incidents.samples import LineId


@dataclass(slots=True)
class RecentLines:
    """Blocks of lines, the oldest forgotten.

    Attributes:
        most_bytes: what is kept, about.
    """

    most_bytes: int = 32 << 20
    _order: deque[tuple[str, int]] = field(default_factory=deque)
    _blocks: dict[str, deque[LineBlock]] = field(default_factory=dict)
    _bytes: int = 0

    def add(self, blocks: Iterable[tuple[LineBlock, int]]) -> None:
        """Take blocks in, each with its size in bytes."""
        for block, size in blocks:
            self._blocks.setdefault(block.path, deque()).append(block)
            self._order.append((block.path, size))
            self._bytes += size
        while self._bytes > self.most_bytes and len(self._order) > 1:
            path, size = self._order.popleft()
            self._bytes -= size
            self._blocks[path].popleft()
            if not self._blocks[path]:
                del self._blocks[path]

    def fetch(self, wanted: Sequence[LineId]) -> dict[LineId, str]:
        """The text of lines; those that are not here any more are left out."""
        found: dict[LineId, str] = {}
        for path, number in wanted:
            blocks = self._blocks.get(path)
            if not blocks:
                continue
            held = list(blocks)
            at = bisect_right(held, number, key=lambda block: block.first_number) - 1
            if at >= 0 and number < held[at].first_number + len(held[at]):
                found[path, number] = held[at].text[number - held[at].first_number]
        return found
