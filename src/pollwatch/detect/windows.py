"""Windows over observations: a loop that sees each observation about once, however long the windows are.

Observations are *nodes*: rows of columns, linked into one chain per group in order of time. A group's window is the
stretch of its chain from ``start`` to ``tail``; moving on by one node adds it and lets go of what became too old, so
the cost does not depend on what a window holds. When something comes late, the chain is taken back to where it
belongs and walked again from there. A window reaches from the event that ends it back by the time span, both ends
included.

Where fulfilment can only be helped by more (:attr:`Measure.lean`), a window is also let go of as soon as the rest of
it is enough: what is let go of then is covered already, and what is before ``start`` is never needed again.

The functions are plain Python over arrays. :func:`fast` has them as machine code, for when there is much to do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from pollwatch.detect.nodes import (
    COVERED,
    ENDED,
    EVENTS,
    JUDGED,
    KINDS,
    NEVER,
    NONE,
    NOTHING,
    ORDER,
    SUM,
    VALUES,
    Bits,
    Found,
    Groups,
    Longs,
    Measure,
    Nodes,
    Slots,
)


def _later(nodes: Nodes, one: int, other: int) -> bool:
    """Lines of one moment stand in the order of their file; which of two files came first, nobody can tell."""
    if nodes.time[one] != nodes.time[other]:
        return bool(nodes.time[one] > nodes.time[other])
    if nodes.path[one] != nodes.path[other]:
        return bool(nodes.path[one] > nodes.path[other])
    return bool(nodes.number[one] > nodes.number[other])


def _count(nodes: Nodes, groups: Groups, slots: Slots, measure: Measure, node: int, step: int) -> None:
    """Add a node to its group's window (step 1), or take it out (-1)."""
    group = nodes.group[node]
    if measure.what == EVENTS:
        groups.total[group] += step * nodes.weight[node]
    elif measure.what == SUM:
        groups.sums[group] += step * nodes.amount[node]
    elif measure.what == KINDS:
        held = groups.present[group, nodes.kind[node]]
        groups.present[group, nodes.kind[node]] = held + step
        if held == 0 or held + step == 0:
            groups.total[group] += step
    elif measure.what == VALUES:
        at = _slot(slots, nodes.value[node] ^ groups.salt[group])
        slots.counts[at] += step
        if slots.counts[at] == (1 if step > 0 else 0):
            groups.total[group] += step


def _slot(slots: Slots, key: np.uint64) -> int:
    """The slot of a key, taken if it was free."""
    if key == 0:
        key = np.uint64(1)
    last = slots.keys.shape[0] - 1
    at = np.int64(key & np.uint64(last))
    while slots.keys[at] != key:
        if slots.keys[at] == 0:
            slots.keys[at] = key
            slots.used[0] += 1
            break
        at = (at + 1) & last
    return int(at)


def _fulfilled(nodes: Nodes, groups: Groups, measure: Measure, node: int) -> bool:
    """Whether the window that ends with the node is."""
    group = nodes.group[node]
    if measure.what == SUM:
        total = groups.sums[group]
        return bool(total > measure.bound or (total == measure.bound and not measure.strict))
    if measure.need > 0:
        return bool(groups.total[group] >= measure.need)
    for at in range(measure.edges.shape[0] - 1):
        low, high = measure.edges[at], measure.edges[at + 1]
        if measure.what == ORDER:
            mine = measure.places[high - 1] == nodes.kind[node]
            if mine and groups.chain[group, high - 1] >= nodes.time[node] - measure.span:
                return True
        else:
            missing = 0
            for place in range(low, high):
                if groups.present[group, measure.places[place]] == 0:
                    missing += 1
            if missing == 0:
                return True
    return False


def _chain(nodes: Nodes, groups: Groups, measure: Measure, node: int) -> None:
    """Carry each alternative's chains on by one node. From the end, so that a node is no step after itself."""
    group, kind = nodes.group[node], nodes.kind[node]
    for at in range(measure.edges.shape[0] - 1):
        low, high = measure.edges[at], measure.edges[at + 1]
        for place in range(high - 1, low - 1, -1):
            if measure.places[place] == kind:
                begun = nodes.time[node] if place == low else groups.chain[group, place - 1]
                groups.chain[group, place] = max(groups.chain[group, place], begun)


