"""Entries about what a member gives away or compares: indicators, and commitments to a matching run.

Values never stand in an entry: each commits under a salt, so that the owner can show later that it had an indicator
by then, or that the set it matched with is the set that it committed to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pollwatch.evidence import merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator that its owner had by then.

    Attributes:
        content: commitment to it.
        at_us: when it was recorded.
    """

    KIND: ClassVar[str] = "indicator"
    content: bytes
    at_us: int

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(self.KIND, 1, {"content": self.content.hex(), "at_us": self.at_us})

    @classmethod
    def parse(cls, data: bytes) -> Indicator:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = Fields.load(data, "indicator entry", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND)
        entry = cls(fields.hex("content", merkle.HASH_BYTES), fields.number("at_us"))
        fields.done()
        return entry


@dataclass(frozen=True, slots=True)
class MatchCommitment:
    """The set that a member goes into a matching with, fixed before the other side's is known.

    Attributes:
        session: the matching's id.
        count: how many indicators.
        root: root of their salted tree.
    """

    KIND: ClassVar[str] = "match-commitment"
    session: str
    count: int
    root: bytes

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(self.KIND, 1, {"session": self.session, "count": self.count, "root": self.root.hex()})

    @classmethod
    def parse(cls, data: bytes) -> MatchCommitment:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = Fields.load(data, "match-commitment entry", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND)
        entry = cls(
            fields.text("session", max_chars=255), fields.number("count"), fields.hex("root", merkle.HASH_BYTES)
        )
        fields.done()
        return entry
