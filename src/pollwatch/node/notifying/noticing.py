"""What of the case's changes is an alarm: urgent incidents, questions, and that nobody is watching.

Works in one transaction with the outbox, from a cursor that is moved in it: killed at any moment, everything is noticed
once. What is known to be old news (a scan of last year's logs) is in the summary and wakes nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from pollwatch.election.calendar import Calendar
from pollwatch.events.detection import Severity
from pollwatch.events.printable import printable
from pollwatch.incidents import tables
from pollwatch.incidents.decisiontables import ASKS
from pollwatch.incidents.inboxtables import CHANGES, INDEX
from pollwatch.notify import alarms, outbox
from pollwatch.notify.plan import Alarm
from pollwatch.notify.settings import NotifySettings

#: So many changes are looked at in one transaction; a watch that writes at the same time does not wait long.
MOST: Final = 500
_SEQ, _ASK = "seq", "ask"
_MOST_ASKED: Final = 20


def notice(
    connection: sa.Connection,
    settings: NotifySettings,
    calendar: Calendar,
    now_us: int,
    blind: Sequence[str] | None,
) -> tuple[bool, tuple[Alarm, ...]]:
    """Raise alarms for what changed.

    Args:
        connection: of the transaction in which messages are written too.
        settings: what is urgent.
        calendar: of the elections.
        now_us: the time.
        blind: why nobody is watching, a sentence each; empty where somebody is; None where that is not known here.

    Returns:
        Whether there is more to look at, and the alarms that are over since.
    """
    more = _incidents(connection, settings, now_us)
    _questions(connection, calendar, now_us)
    over = [] if blind is None else _sight(connection, calendar, blind, now_us)
    over += _answered(connection, now_us)
    return more, tuple(over)


def pending(connection: sa.Connection) -> bool:
    """Whether anything changed that was not looked at; quick, and changes nothing."""
    seq, ask = int(alarms.state(connection, _SEQ, "0")), int(alarms.state(connection, _ASK, "0"))
    newer = connection.execute(sa.select(CHANGES.c.seq).where(CHANGES.c.seq > seq).limit(1)).first()
    return (
        newer is not None
        or connection.execute(sa.select(ASKS.c.id).where(ASKS.c.id > ask).limit(1)).first() is not None
    )


def _incidents(connection: sa.Connection, settings: NotifySettings, now_us: int) -> bool:
    seq = int(alarms.state(connection, _SEQ, "0"))
    incidents = tables.INCIDENTS
    latest_us = sa.func.coalesce(incidents.c.last_us, incidents.c.created_us)
    urgent = sa.or_(INDEX.c.severity >= int(settings.urgent_from), INDEX.c.priority <= settings.urgent_priority)
    query = (
        sa.select(CHANGES.c.seq, INDEX.c.incident_id, INDEX.c.severity, INDEX.c.priority)
        .join(INDEX, INDEX.c.incident_id == CHANGES.c.incident_id)
        .join(incidents, incidents.c.id == CHANGES.c.incident_id)
        .where(CHANGES.c.seq > seq, CHANGES.c.removed == 0, INDEX.c.status == "open", urgent)
        .where(latest_us >= now_us - settings.stale_us)
        .order_by(CHANGES.c.seq)
        .limit(MOST)
    )
    found = connection.execute(query).all()
    known = alarms.known_severities(connection, [row.incident_id for row in found])
    fresh = [row for row in found if row.severity > known.get(row.incident_id, -1)]
    if fresh:
        severity, priority = Severity(max(row.severity for row in fresh)), min(row.priority for row in fresh)
        alarm_id = alarms.raise_(connection, "incidents", severity, priority, "", now_us)
        alarms.add(connection, alarm_id, {row.incident_id: Severity(row.severity) for row in fresh}, now_us)
    more = len(found) == MOST
    upto = found[-1].seq if more else connection.execute(sa.select(sa.func.max(CHANGES.c.seq))).scalar()
    alarms.remember(connection, _SEQ, str(upto or seq))
    return more


def _questions(connection: sa.Connection, calendar: Calendar, now_us: int) -> None:
    last = int(alarms.state(connection, _ASK, "0"))
    found = connection.execute(sa.select(ASKS).where(ASKS.c.id > last).order_by(ASKS.c.id).limit(MOST)).all()
    for row in found:
        if row.answered_us is None:
            present = alarms.opened(connection, "asked")
            asked = printable(f"{row.who}: {' '.join(row.text.split())}", 300)
            lines = [*(present.text.splitlines() if present else ()), asked]
            text = "\n".join(lines[-_MOST_ASKED:])
            alarms.raise_(connection, "asked", Severity.MEDIUM, _priority(calendar, now_us), text, now_us)
        alarms.remember(connection, _ASK, str(row.id))


def _sight(connection: sa.Connection, calendar: Calendar, blind: Sequence[str], now_us: int) -> list[Alarm]:
    """Nobody is watching, or somebody is again; one alarm for as long as that lasts."""
    lasting = alarms.lasting(connection, "blind")
    if not blind:
        if lasting is None:
            return []
        alarms.end(connection, lasting.id, now_us)
        outbox.drop(connection, lasting.id, now_us, "watching again")
        return [alarms.get(connection, lasting.id)]
    if lasting is None or lasting.open:
        text = "\n".join(printable(each, 300) for each in blind)
        alarms.raise_(connection, "blind", Severity.HIGH, _priority(calendar, now_us), text, now_us)
    return []


def _answered(connection: sa.Connection, now_us: int) -> list[Alarm]:
    """Alarms whose incidents or questions somebody has taken up elsewhere: in the console, or on the command line."""
    over = []
    for each in alarms.all_open(connection):
        if each.kind == "incidents":
            ids = alarms.incidents_of(connection, each.id)
            if alarms.unanswered(connection, ids):
                continue
            who = _who(connection, ids)
        elif each.kind == "asked":
            waiting = sa.select(ASKS.c.id).where(
                ASKS.c.answered_us.is_(None), ASKS.c.at_us >= each.opened_us - _SLACK_US
            )
            if connection.execute(waiting.limit(1)).first() is not None:
                continue
            answered = sa.select(ASKS.c.answered_by).where(ASKS.c.answered_us.is_not(None))
            who = connection.execute(answered.order_by(ASKS.c.answered_us.desc()).limit(1)).scalar() or ""
        else:
            continue
        alarms.acknowledge(connection, each.id, who, now_us)
        outbox.drop(connection, each.id, now_us, "answered elsewhere")
        over.append(alarms.get(connection, each.id))
    return over


#: A question is older than its alarm by the time that nobody looked.
_SLACK_US: Final = 7 * 86_400 * 1_000_000


def _who(connection: sa.Connection, ids: Sequence[str]) -> str:
    """Who last changed the state of any of these incidents."""
    history = tables.INCIDENT_HISTORY
    mine = sa.and_(history.c.incident_id.in_(ids[:500]), history.c.kind == "status")
    found = connection.execute(sa.select(history.c.who).where(mine).order_by(history.c.id.desc()).limit(1)).scalar()
    return str(found or "")


def _priority(calendar: Calendar, now_us: int) -> int:
    """Of something that concerns the watch as a whole, by the phase of the election."""
    span = calendar.phase_at(now_us)
    return calendar.priority("", span.phase if span else "", Severity.HIGH)
