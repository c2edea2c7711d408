"""Correlations: matches of rules become windows, windows become runs, runs become few, growing detections.

A window that is fulfilled covers its observations. Consecutive covered observations of a group are one *run*;
a run is reported when it starts, whenever it has doubled, and when it ends, always with all its lines. So an
attack of 3,561 failures is a handful of reports about one run, not thousands.

Observations may come late or out of order: a window is looked at again whenever something new falls into it.
Memory is bounded: what is older than the watermark minus the window is dropped, and beyond :data:`MOST`
observations the oldest go first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pollwatch.clock import US_PER_S
from pollwatch.detect import windows
from pollwatch.detect.observations import NO_TIME, NONE, Codes, Names, Observations, Observer, empty
from pollwatch.detect.sigma.plan import CorrelationRule, CorrelationType
from pollwatch.events.batch import LogSource

#: Observations that one correlation holds at most: 100 bytes each.
MOST = 2_000_000
#: Runs of one group that are no further apart than this are one run, however short the window.
LEAST_GAP_US = 1_800 * US_PER_S

_MANY_GROUPS = 50_000

Flags = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Run:
    """Consecutive fulfilled windows of one group: what a detection is made of."""

    group: int
    first_us: int
    last_us: int
    seen: Observations
    distinct: int = 0
    reported: int = 0
    example: str = ""
    closed: bool = False
    logsource: LogSource = field(default_factory=LogSource)


@dataclass(slots=True)
class Table:
    """What a correlation remembers: observations with their group, kind and value, in order of arrival."""

    seen: Observations = field(default_factory=empty)
    group: Codes = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    kind: Codes = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    value: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    covered: Flags = field(default_factory=lambda: np.empty(0, dtype=bool))
    ended: Flags = field(default_factory=lambda: np.empty(0, dtype=bool))
    groups: dict[tuple[int, ...], int] = field(default_factory=dict)
    keys: list[tuple[int, ...]] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    dropped: int = 0

    def finish(self, run: Run) -> None:
        """Forget a run that is over."""
        if self.runs.get(run.group) is run:
            del self.runs[run.group]

    def keep(self, rows: Flags) -> None:
        """Forget the other observations."""
        self.seen = self.seen.take(rows)
        for name in ("group", "kind", "value", "covered", "ended"):
            setattr(self, name, getattr(self, name)[rows])


@dataclass(frozen=True, slots=True)
class Fresh:
    """New observations for one correlation, of one referenced rule."""

    seen: Observations
    keys: Codes  # (n, fields of group-by) of name codes; NONE = absent
    kind: int
    value: npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Crossings:
    """Observations that newly ended a fulfilled window: what a correlation over this correlation sees."""

    seen: Observations
    group: Codes


def fresh(rule: CorrelationRule, rule_id: str, observer: Observer, rows: npt.NDArray[np.int64]) -> Fresh:
    """The rows of a batch that matched a referenced rule, as this correlation sees them."""
    fields = [rule.aliases.get(name, {}).get(rule_id, name) for name in rule.group_by]
    value = np.zeros(len(rows), dtype=np.uint64)
    if rule.type is CorrelationType.VALUE_COUNT:
        value, present = observer.hashes(rule.value_fields, rows)
        rows, value = rows[present], value[present]
    keys = np.stack([observer.codes(name, rows) for name in fields], axis=1) if fields else _no_keys(len(rows))
    return Fresh(observer.observe(rows), keys, rule.rules.index(rule_id), value)


def from_child(rule: CorrelationRule, child: CorrelationRule, crossings: Crossings, table: Table) -> Fresh:
    """Windows that another correlation found, as this one sees them."""
    fields = [rule.aliases.get(name, {}).get(child.info.id, name) for name in rule.group_by]
    places = [child.group_by.index(name) for name in fields]
    keys = np.array([[table.keys[group][place] for place in places] for group in crossings.group.tolist()], np.int64)
    value = crossings.group.astype(np.uint64)
    return Fresh(
        crossings.seen, keys.reshape(len(crossings.group), len(places)), rule.rules.index(child.info.id), value
    )


def _no_keys(n: int) -> Codes:
    return np.empty((n, 0), dtype=np.int64)


def advance(rule: CorrelationRule, table: Table, new: list[Fresh]) -> tuple[Crossings, list[Run]]:
    """Take new observations in; returns the windows newly ended and the runs that grew."""
    added = _append(table, new)
    if not added:
        return Crossings(empty(), np.empty(0, dtype=np.int64)), []
    affected = _affected(rule, table, added)
    # Lines of one second stand in the order of their file; which of two files came first, nobody can tell.
    seen = table.seen
    order = affected[
        np.lexsort((seen.number[affected], seen.path[affected], seen.time[affected], table.group[affected]))
    ]
    begins = _begins(rule, table, order)
    newly_ended = order[(begins >= 0) & ~table.ended[order]]
    table.ended[newly_ended] = True
    cover = order[windows.covered(begins)]
    newly_covered = cover[~table.covered[cover]]
    table.covered[newly_covered] = True
    grown = _grow(rule, table, newly_covered)
    return Crossings(table.seen.take(newly_ended), table.group[newly_ended]), grown


def _append(table: Table, new: list[Fresh]) -> int:
    parts: list[tuple[Fresh, Codes, Flags]] = []
    for each in new:
        usable = (each.seen.time != NO_TIME) & (each.keys != NONE).all(axis=1)
        groups = _group_codes(table, each.keys[usable])
        parts.append((each, groups, usable))
    added = sum(len(groups) for _, groups, _ in parts)
    if not added:
        return 0
    table.seen = Observations.concat([table.seen, *(each.seen.take(usable) for each, _, usable in parts)])
    table.group = np.concatenate([table.group, *(groups for _, groups, _ in parts)])
    kinds = (np.full(len(groups), each.kind, dtype=np.int64) for each, groups, _ in parts)
    table.kind = np.concatenate([table.kind, *kinds])
    table.value = np.concatenate([table.value, *(each.value[usable] for each, _, usable in parts)])
    table.covered = np.concatenate([table.covered, np.zeros(added, dtype=bool)])
    table.ended = np.concatenate([table.ended, np.zeros(added, dtype=bool)])
    return added


def _group_codes(table: Table, keys: Codes) -> Codes:
    if not len(keys):
        return np.empty(0, dtype=np.int64)
    if not keys.shape[1]:
        return np.full(len(keys), _group(table, ()), dtype=np.int64)
    distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
    codes = np.array([_group(table, tuple(key)) for key in distinct.tolist()], dtype=np.int64)
    result: Codes = codes[inverse.reshape(-1)]
    return result


def _group(table: Table, key: tuple[int, ...]) -> int:
    code = table.groups.get(key)
    if code is None:
        code = table.groups[key] = len(table.keys)
        table.keys.append(key)
    return code


def _affected(rule: CorrelationRule, table: Table, added: int) -> Codes:
    """Observations that can share a window with a new one: same group, no older than one span before the oldest new."""
    new_group, new_time = table.group[-added:], table.seen.time[-added:]
    oldest = np.full(len(table.keys), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(oldest, new_group, new_time)
    reach = np.where(oldest == np.iinfo(np.int64).max, oldest, oldest - rule.span_us)
    return np.flatnonzero(table.seen.time >= reach[table.group])


def _begins(rule: CorrelationRule, table: Table, order: Codes) -> Codes:
    group, time = table.group[order], table.seen.time[order]
    start = windows.starts(group, time, rule.span_us)
    match rule.type:
        case CorrelationType.EVENT_COUNT:
            return windows.event_count(start, table.seen.weight[order], rule.count)
        case CorrelationType.VALUE_COUNT:
            return windows.value_count(group, start, table.value[order], rule.count)
        case CorrelationType.TEMPORAL:
            if rule.wanted:
                sets = [[rule.rules.index(each) for each in alternative] for alternative in rule.wanted]
                return windows.temporal(start, table.kind[order], sets, 0)
            return windows.temporal(start, table.kind[order], [range(len(rule.rules))], rule.count)
        case CorrelationType.TEMPORAL_ORDERED:
            return windows.temporal_ordered(start, table.kind[order], len(rule.rules))


def _grow(rule: CorrelationRule, table: Table, rows: Codes) -> list[Run]:
    """Put newly covered observations into their groups' runs. A run that something follows too late is finished."""
    grown: list[Run] = []
    gap = max(rule.span_us, LEAST_GAP_US)
    for group in np.unique(table.group[rows]).tolist():
        mine = rows[table.group[rows] == group]
        mine = mine[np.argsort(table.seen.time[mine], kind="stable")]
        cuts = np.flatnonzero(np.diff(table.seen.time[mine]) > gap) + 1
        for part in np.split(mine, cuts):
            seen = table.seen.take(part)
            run = table.runs.get(group)
            first, last = int(seen.time[0]), int(seen.time[-1])
            if run and first <= run.last_us + gap and last >= run.first_us - gap:
                run.seen = Observations.concat([run.seen, seen])
                run.first_us, run.last_us = min(first, run.first_us), max(last, run.last_us)
            else:
                if run:
                    run.closed = True
                    grown.append(run)
                run = table.runs[group] = Run(group, first, last, seen)
            if rule.type is CorrelationType.VALUE_COUNT:
                run.distinct = len(np.unique(table.value[(table.group == group) & table.covered]))
            if not any(run is each for each in grown):
                grown.append(run)
    return grown


