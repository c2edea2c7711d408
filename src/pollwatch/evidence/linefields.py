"""Fields of a line, each under a salt of its own: a line's address can be shown without its user, and both without it.

A line's leaf is then made of two halves::

    leaf   = SHA-256(04 || SHA-256(00 || salt || line) || fields)
    fields = SHA-256(03 || 16 commitments, one for each slot)
    commitment of a field = SHA-256(02 || salt || length of its name || name || 00), where the line has no such field
                            SHA-256(02 || salt || length of its name || name || 01 || value) else

Whoever shows a field shows its name, salt and value, and the 15 other commitments and the line's half as they are.
Whoever shows the line shows one digest for all its fields. A line sealed without fields is its first half alone; the
first byte tells them apart.

A field's name has one slot in a batch, drawn by SHA-256(05 || the batch's source commitment || name): nobody can commit
one line to two values of one name and show whichever suits. There are always 16 slots; those without a field hold bytes
that nobody can tell from a commitment, so that neither the number of fields shows nor which ones a line lacks. A
field's value is what its owner took the line to say: the two are compared by whoever sees the line too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256

from pollwatch.errors import ProofError

SLOTS = 16
#: More would make it tedious to find a batch secret under which all their slots differ.
MAX_FIELDS = 8
Values = Sequence[bytes | None]
"""A field of consecutive lines: None where a line has none."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
FIELD, FIELDS, LEAF, _SLOT = b"\x02", b"\x03", b"\x04", b"\x05"
ABSENT, PRESENT = b"\x00", b"\x01"


def check_names(names: Iterable[str]) -> None:
    """Check that fields of these names can be sealed together.

    Raises:
        ProofError: a name is malformed or stands twice, or there are too many.
    """
    given = tuple(names)
    for name in given:
        if not _NAME.fullmatch(name):
            raise ProofError(f"{name[:80]!r} cannot be the name of a field: use at most 64 letters, digits, _ . and -")
    if len(set(given)) != len(given) or len(given) > MAX_FIELDS:
        raise ProofError(f"at most {MAX_FIELDS} fields can be sealed, each once")


def slot(source: bytes, name: str) -> int:
    """Where the field of this name stands in each line of the batch with this source commitment."""
    return sha256(_SLOT + source + name.encode("ascii")).digest()[0] % SLOTS


def field_head(name: str) -> bytes:
    """A field's name as it stands in a commitment: its length first."""
    encoded = name.encode("ascii")
    return bytes([len(encoded)]) + encoded


def field_hashes(name: str, salts: Sequence[bytes], values: Values) -> list[bytes]:
    """The commitments to one field of consecutive lines."""
    head = field_head(name)
    absent, present = head + ABSENT, head + PRESENT
    return [
        sha256(FIELD + salt + (absent if value is None else present + value)).digest()
        for salt, value in zip(salts, values, strict=True)
    ]


def fields_hash(commitments: Sequence[bytes]) -> bytes:
    """The digest of a line's fields, from the commitments of all its slots; some may stand together."""
    return sha256(FIELDS + b"".join(commitments)).digest()


def leaf_hashes(lines: Iterable[bytes], commitments: Iterable[Sequence[bytes]]) -> list[bytes]:
    """:func:`leaf_hash` over :func:`fields_hash` of each line; for many at once."""
    return [
        sha256(LEAF + line + sha256(FIELDS + b"".join(each)).digest()).digest()
        for line, each in zip(lines, commitments, strict=True)
    ]


def leaf_hash(line: bytes, fields: bytes | None) -> bytes:
    """A line's leaf, from its two halves; None: it was sealed without fields."""
    return line if fields is None else sha256(LEAF + line + fields).digest()
