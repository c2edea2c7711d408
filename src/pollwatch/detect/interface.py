"""What a detector is: a rule that is code, for what Sigma cannot say.

A detector remembers what it needs in a :data:`Memory`, a few polars frames. The engine keeps them with its own state,
saves and restores them (``detect/saved.py``), and calls :meth:`Detector.step` with one batch after another. The law:

- *pure*: the same memory and the same batch give the same memory and the same detections; no clock, no chance, no
  file. Frames are not changed in place.
- *columnar*: no loop over events. Loops over the few keys that fire are fine.
- *bounded*: whatever is fed, all frames together stay under :data:`MOST_BYTES`; :func:`grown` forgets the oldest.
- *late events are normal*: a log steps back by minutes, and lines of one second come in any order. Until the
  watermark has passed a moment, events of it may still come; ``None`` says that nobody knows.
- *told like a correlation*: when it starts, whenever it has doubled, and at the end; always with all its lines
  (:func:`worth_telling`). Incidents take the largest report.
- *earned severity*: what was only tried is low or medium. High needs evidence that it worked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pollwatch.detect.columns import Rows
from pollwatch.detect.observations import NO_TIME, filled_times
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples
from pollwatch.events.batch import ABSENT, NUMBER, TIME, EventBatch, encoded, plain
from pollwatch.events.detection import Detection

#: What one detector may hold: all its frames together, in bytes.
MOST_BYTES: Final = 64 << 20
#: A frame that grows lies in so many pieces at most; to make one of them at each batch would copy all of it.
_MOST_CHUNKS: Final = 8
#: Texts of a column are so many times as many as the rows asked: then only theirs are looked at.
_FEW_OF: Final = 2
#: Columns of every frame that :meth:`Seen.frame` gives, besides those that were asked for.
PATH: Final = "path"

Memory: TypeAlias = Mapping[str, pl.DataFrame]
"""Frames by name, each always with the same columns. Numbers, texts, and lists of them."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A Sigma rule that fits some rows of a batch, also one that only feeds correlations."""

    info: RuleInfo
    rows: Rows


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch as a detector sees it.

    Attributes:
        hits: what rules found in it.
    """

    batch: EventBatch
    hits: tuple[Hit, ...] = ()

    def has(self, column: str) -> bool:
        """Whether the batch has a column."""
        return column in self.batch.table.column_names

    def all_rows(self) -> Rows:
        """Every row."""
        return np.arange(len(self.batch))

    def frame(self, *columns: str, rows: Rows | None = None) -> pl.DataFrame:
        """Columns of some rows (None: of all), as a frame, with ``time_us``, ``path`` and ``number``.

        A column that the batch does not have is null throughout. A line without a time has that of the line before
        it; where there is none, it is left out. Ask for the rows that matter: texts are copied.
        """
        table = self.batch.table
        times = filled_times(table)
        chosen = np.flatnonzero(times != NO_TIME) if rows is None else rows[times[rows] != NO_TIME]
        taken = pa.array(chosen)
        found: dict[str, pl.Series] = {}
        for name in columns:
            if name in table.column_names:
                found[name] = pl.Series(name, plain(table[name].take(taken)))
            else:
                found[name] = pl.Series(name, [None] * len(chosen), pl.String)
        found[TIME] = pl.Series(TIME, times[chosen])
        found[PATH] = self._paths(chosen)
        found[NUMBER] = pl.Series(NUMBER, table[NUMBER].to_numpy().astype(np.int64, copy=False)[chosen])
        return pl.DataFrame(found)

    def _paths(self, rows: Rows) -> pl.Series:
        """The input of each of some rows."""
        if not self.batch.parts:
            return pl.repeat(self.batch.path, len(rows), dtype=pl.String, eager=True)
        names, sizes = zip(*self.batch.parts, strict=True)
        nth = np.repeat(np.arange(len(sizes)), sizes)[rows]
        return pl.Series(PATH, names, pl.String).gather(nth)

    def rows_where(self, column: str, low: int, high: int) -> Rows:
        """The rows whose whole number in a column is from ``low`` up to, not including, ``high``."""
        if not self.has(column):
            return np.empty(0, np.int64)
        numbers = pl.Series(plain(self.batch.table[column])).cast(pl.Int64, strict=False)
        return np.flatnonzero(((numbers >= low) & (numbers < high)).fill_null(value=False).to_numpy())

    def rows_among(self, column: str, texts: Collection[str]) -> Rows:
        """The rows that hold one of some texts."""
        if not self.has(column):
            return np.empty(0, np.int64)
        codes, values = encoded(self.batch.table[column])
        wanted = [at for at, value in enumerate(values.to_pylist()) if value in texts]
        return np.flatnonzero(np.isin(codes, wanted))

    def counts(self, column: str, rows: Rows | None = None) -> pl.DataFrame:
        """How often each value of a column occurs: the column and ``len``. Cheap, also for many rows."""
        if not self.has(column):
            return pl.DataFrame(schema={column: pl.String, "len": pl.Int64})
        codes, values = encoded(self.batch.table[column])
        codes = codes if rows is None else codes[rows]
        often = np.bincount(codes[codes >= 0], minlength=len(values))
        used = np.flatnonzero(often)
        texts = pl.Series(column, values.take(pa.array(used)).cast(pa.string()))
        frame = pl.DataFrame({column: texts, "len": often[used]})
        return frame.group_by(column, maintain_order=True).agg(pl.col("len").sum())  # a dictionary may repeat itself

    def distinct(self, column: str, rows: Rows) -> tuple[Rows, pl.Series]:
        """Each row's code, and the texts that codes count; the code behind the last stands for null.

        What is asked of a text is so asked once, however often it occurs. Where a few rows are asked of many texts,
        theirs are all that there are.
        """
        if not self.has(column):
            return np.zeros(len(rows), np.int64), pl.Series(column, [], pl.String)
        encoded_codes, values = encoded(self.batch.table[column])
        codes = encoded_codes[rows].astype(np.int64)
        codes[codes == ABSENT] = len(values)
        if len(values) > _FEW_OF * len(rows):
            used, codes = np.unique(codes, return_inverse=True)
            values = values.take(pa.array(used[used < len(values)]))
        return codes, pl.Series(column, values.cast(pa.string()))

    def made_once(self, column: str, rows: Rows, made: pl.Expr) -> pl.Series:
        """What an expression over a column makes of the text of each row, each text looked at once."""
        codes, texts = self.distinct(column, rows)
        return texts.extend_constant(None, 1).to_frame().select(made).to_series().gather(codes)

    def hashed(self, column: str, rows: Rows) -> npt.NDArray[np.uint64]:
        """A number for each row's text, equal for equal texts; 0 for null."""
        codes, texts = self.distinct(column, rows)
        numbers: npt.NDArray[np.uint64] = np.append(texts.hash(seed=0).to_numpy(), np.uint64(0))[codes]
        return numbers


