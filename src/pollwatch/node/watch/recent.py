"""The text of lines that came lately, for incidents to show: a new incident is made of lines that were just read."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pollwatch.incidents.samples import LineId


@dataclass(frozen=True, slots=True)
class Texts:
    """Consecutive lines of one input as text.

    Attributes:
        path: how the case calls the input.
        first_number: of the first line.
        text: of each line; may hold any control character.
        size_bytes: of all of them, about.
    """

    path: str
    first_number: int
    text: Sequence[str]
    size_bytes: int


@dataclass(slots=True)
class RecentLines:
    """Lines, the oldest forgotten.

    Attributes:
        most_bytes: what is kept, about.
    """

    most_bytes: int = 32 << 20
    _order: deque[Texts] = field(default_factory=deque)
    _by_path: dict[str, deque[Texts]] = field(default_factory=dict)
    _bytes: int = 0

    def add(self, lines: Iterable[Texts]) -> None:
        """Take lines in."""
        for each in lines:
            self._by_path.setdefault(each.path, deque()).append(each)
            self._order.append(each)
            self._bytes += each.size_bytes
        while self._bytes > self.most_bytes and len(self._order) > 1:
            gone = self._order.popleft()
            self._bytes -= gone.size_bytes
            self._by_path[gone.path].popleft()
            if not self._by_path[gone.path]:
                del self._by_path[gone.path]

    def fetch(self, wanted: Sequence[LineId]) -> dict[LineId, str]:
        """The text of lines; those that are not here any more are left out."""
        found: dict[LineId, str] = {}
        for path, number in wanted:
            held = self._by_path.get(path)
            if not held:
                continue
            at = bisect_right(held, number, key=lambda each: each.first_number) - 1
            if at >= 0 and number < held[at].first_number + len(held[at].text):
                found[path, number] = held[at].text[number - held[at].first_number]
        return found
