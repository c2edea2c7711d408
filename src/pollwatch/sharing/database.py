"""The joint watch's own SQLite files: one for the inside node, one for the gateway.

Plain ``sqlite3``: the gateway needs a mailbox and not a mapper, and what is recorded here is only ever added to
(triggers refuse every change). Opened per use, or once for a piece of work (:func:`kept_open`); WAL lets the command
line read while the gateway writes.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from pollwatch.errors import StoreError
from pollwatch.evidence import keptkeys

#: What the inside node keeps.
RECORD: Final = f"""{keptkeys.SCHEMA}
CREATE TABLE IF NOT EXISTS disclosures (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, receiver TEXT NOT NULL, subject TEXT NOT NULL,
    content TEXT NOT NULL, tlp TEXT NOT NULL, released_by TEXT NOT NULL, legal_basis TEXT NOT NULL,
    sha256 TEXT NOT NULL, body BLOB NOT NULL, salt BLOB NOT NULL,
    log_index INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS receipts (
    number INTEGER PRIMARY KEY REFERENCES disclosures, received_us INTEGER NOT NULL, note BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS objects (
    id TEXT NOT NULL, sha256 TEXT NOT NULL, type TEXT NOT NULL, author TEXT NOT NULL, at_us INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (id, sha256)) STRICT;
CREATE TABLE IF NOT EXISTS decisions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at_us INTEGER NOT NULL, content BLOB NOT NULL,
    salt BLOB NOT NULL, log_index INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS views (
    number INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, size INTEGER NOT NULL, at_us INTEGER NOT NULL,
    note BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS followed (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, at_us INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS followed_entries (
    origin TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, at_us INTEGER,
    PRIMARY KEY (origin, number)) STRICT;
CREATE TRIGGER IF NOT EXISTS disclosures_stay BEFORE UPDATE ON disclosures
    BEGIN SELECT RAISE(ABORT, 'the disclosure ledger is only ever added to'); END;
CREATE TRIGGER IF NOT EXISTS disclosures_remain BEFORE DELETE ON disclosures
    BEGIN SELECT RAISE(ABORT, 'the disclosure ledger is only ever added to'); END;
CREATE TRIGGER IF NOT EXISTS decisions_stay BEFORE UPDATE ON decisions
    WHEN OLD.log_index IS NOT NULL OR (OLD.kind, OLD.at_us, OLD.content, OLD.salt)
        IS NOT (NEW.kind, NEW.at_us, NEW.content, NEW.salt)
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed, only followed by another'); END;
CREATE TRIGGER IF NOT EXISTS decisions_remain BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed, only followed by another'); END;
CREATE TRIGGER IF NOT EXISTS receipts_stay BEFORE UPDATE ON receipts
    BEGIN SELECT RAISE(ABORT, 'a receipt is never changed'); END;
CREATE TRIGGER IF NOT EXISTS receipts_remain BEFORE DELETE ON receipts
    BEGIN SELECT RAISE(ABORT, 'a receipt is never changed'); END;
"""

#: What the gateway keeps until the inside node has fetched it.
MAILBOX: Final = """
CREATE TABLE IF NOT EXISTS mail (
    number INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL, sender TEXT NOT NULL, tlp TEXT NOT NULL,
    sent_us INTEGER NOT NULL, received_us INTEGER NOT NULL, body BLOB NOT NULL, receipt BLOB NOT NULL,
    fetched_us INTEGER, UNIQUE (sha256, sender, sent_us)) STRICT;
"""


class _Kept(threading.local):
    """The connections of the piece of work that this thread is in, by file and schema; None outside of one."""

    connections: dict[tuple[Path, str], sqlite3.Connection] | None = None


_kept: Final = _Kept()


@contextmanager
def kept_open() -> Iterator[None]:
    """Within a piece of work, open each file once: for a short question, opening is most of the cost.

    Between its transactions a connection holds nothing that others wait for. A piece within another adds nothing.
    """
    if _kept.connections is not None:
        yield
        return
    connections = _kept.connections = {}
    try:
        yield
    finally:
        _kept.connections = None
        for each in connections.values():
            each.close()


@contextmanager
def opened(path: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """A connection in one transaction: committed at the end, rolled back by an error.

    Raises:
        StoreError: the file cannot be opened or written.
    """
    try:
        with _connected(path, schema) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be used: {error}") from error


@contextmanager
def _connected(path: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """A connection to a file that has all of a schema; one that failed is never used again."""
    kept = _kept.connections
    found = None if kept is None else kept.pop((path, schema), None)  # one transaction each, also within another
    with ExitStack() as closing_it:
        database = found or sqlite3.connect(path, timeout=10, isolation_level=None)
        closing_it.callback(database.close)
        if found is None:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            if not _made(database, schema):
                database.executescript(schema)
        yield database
        if kept is not None and kept is _kept.connections and kept.setdefault((path, schema), database) is database:
            closing_it.pop_all()


_NAMED: Final = re.compile(r"CREATE (?:TABLE|INDEX|TRIGGER) IF NOT EXISTS (\w+)")


@cache
def _missing(schema: str) -> str:
    """A question for how many of the things that a schema makes are missing."""
    names = _NAMED.findall(schema)
    if len(names) != schema.count("CREATE "):
        raise ValueError("each thing of a schema is made where it does not exist")
    listed = ", ".join(f"'{name}'" for name in names)
    return f"SELECT {len(names)} - count(*) FROM sqlite_schema WHERE name IN ({listed})"  # noqa: S608 - our words


def _made(database: sqlite3.Connection, schema: str) -> bool:
    """Whether all of it is there: asking costs a third of making what exists, and a half-made one is made whole."""
    return bool(database.execute(_missing(schema)).fetchone()[0] == 0)
