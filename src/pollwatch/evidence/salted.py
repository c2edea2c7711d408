"""Commitments that tell nothing: every line, field and document is hashed with a salt of its own.

A line's hash is SHA-256(00 || salt || line) with a 128-bit salt, so that nobody who sees the tree can try out what a
line may have said; :mod:`pollwatch.evidence.linefields` says how its fields are hashed beside it. A batch's salts are
the AES-256-CTR key stream under the batch's secret 32-byte seed. Thus one seed is kept instead of 16 bytes for each
line and field, disclosing one discloses one salt and nothing about the others, and erasing the seed erases them all.
The blocks are used so, and none twice::

    i                   the salt of line i
    (1 + s) << 64 | i   the salt of line i's field in slot s
    (32 + s) << 64 ...  what fills the slots from s to the next field's: 2 blocks for each slot, line by line
    2^128 - 1           the salt of the source label
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import chain
from struct import iter_unpack

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pollwatch.evidence import linefields, merkle
from pollwatch.evidence.linefields import SLOTS, Values

SALT_BYTES = 16
SEED_BYTES = 32
_FIELD_BLOCKS, _FILLER_BLOCKS = 1, 32
_SOURCE_BLOCK = (1 << 128) - 1


def new_seed() -> bytes:
    """A secret seed for one batch."""
    return os.urandom(SEED_BYTES)


def new_seed_for(label: bytes, names: Iterable[str]) -> bytes:
    """A secret seed for one batch, under which each of these fields has a slot to itself.

    Raises:
        ProofError: such fields cannot be sealed together.
    """
    wanted = tuple(names)
    linefields.check_names(wanted)
    while True:
        seed = new_seed()
        source = source_commitment(seed, label)
        if len({linefields.slot(source, name) for name in wanted}) == len(wanted):
            return seed


def new_salt() -> bytes:
    """A salt for one document."""
    return os.urandom(SALT_BYTES)


def salts(seed: bytes, count: int, first: int = 0) -> Sequence[bytes]:
    """Salts ``first`` to ``first + count - 1`` of a batch."""
    return _pieces(salt_stream(seed, count, first), count)


def commitment(salt: bytes, data: bytes) -> bytes:
    """SHA-256(00 || salt || data): of a line or of a document."""
    return merkle.leaf_hash(salt + data)


def line_tree(seed: bytes, lines: Sequence[bytes]) -> merkle.Tree:
    """The salted tree of lines, or of documents, that have no fields."""
    return merkle.Tree(line_hashes(seed, lines))


def line_hashes(seed: bytes, lines: Sequence[bytes]) -> list[bytes]:
    """The commitments to a batch's lines."""
    return [sha256(b"\x00" + salt + line).digest() for salt, line in zip(salts(seed, len(lines)), lines, strict=True)]


def source_salt(seed: bytes) -> bytes:
    """The salt of a batch's source label: a block that no line can reach."""
    return salts(seed, 1, _SOURCE_BLOCK)[0]


def source_commitment(seed: bytes, label: bytes) -> bytes:
    """The commitment to a batch's source label."""
    return commitment(source_salt(seed), label)


def field_salts(seed: bytes, slot: int, count: int, first: int = 0) -> Sequence[bytes]:
    """The salts of the field in this slot, of lines ``first`` to ``first + count - 1``."""
    return _pieces(_field_stream(seed, slot, count, first), count)


def slot_hashes(
    seed: bytes, fields: Mapping[int, tuple[str, Values]], count: int, first: int = 0
) -> list[Sequence[bytes]]:
    """What each line's slots hold, as columns: what fills those before the first field, the first field, and so on.

    Args:
        seed: the batch's.
        fields: by slot, each with its name and the values of these lines.
        count: how many lines.
        first: the first of them.
    """
    columns: list[Sequence[bytes]] = []
    for slot, stream in slot_streams(seed, fields, count, first):
        pieces = _pieces(stream, count)
        if slot is not None:
            name, values = fields[slot]
            pieces = linefields.field_hashes(name, pieces, values)
        columns.append(pieces)
    return columns


def slot_streams(seed: bytes, slots: Iterable[int], count: int, first: int = 0) -> Iterator[tuple[int | None, bytes]]:
    """The key stream of each column of a batch's slots, in order.

    Args:
        seed: the batch's.
        slots: those that hold fields.
        count: how many lines.
        first: the first of them.

    Yields:
        Either a slot, and its field's salts; or None, and what fills the slots up to the next field. Each line has as
        many bytes of it as the others.
    """
    start = 0
    for end in (*sorted(slots), SLOTS):
        if end > start:
            blocks = 2 * (end - start)
            yield None, _stream(seed, (_FILLER_BLOCKS + start << 64) + first * blocks, count * blocks)
        if end < SLOTS:
            yield end, _field_stream(seed, end, count, first)
        start = end + 1


def salt_stream(seed: bytes, count: int, first: int = 0) -> bytes:
    """:func:`salts`, one after the other."""
    return _stream(seed, first, count)


def _field_stream(seed: bytes, slot: int, count: int, first: int) -> bytes:
    return _stream(seed, (_FIELD_BLOCKS + slot << 64) + first, count)


def _stream(seed: bytes, first: int, blocks: int) -> bytes:
    """So many blocks of the key stream."""
    start = CTR(first.to_bytes(SALT_BYTES, "big"))
    return Cipher(AES(seed), start).encryptor().update(bytes(SALT_BYTES * blocks))


def _pieces(stream: bytes, count: int) -> list[bytes]:
    return list(chain.from_iterable(iter_unpack(f"{len(stream) // count}s", stream))) if count else []
