"""Exceptions by people: tried on what the case has, made with a reason and an end, and ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.errors import StoreError, UsageError
from pollwatch.events.detection import Severity
from pollwatch.i18n import _
from pollwatch.incidents import rows, tables
from pollwatch.incidents.decisiontables import EXCEPTIONS
from pollwatch.incidents.exceptions import LONGEST_US, Scope, TuningException
from pollwatch.incidents.export import encodable
from pollwatch.incidents.incident import Status
from pollwatch.incidents.triage import current, record
from pollwatch.incidents.tuning import hide, read_exceptions, scope_text
from pollwatch.store.database import Database

#: So many incidents are named of those that an exception would hide.
_SHOWN: Final = 10
_MOST_REASON: Final = 2_000


@dataclass(frozen=True, slots=True)
class WouldHide:
    """An incident that an exception would have hidden."""

    id: str
    title: str
    severity: Severity
    status: Status
    last_us: int | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an exception would have hidden of all that the case has.

    Attributes:
        incidents: how many.
        waiting: how many of them are still open or being worked on.
        confirmed: how many of them people have dealt with as real: acknowledged or closed.
        of: how many incidents were looked at.
        shown: some of them, the gravest and latest first.
    """

    incidents: int
    waiting: int
    confirmed: int
    of: int
    shown: tuple[WouldHide, ...]


class Tuning:
    """The exceptions of one case; made by :meth:`pollwatch.incidents.records.Case.tuning`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Tune this case."""
        self._database = database
        self._clock = clock

    def preview(self, scope: Scope) -> Preview:
        """What an exception would have hidden.

        Raises:
            StoreError: the case cannot be read.
        """
        with self._database.reading() as connection:
            found, looked_at = _covered(connection, scope)
        found.sort(key=lambda each: (-each.severity, -(each.last_us or 0), each.id))
        return Preview(
            len(found),
            sum(each.status in {"open", "acknowledged"} for each in found),
            sum(each.status in {"acknowledged", "closed"} for each in found),
            looked_at,
            tuple(found[:_SHOWN]),
        )

    def make(self, scope: Scope, who: str, reason: str, expires_us: int, incident: str = "") -> TuningException:
        """Make an exception, and hide what is open and covered.

        Args:
            scope: what it covers.
            who: who says that it is harmless.
            reason: why; must be said.
            expires_us: when it ends.
            incident: the incident that it is made from; it becomes a false positive whatever its state.

        Raises:
            StoreError: no such incident.
            UsageError: no reason, or an end that lies in the past or too far away.
        """
        now_us = self._clock.now_us()
        if not reason.strip() or len(reason) > _MOST_REASON:
            raise UsageError(_("say why it is harmless, in up to {n} characters").format(n=_MOST_REASON))
        if not now_us < expires_us <= now_us + LONGEST_US:
            raise UsageError(_("an exception ends in the future, and within 400 days; it can be made again"))
        with self._database.writing() as connection:
            about = current(connection, incident) if incident else None
            values = {
                "incident_id": about,
                "body": scope_text(scope),
                "reason": encodable(reason.strip()),
                "who": encodable(who),
                "created_us": now_us,
                "expires_us": expires_us,
            }
            number: int = connection.execute(
                sa.insert(EXCEPTIONS).values(values).returning(EXCEPTIONS.c.id)
            ).scalar_one()
            covered, _looked_at = _covered(connection, scope, "open")
            ids = list(dict.fromkeys([*([about] if about else []), *(each.id for each in covered)]))
            table = tables.INCIDENTS
            for each in ids:
                connection.execute(sa.update(table).where(table.c.id == each).values(status="false-positive"))
                record(connection, each, "excepted", who, str(number), now_us)
            hide(connection, number, ids)
            if about is not None:
                record(connection, about, "note", who, reason.strip(), now_us)
            return read_exceptions(connection, [number])[0]

    def end(self, number: int, who: str) -> TuningException:
        """End an exception now. What it hid stays a false positive until it goes on.

        Raises:
            StoreError: no such exception.
        """
        now_us = self._clock.now_us()
        with self._database.writing() as connection:
            row = sa.and_(EXCEPTIONS.c.id == number, EXCEPTIONS.c.ended_us.is_(None))
            done = connection.execute(sa.update(EXCEPTIONS).where(row).values(ended_us=now_us))
            found = read_exceptions(connection, [number])
            if not found:
                raise StoreError(f"no exception {number} in this case")
            if done.rowcount and found[0].incident_id:
                record(connection, found[0].incident_id, "note", who, f"exception {number} ended", now_us)
            return found[0]

    def all(self) -> list[TuningException]:
        """Every exception that there ever was, the newest first."""
        with self._database.reading() as connection:
            return read_exceptions(connection)


def _covered(connection: sa.Connection, scope: Scope, status: Status | None = None) -> tuple[list[WouldHide], int]:
    """The incidents that a scope covers, and how many were looked at."""
    table = tables.INCIDENTS
    query = sa.select(table).where(table.c.severity <= int(scope.most))
    if status is not None:
        query = query.where(table.c.status == status)
    found = []
    looked_at: int = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    for row in connection.execute(query.execution_options(yield_per=1_000)):
        known = rows.coverable(row)
        if scope.covers(known):
            found.append(WouldHide(row.id, known.title, known.severity, row.status, row.last_us))
    return found, looked_at
