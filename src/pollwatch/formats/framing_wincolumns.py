"""Windows events as batches: a column for each field that occurs, made kind by kind.

Events of a kind have the same fields in the same order, as nearly all events with one number have. So names are
looked at once per kind, values turned into columns by the run, and no field of a single event is touched by itself.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pollwatch.events.batch import NUMBER, TIME, EventBatch, LogSource
from pollwatch.formats.framing import as_int64, as_text, epoch_us, iso_us
from pollwatch.formats.framing_json import MAX_COLUMNS, REST, as_column, json_text
from pollwatch.formats.framing_windows import logsource
from pollwatch.formats.framing_winevent import EVENT_ID, FLAT_NAMES, SYSTEM, WindowsEvent
from pollwatch.formats.framing_winnames import Columns, add_actors, add_audited

if TYPE_CHECKING:  # Arrow is heavy: asking which formats there are must not wait for it
    import pyarrow as pa

_LONGEST_NAME = 256
_RESERVED = frozenset({*SYSTEM, TIME, NUMBER, REST})
#: A log has fewer kinds of events than this in a block; more of them are made one, at the price of touching each.
MOST_KINDS = 256
_NOTHING = type(None)


class Names:
    """What the fields of one input are called as columns: bounded in number, whatever is logged."""

    __slots__ = ("_columns",)

    def __init__(self) -> None:
        """Start before the first event."""
        self._columns: dict[str, str] = {}

    def column(self, name: str, *, flat: bool) -> str:
        """The column for a field's name; :data:`REST` for those beyond the bound.

        Names lose their spaces. One of the event's own fields is never overwritten by a field of its data.
        """
        if flat and name in FLAT_NAMES:
            return FLAT_NAMES[name]
        column = self._columns.get(name)
        if column is None:
            if len(self._columns) >= MAX_COLUMNS or len(name) > _LONGEST_NAME:
                return REST
            bare = "".join(name.split())
            column = self._columns[name] = f"_{bare}" if bare in _RESERVED or not bare else bare
        return column


@dataclass(slots=True)
class _Kind:
    """Events with the same fields in the same order, as columns that grow."""

    flat: bool
    numbers: list[int] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    systems: list[tuple[Any, ...]] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)


class Gatherer:
    """Takes one block's events in, gives their batches out: one per logsource."""

    def __init__(self, names: Names, zone: dt.tzinfo) -> None:
        """Start a block.

        Args:
            names: of the input that the block is part of.
            zone: of times that name none.
        """
        self._names = names
        self._zone = zone
        self._kinds: dict[LogSource, dict[tuple[str, ...], _Kind]] = defaultdict(dict)

    def add(self, number: int, event: WindowsEvent) -> None:
        """One more event, with its number in the input; numbers increase."""
        done = event.data.get("EventType") or event.data.get("OperationType")
        kinds = self._kinds[logsource(event.channel, event.event_id, done if isinstance(done, str) else "")]
        key = (*event.data, "flat") if event.flat else tuple(event.data)
        kind = kinds.get(key)
        if kind is None:
            kind = kinds[key] = _Kind(event.flat)
        kind.numbers.append(number)
        kind.times.append(_time_us(event.time, self._zone))
        kind.systems.append(event.system)
        kind.data.append(event.data)

    def batches(self, path: str) -> list[EventBatch]:
        """All of them."""
        return [
            EventBatch(source, path, self._table(source, list(kinds.values()))) for source, kinds in self._kinds.items()
        ]

    def _table(self, source: LogSource, kinds: list[_Kind]) -> pa.Table:
        if len(kinds) > MOST_KINDS:
            numbers = [number for kind in kinds for number in kind.numbers]
            times = [time_us for kind in kinds for time_us in kind.times]
            return _together([_arrow(source, self._unlike(kinds), numbers, times)])
        return _together([_arrow(source, self._alike(kind), kind.numbers, kind.times) for kind in kinds])

    def _alike(self, kind: _Kind) -> Columns:
        """One kind's events: the event's own fields, and those of its data."""
        columns: dict[str, Sequence[Any]] = dict(zip(SYSTEM, zip(*kind.systems, strict=True), strict=True))
        rest: dict[str, Sequence[Any]] = {}
        for name, values in zip(kind.data[0], zip(*(each.values() for each in kind.data), strict=True), strict=True):
            column = self._names.column(name, flat=kind.flat)
            if column == REST:
                rest[name] = values
            else:
                columns.setdefault(column, values)
        if rest:
            columns[REST] = [json_text(dict(zip(rest, row, strict=True))) for row in zip(*rest.values(), strict=True)]
        return {name: _texts(values) for name, values in columns.items()}

    def _unlike(self, kinds: list[_Kind]) -> Columns:
        """Events of more kinds than a log has, field by field; what that costs follows the number of fields given."""
        cells: dict[str, dict[int, Any]] = defaultdict(dict)
        systems = [system for kind in kinds for system in kind.systems]
        row = -1
        for kind in kinds:
            for data in kind.data:
                row += 1
                rest = {}
                for name, value in data.items():
                    column = self._names.column(name, flat=kind.flat)
                    if column == REST:
                        rest[name] = value
                    else:
                        cells[column].setdefault(row, value)
                if rest:
                    cells[REST][row] = json_text(rest)
        spread = {name: _spread(given, len(systems)) for name, given in cells.items() if name not in SYSTEM}
        return dict(zip(SYSTEM, map(_texts, zip(*systems, strict=True)), strict=True)) | spread


def _spread(given: dict[int, Any], length: int) -> Sequence[str | None]:
    """A column of which some rows are given."""
    values: list[str | None] = [None] * length
    for row, value in zip(given, _texts(list(given.values())), strict=True):
        values[row] = value
    return values


def _texts(values: Sequence[Any]) -> Sequence[str | None]:
    """A field's values as text, whatever JSON they were."""
    types = set(map(type, values))
    if types <= {str, _NOTHING}:
        return values
    if types == {int}:
        return list(map(str, values))
    columns = map(as_column, values)
    return [str(each) if isinstance(each, int) else each for each in columns]


def _arrow(source: LogSource, columns: Columns, numbers: list[int], times: list[int | None]) -> pa.Table:
    """Columns as Arrow, with what we add to them."""
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    add_audited(source, columns)
    add_actors(columns)
    arrays = {name: _array(values) for name, values in columns.items()}
    arrays[EVENT_ID] = pa.array(map(as_int64, columns[EVENT_ID]), pa.int64())
    arrays[TIME] = pa.array(times, pa.int64())
    number = pa.field(NUMBER, pa.int64(), nullable=False)
    schema = pa.schema([*(pa.field(name, array.type) for name, array in arrays.items()), number])
    return pa.table([*arrays.values(), pa.array(numbers, pa.int64())], schema=schema)


def _array(values: Sequence[str | None]) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    try:
        return pa.array(values, pa.string())
    except UnicodeError:  # half a surrogate pair
        return pa.array([as_text(value) for value in values], pa.string())


def _together(tables: list[pa.Table]) -> pa.Table:
    """The kinds of one logsource, in the order of their numbers; a field that a kind lacks is null."""
    import numpy as np  # noqa: PLC0415 - heavy: see above
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    table = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")
    numbers = table[NUMBER].to_numpy()
    return table if (np.diff(numbers) > 0).all() else table.take(np.argsort(numbers))


def _time_us(logged: Any, zone: dt.tzinfo) -> int | None:  # noqa: ANN401 - any JSON value
    time_us = iso_us(logged.removesuffix(" UTC"), zone) if isinstance(logged, str) else None
    return epoch_us(logged) if time_us is None else time_us
