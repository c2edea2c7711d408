"""From alarms to messages in the outbox: for each person in their language, for each channel with what it may carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from pollwatch.clock import to_datetime
from pollwatch.election.calendar import Calendar
from pollwatch.events.detection import Severity
from pollwatch.i18n import speaking
from pollwatch.incidents import tables
from pollwatch.incidents.inboxrows import read_rows
from pollwatch.incidents.inboxtables import INDEX
from pollwatch.notify import alarms, answering, message, outbox
from pollwatch.notify import plan as planning
from pollwatch.notify.message import Answer, Item
from pollwatch.notify.outbox import Key
from pollwatch.notify.plan import Alarm, Send
from pollwatch.notify.settings import NotifySettings, Person

_DIGEST: Final = "digest_us"
_HOUR_US: Final = 3600 * 1_000_000


def tell(connection: sa.Connection, settings: NotifySettings, calendar: Calendar, now_us: int) -> int | None:
    """Write what is due about every open alarm; gives when to look again.

    Args:
        connection: of the transaction.
        settings: who is told.
        calendar: of the elections.
        now_us: the time.
    """
    span = calendar.phase_at(now_us)
    phase = span.phase if span else ""
    later = []
    for each in alarms.all_open(connection):
        written = outbox.of_alarm(connection, each.id)
        keys = {(one.key.why, one.key.person) for one in written}
        recent = outbox.recent(connection, [one.name for one in settings.people], now_us - _HOUR_US)
        due = planning.plan(each, settings, now_us, phase, keys, _unreached(written), recent)
        again = {name for _why, name in keys}
        for send in due.sends:
            _write(connection, settings, each, send, now_us, again=send.person.name in again)
        if due.sends:
            alarms.told(connection, each, now_us)
        later += [] if due.next_us is None else [due.next_us]
    return min(later, default=None)


def tell_over(connection: sa.Connection, settings: NotifySettings, over: Sequence[Alarm], now_us: int) -> None:
    """Tell those who were told of an alarm that it is over, or that somebody has it; not whoever that is."""
    for each in over:
        again = each.kind == "blind" and each.ended_us is not None  # which whoever has it wants to know, too
        by = "" if again else each.acked_by
        told = {
            (one.key.person, one.key.channel) for one in outbox.of_alarm(connection, each.id) if one.sent_us is not None
        }
        for name, channel in sorted(told):
            person, way = settings.person(name), settings.channels.get(channel)
            if person is None or way is None or (name == by and by):
                continue
            key = Key(f"alarm {each.id} {'again' if again else 'over'}", name, channel)
            with speaking(person.language):
                made = message.end(each, way.detail, key.number, by)
            outbox.put(connection, key, "end", made, now_us, alarm_id=each.id)


def tell_digest(connection: sa.Connection, settings: NotifySettings, now_us: int) -> int | None:
    """Write the summary where one is due and anything came; gives when the next one is."""
    readers = [each for each in settings.people if each.digest]
    if not readers:
        return None
    slot_us = planning.digest_slot(settings, now_us)
    last_us = int(alarms.state(connection, _DIGEST, "0"))
    if last_us < slot_us:
        if last_us:  # the very first time, all that ever was is no news
            _summary(connection, settings, readers, (last_us, slot_us), now_us)
        alarms.remember(connection, _DIGEST, str(slot_us))
    return planning.next_digest(settings, now_us)


def trial(connection: sa.Connection, person: Person, channel: str, settings: NotifySettings, now_us: int) -> Key:
    """Write a test message; gives its key."""
    key = Key(f"test {now_us}", person.name, channel)
    with speaking(person.language):
        made = message.trial(person.name, channel, settings.channels[channel].detail, key.number)
    outbox.put(connection, key, "test", made, now_us)
    return key


def _write(
    connection: sa.Connection,
    settings: NotifySettings,
    about: Alarm,
    send: Send,
    now_us: int,
    *,
    again: bool,
) -> None:
    person = send.person
    secret = alarms.key(connection)
    link = f"{settings.link}/alarm/{answering.token(secret, about.id, person.name)}" if settings.link else ""
    answer = Answer(answering.code(secret, about.id, person.name), link)
    items = _items(connection, alarms.incidents_of(connection, about.id)[: message.MOST_TOLD])
    for channel in person.urgent:
        key = Key(send.why, person.name, channel)
        with speaking(person.language):
            detail = settings.channels[channel].detail
            made = message.alarm(about, items, detail, answer, key.number, again=again)
        outbox.put(connection, key, "urgent", made, now_us, alarm_id=about.id)


def _summary(
    connection: sa.Connection,
    settings: NotifySettings,
    readers: Sequence[Person],
    span_us: tuple[int, int],
    now_us: int,
) -> None:
    table = tables.INCIDENTS
    inside = sa.and_(table.c.created_us > span_us[0], table.c.created_us <= span_us[1])
    query = sa.select(table.c.severity, sa.func.count()).where(inside).group_by(table.c.severity)
    counted = sorted(((Severity(each), count) for each, count in connection.execute(query)), reverse=True)
    if not counted:
        return
    first = (
        sa.select(table.c.id)
        .join(INDEX, INDEX.c.incident_id == table.c.id)
        .where(inside)
        .order_by(INDEX.c.priority, table.c.severity.desc(), table.c.id)
        .limit(message.MOST_TOLD)
    )
    items = _items(connection, list(connection.execute(first).scalars()))
    since = to_datetime(span_us[0]).astimezone(settings.zone).strftime("%Y-%m-%d %H:%M")
    for person in readers:
        due_us = planning.quiet_until(person, settings, now_us)
        for channel in person.digest:
            key = Key(f"digest {span_us[1]}", person.name, channel)
            with speaking(person.language):
                detail = settings.channels[channel].detail
                made = message.digest(counted, items, detail, settings.link, key.number, since)
            outbox.put(connection, key, "digest", made, now_us, due_us=due_us)


def _items(connection: sa.Connection, ids: Sequence[str]) -> list[Item]:
    """Incidents in this order, as messages tell of them."""
    query = sa.select(INDEX.c.number, INDEX.c.incident_id).where(INDEX.c.incident_id.in_(ids))
    numbers = {row.incident_id: row.number for row in connection.execute(query)}
    return [Item.of(row) for row in read_rows(connection, [numbers[each] for each in ids if each in numbers])]


def _unreached(written: Sequence[outbox.Outgoing]) -> set[str]:
    """People to whom no message got through, over any channel, although every one was tried."""
    tried = {each.key.person for each in written if each.kind == "urgent"}
    on_the_way = {each.key.person for each in written if each.sent_us is not None or not each.problem}
    return tried - on_the_way
