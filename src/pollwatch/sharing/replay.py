"""Each signed request counts once: the nonces of requests that are still good are remembered, also over a restart.

A nonce is written down before its request is acted on, and not flushed: it outlives the process, however that dies,
but not the machine. So the machine's boot id stands beside them. Where that has changed, the last nonces may be lost,
and nothing that could have been signed before the machine came back is taken.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from pathlib import Path
from typing import Final

from pollwatch.clock import US_PER_S
from pollwatch.errors import SharingError, SignatureError, StoreError
from pollwatch.evidence.keys import Verifier
from pollwatch.sharing.signedrequest import SKEW_S, Parameters

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
#: Nonces of one key that may stand at a time. Rates keep it far below; without them the file still stays bounded.
MAX_PER_KEY: Final = 50_000
_SWEEP_S: Final = 10


class TooManyRequestsError(SharingError):
    """Somebody asks more often than is served; over HTTP this is 429."""


class Replays:
    """The nonces that were seen. Safe to call from several threads."""

    def __init__(self, path: Path, now_us: int) -> None:
        """Open (or begin) the file.

        Args:
            path: an SQLite file.
            now_us: the time.

        Raises:
            StoreError: it cannot be opened.
        """
        self._lock = threading.Lock()
        self._swept_s = 0
        self._standing: Counter[bytes] = Counter()
        now_s = now_us // US_PER_S
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            boot = _BOOT_ID.read_text("ascii").strip() if _BOOT_ID.exists() else ""
            known = self._db.execute("SELECT boot, not_before_s FROM machine").fetchone()
            if known is None or known[0] != boot:
                # At the first start nothing is lost.
                known = (boot, 0 if known is None else now_s + SKEW_S)
                self._db.execute("INSERT OR REPLACE INTO machine VALUES (1, ?, ?)", known)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path} cannot be used: {error}") from error
        self._not_before_s = int(known[1])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def take(self, key: Verifier, parameters: Parameters, now_us: int) -> None:
        """Accept a request whose signature has been checked, once.

        Args:
            key: the member's request key.
            parameters: of the signature.
            now_us: the time.

        Raises:
            SignatureError: it was seen before, or may have been before this machine was started anew.
            TooManyRequestsError: too many of this key are standing.
            StoreError: it cannot be written down; then it must not be acted on.
        """
        if parameters.created_s < self._not_before_s:
            raise SignatureError("this machine was started anew just now; sign the request again in a minute")
        now_s = now_us // US_PER_S
        with self._lock:
            try:
                self._sweep(now_s)
                if self._standing[key.id] >= MAX_PER_KEY:
                    raise TooManyRequestsError(f"{MAX_PER_KEY} requests of {key.name} are standing; wait a minute")
                values = (key.id, parameters.nonce, parameters.expires_s + SKEW_S)
                fresh = self._db.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", values).rowcount
                self._standing[key.id] += fresh
            except sqlite3.Error as error:
                raise StoreError(f"nonces cannot be kept: {error}") from error
        if not fresh:
            raise SignatureError("the request was sent before; each is signed anew")

    def _sweep(self, now_s: int) -> None:
        # A clock that was set back only keeps them longer.
        if abs(now_s - self._swept_s) >= _SWEEP_S:
            self._swept_s = now_s
            self._db.execute("DELETE FROM nonces WHERE until_s < ?", (now_s,))
            self._standing = Counter(dict(self._db.execute("SELECT key, count(*) FROM nonces GROUP BY key")))


_SCHEMA = """
CREATE TABLE IF NOT EXISTS machine (one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL,
    not_before_s INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS nonces (key BLOB NOT NULL, nonce TEXT NOT NULL, until_s INTEGER NOT NULL,
    PRIMARY KEY (key, nonce)) STRICT, WITHOUT ROWID;
"""
