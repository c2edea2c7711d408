"""Matched events on their way into detections: who, when, which line; as columns, with names interned."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.detect.columns import Rows
from pollwatch.detect.sigma.plain import resolve
from pollwatch.events.batch import ABSENT, NUMBER, TIME, EventBatch, encoded, plain
from pollwatch.events.taxonomy import actor_columns

Codes = npt.NDArray[np.int64]
#: The code of "not said".
NONE = -1
_UNNAMED = -2
#: A time that no window holds: where a line has none, and none before it in its batch.
NO_TIME = np.iinfo(np.int64).min

EXAMPLE_COLUMNS = (
    *("cs-uri", "message", "signature", "query", "cs-user-agent"),
    *("CommandLine", "ScriptBlockText", "TargetObject", "TargetFilename", "ImagePath", "ServiceFileName", "TaskName"),
    *("RelativeTargetName", "ShareName", "ThreatName", "AttributeLDAPDisplayName", "TargetImage", "PipeName"),
    *("TargetUserName", "Data", "norm.target"),
)


@dataclass(slots=True)
class Names:
    """Strings as small numbers, for the life of a state.

    Attributes:
        seed: of the numbers that stand for values, so that nobody can choose values that are taken for one.
    """

    texts: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    seed: int = field(default_factory=lambda: secrets.randbits(63))

    def code(self, text: str | None) -> int:
        """The number of a text; :data:`NONE` for None."""
        if text is None:
            return NONE
        code = self.codes.get(text)
        if code is None:
            code = self.codes[text] = len(self.texts)
            self.texts.append(text)
        return code

    def codes_of(self, texts: Sequence[str]) -> list[int]:
        """The numbers of some texts."""
        found = list(map(self.codes.get, texts))
        return [self.code(text) if code is None else code for text, code in zip(texts, found, strict=True)]

    def keep(self, used: Codes) -> Codes:
        """Forget the names that are not among the (sorted, distinct) codes; returns each old code's new one.

        The last of what is returned stands for :data:`NONE`, which is -1.
        """
        renamed = np.full(len(self.texts) + 1, NONE, dtype=np.int64)
        used = used[used >= 0]
        renamed[used] = np.arange(len(used))
        self.texts = [self.texts[code] for code in used.tolist()]
        self.codes = {text: code for code, text in enumerate(self.texts)}
        return renamed

    def hashes(self, codes: Codes) -> npt.NDArray[np.uint64]:
        """A number per distinct combination of names, row by row; codes of shape (rows, fields)."""
        combined = np.zeros(len(codes), dtype=np.uint64)
        for column in codes.T:
            distinct, inverse = np.unique(column, return_inverse=True)
            texts = pl.Series([self.texts[code] if code >= 0 else None for code in distinct.tolist()], dtype=pl.String)
            combined = _combined(combined, texts.hash(seed=self.seed).to_numpy()[inverse])
        return combined

    def of(self, codes: Codes, most: int) -> tuple[str, ...]:
        """The distinct texts behind codes, sorted, at most so many."""
        distinct = np.unique(codes)
        return tuple(sorted(self.texts[code] for code in distinct[distinct >= 0][:most].tolist()))


@dataclass(slots=True)
class Observations:
    """Matched events as columns of equal length; codes are of the state's names."""

    time: Codes
    number: Codes
    path: Codes
    ip: Codes
    user: Codes
    host: Codes
    target: Codes
    weight: Codes

    def __len__(self) -> int:
        """How many."""
        return len(self.time)

    def take(self, rows: Codes | npt.NDArray[np.bool_]) -> Observations:
        """Some of them."""
        return Observations(*(getattr(self, name)[rows] for name in OBSERVED))

    @staticmethod
    def concat(parts: Sequence[Observations]) -> Observations:
        """All of them, one after another."""
        if len(parts) == 1:
            return parts[0]
        return Observations(*(np.concatenate([getattr(part, name) for part in parts]) for name in OBSERVED))


#: The names of their columns, and in what width they are held for long: codes of names have 31 bits.
OBSERVED: Final = tuple(each.name for each in fields(Observations))
OBSERVED_TYPES: Final = {name: np.int64 if name in ("time", "number") else np.int32 for name in OBSERVED}
#: Those that hold codes of names.
NAMED: Final = ("path", "ip", "user", "host", "target")


