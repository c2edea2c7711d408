"""Witnesses: literals of which a rule needs at least one, so that events without any need no closer look.

AND takes its best child, OR the union of its children, NOT none. A bad witness costs speed, never a detection.
"""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plan import And, Leaf, Node, Not, Or, Regex, Test, Text

#: Shorter literals hit so many rows that scanning for them gains nothing.
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Witness:
    """``(field, lower-case ASCII literal)`` pairs; a matching event has one of them. Field None: any text column."""

    pairs: frozenset[tuple[str | None, str]]

    @property
    def worth(self) -> tuple[int, int]:
        """Longer literals first, then fewer."""
        return min(len(literal) for _, literal in self.pairs), -len(self.pairs)


def witness(node: Node) -> Witness | None:
    """The best witness of a condition, or None where it has none."""
    match node:
        case Leaf(field, test):
            literals = _literals(test)
            if not literals or min(map(len, literals)) < SHORTEST:
                return None
            return Witness(frozenset((field, literal) for literal in literals))
        case And(children):
            found = [each for each in map(witness, children) if each]
            return max(found, key=lambda each: each.worth, default=None)
        case Or(children):
            parts = [witness(child) for child in children]
            if not all(parts):
                return None
            return Witness(frozenset[tuple[str | None, str]]().union(*(part.pairs for part in parts if part)))
        case Not():
            return None


def _literals(test: Test) -> frozenset[str] | None:
    match test:
        case Text(parts):
            runs = [run for part in parts if isinstance(part, str) for run in _ascii_runs(part.lower())]
            return frozenset({max(runs, key=len)}) if runs else None
        case Regex():
            return regex.necessary(test)
        case _:
            return None


def _ascii_runs(text: str) -> list[str]:
    return "".join(char if char.isascii() else "\n" for char in text).split("\n")
