"""What one correlation remembers: its observations as columns, its groups, and the state of their windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.detect.nodes import (
    FULL,
    JUDGED,
    KINDS,
    NEVER,
    NOTHING,
    ORDER,
    VALUES,
    Groups,
    Measure,
    Nodes,
    Slots,
    empty_slots,
    rehashed,
)
from pollwatch.detect.observations import (
    NAMED,
    NO_TIME,
    NONE,
    OBSERVED,
    OBSERVED_TYPES,
    Codes,
    Observations,
    resized,
)
from pollwatch.detect.runs import Run, RunLines
from pollwatch.detect.work import WORK
from pollwatch.events.batch import LogSource

Column: TypeAlias = npt.NDArray[Any]
Flags: TypeAlias = npt.NDArray[np.bool_]

#: Fewer observations than this are not worth forgetting.
_FEW = 64
_MANY_GROUPS = 50_000
#: Room for so many rows there is once there is any; and so many times the room that is needed is too much.
_LEAST_ROOM = 1_024
_SPACIOUS = 2

_TYPES = {
    **OBSERVED_TYPES,
    "group": np.int32,
    "kind": np.int32,
    "value": np.uint64,
    "amount": np.float64,
    "before": np.int32,
    "after": np.int32,
    "flags": np.uint8,
}
_SALT = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Fresh:
    """New observations for one correlation, of one referenced rule.

    Attributes:
        keys: of shape (n, fields of ``group-by``), codes of names; NONE = absent.
        carried: of shape (n, fields that correlations over this one ask for), likewise.
        kind: which of the rules matched.
        value: a number per distinct value, where those are counted.
        amount: the value itself, where those are added up.
    """

    seen: Observations
    keys: Codes
    carried: Codes
    kind: int
    value: npt.NDArray[np.uint64]
    amount: npt.NDArray[np.float64]


@dataclass(slots=True)
class Table:
    """Observations in order of arrival; groups in order of appearance.

    Attributes:
        size: observations held.
        groups: groups known.
        codes: each group's code by its key.
        by_name: the same by the name's code, where a key is one name; :data:`NONE` where it was not asked for yet.
        dropped: observations forgotten for want of memory.
        late: observations that fell into a window that had been judged.
        runs: those that may still grow, by their groups.
        lines: of these runs.
        kept: how many were left when the last were forgotten.
    """

    key_fields: int
    carried_fields: int
    measure: Measure
    size: int = 0
    groups: int = 0
    columns: dict[str, Column] = field(default_factory=dict)
    states: dict[str, Column] = field(default_factory=dict)
    codes: dict[tuple[int, ...], int] = field(default_factory=dict)
    by_name: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    slots: Slots = field(default_factory=lambda: empty_slots(1_024))
    runs: dict[int, Run] = field(default_factory=dict)
    lines: RunLines = field(default_factory=RunLines)
    logsource: LogSource = field(default_factory=LogSource)
    dropped: int = 0
    late: int = 0
    kept: int = 0

    def __post_init__(self) -> None:
        """Columns without rows, where none are given."""
        places = len(self.measure.places) if self.measure.what == ORDER else 0
        kinds = self.measure.kinds if self.measure.what == KINDS else 0
        if not self.columns:
            carried = {f"carried.{at}": np.int32 for at in range(self.carried_fields)}
            self.columns = {name: np.empty(0, kind) for name, kind in (_TYPES | carried).items()}
        if not self.states:
            self.states = {
                "tail": np.empty(0, np.int32),
                "start": np.empty(0, np.int32),
                "total": np.empty(0, np.int64),
                "sums": np.empty(0, np.float64),
                "floor": np.empty(0, np.int64),
                "salt": np.empty(0, np.uint64),
                "present": np.empty((0, kinds), np.int32),
                "chain": np.empty((0, places), np.int64),
                "keys": np.empty((0, self.key_fields), np.int32),
            }

    def __len__(self) -> int:
        """How many observations."""
        return self.size

    def column(self, name: str) -> Column:
        """One column's rows."""
        return self.columns[name][: self.size]

    def keys(self) -> Column:
        """Each group's codes of names; of shape (groups, fields)."""
        return self.states["keys"][: self.groups]

    def nodes(self) -> Nodes:
        """The observations as the loops take them."""
        return Nodes(*(self.columns[name][: self.size] for name in Nodes._fields))

    def group_states(self) -> Groups:
        """The groups as the loops take them."""
        return Groups(*(self.states[name][: self.groups] for name in Groups._fields))

    def take(self, rows: npt.NDArray[Any]) -> Observations:
        """Some of the observations."""
        return Observations(*(self.column(name)[rows].astype(np.int64, copy=False) for name in OBSERVED))

    def carried(self, rows: npt.NDArray[Any]) -> Codes:
        """What some of the observations carry; of shape (rows, fields)."""
        parts = [self.column(f"carried.{at}")[rows].astype(np.int64) for at in range(self.carried_fields)]
        return np.stack(parts, axis=1) if parts else np.empty((len(rows), 0), np.int64)

    def append(self, new: list[Fresh]) -> Codes:
        """Take observations in; returns their rows, sorted by group, time, path and number."""
        low = self.size
        for each in new:
            usable = (each.seen.time != NO_TIME) & (each.keys != NONE).all(axis=1)
            group = self._group_codes(each.keys[usable])
            if self.measure.what == NOTHING and len(group):
                in_time = each.seen.time[usable] > self.states["floor"][group]
                self.late += int((~in_time).sum())
                usable[usable] = in_time
                group = group[in_time]
            self._extend(each, usable, group)
        new_rows = np.arange(low, self.size, dtype=np.int64)
        names = ("number", "path", "time", "group")
        return new_rows[np.lexsort([self.column(name)[low:] for name in names])]

    def _extend(self, each: Fresh, usable: Flags, group: Codes) -> None:
        low, self.size = self.size, self.size + len(group)
        if self.size > len(self.columns["time"]):
            self._give_room(low)
        rows = slice(low, self.size)
        for name in OBSERVED:
            self.columns[name][rows] = getattr(each.seen, name)[usable]
        self.columns["group"][rows] = group
        self.columns["kind"][rows] = each.kind
        self.columns["value"][rows] = each.value[usable]
        self.columns["amount"][rows] = each.amount[usable]
        self.columns["flags"][rows] = 0
        for at in range(self.carried_fields):
            self.columns[f"carried.{at}"][rows] = each.carried[usable, at]

    def _give_room(self, used: int) -> None:
        """Half as much again as is needed, of which so many rows are in use already."""
        room = max(_LEAST_ROOM, self.size + self.size // 2)
        self.columns = {name: resized(array[:used], room) for name, array in self.columns.items()}

    def _group_codes(self, keys: Codes) -> Codes:
        """The groups of some keys; new ones are made."""
        if not len(keys):
            return np.empty(0, dtype=np.int64)
        if keys.shape[1] == 0:
            return np.full(len(keys), self._groups_of([()])[0], dtype=np.int64)
        if keys.shape[1] == 1:
            return self._groups_of_names(keys[:, 0])
        if keys.shape[1] == 2:  # codes of names have 31 bits
            pairs, inverse = np.unique(keys[:, 0] << 31 | keys[:, 1], return_inverse=True)
            low = (1 << 31) - 1
            return self._groups_of([(pair >> 31, pair & low) for pair in pairs.tolist()])[inverse]
        rows, inverse = np.unique(keys, axis=0, return_inverse=True)
        return self._groups_of([tuple(row) for row in rows.tolist()])[inverse.reshape(-1)]

    def _groups_of_names(self, names: Codes) -> Codes:
        """The groups of some names, of which all but the new ones are looked up at once."""
        missing = int(names.max()) + 1 - len(self.by_name)
        if missing > 0:
            self.by_name = np.append(self.by_name, np.full(missing + missing // 2, NONE, np.int32))
        new = np.unique(names[self.by_name[names] == NONE])
        if len(new):
            self.by_name[new] = self._groups_of([(name,) for name in new.tolist()])
        return self.by_name[names].astype(np.int64)

    def _groups_of(self, keys: list[tuple[int, ...]]) -> Codes:
        codes = self.codes
        known = len(codes)
        found = np.fromiter((codes.setdefault(key, len(codes)) for key in keys), np.int64, len(keys))
        if len(codes) > known:
            added = [key for key, code in zip(keys, found.tolist(), strict=True) if code >= known]
            self._add_groups(added)
        return found

    def _add_groups(self, added: list[tuple[int, ...]]) -> None:
        low, self.groups = self.groups, self.groups + len(added)
        if self.groups > len(self.states["tail"]):
            room = max(64, self.groups + self.groups // 2)
            self.states = {name: resized(array, room) for name, array in self.states.items()}
        rows = slice(low, self.groups)
        empty = {"tail": NONE, "start": NONE, "total": 0, "sums": 0, "floor": NEVER, "present": 0, "chain": NEVER}
        for name, value in empty.items():
            self.states[name][rows] = value
        self.states["salt"][rows] = _mixed(np.arange(low, self.groups, dtype=np.uint64))
        self.states["keys"][rows] = np.array(added, np.int32).reshape(len(added), self.key_fields)

    def make_room(self, new: int) -> None:
        """Room for so many values more; those that no window holds any more go."""
        if self.measure.what == VALUES and self.slots.used[0] + new > FULL * len(self.slots.keys):
            self.slots = rehashed(self.slots, new)

    def evict(self, before_us: int, lean_before_us: int | None) -> None:
        """Forget what no window can need any more, once it is worth it.

        Args:
            before_us: no window reaches back to before this.
            lean_before_us: nothing older is still to come, nor asked for by correlations over this one, so that what
                is before a window is not needed; None if it may be.
        """
        if self.size < 2 * self.kept + _FEW:
            return
        time, group = self.column("time"), self.column("group")
        gone = time < before_us
        if lean_before_us is not None:
            if self.measure.lean:
                start = self.states["start"][: self.groups]
                begin = np.where(start >= 0, time[start], NEVER)
                gone |= (time < begin[group]) & (time < lean_before_us)
            elif self.measure.what == NOTHING:
                gone |= (self.column("flags") & JUDGED) > 0
        self.keep(~gone)

    def idle(self) -> int:
        """How many observations are of groups in which no chain of steps has begun: of all log-ins nearly all."""
        return int(self._idle().sum()) if self.measure.what == ORDER else 0

    def _idle(self) -> Flags:
        begun = (self.states["chain"][: self.groups] != NEVER).any(axis=1)
        idle: Flags = ~begun[self.column("group")]
        return idle

    def drop_idle(self, many: int) -> bool:
        """Forget the oldest idle observations, about so many; whether there were any.

        They are no part of anything yet, and become one only if the first step comes later than they did.
        """
        if self.measure.what != ORDER:
            return False
        idle = np.flatnonzero(self._idle())
        if not idle.size:
            return False
        time = self.column("time")[idle]
        last = min(many, idle.size) - 1
        kept = np.ones(self.size, bool)
        kept[idle[time <= np.partition(time, last)[last]]] = False
        self.keep(kept)
        return True

    def drop_oldest(self, most: int) -> None:
        """Forget the oldest for want of memory, so that at most so many stay."""
        if self.size <= most:
            return
        time = self.column("time")
        last = self.size - most - 1  # of those that go
        oldest = np.partition(time, last)[last]
        kept = time > oldest
        self.dropped += self.size - int(kept.sum())
        self.keep(kept)

    def keep(self, rows: Flags) -> None:
        """Forget the other observations: of each group the oldest."""
        if not rows.all():
            WORK.loops().settle(self.nodes(), self.group_states(), self.slots, self.measure, rows.view(np.uint8))
            renumbered = np.cumsum(rows, dtype=np.int64) - 1
            left = int(renumbered[-1]) + 1
            for name in self.columns:  # in their place: what is made anew lies elsewhere each time, and leaves holes
                self.columns[name][:left] = self.column(name)[rows]
            self.size = left
            if len(self.columns["time"]) > max(_LEAST_ROOM, _SPACIOUS * left):
                self._give_room(left)
            renumbered = np.append(np.where(rows, renumbered, NONE), NONE)  # the last is for NONE, which is -1
            for name in ("before", "after"):
                self.column(name)[:] = renumbered[self.column(name)]
            for name in ("tail", "start"):
                self.states[name][: self.groups] = renumbered[self.states[name][: self.groups]]
        self.kept = self.size
        if self.groups > _MANY_GROUPS:
            self._forget_groups()

    def _forget_groups(self) -> None:
        """Give the groups that still hold something new numbers, and forget the others."""
        live = np.union1d(self.column("group"), np.fromiter(self.runs, dtype=np.int64)).astype(np.int64)
        if len(live) * 2 > self.groups:
            return
        self.states = {name: array[live] for name, array in self.states.items()}
        self.groups = len(live)
        self._recode()
        self.column("group")[:] = np.searchsorted(live, self.column("group"))
        runs = {int(np.searchsorted(live, old)): run for old, run in self.runs.items()}
        for code, run in runs.items():
            run.group = code
        self.runs = runs

    def finish(self, run: Run) -> None:
        """Forget a run that is over."""
        self.lines.release(run)
        if self.runs.get(run.group) is run:
            del self.runs[run.group]

    def rename(self, codes: Codes) -> None:
        """Names have new codes."""
        for name in (*NAMED, *(name for name in self.columns if name.startswith("carried."))):
            self.column(name)[:] = codes[self.column(name)]
        self.states["keys"] = codes[self.states["keys"]].astype(np.int32)
        self._recode()
        self.lines.rename(codes)

    def _recode(self) -> None:
        """Number the groups by their keys anew."""
        self.codes = {tuple(key): code for code, key in enumerate(self.keys().tolist())}
        self.by_name = np.empty(0, np.int32)

    def names_used(self) -> list[Column]:
        """All codes of names in use."""
        columns = [self.column(name) for name in (*NAMED, *(n for n in self.columns if n.startswith("carried.")))]
        return [*columns, self.keys().reshape(-1), *self.lines.names_used()]


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Numbers that look like chance."""
    mixed = (numbers + np.uint64(1)) * _SALT
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))
