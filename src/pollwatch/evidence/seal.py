"""Seals: what a private log's state leaves in the shared log, at a fixed interval and of a fixed size.

A seal commits to the private log's checkpoint with a fresh 256-bit blinding value, so that others see neither its size
nor whether it moved. It also names the latest checkpoints of rivals' logs that its owner saw: the seal, and all that
was appended after it, is not older than those. Every seal has the same number of bytes, whatever happened.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES

RIVALS = 16
BLIND_BYTES = 32
_NUMBER_BYTES = 8
_DOMAIN = b"pollwatch/seal/v1\n"


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """A rival's checkpoint as a seal names it: the log by the SHA-256 of its origin."""

    origin_hash: bytes
    size: int
    root: bytes

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Seen:
        """How a seal names this checkpoint."""
        return cls(sha256(checkpoint.origin.encode("utf-8")).digest(), checkpoint.size, checkpoint.root)


_EMPTY = Seen(bytes(32), 0, bytes(32))


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
        padded = (*self.rivals, *(_EMPTY,) * (RIVALS - len(self.rivals)))
        return document(
            self.KIND,
            1,
            {
                "at_us": self.at_us.to_bytes(_NUMBER_BYTES, "big").hex(),
                "commitment": self.commitment.hex(),
                "rivals": [
                    each.origin_hash.hex() + each.size.to_bytes(_NUMBER_BYTES, "big").hex() + each.root.hex()
                    for each in padded
                ],
            },
        )

    @classmethod
    def parse(cls, data: bytes) -> Seal:
        """Read the log entry.

        Raises:
            ProofError: not such an entry.
        """
        fields = Fields.load(data, "seal", max_bytes=MAX_ENTRY_BYTES)
        fields.kind(cls.KIND)
        at_us = int.from_bytes(fields.hex("at_us", _NUMBER_BYTES), "big")
        commitment = fields.hex("commitment", merkle.HASH_BYTES)
        slots = fields.hexes("rivals", 72)
        fields.done()
        seen = [Seen(slot[:32], int.from_bytes(slot[32:40], "big"), slot[40:]) for slot in slots]
        rivals = tuple(each for each in seen if each != _EMPTY)
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


def make_seal(private: Checkpoint, rivals: Sequence[Checkpoint], now_us: int) -> tuple[Seal, Opening]:
    """A seal over a private checkpoint, and its opening.

    Args:
        private: the state to commit to.
        rivals: the latest checkpoint seen of each other log; of more than 16 the first 16 are named.
        now_us: the time.
    """
    opening = Opening(os.urandom(BLIND_BYTES), private.text)
    seen = {each.origin_hash: each for each in map(Seen.of, rivals[:RIVALS])}
    return Seal(now_us, opening.commitment, tuple(sorted(seen.values()))), opening
