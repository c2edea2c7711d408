"""Sliding windows agree with a naive reading of Sigma's definition, however the events are cut and ordered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.load import LoadReport
from pollwatch.detect.sigma.plan import (
    Compare,
    CorrelationRule,
    CorrelationType,
    EventRule,
    Leaf,
    RuleInfo,
    Text,
)
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Severity
from pollwatch.events.taxonomy import WEB

SPAN = 10
Event = tuple[int, str, str]  # time, group, value


def engine(kind: CorrelationType, count: int) -> Engine:
    """An engine with one correlation over events ``a`` and ``b``."""
    bases = [
        EventRule(RuleInfo(name, name, name, Severity.INFO, output=False), WEB, Leaf("v", Text((name,))))
        for name in "ab"
    ]
    rules = ("a", "b") if kind in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED) else ("a",)
    info = RuleInfo("c", "c", "c", Severity.LOW)
    values = ("w",) if kind is CorrelationType.VALUE_COUNT else ()
    both = CorrelationRule(info, kind, rules, ("g",), SPAN, Compare.GTE, count, values)
    return Engine([*bases, both], LoadReport(0, 3, ()))


def found(made: Engine, events: Sequence[Event], cuts: Sequence[int]) -> set[int]:
    """The line numbers in all detections."""
    state, lines = made.start(), set[int]()
    edges = [0, *sorted(cuts), len(events)]
    steps = [None if low == high else (low, high) for low, high in pairwise(edges)]
    for step in [*steps, None]:
        matches = None
        if step is not None:
            part = events[step[0] : step[1]]
            columns = {
                "time_us": pa.array([time for time, _, _ in part], pa.int64()),
                "number": pa.array(range(step[0] + 1, step[1] + 1), pa.int64()),
                "g": pa.array([group for _, group, _ in part], pa.string()),
                "v": pa.array([value[0] for _, _, value in part], pa.string()),
                "w": pa.array([value for _, _, value in part], pa.string()),
            }
            matches = made.match(EventBatch(WEB, "x", pa.table(columns)))
        state, some = made.step(state, matches, None, done=step is None)
        for each in some:
            lines |= {number for _, number in each.lines}
    return lines


def naive(kind: CorrelationType, count: int, events: Sequence[Event]) -> set[int]:
    """Every window that ends with an event, looked at one by one."""
    lines: set[int] = set()
    rows = sorted(((time, number, group, value) for number, (time, group, value) in enumerate(events, 1)))
    for end, (time, _, group, _) in enumerate(rows):
        window = [row for row in rows[: end + 1] if row[2] == group and row[0] >= time - SPAN]
        counted = [row for row in window if row[3][0] == "a"]
        if kind is CorrelationType.EVENT_COUNT and len(counted) >= count:
            lines |= {row[1] for row in counted}
        if kind is CorrelationType.VALUE_COUNT and len({row[3] for row in counted}) >= count:
            lines |= {row[1] for row in counted}
        if kind is CorrelationType.TEMPORAL and {row[3][0] for row in window} >= {"a", "b"}:
            lines |= {row[1] for row in window if row[3][0] in "ab"}
        if kind is CorrelationType.TEMPORAL_ORDERED and window[-1][3][0] == "b" and counted:
            first = min(at for at, row in enumerate(window) if row[3][0] == "a")
            lines |= {row[1] for row in window[first:] if row[3][0] in "ab"}
    return lines


events = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("gh"), st.sampled_from(["a", "a1", "a2", "b", "c"])), max_size=25
)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(list(CorrelationType)), st.integers(1, 4), events, st.lists(st.integers(0, 25), max_size=4))
def test_windows_equal_the_definition(kind: CorrelationType, count: int, rows: list[Event], cuts: list[int]) -> None:
    """Order of arrival and the cuts between batches change nothing about which lines are in some window."""
    if kind in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED):
        count = 2
    made = engine(kind, count)
    assert found(made, rows, [cut for cut in cuts if cut <= len(rows)]) == naive(kind, count, rows)
