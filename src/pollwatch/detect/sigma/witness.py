"""Witnesses: what must stand in a row that fulfils a condition, so that rows without it need no closer look.

A bad witness costs speed, never a detection: what has one is still asked the test itself.

:func:`literals` gives one set of literals per test, chosen by how literals look. :func:`needs` gives every set that is
known of a whole condition, of which the cheapest is taken by what a sample of the data says (``kernels.choosing``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plan import And, Compare, Leaf, Node, Not, Number, Or, Regex, Text, Wild

#: Bytes of a literal; of longer ones a part will do.
LONGEST = 48


class Needle(NamedTuple):
    """A literal, lower-case UTF-8, that stands in a field's text (None: in some), perhaps at its very start or end."""

    field: str | None
    literal: bytes
    at_start: bool = False
    at_end: bool = False


class Equal(NamedTuple):
    """A field is this number."""

    field: str
    number: float


Entry: TypeAlias = Needle | Equal
Need: TypeAlias = "tuple[Option, ...]"
"""Each option by itself is necessary."""
Option: TypeAlias = "tuple[int | Need, ...]"
"""At least one of these is there: an entry, by its number, or what is needed besides."""


@lru_cache(maxsize=65_536)
def literals(leaf: Leaf) -> frozenset[str] | None:
    """Lower-case ASCII literals, one of which stands in every text that fulfils the test; None where none are known."""
    match leaf.test:
        case Text(parts):
            runs = [run for part in parts if isinstance(part, str) for run in _ascii_runs(part.lower())]
            found = frozenset({max(runs, key=regex.rarity)}) if runs else None
        case Regex():
            found = regex.necessary(leaf.test)
        case _:
            found = None
    if not found or min(map(regex.rarity, found)) < regex.USEFUL:
        return None
    return found


def _ascii_runs(text: str) -> list[str]:
    return [run for run in "".join(char if char.isascii() else "\n" for char in text).split("\n") if run]


def joined(parts: Sequence[str | Wild]) -> tuple[str | Wild, ...]:
    """A pattern with literals that follow one another made one, and empty ones left out."""
    result: list[str | Wild] = []
    for part in parts:
        if isinstance(part, str) and result and isinstance(result[-1], str):
            result[-1] += part
        elif part != "":
            result.append(part)
    return tuple(result)


def needs(node: Node, number_of: Callable[[Entry], int]) -> Need | None:
    """All that is known to be needed for a condition; None where that is nothing.

    Args:
        node: the condition.
        number_of: gives each entry its number.
    """
    match node:
        case Leaf():
            found = [tuple(map(number_of, entries)) for entries in _entries(node)]
            return tuple(found) or None
        case Not():
            return None
        case And(children):
            known = [need for need in (needs(child, number_of) for child in children) if need is not None]
            return tuple(option for need in known for option in need) or None
        case Or(children):
            alternatives = [needs(child, number_of) for child in children]
            flat: list[int | Need] = []
            for need in alternatives:
                if need is None:
                    return None
                flat += need[0] if len(need) == 1 else [need]
            return (tuple(flat),)


def _entries(leaf: Leaf) -> list[list[Entry]]:
    match leaf:
        case Leaf(field, Text(parts, cased)):
            return [[needle] for needle in (_cased if cased else _uncased)(field, joined(parts))]
        case Leaf(field, Regex() as test):
            sets = [[literal.encode()[:LONGEST] for literal in sorted(found)] for found in regex.alternatives(test)]
            return [[Needle(field, literal) for literal in found] for found in sets]
        case Leaf(str() as field, Number(Compare.EQ, number)):
            return [[Equal(field, number)]]
        case _:
            return []


def _uncased(field: str | None, parts: tuple[str | Wild, ...]) -> list[Needle]:
    found: list[Needle] = []
    for at, part in enumerate(parts):
        if isinstance(part, str):
            literal = part.lower().encode(errors="surrogatepass")
            starts, ends = at == 0, at == len(parts) - 1
            if len(literal) > LONGEST:
                keep_end = ends and not starts
                literal = literal[-LONGEST:] if keep_end else literal[:LONGEST]
                ends = keep_end
            found.append(Needle(field, literal, starts, ends))
    return found


def _cased(field: str | None, parts: tuple[str | Wild, ...]) -> list[Needle]:
    """Only ASCII: how other letters are lower-cased may depend on what stands beside them."""
    runs = [run for part in parts if isinstance(part, str) for run in _ascii_runs(part.lower())]
    return [Needle(field, run.encode()[:LONGEST]) for run in runs]
