"""The record of what leaves: nothing with content goes out, answer or request, that is not written down before.

One row says: within this hour, this member was given these bytes (by SHA-256 and length) for this request, so many
times. The bytes themselves stand beside it, each once, except where they are found again by their path: tiles of logs,
pages of a store that only grows, deliveries in the ledger. Refusals are counted without what they were asked for,
since whoever is refused chose that. What waits at the gateway is bounded per member until the inside node fetches it;
a member whose share is used up is answered nothing more.

Rows outlive the process, however that dies. They are not flushed one by one: after a power cut the last may be missing.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from pollwatch.clock import US_PER_S
from pollwatch.errors import StoreError
from pollwatch.sharing.replay import TooManyRequestsError

#: How many rows, and how many kept bytes, of one member may wait.
MAX_ROWS: Final = 500_000
MAX_KEPT_BYTES: Final = 512 << 20
#: The status that stands for a request of ours; answers have their own.
ASKED: Final = 0
_HOUR_US: Final = 3600 * US_PER_S


@dataclass(frozen=True, slots=True)
class Leaving:
    """Something that is about to leave.

    Attributes:
        at_us: when.
        member: to whom; empty for a stranger.
        method: of the request.
        target: path and query of the request; empty for a refusal.
        status: of the answer; :data:`ASKED` for a request of ours.
        body: its very bytes.
        keep: whether to keep them, because they are found nowhere else.
    """

    at_us: int
    member: str
    method: str
    target: str
    status: int
    body: bytes = field(repr=False)
    keep: bool


@dataclass(frozen=True, slots=True)
class Left:
    """What left within one hour, the same each time.

    Attributes:
        hour: since 1970.
        member: to whom; empty for strangers.
        method: of the requests.
        target: path and query of the requests; empty for refusals.
        status: of the answers; :data:`ASKED` for requests of ours.
        sha256: of the body.
        size: of the body, in bytes.
        times: how many.
        first_us: when the first left.
        last_us: when the last left.
        body: None where it is found by its path, or elsewhere.
    """

    hour: int
    member: str
    method: str
    target: str
    status: int
    sha256: bytes
    size: int
    times: int
    first_us: int
    last_us: int
    body: bytes | None = field(repr=False)


class Egress:
    """One record. Safe to call from several threads and processes."""

    def __init__(self, path: Path, *, bounded: bool = False) -> None:
        """Open (or begin) a record.

        Args:
            path: an SQLite file.
            bounded: whether each member has a share, as at the gateway.

        Raises:
            StoreError: it cannot be opened.
        """
        self._lock = threading.Lock()
        self._bounded = bounded
        try:
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be used: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def record(self, leaving: Leaving) -> None:
        """Write down what is about to leave; only then may it.

        Raises:
            TooManyRequestsError: the member's share is used up until the inside node fetches.
            StoreError: it cannot be written.
        """
        digest = sha256(leaving.body).digest()
        at_us, hour = leaving.at_us, leaving.at_us // _HOUR_US
        key = (hour, leaving.member, leaving.method, leaving.target, leaving.status, digest)
        with self._writing():
            if self._db.execute(_AGAIN, (at_us, at_us, *key)).rowcount:
                return
            kept = leaving.body if leaving.keep and leaving.body else None
            self._charge(leaving.member, 0 if kept is None else len(kept))
            self._db.execute(_ADD, (*key, len(leaving.body), 1, at_us, at_us))
            if kept is not None:
                self._db.execute(_KEEP, (digest, kept))

    def all(self, before_us: int | None = None, most: int = -1, skip: int = 0) -> tuple[Left, ...]:
        """What left, oldest hour first.

        Args:
            before_us: only hours that were over by then; rows of these do not change.
            most: how many rows; -1 = all.
            skip: how many rows to leave out before.
        """
        hour = (1 << 62) if before_us is None else before_us // _HOUR_US
        with self._writing():
            rows = self._db.execute(_SELECT, (hour, most, skip)).fetchall()
        return tuple(Left(*row) for row in rows)

    def take_over(self, found: Iterable[Left]) -> None:
        """Add what another record holds; what is here already changes nothing.

        Raises:
            StoreError: it cannot be written.
        """
        with self._writing():
            for each in found:
                *row, body = astuple(each)
                self._db.execute(_ADD, row)
                if body is not None:
                    self._db.execute(_KEEP, (each.sha256, body))

    def forget(self, before_us: int) -> None:
        """Drop hours that the inside node has.

        Raises:
            StoreError: it cannot be written.
        """
        with self._writing():
            self._db.execute("DELETE FROM leaving WHERE hour < ?", (before_us // _HOUR_US,))
            self._db.execute("DELETE FROM bodies WHERE sha256 NOT IN (SELECT sha256 FROM leaving)")
            self._db.execute("DELETE FROM shares")
            self._db.execute(_RECOUNT)

    def _charge(self, member: str, size: int) -> None:
        found = self._db.execute("SELECT rows, bytes FROM shares WHERE member = ?", (member,)).fetchone()
        rows, held = found or (0, 0)
        if self._bounded and (rows >= MAX_ROWS or held + size > MAX_KEPT_BYTES):
            raise TooManyRequestsError("so much was answered that the record of it must be fetched first")
        self._db.execute("INSERT OR REPLACE INTO shares VALUES (?, ?, ?)", (member, rows + 1, held + size))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreError(f"what leaves cannot be recorded: {error}") from error


_AGAIN: Final = (
    "UPDATE leaving SET times = times + 1, first_us = min(first_us, ?), last_us = max(last_us, ?) WHERE hour = ?"
    " AND member = ? AND method = ? AND target = ? AND status = ? AND sha256 = ?"
)
_ADD: Final = "INSERT OR IGNORE INTO leaving VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEEP: Final = "INSERT OR IGNORE INTO bodies VALUES (?, ?)"
_SELECT: Final = (
    "SELECT leaving.*, bodies.body FROM leaving LEFT JOIN bodies USING (sha256) WHERE hour < ?"
    " ORDER BY hour, member, method, target, status, sha256 LIMIT ? OFFSET ?"
)
_RECOUNT: Final = (
    "INSERT INTO shares SELECT member, count(*), coalesce(sum(length(body)), 0) FROM leaving LEFT JOIN bodies"
    " USING (sha256) GROUP BY member"
)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS leaving (
    hour INTEGER NOT NULL, member TEXT NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL, status INTEGER NOT NULL,
    sha256 BLOB NOT NULL, size INTEGER NOT NULL, times INTEGER NOT NULL, first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL, PRIMARY KEY (hour, member, method, target, status, sha256)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bodies (sha256 BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS shares (member TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
"""
