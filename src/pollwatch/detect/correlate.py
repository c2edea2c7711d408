"""Correlations: matches of rules become windows, windows become runs, runs become few, growing detections.

Two kinds of window. Where more of the same can only help (so many or more), a window **slides**: it ends with each
event and is told at once. Anything else (fewer than, exactly, between, averages, "this and not that") is true of
every window at some moment, so it is judged when the window has **closed**: a window opens with the first event that
no earlier one holds, stays open for one time span, and is judged once nothing in it can be still to come. When the
input ends, windows that are still open are judged only where the condition asks for something to be there: what ends
early is no absence.

Observations may come late or out of order. Memory is bounded: what no window can need any more is forgotten, and the
state bounds what is left (``state.MOST``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pollwatch.clock import US_PER_S
from pollwatch.detect import closed
from pollwatch.detect.nodes import COVERED, EVENTS, KINDS, NOTHING, ORDER, SUM, VALUES, Found, Measure
from pollwatch.detect.observations import NONE, Codes, Names, Observations, Observer
from pollwatch.detect.runs import Run
from pollwatch.detect.sigma.plan import Compare, CorrelationRule, CorrelationType
from pollwatch.detect.table import Fresh, Table
from pollwatch.detect.work import WORK

#: Runs of one group that are no further apart than this are one run, however short the window.
LEAST_GAP_US = 1_800 * US_PER_S

_SLIDING = {
    CorrelationType.EVENT_COUNT: EVENTS,
    CorrelationType.VALUE_COUNT: VALUES,
    CorrelationType.TEMPORAL: KINDS,
    CorrelationType.TEMPORAL_ORDERED: ORDER,
    CorrelationType.VALUE_SUM: SUM,
}


@dataclass(frozen=True, slots=True)
class Crossings:
    """What a correlation over this correlation sees: observations that newly ended a fulfilled window.

    Where it asks for a field by which this one does not group, each observation of the window is a crossing, with
    the field's value there and the time at which the window was fulfilled.
    """

    seen: Observations
    keys: Codes
    carried: Codes


@dataclass(frozen=True, slots=True)
class Advance:
    """What new observations led to: windows newly fulfilled, and the runs that grew."""

    crossings: Crossings
    grown: list[Run]


def least(rule: CorrelationRule) -> int:
    """The smallest whole number that is within all lower bounds of a rule."""
    return max(math.floor(each.number) + 1 if each.op is Compare.GT else math.ceil(each.number) for each in rule.bounds)


def alternatives(rule: CorrelationRule) -> tuple[tuple[int, ...], ...]:
    """For temporal rules that slide: kinds, in order, one tuple of which must be there."""
    if rule.wanted:
        return tuple(tuple(rule.rules.index(each) for each in alternative.present) for alternative in rule.wanted)
    return tuple(combinations(range(len(rule.rules)), least(rule)))


def measure(rule: CorrelationRule) -> Measure:
    """What fulfils a window of a rule, as the loops take it."""
    what = _SLIDING[rule.type] if rule.slides else NOTHING
    need, bound, strict = 0, 0.0, False
    ways: tuple[tuple[int, ...], ...] = ()
    if what == SUM:
        bound, strict = max((each.number, each.op is Compare.GT) for each in rule.bounds)
    elif what == ORDER or (what == KINDS and rule.wanted):
        ways = alternatives(rule)
    elif what != NOTHING:
        need = least(rule)
        ways = (tuple(range(len(rule.rules))),)
    return Measure(
        what,
        rule.span_us,
        need,
        bound,
        int(strict),
        int(what in (EVENTS, VALUES, KINDS)),
        len(rule.rules),
        np.cumsum([0, *map(len, ways)], dtype=np.int64),
        np.array([place for way in ways for place in way], dtype=np.int64),
    )


def fresh(
    rule: CorrelationRule, carry: tuple[str, ...], rule_id: str, observer: Observer, rows: Codes, seen: Observations
) -> Fresh:
    """The rows of a batch that matched a referenced rule, as this correlation sees them.

    Args:
        rule: this correlation.
        carry: fields that correlations over it ask for.
        rule_id: the rule that matched.
        observer: reads the batch.
        rows: which rows matched.
        seen: these rows, observed.
    """
    value, amount = np.zeros(len(rows), dtype=np.uint64), np.zeros(len(rows))
    fields = [rule.field_of(name, rule_id) for name in rule.value_fields]
    if rule.type is CorrelationType.VALUE_COUNT:
        value, present = observer.hashes(fields, rows)
        rows, seen, value, amount = rows[present], seen.take(present), value[present], amount[present]
    elif fields:
        amount, present = observer.amounts(fields[0], rows)
        rows, seen, value, amount = rows[present], seen.take(present), value[present], amount[present]
    keys = [observer.codes(rule.field_of(name, rule_id), rows) for name in rule.group_by]
    carried = [observer.codes(rule.field_of(name, rule_id), rows) for name in carry]
    return Fresh(seen, _stacked(keys, len(rows)), _stacked(carried, len(rows)), _kind(rule, rule_id), value, amount)


def from_child(
    rule: CorrelationRule,
    carry: tuple[str, ...],
    child: CorrelationRule,
    child_carry: tuple[str, ...],
    crossings: Crossings,
    names: Names,
) -> Fresh:
    """Windows that another correlation found, as this one sees them."""

    def codes(name: str) -> Codes:
        asked = rule.field_of(name, child.info.id)
        if asked in child.group_by:
            return crossings.keys[:, child.group_by.index(asked)]
        return crossings.carried[:, child_carry.index(asked)]

    n = len(crossings.seen)
    value, counted = np.zeros(n, dtype=np.uint64), np.ones(n, dtype=bool)
    if rule.type is CorrelationType.VALUE_COUNT:
        fields = np.stack([codes(name) for name in rule.value_fields], axis=1)
        value, counted = names.hashes(fields), (fields != NONE).all(axis=1)
    keys = _stacked([codes(name) for name in rule.group_by], n)
    carried = _stacked([codes(name) for name in carry], n)
    seen = crossings.seen.take(counted)
    return Fresh(seen, keys[counted], carried[counted], _kind(rule, child.info.id), value[counted], np.zeros(len(seen)))


def _stacked(columns: list[Codes], n: int) -> Codes:
    return np.stack(columns, axis=1) if columns else np.empty((n, 0), dtype=np.int64)


def _kind(rule: CorrelationRule, rule_id: str) -> int:
    return rule.rules.index(rule_id)


def advance(rule: CorrelationRule, table: Table, new: list[Fresh], closed_us: int | None) -> Advance:
    """Take new observations in; judge the windows that have closed.

    Args:
        rule: the correlation.
        table: what it remembers; changed.
        new: what it sees newly.
        closed_us: nothing older is still to come; None if that is not known.
    """
    order = table.append(new)
    ended, covered, by = (np.empty(table.size, np.int64) for _ in range(3))
    found = Found(ended, covered, by, np.zeros(3, np.int64))
    if len(order):
        table.make_room(len(order))
        WORK.loops(len(order)).slide(order, table.nodes(), table.group_states(), table.slots, table.measure, found)
    n_ended, n_covered, worked = found.sizes.tolist()
    WORK.nodes += worked - len(order)
    ended, covered, by = ended[:n_ended], covered[:n_covered], by[:n_covered]
    if not rule.slides:
        covered, by = _judge(rule, table, closed_us)
        ended = np.unique(by)
    return Advance(_crossings(table, ended, covered, by), _grow(rule, table, covered))


def _judge(rule: CorrelationRule, table: Table, closed_us: int | None) -> tuple[Codes, Codes]:
    """The observations of closed windows that fulfil the rule, and beside each the last of its window."""
    none = np.empty(0, np.int64)
    if closed_us is None or not table.size:
        return none, none
    start = table.states["start"][: table.groups]
    due = np.flatnonzero((start >= 0) & (table.column("time")[start] + rule.span_us < closed_us))
    if not len(due):
        return none, none
    nodes, edges = np.empty(table.size, np.int64), np.empty(table.size, np.int64)
    n = WORK.loops().collect(due, table.nodes(), table.group_states(), rule.span_us, closed_us, nodes, edges)
    edges = edges[:n]
    nodes = nodes[: edges[-1]]
    window = np.repeat(np.arange(n), np.diff(edges, prepend=0))
    fulfilled = closed.fulfilled(rule, table, nodes, window)
    held = fulfilled[window]
    covered = nodes[held]
    table.column("flags")[covered] |= COVERED
    return covered, nodes[edges - 1][window[held]]


def _crossings(table: Table, ended: Codes, covered: Codes, by: Codes) -> Crossings:
    rows = covered if table.carried_fields else ended
    seen = table.take(rows)
    if table.carried_fields:
        seen.time = table.column("time")[by]
    keys = table.keys()[table.column("group")[rows]].astype(np.int64)
    return Crossings(seen, keys, table.carried(rows))


def _grow(rule: CorrelationRule, table: Table, rows: Codes) -> list[Run]:
    """Put newly covered observations into their groups' runs. A run that something follows too late is finished."""
    if not len(rows):
        return []
    grown: dict[int, Run] = {}
    gap = max(rule.span_us, LEAST_GAP_US)
    time, group = table.column("time"), table.column("group")
    rows = rows[np.lexsort((rows, time[rows], group[rows]))]
    cuts = np.flatnonzero((np.diff(group[rows]) != 0) | (np.diff(time[rows]) > gap)) + 1
    begins, ends = np.append(0, cuts), np.append(cuts, len(rows))
    seen, groups = table.take(rows), group[rows[begins]]
    values = table.column("value")[rows] if rule.type is CorrelationType.VALUE_COUNT else None
    parts = (each.tolist() for each in (begins, ends, groups, seen.time[begins], seen.time[ends - 1]))
    for begin, end, mine, first, last in zip(*parts, strict=True):
        run = table.runs.get(mine)
        if run is None or first > run.last_us + gap or last < run.first_us - gap:
            if run is not None:
                run.closed = True
                grown[id(run)] = run
            run = table.runs[mine] = Run(mine, first, last, logsource=table.logsource)
        table.lines.add(run, seen, begin, end, values)
        grown[id(run)] = run
    return list(grown.values())


def lines_of(
    rule: CorrelationRule, carry: tuple[str, ...], table: Table, wanted: Mapping[str, int], first_us: int, last_us: int
) -> Observations:
    """The observations of fulfilled windows in a stretch of time, of the groups with certain values.

    Args:
        rule: the correlation whose windows they are.
        carry: fields that correlations over it ask for.
        table: what it remembers.
        wanted: fields, as this correlation names them, and the codes that they must have.
        first_us: windows that end from here on.
        last_us: up to here.
    """
    chosen = (table.column("flags") & COVERED) > 0
    time, group = table.column("time"), table.column("group")
    chosen &= (time >= first_us - rule.span_us) & (time <= last_us)
    for name, code in wanted.items():
        if name in rule.group_by:
            chosen &= table.keys()[group, rule.group_by.index(name)] == code
        elif name in carry:
            chosen &= table.column(f"carried.{carry.index(name)}") == code
    return table.take(np.flatnonzero(chosen))
