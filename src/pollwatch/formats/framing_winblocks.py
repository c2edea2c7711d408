"""Large blocks of Windows events in columns, without a Python object per event.

What an event's fields are called depends on which fields it has, and which logsource it is of on three values. So
``framing_winevent`` reads one outline per sequence of fields, ``framing_windows`` one event per distinct combination
of those values, and ``framing_winnames`` one per distinct combination of what it looks at. What is rare (a sequence
that has no outline, a time in an unusual notation) is left to be read one by one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pollwatch.events.asked import Asked, Asking
from pollwatch.events.batch import NUMBER, TIME, EventBatch, LogSource
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import as_int64, plausible_mask
from pollwatch.formats.framing_json import REST
from pollwatch.formats.framing_objects import Cells, Ints, Longs, Objects, Texts, marked, sequences
from pollwatch.formats.framing_wincolumns import Names
from pollwatch.formats.framing_windows import logsource
from pollwatch.formats.framing_winevent import CHANNEL, EVENT_ID, SYSTEM, read
from pollwatch.formats.framing_winnames import LOOKED_AT, Columns, add_actors, add_spoken, audited, looked_at
from pollwatch.kernels import holding, moments
from pollwatch.kernels import sequences as numbering
from pollwatch.kernels.distinct import combinations

_DONE = ("EventType", "OperationType")
#: Columns that batches always have, or that others are made of.
_OUR_OWN = frozenset({*SYSTEM, *LOOKED_AT})
#: Below this share of events, columns are not worth their cost for an input.
_WORTH_SHARE = 0.5
#: Sequences that are kept from block to block; beyond that, an input makes new ones all the time.
_MOST_KNOWN = 16_384


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Events of the same fields in the same order: for each column its place among the fields, and the time's.

    Attributes:
        aspect: the columns that tell who acts and what is called otherwise.
        named: per logsource the columns and their places, under the names that its rules use too.
    """

    columns: dict[str, int]
    time: int | None
    length: int
    aspect: frozenset[str] = frozenset()
    named: dict[LogSource, Mapping[str, int]] = field(default_factory=dict)

    def under_names(self, source: LogSource) -> Mapping[str, int]:
        """The columns and their places, where the events are of a logsource."""
        if source not in self.named:
            own = self.columns
            extra = {name: own[logged] for name, logged in audited(source).items() if logged in own and name not in own}
            self.named[source] = own | extra
        return self.named[source]


@dataclass(frozen=True, slots=True)
class _Group:
    """The events of one logsource in a block: their rows, in order."""

    source: LogSource
    rows: Longs


