"""Entries that are too large for a log: it holds their digest, and they travel beside it.

An entry bundle gives an entry 65,535 bytes (tlog-tiles). A larger one is committed to by a ``large`` entry with its
type, its length and its SHA-256; whoever opens it shows both.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES

MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Large:
    """Stands in a log for an entry that does not fit.

    Attributes:
        kind: the type of what it stands for.
        size_bytes: its length: more than an entry may have.
        sha256: its digest.
    """

    KIND: ClassVar[str] = "large"
    kind: str
    size_bytes: int
    sha256: bytes

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(self.KIND, 1, {"of": self.kind, "size_bytes": self.size_bytes, "sha256": self.sha256.hex()})

    @classmethod
    def parse(cls, data: bytes) -> Large:
        """Read the log entry.

        Raises:
            ProofError: not such an entry, or one for something that would have fitted.
        """
        fields = Fields.load(data, "large entry", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND)
        entry = cls(
            fields.text("of", max_chars=40), fields.number("size_bytes"), fields.hex("sha256", merkle.HASH_BYTES)
        )
        fields.done()
        if entry.size_bytes <= MAX_ENTRY_BYTES:
            raise ProofError("large entry: what it stands for would have fitted into the log itself")
        return entry

    def check(self, data: bytes) -> None:
        """Check that these bytes are what the entry stands for.

        Raises:
            ProofError: they are not.
        """
        if (len(data), sha256(data).digest()) != (self.size_bytes, self.sha256):
            raise ProofError("these bytes are not what the large entry stands for")
        if Fields.load(data, "large entry's content", max_bytes=MAX_BYTES).text("type") != self.kind:
            raise ProofError("the large entry stands for an entry of another type")


def fitting(data: bytes) -> bytes:
    """What goes into a log for an entry: itself, or a :class:`Large` one that commits to it.

    Raises:
        ProofError: it is no typed document, or too large even for that.
    """
    if len(data) <= MAX_ENTRY_BYTES:
        return data
    kind = Fields.load(data, "entry", max_bytes=MAX_BYTES).text("type", max_chars=40)
    return Large(kind, len(data), sha256(data).digest()).to_bytes()
