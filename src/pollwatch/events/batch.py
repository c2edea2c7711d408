"""Event batches: what a format makes of lines.

A batch is an Arrow table of one Sigma logsource. Its columns carry the names of that logsource's Sigma
taxonomy (``taxonomy.py``), each text or ``int64`` and nullable, plus two that every batch has:

- ``time_us`` int64, nullable: microseconds since 1970-01-01 UTC; null where the line has no usable time.
- ``number`` int64, not null: the record's 1-based number in its input, strictly increasing among its events.

Null means "absent"; an empty string means "present and empty": Sigma tells them apart.

A text column is ``string`` or ``dictionary<int32, string>``: a code per event and each value once. The values of a
dictionary are never null, but it may hold some that no event has, and one more than once. :func:`encoded` and
:func:`plain` give either kind as what is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

TIME = "time_us"
NUMBER = "number"

Codes = npt.NDArray[np.int32]
#: The code of "absent".
ABSENT = -1


@dataclass(frozen=True, slots=True, order=True)
class LogSource:
    """Sigma's way to say what kind of log this is; empty string = not said."""

    category: str = ""
    product: str = ""
    service: str = ""

    def covers(self, other: LogSource) -> bool:
        """Whether a rule for this logsource applies to events of the other: each named part must be equal."""
        return all(
            not mine or mine == theirs
            for mine, theirs in (
                (self.category, other.category),
                (self.product, other.product),
                (self.service, other.service),
            )
        )

    def __str__(self) -> str:
        """``category/product/service`` with ``*`` for what is not said."""
        return "/".join(part or "*" for part in (self.category, self.product, self.service))


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of one logsource from one input, in the order of their lines; or of several inputs, one after another.

    Attributes:
        path: the input, of several the first.
        parts: of several inputs each, and how many of the events are its; empty for one.
    """

    logsource: LogSource
    path: str
    table: pa.Table
    parts: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        """How many events."""
        return int(self.table.num_rows)

    def inputs(self) -> tuple[tuple[str, int], ...]:
        """Each input, and how many of the events are its, in their order."""
        return self.parts or ((self.path, len(self)),)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A line that was not understood: kept, counted, and shown by ``sources quarantine``."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser made of one block: ``sum(len(b) for b in batches) + len(quarantined) == len(block)``."""

    batches: Sequence[EventBatch]
    quarantined: Sequence[Quarantined]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text, each event's own or as codes of a dictionary."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece and without codes: ``string`` or ``int64``."""
    array = whole(column)
    return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array


def encoded(column: pa.ChunkedArray | pa.Array) -> tuple[Codes, pa.Array]:
    """Each event's code (:data:`ABSENT` for null), and the values that the codes count; also of numbers."""
    array = whole(column)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes: Codes = pc.fill_null(array.indices, ABSENT).to_numpy(zero_copy_only=False)
    return codes, array.dictionary


def offsets_and_bytes(texts: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
    """Where each string of an array begins, one more at last (64 bits of large strings), and all bytes."""
    _, offsets, data = texts.buffers()
    kind = np.dtype(np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    if offsets is None or data is None or not len(texts):
        return np.zeros(len(texts) + 1, kind), np.empty(0, np.uint8)
    return np.frombuffer(offsets, kind)[texts.offset : texts.offset + len(texts) + 1], np.frombuffer(data, np.uint8)


def gathered(data: npt.NDArray[np.uint8], starts: Codes, ends: Codes) -> pa.Array:
    """Texts of a run of bytes, each from one place to another, as an array; by machine code, so for many of them."""
    from pollwatch.kernels import distinct as kernel  # noqa: PLC0415 - heavy: numba

    offsets = np.empty(len(starts) + 1, dtype=np.int32)
    target = np.empty(int((ends - starts).sum(dtype=np.int64)), dtype=np.uint8)
    kernel.gathered(data, starts, ends, offsets, target)
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(target))


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece."""
    if isinstance(column, pa.ChunkedArray) and column.num_chunks == 1:
        return column.chunk(0)
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # no chunks at all, or more text than one array of it holds
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array
