"""One POST inside its transaction: which objects are new, which are here already, which cannot be kept."""

from __future__ import annotations

import sqlite3
from typing import Final

from pollwatch.sharing.taxii import times
from pollwatch.sharing.taxii.grants import Shelf
from pollwatch.sharing.taxii.intake import Candidate, Failure
from pollwatch.sharing.taxii.journal import Request

#: Versions of one object in one collection.
MAX_VERSIONS: Final = 10_000


class Adding:
    """One POST, object by object, inside its transaction."""

    def __init__(
        self, database: sqlite3.Connection, shelf: Shelf, request: Request, now_us: int, max_share_bytes: int
    ) -> None:
        """Begin.

        Args:
            database: in a transaction that writes.
            shelf: the collection.
            request: who posts, and when.
            now_us: the time.
            max_share_bytes: what that member's objects may measure in all.
        """
        self._database = database
        self._shelf = shelf
        self._request = request
        (last_us,) = database.execute("SELECT last_us FROM ticks").fetchone()
        self._next_us = max(now_us, last_us + 1)
        self._first_us = self._next_us
        row = database.execute("SELECT bytes FROM shares WHERE author = ?", (request.member,)).fetchone()
        self._room = max_share_bytes - (row[0] if row else 0)
        self._grown = 0
        self.successes: list[tuple[str, str]] = []
        self.failures: list[Failure] = []
        self.added: list[tuple[str, str, bytes]] = []

    @property
    def span_us(self) -> tuple[int, int]:
        """`date_added` of the first and the last object; (0, 0) for none."""
        return (self._first_us, self._next_us - 1) if self.added else (0, 0)

    def take(self, offered: Candidate | Failure) -> None:
        """Keep an object, or note why not."""
        if isinstance(offered, Failure):
            self.failures.append(offered)
            return
        highest = self._highest(offered)
        known = self._known(offered) if highest else ""  # most of what is posted is new
        if isinstance(known, Failure):
            self.failures.append(known)
        elif known:
            self.successes.append((offered.id, known))
        elif self._grown + len(offered.body) > self._room:
            words = f"the share of {self._request.member} in this server is used up; delete something first"
            self.failures.append(Failure(offered.id, offered.version or "unknown", words))
        else:
            self._keep(offered, highest)

    def finish(self) -> None:
        """Note how far time and the member's share have come."""
        if self.added:
            self._database.execute("UPDATE ticks SET last_us = ?", (self._next_us - 1,))
            grow_share(self._database, self._request.member, self._grown)

    def _highest(self, offered: Candidate) -> tuple[int, str] | None:
        """When the latest version of this object was added, and its key; None where the object is new."""
        found: tuple[int, str] | None = self._database.execute(
            "SELECT added_us, version_key FROM objects WHERE collection = ? AND id = ?"
            " ORDER BY version_key DESC LIMIT 1",
            (self._shelf.key, offered.id),
        ).fetchone()
        return found

    def _known(self, offered: Candidate) -> str | Failure:
        """The version under which exactly this object is here already; empty where it is new; or why it cannot be."""
        names = (self._shelf.key, offered.id)
        columns = "SELECT added_us, author, version, sha256 FROM objects WHERE collection = ? AND id = ?"
        if offered.version:
            known = self._database.execute(f"{columns} AND version_key = ?", (*names, offered.version_key)).fetchone()
        else:
            known = self._database.execute(f"{columns} AND sha256 = ?", (*names, offered.sha256)).fetchone()
        if known is None:
            return ""
        added_us, author, version, digest = known
        if digest != offered.sha256:
            words = "this version is here already with other content; a changed object has a later modified"
            return Failure(offered.id, offered.version, words)
        if author != self._request.member:
            # Now it is this member's, too: whoever came first cannot take it away again.
            self._database.execute("INSERT OR IGNORE INTO others VALUES (?, ?)", (added_us, self._request.member))
        return str(version)

    def _keep(self, offered: Candidate, highest: tuple[int, str] | None) -> None:
        added_us = self._next_us
        # An object without a version of its own is known by when it came (section 3.4.1).
        version = offered.version or times.timestamp(added_us)
        version_key = offered.version_key or times.version_key(version)
        key, identifier = self._shelf.key, offered.id
        first = last = highest is None
        if highest is not None:
            count, lowest = self._database.execute(
                "SELECT count(*), min(version_key) FROM objects WHERE collection = ? AND id = ?", (key, identifier)
            ).fetchone()
            if count >= MAX_VERSIONS:
                words = f"the object has {count} versions here; no more are kept"
                self.failures.append(Failure(identifier, version, words))
                return
            first, last = version_key < lowest, version_key > highest[1]
            if last:
                self._database.execute("UPDATE objects SET last = 0 WHERE added_us = ?", (highest[0],))
            if first:
                self._database.execute(
                    "UPDATE objects SET first = 0 WHERE collection = ? AND id = ? AND version_key = ?",
                    (key, identifier, lowest),
                )
        self._database.execute(
            "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(added_us, key, identifier, offered.type, version, version_key, first, last),
                *(self._request.member, self._request.signed, offered.sha256, offered.body),
            ),
        )
        self._next_us += 1
        self._grown += len(offered.body)
        self.successes.append((identifier, version))
        self.added.append((identifier, version, offered.sha256))


def grow_share(database: sqlite3.Connection, member: str, size_bytes: int) -> None:
    """Count what a member's objects measure."""
    database.execute(
        "INSERT INTO shares VALUES (?1, ?2) ON CONFLICT (author) DO UPDATE SET bytes = max(0, bytes + ?2)",
        (member, size_bytes),
    )
