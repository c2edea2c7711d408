"""Entries by which an owner accounts for what it does: tombstones, legal holds, and what a named person decided.

Neither names an input, a person or a reason in clear: each commits to its words under a salt, so that the log keeps no
personal data while its owner can show later what was erased or held, when, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, cast

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES

Action = Literal["placed", "released"]
ACTIONS: Final = ("placed", "released")


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What opened some entries was erased for good; the entries, and all other proofs, stay.

    Attributes:
        entries: how many private entries can no longer be opened.
        content: commitment to which ones, and to the reason.
        at_us: when.
    """

    KIND: ClassVar[str] = "tombstone"
    entries: int
    content: bytes
    at_us: int

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(self.KIND, 1, {"entries": self.entries, "content": self.content.hex(), "at_us": self.at_us})

    @classmethod
    def parse(cls, data: bytes) -> Tombstone:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = Fields.load(data, "tombstone entry", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND)
        entry = cls(fields.number("entries"), fields.hex("content", merkle.HASH_BYTES), fields.number("at_us"))
        fields.done()
        return entry


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: what it names must not be erased until it is released.

    Attributes:
        id: the hold's random name.
        action: placed, or released.
        content: commitment to what is held, and to the reason.
        at_us: when.
    """

    KIND: ClassVar[str] = "hold"
    id: str
    action: Action
    content: bytes
    at_us: int

    def to_bytes(self) -> bytes:
        """The log entry."""
        fields = {"id": self.id, "action": self.action, "content": self.content.hex(), "at_us": self.at_us}
        return document(self.KIND, 1, fields)

    @classmethod
    def parse(cls, data: bytes) -> Hold:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = Fields.load(data, "hold entry", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND)
        hold_id, action = fields.text("id", max_chars=64), fields.text("action", max_chars=16)
        if action not in ACTIONS:
            raise ProofError("hold entry: a hold is placed or released")
        entry = cls(hold_id, cast("Action", action), fields.hex("content", merkle.HASH_BYTES), fields.number("at_us"))
        fields.done()
        return entry


@dataclass(frozen=True, slots=True)
class Decision:
    """A named person decided something about the joint watch: with whom, how far, and who else agreed.

    Attributes:
        content: commitment to what was decided, by whom, and why.
        at_us: when.
    """

    KIND: ClassVar[str] = "decision"
    content: bytes
    at_us: int

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(self.KIND, 1, {"content": self.content.hex(), "at_us": self.at_us})

    @classmethod
    def parse(cls, data: bytes) -> Decision:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = Fields.load(data, "decision entry", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND)
        entry = cls(fields.hex("content", merkle.HASH_BYTES), fields.number("at_us"))
        fields.done()
        return entry
