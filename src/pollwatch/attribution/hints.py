"""Hints: which known groups were reported to do what was done here, with how little that says.

A technique is a tool that anybody may pick up, and a group that was reported to use a hundred of them overlaps with
everything. So nothing is told without its base rate: of each technique, how many of all groups use it; of each
overlap, how many groups have as large a one. Of addresses and names the same: who says that they belong to whom, and
how much of what that source says names the same group. A hint fills no cell of a matrix and counts in no statement;
whoever follows one writes a hypothesis, and "false flag" stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.incidents.attack import Group

#: How many overlaps are told; the rest would be read as a list of suspects.
_TOLD: Final = 5
#: Names that short are words or numbers in other texts.
_SHORTEST_NAME: Final = 4


@dataclass(frozen=True, slots=True)
class Rate:
    """How common something is.

    Attributes:
        count: how many have it.
        of: among how many.
    """

    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """A group that was reported to use some of the techniques.

    Attributes:
        group: which.
        shared: the techniques, without their sub-techniques, sorted.
        repertoire: how many techniques it was reported to use at all.
        as_many: how many groups share at least as many; the group itself is one of them.
    """

    group: Group
    shared: tuple[str, ...]
    repertoire: int
    as_many: Rate


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a source says of an address or name that was seen, where its words name a known group.

    Attributes:
        value: the address or name.
        group: whom the words name.
        source: who says so.
        said: how many of that source's indicators name this group.
        warnings: why many others may have to do with it (shared hosting, relays); empty where nothing is known.
    """

    value: str
    group: Group
    source: str
    said: Rate
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """What one source says of one thing that was seen or that it lists.

    Attributes:
        value: the address or name.
        source: who says so.
        text: its words.
        warnings: why many others may have to do with it.
    """

    value: str
    source: str
    text: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of groups beside an incident.

    Attributes:
        techniques: each technique of the incident, without sub-techniques, with how many groups use it.
        overlaps: the largest overlaps; groups of equal overlap by id.
        labelled: what sources say of its addresses and names.
    """

    techniques: Mapping[str, Rate]
    overlaps: tuple[Overlap, ...]
    labelled: tuple[Labelled, ...]


def find(techniques: Iterable[str], seen: Iterable[str], words: Sequence[Word], groups: Sequence[Group]) -> Hints:
    """What is known of groups beside an incident.

    Args:
        techniques: ATT&CK ids of the incident.
        seen: its addresses and names, in their one spelling.
        words: everything that any source says of anything; the base rates are counted from all of it.
        groups: the known groups.
    """
    used = {each.id: frozenset(map(base, each.techniques)) for each in groups}
    here = sorted(set(map(base, techniques)))
    rates = {each: Rate(sum(each in uses for uses in used.values()), len(groups)) for each in here}
    shared = {each.id: tuple(one for one in here if one in used[each.id]) for each in groups}
    sizes = [len(each) for each in shared.values()]
    overlaps = [
        Overlap(each, shared[each.id], len(used[each.id]), _as_many(sizes, len(shared[each.id])))
        for each in groups
        if shared[each.id]
    ]
    overlaps.sort(key=lambda each: (-len(each.shared), each.repertoire, each.group.id))
    return Hints(rates, tuple(overlaps[:_TOLD]), _labelled(frozenset(seen), words, groups))


def base(technique: str) -> str:
    """A technique without its sub-technique: what reports of different depth have in common."""
    return technique.partition(".")[0]


def _as_many(sizes: Sequence[int], size: int) -> Rate:
    return Rate(sum(each >= size for each in sizes), len(sizes))


def _labelled(seen: frozenset[str], words: Sequence[Word], groups: Sequence[Group]) -> tuple[Labelled, ...]:
    names = {name.casefold(): each for each in groups for name in each.names if len(name) >= _SHORTEST_NAME}
    if not names:
        return ()
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    named: dict[str, dict[str, set[str]]] = {}
    listed: dict[str, set[str]] = {}
    found: dict[tuple[str, str, str], Word] = {}
    for each in words:
        listed.setdefault(each.source, set()).add(each.value)
        for name in set(pattern.findall(each.text.casefold())):
            group = names[name]
            named.setdefault(each.source, {}).setdefault(group.id, set()).add(each.value)
            if each.value in seen:
                found.setdefault((each.value, group.id, each.source), each)
    by_id = {each.id: each for each in groups}
    return tuple(
        Labelled(value, by_id[group], source, Rate(len(named[source][group]), len(listed[source])), word.warnings)
        for (value, group, source), word in sorted(found.items())
    )
