"""Commitments that tell nothing: every line and document is hashed with a salt of its own.

A line's leaf is SHA-256(00 || salt || line) with a 128-bit salt, so that nobody who sees the tree can try out what a
line may have said. A batch's salts are the AES-256-CTR key stream under the batch's secret 32-byte seed: salt ``i`` is
block ``i``. Thus one seed is kept instead of 16 bytes a line, disclosing a line discloses one salt and nothing about
the others, and erasing the seed erases them all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pollwatch.evidence import merkle

SALT_BYTES = 16
SEED_BYTES = 32


def new_seed() -> bytes:
    """A secret seed for one batch."""
    return os.urandom(SEED_BYTES)


def new_salt() -> bytes:
    """A salt for one document."""
    return os.urandom(SALT_BYTES)


def salts(seed: bytes, count: int, first: int = 0) -> Sequence[bytes]:
    """Salts ``first`` to ``first + count - 1`` of a batch."""
    stream = Cipher(AES(seed), CTR(first.to_bytes(SALT_BYTES, "big"))).encryptor().update(bytes(SALT_BYTES * count))
    return [stream[place : place + SALT_BYTES] for place in range(0, len(stream), SALT_BYTES)]


def commitment(salt: bytes, data: bytes) -> bytes:
    """SHA-256(00 || salt || data): of a line (as leaf) or of a document."""
    return merkle.leaf_hash(salt + data)


def line_tree(seed: bytes, lines: Sequence[bytes]) -> merkle.Tree:
    """The salted tree of a batch's lines."""
    pairs = zip(salts(seed, len(lines)), lines, strict=True)
    return merkle.Tree([sha256(b"\x00" + salt + line).digest() for salt, line in pairs])


def source_salt(seed: bytes) -> bytes:
    """The salt of a batch's source label: a block that no line can reach."""
    return salts(seed, 1, (1 << 128) - 1)[0]
