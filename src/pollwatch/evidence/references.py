"""Which lines an incident consists of: batches in the private log, and ranges of record numbers in each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from pollwatch.errors import ProofError
from pollwatch.evidence.fields import Fields, document

KIND = "references"
MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class BatchLines:
    """An incident's lines in one batch.

    Attributes:
        entry: the batch's index in the private log.
        ranges: ``(first, last)`` record numbers, both inclusive, ascending, apart from one another.
    """

    entry: int
    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, entry: int, numbers: Iterable[int]) -> BatchLines:
        """From ascending, distinct record numbers."""
        ranges: list[tuple[int, int]] = []
        for number in numbers:
            if ranges and number == ranges[-1][1] + 1:
                ranges[-1] = (ranges[-1][0], number)
            else:
                ranges.append((number, number))
        return cls(entry, tuple(ranges))

    def __contains__(self, number: object) -> bool:
        """Whether this record is one of them."""
        if not isinstance(number, int):
            return False
        place = bisect_right(self.ranges, number, key=lambda pair: pair[0])
        return place > 0 and number <= self.ranges[place - 1][1]

    @property
    def lines(self) -> int:
        """How many."""
        return sum(last - first + 1 for first, last in self.ranges)


@dataclass(frozen=True, slots=True)
class References:
    """All lines of an incident, by batch, ascending."""

    batches: tuple[BatchLines, ...]

    @property
    def lines(self) -> int:
        """How many lines in all."""
        return sum(batch.lines for batch in self.batches)

    def batch(self, entry: int) -> BatchLines:
        """The lines in one batch; none where the incident does not touch it."""
        return next((batch for batch in self.batches if batch.entry == entry), BatchLines(entry, ()))

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        batches = [{"entry": each.entry, "ranges": [list(pair) for pair in each.ranges]} for each in self.batches]
        return document(KIND, 1, {"batches": batches})

    @classmethod
    def parse(cls, data: bytes) -> References:
        """Read what :meth:`to_bytes` writes.

        Raises:
            ProofError: not that, or ranges out of order.
        """
        fields = Fields.load(data, "references", max_bytes=MAX_BYTES)
        fields.kind(KIND)
        batches = []
        for each in fields.objects("batches"):
            batches.append(BatchLines(each.number("entry"), tuple(map(_range, each.many("ranges")))))
            each.done()
        fields.done()
        if any(left.entry >= right.entry for left, right in pairwise(batches)):
            raise ProofError("references: batches are not in ascending order")
        for batch in batches:
            # A gap between ranges, or they would be one: a set of lines has one spelling.
            apart = all(left[1] + 1 < right[0] for left, right in pairwise(batch.ranges))
            if not batch.ranges or not apart or any(first > last for first, last in batch.ranges):
                raise ProofError(f"references: the ranges of entry {batch.entry} are not in ascending order")
        return cls(tuple(batches))


def _range(value: object) -> tuple[int, int]:
    if not (isinstance(value, list) and len(value) == 2 and all(type(each) is int and each >= 0 for each in value)):
        raise ProofError("references: a range is a pair of record numbers")
    return value[0], value[1]
