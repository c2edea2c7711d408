"""A log's chain of keys in a bundle: each link with its place in the log, for a reader who has nothing but the file.

The links say which key signs which size; that they are entries of the log, below a checkpoint that the newest key
signed, says that the change was made in public. Bundles made before a change hold no history and need none: their
checkpoint is signed by the key of its size, and that key's owner is known to whoever knew it then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pollwatch.errors import ProofError
from pollwatch.evidence import keychain, merkle, rotation
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.keychain import KeyChain, Link
from pollwatch.evidence.tiles import TileReader

_MAX_BYTES = 1 << 21


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """All key links of a log, proven to be entries of it.

    Attributes:
        links: as signed notes, from number 0 on; at least one.
        places: inclusion of each in the tree of ``signed``.
        signed: a checkpoint that contains them all, with the log's own signature alone.
        growth: that the log grew from the checkpoint of the bundle's seal into this one.
    """

    KIND: ClassVar[str] = "key-history"
    links: tuple[bytes, ...]
    places: tuple[merkle.Proof, ...]
    signed: SignedCheckpoint
    growth: merkle.Proof

    @classmethod
    def of(cls, chain: KeyChain, signed: SignedCheckpoint, log: TileReader, seal_size: int) -> KeyHistory:
        """The history of a log for a bundle whose seal's checkpoint has this size.

        Args:
            chain: the log's keys.
            signed: its latest checkpoint.
            log: its tiles, at that size.
            seal_size: of the checkpoint in the bundle.
        """
        places = tuple(log.inclusion(link.from_size - 1) for link in chain.links)
        return cls(chain.notes, places, chain.bare(signed), log.consistency(seal_size))

    def to_bytes(self) -> bytes:
        """Canonical JSON: the bundle's member."""
        return document(
            self.KIND,
            1,
            {
                "links": [
                    {"note": note.decode("utf-8"), "place": [each.hex() for each in place]}
                    for note, place in zip(self.links, self.places, strict=True)
                ],
                "checkpoint": self.signed.to_bytes().decode("utf-8"),
                "growth": [each.hex() for each in self.growth],
            },
        )

    @classmethod
    def parse(cls, data: bytes) -> KeyHistory:
        """Read what :meth:`to_bytes` writes; :meth:`check` verifies it.

        Raises:
            ProofError: not that.
            SignatureError: a malformed checkpoint.
        """
        fields = Fields.load(data, "key history", max_bytes=_MAX_BYTES)
        fields.kind(cls.KIND)
        links: list[bytes] = []
        places: list[merkle.Proof] = []
        for each in fields.objects("links"):
            links.append(each.text("note").encode("utf-8", "surrogatepass"))
            places.append(each.hexes("place", merkle.HASH_BYTES))
            each.done()
        signed = SignedCheckpoint.parse(fields.text("checkpoint").encode("utf-8", "surrogatepass"))
        growth = fields.hexes("growth", merkle.HASH_BYTES)
        fields.done()
        if not links:
            raise ProofError("key history: it holds no link")
        return cls(tuple(links), tuple(places), signed, growth)

    def check(self) -> KeyChain:
        """Check links and places; whether to know any of the keys is for the reader to say.

        Raises:
            ProofError: a link does not fit, or is not in the log where it says.
            SignatureError: a link or the checkpoint is not signed by the keys that must sign it.
        """
        chain = keychain.follow(Link.of(self.links[0]).verifier, self.links)
        chain.check(self.signed)
        if chain.bare(self.signed) != self.signed:
            raise ProofError("the checkpoint carries the log's own signature and no other")
        at = self.signed.checkpoint
        for link, note, place in zip(chain.links, self.links, self.places, strict=True):
            leaf = merkle.leaf_hash(rotation.posted(note).to_bytes())
            try:
                merkle.verify_inclusion(link.from_size - 1, at.size, leaf, place, at.root)
            except ProofError as error:
                raise ProofError(f"link {link.number} is not entry {link.from_size - 1} of the log: {error}") from error
        return chain

    def check_growth(self, seal: Checkpoint) -> None:
        """Check that the log that holds the links is the one that holds the bundle's seal.

        Args:
            seal: the checkpoint that contains the seal.

        Raises:
            ProofError: the log did not grow so.
        """
        at = self.signed.checkpoint
        merkle.verify_consistency(seal.size, at.size, seal.root, at.root, self.growth)
