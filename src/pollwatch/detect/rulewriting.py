"""Conditions written as arrays, all rules' at once, so that they can be kept (``kept``).

Every different (field, test) in all rules is one *atom*, and a condition a chain of questions about atoms
(``kernels.conditions``), the cheap ones first. Every different thing that conditions may need (``sigma.witness``) is
one *entry*, and what a condition needs a tree of entries (``kernels.choosing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.detect.described import CHEAP, FOREIGN_COST, described
from pollwatch.detect.sigma.plan import And, Leaf, Node, Not, Or, Regex, SameAs, Text
from pollwatch.detect.sigma.values import holds
from pollwatch.detect.sigma.witness import Entry, Equal, Need, needs
from pollwatch.kernels import conditions
from pollwatch.kernels.choosing import ENTRY, LEAST, SUM
from pollwatch.kernels.literals import AT_END, AT_START

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Ordered: TypeAlias = "tuple[float, int | tuple[type[And | Or | Not], tuple[Ordered, ...]]]"
"""A condition with what is cheap first: its cost, and an atom, or how it is made of others."""

#: In place of a field's number: the atom is of no one column, or of the whole row; the entry is of any text column.
NO_FIELD = -1
#: What :class:`Written` says of each atom.
KIND, ABSENT, MARKS, FIELD = range(4)
#: What :class:`Written` says of each entry, besides.
ENTRY_FIELD, ENTRY_MARKS, IS_EQUAL = range(3)
#: Fields whose texts are long and differ from event to event, by parts of their names: to ask them costs more.
_VARIED_NAMES = ("commandline", "script", "message", "payload", "uri", "query", "refer", "details", "data")
_VARIED = 8.0


class Written(NamedTuple):
    """Conditions as arrays. Of what begins somewhere, one more beginning at last.

    Attributes:
        first: per condition its first question, as its questions count from 0; or how it ends without one.
        question_starts: per condition where its questions begin.
        questions: of all conditions: atom, and where to go on from a yes and a no.
        need_starts: per condition where the nodes of what it needs begin; none where nothing is known.
        needs: the nodes: kind, and entry or number of children.
        atoms: per atom its kind, its verdict where the row has no value, its marks and its field.
        number: per atom the number that it compares with.
        origin: per atom a condition that it is in, and which of that condition's leaves it is.
        part_starts: per atom its first literal.
        parts, part_begins: these literals' bytes, and where each begins.
        entries: per entry its field, its marks, and 1 where it is a number that a field equals.
        entry_number: per entry that number.
        texts, text_begins: per entry its literal's bytes, and where they begin.
    """

    first: Ints
    question_starts: Longs
    questions: Ints
    need_starts: Longs
    needs: Ints
    atoms: Longs
    number: Floats
    origin: Ints
    part_starts: Longs
    parts: Bytes
    part_begins: Longs
    entries: Ints
    entry_number: Floats
    texts: Bytes
    text_begins: Longs


def written(nodes: Sequence[Node]) -> tuple[Written, tuple[str, ...]]:
    """Some conditions, and the names of the fields by their numbers."""
    writer = _Writer()
    for node in nodes:
        writer.add(node)
    return writer.written()


class _Writer:
    """Lists that grow, condition by condition."""

    def __init__(self) -> None:
        """Start with none."""
        self._fields: dict[str, int] = {}
        self._atoms: dict[Leaf, int] = {}
        self._costs: list[float] = []
        self._rows: list[tuple[int, int, int, int]] = []
        self._number: list[float] = []
        self._origin: list[tuple[int, int]] = []
        self._part_starts = [0]
        self._literals: list[bytes] = []
        self._entries: dict[Entry, int] = {}
        self._first: list[int] = []
        self._questions: list[tuple[int, int, int]] = []
        self._question_starts = [0]
        self._needs: list[tuple[int, int]] = []
        self._need_starts = [0]
        self._leaf = 0

    def add(self, node: Node) -> None:
        """Write one condition."""
        self._leaf = 0
        own: list[tuple[int, int, int]] = []
        self._first.append(_write(self._ordered(node), conditions.FITS, conditions.FAILS, own))
        self._questions += own
        need = needs(node, lambda entry: self._entries.setdefault(entry, len(self._entries)))
        if need is not None:
            flatten(need, self._needs)
        self._question_starts.append(len(self._questions))
        self._need_starts.append(len(self._needs))

    def written(self) -> tuple[Written, tuple[str, ...]]:
        """All of them."""
        entries, numbers, texts = [], [], []
        for entry in self._entries:
            if isinstance(entry, Equal):
                entries.append((self._field(entry.field), 0, 1))
                numbers.append(entry.number)
                texts.append(b"")
            else:
                marks = AT_START * entry.at_start | AT_END * entry.at_end
                entries.append((NO_FIELD if entry.field is None else self._field(entry.field), marks, 0))
                numbers.append(0.0)
                texts.append(entry.literal)
        parts, part_begins = _laid(self._literals)
        laid, text_begins = _laid(texts)
        result = Written(
            first=np.array(self._first, np.int32),
            question_starts=np.array(self._question_starts, np.int64),
            questions=np.array(self._questions, np.int32).reshape(-1, 3),
            need_starts=np.array(self._need_starts, np.int64),
            needs=np.array(self._needs, np.int32).reshape(-1, 2),
            atoms=np.array(self._rows, np.int64).reshape(-1, 4),
            number=np.array(self._number, np.float64),
            origin=np.array(self._origin, np.int32).reshape(-1, 2),
            part_starts=np.array(self._part_starts, np.int64),
            parts=parts,
            part_begins=part_begins,
            entries=np.array(entries, np.int32).reshape(-1, 3),
            entry_number=np.array(numbers, np.float64),
            texts=laid,
            text_begins=text_begins,
        )
        return result, tuple(self._fields)

    def _field(self, name: str) -> int:
        return self._fields.setdefault(name, len(self._fields))

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
            known = self._atoms[leaf] = len(self._rows)
            self._origin.append((len(self._first), self._leaf))
            self._add_atom(leaf)
        self._leaf += 1
        return known

    def _add_atom(self, leaf: Leaf) -> None:
        field, test = leaf.field, leaf.test
        own = field is not None and not isinstance(test, SameAs)
        kind, marks, number, literals = described(test)
        kind = kind if own else conditions.FOREIGN
        # Nothing is in no text; asking would make each test ready for texts.
        absent = own and not isinstance(test, Text | Regex) and holds(test, [None])[0]
        place = self._field(field) if field is not None and own else NO_FIELD
        self._rows.append((kind, conditions.YES if absent else conditions.NO, marks, place))
        self._number.append(number)
        self._literals += literals
        self._part_starts.append(len(self._literals))
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
    return np.frombuffer(b"".join(texts), np.uint8).copy(), np.cumsum([0, *map(len, texts)]).astype(np.int64)


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
