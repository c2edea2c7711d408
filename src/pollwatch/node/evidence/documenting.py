"""Own documents, sealed before anybody leaks them: which leaked file is one of ours, and which is none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.errors import ProofError, SourceError
from pollwatch.evidence import merkle, salted
from pollwatch.evidence.bundle import Bundle
from pollwatch.evidence.documents import Digest, OpenedDocument, OpenedDocuments
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.manifest import Documents
from pollwatch.i18n import _
from pollwatch.incidents.export import encodable
from pollwatch.node.evidence import bundling
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.openings import KeptEntry
from pollwatch.node.evidence.sealing import CaseEvidence

_MAX_OPENING_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A sealed document as its owner remembers it."""

    name: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class KeptDocuments:
    """What opens a documents entry: its seed (salt ``i`` is document ``i``'s), names and digests; no contents."""

    seed: bytes
    documents: tuple[KeptDocument, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        documents = [[each.name, each.digest.sha256.hex(), each.digest.size_bytes] for each in self.documents]
        return document("documents-opening", 1, {"seed": self.seed.hex(), "documents": documents})

    @classmethod
    def parse(cls, data: bytes) -> KeptDocuments:
        """Read what :meth:`to_bytes` writes."""
        fields = Fields.load(data, "documents opening", max_bytes=_MAX_OPENING_BYTES)
        fields.kind("documents-opening")
        seed = fields.hex("seed", salted.SEED_BYTES)
        found = tuple(
            KeptDocument(name, Digest(bytes.fromhex(digest), size)) for name, digest, size in fields.many("documents")
        )
        fields.done()
        return cls(seed, found)

    def tree(self) -> merkle.Tree:
        """The salted tree."""
        return salted.line_tree(self.seed, [each.digest.to_bytes() for each in self.documents])


def seal_documents(evidence: CaseEvidence, paths: Sequence[Path]) -> tuple[int, int]:
    """Seal files, and all files in folders, by salted digests only.

    Returns:
        The entry's index in the private log, and how many documents it seals.

    Raises:
        SourceError: a file cannot be read, or there is none.
        StoreError: the disk says no.
    """
    found = tuple(KeptDocument(encodable(str(path)), digest_of(path)) for path in _files(paths))
    if not found:
        raise SourceError("no file to seal: the folders given are empty")
    kept = KeptDocuments(salted.new_seed(), found)
    return evidence.record(Documents(len(found), kept.tree().root()), kept.to_bytes()), len(found)


def seal_bytes(evidence: CaseEvidence, name: str, data: bytes) -> int:
    """Seal one document that is at hand, by its salted digest; what was sealed before keeps its entry, which is given.

    Raises:
        StoreError: the disk says no.
    """
    digest = Digest(hashlib.sha256(data).digest(), len(data))
    found = _place(evidence, digest)
    if found is not None:
        return found[0]
    kept = KeptDocuments(salted.new_seed(), (KeptDocument(encodable(name), digest),))
    return evidence.record(Documents(1, kept.tree().root()), kept.to_bytes())


def prove(evidence: CaseEvidence, file: Path, out: Path, clock: Clock) -> Bundle:
    """Write a bundle that shows a file to be one of the sealed documents; nothing about the others is shown.

    Raises:
        ProofError: it is none of them, byte for byte.
        StoreError: it is not sealed yet, or the bundle cannot be written.
    """
    bundle = proof_of(evidence, digest_of(file), clock, str(file))
    bundling.write(evidence, bundle, out)
    return bundle


def proof_of(evidence: CaseEvidence, digest: Digest, clock: Clock, name: str, extras: Extras | None = None) -> Bundle:
    """The bundle that shows a file of this digest to be one of the sealed documents.

    Args:
        evidence: the case's.
        digest: the file, byte for byte.
        clock: for the time of export.
        name: what the file is called in errors.
        extras: what else goes in.

    Raises:
        ProofError: it is none of them.
        StoreError: it is not sealed yet.
    """
    found = _place(evidence, digest)
    if found is None:
        raise ProofError(
            f"{name} is none of the sealed documents, byte for byte; `pollwatch seal disown` says what that shows"
        )
    entry, kept, place = found
    opened = _opened(entry, kept, (place,))
    cover = _cover(digest, owned=True)
    return bundling.assemble(evidence, (entry,), clock, cover, extras or Extras(), documents=(opened,))


def disown(evidence: CaseEvidence, file: Path, out: Path, clock: Clock) -> Bundle:
    """Write a bundle that shows a file to be none of the sealed documents: the digests of all are shown.

    Raises:
        ProofError: it is one of them, or none was ever sealed.
        StoreError: they are not sealed yet, or the bundle cannot be written.
    """
    digest = digest_of(file)
    found = list(_all(evidence))
    if not found:
        raise ProofError("no documents were ever sealed; `pollwatch seal documents PATH...` does it")
    for entry, kept in found:
        if any(each.digest == digest for each in kept.documents):
            raise ProofError(f"{file} is one of the documents that entry {entry} sealed; it cannot be disowned")
    opened = tuple(_opened(entry, kept, range(len(kept.documents)), digest) for entry, kept in found)
    entries = tuple(entry for entry, _kept in found)
    bundle = bundling.assemble(evidence, entries, clock, _cover(digest, owned=False), Extras(), documents=opened)
    bundling.write(evidence, bundle, out)
    return bundle


def digest_of(path: Path) -> Digest:
    """A file's digest and length.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            return Digest(digest, file.tell())
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files themselves and those below folders, each once; links are not followed out of a folder."""
    seen: set[Path] = set()
    for path in paths:
        inside = sorted(each for each in path.rglob("*") if each.is_file() and not each.is_symlink())
        for each in inside if path.is_dir() else (path,):
            if each not in seen:
                seen.add(each)
                yield each


def _place(evidence: CaseEvidence, digest: Digest) -> tuple[int, KeptDocuments, int] | None:
    """The first entry that seals a file, what opens it, and the file's place there; None where none does."""
    for entry, kept in _all(evidence):
        for place, each in enumerate(kept.documents):
            if each.digest == digest:
                return entry, kept, place
    return None


def _all(evidence: CaseEvidence) -> Iterator[tuple[int, KeptDocuments]]:
    kept: KeptEntry
    for kept in evidence.openings.kept_entries(Documents.KIND):
        yield kept.entry, KeptDocuments.parse(kept.opening)


def _opened(entry: int, kept: KeptDocuments, places: Sequence[int], disowned: Digest | None = None) -> OpenedDocuments:
    salts = salted.salts(kept.seed, len(kept.documents))
    shown = tuple(OpenedDocument(place, salts[place], kept.documents[place].digest) for place in places)
    proof = merkle.prove_subset(places, len(kept.documents), kept.tree().subtree)
    return OpenedDocuments(entry, shown, proof, disowned)


def _cover(digest: Digest, *, owned: bool) -> str:
    head = (
        _("The file with SHA-256 {digest} ({size} bytes) is one of the documents that were sealed.\n")
        if owned
        else _("The file with SHA-256 {digest} ({size} bytes) is none of the documents that were sealed.\n")
    )
    text = _(
        "EVIDENCE BUNDLE\n"
        "\n"
        "{head}"
        "\n"
        "What it proves, to anybody, without trusting its sender: that this was so when they were sealed, no later\n"
        "than the times that independent witnesses state in seal/shared.tlog-proof. Compare the file that you have:\n"
        "  sha256sum FILE\n"
        "\n"
        "What it does not prove: that a document is true or who wrote it; that all documents were sealed; that a\n"
        "document that was not sealed is forged, or never existed.\n"
        "\n"
        "How to check it (no network is needed):\n"
        "  pollwatch verify THIS-FILE --policy YOUR-POLICY\n"
    )
    return text.format(head=head.format(digest=digest.sha256.hex(), size=digest.size_bytes))