def evict(table: Table, before_us: int | None) -> None:
    """Forget what no window can hold any more, and the oldest of what is too much."""
    if before_us is not None and len(table.seen) and table.seen.time.min() < before_us:
        table.keep(table.seen.time >= before_us)
    if len(table.seen) > MOST:
        oldest = np.partition(table.seen.time, len(table.seen) - MOST // 2)[len(table.seen) - MOST // 2]
        kept = table.seen.time >= oldest
        table.dropped += int((~kept).sum())
        table.keep(kept)
    if len(table.keys) > _MANY_GROUPS:
        _forget_groups(table)


def _forget_groups(table: Table) -> None:
    """Give the groups that still hold something new numbers, and forget the others."""
    live = np.union1d(table.group, np.fromiter(table.runs, dtype=np.int64))
    if len(live) * 2 > len(table.keys):
        return
    table.keys = [table.keys[code] for code in live.tolist()]
    table.groups = {key: code for code, key in enumerate(table.keys)}
    table.group = np.searchsorted(live, table.group)
    runs = {int(np.searchsorted(live, old)): run for old, run in table.runs.items()}
    for code, run in runs.items():
        run.group = code
    table.runs = runs


def child_lines(child: CorrelationRule, table: Table, rule: CorrelationRule, parent: Table, run: Run) -> Observations:
    """The observations behind those of a run that were windows of another correlation."""
    places = [child.group_by.index(rule.aliases.get(n, {}).get(child.info.id, n)) for n in rule.group_by]
    wanted = parent.keys[run.group]
    groups = [code for code, key in enumerate(table.keys) if tuple(key[place] for place in places) == wanted]
    inside = (table.seen.time >= run.first_us - child.span_us) & (table.seen.time <= run.last_us)
    return table.seen.take(np.isin(table.group, groups) & inside & table.covered)


def names_of(table: Table, group: int, names: Names) -> tuple[str, ...]:
    """The values that a group stands for."""
    return tuple(names.texts[code] for code in table.keys[group])
