"""A condition asked of several rows at once, leaf by leaf, each only where it can still matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pollwatch.detect.columns import Mask, Rows
from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plan import And, Leaf, Node, Not, Or, Regex

#: Fewer rows are asked one expression after another.
_MANY_ROWS = 1_024
_TOGETHER = 12


def fitting(node: Node, rows: Rows, ask: Callable[[Leaf, Rows], Mask]) -> Mask:
    """Which of the rows fulfil the condition."""
    match node:
        case Leaf():
            return ask(node, rows)
        case Not(child):
            return ~fitting(child, rows, ask)
        case And(children):
            result = np.ones(len(rows), dtype=bool)
            for child in children:
                left = np.flatnonzero(result)
                if not left.size:
                    break
                result[left] = fitting(child, rows[left], ask)
            return result
        case Or(children):
            return _any(children, rows, ask)


def _any(children: Sequence[Node], rows: Rows, ask: Callable[[Leaf, Rows], Mask]) -> Mask:
    result = np.zeros(len(rows), dtype=bool)
    for guard, members in _guarded(children) if len(rows) >= _MANY_ROWS else [(None, children)]:
        candidates = np.flatnonzero(~result)
        if guard is not None and candidates.size:
            candidates = candidates[ask(guard, rows[candidates])]
        for child in members:
            left = candidates[~result[candidates]]
            if not left.size:
                break
            result[left] = fitting(child, rows[left], ask)
    return result


def _guarded(children: Sequence[Node]) -> list[tuple[Leaf | None, Sequence[Node]]]:
    """The children, regular expressions of one field in groups behind one expression that finds what any of them does.

    One pass for a dozen expressions costs about as much as one for each of them, and few texts have any.
    """
    others: list[Node] = []
    expressions: dict[str | None, list[tuple[Leaf, Regex]]] = {}
    for child in children:
        if isinstance(child, Leaf) and isinstance(child.test, Regex) and regex.linear(child.test):
            expressions.setdefault(child.field, []).append((child, child.test))
        else:
            others.append(child)
    groups: list[tuple[Leaf | None, Sequence[Node]]] = [(None, others)]
    for field, found in expressions.items():
        for at in range(0, len(found), _TOGETHER):
            part = found[at : at + _TOGETHER]
            together = regex.any_of([test for _, test in part]) if len(part) > 1 else None
            groups.append((None if together is None else Leaf(field, together), [leaf for leaf, _ in part]))
    return groups
