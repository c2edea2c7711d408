"""What people do to incidents beyond their state: who works on one, that two are one, that one is two.

Laws, beside those of :mod:`pollwatch.incidents.records`:

- Each deed is one transaction, stands in the incident's history with who did it and why, and is heeded by every later
  scan and by a running watch (:mod:`pollwatch.incidents.decided`).
- An id that people have in hand goes on to find its incident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.election.assets import Assets
from pollwatch.errors import StoreError, UsageError
from pollwatch.events.detection import Detection
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents import rows, tables
from pollwatch.incidents.composing import Part, calling, joined, parted
from pollwatch.incidents.decided import detections_of
from pollwatch.incidents.decisiontables import MERGES, SPLITS
from pollwatch.incidents.export import encodable
from pollwatch.incidents.identity import incident_id
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.matching import Matched
from pollwatch.incidents.merging import order_of
from pollwatch.incidents.regroup import Writer
from pollwatch.incidents.workflow import ChangeKind
from pollwatch.store.database import Database

#: So many incidents can be made one at a time.
MOST_MERGED = 50
_MOST_NAME = 200


class Triage:
    """The work-flow of one case; made by :meth:`pollwatch.incidents.records.Case.triage`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Work in this case."""
        self._database = database
        self._clock = clock

    def assign(self, name: str, assignee: str, who: str) -> None:
        """Say who works on an incident.

        Args:
            name: the incident's id, or one that became part of it.
            assignee: who works on it from now on; empty = nobody.
            who: who says so.

        Raises:
            StoreError: no such incident.
            UsageError: the name is too long.
        """
        if len(assignee) > _MOST_NAME:
            raise UsageError(_("a name has at most {n} characters").format(n=_MOST_NAME))
        table = tables.INCIDENTS
        with self._database.writing() as connection:
            found = current(connection, name)
            row = table.c.id == found
            if connection.execute(sa.select(table.c.assignee).where(row)).scalar_one() != encodable(assignee):
                connection.execute(sa.update(table).where(row).values(assignee=encodable(assignee)))
                record(connection, found, "assigned", who, assignee, self._clock.now_us())

    def assignee(self, name: str) -> str:
        """Who works on an incident; empty = nobody.

        Raises:
            StoreError: no such incident.
        """
        table = tables.INCIDENTS
        with self._database.reading() as connection:
            row = table.c.id == current(connection, name)
            return str(connection.execute(sa.select(table.c.assignee).where(row)).scalar_one())

    def merge(self, names: Sequence[str], who: str, reason: str = "") -> Incident:
        """Make several incidents one. It has the id of the first, the most pressing state, and all that they had.

        Args:
            names: ids of at least two.
            who: who says that they are one.
            reason: why; kept in the history.

        Raises:
            StoreError: no such incident.
            UsageError: they are one already, or too many.
        """
        with self._database.writing() as connection:
            ids = list(dict.fromkeys(current(connection, name) for name in names))
            if not 1 < len(ids) <= MOST_MERGED:
                raise UsageError(_("name two incidents or more (up to {n}) that are one").format(n=MOST_MERGED))
            now_us = self._clock.now_us()
            paths = _paths(connection)
            before = {each: rows.read_incident(connection, each) for each in ids}
            keep, *others = ids
            one = joined(list(before.values()))
            writer = Writer(connection, {path: number for number, path in paths.items()}, now_us, who)
            merged = writer.write(Matched(keep, one, continues=True, merged=tuple(others)), before)
            writer.finish()
            values = [{"incident_id": keep, "other": each, "at_us": now_us, "who": encodable(who)} for each in others]
            connection.execute(sa.insert(MERGES), values)
            if reason.strip():
                record(connection, keep, "note", who, reason, now_us)
            return merged

    def split(
        self, name: str, part: Part, who: str, reason: str = "", assets: Assets | None = None
    ) -> tuple[Incident, Incident]:
        """Make one incident two: what meets ``part`` goes into a new one, now and whenever more of it comes.

        Args:
            name: the incident's id.
            part: what of it is something else.
            who: who says so.
            reason: why; kept in the history of both.
            assets: the systems, for how they are called.

        Returns:
            What stays under the id, and the new one.

        Raises:
            StoreError: no such incident.
            UsageError: all of it meets ``part``, or nothing does.
        """
        with self._database.writing() as connection:
            found = current(connection, name)
            now_us = self._clock.now_us()
            paths = _paths(connection)
            whole = rows.read_incident(connection, found)
            detections = detections_of(connection, whole, paths)
            part = calling(part, whole, assets or Assets())
            stays, goes = parted(whole, detections, part)
            if stays is None or goes is None:
                raise UsageError(_("that would leave one half empty; choose some of its rules or actors, not all"))
            going = sorted((each for each in detections if part.meets(each)), key=order_of)
            goes_id = _fresh_id(connection, going)
            writer = Writer(connection, {path: number for number, path in paths.items()}, now_us, who)
            before = {found: whole}
            left = writer.write(Matched(found, stays, continues=True, merged=()), before)
            gone = writer.write(Matched(goes_id, goes, continues=False, merged=()), before)
            writer.finish()
            body = canonical.compact({key: list(values) for key, values in asdict(part).items()})
            row = {"incident_id": found, "part_id": goes_id, "body": body, "at_us": now_us, "who": encodable(who)}
            connection.execute(sa.insert(SPLITS).values(row))
            for one, other in ((found, goes_id), (goes_id, found)):
                record(connection, one, "split", who, other, now_us)
                if reason.strip():
                    record(connection, one, "note", who, reason, now_us)
            return left, gone


def current(connection: sa.Connection, name: str) -> str:
    """The id of an incident from its id or one that became part of it.

    Raises:
        StoreError: there is none.
    """
    known = connection.execute(sa.select(tables.INCIDENTS.c.id).where(tables.INCIDENTS.c.id == name)).scalar()
    alias = tables.INCIDENT_ALIASES.c
    found = known or connection.execute(sa.select(alias.incident_id).where(alias.alias == name)).scalar()
    if found is None:
        raise StoreError(f"no incident {printable(name, 80)!r} in this case")
    return str(found)


def record(connection: sa.Connection, incident_id: str, kind: ChangeKind, who: str, text: str, now_us: int) -> None:
    """Write down what was done to an incident, in the transaction that does it."""
    incident = tables.INCIDENTS
    row = incident.c.id == incident_id
    status = connection.execute(sa.select(incident.c.status).where(row)).scalar_one()
    connection.execute(sa.update(incident).where(row).values(updated_us=now_us))
    values = {
        "incident_id": incident_id,
        "at_us": now_us,
        "who": encodable(who),
        "kind": kind,
        "status": status,
        "text": encodable(text),
    }
    connection.execute(sa.insert(tables.INCIDENT_HISTORY).values(values))


def _paths(connection: sa.Connection) -> dict[int, str]:
    return {row.id: row.path for row in connection.execute(sa.select(tables.INPUTS.c.id, tables.INPUTS.c.path))}


def _fresh_id(connection: sa.Connection, detections: Sequence[Detection]) -> str:
    """An id that the case does not have yet."""
    ids, aliases = tables.INCIDENTS.c.id, tables.INCIDENT_ALIASES.c.alias
    taken: set[str] = set()
    while True:
        found = incident_id(detections, set(taken))
        if not any(connection.execute(sa.select(each).where(each == found)).first() for each in (ids, aliases)):
            return found
        taken.add(found)
