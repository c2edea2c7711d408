"""The incidents of a watch: grouped again and again, over what is recent, in bounded time and memory.

What may still be part of an incident that goes on is held here: detections, and who did what lately
(:class:`pollwatch.incidents.rolling.RollingSpool`). Grouping itself is a scan's (``grouping``); only incidents that it
tells differently than before are written. When more is held than may be, the incidents that have been quiet for longest
are let go of, whole: what is stored of them stays as it is, lines included, and what their actors do later is a new
incident.

An incident keeps lines that it had claimed and that nobody can judge any more, because what is known of them was
forgotten meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import sqlalchemy as sa

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.election.announced import Announced
from pollwatch.election.assets import Assets
from pollwatch.election.calendar import Calendar
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.lines import NO_LINES, LineSet, Numbers
from pollwatch.incidents import rows, tables
from pollwatch.incidents.campaigns import PAUSE_US
from pollwatch.incidents.grouping import Fetch, Grouper
from pollwatch.incidents.held import Alike, Held
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.inputs import input_paths
from pollwatch.incidents.live import LiveCase
from pollwatch.incidents.livefolding import Changes
from pollwatch.incidents.matching import overlaps
from pollwatch.incidents.regroup import Regrouped, write_incidents
from pollwatch.incidents.rolling import RollingSpool
from pollwatch.incidents.spool import columns_of
from pollwatch.store.events import EventReader

#: Detections that are grouped together at most, and the lines of all of them.
MOST_DETECTIONS: Final = 20_000
MOST_LINES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Setting:
    """What incidents are judged by.

    Attributes:
        calendar: the elections watched.
        assets: what is watched.
        announced: tests that somebody was asked to make.
    """

    calendar: Calendar = field(default_factory=Calendar)
    assets: Assets = field(default_factory=Assets)
    announced: tuple[Announced, ...] = ()


class LiveGrouping:
    """See the module. One thread owns it."""

    def __init__(
        self, live: LiveCase, setting: Setting, clock: Clock, most: int = MOST_DETECTIONS, most_lines: int = MOST_LINES
    ) -> None:
        """Nothing held yet.

        Args:
            live: the case.
            setting: what incidents are judged by.
            clock: for when incidents were made.
            most: detections that are held.
            most_lines: lines that all of them have.
        """
        self._live = live
        self._clock = clock
        self._most = most
        self._most_lines = most_lines
        self._detections: dict[str, Held] = {}
        self._alike = Alike()
        self._spool = RollingSpool()
        self._grouper = Grouper(setting.calendar, setting.assets, setting.announced, self._spool)
        self._told: dict[str, bytes] = {}
        self._stored: dict[str, frozenset[str]] = {}
        self._let_go = NO_LINES

    def __len__(self) -> int:
        """How many detections are held."""
        return len(self._detections)

    def setting(self, setting: Setting) -> None:
        """Judge by something else from now on."""
        self._grouper = Grouper(setting.calendar, setting.assets, setting.announced, self._spool)
        self._told.clear()

    def load(self) -> None:
        """Take over what the case has: recent detections, and the events of recent lines.

        Raises:
            StoreError: the case is damaged.
        """
        with self._live.database.reading() as connection:
            latest = connection.execute(sa.select(sa.func.max(tables.DETECTIONS.c.last_us))).scalar()
            since = 0 if latest is None else latest - PAUSE_US
            paths = input_paths(connection)
            # As many as may be held, and what is beyond them of the same incidents.
            found = rows.read_detections_since(connection, paths, since, 2 * self._most)
            self._detections = {row_id: self._alike.held(each) for row_id, each in found if _counts(each)}
            self._let_go = NO_LINES
            if self._excess() != (0, 0):
                since = min(each.last_us or since for _row_id, each in found)
                recent = sa.select(tables.INCIDENTS.c.id).where(tables.INCIDENTS.c.last_us >= since)
                self._bounded(rows.read_incidents(connection, paths, connection.execute(recent).scalars().all()))
        self._told.clear()
        self._stored.clear()

    def load_events(self, readers: Iterable[tuple[str, EventReader, int]]) -> None:
        """Take over events that the case has, in place of those here.

        Args:
            readers: of each input its name, a reader, and the first number that it reads.
        """
        self._spool.close()
        for path, reader, first in readers:
            if first > 1:
                self._spool.begin_at(path, first)
            for batch in reader.batches(columns_of):
                self._spool.write(batch)

    def observe(self, batches: Iterable[EventBatch]) -> None:
        """Take events in, whether or not any rule fires on them."""
        for batch in batches:
            self._spool.write(batch)

    def change(self, changes: Changes) -> bool:
        """Take over what changed in the case's detections; says whether incidents may change by it."""
        matters = False
        for row_id in changes.removed:
            matters |= self._detections.pop(row_id, None) is not None
        for row_id, each in changes.written.items():
            if _counts(each):
                self._detections[row_id] = self._alike.held(each)
                matters = True
        self._forget()
        return matters

    def regroup(self, fetch: Fetch, holding: Callable[[], object] = lambda: None) -> Regrouped:
        """Group what is held, and write the incidents that are told differently now.

        Args:
            fetch: gives the text of lines.
            holding: called before the database is written.

        Returns:
            What changed.

        Raises:
            StoreError: the case could not be written; doing it again does the whole of it.
        """
        self._forget()
        whole = (each.whole() for each in self._detections.values())
        told = {each.id: each for each in self._grouper.of(whole, fetch, self._let_go)}
        digests = {name: _digest(each) for name, each in told.items()}
        changed = [each for name, each in told.items() if digests[name] != self._told.get(name)]
        holding()
        regrouped = self._write(changed, told) if changed else Regrouped((), (), (), {})
        self._stored |= _homes(changed, regrouped.incidents)
        kept = self._bounded(told)
        self._told = {name: digests[name] for name in kept}
        self._stored = {name: self._stored[name] for name in kept if name in self._stored}
        return regrouped

    def _forget(self) -> None:
        """Forget who did what as long ago as nobody asks for; not only now and then, since much comes meanwhile."""
        if self._spool.full:
            addresses = {ip for each in self._detections.values() for ip in each.detection.actors.ip}
            self._spool.forget(addresses, self._let_go)
            self._let_go -= self._forgotten(self._let_go)

    def _write(self, changed: Sequence[Incident], told: Mapping[str, Incident]) -> Regrouped:
        ours = {each.id for each in changed}
        homes = [(name in ours, stored) for name, stored in self._stored.items() if name in told]
        settled = {each for changes, stored in homes if not changes for each in stored}
        settled -= {each for changes, stored in homes if changes for each in stored}  # people may have merged two
        since = min((each.first_us for each in changed if each.first_us is not None), default=None)
        with self._live.database.writing() as connection:
            incident = tables.INCIDENTS.c
            query = sa.select(incident.id)
            if since is not None:
                query = query.where(sa.or_(incident.last_us >= since, incident.last_us.is_(None)))
            over = set(connection.execute(query).scalars()) - settled
            paths = input_paths(connection)
            ids = {path: input_id for input_id, path in paths.items()}
            incidents = self._with_forgotten(changed, told, rows.incident_lines(connection, paths, over))
            return write_incidents(connection, incidents, ids, self._clock.now_us(), over)

    def _with_forgotten(
        self, changed: Sequence[Incident], told: Mapping[str, Incident], before: Mapping[str, LineSet]
    ) -> list[Incident]:
        """The incidents with the lines that they had and that nobody can judge any more."""
        old = {
            name: self._forgotten(LineSet.union(before[each] for each in stored if each in before))
            for name, stored in self._stored.items()
        }
        if not any(len(lines) for lines in old.values()):
            return list(changed)
        taken = LineSet.union(each.lines for each in told.values())
        return [replace(each, lines=each.lines | (old.get(each.id, NO_LINES) - taken)) for each in changed]

    def _forgotten(self, lines: LineSet) -> LineSet:
        found: dict[str, Numbers] = {}
        for path, numbers in lines.by_path.items():
            older = numbers[: int(numbers.searchsorted(self._spool.floor(path)))]
            if older.size:
                found[path] = older
        return LineSet(found)

    def _bounded(self, told: Mapping[str, Incident]) -> list[str]:
        """Let go of incidents that were quiet for longest, as long as too much is held; gives those that are left."""
        quiet = sorted(told.values(), key=lambda each: (each.last_us is not None, each.last_us or 0))
        latest = quiet[-1].last_us if quiet else None
        if latest is None:
            return list(told)
        excess, lines = self._excess()
        since = latest - PAUSE_US
        if excess <= 0 and lines <= 0 and (quiet[0].last_us is None or quiet[0].last_us >= since):
            return list(told)
        gone = 0
        for each, row_ids in zip(quiet, _shares(quiet, self._detections), strict=True):
            old = each.last_us is not None and each.last_us < since
            lasts = each.last_us == latest and gone + 1 < len(quiet)
            if not old and (lasts or (excess <= 0 and lines <= 0)):
                break
            for row_id in row_ids:
                lines -= self._detections.pop(row_id).line_count
            excess -= len(row_ids)
            gone += 1
        self._let_go |= LineSet.union(each.lines for each in quiet[:gone])
        return [each.id for each in quiet[gone:]]

    def _excess(self) -> tuple[int, int]:
        """How many detections are held beyond what may be, and how many lines; neither below zero."""
        lines = sum(each.line_count for each in self._detections.values())
        return max(len(self._detections) - self._most, 0), max(lines - self._most_lines, 0)


