"""Who did what, kept compactly while a scan runs, so that an incident can claim its harmless-looking lines later.

Each event leaves one narrow row in a temporary Arrow file: numbers and hashes, no text of the log. Ten million
events take a few hundred megabytes of disk and none of memory; :meth:`Spool.batches` streams them again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pollwatch.events import taxonomy
from pollwatch.events.batch import NUMBER, TIME, EventBatch, LogSource, encoded, plain
from pollwatch.events.taxonomy import AUTH, SYSLOG, WEB, actor_columns

#: Stands for "no time" in the ``time`` column.
NO_TIME = np.iinfo(np.int64).min
#: ``kind`` of a row.
KIND_WEB, KIND_AUTH, KIND_OTHER = 0, 1, 2
#: ``status`` of log-in messages, in the words of HTTP.
STATUS_OK, STATUS_REFUSED = 200, 401
_ROWS = 1 << 18

SCHEMA = pa.schema([
    ("path", pa.int32()), ("number", pa.int64()), ("time", pa.int64()), ("kind", pa.int8()), ("ip", pa.uint64()),
    ("user", pa.uint32()), ("thread", pa.uint32()), ("host", pa.uint32()), ("status", pa.int16()),
    ("stem", pa.uint32()), ("bytes", pa.int32()),
])  # fmt: skip

U64 = npt.NDArray[np.uint64]


def columns_of(logsource: LogSource) -> frozenset[str]:
    """The columns of events that a row is made of."""
    actors = actor_columns(logsource)
    return _COLUMNS | {actors.ip, actors.user, actors.target}


_COLUMNS: Final = frozenset({
    NUMBER, TIME, "cs-user-agent", "cs-uri-stem", "sc-status", "sc-bytes", "cs-username", "hostname", "program", "pid",
    "ruser", "action",
})  # fmt: skip


def hashes(values: pl.Series) -> U64:
    """Stable 64-bit hashes of texts within one process; 0 for null and for the empty text."""
    text = values.cast(pl.String)
    hashed = text.hash(seed=0).to_numpy().astype(np.uint64, copy=True)
    hashed[(text.fill_null("") == "").to_numpy()] = 0
    return hashed


def hash_of(values: Sequence[str]) -> U64:
    """Hashes of some texts, as the spool writes them."""
    return hashes(pl.Series(values, dtype=pl.String))


def short(hashed: U64) -> npt.NDArray[np.uint32]:
    """The lower half of the hashes: enough where a rare collision only blurs a likeness."""
    return (hashed & np.uint64(0xFFFFFFFF)).astype(np.uint32)


_ROW: Final = np.dtype([(field.name, field.type.to_pandas_dtype()) for field in SCHEMA])
_BYTES: Final = np.dtype((np.void, _ROW.itemsize))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of the spool; see ``SCHEMA`` for their columns.

    Attributes:
        table: the columns as they were read, of which few may be looked at; or, of rows that were picked, an array of
            rows, from which to pick again costs one step.
    """

    table: npt.NDArray[np.void] | Mapping[str, npt.NDArray[Any]]

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> Rows:
        """The rows of a batch with the columns of ``SCHEMA``."""
        return cls({name: batch.column(name).to_numpy(zero_copy_only=False) for name in SCHEMA.names})

    def __len__(self) -> int:
        """How many rows."""
        return len(self.table["number"])

    def take(self, picked: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Rows:
        """The rows that a mask or an index names."""
        if isinstance(self.table, np.ndarray):
            return Rows(self.table[picked])
        if isinstance(picked, np.ndarray) and picked.dtype == np.bool_:
            picked = np.flatnonzero(picked)
        columns = [self.table[name][picked] for name in SCHEMA.names]
        table = np.empty(len(columns[0]), _ROW)
        for name, column in zip(SCHEMA.names, columns, strict=True):
            table[name] = column
        return Rows(table)

    @classmethod
    def join(cls, parts: Sequence[Rows]) -> Rows:
        """All rows, in order."""
        if not parts:
            return cls(np.empty(0, _ROW))
        # As mere bytes, or each would be asked whether its columns are those of the one before.
        tables = [np.asarray(part.take(slice(None)).table).view(_BYTES) for part in parts]
        return cls(np.concatenate(tables).view(_ROW))

    @property
    def path(self) -> npt.NDArray[np.int32]:
        """Number of the input."""
        return self.table["path"]

    @property
    def number(self) -> npt.NDArray[np.int64]:
        """Of the line."""
        return self.table["number"]

    @property
    def time(self) -> npt.NDArray[np.int64]:
        """In microseconds since 1970, or :data:`NO_TIME`."""
        return self.table["time"]

    @property
    def kind(self) -> npt.NDArray[np.int8]:
        """Of event: :data:`KIND_WEB`, :data:`KIND_AUTH`, :data:`KIND_OTHER`."""
        return self.table["kind"]

    @property
    def ip(self) -> U64:
        """Hash of the address; 0 = none, here as below."""
        return self.table["ip"]

    @property
    def user(self) -> npt.NDArray[np.uint32]:
        """Hash of the account."""
        return self.table["user"]

    @property
    def thread(self) -> npt.NDArray[np.uint32]:
        """Hash of the user agent, or of the process that wrote a message."""
        return self.table["thread"]

    @property
    def host(self) -> npt.NDArray[np.uint32]:
        """Hash of the target."""
        return self.table["host"]

    @property
    def status(self) -> npt.NDArray[np.int16]:
        """In the words of HTTP."""
        return self.table["status"]

    @property
    def stem(self) -> npt.NDArray[np.uint32]:
        """Hash of the page, or of the program."""
        return self.table["stem"]

    @property
    def bytes(self) -> npt.NDArray[np.int32]:
        """Of the answer; negative where that is not known."""
        return self.table["bytes"]


class Spool:
    """A temporary file of rows, written once, then read as often as needed."""

    def __init__(self) -> None:
        """An empty spool; the file is made with the first row and has no name that others could open."""
        self.paths: list[str] = []
        self._path_ids: dict[str, int] = {}
        self._file: IO[bytes] | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._pending: list[pa.RecordBatch] = []

    def path_id(self, path: str) -> int:
        """The number that stands for a path in ``path``."""
        if path not in self._path_ids:
            self._path_ids[path] = len(self.paths)
            self.paths.append(path)
        return self._path_ids[path]

    def paths_of(self, batch: EventBatch) -> npt.NDArray[np.int32]:
        """The number of each event's path."""
        inputs = batch.inputs()
        ids = np.array([self.path_id(path) for path, _rows in inputs], np.int32)
        return np.repeat(ids, [rows for _path, rows in inputs])

    def write(self, batch: EventBatch) -> None:
        """One row per event."""
        if not len(batch):
            return
        self._pending.append(_rows(batch, self.paths_of(batch)))
        if sum(part.num_rows for part in self._pending) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._pending:
            return
        if self._writer is None:
            self._file = tempfile.TemporaryFile(prefix="pollwatch-spool-")  # noqa: SIM115 - lives as long as the spool
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_file(self._file, SCHEMA, options=options)
        table = pa.Table.from_batches(self._pending, SCHEMA).combine_chunks()
        self._writer.write_table(table)
        self._pending.clear()

    def batches(self) -> Iterator[Rows]:
        """All rows, in the order written. Closes the spool for writing."""
        self._flush()
        if self._file is None:
            return
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._file.seek(0)
        reader = pa.ipc.open_file(self._file)
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            yield Rows.of(batch)

    def close(self) -> None:
        """Remove the file."""
        self._pending.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
            self._writer = None


def rows_of(batch: EventBatch, paths: npt.NDArray[np.int32]) -> Rows:
    """A batch's rows, held in memory; with the number of each one's path."""
    return Rows.of(_rows(batch, paths))


def _rows(batch: EventBatch, paths: npt.NDArray[np.int32]) -> pa.RecordBatch:
    size = len(batch)
    columns = actor_columns(batch.logsource)
    texts = _Texts(batch)
    kind = {WEB: KIND_WEB, AUTH: KIND_AUTH}.get(taxonomy.kind(batch.logsource), KIND_OTHER)
    user = texts.hashed(columns.user)
    zeros32 = np.zeros(size, dtype=np.uint32)
    status, stem, amount = np.zeros(size, dtype=np.int16), zeros32, np.full(size, -1, dtype=np.int32)
    thread = zeros32
    if kind == KIND_WEB:
        thread = short(texts.hashed("cs-user-agent"))
        stem = short(texts.hashed("cs-uri-stem"))
        status = texts.integers("sc-status", 0, np.int16)
        amount = texts.integers("sc-bytes", -1, np.int32)
        user = texts.hashed("cs-username")
    elif kind == KIND_AUTH:
        thread = short(texts.process())
        status = texts.outcome()
        stem = short(texts.hashed("program"))
        acting = texts.hashed("ruser")
        user = np.where(acting != 0, acting, user)
    elif batch.logsource == SYSLOG:
        stem = short(texts.hashed("program"))
    return pa.record_batch(
        [
            paths,
            batch.table[NUMBER].to_numpy(),
            texts.integers(TIME, NO_TIME, np.int64),
            np.full(size, kind, dtype=np.int8),
            texts.hashed(columns.ip),
            short(user),
            thread,
            short(texts.hashed(columns.target)),
            status,
            stem,
            amount,
        ],
        schema=SCHEMA,
    )


class _Texts:
    """Columns of a batch as hashes or numbers; a column that is not there is all zeros."""

    def __init__(self, batch: EventBatch) -> None:
        self._table = batch.table
        self._size = len(batch)

    def _series(self, name: str) -> pl.Series | None:
        if not name or name not in self._table.column_names:
            return None
        return pl.Series(plain(self._table[name]))

    def hashed(self, name: str) -> U64:
        if not name or name not in self._table.column_names:
            return np.zeros(self._size, dtype=np.uint64)
        column = self._table[name]
        if not pa.types.is_dictionary(column.type):
            return hashes(pl.Series(plain(column)))
        codes, values = encoded(column)
        once = np.append(hashes(pl.Series(values)), np.uint64(0))  # the last one for ABSENT, which is -1
        return once[codes]

    def integers(self, name: str, missing: int, kind: type[np.signedinteger]) -> npt.NDArray[np.signedinteger]:
        series = self._series(name)
        if series is None:
            return np.full(self._size, missing, dtype=kind)
        numbers = series.cast(pl.Int64, strict=False).fill_null(missing).to_numpy()
        limits = np.iinfo(kind)
        clipped: npt.NDArray[np.signedinteger] = np.clip(numbers, limits.min, limits.max).astype(kind)
        return clipped

    def process(self) -> U64:
        """One hash per process that wrote log-in messages: host, program and pid; 0 where there is no pid."""
        parts = [self._series(name) for name in ("hostname", "program", "pid")]
        if parts[2] is None:
            return np.zeros(self._size, dtype=np.uint64)
        texts = [pl.Series([""] * self._size) if s is None else s.cast(pl.String).fill_null("") for s in parts]
        # privilege separation: sshd, sshd-session and sshd-auth speak of the same connection under one pid
        program = texts[1].str.replace(r"-session$|-auth$", "")
        joined = hashes(texts[0] + pl.Series(["|"]) + program + pl.Series(["|"]) + texts[2])
        joined[(texts[2] == "").to_numpy()] = 0
        return joined

    def outcome(self) -> npt.NDArray[np.signedinteger]:
        action = self._series("action")
        if action is None:
            return np.zeros(self._size, dtype=np.int16)
        ok = action.is_in(["success", "session_opened", "command"]).fill_null(value=False).to_numpy()
        refused = action.is_in(["failure", "invalid_user", "denied"]).fill_null(value=False).to_numpy()
        return np.where(ok, STATUS_OK, np.where(refused, STATUS_REFUSED, 0)).astype(np.int16)
