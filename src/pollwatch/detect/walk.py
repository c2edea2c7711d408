"""A condition asked of several rows at once, leaf by leaf, each only where it can still matter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pollwatch.detect.columns import Mask, Rows
from pollwatch.detect.sigma.plan import And, Leaf, Node, Not, Or


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
            result = np.zeros(len(rows), dtype=bool)
            for child in children:
                left = np.flatnonzero(~result)
                if not left.size:
                    break
                result[left] = fitting(child, rows[left], ask)
            return result