def _opens(measure: Measure, kind: int) -> bool:
    """Whether an alternative begins with this kind."""
    for edge in measure.edges[:-1]:  # noqa: SIM110 - machine code knows no generators
        if measure.places[edge] == kind:
            return True
    return False


def _take_back(nodes: Nodes, groups: Groups, slots: Slots, measure: Measure, group: int, first: int) -> int:
    """Take off the chain what is later than a new node; returns the first that was, linked to those after it."""
    pending, tail = NONE, groups.tail[group]
    if tail == NONE or not _later(nodes, tail, first):
        return pending
    # A chain of steps cannot be undone step by step: it is told anew from the beginning of the window.
    reach = nodes.time[first] - measure.span if measure.what == ORDER else nodes.time[first]
    while tail != NONE and (_later(nodes, tail, first) or (measure.what == ORDER and nodes.time[tail] >= reach)):
        if measure.what < ORDER or measure.what == SUM:
            _count(nodes, groups, slots, measure, tail, -1)
            if groups.start[group] == tail:
                groups.start[group] = NONE
        pending, tail = tail, nodes.before[tail]
        if tail != NONE and (measure.what < ORDER or measure.what == SUM):
            _reach_back(nodes, groups, slots, measure, group, tail)
    groups.tail[group] = tail
    if measure.what == ORDER:
        groups.chain[group, :] = NEVER
        groups.start[group] = NONE
    return pending


def _reach_back(nodes: Nodes, groups: Groups, slots: Slots, measure: Measure, group: int, tail: int) -> None:
    """Give the window that ends with the tail the nodes back that had been let go of."""
    since = nodes.time[tail] - measure.span
    start = groups.start[group]
    if start == NONE:
        start = groups.start[group] = tail
        groups.sums[group] = 0.0  # whatever rounding has left
        _count(nodes, groups, slots, measure, tail, 1)
    earlier = nodes.before[start]
    while earlier != NONE and nodes.time[earlier] >= since:
        if measure.lean == 1 and _fulfilled(nodes, groups, measure, tail):
            break
        _count(nodes, groups, slots, measure, earlier, 1)
        groups.start[group] = earlier
        earlier = nodes.before[earlier]


def _put(nodes: Nodes, groups: Groups, slots: Slots, measure: Measure, node: int) -> None:
    """Put a node at the end of its group's chain, and let the window follow."""
    group = nodes.group[node]
    tail = groups.tail[group]
    nodes.before[node], nodes.after[node] = tail, NONE
    if tail != NONE:
        nodes.after[tail] = node
    groups.tail[group] = node
    if measure.what == NOTHING:
        if tail == NONE or nodes.flags[tail] & JUDGED:
            groups.start[group] = node
        return
    since = nodes.time[node] - measure.span
    start = groups.start[group]
    if measure.what == ORDER:
        _chain(nodes, groups, measure, node)
        start = node if start == NONE else start
        while start != NONE and (nodes.time[start] < since or not _opens(measure, nodes.kind[start])):
            start = nodes.after[start]
        groups.start[group] = start
        return
    while start != NONE and start != node and nodes.time[start] < since:  # noqa: PLR1714 - a slow word in machine code
        _count(nodes, groups, slots, measure, start, -1)
        start = nodes.after[start]
    groups.start[group] = node if start == NONE else start
    if groups.start[group] == node:
        groups.sums[group] = 0.0  # whatever rounding has left
    _count(nodes, groups, slots, measure, node, 1)


def _let_go(nodes: Nodes, groups: Groups, slots: Slots, measure: Measure, node: int) -> None:
    """Shorten the window that ends with the node to what is just enough."""
    start = groups.start[nodes.group[node]]
    while start != node:
        _count(nodes, groups, slots, measure, start, -1)
        if not _fulfilled(nodes, groups, measure, node):
            _count(nodes, groups, slots, measure, start, 1)
            break
        start = nodes.after[start]
    groups.start[nodes.group[node]] = start


