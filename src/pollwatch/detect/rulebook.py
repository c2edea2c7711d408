"""Conditions as arrays, the form that kernels take: each made once, however many logsources its rule is for.

The book holds all conditions (``rulewriting``); a *part* those of one logsource, with atoms and entries numbered anew.
To which column of a batch an atom belongs, and whether it can be tested there, is said per batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.detect.rulewriting import (
    ABSENT,
    ENTRY_FIELD,
    ENTRY_MARKS,
    FIELD,
    IS_EQUAL,
    KIND,
    MARKS,
    NO_FIELD,
    Written,
    written,
)
from pollwatch.detect.sigma.plan import Leaf, Node, leaves
from pollwatch.kernels import conditions
from pollwatch.kernels.choosing import ENTRY, taken

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

#: The entry of a literal of fewer bytes costs a second look at every byte.
_SHORT, _SHORT_COST = 4, 0.0001


@dataclass(frozen=True, slots=True)
class Literals:
    """Entries that are looked for in texts, and where in a row's texts.

    Attributes:
        numbers: of the entries.
        texts, starts: their bytes one behind the other, and where each begins (one more at last).
        marks: ``AT_START`` and ``AT_END``.
        field: whose texts they are looked for in, by its place among ``Part.searched``.
    """

    numbers: Ints
    texts: Bytes
    starts: Longs
    marks: Bytes
    field: Ints

    def some(self, which: Longs) -> Literals:
        """Those at some places."""
        texts, starts = taken(self.texts, self.starts, which)
        return Literals(self.numbers[which], texts, starts, self.marks[which], self.field[which])


@dataclass(frozen=True, slots=True)
class Part:
    """Some conditions, with atoms and entries numbered anew.

    Attributes:
        fields: the names of the atoms' fields.
        field: per atom its field's place in ``fields``; :data:`NO_FIELD` for keywords and references to fields.
        atoms: all of ``NO_COLUMN`` as long as there is no batch, and none with verdicts kept.
        chains: the conditions.
        question_starts, question_field: each condition's first question, one more at last; and each question's field.
        needs, starts: what each condition needs: all trees, and where each begins (one more at last).
        costs: per entry, where no row of a sample has it: it may stand in others, the sooner the shorter it is.
        literals: those that conditions need.
        searched: the fields whose texts they are looked for in; None = in any text column.
        equals: per field number -> entry.
        own: the atoms' numbers in the book.
    """

    fields: Sequence[str]
    field: Ints
    atoms: conditions.Atoms
    chains: conditions.Chains
    question_starts: Ints
    question_field: Ints
    needs: Ints
    starts: Ints
    costs: Floats
    literals: Literals
    searched: Sequence[str | None]
    equals: Mapping[str, Mapping[float, int]]
    own: Longs


class Rulebook:
    """All conditions that there are."""

    def __init__(self, nodes: Sequence[Node], kept: tuple[Written, tuple[str, ...]] | None = None) -> None:
        """Write the conditions, which are spoken of by their places; or take them as they were written before."""
        self._nodes = nodes
        self.written, self.fields = written(nodes) if kept is None else kept
        self._leaves: dict[int, Leaf] = {}

    def trees(self, numbers: Sequence[int]) -> tuple[Node, ...]:
        """Some conditions as trees."""
        return tuple(self._nodes[number] for number in numbers)

    def leaf(self, atom: int) -> Leaf:
        """The leaf that an atom is, by its number in the book."""
        if atom not in self._leaves:
            condition, leaf = self.written.origin[atom].tolist()
            self._leaves[atom] = leaves(self._nodes[condition])[leaf]
        return self._leaves[atom]

    def part(self, numbers: Sequence[int]) -> Part:
        """Some conditions."""
        book, which = self.written, np.array(numbers, np.int64)
        places, begins = _within(book.question_starts, which)
        questions = book.questions[places]
        moved = np.repeat(begins[:-1], np.diff(begins))
        for way in (conditions.ON_YES, conditions.ON_NO):
            questions[:, way] += np.where(questions[:, way] >= 0, moved, 0).astype(np.int32)
        own, atom = np.unique(questions[:, conditions.ATOM], return_inverse=True)
        questions[:, conditions.ATOM] = atom
        first = book.first[which]
        first = np.where(first >= 0, first + begins[:-1], first).astype(np.int32)
        places, starts = _within(book.need_starts, which)
        trees = book.needs[places]
        is_entry = trees[:, 0] == ENTRY
        entries, trees[is_entry, 1] = np.unique(trees[is_entry, 1], return_inverse=True)
        fields, field, atoms = self._some_atoms(own)
        costs, literals, searched, equals = self._some_entries(entries)
        return Part(
            fields=fields,
            field=field,
            atoms=atoms,
            chains=conditions.Chains(first, questions),
            question_starts=begins.astype(np.int32),
            question_field=field[questions[:, conditions.ATOM]],
            needs=trees,
            starts=starts.astype(np.int32),
            costs=costs,
            literals=literals,
            searched=searched,
            equals=equals,
            own=own.astype(np.int64),
        )

    def _some_atoms(self, own: Ints) -> tuple[list[str], Ints, conditions.Atoms]:
        book = self.written
        rows = book.atoms[own]
        places, starts = _within(book.part_starts, own.astype(np.int64))
        table = np.full((len(own), 7), -1, np.int64)
        table[:, conditions.COLUMN] = conditions.NO_COLUMN
        table[:, [conditions.KIND, conditions.ABSENT, conditions.MARKS]] = rows[:, [KIND, ABSENT, MARKS]]
        table[:, conditions.PART], table[:, conditions.PART_END] = starts[:-1], starts[1:]
        known = rows[:, FIELD] >= 0
        numbers, which = np.unique(rows[known, FIELD], return_inverse=True)
        field = np.full(len(own), NO_FIELD, np.int32)
        field[known] = which
        literals, begins = taken(book.parts, book.part_begins, places)
        atoms = conditions.Atoms(table, book.number[own], literals, begins, conditions.signed(literals, begins))
        return [self.fields[number] for number in numbers.tolist()], field, atoms

    def _some_entries(self, used: Ints) -> tuple[Floats, Literals, Sequence[str | None], dict[str, dict[float, int]]]:
        book = self.written
        rows = book.entries[used]
        is_equal = rows[:, IS_EQUAL] > 0
        equals: dict[str, dict[float, int]] = {}
        for entry in np.flatnonzero(is_equal).tolist():
            name = self.fields[rows[entry, ENTRY_FIELD]]
            equals.setdefault(name, {})[float(book.entry_number[used[entry]])] = entry
        numbers = np.flatnonzero(~is_equal).astype(np.int32)
        texts, starts = taken(book.texts, book.text_begins, used[numbers].astype(np.int64))
        marks = rows[numbers, ENTRY_MARKS].astype(np.uint8)
        fields, field = np.unique(rows[numbers, ENTRY_FIELD], return_inverse=True)
        searched = [None if number == NO_FIELD else self.fields[number] for number in fields.tolist()]
        costs = np.full(len(used), 1e-6, np.float64)
        size = np.diff(starts)
        costs[numbers] = 0.0001 / (size * size) + np.where(size < _SHORT, _SHORT_COST, 0.0)
        return costs, Literals(numbers, texts, starts, marks, field.astype(np.int32)), searched, equals


def _within(starts: Longs, which: Longs) -> tuple[Longs, Longs]:
    """The places of all that some have, one's behind the other's, and where each one's begin (one more at last)."""
    begins = np.append(0, np.cumsum(starts[which + 1] - starts[which]))
    return np.arange(begins[-1]) + np.repeat(starts[which] - begins[:-1], np.diff(begins)), begins
