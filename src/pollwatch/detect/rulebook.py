"""Conditions as arrays, the form that kernels take: each made once, however many logsources its rule is for.

Every different (field, test) in all rules is one *atom*, and a condition a chain of questions about atoms
(``kernels.conditions``), the cheap ones first. Every different thing that conditions may need (``sigma.witness``) is
one *entry*, and what a condition needs a tree of entries (``kernels.choosing``). To which column of a batch an atom
belongs, and whether it can be tested there, is said per batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.detect.described import CHEAP, FOREIGN_COST, described
from pollwatch.detect.sigma.plan import And, Leaf, Node, Not, Or, Regex, SameAs, Test, Text
from pollwatch.detect.sigma.values import holds
from pollwatch.detect.sigma.witness import Entry, Equal, Need, Needle, needs
from pollwatch.kernels import conditions
from pollwatch.kernels.choosing import ENTRY, LEAST, SUM, taken
from pollwatch.kernels.literals import AT_END, AT_START

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Ordered: TypeAlias = "tuple[float, int | tuple[type[And | Or | Not], tuple[Ordered, ...]]]"
"""A condition with what is cheap first: its cost, and an atom, or how it is made of others."""

#: In place of a field's number: the atom is of no one column, or of the whole row; the entry is of any text column.
NO_FIELD = -1
#: The entry of a literal of fewer bytes costs a second look at every byte.
_SHORT, _SHORT_COST = 4, 0.0001
#: Fields whose texts are long and differ from event to event, by parts of their names: to ask them costs more.
_VARIED_NAMES = ("commandline", "script", "message", "payload", "uri", "query", "refer", "details", "data")
_VARIED = 8.0


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
        tests: per atom.
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
    """

    tests: Sequence[Test]
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


@dataclass(frozen=True, slots=True)
class _Condition:
    """One condition: kept with its node, whose identity is its key; its questions count from 0."""

    node: Node
    first: int
    questions: Ints
    needs: Ints


