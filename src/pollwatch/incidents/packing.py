"""Line numbers as small blobs: the gaps between sorted numbers, in the narrowest width, compressed.

Layout: one byte width in bytes (1, 2, 4, 8), then zlib over little-endian gaps; the first gap counts from zero.
A flood of 5,000 consecutive lines is 30 bytes.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np

from pollwatch.errors import StoreError
from pollwatch.events.lines import Numbers

_DTYPES: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def pack(numbers: Numbers) -> bytes:
    """The blob of sorted, distinct, non-negative numbers."""
    gaps = np.diff(numbers, prepend=0)
    largest = int(gaps.max()) if gaps.size else 0
    width = next(width for width in _DTYPES if largest < 1 << (8 * width))
    return bytes([width]) + zlib.compress(gaps.astype(_DTYPES[width]).tobytes(), 6)


def unpack(blob: bytes) -> Numbers:
    """The numbers of a blob.

    Raises:
        StoreError: the blob is damaged.
    """
    try:
        gaps = np.frombuffer(zlib.decompress(blob[1:]), dtype=_DTYPES[blob[0]])
    except (IndexError, KeyError, ValueError, zlib.error) as error:
        raise StoreError(f"a set of line numbers in the case is damaged ({error}); restore case.sqlite") from error
    return np.cumsum(gaps.astype(np.int64), dtype=np.int64)
