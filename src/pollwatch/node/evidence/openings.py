"""What the owner of a case keeps secret so that it can open its seals later: seeds, salts, fields, blinding values.

One SQLite file beside the logs, readable by its owner only. A row is written before its log entry is appended, for an
entry whose opening is lost proves nothing; it gets the entry's index afterwards. Rows without index are settled when
the file is opened: their entry either made it into the log or it did not.
Erasing a row erases its proof, and nothing else.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pollwatch.errors import StoreError
from pollwatch.evidence.seal import Opening, Seal


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """A sealed batch, with its secret seed."""

    entry: int
    path: str
    first_number: int
    lines: int
    seed: bytes

    @property
    def erased(self) -> bool:
        """Whether its seed was erased: no line of it can be proven any more."""
        return not self.seed


@dataclass(frozen=True, slots=True)
class KeptIncident:
    """A sealed incident, with what its entry commits to."""

    entry: int
    content: bytes
    content_salt: bytes
    references: bytes
    references_salt: bytes


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """Any other private entry, with what opens it: canonical JSON with its salts."""

    entry: int
    kind: str
    opening: bytes


@dataclass(frozen=True, slots=True)
class KeptSeal:
    """A seal in the shared log, with its opening."""

    entry: int
    data: bytes
    opening: Opening


_BUSY_TIMEOUT_S = 60.0


class Openings:
    """The owner's file. Not for several threads; several processes take turns.

    Whoever writes batches, incidents and other private entries holds the private log; whoever writes seals, the shared
    one. Hence rows without index are settled by a process that knows that nobody else is about to note them.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            StoreError: it cannot be used.
        """
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_TIMEOUT_S)
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the openings {path} cannot be used: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make what is written inside one durable step instead of one each."""
        with self._named():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def batch_entry(self, digest: bytes) -> int | None:
        """The entry of the batch with this content, if it was sealed."""
        return self._number("SELECT entry FROM batches WHERE digest = ?", (digest,))

    def keep_batch(self, digest: bytes, batch: KeptBatch, fields: bytes, manifest: bytes) -> int:
        """Keep a batch, and the values of its lines' fields, before it is appended; gives the row to :meth:`settle`."""
        values = (digest, batch.path, batch.first_number, batch.lines, batch.seed, fields, manifest)
        return self._insert(
            "INSERT INTO batches (digest, path, first_number, lines, seed, fields, manifest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            values,
        )

    def fields_of(self, entry: int) -> bytes:
        """The values of the fields of a batch's lines; empty where it has none, or was erased."""
        with self._named():
            row = self._db.execute("SELECT fields FROM batches WHERE entry = ?", (entry,)).fetchone()
        return bytes(row[0]) if row else b""

    def batches_of(self, path: str) -> tuple[KeptBatch, ...]:
        """All sealed batches of an input, latest first."""
        with self._named():
            rows = self._db.execute(
                "SELECT entry, path, first_number, lines, seed FROM batches"
                " WHERE path = ? AND entry IS NOT NULL ORDER BY entry DESC",
                (path,),
            ).fetchall()
        return tuple(KeptBatch(*row) for row in rows)

    def batches_about(self, path: str, first: int, last: int) -> tuple[KeptBatch, ...]:
        """The sealed batches of an input that hold any of these records, latest first."""
        with self._named():
            longest = self._number("SELECT max(lines) FROM batches WHERE path = ?", (path,)) or 0
            rows = self._db.execute(
                "SELECT entry, path, first_number, lines, seed FROM batches WHERE path = ?"
                " AND first_number BETWEEN ? AND ? AND first_number + lines > ? AND entry IS NOT NULL"
                " ORDER BY entry DESC",
                (path, first - longest, last, first),
            ).fetchall()
        return tuple(KeptBatch(*row) for row in rows)

    def batches_between(self, first_entry: int, end_entry: int) -> tuple[KeptBatch, ...]:
        """The batches among some private entries that can still be opened, ascending by entry."""
        with self._named():
            rows = self._db.execute(
                "SELECT entry, path, first_number, lines, seed FROM batches"
                " WHERE entry >= ? AND entry < ? ORDER BY entry",
                (first_entry, end_entry),
            ).fetchall()
        return tuple(KeptBatch(*row) for row in rows)

    def keep_entry(self, kind: str, opening: bytes, manifest: bytes) -> int:
        """Keep what opens any other private entry before it is appended; gives the row to :meth:`settle`."""
        return self._insert("INSERT INTO others (kind, opening, manifest) VALUES (?, ?, ?)", (kind, opening, manifest))

    def kept_entries(self, kind: str) -> tuple[KeptEntry, ...]:
        """What opens the entries of a kind, ascending by entry."""
        with self._named():
            rows = self._db.execute(
                "SELECT entry, kind, opening FROM others WHERE kind = ? AND entry IS NOT NULL ORDER BY entry", (kind,)
            ).fetchall()
        return tuple(KeptEntry(*row) for row in rows)

    def latest_kept(self, kind: str) -> KeptEntry | None:
        """What opens the latest entry of a kind."""
        with self._named():
            row = self._db.execute(
                "SELECT entry, kind, opening FROM others WHERE kind = ? AND entry IS NOT NULL"
                " ORDER BY entry DESC LIMIT 1",
                (kind,),
            ).fetchone()
        return KeptEntry(*row) if row else None

    def incident_entry(self, incident: str, digest: bytes) -> int | None:
        """The entry of an incident as it is now understood, if that was sealed."""
        return self._number("SELECT entry FROM incidents WHERE id = ? AND digest = ?", (incident, digest))

    def latest_incident(self, incident: str) -> int | None:
        """The latest entry of an incident."""
        return self._number("SELECT max(entry) FROM incidents WHERE id = ?", (incident,))

    def incident(self, entry: int) -> KeptIncident | None:
        """What an incident entry committed to."""
        with self._named():
            row = self._db.execute(
                "SELECT entry, content, content_salt, refs, refs_salt FROM incidents WHERE entry = ?", (entry,)
            ).fetchone()
        return KeptIncident(*row) if row else None

    def keep_incident(self, incident: str, digest: bytes, kept: KeptIncident, manifest: bytes) -> int:
        """Keep an incident before it is appended; gives the row to :meth:`settle`."""
        values = (incident, digest, kept.content, kept.content_salt, kept.references, kept.references_salt, manifest)
        return self._insert(
            "INSERT INTO incidents (id, digest, content, content_salt, refs, refs_salt, manifest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            values,
        )

    def keep_seal(self, seal: Seal, opening: Opening) -> int:
        """Keep a seal before it is appended; gives the row to :meth:`settle`."""
        values = (seal.to_bytes(), opening.blind, opening.text, opening.checkpoint.size)
        return self._insert("INSERT INTO seals (manifest, blind, text, private_size) VALUES (?, ?, ?, ?)", values)

    def seal_covering(self, private_size: int) -> KeptSeal | None:
        """The earliest seal over a private log of at least this size."""
        with self._named():
            row = self._db.execute(
                "SELECT entry, manifest, blind, text FROM seals"
                " WHERE private_size >= ? AND entry IS NOT NULL ORDER BY entry LIMIT 1",
                (private_size,),
            ).fetchone()
        return KeptSeal(row[0], row[1], Opening(row[2], row[3])) if row else None

    def incidents_where(self, touches: Callable[[bytes], bool]) -> tuple[int, ...]:
        """Entries of incidents that can be opened and whose references (as bytes) are such."""
        with self._named():
            rows = self._db.execute("SELECT entry, refs FROM incidents WHERE entry IS NOT NULL ORDER BY entry")
            return tuple(entry for entry, references in rows if touches(references))

    def erase(self, batches: Sequence[int], incidents: Sequence[int]) -> None:
        """Erase what opens some entries, so that no byte of it stays in the file.

        A batch keeps its place and its size, for others' references; the values of its fields go with its seed, and
        its digest too, since lines could be tried out against it. An incident's row goes whole.
        """
        with self.together():
            for entry in batches:
                self._db.execute(
                    "UPDATE batches SET seed = x'', fields = x'', digest = ? WHERE entry = ?", (os.urandom(32), entry)
                )
            self._db.executemany("DELETE FROM incidents WHERE entry = ?", [(entry,) for entry in incidents])
        with self._named():
            self._db.execute("VACUUM")

    def latest_seal(self) -> Seal | None:
        """The seal that was published last."""
        with self._named():
            row = self._db.execute(
                "SELECT manifest FROM seals WHERE entry IS NOT NULL ORDER BY entry DESC LIMIT 1"
            ).fetchone()
        return Seal.parse(row[0]) if row else None

    def settle(self, table: str, row: int, entry: int) -> None:
        """Note the index that a kept row's entry got."""
        with self._named():
            self._db.execute(_SETTLE[table], (entry, row))

    def unsettled(self, table: str) -> tuple[bytes, ...]:
        """The entries of rows that have no index yet."""
        with self._named():
            return tuple(manifest for _row, manifest in self._db.execute(_UNSETTLED[table]))

    def settle_rest(self, table: str, find: Callable[[bytes], int | None]) -> None:
        """After a crash: find the entries of rows that have no index, and drop rows whose entry was never appended."""
        with self._named():
            rows: Sequence[tuple[int, bytes]] = self._db.execute(_UNSETTLED[table]).fetchall()
            for row, manifest in rows:
                entry = find(manifest)
                if entry is None:
                    self._db.execute(_DROP[table], (row,))
                else:
                    self._db.execute(_SETTLE[table], (entry, row))

    def _number(self, query: str, values: tuple[object, ...]) -> int | None:
        with self._named():
            row = self._db.execute(query, values).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        with self._named():
            return int(self._db.execute(statement, values).lastrowid or 0)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"the case's openings cannot be read or written: {error}") from error