class WindowsBlocks:
    """Reads the blocks of one input, in order, for whom they are large."""

    def __init__(self, names: Names, zone: dt.tzinfo, jobs: int = 1, asking: Asking | None = None) -> None:
        """Start before the first block.

        Args:
            names: of the input.
            zone: of times that name none.
            jobs: how many cores may be used.
            asking: says which columns are looked at; None = all may be.
        """
        self._asking = asking
        self._asked: dict[LogSource, _Asked | None] = {}
        self._names = names
        self._utc = zone is dt.UTC
        self._fields = Objects(jobs)
        self._known: dict[bytes, _Sequence | None] = {}
        self.worth_it = True
        """Whether blocks were mostly read here so far; once they were not, it is not tried again."""

    def found(self, block: LineBlock) -> Cells | None:
        """Where each value of a block lies, for :meth:`read`; may be asked of the next block before that is done."""
        cells = self._fields.read(block)
        if cells is not None:
            self._leave_lists(cells)
        return cells

    def read(self, block: LineBlock, cells: Cells | None) -> tuple[list[EventBatch], Sequence[int]]:
        """The events of a block, and the rows of those records that are left to be read one by one."""
        if cells is None or not self.worth_it:
            self.worth_it = False
            return [], range(len(block))
        number, nodes = sequences(cells)
        known = [self._sequence(each) for each in nodes]
        fits = np.array([each is not None for each in known] + [False])
        number[~fits[number]] = -1
        plans = [each or _Sequence({}, None, 0) for each in known]
        times = self._times(cells, number, plans)
        batches = [
            EventBatch(group.source, block.path, self._table(group, cells, number, plans, times, block.first_number))
            for group in _groups(cells, number, plans)
        ]
        self._fields.done(cells)
        left = np.flatnonzero(number < 0)
        self.worth_it = len(left) < len(block) * (1 - _WORTH_SHARE)
        return batches, left.tolist()

    def _leave_lists(self, cells: Cells) -> None:
        """Values without names of their own stand in lists, whose elements are looked at one by one."""
        lists = [node for node in range(len(self._fields.flat)) if "Data" in self._fields.path(node)[-2:]]
        cells.leave_cells(cells.odd[np.isin(cells.node[cells.odd], lists)])

    def _sequence(self, nodes: Ints) -> _Sequence | None:
        """What events of these fields look like; None where only their values tell."""
        key = nodes.tobytes()
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._outlined(nodes)
        return self._known[key]

    def _outlined(self, nodes: Ints) -> _Sequence | None:
        event = read(self._fields.outline(nodes))
        if event is None:
            return None
        found: dict[str, object] = {name: value for name, value in zip(SYSTEM, event.system, strict=True) if value}
        for name, value in event.data.items():
            found.setdefault(self._names.column(name, flat=event.flat), value)
        places = {name: marked(value) for name, value in found.items()}
        time = marked(event.time)
        columns = {name: place for name, place in places.items() if place is not None}
        if len(columns) < len(places) or REST in columns or EVENT_ID not in columns or (event.time and time is None):
            return None
        return _Sequence(columns, time, len(nodes), looked_at(columns))

    def _times(self, cells: Cells, number: Ints, plans: list[_Sequence]) -> pa.Array:
        """Each record's time; those whose notation is unusual are left aside."""
        where, rows = _head(cells, number, [each.time for each in plans])
        logged, named = moments.iso_times(cells.data, cells.start[where], cells.length[where])
        usual = (logged != moments.UNUSUAL) & ((named > 0) | self._utc)
        number[rows[~usual]] = -1
        times = np.full(len(number), moments.UNUSUAL, np.int64)
        times[rows[usual]] = logged[usual]
        return pa.array(times, mask=~plausible_mask(times))

    def _table(
        self, group: _Group, cells: Cells, number: Ints, plans: list[_Sequence], times: pa.Array, first_number: int
    ) -> pa.Table:
        mine = number[group.rows]
        columns = _columns(group, cells, mine, plans, self._looked_at(group.source))
        _add_told(group.source, columns, mine, plans)
        arrays = {name: texts.array() for name, texts in columns.items()}
        ids = columns[EVENT_ID]
        known = pa.array([as_int64(text) for text in ids.values.to_pylist()], pa.int64())
        arrays[EVENT_ID] = known.take(pa.array(ids.codes, mask=ids.codes < 0))
        for name in SYSTEM:
            arrays.setdefault(name, pa.nulls(len(group.rows), pa.dictionary(pa.int32(), pa.string())))
        arrays[TIME] = times.take(pa.array(group.rows))
        number_field = pa.field(NUMBER, pa.int64(), nullable=False)
        schema = pa.schema([*(pa.field(name, array.type) for name, array in arrays.items()), number_field])
        return pa.table([*arrays.values(), pa.array(group.rows + first_number, pa.int64())], schema=schema)

    def _looked_at(self, source: LogSource) -> _Asked | None:
        if source not in self._asked:
            found = None if self._asking is None else self._asking.asked(source)
            self._asked[source] = None if found is None else _Asked(found)
        return self._asked[source]


class _Asked:
    """What is looked at of the events of one logsource."""

    def __init__(self, asked: Asked) -> None:
        """Make ready to ask."""
        self._names = asked.names
        self._exact = asked.exact | _OUR_OWN
        self._keywords = holding.wanted(asked.keywords) if asked.keywords else None
        self._known: dict[str, bool] = {}

    def names(self, name: str) -> bool:
        """Whether a column is looked at whatever it holds."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = name in self._exact or name.lower() in self._names
        return known

    def hold(self, cells: Cells, where: Ints, bounds: Longs) -> npt.NDArray[np.uint8]:
        """Which of some columns may hold a keyword; ``where`` are the cells of one behind those of the other."""
        if self._keywords is None:
            return np.zeros(len(bounds) - 1, np.uint8)
        return holding.holding(cells.data, cells.start, cells.length, cells.kind, where, bounds, self._keywords)


def _head(cells: Cells, number: Ints, place: list[int | None]) -> tuple[Ints, Ints]:
    """The cells at one place of each record, and the records that have one; ``place`` is that of each sequence."""
    places = np.array([*(-1 if each is None else each for each in place), -1], np.int32)[number]
    rows = np.flatnonzero(places >= 0).astype(np.int32)
    begins = np.where(rows > 0, cells.row_end[rows - 1], 0)
    return (begins + places[rows]).astype(np.int32), rows


def _by_column(
    cells: Cells, rows: Longs, number: Ints, wanted: dict[int, dict[int, int]], lengths: list[int], columns: int
) -> tuple[Ints, Ints, Ints]:
    """The cells of each column and their places among some rows; ``wanted``: per sequence which column stands where."""
    at = np.zeros(len(lengths), np.int32)
    places: list[int] = []  # a list: single elements of an array are slow to set
    for nth, own in wanted.items():
        at[nth] = len(places) // 2
        mine = [-1] * (2 * lengths[nth])
        for column, place in own.items():
            mine[2 * place + (mine[2 * place] >= 0)] = column
        places += mine
    return numbering.by_column(cells.row_end, rows, number, at, np.array(places, np.int32).reshape(-1, 2), columns)


def _groups(cells: Cells, number: Ints, plans: list[_Sequence]) -> list[_Group]:
    """The logsources of a block's events."""
    heads = []
    for names in ((EVENT_ID,), (CHANNEL,), _DONE):
        places = [next((each.columns[name] for name in names if name in each.columns), None) for each in plans]
        where, rows = _head(cells, number, places)
        heads.append(cells.column(where).spread(rows, len(number)))
    read = np.flatnonzero(number >= 0)
    firsts, inverse = _distinct([head.codes[read] for head in heads])
    texts = [head.texts(head.codes[read[firsts]]) for head in heads]
    sources = [
        logsource(channel or "", as_int64(event_id), done or "") for event_id, channel, done in zip(*texts, strict=True)
    ]
    order = {source: nth for nth, source in enumerate(dict.fromkeys(sources))}
    group = np.array([order[source] for source in sources], np.int64)[inverse] if len(read) else inverse
    return [_Group(source, read[group == nth]) for source, nth in order.items()]


