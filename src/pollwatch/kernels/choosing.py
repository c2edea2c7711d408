"""What each rule is best looked for by: of all that it needs, the cheapest.

What a rule needs is a tree, written with children before their parents: an entry; a *sum*, whose entries are all
looked for, since any of them may be the one; a *least*, of whose children any one will do.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

#: Kinds of nodes; beside each stands its entry's number, or how many children it has.
ENTRY, SUM, LEAST = range(3)


@compiled
def chosen(nodes: Ints, starts: Ints, costs: Floats, most: float) -> tuple[Floats, Bytes, Ints, Ints]:
    """The cheapest choice for each rule.

    Args:
        nodes: of all trees: kind, and entry or number of children.
        starts: each rule's first node, one more at last.
        costs: per entry.
        most: what costs so much is not worth looking for.

    Returns:
        Per rule its cost, and 1 where nothing is looked for; each rule's first entry (one more at last), and entries.
    """
    rules = len(starts) - 1
    cost = np.ones(rules, np.float64)
    everywhere = np.ones(rules, np.uint8)
    entry_starts = np.zeros(rules + 1, np.int32)
    entries = np.empty(len(nodes), np.int32)
    value = np.zeros(len(nodes), np.float64)
    size = np.ones(len(nodes), np.int32)
    wanted = np.zeros(len(nodes), np.uint8)
    count = 0
    for rule in range(rules):
        begin, end = starts[rule], starts[rule + 1]
        for node in range(begin, end):
            kind, arg = nodes[node, 0], nodes[node, 1]
            if kind == ENTRY:
                value[node] = costs[arg]
                continue
            child, total, least = node - 1, 0.0, np.inf
            for _ in range(arg):
                total += value[child]
                least = min(least, value[child])
                size[node] += size[child]
                child -= size[child]
            value[node] = total if kind == SUM else least
        if begin < end:
            cost[rule] = value[end - 1]
        if begin < end and cost[rule] < most:
            everywhere[rule] = 0
            wanted[end - 1] = 1
            for node in range(end - 1, begin - 1, -1):
                if not wanted[node]:
                    continue
                kind, arg = nodes[node, 0], nodes[node, 1]
                if kind == ENTRY:
                    entries[count] = arg
                    count += 1
                    continue
                child, best = node - 1, node - 1
                for _ in range(arg):
                    if kind == SUM:
                        wanted[child] = 1
                    elif value[child] <= value[best]:
                        best = child
                    child -= size[child]
                if kind == LEAST:
                    wanted[best] = 1
        entry_starts[rule + 1] = count
    return cost, everywhere, entry_starts, entries[:count].copy()


@compiled
def taken(texts: Bytes, starts: Longs, which: Longs) -> tuple[Bytes, Longs]:
    """Some of the texts that lie one behind the other, and where each begins (one more at last)."""
    begins = np.zeros(len(which) + 1, np.int64)
    for i in range(len(which)):
        begins[i + 1] = begins[i] + starts[which[i] + 1] - starts[which[i]]
    result = np.empty(begins[len(which)], np.uint8)
    for i in range(len(which)):
        result[begins[i] : begins[i + 1]] = texts[starts[which[i]] : starts[which[i] + 1]]
    return result, begins