def slide(order: Longs, nodes: Nodes, groups: Groups, slots: Slots, measure: Measure, found: Found) -> None:
    """Take new nodes in, sorted by group, time, path and number; tell which windows they fulfil.

    Args:
        order: the new nodes.
        nodes: all nodes, the new ones among them, not linked yet.
        groups: the groups' state.
        slots: the values' state; with room for as many more as there are new nodes.
        measure: what fulfils a window.
        found: receives what is found.
    """
    at = 0
    while at < order.shape[0]:
        group, low, first = nodes.group[order[at]], at, order[at]
        while at < order.shape[0] and nodes.group[order[at]] == group:
            at += 1
        pending = _take_back(nodes, groups, slots, measure, group, first)
        done = NONE
        while low < at or pending != NONE:
            if low < at and (pending == NONE or _later(nodes, pending, order[low])):
                node = order[low]
                low += 1
            else:
                node = np.int64(pending)
                pending = nodes.after[pending]
            _put(nodes, groups, slots, measure, node)
            found.sizes[2] += 1
            if measure.what == NOTHING or not _fulfilled(nodes, groups, measure, node):
                continue
            if not nodes.flags[node] & ENDED:
                nodes.flags[node] |= ENDED
                found.ended[found.sizes[0]] = node
                found.sizes[0] += 1
            _cover(nodes, groups, measure, node, first, done, found)
            done = node
            if measure.lean == 1:
                _let_go(nodes, groups, slots, measure, node)


def _cover(nodes: Nodes, groups: Groups, measure: Measure, node: int, first: int, done: int, found: Found) -> None:
    """Mark what stands in the fulfilled window that ends with a node; back to an earlier such window at most.

    That window reaches back as far or further, and was marked already: in this walk (``done``), or before, if it
    ended before the first new node. One that ended later may not have held what this one does. Where order counts,
    the window shows all from its first step on, even if a later one would do; so it never shrinks when a line comes
    late.
    """
    since = nodes.time[node] - measure.span
    at = node
    while at != NONE and at != done and nodes.time[at] >= since:  # noqa: PLR1714 - a slow word in machine code
        if at != node and nodes.flags[at] & ENDED and _later(nodes, first, at):
            break
        if not nodes.flags[at] & COVERED:
            nodes.flags[at] |= COVERED
            found.covered[found.sizes[1]] = at
            found.by[found.sizes[1]] = node
            found.sizes[1] += 1
        if measure.what == ORDER and at == groups.start[nodes.group[node]]:
            break
        at = nodes.before[at]


def settle(nodes: Nodes, groups: Groups, slots: Slots, measure: Measure, kept: Bits) -> None:
    """Take nodes that are to be forgotten, the oldest of their groups, out of windows and chains."""
    for group in range(groups.tail.shape[0]):
        start = groups.start[group]
        while start != NONE and kept[start] == 0:
            if measure.what < ORDER or measure.what == SUM:
                _count(nodes, groups, slots, measure, start, -1)
            start = nodes.after[start]
        groups.start[group] = start
        if groups.tail[group] != NONE and kept[groups.tail[group]] == 0:
            groups.tail[group] = NONE


def collect(chosen: Longs, nodes: Nodes, groups: Groups, span: int, closed_us: int, out: Longs, edges: Longs) -> int:
    """The closed windows of some groups, one after another.

    A window opens with the first observation that no earlier one holds and stays open for one time span.

    Args:
        chosen: the groups to look at.
        nodes: all nodes.
        groups: the groups' state.
        span: how long a window is.
        closed_us: nothing older is still to come.
        out: receives the nodes of the windows; as long as ``nodes``.
        edges: receives where each window ends in ``out``; as long as ``nodes``.

    Returns:
        How many windows there are.
    """
    n_out = n_windows = 0
    for group in chosen:
        node = groups.start[group]
        while node != NONE and nodes.time[node] + span < closed_us:
            end = nodes.time[node] + span
            while node != NONE and nodes.time[node] <= end:
                nodes.flags[node] |= JUDGED
                out[n_out] = node
                n_out += 1
                node = nodes.after[node]
            groups.floor[group] = end
            edges[n_windows] = n_out
            n_windows += 1
        groups.start[group] = node
    return n_windows


class Loops(NamedTuple):
    """The loops above, as Python or as machine code."""

    slide: Callable[[Longs, Nodes, Groups, Slots, Measure, Found], None]
    settle: Callable[[Nodes, Groups, Slots, Measure, Bits], None]
    collect: Callable[[Longs, Nodes, Groups, int, int, Longs, Longs], int]


PLAIN = Loops(slide, settle, collect)


@cache
def fast() -> Loops:
    """The loops as machine code: compiled the first time on a machine, which takes seconds, and kept on disk."""
    from pollwatch.kernels.compiled import compiled  # noqa: PLC0415 - for those who need it

    return Loops(compiled(slide), compiled(settle), compiled(collect))
