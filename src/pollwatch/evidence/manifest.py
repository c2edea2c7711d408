"""What is sealed: log entries as canonical JSON with a type and a version. Never personal data, only commitments.

Private log: batch, incident, disclosure, documents, canary; sequence (:mod:`pollwatch.evidence.sequence`), tombstone,
hold and decision (:mod:`pollwatch.evidence.upkeep`), indicator and match-commitment
(:mod:`pollwatch.evidence.released`), what stands for an entry that is too large (:mod:`pollwatch.evidence.large`), and
the log's own key links, as posted documents. Shared log: seal (:mod:`pollwatch.evidence.seal`), posted documents
(charter, key, claim, opinion ...), and proofs against others' logs: of forks (:mod:`pollwatch.evidence.monitor`) and of
misused keys (:mod:`pollwatch.evidence.misuse`). Every class reads back strictly what it writes; unknown fields are
refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias, TypeVar, get_args

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.large import Large
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.posted import Posted
from pollwatch.evidence.released import Indicator, MatchCommitment
from pollwatch.evidence.seal import Seal
from pollwatch.evidence.sequence import Sequence
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES
from pollwatch.evidence.upkeep import Decision, Hold, Tombstone

__all__ = [
    "Batch",
    "Canary",
    "Decision",
    "Disclosure",
    "Documents",
    "ForkProof",
    "Hold",
    "IncidentEntry",
    "Indicator",
    "KeyMisuse",
    "Large",
    "MatchCommitment",
    "Posted",
    "PrivateEntry",
    "Seal",
    "Sequence",
    "SharedEntry",
    "Tombstone",
    "parse_private",
    "parse_shared",
]

_H = merkle.HASH_BYTES
_E = TypeVar("_E")


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one input.

    Attributes:
        source: commitment to the input's name (:func:`pollwatch.evidence.salted.commitment`).
        first_number: 1-based number of the first record.
        lines: how many records.
        first_us: earliest time in them; None where unknown.
        last_us: latest.
        root: root of the salted line tree.
    """

    KIND: ClassVar[str] = "batch"
    source: bytes
    first_number: int
    lines: int
    first_us: int | None
    last_us: int | None
    root: bytes

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(
            self.KIND,
            1,
            {
                "source": self.source.hex(),
                "first_number": self.first_number,
                "lines": self.lines,
                "first_us": self.first_us,
                "last_us": self.last_us,
                "root": self.root.hex(),
            },
        )

    @classmethod
    def parse(cls, data: bytes) -> Batch:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = _open(data, cls.KIND)
        return _closed(
            fields,
            cls(
                fields.hex("source", _H),
                fields.number("first_number"),
                fields.number("lines"),
                fields.optional_number("first_us"),
                fields.optional_number("last_us"),
                fields.hex("root", _H),
            ),
        )


