"""Access lines of one block in columns: layouts applied to all lines at once, odd lines added one by one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from pollwatch.events.batch import NUMBER, EventBatch
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import WEB
from pollwatch.formats.accessline import Fields
from pollwatch.formats.logformat import Layout
from pollwatch.formats.webfields import Notation, fields_frame, web_table


@dataclass(slots=True)
class Requests:
    """The requests of one block, gathered from several readings; ``at`` is a line's place in the block."""

    zone: dt.tzinfo
    frames: list[pl.DataFrame] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    odd: list[Fields] = field(default_factory=list)
    strptime: str = ""
    fitting: Counter[Layout] = field(default_factory=Counter)

    def read_layouts(
        self, texts: Sequence[str], places: Sequence[int], layouts: Sequence[Layout], carried: Sequence[str]
    ) -> list[int]:
        """Read every line that fits a layout, bare or behind a transport's header; ``places`` in the block ascend.

        Returns:
            The places of the lines that fit none.
        """
        self.strptime = layouts[0].strptime if layouts else ""
        lines = pl.DataFrame({NUMBER: pl.Series(places, dtype=pl.Int64), "text": pl.Series(texts, dtype=pl.String)})
        left = self._each_layout(lines, layouts)
        for header in carried:
            if not len(left):
                break
            inside = left.with_columns(pl.col("text").str.extract(header, 1)).drop_nulls()
            if len(inside):
                unread = self._each_layout(inside, layouts)
                read = inside.join(unread, on=NUMBER, how="anti")
                left = left.join(read, on=NUMBER, how="anti", maintain_order="left")
        return left[NUMBER].to_list()

    def _each_layout(self, lines: pl.DataFrame, layouts: Sequence[Layout]) -> pl.DataFrame:
        """Apply the layouts in order, each to what the ones before left; what none fits is returned."""
        for layout in layouts:
            if not len(lines):
                break
            groups = lines["text"].str.extract_groups(layout.pattern).struct.unnest()
            fits = ~pl.select(pl.all_horizontal(column.is_null() for column in groups))[:, 0]
            if fits.any():
                self.fitting[layout] += int(fits.sum())
                self.frames.append(_fields(groups.filter(fits), layout).with_columns(lines[NUMBER].filter(fits)))
                lines = lines.filter(~fits)
        return lines

    def most_fitting_first(self, layouts: Sequence[Layout]) -> Sequence[Layout]:
        """The layouts with the one that fitted most lines of this block in front: try it first on the next."""
        return sorted(layouts, key=lambda layout: -self.fitting[layout])

    def add(self, place: int, fields: Fields) -> None:
        """One more request, read by itself."""
        self.places.append(place)
        self.odd.append(fields)

    def table(self, first_number: int) -> pa.Table | None:
        """All requests in order of their lines, or None where there are none."""
        frames = [*self.frames, fields_frame(self.odd, self.places)] if self.odd else self.frames
        if not frames:
            return None
        frame = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal").sort(NUMBER)
        return web_table(frame.with_columns(pl.col(NUMBER) + first_number), Notation(self.zone, self.strptime))

    def batches(self, block: LineBlock) -> list[EventBatch]:
        """:meth:`table` as one batch, or none."""
        table = self.table(block.first_number)
        return [] if table is None else [EventBatch(WEB, block.path, table)]


def _fields(groups: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """A layout's groups under their fields' names; see ``weblines.merge_fields`` for fields that stand twice."""
    columns: dict[str, pl.Series] = {}
    for name, column in zip(layout.fields, groups.get_columns(), strict=True):
        known = columns.get(name)
        if not name:
            continue
        if known is None:
            columns[name] = column
        elif name == "time":
            columns[name] = known + " " + column
        else:
            columns[name] = pl.select(pl.when(known == "-").then(column).otherwise(known))[:, 0]
    return pl.DataFrame(columns)
