"""Seals: what a private log's state leaves in the shared log, at a fixed interval and of a fixed size.

A seal commits to the private log's checkpoint with a fresh 256-bit blinding value, so that others see neither its size
nor whether it moved. It also carries the latest checkpoints of rivals' logs that its owner saw, each with its log's own
signature: the seal, and all that was appended after it, is not older than those; and a log that shows somebody else
another history is convicted by what the seal carries, whether or not the seal's owner still wants to say so. Every seal
has the same number of bytes, whatever happened.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from pollwatch.errors import ProofError, SignatureError
from pollwatch.evidence import merkle
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.note import Note, Signature
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES

RIVALS = 16
BLIND_BYTES = 32
_VERSION = 2
_NUMBER_BYTES = 8
_SLOT_BYTES = 140
_SIGNATURE_BYTES = 64
_DOMAIN = b"pollwatch/seal/v1\n"


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """A rival's checkpoint as a seal carries it: the log by the SHA-256 of its origin, the key by its id."""

    origin_hash: bytes
    size: int
    root: bytes
    key_id: bytes
    signature: bytes

    @classmethod
    def of(cls, signed: SignedCheckpoint) -> Seen:
        """How a seal carries a checkpoint with its log's own signature alone (type 01).

        Raises:
            SignatureError: it has more signatures, another kind of signature, or extension lines.
        """
        at, lines = signed.checkpoint, signed.note.signatures
        if len(lines) != 1 or lines[0].name != at.origin or len(lines[0].blob) != _SIGNATURE_BYTES or at.extensions:
            raise SignatureError(f"a seal carries checkpoints of {at.origin} with that log's own signature alone")
        origin_hash = sha256(at.origin.encode("utf-8")).digest()
        return cls(origin_hash, at.size, at.root, lines[0].key_id, lines[0].blob)

    def signed(self, origin: str) -> SignedCheckpoint:
        """The checkpoint again, for whoever knows the origin; its signature is unchecked.

        Raises:
            SignatureError: it is of another log, or none that there can be.
        """
        if sha256(origin.encode("utf-8")).digest() != self.origin_hash:
            raise SignatureError(f"the seal carries no checkpoint of {origin}")
        at = Checkpoint(origin, self.size, self.root)
        return SignedCheckpoint(at, Note(at.text, (Signature(origin, self.key_id, self.signature),)))

    def to_bytes(self) -> bytes:
        """Its slot in the seal."""
        size = self.size.to_bytes(_NUMBER_BYTES, "big")
        return b"".join((self.origin_hash, size, self.root, self.key_id, self.signature))

    @classmethod
    def parse(cls, slot: bytes) -> Seen:
        """Read a slot."""
        return cls(slot[:32], int.from_bytes(slot[32:40], "big"), slot[40:72], slot[72:76], slot[76:])


_EMPTY = bytes(_SLOT_BYTES)


@dataclass(frozen=True, slots=True)
class Opening:
    """What the owner keeps, and gives away when it opens a seal.

    Attributes:
        blind: 32 secret bytes.
        text: the private checkpoint's text.
    """

    blind: bytes
    text: str

    @property
    def commitment(self) -> bytes:
        """What the seal shows."""
        return sha256(_DOMAIN + self.blind + self.text.encode("utf-8")).digest()

    @property
    def checkpoint(self) -> Checkpoint:
        """The private log's checkpoint.

        Raises:
            SignatureError: the text is no checkpoint.
        """
        return Checkpoint.parse(self.text)


@dataclass(frozen=True, slots=True)
class Seal:
    """The shared log's entry.

    Attributes:
        at_us: when its owner says it was made; cosignatures say it better.
        commitment: see :class:`Opening`.
        rivals: sorted, at most 16; one per log.
    """

    KIND: ClassVar[str] = "seal"
    at_us: int
    commitment: bytes
    rivals: tuple[Seen, ...] = ()

    def to_bytes(self) -> bytes:
        """The log entry; always the same number of bytes."""
        padded = (*(each.to_bytes() for each in self.rivals), *(_EMPTY,) * (RIVALS - len(self.rivals)))
        return document(
            self.KIND,
            _VERSION,
            {
                "at_us": self.at_us.to_bytes(_NUMBER_BYTES, "big").hex(),
                "commitment": self.commitment.hex(),
                "rivals": [each.hex() for each in padded],
            },
        )

    @classmethod
    def parse(cls, data: bytes) -> Seal:
        """Read the log entry; the checkpoints that it carries are unchecked.

        Raises:
            ProofError: not such an entry.
        """
        fields = Fields.load(data, "seal", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND, _VERSION)
        at_us = int.from_bytes(fields.hex("at_us", _NUMBER_BYTES), "big")
        commitment = fields.hex("commitment", merkle.HASH_BYTES)
        slots = fields.hexes("rivals", _SLOT_BYTES)
        fields.done()
        rivals = tuple(Seen.parse(slot) for slot in slots if slot != _EMPTY)
        seal = cls(at_us, commitment, rivals)
        if len(slots) != RIVALS or list(rivals) != sorted(rivals) or seal.to_bytes() != data:
            raise ProofError("seal: its rivals' checkpoints are not in their only form")
        return seal

    def check(self, opening: Opening) -> None:
        """Check that an opening belongs to this seal.

        Raises:
            ProofError: it does not.
        """
        if len(opening.blind) != BLIND_BYTES or opening.commitment != self.commitment:
            raise ProofError("the opening does not belong to the seal: the private state was another one")


def make_seal(private: Checkpoint, rivals: Sequence[SignedCheckpoint], now_us: int) -> tuple[Seal, Opening]:
    """A seal over a private checkpoint, and its opening.

    Args:
        private: the state to commit to.
        rivals: the latest checkpoint seen of each other log, with that log's own signature alone; of more than 16 the
            first 16 are carried.
        now_us: the time.

    Raises:
        SignatureError: one of them cannot be carried.
    """
    opening = Opening(os.urandom(BLIND_BYTES), private.text)
    seen = {each.origin_hash: each for each in map(Seen.of, rivals[:RIVALS])}
    return Seal(now_us, opening.commitment, tuple(sorted(seen.values()))), opening
