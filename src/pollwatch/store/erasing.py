"""Events taken out of Parquet files for good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pollwatch.errors import StoreError
from pollwatch.events.batch import NUMBER
from pollwatch.store.disk import make_folder, publish

Ranges = Sequence[tuple[int, int]]
"""``(first, last)`` record numbers, both inclusive."""


def remove_rows(root: Path, name: str, ranges: Ranges) -> int | None:
    """Rewrite one file without the events of some lines, a row group at a time.

    If we stop before the end, the file is as before; what was half written is a leftover that the next scan removes.

    Args:
        root: the case's ``events`` folder.
        name: the file, relative to it.
        ranges: which lines.

    Returns:
        How many events are left; None where the file had none of these lines and stays as it is.

    Raises:
        StoreError: the file is missing or damaged, or the disk is full.
    """
    path, incoming = root / name, root / ".incoming" / "erasing"
    make_folder(incoming.parent)
    left = gone = 0
    try:
        with (
            pq.ParquetFile(path) as parquet,
            pq.ParquetWriter(incoming, parquet.schema_arrow, compression="zstd", write_page_index=True) as writer,
        ):
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group)
                kept = table.filter(pc.invert(_inside(table[NUMBER], ranges)))
                gone += table.num_rows - kept.num_rows
                left += kept.num_rows
                if kept.num_rows:
                    writer.write_table(kept)
        if not gone:
            incoming.unlink()
            return None
        publish(incoming, path)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: {error}; is the disk full, or the file damaged?") from error
    return left


def _inside(numbers: pa.ChunkedArray, ranges: Ranges) -> pa.ChunkedArray:
    found = pc.less(numbers, 0)
    for first, last in ranges:
        found = pc.or_(found, pc.and_(pc.greater_equal(numbers, first), pc.less_equal(numbers, last)))
    return found
