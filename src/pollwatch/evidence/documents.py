"""Own documents opened after a leak: this file is one of those that were sealed, or it is none of them.

A document's leaf is SHA-256(00 || salt || SHA-256 of the file || its length as u64). Names are never committed to nor
shown. Proving one shows its digest and salt and says nothing about the others. Disowning a file needs the digests of
all, for only then does a reader see that the file is not among them; contents and names stay closed all the same.

Neither can show that a forged document never existed: only what was sealed by then, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.manifest import Documents, PrivateEntry
from pollwatch.evidence.salted import SALT_BYTES, commitment

_KIND = "opened-documents"
_MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Digest:
    """A file, byte for byte: its SHA-256 and its length."""

    sha256: bytes
    size_bytes: int

    def to_bytes(self) -> bytes:
        """What the salted leaf commits to."""
        return self.sha256 + self.size_bytes.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """One leaf of a documents entry."""

    place: int
    salt: bytes
    digest: Digest


@dataclass(frozen=True, slots=True)
class OpenedDocuments:
    """Some documents of one entry, or all of them.

    Attributes:
        entry: the documents entry's index in the private log; that entry must be among the opened ones.
        shown: ascending by place.
        proof: see :func:`pollwatch.evidence.merkle.prove_subset`.
        disowned: a file that is none of them; all must be shown then.
    """

    entry: int
    shown: tuple[OpenedDocument, ...]
    proof: merkle.Proof
    disowned: Digest | None = None

    def to_bytes(self) -> bytes:
        """Canonical JSON: the bundle's member."""
        shown = [{"place": each.place, "salt": each.salt.hex(), **_digest_fields(each.digest)} for each in self.shown]
        disowned = None if self.disowned is None else _digest_fields(self.disowned)
        proof = [each.hex() for each in self.proof]
        return document(_KIND, 1, {"entry": self.entry, "shown": shown, "proof": proof, "disowned": disowned})

    @classmethod
    def parse(cls, data: bytes) -> OpenedDocuments:
        """Read what :meth:`to_bytes` writes.

        Raises:
            ProofError: not that.
        """
        fields = Fields.load(data, "opened documents", max_bytes=_MAX_BYTES)
        fields.kind(_KIND)
        entry = fields.number("entry")
        shown = []
        for each in fields.objects("shown"):
            shown.append(OpenedDocument(each.number("place"), each.hex("salt", SALT_BYTES), _digest(each)))
            each.done()
        proof = fields.hexes("proof", merkle.HASH_BYTES)
        given = fields.raw("disowned")
        disowned = None
        if given is not None:
            inner = Fields(given, "opened documents: disowned")
            disowned = _digest(inner)
            inner.done()
        fields.done()
        return cls(entry, tuple(shown), proof, disowned)

    def check(self, manifest: PrivateEntry | None) -> Documents:
        """Check that these documents were sealed by the entry, and that a disowned one was not.

        Raises:
            ProofError: the entry is another one, a digest is not what was sealed, or the disowned file is among them.
        """
        if not isinstance(manifest, Documents):
            raise ProofError(f"documents: entry {self.entry} of the private log is none of documents, or is not shown")
        if any(left.place >= right.place for left, right in pairwise(self.shown)):
            raise ProofError(f"documents of entry {self.entry}: not in ascending order")
        leaves = {each.place: commitment(each.salt, each.digest.to_bytes()) for each in self.shown}
        if not leaves or merkle.root_from_subset(leaves, manifest.count, self.proof) != manifest.root:
            raise ProofError(f"documents of entry {self.entry}: a digest, its place or its salt is not what was sealed")
        if self.disowned is not None:
            if len(leaves) != manifest.count:
                raise ProofError(f"documents of entry {self.entry}: to disown a file, all must be shown")
            if any(each.digest.sha256 == self.disowned.sha256 for each in self.shown):
                raise ProofError(f"documents of entry {self.entry}: the disowned file is one of them")
        return manifest


def _digest_fields(digest: Digest) -> dict[str, str | int]:
    return {"sha256": digest.sha256.hex(), "size_bytes": digest.size_bytes}


def _digest(fields: Fields) -> Digest:
    return Digest(fields.hex("sha256", merkle.HASH_BYTES), fields.number("size_bytes"))
