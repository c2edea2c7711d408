"""Answering for an alarm: by code, by link, or by its number at the watch; its incidents are acknowledged with it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.incidents import tables
from pollwatch.incidents.triage import record
from pollwatch.node.notifying import telling
from pollwatch.notify import alarms, answering, outbox
from pollwatch.notify.plan import Alarm
from pollwatch.notify.settings import NotifySettings
from pollwatch.store.database import Database


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it.

    Attributes:
        alarm: as it is now.
        first: whether nobody had answered for it before.
        incidents: ids of those that are acknowledged now.
    """

    alarm: Alarm
    first: bool
    incidents: tuple[str, ...]


def whose(database: Database, settings: NotifySettings, text: str, *, links_only: bool = False) -> tuple[Alarm, str]:
    """The alarm and the person that a code or a link's token is of; changes nothing.

    Raises:
        UsageError: it is of nobody.
    """
    with database.writing() as connection:  # the key may have to be made
        people = [each.name for each in settings.people]
        number, person = answering.read(alarms.key(connection), text, people, links_only=links_only)
        return alarms.get(connection, number), person


def answer(database: Database, settings: NotifySettings, alarm_id: int, who: str, clock: Clock) -> Answered:
    """Somebody answers for an alarm: nobody else is called about it, and those who were are told.

    Raises:
        UsageError: there is none of that number.
        StoreError: the case cannot be written.
    """
    now_us = clock.now_us()
    with database.writing() as connection:
        first = alarms.acknowledge(connection, alarm_id, who, now_us)
        done: tuple[str, ...] = ()
        if first:
            outbox.drop(connection, alarm_id, now_us, "answered")
            done = _acknowledged(connection, alarms.incidents_of(connection, alarm_id), who, alarm_id, now_us)
            telling.tell_over(connection, settings, (alarms.get(connection, alarm_id),), now_us)
        return Answered(alarms.get(connection, alarm_id), first, done)


def _acknowledged(
    connection: sa.Connection, ids: tuple[str, ...], who: str, alarm_id: int, now_us: int
) -> tuple[str, ...]:
    table = tables.INCIDENTS
    done = []
    for each in ids:
        row = sa.and_(table.c.id == each, table.c.status == "open")
        if connection.execute(sa.update(table).where(row).values(status="acknowledged")).rowcount:
            record(connection, each, "status", who, f"alarm {alarm_id}", now_us)
            done.append(each)
    return tuple(done)
