"""Which fields of a line are sealed under salts of their own, their values, and how they are kept.

The values are kept beside the batch's seed, for no later version of a format need read a line as this one does. They
are erased with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.errors import ProofError
from pollwatch.events.batch import NUMBER, TIME, EventBatch, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.evidence.linefields import Values

#: What people ask for, and which columns of an event say it, best first. Any other name is that of a column.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "ip": ("c-ip", "src_ip", "IpAddress", "SourceIp"),
    "time": (TIME,),
    "user": ("user", "cs-username", "TargetUserName", "User"),
}


def values(block: LineBlock, parsed: Parsed, names: Sequence[str]) -> dict[str, Values]:
    """The fields of these names of each line of a block; None where a line has none, or was not understood."""
    return {name: _column(block, parsed, name) for name in names}


def pack(fields: Mapping[str, Values]) -> bytes:
    """The values in few bytes, for the openings; empty for no fields."""
    if not fields:
        return b""
    batch = pa.record_batch({name: pa.array(values, pa.binary()) for name, values in fields.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def unpack(data: bytes) -> dict[str, Values]:
    """What :func:`pack` packed.

    Raises:
        ProofError: it was damaged.
    """
    if not data:
        return {}
    try:
        with pa.ipc.open_stream(data) as reader:
            table = reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise ProofError(f"the fields that are kept of a batch are damaged: {error}") from error
    return {name: table[name].to_pylist() for name in table.column_names}


def _column(block: LineBlock, parsed: Parsed, name: str) -> Values:
    found: list[bytes | None] = [None] * len(block)
    for batch in parsed.batches:
        columns = [each for each in COLUMNS.get(name, (name,)) if each in batch.table.column_names]
        if not columns:
            continue
        said: list[bytes | None] = pc.coalesce(*(_as_bytes(batch, each) for each in columns)).to_pylist()
        if len(said) == len(block):
            return said
        for number, value in zip(batch.table[NUMBER].to_pylist(), said, strict=True):
            found[number - block.first_number] = value
    return found


def _as_bytes(batch: EventBatch, column: str) -> pa.ChunkedArray:
    values = batch.table[column]
    if column == TIME:
        text = pc.replace_substring(values.cast(pa.timestamp("us")).cast(pa.string()), " ", "T")
        values = pc.binary_join_element_wise(pc.replace_substring_regex(text, r"\.0{6}$", ""), "Z", "")
    return values.cast(pa.string()).cast(pa.binary())
