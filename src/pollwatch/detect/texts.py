"""A column's distinct texts as bytes in one buffer, folded where lower-casing ASCII would not do.

A text of ASCII only stays where Arrow has it; whoever compares its bytes lower-cases them on the way. Any other, and
any longer than the tests look at, is folded here as the tests fold it: cut, then lower-cased by Python.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.detect.sigma.values import LONGEST, as_text
from pollwatch.events.batch import offsets_and_bytes

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]

#: Letters that a regular expression which ignores case takes for ASCII ones.
LOOSE = {0x130: "i", 0x131: "i", 0x17F: "s", 0x212A: "k"}
_LAST_ASCII = 0x7F
_LOOSE_PATTERN = "[" + "".join(map(chr, LOOSE)) + "]"


@dataclass(frozen=True, slots=True)
class Texts:
    """Distinct texts.

    Attributes:
        buffer: their bytes.
        begins, ends: per code, where its text lies.
        odd: per code; 1 = the text is folded: what its case was is gone.
        loose: more texts for some codes, folded as regular expressions do: begins, ends, codes.
    """

    buffer: Bytes
    begins: Longs
    ends: Longs
    odd: Bytes
    loose: tuple[Longs, Longs, Ints]


def folded(values: pa.Array) -> Texts:
    """The texts of a column's distinct values."""
    offsets, buffer = offsets_and_bytes(values)
    places = offsets.astype(np.int64)
    begins, ends = places[:-1], places[1:]
    odd = ends - begins > LONGEST
    if len(begins) and buffer[begins[0] : ends[-1]].max(initial=0) > _LAST_ASCII:
        odd |= pc.invert(pc.string_is_ascii(values)).to_numpy(zero_copy_only=False)
    codes = np.flatnonzero(odd)
    if not codes.size:
        return Texts(buffer, begins, ends, odd.view(np.uint8), (begins[:0], begins[:0], np.empty(0, np.int32)))
    some = values.take(pa.array(codes))
    texts = [as_text(text) for text in some.to_pylist()]
    loosely = np.flatnonzero(pc.match_substring_regex(some, _LOOSE_PATTERN).to_numpy(zero_copy_only=False))
    more = [text.lower().encode() for text in texts]
    more += [texts[at].translate(LOOSE).lower().encode() for at in loosely.tolist()]
    bounds = len(buffer) + np.cumsum([0, *map(len, more)])
    begins, ends = begins.copy(), ends.copy()
    begins[codes], ends[codes] = bounds[: len(codes)], bounds[1 : len(codes) + 1]
    loose = bounds[len(codes) : -1], bounds[len(codes) + 1 :], codes[loosely].astype(np.int32)
    whole = np.concatenate((buffer, np.frombuffer(b"".join(more), np.uint8)))
    return Texts(whole, begins, ends, odd.view(np.uint8), loose)
