"""Retro-hunt: what the case has of the past is searched for what was accepted today.

Hits stay here. A hunt writes to the case and to the private log only: it publishes no seal, touches neither the
shared log nor the gateway, and tells nobody, so that whoever sent an indicator cannot see from outside whether it was
found. What its owner then shares goes through the disclosure ledger like everything else.

The course: search; then one commit makes the hits part of the case, where they join the incidents of the same actor;
then incidents and the hunt itself are sealed; then the store notes what was searched. If we stop before the end,
:func:`pending` names what is to be searched again, and finds the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pollwatch.detect import indicators
from pollwatch.detect.indicators import RULE_PREFIX, Watchlist
from pollwatch.election.assets import Assets
from pollwatch.election.calendar import Calendar
from pollwatch.errors import SourceError
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Detection
from pollwatch.events.lines import LineSet
from pollwatch.incidents.grouping import Grouper
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.intake import Intake
from pollwatch.incidents.records import Case
from pollwatch.incidents.samples import LineId
from pollwatch.node.case import reading
from pollwatch.node.case.rereading import find_file
from pollwatch.node.evidence import rail, rhythm
from pollwatch.node.indicators import watchlist
from pollwatch.node.indicators.desk import Desk, seal
from pollwatch.sources.interface import Source


@dataclass(frozen=True, slots=True)
class Hit:
    """What the past has of one indicator.

    Attributes:
        id: the indicator's.
        value: what it is about.
        lines: the lines that name it.
        first_us: time of the first of them; None where none has one.
        last_us: of the last.
        incidents: ids of the incidents that they are part of.
    """

    id: str
    value: str
    lines: LineSet
    first_us: int | None
    last_us: int | None
    incidents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hunted:
    """What a hunt found.

    Attributes:
        searched: how many indicators were looked for.
        events: in how many events.
        hits: by indicator, in the order in which they were first seen.
        new: how many lines were not known to name one.
    """

    searched: int
    events: int
    hits: tuple[Hit, ...]
    new: int


def pending(desk: Desk) -> tuple[str, ...]:
    """Accepted indicators for which the past was not searched yet."""
    return desk.store.unhunted()


def hunt(desk: Desk, calendar: Calendar, only: Iterable[str] | None = None) -> Hunted:
    """Search the past for accepted indicators, and make what was found part of the case.

    Args:
        desk: of the case.
        calendar: the elections watched.
        only: ids to which the hunt is limited; None = all that are accepted.

    Raises:
        StoreError: the case cannot be read or written; it is then as before.
    """
    wanted = watchlist.build(desk, only)
    with Case.open(desk.case_dir, desk.clock) as case:
        with case.scanning() as intake:
            events, found = _search(wanted, intake.events())
            fresh = _unknown(found, intake.detections())
            if fresh:
                incidents = _grouped(intake, fresh, calendar, desk.innocents.assets)
                intake.commit((), fresh, incidents, hunted=True)
        incidents = case.incidents()
        _seal(desk, wanted, found, incidents)
    hits = _hits(wanted, found, incidents)
    new = sum(len(each.lines) for each in fresh)
    return Hunted(len(wanted), events, hits, new)


def look(desk: Desk, wanted: Watchlist) -> Hunted:
    """Search the past and only look: nothing is kept.

    Raises:
        StoreError: the case cannot be read.
    """
    with Case.open(desk.case_dir, desk.clock, create=False) as case:
        events, found = _search(wanted, case.events())
        return Hunted(len(wanted), events, _hits(wanted, found, case.incidents()), 0)


def _search(wanted: Watchlist, batches: Iterable[EventBatch]) -> tuple[int, list[Detection]]:
    events, found = 0, []
    for batch in batches if len(wanted) else ():
        events += len(batch)
        found += indicators.match(wanted, batch)
    return events, found


def _unknown(found: Sequence[Detection], known: Sequence[Detection]) -> list[Detection]:
    """Those with a line that no earlier detection of the same indicator has."""
    lines: dict[str, list[LineSet]] = {}
    for each in known:
        if each.rule_id.startswith(RULE_PREFIX):
            lines.setdefault(each.rule_id, []).append(each.lines)
    before = {rule: LineSet.union(sets) for rule, sets in lines.items()}
    return [
        each
        for each in found
        if each.rule_id not in before or len(before[each.rule_id] | each.lines) > len(before[each.rule_id])
    ]


def _grouped(intake: Intake, fresh: Sequence[Detection], calendar: Calendar, assets: Assets) -> list[Incident]:
    """Everything that the case knows, grouped again with what was found now."""
    with Grouper(calendar, assets) as grouper:
        grouper.add(intake.detections())
        grouper.add(fresh)
        for batch in intake.events():
            grouper.observe(batch)
        return grouper.finish(_fetch)


def _fetch(wanted: Sequence[LineId]) -> Mapping[LineId, str]:
    """Lines to show, from those originals that are still in their place."""
    sources: dict[str, Source] = {}
    for path in {path for path, _number in wanted}:
        with contextlib.suppress(SourceError):
            sources[path] = find_file(path)
    found: dict[LineId, str] = {}
    for path in sources:
        with contextlib.suppress(SourceError):
            found |= reading.fetch(sources, [each for each in wanted if each[0] == path])
    return found


def _seal(desk: Desk, wanted: Watchlist, found: Sequence[Detection], incidents: Sequence[Incident]) -> None:
    """Seal incidents and the hunt in the private log, then note what was searched; no seal of it is published now."""
    counts = {each.id: 0 for each in wanted.watched}
    for rule, lines in _lines_of(found).items():
        counts[rule.removeprefix(RULE_PREFIX)] = len(lines)
    if not counts:
        return
    with rail.opened(desk.case_dir, desk.clock) as evidence:
        evidence.seal_incidents(incidents)
        rhythm.append_sequence(evidence)
    entry = seal(desk, {"hunt": counts})
    desk.store.hunted(counts, desk.clock.now_us(), entry)


def _lines_of(found: Iterable[Detection]) -> dict[str, LineSet]:
    parts: dict[str, list[LineSet]] = {}
    for each in found:
        parts.setdefault(each.rule_id, []).append(each.lines)
    return {rule: LineSet.union(sets) for rule, sets in parts.items()}


def _hits(wanted: Watchlist, found: Sequence[Detection], incidents: Sequence[Incident]) -> tuple[Hit, ...]:
    values = {f"{RULE_PREFIX}{each.id}": each.observable.value for each in wanted.watched}
    times: dict[str, list[int]] = {}
    for each in found:
        known = times.setdefault(each.rule_id, [])
        known += [us for us in (each.first_us, each.last_us) if us is not None]
    named: dict[str, list[str]] = {}
    for incident in incidents:
        for rule in incident.rules:
            named.setdefault(rule.id, []).append(incident.id)
    hits = [
        Hit(
            rule.removeprefix(RULE_PREFIX),
            values[rule],
            lines,
            min(times[rule], default=None),
            max(times[rule], default=None),
            tuple(named.get(rule, ())),
        )
        for rule, lines in _lines_of(found).items()
    ]
    return tuple(sorted(hits, key=lambda each: (each.first_us is None, each.first_us or 0, each.id)))
