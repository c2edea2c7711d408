"""Sequence entries: which batches the private log got between two points, input by input, without a gap.

Every sequence entry covers the private entries from where the one before it ended up to its own place, so that the
entries of a whole log are covered once. For each input it commits, under a salt, to a :class:`Span`: the batches of
that input in that stretch and the runs of record numbers that they cover. One input's span can be opened alone; whoever
sees its batches then knows that no record between the first and the last was left out, or sees the hole.

It cannot show that an input was never recorded at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES

NONE_BEFORE = bytes(merkle.HASH_BYTES)
_SPAN = "sequence-span"
_MAX_SPAN_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Sequence:
    """The log entry.

    Attributes:
        number: 0 for the first of a log, then one more each time.
        previous: leaf hash of the sequence entry before; 32 zero bytes for the first.
        first_entry: the first private entry that it covers: where the one before ended.
        end_entry: one behind the last; its own index or less.
        batches: how many batch entries are among them.
        inputs: how many inputs these are of.
        root: root of the salted tree of the inputs' spans.
    """

    KIND: ClassVar[str] = "sequence"
    number: int
    previous: bytes
    first_entry: int
    end_entry: int
    batches: int
    inputs: int
    root: bytes

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(
            self.KIND,
            1,
            {
                "number": self.number,
                "previous": self.previous.hex(),
                "first_entry": self.first_entry,
                "end_entry": self.end_entry,
                "batches": self.batches,
                "inputs": self.inputs,
                "root": self.root.hex(),
            },
        )

    @classmethod
    def parse(cls, data: bytes) -> Sequence:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = Fields.load(data, "sequence entry", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND)
        entry = cls(
            fields.number("number"),
            fields.hex("previous", merkle.HASH_BYTES),
            fields.number("first_entry"),
            fields.number("end_entry"),
            fields.number("batches"),
            fields.number("inputs"),
            fields.hex("root", merkle.HASH_BYTES),
        )
        fields.done()
        if (entry.number == 0) != (entry.previous == NONE_BEFORE) or entry.first_entry > entry.end_entry:
            raise ProofError("sequence entry: its number, its predecessor and its range do not fit together")
        if entry.batches > entry.end_entry - entry.first_entry or entry.inputs > entry.batches:
            raise ProofError("sequence entry: more batches than entries, or more inputs than batches")
        return entry

    def check_follows(self, before: bytes) -> None:
        """Check that this entry continues the sequence entry with these bytes.

        Raises:
            ProofError: it does not; something between them was left out.
        """
        earlier = Sequence.parse(before)
        expected = (earlier.number + 1, merkle.leaf_hash(before), earlier.end_entry)
        if (self.number, self.previous, self.first_entry) != expected:
            raise ProofError(f"sequence entry {self.number} does not continue entry {earlier.number}")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One batch: its private entry, the number of its first record, and how many records it has."""

    entry: int
    first_number: int
    lines: int


@dataclass(frozen=True, slots=True)
class Span:
    """One input's batches in the stretch that a sequence entry covers.

    Attributes:
        path: the input, as the case names it.
        batches: ascending by entry.
    """

    path: str
    batches: tuple[Place, ...]

    @property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """The record numbers covered: ``(first, last)``, ascending, apart. More than one run: there is a hole."""
        runs: list[tuple[int, int]] = []
        for place in sorted(self.batches, key=lambda each: each.first_number):
            first, last = place.first_number, place.first_number + place.lines - 1
            if runs and first <= runs[-1][1] + 1:
                runs[-1] = (runs[-1][0], max(runs[-1][1], last))
            else:
                runs.append((first, last))
        return tuple(runs)

    def to_bytes(self) -> bytes:
        """Canonical JSON: what the salted leaf commits to."""
        batches = [[each.entry, each.first_number, each.lines] for each in self.batches]
        return document(_SPAN, 1, {"path": self.path, "batches": batches})

    @classmethod
    def parse(cls, data: bytes) -> Span:
        """Read what :meth:`to_bytes` writes.

        Raises:
            ProofError: not that, or batches out of order.
        """
        fields = Fields.load(data, "sequence span", max_bytes=_MAX_SPAN_BYTES)
        fields.kind(_SPAN)
        span = cls(fields.text("path"), tuple(map(_place, fields.many("batches"))))
        fields.done()
        if not span.batches or any(left.entry >= right.entry for left, right in pairwise(span.batches)):
            raise ProofError("sequence span: its batches are not in ascending order")
        return span

    def check(self, sequence: Sequence, batches: Mapping[int, tuple[int, int]]) -> None:
        """Check the span against the batch entries that the private log holds.

        Args:
            sequence: the entry that commits to this span.
            batches: private entry to its first record number and number of records.

        Raises:
            ProofError: a batch is missing, is another one, or is outside the stretch.
        """
        for place in self.batches:
            if not sequence.first_entry <= place.entry < sequence.end_entry:
                raise ProofError(f"sequence span: batch {place.entry} is outside the entries that it speaks of")
            if batches.get(place.entry) != (place.first_number, place.lines):
                raise ProofError(f"sequence span: batch {place.entry} is missing, or holds other records")


def spans(found: Iterable[tuple[str, Place]]) -> tuple[Span, ...]:
    """The spans of some batches, by input."""
    by_path: dict[str, list[Place]] = {}
    for path, place in found:
        by_path.setdefault(path, []).append(place)
    return tuple(Span(path, tuple(sorted(by_path[path]))) for path in sorted(by_path))


def _place(value: object) -> Place:
    if not (
        isinstance(value, list)
        and len(value) == 3
        and all(type(each) is int and 0 <= each < 1 << 53 for each in value)
        and value[1] >= 1
        and value[2] >= 1
    ):
        raise ProofError("sequence span: a batch is its entry, its first record and its number of records")
    return Place(*value)
