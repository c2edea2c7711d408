"""The key links of others' logs as they were learnt, in an SQLite file. A chain only ever grows, and never forks.

What a log's owner gave first hand (a charter, a policy) outranks what was learnt: where that key is not in the chain
any more, the chain is of no use, and a new one may take its place.
"""

from __future__ import annotations

import sqlite3

from pollwatch.errors import EvidenceError, SplitError
from pollwatch.evidence import keychain
from pollwatch.evidence.keychain import KeyChain, KnownLog

_KEPT_CONTRADICTIONS = 64
SCHEMA = """
CREATE TABLE IF NOT EXISTS log_keys (
    origin TEXT NOT NULL, number INTEGER NOT NULL, note BLOB NOT NULL, PRIMARY KEY (origin, number)) STRICT;
CREATE TABLE IF NOT EXISTS other_keys (origin TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (origin, body)) STRICT;
"""


class KeptKeys:
    """Key links in a database whose owner has applied :data:`SCHEMA`; transactions are its business too."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Use an open database."""
        self._db = database
        self._chains: dict[KnownLog, KeyChain] = {}

    def chain(self, known: KnownLog) -> KeyChain:
        """The keys of a log, as far as they were learnt."""
        rows = self._db.execute(
            "SELECT note FROM log_keys WHERE origin = ? ORDER BY number", (known.verifier.name,)
        ).fetchall()
        links, chain = tuple(row[0] for row in rows), self._chains.get(known)
        if chain is None or chain.notes != links:
            try:
                chain = known.follow(links)
            except EvidenceError:
                chain = KeyChain(known.verifier)
            self._chains[known] = chain
        return chain

    def learn(self, known: KnownLog, chain: KeyChain) -> KeyChain | None:
        """Note what a chain adds to the known one; call it within a transaction.

        Returns:
            All that is known now; None where the two contradict each other: the new one is kept as evidence.
        """
        before, origin = self.chain(known), known.verifier.name
        try:
            grown = keychain.merged(before, chain)
        except SplitError:
            (count,) = self._db.execute("SELECT count(*) FROM other_keys WHERE origin = ?", (origin,)).fetchone()
            if count < _KEPT_CONTRADICTIONS:
                values = (origin, keychain.to_file(chain.notes))
                self._db.execute("INSERT OR IGNORE INTO other_keys VALUES (?, ?)", values)
            return None
        if not before.links:
            self._db.execute("DELETE FROM log_keys WHERE origin = ?", (origin,))
        rows = [(origin, number, note) for number, note in enumerate(grown.notes)]
        self._db.executemany("INSERT OR IGNORE INTO log_keys VALUES (?, ?, ?)", rows)
        return grown

    def contradictions(self, known: KnownLog) -> tuple[KeyChain, ...]:
        """Chains that contradict the known one, each signed by the log's own keys; oldest first, at most 64."""
        rows = self._db.execute(
            "SELECT body FROM other_keys WHERE origin = ? ORDER BY rowid", (known.verifier.name,)
        ).fetchall()
        found = []
        for row in rows:
            try:
                found.append(known.follow(keychain.from_file(row[0])))
            except EvidenceError:
                continue  # against a key that its owner has since replaced
        return tuple(found)
