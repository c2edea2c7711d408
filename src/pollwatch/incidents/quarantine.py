"""Lines that were not understood: counted exactly by reason, the first few of each kept to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pollwatch.incidents.export import encodable

#: How many lines of each reason of each input are kept.
KEPT_LINES: Final = 100
#: How many bytes of each are kept.
KEPT_BYTES: Final = 400
#: How many reasons of each input are told apart; a format's reasons are few, but nothing may grow without bound.
_KEPT_REASONS: Final = 200
_OTHER: Final = "other reasons"


@dataclass(frozen=True, slots=True)
class QuarantinedLine:
    """One line that was not understood.

    Attributes:
        path: how the case calls its input.
        number: its record number there.
        reason: what the format says about it.
        head: its first bytes (:data:`KEPT_BYTES`), exactly as they stand in the input; attacker-written.
    """

    path: str
    number: int
    reason: str
    head: bytes


@dataclass(frozen=True, slots=True)
class QuarantineCount:
    """How many lines of one input were not understood for one reason. Exact, however many are kept."""

    path: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What a case holds of lines that were not understood."""

    counts: tuple[QuarantineCount, ...]
    lines: tuple[QuarantinedLine, ...]


class QuarantineTally:
    """Collects the quarantined lines of one input while it is scanned; its size is bounded."""

    def __init__(self) -> None:
        """Start empty."""
        self.counts: Counter[str] = Counter()
        self._lines: dict[str, dict[int, bytes]] = {}

    def add(self, number: int, reason: str, raw: bytes) -> None:
        """Count a line, and keep its beginning if it is one of the first for its reason."""
        if reason not in self.counts:
            reason = encodable(reason)
            if reason not in self.counts:
                reason = reason if len(self.counts) < _KEPT_REASONS else _OTHER
                self._lines.setdefault(reason, {})
        self.counts[reason] += 1
        kept = self._lines[reason]
        if len(kept) < KEPT_LINES:
            kept[number] = raw[:KEPT_BYTES]

    def lines(self) -> Iterator[tuple[int, str, bytes]]:
        """``(number, reason, head)`` of the lines kept."""
        for reason, kept in self._lines.items():
            for number, head in kept.items():
                yield number, reason, head
