"""How far another member's log was read and checked, and its entries' kinds and dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pollwatch.evidence import merkle
from pollwatch.sharing import database


@dataclass(frozen=True, slots=True)
class Reached:
    """What was read of a log.

    Attributes:
        size: so many entries, from the first on.
        root: of the log at that size.
        at_us: when they were all there were; None where there were more, or nothing was read yet.
    """

    size: int = 0
    root: bytes = merkle.EMPTY_ROOT
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """One entry.

    Attributes:
        number: its index.
        kind: its type.
        at_us: the date that it states and that its owner gave it; None where it states none.
    """

    number: int
    kind: str
    at_us: int | None


class Followed:
    """What one member read of one other log."""

    def __init__(self, path: Path, origin: str) -> None:
        """Use the record file at this path; it is made when needed."""
        self._path = path
        self._origin = origin

    def reached(self) -> Reached:
        """How far it was read."""
        with database.opened(self._path, database.RECORD) as opened:
            row = opened.execute("SELECT size, root, at_us FROM followed WHERE origin = ?", (self._origin,)).fetchone()
        return Reached(*row) if row else Reached()

    def add(self, reached: Reached, entries: Sequence[Noted]) -> None:
        """Note that it was read further; what was noted of the same entries before is replaced.

        Raises:
            StoreError: the disk says no; nothing was noted.
        """
        rows = [(self._origin, each.number, each.kind, each.at_us) for each in entries]
        with database.opened(self._path, database.RECORD) as opened:
            opened.executemany("INSERT OR REPLACE INTO followed_entries VALUES (?, ?, ?, ?)", rows)
            values = (self._origin, reached.size, reached.root, reached.at_us)
            opened.execute("INSERT OR REPLACE INTO followed VALUES (?, ?, ?, ?)", values)

    def counts(self) -> dict[str, int]:
        """How many entries of each kind were read, by kind."""
        query = "SELECT kind, count(*) FROM followed_entries WHERE origin = ? GROUP BY kind ORDER BY kind"
        with database.opened(self._path, database.RECORD) as opened:
            return dict(opened.execute(query, (self._origin,)))

    def numbers(self, kind: str) -> list[int]:
        """The indices of the entries of a kind."""
        query = "SELECT number FROM followed_entries WHERE origin = ? AND kind = ? ORDER BY number"
        with database.opened(self._path, database.RECORD) as opened:
            return [int(number) for (number,) in opened.execute(query, (self._origin, kind))]

    def dated(self, kind: str, first: int = 0) -> list[Noted]:
        """The entries of a kind that state a date, from an index on."""
        query = (
            "SELECT number, kind, at_us FROM followed_entries"
            " WHERE origin = ? AND kind = ? AND number >= ? AND at_us IS NOT NULL ORDER BY number"
        )
        with database.opened(self._path, database.RECORD) as opened:
            return [Noted(*row) for row in opened.execute(query, (self._origin, kind, first))]

    def latest(self, kind: str, before: int, most: int) -> list[Noted]:
        """The last entries of a kind that state a date, before an index; oldest first."""
        query = (
            "SELECT number, kind, at_us FROM followed_entries"
            " WHERE origin = ? AND kind = ? AND number < ? AND at_us IS NOT NULL ORDER BY number DESC LIMIT ?"
        )
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute(query, (self._origin, kind, before, most)).fetchall()
        return [Noted(*row) for row in reversed(rows)]