@dataclass(frozen=True, slots=True)
class IncidentEntry:
    """An incident as it was understood when it was sealed.

    Attributes:
        id: the incident's id.
        severity: its word.
        first_us: time of its first line; None where unknown.
        last_us: of its last.
        lines: how many lines it has.
        content: commitment to the incident's canonical JSON.
        references: commitment to the list of its lines (:class:`pollwatch.evidence.references.References`).
    """

    KIND: ClassVar[str] = "incident"
    id: str
    severity: str
    first_us: int | None
    last_us: int | None
    lines: int
    content: bytes
    references: bytes

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(
            self.KIND,
            1,
            {
                "id": self.id,
                "severity": self.severity,
                "first_us": self.first_us,
                "last_us": self.last_us,
                "lines": self.lines,
                "content": self.content.hex(),
                "references": self.references.hex(),
            },
        )

    @classmethod
    def parse(cls, data: bytes) -> IncidentEntry:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = _open(data, cls.KIND)
        return _closed(
            fields,
            cls(
                fields.text("id", max_chars=255),
                fields.text("severity", max_chars=32),
                fields.optional_number("first_us"),
                fields.optional_number("last_us"),
                fields.number("lines"),
                fields.hex("content", _H),
                fields.hex("references", _H),
            ),
        )


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Something that left for another member.

    Attributes:
        recipient: the member's name.
        marking: e.g. ``TLP:AMBER``.
        content: commitment to the bytes that left.
        at_us: when.
    """

    KIND: ClassVar[str] = "disclosure"
    recipient: str
    marking: str
    content: bytes
    at_us: int

    def to_bytes(self) -> bytes:
        """The log entry."""
        content = {"recipient": self.recipient, "marking": self.marking, "content": self.content.hex()}
        return document(self.KIND, 1, {**content, "at_us": self.at_us})

    @classmethod
    def parse(cls, data: bytes) -> Disclosure:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = _open(data, cls.KIND)
        recipient, marking = fields.text("recipient", max_chars=255), fields.text("marking", max_chars=64)
        return _closed(fields, cls(recipient, marking, fields.hex("content", _H), fields.number("at_us")))


@dataclass(frozen=True, slots=True)
class Documents:
    """Own documents, sealed so that forged ones can be denied after a leak.

    Attributes:
        count: how many.
        root: root of their salted tree.
    """

    KIND: ClassVar[str] = "documents"
    count: int
    root: bytes

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(self.KIND, 1, {"count": self.count, "root": self.root.hex()})

    @classmethod
    def parse(cls, data: bytes) -> Documents:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = _open(data, cls.KIND)
        return _closed(fields, cls(fields.number("count"), fields.hex("root", _H)))


@dataclass(frozen=True, slots=True)
class Canary:
    """A planted secret, sealed before it was planted; or, once a day, that recording was at work on that day.

    Attributes:
        content: commitment to the canary and where it was planted, or to the day.
    """

    KIND: ClassVar[str] = "canary"
    content: bytes

    def to_bytes(self) -> bytes:
        """The log entry."""
        return document(self.KIND, 1, {"content": self.content.hex()})

    @classmethod
    def parse(cls, data: bytes) -> Canary:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = _open(data, cls.KIND)
        return _closed(fields, cls(fields.hex("content", _H)))


PrivateEntry: TypeAlias = (
    Batch
    | IncidentEntry
    | Indicator
    | Disclosure
    | Documents
    | MatchCommitment
    | Tombstone
    | Hold
    | Decision
    | Canary
    | Sequence
    | Large
    | Posted
)
SharedEntry: TypeAlias = Seal | Posted | ForkProof | KeyMisuse


def parse_private(data: bytes) -> PrivateEntry:
    """Read any entry of a private log.

    Raises:
        ProofError: of no known type, or malformed.
    """
    kind = _kind(data)
    if kind == "key":
        return Posted.parse(data)
    for each in get_args(PrivateEntry):
        if kind == each.KIND:
            entry: PrivateEntry = each.parse(data)
            return entry
    raise ProofError(f"private log entry is of unknown type {kind[:40]!r}")


def parse_shared(data: bytes) -> SharedEntry:
    """Read any entry of a shared log; proofs are read, not believed.

    Raises:
        ProofError: of no known type, or malformed.
        SignatureError: a proof with malformed keys or checkpoints.
    """
    kind = _kind(data)
    if kind == Seal.KIND:
        return Seal.parse(data)
    if kind == ForkProof.KIND:
        return ForkProof.parse(data)
    if kind == KeyMisuse.KIND:
        return KeyMisuse.parse(data)
    return Posted.parse(data)


def _kind(data: bytes) -> str:
    return Fields.load(data, "log entry", max_bytes=MAX_ENTRY_BYTES).text("type")


def _open(data: bytes, kind: str) -> Fields:
    fields = Fields.load(data, f"{kind} entry", max_bytes=MAX_ENTRY_BYTES)
    fields.kind(kind)
    return fields


def _closed(fields: Fields, entry: _E) -> _E:
    fields.done()
    return entry
