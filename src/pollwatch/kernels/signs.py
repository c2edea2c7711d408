"""Which of many patterns a text might fit, told by three neighbouring characters at a time.

``events.signs`` makes the table. Nothing is decided here: a text with a sign is asked the patterns themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Pairs = npt.NDArray[np.uint16]

#: Bits of a class of characters. Class 0 stands before a text and behind it.
BITS = 6
_MASK = (1 << 3 * BITS) - 1
#: Bits of a table's entry: signs; and for each of four orders in which two things must stand, what begins it, what
#: ends it (which is a sign of bit 0), and what may not stand between.
FIRST, SECOND, APART = 4, 8, 12
_FOUR = 15


@compiled
def signs(data: Bytes, offsets: Ints, classes: Bytes, table: Pairs, found: Bytes) -> None:
    """Note the signs of each text.

    Args:
        data: the texts' bytes.
        offsets: where each begins, and one more, as Arrow has them.
        classes: of each byte.
        table: for the classes of three characters, the last one's in the lowest bits: their signs.
        found: of each text; filled.
    """
    for text in range(len(found)):
        three, said, begun = 0, 0, 0
        for at in range(offsets[text], offsets[text + 1]):
            three = (three << BITS | int(classes[data[at]])) & _MASK
            entry = int(table[three])
            if entry:
                said |= (entry & _FOUR) | int(begun & (entry >> SECOND) & _FOUR != 0)
                begun = (begun & ~(entry >> APART)) | ((entry >> FIRST) & _FOUR)
        entry = int(table[(three << BITS) & _MASK])
        found[text] = said | (entry & _FOUR) | int(begun & (entry >> SECOND) & _FOUR != 0)
