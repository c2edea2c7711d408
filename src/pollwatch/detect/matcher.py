"""Many rules on many events: what each rule needs is looked for first, and only rows that have it are asked.

What to look for is learned from the first batch of a logsource (``learning``). All literals that are wanted of a field
are looked for at once in the field's distinct values (``kernels.literals``); rows that hold a hit are candidates and
are asked the rest of the rule's condition (``kernels.conditions``). What a kernel cannot answer, the tests themselves
answer, as they do for the plain evaluator. Where so many more rows are candidates than was to be expected that the data
must have changed, it is learned anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pollwatch.detect.columns import Column, Columns, Mask, Rows
from pollwatch.detect.learning import SAMPLE, Learned, Lesson, equal_codes, learn, lesson_of, recalled
from pollwatch.detect.rulebook import Part, Rulebook
from pollwatch.detect.rulewriting import NO_FIELD
from pollwatch.detect.sigma.plan import Leaf, Node
from pollwatch.detect.walk import fitting
from pollwatch.events.batch import ABSENT
from pollwatch.kernels import conditions
from pollwatch.kernels.candidates import candidates, grouped, rows_of_values

#: Learn anew where so many times more rows were asked than was to be expected, and so many per row besides.
_DRIFT, _SLACK = 3, 2
#: Learn anew in a batch of so many times more rows, where they were few.
_GROWN = 4
#: Batches after which that may happen again.
_PATIENCE = 16
#: Rows after which what an earlier run learned is learned anew: of other data it may be slow, though never wrong.
_TRUSTED = 120_000
#: Bytes of verdicts kept per column: of texts whose values repeat, and of all tests that only Python can make.
_MOST_KEPT = 16 << 20
#: Candidates that are held at a time, unless one rule may have more.
_MOST_CANDIDATES = 1 << 20

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


class Matcher:
    """The rules of one logsource."""

    def __init__(self, asked: Sequence[int], book: Rulebook, lesson: Lesson | None = None) -> None:
        """Take the rules' conditions; :meth:`match` speaks of them by their places.

        Args:
            asked: the conditions, by their numbers in the book.
            book: where conditions are made ready once for all logsources.
            lesson: what was learned in an earlier run.
        """
        self._asked = np.array(asked, np.int64)
        self._rules = book.trees(asked)
        self._part = book.part(asked)
        self._book = book
        self._learned = None if lesson is None else recalled(lesson, self._part, self._asked)
        self._told = self._recalled = self._learned
        self._rows = 0
        self._wait = 0
        self._seen = _Seen()

    def match(self, columns: Columns) -> dict[int, Rows]:
        """Which rules fit which rows; rows in order."""
        learned = self._learned
        if learned is self._recalled and self._rows >= _TRUSTED and columns.length >= SAMPLE:
            learned = None
        self._rows += columns.length
        if learned is None or (learned.rows < SAMPLE and columns.length > _GROWN * learned.rows):
            learned = self._learned = learn(columns, self._part)
            self._seen = _Seen()
        fits, asked = _Batch(columns, self._part, learned, self._book).settled(self._rules)
        self._wait = max(0, self._wait - 1)
        seen = self._seen = _Seen(self._seen.rows + columns.length, self._seen.asked + asked)
        if seen.rows >= SAMPLE:
            self._seen = _Seen()
            if seen.asked > seen.rows * (_SLACK + _DRIFT * learned.expected) and not self._wait:
                self._learned, self._wait = None, _PATIENCE
        return fits

    def looked_at(self) -> tuple[Sequence[str], list[Leaf]]:
        """The fields of the rules' tests, and those tests that are not of one field alone."""
        others = self._part.own[self._part.field == NO_FIELD]
        return self._part.fields, [self._book.leaf(atom) for atom in others.tolist()]

    def lesson(self) -> Lesson | None:
        """What was learned here, to be kept; None where nothing was, or it was kept before."""
        learned, before = self._learned, self._told
        self._told = learned
        return None if learned is None or learned is before else lesson_of(learned, self._asked)


class _Seen(NamedTuple):
    """How many rows there were since it was last asked whether the data drifts, and how many candidates."""

    rows: int = 0
    asked: int = 0


