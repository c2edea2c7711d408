"""Observations in the form that ``windows`` loops over: arrays of nodes, of groups and of values, and a measure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint8]

#: No node.
NONE = -1
#: How full a table of slots may be.
FULL = 0.6
#: A time before all times.
NEVER = np.iinfo(np.int64).min // 4

#: What a window is measured by.
EVENTS, VALUES, KINDS, ORDER, SUM, NOTHING = range(6)

#: Flags of a node: it stands in a fulfilled window; it ended one; its closed window has been judged.
COVERED, ENDED, JUDGED = 1, 2, 4


class Nodes(NamedTuple):
    """What is known of each observation, and its neighbours in its group's chain."""

    time: Longs
    number: Longs
    path: Ints
    group: Ints
    kind: Ints
    weight: Ints
    value: Words
    amount: Floats
    before: Ints
    after: Ints
    flags: Bits


class Groups(NamedTuple):
    """What is known of each group.

    Attributes:
        tail: its last node.
        start: the first node of the window that ends with the tail; where order counts, the first that begins a chain;
            for closed windows, the first of the window that is open.
        total: the window's weight, or its distinct values or kinds.
        sums: what the amounts in the window come to.
        floor: what is older was judged already.
        salt: makes values of this group differ from the same values elsewhere.
        present: how many nodes of each kind the window holds; of shape (groups, kinds).
        chain: for each place of each alternative, when the latest chain up to there began; of shape (groups, places).
    """

    tail: Ints
    start: Ints
    total: Longs
    sums: Floats
    floor: Longs
    salt: Words
    present: Ints
    chain: Longs


class Slots(NamedTuple):
    """How often each value stands in its group's window: an open-addressing table; key 0 is a free slot."""

    keys: Words
    counts: Ints
    used: Longs


class Measure(NamedTuple):
    """What fulfils a window.

    Attributes:
        what: one of ``EVENTS`` ... ``NOTHING``.
        span: length of a window.
        need: so much weight, or so many values or kinds; 0 where alternatives say it.
        bound: the sum that must be reached.
        strict: 1 if the sum must be exceeded.
        lean: 1 if less of a fulfilled window may be kept.
        kinds: how many kinds there are.
        edges: where each alternative begins in ``places``; one more at the end.
        places: kinds, one alternative after another, in order.
    """

    what: int
    span: int
    need: int
    bound: float
    strict: int
    lean: int
    kinds: int
    edges: Longs
    places: Longs


class Found(NamedTuple):
    """What the loops found; the first three as long as the nodes.

    Attributes:
        ended: nodes that newly end a fulfilled window.
        covered: nodes that newly stand in a fulfilled window.
        by: for each of these, the node that ends that window.
        sizes: how many of ``ended`` and ``covered`` there are, and how many nodes were put in their place for that.
    """

    ended: Longs
    covered: Longs
    by: Longs
    sizes: Longs


def empty_slots(room: int) -> Slots:
    """Room for so many keys, a power of two."""
    return Slots(np.zeros(room, np.uint64), np.zeros(room, np.int32), np.zeros(1, np.int64))


def rehashed(slots: Slots, new: int) -> Slots:
    """A table with room for so many keys more, without those that count nothing."""
    live = slots.counts > 0
    keys, counts = slots.keys[live], slots.counts[live]
    room = 1_024
    while (len(keys) + new) > FULL / 2 * room:
        room *= 2
    made = empty_slots(room)
    made.used[0] = len(keys)
    waiting, at = np.arange(len(keys)), (keys & np.uint64(room - 1)).astype(np.int64)
    while len(waiting):  # all at once; those whose place is taken move on by one
        free = made.keys[at] == 0
        places, first = np.unique(at[free], return_index=True)
        placed = waiting[free][first]
        made.keys[places], made.counts[places] = keys[placed], counts[placed]
        left = made.keys[at] != keys[waiting]
        waiting, at = waiting[left], (at[left] + 1) & (room - 1)
    return made