_TABLES = ("batches", "incidents", "others", "seals")
_SETTLE = {name: f"UPDATE {name} SET entry = ? WHERE row = ?" for name in _TABLES}  # noqa: S608 - our own names
_UNSETTLED = {name: f"SELECT row, manifest FROM {name} WHERE entry IS NULL" for name in _TABLES}  # noqa: S608 - same
_DROP = {name: f"DELETE FROM {name} WHERE row = ?" for name in _TABLES}  # noqa: S608 - same
_SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS batches (
    row INTEGER PRIMARY KEY, entry INTEGER UNIQUE, digest BLOB NOT NULL UNIQUE, path TEXT NOT NULL,
    first_number INTEGER NOT NULL, lines INTEGER NOT NULL, seed BLOB NOT NULL, fields BLOB NOT NULL,
    manifest BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS batches_by_path ON batches (path, entry);
CREATE INDEX IF NOT EXISTS batches_by_number ON batches (path, first_number);
CREATE INDEX IF NOT EXISTS batches_by_length ON batches (path, lines);
CREATE TABLE IF NOT EXISTS incidents (
    row INTEGER PRIMARY KEY, entry INTEGER UNIQUE, id TEXT NOT NULL, digest BLOB NOT NULL, content BLOB NOT NULL,
    content_salt BLOB NOT NULL, refs BLOB NOT NULL, refs_salt BLOB NOT NULL, manifest BLOB NOT NULL,
    UNIQUE (id, digest)) STRICT;
CREATE TABLE IF NOT EXISTS others (
    row INTEGER PRIMARY KEY, entry INTEGER UNIQUE, kind TEXT NOT NULL, opening BLOB NOT NULL,
    manifest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS seals (
    row INTEGER PRIMARY KEY, entry INTEGER UNIQUE, manifest BLOB NOT NULL, blind BLOB NOT NULL, text TEXT NOT NULL,
    private_size INTEGER NOT NULL) STRICT;
"""
