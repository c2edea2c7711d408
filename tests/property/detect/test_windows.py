"""Windows agree with a naive reading of Sigma's definition, however the events are cut, ordered and looped over."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.detect import table, windows, work
from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.load import LoadReport
from pollwatch.detect.sigma.plan import (
    TEMPORAL_TYPES,
    Alternative,
    Bound,
    Compare,
    CorrelationRule,
    CorrelationType,
    EventRule,
    Leaf,
    RuleInfo,
    Text,
)
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.taxonomy import WEB

SPAN = 10
#: Time, group, value, and an amount of its own; the value's first letter says which rule matches.
Event = tuple[int, str, str, int]
Row = tuple[int, int, str, str, int]
OPERATORS: dict[Compare, Callable[[float, float], bool]] = {
    Compare.LT: operator.lt,
    Compare.LTE: operator.le,
    Compare.GT: operator.gt,
    Compare.GTE: operator.ge,
    Compare.EQ: operator.eq,
    Compare.NEQ: operator.ne,
}


def correlation(
    kind: CorrelationType, bounds: Sequence[Bound], wanted: Sequence[Alternative] = (), rules: str = "abc"
) -> CorrelationRule:
    """A correlation over events ``a``, ``b`` and ``c``, or over ``a`` alone."""
    names = tuple(rules) if kind in TEMPORAL_TYPES else ("a",)
    fields = {CorrelationType.VALUE_COUNT: ("w",), CorrelationType.EVENT_COUNT: ()}.get(kind, ("x",))
    return CorrelationRule(
        RuleInfo("corr", "corr", "corr", Severity.LOW),
        kind,
        names,
        ("g",),
        SPAN,
        tuple(bounds),
        () if kind in TEMPORAL_TYPES else fields,
        wanted=tuple(wanted),
        percentile=60.0,
    )


def engine(rule: CorrelationRule) -> Engine:
    """An engine with one correlation."""
    bases = [
        EventRule(RuleInfo(name, name, name, Severity.INFO, output=False), WEB, Leaf("v", Text((name,))))
        for name in "abc"
    ]
    return Engine([*bases, rule], LoadReport(0, 4, ()))


def batch(events: Sequence[Event], first: int = 1) -> EventBatch:
    """Events as a batch."""
    columns = {
        "time_us": pa.array([time for time, _, _, _ in events], pa.int64()),
        "number": pa.array(range(first, first + len(events)), pa.int64()),
        "g": pa.array([group for _, group, _, _ in events], pa.string()),
        "v": pa.array([value[0] for _, _, value, _ in events], pa.string()),
        "w": pa.array([value for _, _, value, _ in events], pa.string()),
        "x": pa.array([amount for _, _, _, amount in events], pa.int64()),
    }
    return EventBatch(WEB, "x", pa.table(columns))


def detected(made: Engine, events: Sequence[Event], cuts: Sequence[int], *, saved: bool = False) -> list[Detection]:
    """All detections over the events, cut into batches; the state goes through bytes after each, if wanted."""
    state, found = made.start(), list[Detection]()
    for low, high in pairwise([0, *sorted(cuts), len(events)]):
        if low < high:
            matches = made.match(batch(events[low:high], low + 1))
            later = [time for time, _, _, _ in events[high:]]
            state, some = made.step(state, matches, min(later) if later else None)
            found += some
        if saved:
            state = made.restore(made.save(state))
    return found + made.step(state, None, None, done=True)[1]


def lines_of(found: Sequence[Detection]) -> set[int]:
    """The line numbers in all detections."""
    return {number for each in found for _, number in each.lines}


def sorted_rows(rule: CorrelationRule, events: Sequence[Event]) -> dict[str, list[Row]]:
    """The events that count for a rule, group by group, in order of time and line."""
    rows = sorted((time, number, group, value, x) for number, (time, group, value, x) in enumerate(events, 1))
    return {name: [row for row in rows if row[2] == name and row[3][0] in rule.rules] for name in {r[2] for r in rows}}


def longest_chain(kinds: str) -> int:
    """How many different letters stand in order."""
    return max(
        size
        for size in range(len(set(kinds)) + 1)
        if any(in_order("".join(each), kinds) for each in combinations(sorted(set(kinds)), size))
    )


def in_order(wanted: str, kinds: str) -> bool:
    """Whether letters stand in this order among others."""
    left = iter(kinds)
    return all(each in left for each in wanted)


def figure(rule: CorrelationRule, window: Sequence[Row]) -> float:
    """What a window comes to."""
    amounts, kinds = [row[4] for row in window], "".join(row[3][0] for row in window)
    figures: dict[CorrelationType, Callable[[], float]] = {
        CorrelationType.EVENT_COUNT: lambda: len(window),
        CorrelationType.VALUE_COUNT: lambda: len({row[3] for row in window}),
        CorrelationType.TEMPORAL: lambda: len(set(kinds)),
        CorrelationType.TEMPORAL_ORDERED: lambda: longest_chain(kinds),
        CorrelationType.VALUE_SUM: lambda: sum(amounts),
        CorrelationType.VALUE_AVG: lambda: sum(amounts) / len(amounts),
        CorrelationType.VALUE_PERCENTILE: lambda: float(np.percentile(amounts, rule.percentile)),
        CorrelationType.VALUE_MEDIAN: lambda: float(np.median(amounts)),
    }
    return figures[rule.type]()


def holds(rule: CorrelationRule, window: Sequence[Row]) -> bool:
    """Whether a window fulfils a rule."""
    kinds = "".join(row[3][0] for row in window)
    if rule.wanted:
        ordered = rule.type is CorrelationType.TEMPORAL_ORDERED
        return any(
            set(each.present) <= set(kinds)
            and not each.absent & set(kinds)
            and (not ordered or in_order("".join(each.present), kinds))
            for each in rule.wanted
        )
    return all(OPERATORS[bound.op](figure(rule, window), bound.number) for bound in rule.bounds)


def naive_sliding(rule: CorrelationRule, events: Sequence[Event]) -> set[int]:
    """Every window that ends with an event, looked at one by one."""
    lines: set[int] = set()
    for rows in sorted_rows(rule, events).values():
        for end, last in enumerate(rows):
            window = [row for row in rows[: end + 1] if row[0] >= last[0] - SPAN]
            shown = window
            if rule.type is CorrelationType.TEMPORAL_ORDERED:
                # The chain must end with this event, and what is shown begins with a first step.
                ways = [each.present for each in rule.wanted] or list(
                    combinations(rule.rules, int(rule.bounds[0].number))
                )
                kinds = "".join(row[3][0] for row in window)
                if not any(way[-1] == kinds[-1] and in_order("".join(way), kinds) for way in ways):
                    continue
                firsts = {way[0] for way in ways}
                shown = window[next(at for at, kind in enumerate(kinds) if kind in firsts) :]
            elif not holds(rule, window):
                continue
            lines |= {row[1] for row in shown}
    return lines


def naive_closed(rule: CorrelationRule, events: Sequence[Event]) -> set[int]:
    """Windows one after another, each opened by the first event that none before it holds."""
    lines: set[int] = set()
    latest = max((time for time, _, _, _ in events), default=0)
    for rows in sorted_rows(rule, events).values():
        left = rows
        while left:
            end = left[0][0] + SPAN
            window = [row for row in left if row[0] <= end]
            left = left[len(window) :]
            if (rule.asks_for_presence or end < latest) and holds(rule, window):
                lines |= {row[1] for row in window}
    return lines


events = st.lists(
    st.tuples(
        st.integers(0, 60), st.sampled_from("gh"), st.sampled_from(["a", "a1", "a2", "b", "c"]), st.integers(-2, 5)
    ),
    max_size=25,
)
cuts = st.lists(st.integers(0, 25), max_size=4)
bounds = st.builds(Bound, st.sampled_from(list(Compare)), st.integers(1, 4).map(float))
letters = st.sets(st.sampled_from("abc"), min_size=1)
plain = st.builds(
    correlation, st.sampled_from(list(CorrelationType)), st.lists(bounds, min_size=1, max_size=2).map(tuple)
).filter(lambda rule: not rule.slides or rule.type is not CorrelationType.TEMPORAL_ORDERED)
ordered = st.builds(
    correlation,
    st.just(CorrelationType.TEMPORAL_ORDERED),
    st.integers(1, 3).map(lambda n: (Bound(Compare.GTE, float(n)),)),
)
alternative = letters.flatmap(
    lambda present: st.builds(
        Alternative,
        st.just(tuple(sorted(present))),
        st.frozensets(st.sampled_from(sorted(set("abc") - present) or ["-"]), max_size=1).map(lambda s: s - {"-"}),
    )
)
boolean = st.builds(
    correlation,
    st.sampled_from(sorted(TEMPORAL_TYPES, key=lambda kind: kind.value)),
    st.just(()),
    st.lists(alternative, min_size=1, max_size=2).map(tuple),
)
correlations = st.one_of(plain, ordered, boolean)


@settings(max_examples=250, deadline=None)
@given(correlations, events, cuts)
def test_windows_equal_the_definition(rule: CorrelationRule, rows: list[Event], where: list[int]) -> None:
    """Order of arrival and the cuts between batches change nothing about which lines are in some window."""
    expected = (naive_sliding if rule.slides else naive_closed)(rule, rows)
    assert lines_of(detected(engine(rule), rows, [cut for cut in where if cut <= len(rows)])) == expected


@settings(max_examples=80, deadline=None)
@given(correlations, events, cuts)
def test_saved_and_restored_detects_the_same(rule: CorrelationRule, rows: list[Event], where: list[int]) -> None:
    """A state that goes through bytes after every batch leads to the very same detections."""
    made, at = engine(rule), [cut for cut in where if cut <= len(rows)]
    assert detected(made, rows, at, saved=True) == detected(made, rows, at)


@settings(max_examples=100, deadline=None)
@given(correlations, st.lists(events, min_size=2, max_size=4))
def test_what_is_forgotten_was_not_needed(rule: CorrelationRule, parts: list[list[Event]]) -> None:
    """Forgetting after every batch what no window can need any more changes no detection's lines."""
    rows = [(time + 70 * at, *rest) for at, part in enumerate(parts) for time, *rest in part]
    at = [sum(map(len, parts[:n])) for n in range(1, len(parts))]
    expected = (naive_sliding if rule.slides else naive_closed)(rule, rows)  # type: ignore[arg-type]  # a row's rest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_FEW", -1_000)
        assert lines_of(detected(engine(rule), rows, at)) == expected  # type: ignore[arg-type]  # the same


@settings(max_examples=40, deadline=None)
@given(correlations, events, cuts)
def test_machine_code_finds_the_same(rule: CorrelationRule, rows: list[Event], where: list[int]) -> None:
    """The loops as machine code and as Python lead to the very same detections."""
    made, at = engine(rule), [cut for cut in where if cut <= len(rows)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work.Work, "loops", lambda *_: windows.PLAIN)
        plainly = detected(made, rows, at)
        patch.setattr(work.Work, "loops", lambda *_: windows.fast())
        assert detected(made, rows, at) == plainly