def resized(array: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """An array with more rows, of zeros: codes of groups and names among them are looked up, used or not."""
    longer = np.zeros((rows, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


def empty() -> Observations:
    """None at all."""
    return Observations(*(np.empty(0, dtype=np.int64) for _ in OBSERVED))


@dataclass(frozen=True, slots=True)
class _Coded:
    """A column's codes, its values, and by code the name of each value that was asked for; the last is of null."""

    codes: npt.NDArray[np.int32]
    values: pa.Array
    named: Codes

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> _Coded:
        codes, values = encoded(column)
        named = np.full(len(values) + 1, _UNNAMED, np.int64)
        named[ABSENT] = NONE
        return cls(codes, values, named)


class Observer:
    """Reads what correlations and detections need from one batch, each column once.

    Attributes:
        examples: the columns that may say what a line said.
    """

    def __init__(self, batch: EventBatch, names: Names) -> None:
        """Look at a batch with a state's names."""
        self._table = batch.table
        self._names = names
        inputs = batch.inputs()
        codes: list[int] = [names.code(path) for path, _rows in inputs]
        sizes = [rows for _path, rows in inputs]
        self._paths = np.repeat(codes, sizes)
        ends: list[int] = np.cumsum(sizes).tolist()
        self._inputs = list(zip(codes, [0, *ends[:-1]], ends, strict=True))
        self._actors = actor_columns(batch.logsource)
        self._coded: dict[str, _Coded | None] = {}
        self._times: Codes | None = None
        here = set(batch.table.column_names)
        self.examples = [name for name in EXAMPLE_COLUMNS if name in here]

    def observe(self, rows: Rows) -> Observations:
        """The given rows."""
        actors = self._actors
        number = self._table[NUMBER].to_numpy().astype(np.int64, copy=False)[rows]
        return Observations(
            time=self.times()[rows],
            number=number,
            path=self._paths[rows],
            ip=self.codes(actors.ip, rows),
            user=self.codes(actors.user, rows),
            host=self.codes(actors.host, rows),
            target=self.codes(actors.target, rows),
            weight=self._weights()[rows],
        )

    def among_inputs(self, paths: Codes) -> npt.NDArray[np.bool_]:
        """Which of some codes of inputs are those of the batch."""
        mine = [code for code, begin, end in self._inputs if begin < end]
        among: npt.NDArray[np.bool_] = paths == mine[0] if len(mine) == 1 else np.isin(paths, mine)
        return among

    def row_of(self, path: int, number: int) -> int | None:
        """The row of a line, by its input's code and its number; None where it is not in the batch."""
        numbers: Codes = self._table[NUMBER].to_numpy()
        for code, begin, end in self._inputs:
            if code == path:
                row = begin + int(np.searchsorted(numbers[begin:end], number))
                if row < end and numbers[row] == number:
                    return row
        return None

    def times(self) -> Codes:
        """Each row's time; a line without one takes that of the line before it."""
        if self._times is None:
            self._times = filled_times(self._table)
        return self._times

    def codes(self, field: str, rows: Rows) -> Codes:
        """The rows' codes of a field's value; :data:`NONE` where it is absent.

        Only what these rows say gets a name: of millions of addresses few do anything that a rule knows.
        """
        if field not in self._coded:
            name = resolve(dict.fromkeys(self._table.column_names), field) if field else None
            self._coded[field] = None if name is None else _Coded.of(self._table[name])
        coded = self._coded[field]
        if coded is None:
            return np.full(len(rows), NONE, dtype=np.int64)
        theirs = coded.codes[rows]
        asked = np.zeros(len(coded.named), bool)
        asked[theirs] = True
        fresh = np.flatnonzero(asked & (coded.named == _UNNAMED))
        if fresh.size:
            texts = coded.values.take(pa.array(fresh)).cast(pa.string()).to_pylist()
            coded.named[fresh] = self._names.codes_of(texts)
        return coded.named[theirs]

    def hashes(self, columns: Sequence[str], rows: Rows) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        """A number per distinct combination of values, and which rows have all of them."""
        present = np.ones(len(rows), dtype=bool)
        combined = np.zeros(len(rows), dtype=np.uint64)
        for column in columns:
            series = self._taken(column, rows)
            if series is None:
                return combined, np.zeros(len(rows), dtype=bool)
            present &= series.is_not_null().to_numpy()
            text = series if series.dtype == pl.String else series.cast(pl.String)
            combined = _combined(combined, text.hash(seed=self._names.seed).to_numpy())
        return combined, present

    def amounts(self, column: str, rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Values as numbers, and which rows have one."""
        series = self._taken(column, rows)
        if series is None:
            return np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
        numbers = series.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
        return numbers, np.isfinite(numbers)

    def _taken(self, column: str, rows: Rows) -> pl.Series | None:
        """Some rows of a column as rules name it, or None where there is none."""
        name = resolve(dict.fromkeys(self._table.column_names), column)
        if name is None:
            return None
        return pl.Series(plain(self._table[name].take(pa.array(rows))))

    def _weights(self) -> Codes:
        if "repeat" not in self._table.column_names:
            return np.ones(self._table.num_rows, dtype=np.int64)
        repeat = pc.fill_null(self._table["repeat"].combine_chunks(), 1).to_numpy(zero_copy_only=False)
        weights: Codes = np.clip(repeat.astype(np.int64, copy=False), 1, 10_000)
        return weights

    def example(self, row: int) -> str:
        """What a line said, for people: its request, message or signature. Attacker-written."""
        for name in self.examples:
            if text := self._table[name][row].as_py():
                return str(text)
        return ""


def filled_times(table: pa.Table) -> Codes:
    """Each row's time; a line without one takes that of the line before it, else :data:`NO_TIME`."""
    filled = pc.fill_null_forward(table[TIME].combine_chunks())
    times: Codes = pc.fill_null(filled, NO_TIME).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return times


def _combined(so_far: npt.NDArray[np.uint64], more: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return so_far * np.uint64(1_000_003) ^ more
