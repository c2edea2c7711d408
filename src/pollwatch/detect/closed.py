"""What closed windows come to: how many, how many different, which rules, sums, averages and percentiles."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pollwatch.detect.sigma.plan import Bound, Compare, CorrelationRule, CorrelationType
from pollwatch.detect.table import Table

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def fulfilled(rule: CorrelationRule, table: Table, nodes: Longs, window: Longs) -> Flags:
    """For each window, whether it fulfils the rule.

    Args:
        rule: the correlation.
        table: what it remembers.
        nodes: the observations of all windows, each window's in order of time.
        window: beside each, the number of its window: 0, 1, ...
    """
    n = int(window[-1]) + 1
    if rule.wanted:
        return _wanted(rule, table.column("kind")[nodes], window, n)
    figure = _figure(rule, table, nodes, window, n)
    result = np.ones(n, dtype=bool)
    for bound in rule.bounds:
        result &= _within(bound, figure)
    return result


def _figure(rule: CorrelationRule, table: Table, nodes: Longs, window: Longs, n: int) -> Floats:  # noqa: PLR0911 - a line a type
    amount, kind = table.column("amount")[nodes], table.column("kind")[nodes].astype(np.int64)
    match rule.type:
        case CorrelationType.EVENT_COUNT:
            return _sums(window, table.column("weight")[nodes], n)
        case CorrelationType.VALUE_COUNT:
            return _distinct(table.column("value")[nodes], window, n)
        case CorrelationType.TEMPORAL:
            return _distinct(kind, window, n)
        case CorrelationType.TEMPORAL_ORDERED:
            return np.array([_longest(part.tolist()) for part in _split(kind, window)], dtype=np.float64)
        case CorrelationType.VALUE_SUM:
            return _sums(window, amount, n)
        case CorrelationType.VALUE_AVG:
            averages: Floats = _sums(window, amount, n) / np.bincount(window, minlength=n)
            return averages
        case CorrelationType.VALUE_PERCENTILE:
            return _percentile(amount, window, n, rule.percentile)
        case CorrelationType.VALUE_MEDIAN:
            return _percentile(amount, window, n, 50.0)


def _sums(window: Longs, weights: npt.NDArray[Any], n: int) -> Floats:
    return np.bincount(window, weights=weights, minlength=n).astype(np.float64, copy=False)


def _distinct(values: npt.NDArray[np.int64] | npt.NDArray[np.uint64], window: Longs, n: int) -> Floats:
    order = np.lexsort((values, window))
    values, window = values[order], window[order]
    new = np.ones(len(values), dtype=bool)
    new[1:] = (values[1:] != values[:-1]) | (window[1:] != window[:-1])
    return np.bincount(window[new], minlength=n).astype(np.float64)


def _percentile(amount: Floats, window: Longs, n: int, percentile: float) -> Floats:
    """Between two values, the point on the straight line between them, as most databases have it."""
    amount = amount[np.lexsort((amount, window))]
    size = np.bincount(window, minlength=n)
    place = (size - 1) * (percentile / 100)
    low = np.floor(place).astype(np.int64)
    begin = np.cumsum(size) - size
    below, above = amount[begin + low], amount[begin + np.minimum(low + 1, size - 1)]
    result: Floats = below + (above - below) * (place - low)
    return result


def _longest(kinds: Sequence[int]) -> int:
    """How many of the rules matched in the order in which they stand."""
    ends: list[int] = []
    for kind in kinds:
        at = bisect_left(ends, kind)
        ends[at : at + 1] = [kind]
    return len(ends)


def _split(kind: Longs, window: Longs) -> list[Longs]:
    return np.split(kind, np.flatnonzero(np.diff(window)) + 1)


def _wanted(rule: CorrelationRule, kind: npt.NDArray[np.int32], window: Longs, n: int) -> Flags:
    held = np.zeros((n, len(rule.rules)), dtype=bool)
    held[window, kind] = True
    result = np.zeros(n, dtype=bool)
    for alternative in rule.wanted:
        present = [rule.rules.index(each) for each in alternative.present]
        absent = [rule.rules.index(each) for each in alternative.absent]
        holds = np.logical_and(held[:, present].all(axis=1), ~held[:, absent].any(axis=1))
        if rule.type is CorrelationType.TEMPORAL_ORDERED and len(present) > 1:
            parts = _split(kind.astype(np.int64), window)
            for at in np.flatnonzero(holds).tolist():
                holds[at] = _in_order(present, parts[at].tolist())
        result |= holds
    return result


def _in_order(wanted: Sequence[int], kinds: Sequence[int]) -> bool:
    """Whether the wanted ones stand among the kinds in this order."""
    left = iter(kinds)
    return all(each in left for each in wanted)


def _within(bound: Bound, figure: Floats) -> Flags:
    match bound.op:
        case Compare.LT:
            return figure < bound.number
        case Compare.LTE:
            return figure <= bound.number
        case Compare.GT:
            return figure > bound.number
        case Compare.GTE:
            return figure >= bound.number
        case Compare.EQ:
            return np.equal(figure, bound.number)
        case Compare.NEQ:
            return np.not_equal(figure, bound.number)
