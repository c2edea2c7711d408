"""The objects of all collections, their versions, and what became of each request.

``date_added`` is strictly increasing and unique over the whole store: one writer at a time takes the clock's time or,
where the clock stands or goes back, the next microsecond. What a reader has passed therefore stays passed: whatever
is added later lies behind it, and paging neither misses nor doubles an object.

One transaction carries a request as a whole: objects, status and signed note. Stop anywhere, and all of it or nothing
is there. Bodies are the canonical bytes that were checked; a page is spliced from them without being written anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError, StoreError
from pollwatch.evidence.keys import Signer
from pollwatch.members.marking import Tlp
from pollwatch.sharing.taxii import journal, resources, selecting
from pollwatch.sharing.taxii.adding import Adding, grow_share
from pollwatch.sharing.taxii.grants import Shelf, Terms
from pollwatch.sharing.taxii.intake import Candidate, Failure
from pollwatch.sharing.taxii.journal import Event, Request
from pollwatch.sharing.taxii.query import Query
from pollwatch.sharing.taxii.schema import Database

#: A page's objects measure at most this; the first is always given.
MAX_PAGE_BYTES: Final = 16 << 20
#: What one member's objects may measure in all.
MAX_SHARE_BYTES: Final = 4 << 30
#: How long a status can be asked for; section 4.3 wants 24 hours.
STATUS_US: Final = 7 * 24 * 3600 * 1_000_000

_SHELF: Final = "key, id, alias, title, description, election, tlp, readers, writers"


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one version of an object; ``body`` is empty where it was not asked for."""

    added_us: int
    id: str
    version: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of `date_added`, and whether there are more."""

    rows: tuple[Row, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """An object in the store, with whose it is.

    Attributes:
        author: name of the member on whose behalf it was posted.
        signed: whether that member's node signed the request; where not, it never counts in statements.
        collection: id of its collection.
        body: canonical JSON.
    """

    author: str
    signed: bool
    collection: str
    body: bytes


class Store:
    """The store of one server. Safe to use from several threads and processes."""

    def __init__(self, path: Path, clock: Clock, signer: Signer, *, max_share_bytes: int = MAX_SHARE_BYTES) -> None:
        """Open the store at this path; it is made when needed.

        Args:
            path: SQLite file.
            clock: for `date_added`.
            signer: key of receipts and tombstones.
            max_share_bytes: what one member's objects may measure in all.

        Raises:
            StoreError: it cannot be opened.
        """
        self._database = Database(path)
        self._clock = clock
        self._signer = signer
        self._max_share_bytes = max_share_bytes

    def close(self) -> None:
        """Close what is open."""
        self._database.close()

    def make_collection(self, terms: Terms) -> Shelf:
        """A collection on these terms; one that is there already stays.

        Raises:
            StoreError: its alias is another collection's.
        """
        row = (
            *(terms.id, terms.alias or None, terms.title, terms.description, terms.election, terms.tlp.word),
            *(canonical.dumps(list(each)).decode("utf-8") for each in (terms.readers, terms.writers)),
        )
        with self._database.writing() as database:
            try:
                database.execute(
                    "INSERT INTO collections (id, alias, title, description, election, tlp, readers, writers)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                    row,
                )
            except sqlite3.IntegrityError:
                raise StoreError(f"another collection has the alias {terms.alias!r}; choose another") from None
        found = self.collection(terms.id)
        if found is None:
            raise StoreError(f"the collection {terms.title!r} could not be made")
        return found

    def collections(self) -> tuple[Shelf, ...]:
        """All collections, in the order in which they were made (section 3.3)."""
        with self._database.reading() as database:
            rows = database.execute(f"SELECT {_SHELF} FROM collections ORDER BY key").fetchall()  # noqa: S608 - our own words
        return tuple(map(_shelf, rows))

    def collection(self, name: str) -> Shelf | None:
        """The collection of this id or alias."""
        with self._database.reading() as database:
            row = database.execute(
                f"SELECT {_SHELF} FROM collections WHERE id = ? OR alias = ?",  # noqa: S608 - our own words
                (name, name),
            ).fetchone()
        return None if row is None else _shelf(row)

    def count(self, shelf: Shelf) -> int:
        """How many versions of objects are in a collection."""
        with self._database.reading() as database:
            (count,) = database.execute("SELECT count(*) FROM objects WHERE collection = ?", (shelf.key,)).fetchone()
        return int(count)

    def page(self, shelf: Shelf, query: Query, object_id: str = "", *, bodies: bool = True) -> Page:
        """A page of a collection.

        Args:
            shelf: the collection.
            query: what is wanted.
            object_id: the one object that is asked for; empty = any.
            bodies: whether the objects themselves are read, or only what is known of them.
        """
        if not query.filter.possible:
            return Page((), more=False)
        columns = f"objects.id, objects.version, {'objects.body' if bodies else 'x' + repr('')}"
        statement, values = selecting.selection(shelf.key, query, columns, object_id)
        rows: list[Row] = []
        size = 0
        with self._database.reading() as database:
            for added_us, identifier, version, body in database.execute(statement, values):
                size += len(body)
                if rows and (len(rows) == query.limit or size > MAX_PAGE_BYTES):
                    return Page(tuple(rows), more=True)
                rows.append(Row(added_us, identifier, version, body))
        return Page(tuple(rows), more=False)

    def holds(self, shelf: Shelf, object_id: str) -> bool:
        """Whether any version of an object is in a collection."""
        with self._database.reading() as database:
            return _exists(database, "objects", shelf.key, object_id, ())

    def buried(self, shelf: Shelf, object_id: str, versions: tuple[str, ...]) -> bool:
        """Whether one of these versions was deleted from a collection; versions as in :class:`Filter`."""
        with self._database.reading() as database:
            return _exists(database, "tombstones", shelf.key, object_id, versions)

    def status(self, identifier: str, member: str) -> bytes | None:
        """The status resource of a member's request, as JSON; None where there is none, or it is another's."""
        with self._database.reading() as database:
            row = database.execute(
                "SELECT body FROM statuses WHERE id = ? AND member = ?", (identifier, member)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def add(self, shelf: Shelf, request: Request, offered: Sequence[Candidate | Failure]) -> bytes:
        """Keep what was posted.

        Args:
            shelf: the collection.
            request: who posts, and when.
            offered: what was posted, in order; what could not be taken already says why.

        Returns:
            The status resource as JSON.

        Raises:
            StoreError: it cannot be written; then nothing is kept.
        """
        with self._database.writing() as database:
            adding = Adding(database, shelf, request, self._clock.now_us(), self._max_share_bytes)
            for each in offered:
                adding.take(each)
            adding.finish()
            note = journal.note(journal.ADDED, request, adding.added, self._signer)
            self._record(database, journal.ADDED, request, adding.span_us, note)
            status = resources.status(request, adding.successes, adding.failures, note)
            database.execute("DELETE FROM statuses WHERE at_us < ?", (request.at_us - STATUS_US,))
            database.execute(
                "INSERT INTO statuses VALUES (?, ?, ?, ?)", (request.id, request.member, request.at_us, status)
            )
        return status

    def delete(self, shelf: Shelf, request: Request, object_id: str, versions: tuple[str, ...] = ()) -> int:
        """Remove versions of an object; none named = all of them. A tombstone stays.

        Returns:
            How many versions were removed.

        Raises:
            PolicyError: another member posted it, or posted it too.
            StoreError: it cannot be written; then nothing is removed.
        """
        condition, values = selecting.chosen(versions)
        with self._database.writing() as database:
            rows = database.execute(
                "SELECT added_us, version, version_key, sha256, author, length(body) FROM objects"  # noqa: S608 - our own words
                f" WHERE collection = ? AND id = ? AND {condition} ORDER BY added_us",
                (shelf.key, object_id, *values),
            ).fetchall()
            if not rows:
                return 0
            if foreign := _authors(database, rows) - {request.member}:
                names = ", ".join(sorted(foreign))
                raise PolicyError(f"{object_id} was posted by {names}, too; only what nobody else posted is deleted")
            for added_us, version, key, digest, author, _size in rows:
                database.execute(
                    "INSERT INTO tombstones (collection, id, version, version_key, added_us, sha256, author,"
                    " deleted_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (shelf.key, object_id, version, key, added_us, digest, author, request.at_us),
                )
                database.execute("DELETE FROM objects WHERE added_us = ?", (added_us,))
            _mark_ends(database, shelf.key, object_id)
            grow_share(database, request.member, -sum(row[5] for row in rows))
            removed = [(object_id, row[1], bytes(row[3])) for row in rows]
            note = journal.note(journal.DELETED, request, removed, self._signer)
            self._record(database, journal.DELETED, request, (0, 0), note)
        return len(rows)

    def unsealed(self) -> tuple[Event, ...]:
        """Requests that the inside node has not sealed yet, oldest first."""
        with self._database.reading() as database:
            rows = database.execute(
                "SELECT number, kind, subject, member, signed, first_us, last_us, note FROM events"
                " WHERE sealed_us IS NULL ORDER BY number"
            ).fetchall()
        return tuple(
            Event(number, kind, subject, member, bool(signed), (first_us, last_us), bytes(note))
            for number, kind, subject, member, signed, first_us, last_us, note in rows
        )

    def sealed(self, event: Event) -> None:
        """Note that the inside node sealed a request."""
        with self._database.writing() as database:
            database.execute(
                "UPDATE events SET sealed_us = ? WHERE number = ? AND sealed_us IS NULL",
                (self._clock.now_us(), event.number),
            )

    def kept(self, event: Event) -> tuple[Kept, ...]:
        """The objects that a request added and that are still there."""
        with self._database.reading() as database:
            rows = database.execute(
                "SELECT objects.author, objects.signed, collections.id, body FROM objects"
                " JOIN collections ON collections.key = objects.collection"
                " WHERE added_us BETWEEN ? AND ? ORDER BY added_us",
                event.span_us,
            ).fetchall()
        return tuple(Kept(author, bool(signed), where, bytes(body)) for author, signed, where, body in rows)

    @staticmethod
    def _record(
        database: sqlite3.Connection, kind: str, request: Request, span_us: tuple[int, int], note: bytes
    ) -> None:
        database.execute(
            "INSERT INTO events (kind, subject, member, signed, at_us, first_us, last_us, note)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (kind, request.id, request.member, request.signed, request.at_us, *span_us, note),
        )


def _exists(
    database: sqlite3.Connection, table: str, collection: int, object_id: str, versions: tuple[str, ...]
) -> bool:
    named = [each for each in versions if each not in {"first", "last", "all"}]
    condition = f" AND version_key IN ({', '.join('?' * len(named))})" if named else ""
    row = database.execute(
        f"SELECT 1 FROM {table} WHERE collection = ? AND id = ?{condition} LIMIT 1",  # noqa: S608 - our own words
        (collection, object_id, *named),
    ).fetchone()
    return row is not None


def _authors(database: sqlite3.Connection, rows: Sequence[tuple[int, str, str, bytes, str, int]]) -> set[str]:
    """Everybody who posted one of these versions."""
    found = {row[4] for row in rows}
    for row in rows:
        found |= {each[0] for each in database.execute("SELECT author FROM others WHERE added_us = ?", (row[0],))}
    return found


def _mark_ends(database: sqlite3.Connection, collection: int, object_id: str) -> None:
    """Mark the first and last version of what is left of an object."""
    for column, order in (("first", "ASC"), ("last", "DESC")):
        database.execute(
            f"UPDATE objects SET {column} = 1 WHERE added_us = (SELECT added_us FROM objects"  # noqa: S608 - our own words
            f" WHERE collection = ? AND id = ? ORDER BY version_key {order} LIMIT 1)",
            (collection, object_id),
        )


def _shelf(row: tuple[int, str, str | None, str, str, str, str, str, str]) -> Shelf:
    key, identifier, alias, title, description, election, tlp, readers, writers = row
    may_read, may_write = (tuple(canonical.loads(each.encode("utf-8"))) for each in (readers, writers))
    terms = Terms(title, election, Tlp.parse(tlp), may_read, may_write, description, alias or "")
    return Shelf(key, identifier, terms)
