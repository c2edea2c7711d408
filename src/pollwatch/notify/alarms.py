"""Alarms in the case: opened, grown, answered for, over. Each function works in its caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from pollwatch.errors import UsageError
from pollwatch.events.detection import Severity
from pollwatch.i18n import _
from pollwatch.incidents import tables
from pollwatch.incidents.export import encodable
from pollwatch.notify import answering
from pollwatch.notify.plan import Alarm, AlarmKind
from pollwatch.notify.tables import ALARM_INCIDENTS, ALARMS, NOTIFY_STATE

_KEY: Final = "key"
_OPEN: Final = sa.and_(ALARMS.c.acked_us.is_(None), ALARMS.c.ended_us.is_(None))


def key(connection: sa.Connection) -> bytes:
    """The key that makes codes and links; made when it is asked for first."""
    fresh = secrets.token_bytes(answering.KEY_BYTES).hex()
    connection.execute(insert(NOTIFY_STATE).values(name=_KEY, value=fresh).on_conflict_do_nothing())
    return bytes.fromhex(state(connection, _KEY, ""))


def state(connection: sa.Connection, name: str, default: str) -> str:
    """Something that is remembered."""
    found = connection.execute(sa.select(NOTIFY_STATE.c.value).where(NOTIFY_STATE.c.name == name)).scalar()
    return default if found is None else str(found)


def remember(connection: sa.Connection, name: str, value: str) -> None:
    """Remember something."""
    row = insert(NOTIFY_STATE).values(name=name, value=value)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def opened(connection: sa.Connection, kind: AlarmKind) -> Alarm | None:
    """The alarm of a kind for which somebody still has to answer."""
    query = sa.select(ALARMS).where(ALARMS.c.kind == kind, _OPEN)
    row = connection.execute(query).first()
    return None if row is None else _alarm(connection, row)


def lasting(connection: sa.Connection, kind: AlarmKind) -> Alarm | None:
    """The latest alarm of a kind that is not over, whether somebody answers for it or not."""
    query = sa.select(ALARMS).where(ALARMS.c.kind == kind, ALARMS.c.ended_us.is_(None)).order_by(ALARMS.c.id.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _alarm(connection, row)


def all_open(connection: sa.Connection) -> tuple[Alarm, ...]:
    """All of them, oldest first."""
    found = connection.execute(sa.select(ALARMS).where(_OPEN).order_by(ALARMS.c.id)).all()
    return tuple(_alarm(connection, row) for row in found)


def latest(connection: sa.Connection, most: int) -> tuple[Alarm, ...]:
    """The latest alarms, newest first."""
    found = connection.execute(sa.select(ALARMS).order_by(ALARMS.c.id.desc()).limit(most)).all()
    return tuple(_alarm(connection, row) for row in found)


def get(connection: sa.Connection, alarm_id: int) -> Alarm:
    """One alarm.

    Raises:
        UsageError: there is none of that number.
    """
    row = connection.execute(sa.select(ALARMS).where(ALARMS.c.id == alarm_id)).first()
    if row is None:
        raise UsageError(_("no alarm {id} in this case; see: pollwatch notify list").format(id=alarm_id))
    return _alarm(connection, row)


def raise_(
    connection: sa.Connection, kind: AlarmKind, severity: Severity, priority: int, text: str, now_us: int
) -> int:
    """Open an alarm, or let more belong to the one of its kind that is open; gives its number."""
    found = opened(connection, kind)
    if found is None:
        row = {
            "kind": kind,
            "opened_us": now_us,
            "severity": int(severity),
            "priority": priority,
            "text": encodable(text),
            "told_count": 0,
            "told_severity": 0,
            "acked_by": "",
        }
        made: int = connection.execute(sa.insert(ALARMS).values(row).returning(ALARMS.c.id)).scalar_one()
        return made
    values = {
        "severity": int(max(severity, found.severity)),
        "priority": min(priority, found.priority),
        "text": encodable(text) or found.text,
    }
    connection.execute(sa.update(ALARMS).where(ALARMS.c.id == found.id).values(values))
    return found.id


def known_severities(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    """How grave incidents, or those that are part of them now, were when an alarm was last raised for them.

    Args:
        connection: of the transaction.
        ids: of some hundreds at most.
    """
    table, alias = ALARM_INCIDENTS, tables.INCIDENT_ALIASES
    worst = sa.func.max(table.c.severity)
    own = sa.select(table.c.incident_id, worst).where(table.c.incident_id.in_(ids)).group_by(table.c.incident_id)
    parts = (
        sa.select(alias.c.incident_id, worst)
        .join(table, table.c.incident_id == alias.c.alias)
        .where(alias.c.incident_id.in_(ids))
        .group_by(alias.c.incident_id)
    )
    found: dict[str, int] = {}
    for name, severity in (*connection.execute(own), *connection.execute(parts)):
        found[name] = max(severity, found.get(name, severity))
    return found


def add(connection: sa.Connection, alarm_id: int, incidents: Mapping[str, Severity], now_us: int) -> None:
    """Let incidents belong to an alarm, each as grave as it is now."""
    rows = [
        {"alarm_id": alarm_id, "incident_id": name, "severity": int(severity), "added_us": now_us}
        for name, severity in incidents.items()
    ]
    insertion = insert(ALARM_INCIDENTS)
    keys = ["alarm_id", "incident_id"]
    graver = insertion.on_conflict_do_update(index_elements=keys, set_={"severity": insertion.excluded.severity})
    connection.execute(graver, rows)


def told(connection: sa.Connection, about: Alarm, now_us: int) -> None:
    """Messages about an alarm as it is now were written."""
    values = {"told_us": now_us, "told_count": about.count, "told_severity": int(about.severity)}
    connection.execute(sa.update(ALARMS).where(ALARMS.c.id == about.id).values(values))


def acknowledge(connection: sa.Connection, alarm_id: int, who: str, now_us: int) -> bool:
    """Somebody answers for an alarm; whether nobody had before.

    Raises:
        UsageError: there is none of that number.
    """
    if not get(connection, alarm_id).open:
        return False
    values = {"acked_us": now_us, "acked_by": encodable(who)}
    connection.execute(sa.update(ALARMS).where(ALARMS.c.id == alarm_id).values(values))
    return True


def end(connection: sa.Connection, alarm_id: int, now_us: int) -> None:
    """An alarm is over by itself."""
    connection.execute(sa.update(ALARMS).where(ALARMS.c.id == alarm_id).values(ended_us=now_us))


def incidents_of(connection: sa.Connection, alarm_id: int) -> tuple[str, ...]:
    """Ids of its incidents, by the names that they have now; those that are one are named once."""
    table, alias = ALARM_INCIDENTS, tables.INCIDENT_ALIASES
    query = (
        sa.select(sa.func.coalesce(alias.c.incident_id, table.c.incident_id))
        .outerjoin(alias, alias.c.alias == table.c.incident_id)
        .where(table.c.alarm_id == alarm_id)
        .order_by(table.c.severity.desc(), table.c.added_us, table.c.incident_id)
    )
    return tuple(dict.fromkeys(connection.execute(query).scalars()))


def unanswered(connection: sa.Connection, ids: Iterable[str]) -> bool:
    """Whether any of these incidents is one that nobody has looked at."""
    table = tables.INCIDENTS
    found = False
    names = list(ids)
    for start in range(0, len(names), 500):
        some = table.c.id.in_(names[start : start + 500])
        found = (
            found or connection.execute(sa.select(table.c.id).where(some, table.c.status == "open")).first() is not None
        )
    return found


def _alarm(connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> Alarm:
    count = len(row.text.splitlines())
    if row.kind == "incidents":
        table = ALARM_INCIDENTS
        query = sa.select(sa.func.count()).select_from(table).where(table.c.alarm_id == row.id)
        count = connection.execute(query).scalar_one()
    return Alarm(
        id=row.id,
        kind=row.kind,
        opened_us=row.opened_us,
        severity=Severity(row.severity),
        priority=row.priority,
        count=count,
        text=row.text,
        told_us=row.told_us,
        told_count=row.told_count,
        told_severity=Severity(row.told_severity),
        acked_us=row.acked_us,
        acked_by=row.acked_by,
        ended_us=row.ended_us,
    )
