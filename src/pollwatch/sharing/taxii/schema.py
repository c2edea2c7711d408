"""The tables of a TAXII store, and one connection to them.

``added_us`` is the primary key of objects: it is `date_added`, strictly increasing over all collections, so a page is
read in the order in which rows lie. Each row is in one of two partial indexes per question (latest version or not),
so that the first page of a collection costs the same however many objects and versions it holds.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pollwatch.errors import StoreError

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS collections (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, alias TEXT UNIQUE, title TEXT NOT NULL,
    description TEXT NOT NULL, election TEXT NOT NULL, tlp TEXT NOT NULL, readers TEXT NOT NULL,
    writers TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS objects (
    added_us INTEGER PRIMARY KEY, collection INTEGER NOT NULL REFERENCES collections, id TEXT NOT NULL,
    type TEXT NOT NULL, version TEXT NOT NULL, version_key TEXT NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, author TEXT NOT NULL, signed INTEGER NOT NULL, sha256 BLOB NOT NULL,
    body BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS objects_by_id ON objects (collection, id, version_key);
CREATE INDEX IF NOT EXISTS objects_last ON objects (collection) WHERE last = 1;
CREATE INDEX IF NOT EXISTS objects_older ON objects (collection) WHERE last = 0;
CREATE INDEX IF NOT EXISTS objects_last_by_type ON objects (collection, type) WHERE last = 1;
CREATE INDEX IF NOT EXISTS objects_older_by_type ON objects (collection, type) WHERE last = 0;
CREATE INDEX IF NOT EXISTS objects_by_version ON objects (collection, version_key);
CREATE TABLE IF NOT EXISTS others (
    added_us INTEGER NOT NULL REFERENCES objects ON DELETE CASCADE, author TEXT NOT NULL,
    PRIMARY KEY (added_us, author)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstones (
    number INTEGER PRIMARY KEY, collection INTEGER NOT NULL REFERENCES collections, id TEXT NOT NULL,
    version TEXT NOT NULL, version_key TEXT NOT NULL, added_us INTEGER NOT NULL, sha256 BLOB NOT NULL,
    author TEXT NOT NULL, deleted_us INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS tombstones_by_id ON tombstones (collection, id, version_key);
CREATE TABLE IF NOT EXISTS statuses (
    id TEXT PRIMARY KEY, member TEXT NOT NULL, at_us INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS statuses_by_time ON statuses (at_us);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL, member TEXT NOT NULL,
    signed INTEGER NOT NULL, at_us INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
    note BLOB NOT NULL, sealed_us INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS events_unsealed ON events (number) WHERE sealed_us IS NULL;
CREATE TABLE IF NOT EXISTS shares (author TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS ticks (one INTEGER PRIMARY KEY CHECK (one = 1), last_us INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO ticks VALUES (1, 0);
"""
_BUSY_S: Final = 10.0
_CACHE_KIB: Final = 16 << 10


class Database:
    """Connections to one store: any number that read, one at a time that writes. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            StoreError: it cannot be opened.
        """
        self._path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._writing = threading.Lock()
        with self._connection() as connection:
            connection.executescript(_TABLES)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the store, whatever is written meanwhile.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction: durable at the end, undone by an error.

        Raises:
            StoreError: the file cannot be written.
        """
        with self._writing, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connections that are idle; the last of them folds the write-ahead log into the file."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._connect()
            try:
                yield connection
            except BaseException:
                connection.close()  # never reused: who knows in which state it is
                raise
            self._idle.put(connection)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be used: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return connection
