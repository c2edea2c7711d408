"""Who else is behind an address: everybody whom a block would hit besides the one that it is meant for.

An address is not a person. Behind one may be an office, a village behind a carrier's translator, or, where it serves
pages, a thousand other people's sites. What the case's own logs show of that is counted here: visitors, told apart by
account and program, none of whose lines made a rule fire in the incident; and names that lead to the address. What the
logs do not show is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.events.batch import NUMBER, TIME, EventBatch, plain
from pollwatch.events.lines import LineSet
from pollwatch.events.taxonomy import actor_columns

_WEB_OK = 400
_LET_IN = frozenset({"success", "session_opened"})

#: An address, an account and a program: as near to one visitor as a log comes.
_Visitor: TypeAlias = tuple[str, str, str]


@dataclass(slots=True)
class _Visits:
    """What one visitor did."""

    events: int = 0
    honoured: int = 0
    accused: bool = False
    hosts: Counter[str] = field(default_factory=Counter)
    times_us: tuple[int, int] | None = None


@dataclass(slots=True)
class Neighbours:
    """What the logs show of others at an address.

    Attributes:
        events: how many events come from visitors against whom the incident says nothing.
        honoured: how many of these were requests that were served, or log-ins that were let in.
        users: their accounts, with how often.
        agents: programs that they named (user agents), with how often.
        hosts: own names that they asked for, with how often.
        domains: others' names that share the address, as name servers answered or connections to it named.
        first_us: time of the first of these events; None where none has one.
        last_us: of the last.
    """

    events: int = 0
    honoured: int = 0
    users: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    first_us: int | None = None
    last_us: int | None = None

    @property
    def innocent(self) -> bool:
        """Whether anybody else is seen behind the address."""
        return bool(self.honoured or self.domains)


def look(batches: Iterable[EventBatch], addresses: Collection[str], accused: LineSet) -> dict[str, Neighbours]:
    """What the logs show of others at some addresses.

    Args:
        batches: all events of a case.
        addresses: each in its one spelling.
        accused: the lines of the incident that made a rule fire.
    """
    found = {each: Neighbours() for each in addresses}
    visitors: dict[_Visitor, _Visits] = {}
    wanted = pa.array(sorted(found), pa.string())
    for batch in batches:
        column = actor_columns(batch.logsource).ip
        if column in batch.table.column_names:
            rows = batch.table.filter(pc.is_in(batch.table[column], wanted))
            _visits(rows, column, accused.by_path.get(batch.path), visitors)
        _names(batch.table, found)
    for (address, user, agent), visits in visitors.items():
        if not visits.accused:
            _count(found[address], user, agent, visits)
    return found


def _visits(rows: pa.Table, column: str, accused: np.ndarray | None, visitors: dict[_Visitor, _Visits]) -> None:
    lines = frozenset() if accused is None else frozenset(accused[np.isin(accused, rows[NUMBER].to_numpy())].tolist())
    for row in rows.to_pylist():
        served = row.get("sc-status") is not None and row["sc-status"] < _WEB_OK
        let_in = row.get("action") in _LET_IN
        visitor = (row[column], _said(row, "cs-username") or _said(row, "user"), _said(row, "cs-user-agent"))
        visits = visitors.setdefault(visitor, _Visits())
        visits.events += 1
        visits.honoured += served or let_in
        visits.accused |= row[NUMBER] in lines
        if host := _said(row, "cs-host"):
            visits.hosts[host] += 1
        if (at_us := row.get(TIME)) is not None:
            first_us, last_us = visits.times_us or (at_us, at_us)
            visits.times_us = min(first_us, at_us), max(last_us, at_us)


def _said(row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    return value if isinstance(value, str) and value != "-" else ""


def _count(near: Neighbours, user: str, agent: str, visits: _Visits) -> None:
    near.events += visits.events
    near.honoured += visits.honoured
    near.hosts += visits.hosts
    for counter, value in ((near.users, user), (near.agents, agent)):
        if value and visits.honoured:
            counter[value] += visits.honoured
    if visits.times_us is not None:
        first_us, last_us = visits.times_us
        near.first_us = first_us if near.first_us is None else min(near.first_us, first_us)
        near.last_us = last_us if near.last_us is None else max(near.last_us, last_us)


def _names(table: pa.Table, found: dict[str, Neighbours]) -> None:
    """Names that lead to an address: what name servers answered, and what connections to it asked for."""
    for addresses, name in (("answer", "query"), ("dest_ip", "cs-host")):
        if addresses not in table.column_names or name not in table.column_names:
            continue
        pairs = table.select([addresses, name])
        near = pc.fill_null(pa.array([False] * len(pairs)), False)
        for address in found:
            near = pc.or_(near, pc.fill_null(pc.match_substring(plain(pairs[addresses]), address), False))
        for row in pairs.filter(near).to_pylist():
            for address in row[addresses].split(","):  # of an answer with several; each is compared whole
                if address.strip() in found and row[name]:
                    found[address.strip()].domains[row[name].rstrip(".").casefold()] += 1
