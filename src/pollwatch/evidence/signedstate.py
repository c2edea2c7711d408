"""What a log has committed itself to: one row in SQLite, moved only by compare-and-swap, and its chain of keys.

NEVER restore the file from a backup: an older state would let the log sign a second history.

SQLite appends each change to a write-ahead log and flushes that: one flush a change instead of four. What a failed
flush left behind may or may not be there after a power cut, and reading it back proves nothing, for it is read from
memory. Therefore :meth:`SignedState.settle` moves everything into the main file before anything is built on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pollwatch.errors import EvidenceError, SignatureError, StoreError
from pollwatch.evidence import merkle
from pollwatch.evidence.checkpoint import SignedCheckpoint


class SignedState:
    """One log's signed state and the cosigned checkpoints it collected. Not for several threads."""

    def __init__(self, path: Path, origin: str) -> None:
        """Open (or make) the state file of the log with this origin.

        Raises:
            StoreError: it cannot be opened.
        """
        self._origin = origin
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS signed (id INTEGER PRIMARY KEY CHECK (id = 1),"
                " origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS cosigned_checkpoints (size INTEGER PRIMARY KEY,"
                " signatures INTEGER NOT NULL, note BLOB NOT NULL) STRICT"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS key_links (number INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT"
            )
        except sqlite3.Error as error:
            raise StoreError(f"signed state {path} cannot be opened: {error}") from error

    def load(self) -> tuple[int, bytes] | None:
        """Size and root; None for a log that was never begun.

        Raises:
            SignatureError: it is another log's state.
            StoreError: the disk says no.
        """
        try:
            row = self._db.execute("SELECT origin, size, root FROM signed").fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"signed state of log {self._origin} cannot be read: {error}") from error
        if row is None:
            return None
        if row[0] != self._origin:
            raise SignatureError(f"this is log {row[0]!r}, not {self._origin!r}")
        return int(row[1]), bytes(row[2])

    def links(self) -> tuple[bytes, ...]:
        """The log's key links, in order: those that are entries of the signed size.

        Raises:
            StoreError: the disk says no.
        """
        try:
            return tuple(row[0] for row in self._db.execute(_LINKS))
        except sqlite3.Error as error:
            raise StoreError(f"signed state of log {self._origin} cannot be read: {error}") from error

    def begin(self) -> tuple[int, bytes]:
        """Enter the empty log.

        Raises:
            StoreError: the disk says no.
        """
        try:
            self._db.execute("INSERT INTO signed VALUES (1, ?, 0, ?)", (self._origin, merkle.EMPTY_ROOT))
        except sqlite3.Error as error:
            raise StoreError(f"signed state of log {self._origin} cannot be written: {error}") from error
        return 0, merkle.EMPTY_ROOT

    def settle(self) -> None:
        """Make what :meth:`load` gives durable, whatever happened to the process that wrote it.

        Raises:
            StoreError: the disk says no.
        """
        try:
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"signed state of log {self._origin} cannot be settled: {error}") from error
        if busy:
            raise StoreError(f"signed state of log {self._origin} is read by another process; try again")

    def advance(self, old: int, old_root: bytes, new: int, new_root: bytes, links: Sequence[bytes] = ()) -> None:
        """Move from one state to the next, durably, if it still is the one we know.

        Args:
            old: the size that we know.
            old_root: its root.
            new: the size to move to.
            new_root: its root.
            links: key links among the new entries; with the state, in one step, the log's key becomes the last one's.

        Raises:
            EvidenceError: it is not; another writer was here.
            StoreError: the disk says no.
        """
        try:
            if links:
                self._db.execute("BEGIN IMMEDIATE")
                (count,) = self._db.execute("SELECT count(*) FROM key_links").fetchone()
                self._db.executemany("INSERT INTO key_links VALUES (?, ?)", enumerate(links, count))
            moved = self._db.execute(
                "UPDATE signed SET size = ?, root = ? WHERE size = ? AND root = ?", (new, new_root, old, old_root)
            ).rowcount
            if links:
                self._db.execute("COMMIT" if moved == 1 else "ROLLBACK")
        except sqlite3.Error as error:
            raise StoreError(f"signed state of log {self._origin} cannot be written: {error}") from error
        if moved != 1:
            raise EvidenceError(f"log {self._origin}: the signed state is no longer at {old}; another writer was here")

    def cosigned(self, size: int) -> SignedCheckpoint | None:
        """The kept checkpoint of at least this size with the most signatures; of several the earliest."""
        return self._cosigned("size >= ? ORDER BY signatures DESC, size", size)

    def cosigned_at(self, size: int) -> SignedCheckpoint | None:
        """The kept checkpoint of exactly this size."""
        return self._cosigned("size = ?", size)

    def keep_cosigned(self, signed: SignedCheckpoint) -> None:
        """Keep a cosigned checkpoint, instead of what was kept for its size.

        Raises:
            StoreError: the disk says no.
        """
        values = (signed.checkpoint.size, len(signed.note.signatures), signed.to_bytes())
        try:
            self._db.execute("INSERT OR REPLACE INTO cosigned_checkpoints VALUES (?, ?, ?)", values)
        except sqlite3.Error as error:
            raise StoreError(f"log {self._origin}: a cosignature could not be kept: {error}") from error

    def _cosigned(self, which: str, size: int) -> SignedCheckpoint | None:
        query = f"SELECT note FROM cosigned_checkpoints WHERE {which} LIMIT 1"  # noqa: S608 - our own words
        try:
            row = self._db.execute(query, (size,)).fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"log {self._origin}: its cosignatures cannot be read: {error}") from error
        return SignedCheckpoint.parse(row[0]) if row else None

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def read_state(path: Path, origin: str) -> tuple[int, bytes, tuple[bytes, ...]]:
    """What a log has committed itself to, read beside its writer and changing nothing.

    Returns:
        Size, root, and the key links that are among its entries.

    Raises:
        StoreError: it is missing or cannot be read.
        SignatureError: it is another log's.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("BEGIN")
            row = database.execute("SELECT origin, size, root FROM signed").fetchone()
            known = database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'key_links'").fetchone()
            links = tuple(each for (each,) in database.execute(_LINKS)) if known else ()
    except sqlite3.Error as error:
        raise StoreError(f"signed state {path} cannot be read: {error}") from error
    if row is None or row[0] != origin:
        raise SignatureError(f"signed state {path} is not that of log {origin!r}")
    return int(row[1]), bytes(row[2]), links


def read_cosigned(path: Path) -> tuple[SignedCheckpoint, ...]:
    """Every checkpoint that was kept with cosignatures, the largest first, read beside the log's writer.

    Raises:
        StoreError: the state is missing or cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT note FROM cosigned_checkpoints ORDER BY size DESC").fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"signed state {path} cannot be read: {error}") from error
    return tuple(SignedCheckpoint.parse(note) for (note,) in rows)


_LINKS = "SELECT note FROM key_links ORDER BY number"
