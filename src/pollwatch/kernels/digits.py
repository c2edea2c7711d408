"""Texts with each run of digits as one mark, all of them in one go."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]

_ZERO, _NINE = ord("0"), ord("9")


@compiled
def marked(data: Bytes, offsets: Ints, mark: int, target: Bytes, new_offsets: Ints) -> None:
    """Copy texts, a mark in place of each run of ASCII digits.

    Args:
        data: the texts' bytes.
        offsets: where each begins, and one more, as Arrow has them.
        mark: a byte.
        target: as long as the texts are; filled from the front.
        new_offsets: where each text begins there, and one more; filled.
    """
    to = 0
    new_offsets[0] = 0
    for text in range(len(offsets) - 1):
        inside = False
        for at in range(offsets[text], offsets[text + 1]):
            byte = data[at]
            digit = _ZERO <= byte <= _NINE
            if not (digit and inside):
                target[to] = mark if digit else byte
                to += 1
            inside = digit
        new_offsets[text + 1] = to
