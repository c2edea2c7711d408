"""The audit trail: who did what, when, from where, and how it ended.

A row is written before an action begins and gets its outcome after: whatever is done has a row, also when the process
dies in between. Then it never changes, and the private log commits to it (:mod:`pollwatch.node.floor.auditing`), so
that whoever changes or removes a row later is found out. Passwords, codes and tokens never come here; nor does what
pages show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from pollwatch import canonical
from pollwatch.canonical import Json
from pollwatch.clock import US_PER_S, Clock
from pollwatch.console.accounts import tables
from pollwatch.events.printable import printable
from pollwatch.store.database import Database

_T: Final = tables.AUDIT
_MAX_TEXT: Final = 300
#: An action that has no outcome after this time has none: its process died.
_LOST_S: Final = 120
_MOST_GAPS: Final = 1000
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something.

    Attributes:
        id: the account's id, ``token:ID``, ``machine:USER`` for commands, empty for somebody who is not signed in.
        who: how they are called.
        role: what they are in this office; empty where nothing.
        address: from where.
    """

    id: str
    who: str
    role: str
    address: str


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that somebody did.

    Attributes:
        id: its number; without gaps.
        at_us: when it began.
        actor: who.
        action: what: a word, or method and path.
        about: to what: an incident, an account.
        detail: in which way; words and numbers.
        outcome: ``done``, ``refused``, ``failed``, or ``unknown`` where its process died; empty while it goes on.
        entry: where the private log commits to it; None: not yet.
    """

    id: int
    at_us: int
    actor: Actor
    action: str
    about: str
    detail: Mapping[str, Json]
    outcome: str
    entry: int | None

    def record(self) -> dict[str, Json]:
        """What is sealed of it."""
        return {
            "id": self.id,
            "at_us": self.at_us,
            "actor": self.actor.id,
            "who": self.actor.who,
            "role": self.actor.role,
            "address": self.actor.address,
            "action": self.action,
            "about": self.about,
            "detail": dict(self.detail),
            "outcome": self.outcome,
        }


class Trail:
    """The trail. Safe to call from several threads and processes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use the case's database."""
        self._database = database
        self._clock = clock

    def begin(self, actor: Actor, action: str, about: str = "", detail: Mapping[str, Json] | None = None) -> int:
        """Somebody begins something; gives the row's number."""
        return self._add(actor, action, about, detail or {}, "")

    def end(
        self, row: int, outcome: str, action: str = "", about: str = "", detail: Mapping[str, Json] | None = None
    ) -> None:
        """How it ended; better words for what it was replace the first ones."""
        values: dict[str, Any] = {"outcome": outcome}
        if action:
            values |= {"action": _text(action), "about": _text(about), "detail": _packed(detail or {})}
        with self._database.writing() as connection:
            open_row = sa.and_(_T.c.id == row, _T.c.outcome == "", _T.c.entry.is_(None))
            connection.execute(sa.update(_T).where(open_row).values(**values))

    def note(
        self,
        actor: Actor,
        action: str,
        about: str = "",
        detail: Mapping[str, Json] | None = None,
        outcome: str = "done",
    ) -> int:
        """Somebody did something, all at once; gives the row's number."""
        return self._add(actor, action, about, detail or {}, outcome)

    def latest(self, limit: int = 100, before: int | None = None, actor: str = "", about: str = "") -> list[Row]:
        """The latest rows first.

        Args:
            limit: how many at most.
            before: only rows with a lower number.
            actor: only what this one did.
            about: only what was done to this.
        """
        asked = sa.select(_T).order_by(_T.c.id.desc()).limit(limit)
        if before is not None:
            asked = asked.where(_T.c.id < before)
        if actor:
            asked = asked.where(_T.c.actor == actor)
        if about:
            asked = asked.where(_T.c.about == about)
        with self._database.reading() as connection:
            return [_row(each) for each in connection.execute(asked)]

    def unsealed(self, limit: int) -> list[Row]:
        """Rows that are over and that the private log does not commit to yet, oldest first.

        Those whose process died get their outcome here.
        """
        lost_us = self._clock.now_us() - _LOST_S * US_PER_S
        if not self.waiting():
            return []
        with self._database.writing() as connection:
            lost = sa.and_(_T.c.entry.is_(None), _T.c.outcome == "", _T.c.at_us < lost_us)
            connection.execute(sa.update(_T).where(lost).values(outcome=UNKNOWN))
            over = sa.and_(_T.c.entry.is_(None), _T.c.outcome != "")
            found = connection.execute(sa.select(_T).where(over).order_by(_T.c.id).limit(limit))
            return [_row(each) for each in found]

    def sealed(self, numbers: Sequence[int], entry: int) -> None:
        """The private log commits to these rows."""
        with self._database.writing() as connection:
            fresh = sa.and_(_T.c.id.in_(numbers), _T.c.entry.is_(None))
            connection.execute(sa.update(_T).where(fresh).values(entry=entry))

    def waiting(self) -> int:
        """How many rows the private log does not commit to yet."""
        counted = sa.select(sa.func.count()).select_from(_T).where(_T.c.entry.is_(None))
        with self._database.reading() as connection:
            return int(connection.execute(counted).scalar_one())

    def rows_sealed(self) -> dict[int, Row]:
        """All rows of which it is noted that the private log commits to them, by number."""
        with self._database.reading() as connection:
            return {row.id: _row(row) for row in connection.execute(sa.select(_T).where(_T.c.entry.is_not(None)))}

    def gaps(self) -> list[int]:
        """Numbers that a row should have, and none has; a bounded number of them."""
        with self._database.reading() as connection:
            numbers = connection.execute(sa.select(_T.c.id).order_by(_T.c.id)).scalars()
            missing: list[int] = []
            expected = 1
            for number in numbers:
                missing += range(expected, min(number, expected + _MOST_GAPS))
                expected = number + 1
            return missing[:_MOST_GAPS]

    def _add(self, actor: Actor, action: str, about: str, detail: Mapping[str, Json], outcome: str) -> int:
        row = {
            "at_us": self._clock.now_us(),
            "actor": _text(actor.id),
            "who": _text(actor.who),
            "role": actor.role,
            "address": _text(actor.address),
            "action": _text(action),
            "about": _text(about),
            "detail": _packed(detail),
            "outcome": outcome,
        }
        with self._database.writing() as connection:
            added = connection.execute(sa.insert(_T).values(row)).inserted_primary_key
            return int(added[0]) if added else 0


def _text(text: str) -> str:
    """As it is kept: on one line, inert, and short."""
    return printable(text, _MAX_TEXT)


def _packed(detail: Mapping[str, Json]) -> str:
    kept: dict[str, Json] = {key: _text(each) if isinstance(each, str) else each for key, each in detail.items()}
    return canonical.dumps(kept).decode("utf-8")


def _row(row: sa.Row[Any]) -> Row:
    return Row(
        id=row.id,
        at_us=row.at_us,
        actor=Actor(row.actor, row.who, row.role, row.address),
        action=row.action,
        about=row.about,
        detail=canonical.loads(row.detail.encode("utf-8")),
        outcome=row.outcome,
        entry=row.entry,
    )
