"""Which incident of before is which incident of now.

When a further input is scanned, all detections of the case are grouped afresh. An incident then may have grown, two
may turn out to be one, one may turn out to be two. People have ids, states and notes in hand, so those must stay:

- an incident of now takes the id of the incident of before with which it shares most lines;
- each incident of before goes on in at most one incident of now (the one that shares most of its lines);
- one of before that shares lines with an incident of now that goes on from another one, and that does not go on
  itself, was merged: its id becomes another name of that incident;
- one that shares no line with any incident of now stays as it is: the store forgets no incident.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pollwatch.events.lines import LineSet, Numbers
from pollwatch.incidents.incident import Incident


@dataclass(frozen=True, slots=True)
class Matched:
    """An incident of now and what it goes on from.

    Attributes:
        id: the id it has in the case.
        incident: as it was grouped (its own ``id`` may differ).
        continues: whether ``id`` was in the case before.
        merged: ids of before that are now part of it.
    """

    id: str
    incident: Incident
    continues: bool
    merged: tuple[str, ...]


def match(before: Mapping[str, LineSet], now: Sequence[Incident], taken: Container[str] = frozenset()) -> list[Matched]:
    """Tell which incident is which.

    Args:
        before: the lines of each incident in the case.
        now: the incidents as grouped afresh, in any order.
        taken: further ids that no new incident may have (names of merged incidents).

    Returns:
        One for each of ``now``, in its order.
    """
    shared = overlaps(before, now)
    shared.sort(key=lambda each: (-each[0], each[1], now[each[2]].id))
    chosen: dict[int, str] = {}
    gone_on: set[str] = set()
    for _shared_lines, old, index in shared:
        if index not in chosen and old not in gone_on:
            chosen[index] = old
            gone_on.add(old)
    merged: dict[int, list[str]] = {}
    for _shared_lines, old, index in shared:
        if old not in gone_on:
            merged.setdefault(index, []).append(old)
            gone_on.add(old)
    used = set(before)
    matched = []
    for index, incident in enumerate(now):
        name = chosen.get(index) or _free_id(incident.id, used, taken)
        used.add(name)
        matched.append(Matched(name, incident, index in chosen, tuple(merged.get(index, ()))))
    return matched


def overlaps(before: Mapping[str, LineSet], now: Sequence[Incident]) -> list[tuple[int, str, int]]:
    """``(lines shared, id of before, index of now)`` for each pair that shares any.

    A sort-merge join of all lines of before with all lines of now: there may be thousands of incidents on either
    side, and comparing each pair would take longer than the scan.
    """
    ids = list(before)
    old = _by_path(list(before.values()))
    new = _by_path([incident.lines for incident in now])
    counts: Counter[tuple[int, int]] = Counter()
    for path in old.keys() & new.keys():
        (old_numbers, owners), (new_numbers, indices) = old[path], new[path]
        first = old_numbers.searchsorted(new_numbers, "left")
        hits = old_numbers.searchsorted(new_numbers, "right") - first
        within = np.arange(hits.sum()) - np.repeat(hits.cumsum() - hits, hits)
        pairs = np.stack([owners[np.repeat(first, hits) + within], np.repeat(indices, hits)], axis=1)
        distinct, shared = np.unique(pairs, axis=0, return_counts=True)
        for (owner, index), count in zip(distinct.tolist(), shared.tolist(), strict=True):
            counts[owner, index] += count
    return [(count, ids[owner], index) for (owner, index), count in counts.items()]


def _by_path(sets: Sequence[LineSet]) -> dict[str, tuple[Numbers, Numbers]]:
    """For each path all numbers of all sets, sorted, and for each number the index of its set."""
    parts: dict[str, list[tuple[Numbers, Numbers]]] = {}
    for index, lines in enumerate(sets):
        for path, numbers in lines.by_path.items():
            parts.setdefault(path, []).append((numbers, np.full(numbers.size, index, dtype=np.int64)))
    joined = {}
    for path, pieces in parts.items():
        numbers = np.concatenate([piece[0] for piece in pieces])
        owners = np.concatenate([piece[1] for piece in pieces])
        order = numbers.argsort(kind="stable")
        joined[path] = (numbers[order], owners[order])
    return joined


def _free_id(wished: str, used: Container[str], taken: Container[str]) -> str:
    """The wished id, or one of the same length that follows from it and is free."""
    name, turn = wished, 0
    while name in used or name in taken:
        turn += 1
        digest = hashlib.sha256(f"{wished}/{turn}".encode()).hexdigest()
        prefix, dash, tail = wished.rpartition("-")
        name = f"{prefix}{dash}{digest[: max(len(tail), 8)]}"
    return name
