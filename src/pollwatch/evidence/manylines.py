"""The tree over many lines and their fields: what :mod:`pollwatch.evidence.salted` and ``linefields`` say, all at once.

A watch seals thousands of lines a second. One by one, each of a line's digests costs an object and holds the
interpreter's lock; here they are made by a kernel that does neither. Both ways make the same tree, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pollwatch.evidence import merkle, salted
from pollwatch.evidence.linefields import ABSENT, FIELD, FIELDS, LEAF, PRESENT, SLOTS, Values, field_head
from pollwatch.kernels.digests import digests

_Rows = npt.NDArray[np.uint8]
_LINE, _NODE = 0, 1


def tree(seed: bytes, lines: Sequence[bytes], fields: Mapping[int, tuple[str, Values]]) -> merkle.Tree:
    """The tree of a batch.

    Args:
        seed: the batch's secret.
        lines: the records; at least one.
        fields: by slot, each with its name and a value or None for each line.
    """
    count = len(lines)
    leaves = _digests(_LINE, _rows(salted.salt_stream(seed, count), count), lines)
    if fields:
        slots = np.hstack(
            [
                _rows(stream, count) if slot is None else _field(_rows(stream, count), *fields[slot])
                for slot, stream in salted.slot_streams(seed, fields, count)
            ]
        )
        assert slots.shape == (count, SLOTS * merkle.HASH_BYTES)  # noqa: S101 - what a line's digest is made of
        leaves = _digests(LEAF[0], np.hstack([leaves, _digests(FIELDS[0], slots)]))
    levels = [leaves]
    while len(leaves) > 1:
        leaves = _digests(_NODE, leaves[: len(leaves) // 2 * 2].reshape(-1, 2 * merkle.HASH_BYTES))
        levels.append(leaves)
    return merkle.Tree.of_levels(each.tobytes() for each in levels)


def _field(salts: _Rows, name: str, values: Values) -> _Rows:
    """The commitments to one field of all lines."""
    count, head = len(values), np.frombuffer(field_head(name), np.uint8)
    present = np.fromiter([value is not None for value in values], np.bool_, count)
    marks = np.where(present, PRESENT[0], ABSENT[0]).astype(np.uint8)[:, None]
    return _digests(
        FIELD[0], np.hstack([salts, np.broadcast_to(head, (count, len(head))), marks]), [v or b"" for v in values]
    )


def _digests(tag: int, fixed: _Rows, data: Sequence[bytes] = ()) -> _Rows:
    """SHA-256(tag || row || data) of each row; without data, of the rows alone."""
    starts = np.zeros(len(fixed) + 1, np.int64)
    if data:
        np.cumsum(np.fromiter(map(len, data), np.int64, len(data)), out=starts[1:])
    out = np.empty((len(fixed), merkle.HASH_BYTES), np.uint8)
    digests(tag, np.ascontiguousarray(fixed), np.frombuffer(b"".join(data), np.uint8), starts, out)
    return out


def _rows(stream: bytes, count: int) -> _Rows:
    return np.frombuffer(stream, np.uint8).reshape(count, -1)