def _homes(grouped: Sequence[Incident], stored: Sequence[Incident]) -> dict[str, frozenset[str]]:
    """In which stored incidents the grouped ones are: each in one, unless people said that it is two."""
    found: dict[str, set[str]] = {each.id: set() for each in grouped}
    for _shared, name, index in overlaps({each.id: each.lines for each in stored}, grouped):
        found[grouped[index].id].add(name)
    return {name: frozenset(homes) for name, homes in found.items()}


def _counts(detection: Detection) -> bool:
    """Whether a detection can be part of an incident; as ``merging`` says."""
    return detection.severity > Severity.INFO or bool(detection.tool)


def _digest(incident: Incident) -> bytes:
    """Of all that grouping says of an incident; which of its lines could be shown does not matter."""
    digest = hashlib.sha256(canonical.compact(rows.incident_row(incident)).encode())
    for path, numbers in incident.lines.by_path.items():
        digest.update(path.encode("utf-8", "surrogatepass") + b"\0" + numbers.tobytes())
    return digest.digest()


def _shares(incidents: Sequence[Incident], held: Mapping[str, Held]) -> list[list[str]]:
    """For each incident the detections that have a line of it, and of none before it."""
    first = np.full(len(held), len(incidents))
    owned = _by_path(each.lines for each in incidents)
    for path, (numbers, holder) in _by_path(each.lines for each in held.values()).items():
        if path in owned:
            ours, owner = owned[path]
            order = ours.argsort(kind="stable")
            at = order[ours[order[:-1]].searchsorted(numbers)]
            found = ours[at] == numbers
            np.minimum.at(first, holder[found], owner[at[found]])
    shares: list[list[str]] = [[] for _each in incidents]
    for row_id, index in zip(held, first.tolist(), strict=True):
        if index < len(incidents):
            shares[index].append(row_id)
    return shares


def _by_path(sets: Iterable[LineSet]) -> dict[str, tuple[Numbers, Numbers]]:
    """By path all numbers, and of which set each is."""
    parts: dict[str, list[tuple[int, Numbers]]] = {}
    for index, lines in enumerate(sets):
        for path, numbers in lines.by_path.items():
            parts.setdefault(path, []).append((index, numbers))
    return {
        path: (
            np.concatenate([numbers for _index, numbers in listed]),
            np.repeat([index for index, _numbers in listed], [len(numbers) for _index, numbers in listed]),
        )
        for path, listed in parts.items()
    }