class _Batch:
    """One batch under search."""

    def __init__(self, columns: Columns, part: Part, learned: Learned, book: Rulebook) -> None:
        self._columns = columns
        self._book = book
        self._part = part
        self._learned = learned
        self._places: dict[int, int] = {}
        self._slots: list[Column] = []

    def _slot(self, column: Column | None) -> int:
        """The place of a column among those of this search; -1 where there is none."""
        if column is None:
            return -1
        place = self._places.setdefault(id(column), len(self._slots))
        if place == len(self._slots):
            self._slots.append(column)
        return place

    def _bound(self, atoms: conditions.Atoms, slot_of_field: Longs) -> conditions.Atoms:
        """The atoms with their columns; what a column's kind does not allow the kernel to test becomes foreign."""
        slot = np.append(slot_of_field, conditions.NOT_ONE)[self._part.field]  # keywords are of the last, NO_FIELD
        kind = atoms.table[:, conditions.KIND]
        kind_of_slot = np.array([*map(_kind, self._slots), _NEITHER, _NEITHER])[slot]
        number = (kind >= conditions.LESS) & (kind <= conditions.UNEQUAL)
        wrong = ((kind == conditions.TEXT) & (kind_of_slot != _TEXT)) | (number & (kind_of_slot != _NUMBER))
        table = atoms.table.copy()
        table[:, conditions.COLUMN] = slot
        table[wrong, conditions.KIND] = conditions.FOREIGN
        table[:, conditions.KEPT] = self._kept(table)
        return atoms._replace(table=table)

    def _kept(self, table: Longs) -> Longs:
        """Where the verdicts of each atom are kept; -1 = they are not."""
        kind, slot = table[:, conditions.KIND], table[:, conditions.COLUMN]
        sizes = np.append(np.diff(self._first), [0, 0])
        foreign = (kind == conditions.FOREIGN) & (slot >= 0)
        text = (kind == conditions.TEXT) & (slot >= 0) & (2 * sizes <= self._columns.length)[slot]
        kept = np.zeros(len(kind), bool)
        for some in (foreign, text):
            per_slot = np.bincount(slot[kept | some], minlength=len(sizes))
            kept |= some & (sizes * per_slot <= _MOST_KEPT)[slot]
        needed = np.where(kept, sizes[slot], 0)
        return np.where(kept, np.cumsum(needed) - needed, -1)

    def _held(self, asked: set[int], atoms: conditions.Atoms) -> conditions.Cells:
        """What the rows hold, all columns together; of those that are not asked only how many values they have."""
        length = self._columns.length
        codes = np.empty((len(self._slots), length), np.int32)
        values = int(self._first[-1])
        begins, ends = np.zeros(values, np.int64), np.zeros(values, np.int64)
        odd, numbers = np.zeros(values, np.uint8), np.zeros(values, np.int64)
        buffers, at = [np.empty(0, np.uint8)], 0
        for slot, column in enumerate(self._slots):
            if slot not in asked:
                continue
            size = len(column.distinct)
            here = slice(int(self._first[slot]), int(self._first[slot]) + size)
            codes[slot] = column.codes
            codes[slot][codes[slot] == size] = -1
            kind = _kind(column)
            if kind == _TEXT:
                texts = column.texts
                begins[here], ends[here], odd[here] = texts.begins + at, texts.ends + at, texts.odd
                buffers.append(texts.buffer)
                at += len(texts.buffer)
            elif kind == _NUMBER:
                numbers[here] = column.distinct.to_numpy(zero_copy_only=False)
        kept = atoms.table[:, conditions.KEPT] >= 0
        room = int(np.diff(self._first)[atoms.table[kept, conditions.COLUMN]].sum())
        return conditions.Cells(
            codes=codes,
            first=self._first,
            texts=np.concatenate(buffers),
            begins=begins,
            ends=ends,
            odd=odd,
            signs=np.zeros((values, conditions.SIGN_WORDS), np.uint64),
            numbers=numbers,
            verdicts=np.zeros(room, np.uint8),
            wanted=np.zeros(len(atoms.table), np.uint8),
        )

    def settled(self, rules: Sequence[Node]) -> tuple[dict[int, Rows], int]:
        """Which rules fit which rows, and how many candidates were asked."""
        learned, part = self._learned, self._part
        entries, slots, codes = self._found()
        possible = self._possible(entries)
        if not possible.any():
            return {}, 0
        asked_of = np.unique(part.question_field[np.repeat(possible, np.diff(part.question_starts))])
        slot_of_field = np.full(len(part.fields), conditions.NO_COLUMN, np.int64)
        for number in asked_of[asked_of >= 0].tolist():
            slot_of_field[number] = self._slot(self._columns.column(part.fields[number]))
        self._first = np.cumsum([0, *(len(column.distinct) for column in self._slots)]).astype(np.int64)
        self._atoms = self._bound(part.atoms, slot_of_field)
        self._cells = cells = self._held({*slots.tolist(), *slot_of_field.tolist()}, self._atoms)
        wanted = np.zeros(len(self._slots), np.uint8)
        wanted[slots] = 1
        hit_starts, hit_values = grouped(entries, self._first[slots] + codes, len(part.costs))
        row_starts, rows = rows_of_values(cells.codes, cells.first, int(self._first[-1]), wanted)
        room = max(_MOST_CANDIDATES, 2 * self._columns.length)
        which, where = np.empty(room, np.int32), np.empty(room, np.int32)
        rule, asked, fits = 0, 0, dict[int, Rows]()
        while rule < len(rules):
            count, rule = candidates(
                rule,
                self._columns.length,
                learned.everywhere,
                learned.starts,
                learned.entries,
                hit_starts,
                hit_values,
                row_starts,
                rows,
                which,
                where,
            )
            asked += count
            fits |= self._settled(rules, which[:count], where[:count])
        return fits, asked

    def _settled(self, rules: Sequence[Node], which: Ints, where: Ints) -> dict[int, Rows]:
        """Which of some candidates fit."""
        chains, atoms, cells = self._part.chains, self._atoms, self._cells
        state = np.full(len(which), conditions.OPEN, np.uint8)
        conditions.settle(which, where, state, chains, atoms, cells)
        while (wanted := np.flatnonzero(cells.wanted)).size:
            cells.wanted[:] = 0
            for atom in wanted.tolist():
                self._fill(atom)
            conditions.settle(which, where, state, chains, atoms, cells)
        kept = np.flatnonzero(state != conditions.FAILING)
        return self._gathered(rules, which[kept], where[kept].astype(np.int64), state[kept])

    def _possible(self, entries: Ints) -> Mask:
        """Which rules may have candidates, given the entries that were found."""
        learned = self._learned
        hit = np.zeros(len(self._part.costs), bool)
        hit[entries] = True
        before = np.append(0, np.cumsum(hit[learned.entries]))[learned.starts]
        possible: Mask = (learned.everywhere > 0) | (np.diff(before) > 0)
        return possible

    def _found(self) -> tuple[Ints, Longs, Ints]:
        """Entries, and the columns and codes in which they were found."""
        entries, slots, codes = [np.empty(0, np.int32)], [np.empty(0, np.int64)], [np.empty(0, np.int32)]

        def add(column: Column, mine: Ints, where: Ints) -> None:
            entries.append(mine)
            slots.append(np.full(len(mine), self._slot(column), np.int64))
            codes.append(where)

        if self._learned.searched:
            pool = self._learned.pool(self._columns)
            which, where = self._learned.found(pool)
            places, found = pool.codes(where)
            for place in np.unique(places).tolist():
                mine = (places == place) & (found != ABSENT)
                add(pool.columns[place], self._learned.literals.numbers[which[mine]], found[mine])
        for field, equals in self._learned.equals.items():
            number_column = self._columns.column(field)
            if number_column is not None:
                mine, where_ = equal_codes(number_column, equals)
                add(number_column, np.array(mine, np.int32), np.array(where_, np.int32))
        return np.concatenate(entries), np.concatenate(slots), np.concatenate(codes)

    def _fill(self, atom: int) -> None:
        """Ask a test of those values of its column of which the kernel wants to know."""
        slot, kept = self._atoms.table[atom, [conditions.COLUMN, conditions.KEPT]].tolist()
        verdicts = self._cells.verdicts[kept : kept + len(self._slots[slot].distinct)]
        codes = np.flatnonzero(verdicts == conditions.ASKED).astype(np.int32)
        held = self._slots[slot].holds(self._book.leaf(int(self._part.own[atom])).test, codes)
        verdicts[codes] = np.where(held, conditions.YES, conditions.NO)

    def _gathered(self, rules: Sequence[Node], which: Ints, where: Longs, state: Bytes) -> dict[int, Rows]:
        fits: dict[int, Rows] = {}
        order = np.lexsort((where, which))
        which, where, state = which[order], where[order], state[order]
        bounds = np.flatnonzero(np.diff(which, prepend=-1, append=-1))
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            rule, rows, states = int(which[begin]), where[begin:end], state[begin:end]
            fit = states == conditions.FITTING
            still_open = np.flatnonzero(states == conditions.OPEN)
            if still_open.size:
                fit[still_open] = fitting(rules[rule], rows[still_open], self._ask)
            if fit.any():
                fits[rule] = rows[fit]
        return fits

    def _ask(self, leaf: Leaf, rows: Rows) -> Mask:
        return self._columns.test(leaf.field, leaf.test, rows)


_NEITHER, _TEXT, _NUMBER = 0, 1, 2


def _kind(column: Column) -> int:
    return _TEXT if column.is_text else _NUMBER if column.is_integer else _NEITHER
