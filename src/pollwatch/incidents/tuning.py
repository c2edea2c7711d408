"""Exceptions in a case: made, ended, tried before they are made, and heeded when incidents are written.

A state that people gave is theirs: an exception hides incidents when they are new, or when it is made; one that
somebody opened again stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pollwatch import canonical
from pollwatch.incidents import rows
from pollwatch.incidents.decisiontables import EXCEPTIONS, HIDDEN
from pollwatch.incidents.exceptions import Scope, TuningException
from pollwatch.incidents.incident import Incident, Status


def read_exceptions(connection: sa.Connection, only: Iterable[int] | None = None) -> list[TuningException]:
    """Exceptions, the newest first; None = all."""
    hits = connection.execute(sa.select(HIDDEN.c.exception_id, sa.func.count()).group_by(HIDDEN.c.exception_id))
    counts: dict[int, int] = {number: count for number, count in hits}  # noqa: C416 - rows are no pairs to mypy
    query = sa.select(EXCEPTIONS).order_by(EXCEPTIONS.c.id.desc())
    if only is not None:
        query = query.where(EXCEPTIONS.c.id.in_(list(only)))
    return [
        TuningException(
            row.id,
            rows.read_body(row.body, Scope),
            row.incident_id or "",
            row.reason,
            row.who,
            row.created_us,
            row.expires_us,
            row.ended_us,
            counts.get(row.id, 0),
        )
        for row in connection.execute(query)
    ]


def scope_text(scope: Scope) -> str:
    """A scope as it is stored."""
    return canonical.compact(
        {
            "rules": list(scope.rules),
            "networks": list(scope.networks),
            "accounts": list(scope.accounts),
            "targets": list(scope.targets),
            "most": int(scope.most),
        }
    )


def hide(connection: sa.Connection, exception_id: int, incident_ids: Sequence[str]) -> None:
    """Note that an exception hid incidents; doing it twice is doing it once."""
    if incident_ids:
        insert = sa.insert(HIDDEN).prefix_with("OR IGNORE")
        connection.execute(insert, [{"exception_id": exception_id, "incident_id": each} for each in incident_ids])


@dataclass(frozen=True, slots=True)
class Heeded:
    """What an exception made of an incident's state, and why."""

    status: Status
    exception_id: int
    reopened: bool


class Exceptions:
    """The exceptions of a case while incidents are written."""

    def __init__(self, connection: sa.Connection, now_us: int) -> None:
        """Read those that there are: few."""
        self._connection = connection
        found = read_exceptions(connection)
        self._holding = [each for each in found if each.holds(now_us)]
        self._any = bool(found)

    def of_new(self, incident: Incident) -> Heeded | None:
        """What becomes of an incident that the case did not have before; None = nothing."""
        for each in self._holding:
            if each.scope.covers(incident):
                return Heeded("false-positive", each.id, reopened=False)
        return None

    def of_grown(self, incident: Incident) -> Heeded | None:
        """What becomes of a false positive that goes on; None = nothing.

        One that an exception hid is open again when no exception holds that covers what it has become.
        """
        if not self._any or incident.status != "false-positive":
            return None
        query = sa.select(HIDDEN.c.exception_id).where(HIDDEN.c.incident_id == incident.id)
        hid = list(self._connection.execute(query).scalars())
        if not hid or any(each.scope.covers(incident) for each in self._holding):
            return None
        return Heeded("open", max(hid), reopened=True)
