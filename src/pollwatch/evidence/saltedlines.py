"""A batch's lines and fields as their owner has them: what is sealed of them, and how some of them are opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pollwatch.errors import ProofError
from pollwatch.evidence import linefields, manylines, merkle, salted
from pollwatch.evidence.linefields import SLOTS, Values
from pollwatch.evidence.openedlines import OpenedBatch, OpenedField, OpenedFields, OpenedLine
from pollwatch.kernels import digests


@dataclass(frozen=True)
class SaltedLines:
    """Consecutive records of one input, with the secret that hides them.

    Attributes:
        seed: the secret (:func:`pollwatch.evidence.salted.new_seed_for` the label and the fields' names).
        label: the input's name, as bytes.
        lines: the records.
        fields: by name, each with as many values as there are lines.
    """

    seed: bytes
    label: bytes
    lines: Sequence[bytes]
    fields: Mapping[str, Values] = field(default_factory=dict)

    @cached_property
    def source(self) -> bytes:
        """The commitment to the input's name."""
        return salted.source_commitment(self.seed, self.label)

    @cached_property
    def tree(self) -> merkle.Tree:
        """The tree over all lines."""
        if digests.worthwhile(len(self.lines)):
            return manylines.tree(self.seed, self.lines, self.by_slot)
        if not self.fields:
            return merkle.Tree(self._lines)
        columns = salted.slot_hashes(self.seed, self.by_slot, len(self.lines))
        return merkle.Tree(linefields.leaf_hashes(self._lines, zip(*columns, strict=True)))

    def open(self, entry: int, first_number: int, numbers: Iterable[int], names: Iterable[str] = ()) -> OpenedBatch:
        """Open some lines: whole, or of each only the fields of these names.

        Args:
            entry: the batch's, in the private log.
            first_number: of the first line.
            numbers: of the lines to open, ascending.
            names: of the fields; none opens the lines whole.

        Raises:
            ProofError: no field of such a name was sealed.
        """
        wanted = sorted(set(names))
        for name in wanted:
            if name not in self.fields:
                have = ", ".join(sorted(self.fields)) or "none"
                raise ProofError(f"field {name!r} was not sealed with these lines; the fields that were: {have}")
        places = [number - first_number for number in numbers]
        return OpenedBatch(
            entry,
            self.label.decode("utf-8"),
            salted.source_salt(self.seed),
            () if wanted else tuple(self._line(place, place + first_number) for place in places),
            tuple(self._parts(place, place + first_number, wanted) for place in places) if wanted else (),
            merkle.prove_subset(places, len(self.lines), self.tree.subtree),
        )

    def _line(self, place: int, number: int) -> OpenedLine:
        salt = salted.salts(self.seed, 1, place)[0]
        fields = linefields.fields_hash(self._slots(place)) if self.fields else None
        return OpenedLine(number, salt, self.lines[place], fields)

    def _parts(self, place: int, number: int, names: Sequence[str]) -> OpenedFields:
        shown = {slot: name for slot, (name, _values) in self.by_slot.items() if name in names}
        others = [each for slot, each in enumerate(self._slots(place)) if slot not in shown]
        opened = [
            OpenedField(name, salted.field_salts(self.seed, slot, 1, place)[0], self.fields[name][place])
            for slot, name in shown.items()
        ]
        opened.sort(key=lambda each: each.name)
        return OpenedFields(number, self._lines[place], tuple(opened), tuple(others))

    def _slots(self, place: int) -> list[bytes]:
        """The 16 commitments to one line's fields."""
        one = {slot: (name, values[place : place + 1]) for slot, (name, values) in self.by_slot.items()}
        joined = b"".join(column[0] for column in salted.slot_hashes(self.seed, one, 1, place))
        size = merkle.HASH_BYTES
        return [joined[slot * size : (slot + 1) * size] for slot in range(SLOTS)]

    @cached_property
    def _lines(self) -> Sequence[bytes]:
        return salted.line_hashes(self.seed, self.lines)

    @cached_property
    def by_slot(self) -> Mapping[int, tuple[str, Values]]:
        """The fields by the slot that each has in this batch, with their names."""
        return {linefields.slot(self.source, name): (name, values) for name, values in self.fields.items()}
