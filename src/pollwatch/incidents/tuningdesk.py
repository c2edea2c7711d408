"""Exceptions by people: tried on what the case has, made with a reason and an end, and ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.errors import StoreError, UsageError
from pollwatch.i18n import _
from pollwatch.incidents import tables
from pollwatch.incidents.decisiontables import EXCEPTIONS, HIDDEN
from pollwatch.incidents.exceptions import LONGEST_US, Scope, TuningException
from pollwatch.incidents.export import encodable
from pollwatch.incidents.inboxrows import InboxRow, read_rows
from pollwatch.incidents.inboxtables import INDEX, KEYS, TERMS
from pollwatch.incidents.incident import Status
from pollwatch.incidents.indexing import clipped
from pollwatch.incidents.triage import current, record
from pollwatch.incidents.tuning import hide, read_exceptions, scope_text
from pollwatch.store.database import Database

#: So many incidents are named of those that an exception would hide.
_SHOWN: Final = 10
#: A preview looks at so many incidents at most, the newest.
MOST_LOOKED_AT: Final = 20_000
_AT_ONCE: Final = 500
_MOST_REASON: Final = 2_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What an exception would have hidden of all that the case has.

    Attributes:
        incidents: how many.
        waiting: how many of them are still open or being worked on.
        confirmed: how many of them people have dealt with as real: acknowledged or closed.
        all: whether all that may be covered were looked at; else only the newest :data:`MOST_LOOKED_AT`.
        shown: some of them, the gravest and latest first.
    """

    incidents: int
    waiting: int
    confirmed: int
    all: bool
    shown: tuple[InboxRow, ...]


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
            found, complete = _covered(connection, scope, most=MOST_LOOKED_AT)
        found.sort(key=lambda each: (-each.severity, -(each.last_us or 0), each.id))
        return Preview(
            len(found),
            sum(each.status in {"open", "acknowledged"} for each in found),
            sum(each.status in {"acknowledged", "closed"} for each in found),
            complete,
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
            covered, _complete = _covered(connection, scope, "open")
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

    def about(self, incident: str) -> list[TuningException]:
        """The exceptions that were made from an incident or hide it, the newest first."""
        made = sa.select(EXCEPTIONS.c.id).where(EXCEPTIONS.c.incident_id == incident)
        hid = sa.select(HIDDEN.c.exception_id).where(HIDDEN.c.incident_id == incident)
        with self._database.reading() as connection:
            numbers = {*connection.execute(made).scalars(), *connection.execute(hid).scalars()}
            return read_exceptions(connection, numbers) if numbers else []


def _covered(
    connection: sa.Connection, scope: Scope, status: Status | None = None, most: int = -1
) -> tuple[list[InboxRow], bool]:
    """The incidents that a scope covers, the newest first, and whether all that may be were looked at.

    Args:
        connection: to the case.
        scope: what covers them.
        status: only those in this state.
        most: how many of those that have a term in common with the scope are looked at; -1 = all.
    """
    kind, values = next(
        (kind, values)
        for kind, values in (("rule", scope.rules), ("user", scope.accounts), ("ip", scope.networks))
        if values
    )
    named = [TERMS.c.kind == kind]
    if kind != "ip":  # networks are no terms: then every incident that names an address is looked at
        named.append(TERMS.c.value.in_([clipped(each) for each in values]))
    query = (
        sa.select(INDEX.c.number)
        .where(INDEX.c.severity <= int(scope.most))
        .where(INDEX.c.number.in_(sa.select(KEYS.c.number).join(TERMS, TERMS.c.id == KEYS.c.term).where(*named)))
        .order_by(INDEX.c.number.desc())
        .limit(most + 1 if most >= 0 else -1)
    )
    if status is not None:
        query = query.where(INDEX.c.status == status)
    numbers = list(connection.execute(query).scalars())
    looked_at = numbers if most < 0 else numbers[:most]
    found: list[InboxRow] = []
    for at in range(0, len(looked_at), _AT_ONCE):
        found += [row for row in read_rows(connection, looked_at[at : at + _AT_ONCE]) if scope.covers(row)]
    return found, len(looked_at) == len(numbers)
