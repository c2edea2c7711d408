"""The keys of other members' logs, as far as this member has followed them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pollwatch.evidence.keptkeys import KeptKeys
from pollwatch.evidence.keychain import KeyChain, KnownLog
from pollwatch.sharing import database


class KeyBook:
    """What is known of each log's keys."""

    def __init__(self, path: Path) -> None:
        """Use the record file at this path; it is made when needed."""
        self._path = path

    def chain(self, known: KnownLog) -> KeyChain:
        """The keys of a log, from the one that its owner gave on."""
        with database.opened(self._path, database.RECORD) as opened:
            return KeptKeys(opened).chain(known)

    def learn(self, known: KnownLog, links: Sequence[bytes]) -> KeyChain:
        """Note the links that a log publishes; gives all keys that are known. What contradicts them is kept beside.

        Raises:
            ProofError: they do not fit one another.
            SignatureError: they do not lead past the known key, or are not signed by the log's keys.
            StoreError: the disk says no.
        """
        chain = known.follow(links)
        with database.opened(self._path, database.RECORD) as opened:
            kept = KeptKeys(opened)
            return kept.learn(known, chain) or kept.chain(known)

    def contradictions(self, known: KnownLog) -> tuple[KeyChain, ...]:
        """Chains that contradict the known one, each signed by the log's own keys."""
        with database.opened(self._path, database.RECORD) as opened:
            return KeptKeys(opened).contradictions(known)
