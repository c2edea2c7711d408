"""The outbox: what is to be sent, written down before anything is sent.

Law: a message is written in the transaction that decides it, under a key that says why, so that it is there once
however often that is decided. It is sent at least once: whoever sends it leases it for a while, and says what came of
it; if they die in between, the lease runs out and the same message, with the same number, is sent again. What a channel
does not take is tried again after longer and longer pauses.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from pollwatch.incidents.export import encodable
from pollwatch.notify.message import Message
from pollwatch.notify.tables import OUTBOX

MessageKind: TypeAlias = Literal["urgent", "digest", "end", "test"]
_S: Final = 1_000_000
LEASE_US: Final = 120 * _S
#: After so many attempts that failed the next one waits so long; then always the last.
_PAUSES_S: Final = (15, 30, 60, 120, 300, 600, 1800)
#: What was not taken for so long is given up: an alarm's next round says it anew.
_GIVE_UP_US: Final = 24 * 3600 * _S


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a message that message: why it is sent, to whom, over which channel."""

    why: str
    person: str
    channel: str

    @property
    def text(self) -> str:
        """As the outbox has it."""
        return f"{self.why}\t{self.person}\t{self.channel}"

    @property
    def number(self) -> str:
        """What stands in the message, so that whoever gets it twice sees that it is one."""
        return "M-" + base64.b32encode(hashlib.sha256(self.text.encode()).digest()).decode("ascii")[:8]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message in the outbox.

    Attributes:
        id: its place.
        key: why it is there, to whom, over which channel.
        alarm_id: what it is about; None for what is about no alarm.
        attempts: how often it was tried.
        due_us: not sent before.
        sent_us: when a channel took it; None while none has.
        failed_us: when it was given up.
        problem: what the last attempt ran into.
    """

    id: int
    key: Key
    alarm_id: int | None
    kind: MessageKind
    message: Message
    created_us: int
    due_us: int
    attempts: int
    sent_us: int | None
    failed_us: int | None
    problem: str


def put(
    connection: sa.Connection,
    key: Key,
    kind: MessageKind,
    message: Message,
    now_us: int,
    *,
    alarm_id: int | None = None,
    due_us: int | None = None,
) -> bool:
    """Write a message down; one of this key that is there already stays as it is.

    Args:
        connection: of the transaction that decides it.
        key: why it is sent, to whom, over which channel.
        kind: what sort it is.
        message: what is sent.
        now_us: the time.
        alarm_id: what it is about.
        due_us: not before; None = now.

    Returns:
        Whether it is new.
    """
    row = {
        "key": key.text,
        "alarm_id": alarm_id,
        "kind": kind,
        "person": key.person,
        "channel": key.channel,
        "subject": encodable(message.subject),
        "body": encodable(message.body),
        "created_us": now_us,
        "due_us": now_us if due_us is None else due_us,
        "attempts": 0,
        "leased_us": 0,
        "problem": "",
    }
    return connection.execute(insert(OUTBOX).values(row).on_conflict_do_nothing()).rowcount > 0


def lease(connection: sa.Connection, now_us: int, most: int, only: Key | None = None) -> tuple[Outgoing, ...]:
    """Take messages that are due, alarms first, or only one; nobody else gets them until the lease runs out."""
    waiting = sa.and_(
        OUTBOX.c.sent_us.is_(None),
        OUTBOX.c.failed_us.is_(None),
        OUTBOX.c.due_us <= now_us,
        OUTBOX.c.leased_us <= now_us,
    )
    if only is not None:
        waiting = sa.and_(waiting, OUTBOX.c.key == only.text)
    order = (OUTBOX.c.kind != "urgent", OUTBOX.c.due_us, OUTBOX.c.id)
    found = [
        _outgoing(row) for row in connection.execute(sa.select(OUTBOX).where(waiting).order_by(*order).limit(most))
    ]
    if found:
        mine = OUTBOX.c.id.in_([each.id for each in found])
        values = {"leased_us": now_us + LEASE_US, "attempts": OUTBOX.c.attempts + 1}
        connection.execute(sa.update(OUTBOX).where(mine).values(values))
    return tuple(found)


def sent(connection: sa.Connection, message_id: int, now_us: int) -> None:
    """A channel has taken it."""
    row = OUTBOX.c.id == message_id
    connection.execute(sa.update(OUTBOX).where(row).values(sent_us=now_us, leased_us=0, problem=""))


def refused(connection: sa.Connection, message_id: int, problem: str, now_us: int) -> None:
    """A channel has not taken it: again later, or never."""
    row = OUTBOX.c.id == message_id
    found = connection.execute(sa.select(OUTBOX.c.attempts, OUTBOX.c.created_us).where(row)).one()
    pause_s = _PAUSES_S[min(found.attempts, len(_PAUSES_S)) - 1]
    given_up = now_us - found.created_us >= _GIVE_UP_US
    values = {"leased_us": 0, "due_us": now_us + pause_s * _S, "problem": encodable(problem)[:500]}
    connection.execute(sa.update(OUTBOX).where(row).values({**values, "failed_us": now_us if given_up else None}))


def give_up(connection: sa.Connection, message_id: int, problem: str, now_us: int) -> None:
    """A channel has not taken it, and it is not tried again."""
    values = {"leased_us": 0, "failed_us": now_us, "problem": encodable(problem)[:500]}
    connection.execute(sa.update(OUTBOX).where(OUTBOX.c.id == message_id).values(values))


def drop(connection: sa.Connection, alarm_id: int, now_us: int, why: str) -> None:
    """Do not send any more what is about an alarm that somebody has: it would call people for nothing."""
    waiting = sa.and_(OUTBOX.c.alarm_id == alarm_id, OUTBOX.c.kind == "urgent", OUTBOX.c.sent_us.is_(None))
    mine = sa.and_(waiting, OUTBOX.c.failed_us.is_(None), OUTBOX.c.leased_us <= now_us)
    connection.execute(sa.update(OUTBOX).where(mine).values(failed_us=now_us, problem=why))


def of_alarm(connection: sa.Connection, alarm_id: int) -> tuple[Outgoing, ...]:
    """Everything that was written about an alarm, oldest first."""
    query = sa.select(OUTBOX).where(OUTBOX.c.alarm_id == alarm_id).order_by(OUTBOX.c.id)
    return tuple(_outgoing(row) for row in connection.execute(query))


def latest(connection: sa.Connection, most: int) -> tuple[Outgoing, ...]:
    """The latest messages, newest first."""
    query = sa.select(OUTBOX).order_by(OUTBOX.c.id.desc()).limit(most)
    return tuple(_outgoing(row) for row in connection.execute(query))


def recent(connection: sa.Connection, people: Iterable[str], since_us: int) -> dict[str, Sequence[int]]:
    """For each person, when the messages of alarms to them were written; over several channels they are one."""
    found: dict[str, Sequence[int]] = {}
    for person in people:
        mine = sa.and_(OUTBOX.c.person == person, OUTBOX.c.kind == "urgent", OUTBOX.c.created_us > since_us)
        stem = sa.func.max(OUTBOX.c.created_us)
        query = sa.select(stem).where(mine).group_by(OUTBOX.c.alarm_id, OUTBOX.c.created_us)
        found[person] = [at for (at,) in connection.execute(query)]
    return found


def _outgoing(row: sa.Row[tuple[object, ...]]) -> Outgoing:
    return Outgoing(
        row.id,
        Key(row.key.partition("\t")[0], row.person, row.channel),
        row.alarm_id,
        row.kind,
        Message(row.subject, row.body),
        row.created_us,
        row.due_us,
        row.attempts,
        row.sent_us,
        row.failed_us,
        row.problem,
    )
