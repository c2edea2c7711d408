"""A correlation's groups: one per key for as long as anything is held of it, whatever its name's code is meanwhile."""

from __future__ import annotations

import numpy as np

from pollwatch.detect.nodes import EVENTS, Measure
from pollwatch.detect.observations import Observations
from pollwatch.detect.table import Fresh, Table

MEASURE = Measure(EVENTS, 1_000, 5, 0.0, 0, 0, 1, np.zeros(1, np.int64), np.zeros(0, np.int64))


def seen(names: list[int], first_us: int) -> Fresh:
    """An observation of each name, in order."""
    size = len(names)
    none = np.full(size, -1, np.int64)
    times = np.arange(first_us, first_us + size)
    weight = np.ones(size, np.int64)
    observed = Observations(times, times, np.zeros(size, np.int64), none, none, none, none, weight)
    values = np.zeros(size, np.uint64)
    keys = np.array(names, np.int64).reshape(-1, 1)
    return Fresh(observed, keys, np.empty((size, 0), np.int64), 0, values, np.zeros(size))


def groups(table: Table) -> list[int]:
    """The group of each observation, in order of their times."""
    return table.column("group")[np.argsort(table.column("time"))].tolist()


def test_a_name_keeps_its_group_and_a_name_with_its_old_code_gets_its_own() -> None:
    """Names are numbered anew when some are forgotten: what had code 9 has code 0, and a new name gets code 9."""
    table = Table(1, 0, MEASURE)
    table.append([seen([9, 5, 9], 10)])
    table.append([seen([700, 5], 20)])
    assert groups(table) == [1, 0, 1, 2, 0]
    renamed = np.full(702, -1, np.int64)
    renamed[[9, 5, 700]] = [0, 1, 2]
    renamed[0] = 3  # of no group here
    table.rename(renamed)
    table.append([seen([0, 1, 2, 9, 3], 30)])
    assert groups(table)[5:] == [1, 0, 2, 4, 3]