def _distinct(codes: list[Ints]) -> tuple[Longs, Longs]:
    """Where each distinct combination of codes stands first, and each row's combination."""
    together = np.zeros(len(codes[0]) if codes else 0, np.int64)
    for each in codes:
        together = together * (int(each.max(initial=0)) + 2) + each + 1
        # Numbered anew each time: products of many dictionaries would not fit.
        _, firsts, together = np.unique(together, return_index=True, return_inverse=True)
    return firsts, together


def _columns(group: _Group, cells: Cells, mine: Ints, plans: list[_Sequence], asked: _Asked | None) -> dict[str, Texts]:
    """A group's columns that are looked at, by the names that its rules use."""
    named = {nth: plans[nth].under_names(group.source) for nth in np.unique(mine).tolist()}
    every = list(dict.fromkeys(name for own in named.values() for name in own))
    looked = [asked is None or asked.names(name) for name in every]
    names = [name for name, some in zip(every, looked, strict=True) if some]
    names += [name for name, some in zip(every, looked, strict=True) if not some]
    order = {name: nth for nth, name in enumerate(names)}
    wanted = {nth: {order[name]: place for name, place in own.items()} for nth, own in named.items()}
    where, rows, begins = _by_column(cells, group.rows, mine, wanted, [each.length for each in plans], len(order))
    bounds, length, count = begins.astype(np.int64), len(group.rows), sum(looked)
    found = dict(zip(names, cells.columns(where, bounds[: count + 1], rows, length), strict=False))
    if asked is not None and count < len(names):
        for nth in (count + np.flatnonzero(asked.hold(cells, where, bounds[count:]))).tolist():
            found[names[nth]] = cells.columns(where, bounds[nth : nth + 2], rows, length)[0]
    return found


def _add_told(source: LogSource, columns: dict[str, Texts], mine: Ints, plans: list[_Sequence]) -> None:
    """Add who acts and what else the fields tell: once per distinct combination of what is looked at.

    Which of the fields there are counts too, so events are taken by that.
    """
    numbers = {aspect: nth for nth, aspect in enumerate(dict.fromkeys(each.aspect for each in plans))}
    aspect_of = np.array([numbers[each.aspect] for each in plans], np.int64)[mine]
    told: dict[str, tuple[Longs, list[str | None]]] = {}
    for aspect, nth in numbers.items():
        rows = np.flatnonzero(aspect_of == nth)
        if rows.size:
            asked = {name: columns[name] for name in sorted(aspect)}
            inverse = np.empty(len(rows), np.int64)
            firsts = combinations(np.stack([texts.codes[rows] for texts in asked.values()]), inverse)
            few: Columns = {name: texts.texts(texts.codes[rows[firsts]]) for name, texts in asked.items()}
            few.setdefault("Computer", [None] * len(firsts))
            before = set(few)
            add_spoken(source, few)
            add_actors(few)
            for name in few.keys() - before:
                codes, values = told.setdefault(name, (np.full(len(mine), -1, np.int64), []))
                codes[rows] = inverse + len(values)
                values += few[name]
    for name, (codes, values) in told.items():
        if name in columns:  # some of the events have it themselves
            own = columns[name]
            kept = (codes < 0) & (own.codes >= 0)
            codes[kept] = own.codes[kept] + len(values)
            values.extend(own.values.to_pylist())
        columns[name] = _coded(codes, values)


def _coded(codes: Longs, values: list[str | None]) -> Texts:
    """Values that repeat or are null, as a column."""
    numbers = {value: nth for nth, value in enumerate(dict.fromkeys(each for each in values if each is not None))}
    moved = np.array([*(numbers.get(value, -1) if value is not None else -1 for value in values), -1], np.int32)
    return Texts(moved[codes], pa.array(list(numbers), pa.string()))