class Rulebook:
    """All conditions that were asked for so far."""

    def __init__(self) -> None:
        """Start with none."""
        self._conditions: dict[int, _Condition] = {}
        self._fields: dict[str, int] = {}
        self._atoms: dict[Leaf, int] = {}
        self._tests: list[Test] = []
        self._costs: list[float] = []
        self._rows: list[tuple[int, int, int, int, int]] = []  # kind, absent, marks, first part, field
        self._number: list[float] = []
        self._literals: list[bytes] = []
        self._entries: dict[Entry, int] = {}

    def part(self, nodes: Sequence[Node]) -> Part:
        """Some conditions."""
        found = [self._condition(node) for node in nodes]
        sizes = [len(each.questions) for each in found]
        begins = np.cumsum([0, *sizes]).astype(np.int32)
        offsets = begins[:-1]
        questions = np.concatenate([np.empty((0, 3), np.int32), *(each.questions for each in found)])
        moved = np.repeat(offsets, sizes).astype(np.int32)
        for way in (conditions.ON_YES, conditions.ON_NO):
            questions[:, way] += np.where(questions[:, way] >= 0, moved, 0)
        used, questions[:, conditions.ATOM] = np.unique(questions[:, conditions.ATOM], return_inverse=True)
        firsts = np.array([each.first for each in found], np.int64)
        first = np.where(firsts >= 0, firsts + offsets, firsts).astype(np.int32)
        trees = np.concatenate([np.empty((0, 2), np.int32), *(each.needs for each in found)])
        is_entry = trees[:, 0] == ENTRY
        entries, trees[is_entry, 1] = np.unique(trees[is_entry, 1], return_inverse=True)
        starts = np.cumsum([0, *(len(each.needs) for each in found)]).astype(np.int32)
        fields, field, atoms = self._some_atoms(used)
        costs, literals, searched, equals = self._some_entries(entries)
        return Part(
            [self._tests[atom] for atom in used.tolist()],
            fields,
            field,
            atoms,
            conditions.Chains(first, questions),
            begins,
            field[questions[:, conditions.ATOM]],
            trees,
            starts,
            costs,
            literals,
            searched,
            equals,
        )

    def _some_atoms(self, used: Ints) -> tuple[list[str], Ints, conditions.Atoms]:
        rows = np.array([self._rows[atom] for atom in used.tolist()], np.int64).reshape(-1, 5)
        ends = np.array([self._part_end(atom) for atom in used.tolist()], np.int64)
        counts = ends - rows[:, 3]
        texts = [self._literals[at] for begin, end in zip(rows[:, 3], ends, strict=True) for at in range(begin, end)]
        table = np.full((len(used), 7), -1, np.int64)
        table[:, conditions.COLUMN] = conditions.NO_COLUMN
        table[:, [conditions.KIND, conditions.ABSENT, conditions.MARKS]] = rows[:, :3]
        table[:, conditions.PART_END] = np.cumsum(counts)
        table[:, conditions.PART] = table[:, conditions.PART_END] - counts
        own = rows[:, 4] >= 0
        numbers, places = np.unique(rows[own, 4], return_inverse=True)
        field = np.full(len(used), NO_FIELD, np.int32)
        field[own] = places
        names = list(self._fields)
        literals, starts = _laid(texts)
        number = np.array([self._number[atom] for atom in used.tolist()], np.float64)
        atoms = conditions.Atoms(table, number, literals, starts, conditions.signed(literals, starts))
        return [names[at] for at in numbers.tolist()], field, atoms

    def _part_end(self, atom: int) -> int:
        return self._rows[atom + 1][3] if atom + 1 < len(self._rows) else len(self._literals)

    def _some_entries(self, used: Ints) -> tuple[Floats, Literals, Sequence[str | None], dict[str, dict[float, int]]]:
        every = list(self._entries)
        needles: list[tuple[int, Needle]] = []
        equals: dict[str, dict[float, int]] = {}
        for number, at in enumerate(used.tolist()):
            entry = every[at]
            if isinstance(entry, Equal):
                equals.setdefault(entry.field, {})[entry.number] = number
            else:
                needles.append((number, entry))
        searched = {name: place for place, name in enumerate(dict.fromkeys(entry.field for _, entry in needles))}
        texts, starts = _laid([entry.literal for _, entry in needles])
        marks = np.array([AT_START * entry.at_start | AT_END * entry.at_end for _, entry in needles], np.uint8)
        numbers = np.array([number for number, _ in needles], np.int32)
        costs = np.full(len(used), 1e-6, np.float64)
        size = np.diff(starts)
        costs[numbers] = 0.0001 / (size * size) + np.where(size < _SHORT, _SHORT_COST, 0.0)
        field = np.array([searched[entry.field] for _, entry in needles], np.int32)
        return costs, Literals(numbers, texts, starts, marks, field), list(searched), equals

    def _condition(self, node: Node) -> _Condition:
        known = self._conditions.get(id(node))
        if known is None:
            written: list[tuple[int, int, int]] = []
            first = _write(self._ordered(node), conditions.FITS, conditions.FAILS, written)
            trees: list[tuple[int, int]] = []
            need = needs(node, lambda entry: self._entries.setdefault(entry, len(self._entries)))
            if need is not None:
                flatten(need, trees)
            known = self._conditions[id(node)] = _Condition(
                node,
                first,
                np.array(written, np.int32).reshape(-1, 3),
                np.array(trees, np.int32).reshape(-1, 2),
            )
        return known

    def _ordered(self, node: Node) -> Ordered:
        match node:
            case Leaf():
                atom = self._atom(node)
                return self._costs[atom], atom
            case Not(child):
                inner = self._ordered(child)
                return inner[0], (Not, (inner,))
            case And(children) | Or(children):
                sorted_ = tuple(sorted(map(self._ordered, children), key=lambda pair: pair[0]))
                return sum(cost for cost, _ in sorted_), (And if isinstance(node, And) else Or, sorted_)

    def _atom(self, leaf: Leaf) -> int:
        known = self._atoms.get(leaf)
        if known is None:
            known = self._atoms[leaf] = len(self._tests)
            self._add(leaf)
        return known

    def _add(self, leaf: Leaf) -> None:
        field, test = leaf.field, leaf.test
        own = field is not None and not isinstance(test, SameAs)
        kind, marks, number, literals = described(test)
        kind = kind if own else conditions.FOREIGN
        # Nothing is in no text; asking would make each test ready for texts.
        absent = own and not isinstance(test, Text | Regex) and holds(test, [None])[0]
        place = self._fields.setdefault(field, len(self._fields)) if field is not None and own else NO_FIELD
        self._tests.append(test)
        self._rows.append((kind, conditions.YES if absent else conditions.NO, marks, len(self._literals), place))
        self._number.append(number)
        self._literals += literals
        if kind == conditions.FOREIGN:
            self._costs.append(FOREIGN_COST)
        elif kind == conditions.TEXT:
            self._costs.append((1 + len(literals)) * (_VARIED if _is_varied(field) else 1.0))
        else:
            self._costs.append(CHEAP)


@lru_cache(maxsize=4_096)
def _is_varied(field: str | None) -> bool:
    return field is not None and any(part in field.lower() for part in _VARIED_NAMES)


def _laid(texts: Sequence[bytes]) -> tuple[Bytes, Longs]:
    """Texts one behind the other, and where each begins (one more at last)."""
    return np.frombuffer(b"".join(texts), np.uint8), np.cumsum([0, *map(len, texts)]).astype(np.int64)


def _write(condition: Ordered, yes: int, no: int, written: list[tuple[int, int, int]]) -> int:
    """Write a condition; its first question, given where to go on from it."""
    inner = condition[1]
    if isinstance(inner, int):
        written.append((inner, yes, no))
        return len(written) - 1
    kind, children = inner
    if kind is Not:
        return _write(children[0], no, yes, written)
    for child in reversed(children):
        if kind is And:
            yes = _write(child, yes, no, written)
        else:
            no = _write(child, yes, no, written)
    return yes if kind is And else no


def flatten(need: Need, trees: list[tuple[int, int]]) -> None:
    """Write what is needed as a tree, children before their parents."""
    for option in need:
        for each in option:
            if isinstance(each, int):
                trees.append((ENTRY, each))
            else:
                flatten(each, trees)
        if len(option) != 1:
            trees.append((SUM, len(option)))
    if len(need) != 1:
        trees.append((LEAST, len(need)))
