"""Conditions as chains of questions, the form that ``kernels.conditions`` asks at once of many rows.

Every different (field, test) in all rules is one atom. What an atom is of its own is laid down here once; to which
column of a batch it belongs, and whether it can be tested there, is said per batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pollwatch.detect.sigma.plan import (
    And,
    Compare,
    Exists,
    Leaf,
    Node,
    Not,
    Null,
    Number,
    Or,
    SameAs,
    Test,
    Text,
    Wild,
)
from pollwatch.detect.sigma.values import holds
from pollwatch.detect.sigma.witness import joined
from pollwatch.kernels import conditions
from pollwatch.kernels.literals import AT_END, AT_START

_COMPARE = {
    Compare.LT: conditions.LESS,
    Compare.LTE: conditions.LESS_EQUAL,
    Compare.GT: conditions.MORE,
    Compare.GTE: conditions.MORE_EQUAL,
    Compare.EQ: conditions.EQUAL,
    Compare.NEQ: conditions.UNEQUAL,
}
#: Beyond this, floating-point numbers do not hold every integer.
_EXACT = 1 << 53
_HOLE = bytes([conditions.ANY])
#: In place of a field's number: the atom is of no one column, or of the whole row.
NO_FIELD = -2


class Questions:
    """The atoms of some rules.

    Attributes:
        tests: per atom.
        fields: the fields' names.
    """

    def __init__(self, rules: Sequence[Node]) -> None:
        """Take the atoms of some conditions."""
        self.tests: list[Test] = []
        self.fields: list[str] = []
        self._field: list[int] = []
        self._field_numbers: dict[str, int] = {}
        self._numbers: dict[Leaf, int] = {}
        self._kinds: list[int] = []
        self._marks: list[int] = []
        self._absent: list[int] = []
        self._number: list[float] = []
        self._parts: list[int] = [0]
        self._literals: list[bytes] = []
        for rule in rules:
            self._take(rule)

    def _take(self, node: Node) -> None:
        match node:
            case Leaf():
                self.number(node)
            case Not(child):
                self._take(child)
            case And(children) | Or(children):
                for child in children:
                    self._take(child)

    def number(self, leaf: Leaf) -> int:
        """A leaf's atom."""
        known = self._numbers.get(leaf)
        if known is None:
            known = self._numbers[leaf] = len(self.tests)
            self._add(leaf)
        return known

    def field_number(self, field: str) -> int:
        """A field's number."""
        known = self._field_numbers.setdefault(field, len(self.fields))
        if known == len(self.fields):
            self.fields.append(field)
        return known

    def _add(self, leaf: Leaf) -> None:
        field, test = leaf.field, leaf.test
        self.tests.append(test)
        own = field is not None and not isinstance(test, SameAs)
        self._field.append(self.field_number(field) if field is not None and own else NO_FIELD)
        kind, marks, number, literals = _described(test)
        self._kinds.append(kind if own else conditions.FOREIGN)
        self._marks.append(marks)
        self._number.append(number)
        self._literals += literals
        self._parts.append(len(self._literals))
        self._absent.append(conditions.YES if own and holds(test, [None])[0] else conditions.NO)

    def atoms(self) -> conditions.Atoms:
        """The atoms, all of :data:`NO_COLUMN` as long as there is no batch, and none with verdicts kept."""
        table = np.empty((len(self.tests), 7), np.int64)
        table[:, conditions.KIND] = self._kinds
        table[:, conditions.COLUMN] = conditions.NO_COLUMN
        table[:, conditions.ABSENT] = self._absent
        table[:, conditions.MARKS] = self._marks
        table[:, conditions.PART] = self._parts[:-1]
        table[:, conditions.PART_END] = self._parts[1:]
        table[:, conditions.KEPT] = -1
        literals = np.frombuffer(b"".join(self._literals), np.uint8)
        starts = np.cumsum([0, *map(len, self._literals)]).astype(np.int64)
        number = np.array(self._number, np.float64)
        return conditions.Atoms(table, number, literals, starts, conditions.signed(literals, starts))

    def field(self) -> npt.NDArray[np.int32]:
        """Per atom its field's number in ``fields``; :data:`NO_FIELD` for keywords and references to fields."""
        return np.array(self._field, np.int32)

    def chains(self, nodes: Sequence[Node], cost: Callable[[int], float]) -> conditions.Chains:
        """Conditions as chains that ask the cheap atoms first.

        Args:
            nodes: the conditions.
            cost: of an atom.
        """
        writer = _Writer(self, cost)
        first = [writer.write(writer.ordered(node)[1], conditions.FITS, conditions.FAILS) for node in nodes]
        return conditions.Chains(np.array(first, np.int32), np.array(writer.questions, np.int32).reshape(-1, 3))


def _described(test: Test) -> tuple[int, int, float, list[bytes]]:
    """Kind, marks, number and literals of a test."""
    match test:
        case Null():
            return conditions.CONSTANT, 0, 0.0, []
        case Exists(wanted):
            return conditions.CONSTANT, 0, float(wanted), []
        case Number(op, number) if abs(number) <= _EXACT:
            return _COMPARE[op], 0, float(number), []
        case Text(parts, cased):
            return _text(joined(parts), cased=cased)
        case _:
            return conditions.FOREIGN, 0, 0.0, []


def _text(parts: tuple[str | Wild, ...], *, cased: bool) -> tuple[int, int, float, list[bytes]]:
    marks = conditions.CASED if cased else 0
    marks |= 0 if parts[:1] == (Wild.MANY,) else AT_START
    marks |= 0 if parts[-1:] == (Wild.MANY,) else AT_END
    marks |= conditions.HOLES if Wild.ONE in parts else 0
    literals: list[bytes] = []
    apart = True
    for part in parts:
        if part is Wild.MANY:
            apart = True
            continue
        piece = _HOLE if isinstance(part, Wild) else (part if cased else part.lower()).encode(errors="surrogatepass")
        if apart:
            literals.append(piece)
        else:
            literals[-1] += piece
        apart = False
    return conditions.TEXT, marks, 0.0, literals


class _Writer:
    """Conditions on their way into chains."""

    def __init__(self, questions: Questions, cost: Callable[[int], float]) -> None:
        self._questions = questions
        self._cost = cost
        self.questions: list[tuple[int, int, int]] = []

    def ordered(self, node: Node) -> tuple[float, Node]:
        """The same condition with what is cheap first, and its cost."""
        match node:
            case Leaf():
                return self._cost(self._questions.number(node)), node
            case Not(child):
                cost, inner = self.ordered(child)
                return cost, Not(inner)
            case And(children) | Or(children):
                sorted_ = sorted(map(self.ordered, children), key=lambda pair: pair[0])
                kind = And if isinstance(node, And) else Or
                return sum(cost for cost, _ in sorted_), kind(tuple(inner for _, inner in sorted_))

    def write(self, node: Node, yes: int, no: int) -> int:
        """Write a condition; its first question, given where to go on from it."""
        match node:
            case Leaf():
                self.questions.append((self._questions.number(node), yes, no))
                return len(self.questions) - 1
            case Not(child):
                return self.write(child, no, yes)
            case And(children):
                for child in reversed(children):
                    yes = self.write(child, yes, no)
                return yes
            case Or(children):
                for child in reversed(children):
                    no = self.write(child, yes, no)
                return no
