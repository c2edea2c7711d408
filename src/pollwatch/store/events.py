"""Events as Parquet files: one folder per logsource, in it one file (or a few parts) per input.

A file's name follows from the content it came from, so writing it twice writes the same file. Files become part of a
case only when its database lists them; until then they are leftovers that the next writer removes. Row groups hold
consecutive record numbers, and Parquet keeps each group's smallest and largest number and time: reading some lines
or some hours reads only the groups that can hold them. Partitioning by day would do the same for time, but lets a
hostile log with ten thousand dates make ten thousand files.

An input's batches may gain columns as it goes on (JSON lines); a new part begins then, and absent columns are null.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pollwatch.errors import StoreError
from pollwatch.events.batch import NUMBER, EventBatch, LogSource
from pollwatch.events.lines import Numbers
from pollwatch.store.disk import make_folder, publish

GROUP_ROWS: Final = 65_536
_GROUP_BYTES: Final = 32 << 20
#: Of a group with more rows than so many times the wanted ones, single rows are read.
_FEW: Final = 16
_SPAN: Final = re.compile(r".+/live-\d{10}-(\d{15})-(\d{15})\.parquet", re.ASCII)
_PLAIN = re.compile(r"[a-z0-9_]{0,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class EventFile:
    """One Parquet file of a case; ``name`` is relative to its ``events`` folder."""

    name: str
    logsource: LogSource
    rows: int


class EventWriter:
    """Writes the events of one scan. Holds at most one row group per logsource of each unfinished input in memory.

    Not safe for two writers in one folder: the caller holds the case's lock.
    """

    def __init__(self, root: Path) -> None:
        """Write under ``root``, first removing what an interrupted writer left in ``root/.incoming``.

        Raises:
            StoreError: the folder cannot be made.
        """
        self._root = root
        self._incoming = root / ".incoming"
        self._open: dict[tuple[str, LogSource], _Parts] = {}
        self.discard()
        make_folder(self._incoming)

    def add(self, batch: EventBatch) -> None:
        """Take the next events of an input.

        Raises:
            StoreError: the disk is full or not writable.
        """
        if not len(batch):
            return
        parts = self._open.get((batch.path, batch.logsource))
        if parts is None:
            prefix = self._incoming / f"{len(self._open):08d}"
            parts = self._open[batch.path, batch.logsource] = _Parts(prefix)
        with disk_errors(self._root):
            parts.add(batch.table)

    def publish(self, path: str, digest: str) -> tuple[EventFile, ...]:
        """Finish an input: its files get the names that follow from its content's digest, durably.

        Raises:
            StoreError: the disk is full or not writable.
        """
        files = []
        with disk_errors(self._root):
            for logsource in sorted(source for named, source in self._open if named == path):
                parts = self._open[path, logsource].finish()
                folder = self._root / folder_name(logsource)
                make_folder(folder)
                for index, part in enumerate(parts):
                    final = folder / f"{digest}-{index:04d}.parquet"
                    publish(part.incoming, final)
                    files.append(EventFile(f"{folder.name}/{final.name}", logsource, part.rows))
        return tuple(files)

    def discard(self) -> None:
        """Close and remove whatever was not published."""
        for parts in self._open.values():
            parts.close()
        shutil.rmtree(self._incoming, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Part:
    incoming: Path
    rows: int


class _Parts:
    """The events of one logsource of one input, on their way to the disk."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._schema: pa.Schema | None = None
        self._rows = 0
        self._done: list[_Part] = []

    def add(self, table: pa.Table) -> None:
        self._pending.append(table)
        self._pending_rows += table.num_rows
        self._pending_bytes += table.nbytes
        if self._pending_rows >= GROUP_ROWS or self._pending_bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._pending:
            return
        earlier = [] if self._schema is None else [self._schema]
        schema = united([*earlier, *(table.schema for table in self._pending)])
        if self._writer is None or schema != self._schema:
            self._end_part()
            self._schema = schema
            self._writer = pq.ParquetWriter(self._next_file(), schema, compression="zstd", write_page_index=True)
        table = pa.concat_tables([fitted(table, schema) for table in self._pending])
        self._writer.write_table(table, row_group_size=GROUP_ROWS)
        self._rows += table.num_rows
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0

    def _next_file(self) -> Path:
        return self._prefix.with_name(f"{self._prefix.name}-{len(self._done):04d}")

    def _end_part(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._done.append(_Part(self._next_file(), self._rows))
            self._writer, self._rows = None, 0

    def finish(self) -> Sequence[_Part]:
        self._flush()
        self._end_part()
        return self._done

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class EventReader:
    """Reads the events of a case, a row group at a time."""

    def __init__(self, root: Path, path: str, files: Iterable[EventFile]) -> None:
        """The events of one input.

        Args:
            root: the case's ``events`` folder.
            path: how the case calls the input; batches carry it.
            files: the input's files.
        """
        self._root = root
        self._path = path
        self._files = tuple(files)

    def batches(self, wanted: Callable[[LogSource], Collection[str]] | None = None) -> Iterator[EventBatch]:
        """All events, by logsource, then in the order of their lines.

        Args:
            wanted: the columns that are asked of a logsource, where they are there; None = all.

        Raises:
            StoreError: a file is missing or damaged.
        """
        for file in self._files:
            with disk_errors(self._root / file.name), pq.ParquetFile(self._root / file.name) as parquet:
                names = parquet.schema_arrow.names
                asked = names if wanted is None else [name for name in names if name in wanted(file.logsource)]
                for group in range(parquet.num_row_groups):
                    yield EventBatch(file.logsource, self._path, parquet.read_row_group(group, columns=asked))

    def at(self, numbers: Numbers) -> Iterator[EventBatch]:
        """The events of the given lines (sorted record numbers); lines that were not understood have none.

        Raises:
            StoreError: a file is missing or damaged.
        """
        for file in self._files:
            path = self._root / file.name
            if not _may_hold(file.name, numbers):
                continue
            with disk_errors(path), pq.ParquetFile(path) as parquet:
                for group, low, high in _groups_with(parquet, numbers):
                    found = _rows_of(path, parquet, group, numbers[low:high])
                    if found.num_rows:
                        yield EventBatch(file.logsource, self._path, found)


def folder_name(logsource: LogSource) -> str:
    """The folder of a logsource's files: ``category-product-service``, or a digest where that is no plain name."""
    parts = (logsource.category, logsource.product, logsource.service)
    if all(_PLAIN.fullmatch(part) for part in parts):
        return "-".join(part or "_" for part in parts)
    return "other-" + hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def remove_leftovers(root: Path, kept: Iterable[str]) -> None:
    """Remove Parquet files that the database does not list: a writer died before it could, or they were replaced.

    The caller holds the case's lock.
    """
    names = frozenset(kept)
    shutil.rmtree(root / ".incoming", ignore_errors=True)
    for file in root.glob("*/*.parquet"):
        if f"{file.parent.name}/{file.name}" not in names:
            file.unlink(missing_ok=True)


def _may_hold(name: str, numbers: Numbers) -> bool:
    """Whether a file can have any of the numbers; of those that a watch writes the name says which it has."""
    span = _SPAN.fullmatch(name)
    if span is None:
        return True
    low, high = numbers.searchsorted((int(span[1]), int(span[2]) + 1))
    return bool(low < high)


def _groups_with(parquet: pq.ParquetFile, numbers: Numbers) -> Iterator[tuple[int, int, int]]:
    """Row groups that may have any of the wanted numbers, and which of those: from one place to another."""
    column = parquet.schema_arrow.get_field_index(NUMBER)
    for group in range(parquet.num_row_groups):
        statistics = parquet.metadata.row_group(group).column(column).statistics
        low, high = numbers.searchsorted((statistics.min, statistics.max + 1))
        if low < high:
            yield group, int(low), int(high)


def _rows_of(path: Path, parquet: pq.ParquetFile, group: int, numbers: Numbers) -> pa.Table:
    """The rows of a group with these numbers."""
    if numbers.size * _FEW > parquet.metadata.row_group(group).num_rows:
        table = parquet.read_row_group(group)
        return table.filter(pc.is_in(table[NUMBER], value_set=pa.array(numbers, type=pa.int64())))
    # A few of many: polars decodes the numbers first, and of the other columns only what is in these rows.
    import polars as pl  # noqa: PLC0415 - heavy

    number = pl.col(NUMBER)
    span = number.is_between(int(numbers[0]), int(numbers[-1]))
    try:
        wanted = number.is_in(pl.Series(numbers).implode())
        found = pl.scan_parquet(path, glob=False, hive_partitioning=False).filter(span & wanted).collect()
    except pl.exceptions.PolarsError as error:
        raise pa.ArrowInvalid(str(error)) from error
    return fitted(found.to_arrow(compat_level=pl.CompatLevel.oldest()), parquet.schema_arrow)


def united(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """All columns of all schemas in order of appearance: int64 where all agree on integers, else text."""
    integer: dict[str, bool] = {}
    for schema in schemas:
        for field in schema:
            integer[field.name] = integer.get(field.name, True) and pa.types.is_integer(field.type)
    return pa.schema(
        [
            pa.field(name, pa.int64() if whole else pa.string(), nullable=name != NUMBER)
            for name, whole in integer.items()
        ]
    )


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly the schema's columns; absent ones are null."""
    columns = []
    for field in schema:
        index = table.schema.get_field_index(field.name)
        column = pa.nulls(table.num_rows, field.type) if index < 0 else table.column(index).cast(field.type)
        columns.append(column)
    return pa.table(columns, schema=schema)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk and Parquet raise into an error that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing; scan its input again into a new case") from error
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: {error}; is the disk full, or the file damaged?") from error
