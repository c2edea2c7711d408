"""How much of one member may wait at the gateway until the inside node fetches it: nobody can fill the disk."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from pollwatch.errors import SharingError
from pollwatch.members.member import Member


class FullError(SharingError):
    """A sender's share is used up until the inside node fetches."""


@dataclass(frozen=True, slots=True)
class Share:
    """One sender's share of what waits in a table with the columns ``sender``, ``body`` and ``fetched_us``.

    Attributes:
        table: its name.
        what: what waits there, in words.
        most: how many may wait.
        most_bytes: how many bytes they may have in all.
    """

    table: str
    what: str
    most: int
    most_bytes: int

    def check_room(self, opened: sqlite3.Connection, sender: Member, size_bytes: int) -> None:
        """Accept more from a sender, or not; asked before a body is read.

        Raises:
            FullError: too much of it waits already.
        """
        count, total = opened.execute(
            f"SELECT count(*), coalesce(sum(length(body)), 0) FROM {self.table}"  # noqa: S608 - our own words
            " WHERE sender = ? AND fetched_us IS NULL",
            (sender.name,),
        ).fetchone()
        if count >= self.most or total + size_bytes > self.most_bytes:
            raise FullError(f"{count} {self.what} of {sender.name} wait; try again when they were fetched")
