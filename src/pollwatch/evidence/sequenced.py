"""One input's part of a sequence entry, opened: its batches, and that they leave no record out, or where they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.manifest import Batch, PrivateEntry, Sequence
from pollwatch.evidence.salted import SALT_BYTES, commitment
from pollwatch.evidence.sequence import Span

_KIND = "opened-sequence"
_MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class OpenedSequence:
    """One span, with what ties it to its sequence entry and to its batches.

    Attributes:
        entry: the sequence entry's index in the private log; it and the span's batches must be among the opened ones.
        place: of the span in the entry's tree.
        salt: the span's.
        span: the input, and its batches.
        source_salts: of the batches' source commitments, in the span's order.
        proof: the span's inclusion in the entry's tree.
    """

    entry: int
    place: int
    salt: bytes
    span: Span
    source_salts: tuple[bytes, ...]
    proof: merkle.Proof

    def to_bytes(self) -> bytes:
        """Canonical JSON: the bundle's member."""
        return document(
            _KIND,
            1,
            {
                "entry": self.entry,
                "place": self.place,
                "salt": self.salt.hex(),
                "span": self.span.to_bytes().decode("utf-8"),
                "source_salts": [each.hex() for each in self.source_salts],
                "proof": [each.hex() for each in self.proof],
            },
        )

    @classmethod
    def parse(cls, data: bytes) -> OpenedSequence:
        """Read what :meth:`to_bytes` writes.

        Raises:
            ProofError: not that.
        """
        fields = Fields.load(data, "opened sequence", max_bytes=_MAX_BYTES)
        fields.kind(_KIND)
        entry, place, salt = fields.number("entry"), fields.number("place"), fields.hex("salt", SALT_BYTES)
        span = Span.parse(fields.text("span", max_chars=_MAX_BYTES).encode("utf-8", "surrogatepass"))
        opened = cls(
            entry,
            place,
            salt,
            span,
            fields.hexes("source_salts", SALT_BYTES),
            fields.hexes("proof", merkle.HASH_BYTES),
        )
        fields.done()
        return opened

    def check(self, entries: Mapping[int, PrivateEntry]) -> None:
        """Check the span against the sequence entry and the batch entries that the private log holds.

        Raises:
            ProofError: the entry is another one, the span is not what was sealed, or a batch is missing or of
                another input.
        """
        manifest = entries.get(self.entry)
        if not isinstance(manifest, Sequence):
            raise ProofError(f"sequence: entry {self.entry} of the private log is no sequence entry, or is not shown")
        leaf = commitment(self.salt, self.span.to_bytes())
        merkle.verify_inclusion(self.place, manifest.inputs, leaf, self.proof, manifest.root)
        batches = {index: each for index, each in entries.items() if isinstance(each, Batch)}
        self.span.check(manifest, {index: (each.first_number, each.lines) for index, each in batches.items()})
        if len(self.source_salts) != len(self.span.batches):
            raise ProofError(f"sequence of entry {self.entry}: not one source salt for each batch")
        for place, salt in zip(self.span.batches, self.source_salts, strict=True):
            if commitment(salt, self.span.path.encode("utf-8")) != batches[place.entry].source:
                raise ProofError(f"sequence of entry {self.entry}: batch {place.entry} is of another input")
