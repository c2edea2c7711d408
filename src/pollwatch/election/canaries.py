"""Canaries: names that nobody should ever use, put where only an intruder finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.election.tables import Table, numbered

#: A shorter one occurs by chance.
SHORTEST: Final = 5


@dataclass(frozen=True, slots=True)
class Canary:
    """One canary.

    Attributes:
        name: for people: ``the account in the old handbook``.
        markers: how it appears in logs: an account, a path, an address, a made-up voter's number.
    """

    name: str
    markers: tuple[str, ...]


def parse_canaries(tables: Sequence[Mapping[str, object]], where: str = "pollwatch.toml") -> tuple[Canary, ...]:
    """The canaries that the ``[[canary]]`` tables describe.

    Raises:
        ConfigError: naming the table and the key.
    """
    return tuple(map(_canary, numbered(tables, f"{where}: [[canary]]")))


def _canary(table: Table) -> Canary:
    name, markers = table.text("name"), table.texts("appears_as")
    table.done()
    if not markers:
        raise table.fail("appears_as", "is missing: the account, path or number that nobody should use")
    if short := [marker for marker in markers if len(marker) < SHORTEST]:
        raise table.fail("appears_as", f"{short[0]!r} is so short that it occurs by chance; use {SHORTEST} letters")
    return Canary(name, markers)
