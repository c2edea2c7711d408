"""Documents that a member posts in clear in its shared log: charter, key, claim, opinion, and what answers them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES

KINDS: Final = (
    *("charter", "key", "claim", "opinion", "inquiry", "statement", "retraction", "policy", "matching"),
    *("receipt", "tombstone"),
)


@dataclass(frozen=True, slots=True)
class Posted:
    """One posted document.

    Attributes:
        kind: one of :data:`KINDS`.
        subject: what it is about: an id, chosen by the station that posts it.
        digest: SHA-256 of the document.
        text: the document itself, where it fits into an entry; else None, and it travels beside the log.
    """

    KIND: ClassVar[str] = "posted"
    kind: str
    subject: str
    digest: bytes
    text: str | None

    @classmethod
    def of(cls, kind: str, subject: str, data: bytes, *, inline: bool = True) -> Posted:
        """An entry for a document; ``inline`` carries UTF-8 text along.

        Raises:
            ProofError: no such kind, or text that is not UTF-8.
        """
        if kind not in KINDS:
            raise ProofError(f"{kind!r} cannot be posted; it is one of {', '.join(KINDS)}")
        try:
            return cls(kind, subject, sha256(data).digest(), data.decode("utf-8") if inline else None)
        except UnicodeDecodeError:
            raise ProofError(f"posted {kind} is not UTF-8; post it by digest only") from None

    def to_bytes(self) -> bytes:
        """The log entry."""
        content = {"subject": self.subject, "digest": self.digest.hex(), "text": self.text}
        return document(self.kind, 1, content)

    @classmethod
    def parse(cls, data: bytes) -> Posted:
        """Read the log entry.

        Raises:
            ProofError: not such an entry, or a text that is not what the digest says.
        """
        fields = Fields.load(data, "posted entry", max_bytes=MAX_ENTRY_BYTES)
        kind = fields.text("type", max_chars=40)
        if kind not in KINDS or fields.number("version") != 1:
            raise ProofError(f"posted entry is of unknown type {kind!r} or version")
        entry = cls(
            kind,
            fields.text("subject", max_chars=1024),
            fields.hex("digest", merkle.HASH_BYTES),
            fields.optional_text("text"),
        )
        fields.done()
        if entry.text is not None and sha256(entry.text.encode("utf-8", "surrogatepass")).digest() != entry.digest:
            raise ProofError(f"posted {kind}: its text is not what its digest says")
        return entry
