"""Sliding windows over sorted observations: which events end a window that fulfils a correlation.

All functions take observations sorted by (group, time, arrival). ``starts[i]`` is the first observation of the
same group that is at most one span older than ``i``: the window that ends with ``i`` is ``starts[i] .. i``.
They return, per observation, the index at which the fulfilled window that it ends begins, or -1 for none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Unsigned = npt.NDArray[np.uint64]


def starts(group: Ints, time: Ints, span_us: int) -> Ints:
    """Where the window of ``span_us`` that ends with each observation begins."""
    n = len(group)
    groups = np.concatenate((group, group))
    times = np.concatenate((time, time - span_us))
    is_event = np.concatenate((np.ones(n, dtype=np.int8), np.zeros(n, dtype=np.int8)))
    order = np.lexsort((is_event, times, groups))
    events_before = np.cumsum(is_event[order], dtype=np.int64)
    result = np.empty(n, dtype=np.int64)
    queries = order >= n
    result[order[queries] - n] = events_before[queries]
    return result


def event_count(start: Ints, weight: Ints, count: int) -> Ints:
    """Windows with at least ``count`` events; a line that says "repeated 5 times" weighs 5."""
    total = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(weight)))
    enough = total[1:] - total[start] >= count
    return np.where(enough, start, -1)


def value_count(group: Ints, start: Ints, value: Unsigned, count: int) -> Ints:
    """Windows with at least ``count`` distinct values."""
    result = np.full(len(group), -1, dtype=np.int64)
    edges = np.flatnonzero(np.diff(group, prepend=group[:1] - 1, append=group[-1:] + 1))
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if high - low >= count and len(np.unique(value[low:high])) >= count:
            begins = _slide((start[low:high] - low).tolist(), value[low:high].tolist(), count)
            result[low:high] = np.where(begins >= 0, begins + low, -1)
    return result


def _slide(start: Sequence[int], values: Sequence[int], count: int) -> Ints:
    held: Counter[int] = Counter()
    result = np.full(len(values), -1, dtype=np.int64)
    begin = 0
    for at, value in enumerate(values):
        held[value] += 1
        while begin < start[at]:
            gone = values[begin]
            held[gone] -= 1
            if not held[gone]:
                del held[gone]
            begin += 1
        if len(held) >= count:
            result[at] = begin
    return result


def temporal(start: Ints, kind: Ints, alternatives: Sequence[Sequence[int]], least: int) -> Ints:
    """Windows in which, for one of the alternatives, at least ``least`` (0: all) of its kinds of event stand."""
    index = np.arange(len(kind), dtype=np.int64)
    result = np.full(len(kind), -1, dtype=np.int64)
    for kinds in alternatives:
        present = np.zeros(len(kind), dtype=np.int64)
        for each in kinds:
            last = np.maximum.accumulate(np.where(kind == each, index, -1))
            present += last >= start
        enough = present >= (least or len(kinds))
        result = np.where(enough & (result < 0), start, result)
    return result


def temporal_ordered(start: Ints, kind: Ints, kinds: int) -> Ints:
    """Windows that end with the last kind of event and hold one of every kind before it, in order.

    They begin with the first event of the first kind, not with the last that would do: so what a window shows
    never shrinks when a line comes late.
    """
    index = np.arange(len(kind), dtype=np.int64)
    chain = np.maximum.accumulate(np.where(kind == 0, index, -1))
    for each in range(1, kinds):
        before = np.concatenate((np.full(1, -1, dtype=np.int64), chain[:-1]))
        chain = np.maximum.accumulate(np.where(kind == each, before, -1))
    ends = (kind == kinds - 1) & (chain >= start)
    first = np.minimum.accumulate(np.where(kind == 0, index, len(kind))[::-1])[::-1]
    return np.where(ends, first[start] if len(start) else start, -1)


def covered(begins: Ints) -> npt.NDArray[np.bool_]:
    """Which observations stand in some fulfilled window."""
    ends = np.flatnonzero(begins >= 0)
    change = np.zeros(len(begins) + 1, dtype=np.int64)
    np.add.at(change, begins[ends], 1)
    np.add.at(change, ends + 1, -1)
    result: npt.NDArray[np.bool_] = np.cumsum(change[:-1]) > 0
    return result