class Detector(Protocol):
    """A rule that is code. Immutable: what it remembers is in the memory."""

    @property
    def rule(self) -> DetectorRule:
        """What it says of itself: its id is ``detector.NAME``, its path the module's file."""

    @property
    def version(self) -> str:
        """Of its memory: what another version remembered is not taken over."""

    def start(self) -> Memory:
        """The memory before the first batch: all frames, empty."""

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take one batch in and say what is new.

        Args:
            memory: from :meth:`start` or the last step.
            seen: a batch of one of its logsources, with its columns; None to let time pass.
            watermark_us: nothing older is still to come; None where that is not known.
            done: nothing at all is still to come: tell everything in full.
        """

    def samples(self) -> Samples:
        """Lines on which it must fire, all together, and lines on which it must not."""


def grown(kept: pl.DataFrame, new: pl.DataFrame, most: int, since_us: int | None = None) -> pl.DataFrame:
    """Older rows and new ones, by time: without those before a moment, and at most so many, the oldest forgotten.

    Args:
        kept: with a column ``time_us``.
        new: with the same columns, in any order.
        most: rows; some more than must be are forgotten, so that it does not happen at each batch.
        since_us: what is older is forgotten; None keeps all.
    """
    return bounded(pl.concat([kept, new.select(kept.columns).cast(kept.schema)]), most, since_us)


def bounded(rows: pl.DataFrame, most: int, since_us: int | None = None) -> pl.DataFrame:
    """Rows without those before a moment, and at most so many, the oldest forgotten; as for :func:`grown`."""
    if since_us is not None and len(rows) and rows[TIME].min() < since_us:  # type: ignore[operator]
        rows = rows.filter(pl.col(TIME) >= since_us)
    elif rows.n_chunks() > _MOST_CHUNKS:
        rows = rows.rechunk()
    return rows.filter(_latest(rows[TIME].to_numpy(), most - most // 8)) if len(rows) > most else rows


def _latest(times: npt.NDArray[np.int64], many: int) -> npt.NDArray[np.bool_]:
    """Which so many are the latest, of equal ones those that stand last; sorting rows costs several times as much."""
    edge = np.partition(times, len(times) - many)[len(times) - many]
    chosen: npt.NDArray[np.bool_] = times > edge
    equal = np.flatnonzero(times == edge)
    chosen[equal[len(equal) - (many - int(chosen.sum())) :]] = True
    return chosen


def worth_telling(size: pl.Expr, told: pl.Expr, *, done: bool) -> pl.Expr:
    """Which keys to report (again): those that are new, that have doubled, or, at the end, that have grown at all."""
    before = told.fill_null(0)
    return size > before if done else (size >= 2 * before) & (size > before)


def sized(lines: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """For each key how many lines there are, ``size``, and when the latest is."""
    return lines.group_by(key, maintain_order=True).agg(size=pl.len().cast(pl.Int64), **{TIME: pl.col(TIME).max()})


def due(sizes: pl.DataFrame, told: pl.DataFrame, key: Sequence[str], *, done: bool) -> pl.DataFrame:
    """Those of the keys that are to be reported (again).

    Args:
        sizes: with the columns of the key and ``size``.
        told: what was reported, with the same columns and ``time_us``; see :func:`noted`.
        key: names of columns.
        done: nothing is still to come.
    """
    joined = sizes.join(told, on=key, how="left", suffix="_told", maintain_order="left")
    return joined.filter(worth_telling(pl.col("size"), pl.col("size_told"), done=done))


def noted(told: pl.DataFrame, now: pl.DataFrame, key: Sequence[str], most: int) -> pl.DataFrame:
    """What was reported, with what is reported now: of each key the last report, and at most so many."""
    return grown(told.join(now, on=key, how="anti"), now, most)
