"""Witnesses: literals of which a test needs at least one, so that values without any need no closer look.

A bad witness costs speed, never a detection: what has one is still asked the test itself.
"""

from __future__ import annotations

from functools import lru_cache

from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plan import Leaf, Regex, Text


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
