"""I am not sure: somebody without a security team asks, and sees who was told and what was answered.

A question is about an incident or about the watch as a whole. It stays open until somebody answers; what was asked and
answered about an incident stands in its history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.errors import StoreError, UsageError
from pollwatch.i18n import _
from pollwatch.incidents.decisiontables import ASKS
from pollwatch.incidents.export import encodable
from pollwatch.incidents.triage import current, record
from pollwatch.store.database import Database

_MOST_CHARACTERS: Final = 4_000
#: So many open questions of one person at a time: a stuck key must not bury the others'.
_MOST_OPEN: Final = 20


@dataclass(frozen=True, slots=True)
class Ask:
    """One question.

    Attributes:
        id: its number.
        incident_id: what it is about; empty = the watch as a whole.
        who: who asks.
        text: in their words; may be empty.
        told: who was told, by name.
        answered_us: when it was answered; None = not yet.
        answered_by: by whom.
        answer: what was answered.
    """

    id: int
    incident_id: str
    at_us: int
    who: str
    text: str
    told: tuple[str, ...]
    answered_us: int | None
    answered_by: str
    answer: str


class Asking:
    """The questions of one case; made by :meth:`pollwatch.incidents.records.Case.asking`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Ask in this case."""
        self._database = database
        self._clock = clock

    def ask(self, who: str, text: str, told: Sequence[str], incident: str = "") -> Ask:
        """Ask.

        Args:
            who: who asks.
            text: what they see, in their words; may be empty.
            told: the names of those who are told.
            incident: what it is about; empty = the watch as a whole.

        Raises:
            StoreError: no such incident.
            UsageError: too long, or too many questions of this person are open.
        """
        if len(text) > _MOST_CHARACTERS:
            raise UsageError(_("that is too long; {n} characters are enough").format(n=_MOST_CHARACTERS))
        now_us = self._clock.now_us()
        with self._database.writing() as connection:
            about = current(connection, incident) if incident else None
            mine = sa.and_(ASKS.c.who == encodable(who), ASKS.c.answered_us.is_(None))
            waiting = connection.execute(sa.select(sa.func.count()).select_from(ASKS).where(mine)).scalar_one()
            if waiting >= _MOST_OPEN:
                raise UsageError(_("{n} of your questions are still open; call by telephone").format(n=waiting))
            values = {
                "incident_id": about,
                "at_us": now_us,
                "who": encodable(who),
                "text": encodable(text.strip()),
                "told": "\n".join(encodable(each).replace("\n", " ") for each in told),
                "answered_by": "",
                "answer": "",
            }
            number: int = connection.execute(sa.insert(ASKS).values(values).returning(ASKS.c.id)).scalar_one()
            if about is not None:
                record(connection, about, "asked", who, text.strip(), now_us)
            return self._read(connection, sa.select(ASKS).where(ASKS.c.id == number))[0]

    def answer(self, number: int, who: str, text: str) -> Ask:
        """Answer a question; one that was answered already keeps its first answer.

        Raises:
            StoreError: no such question.
            UsageError: nothing is said, or too much.
        """
        if not text.strip() or len(text) > _MOST_CHARACTERS:
            raise UsageError(_("say what to do, in up to {n} characters").format(n=_MOST_CHARACTERS))
        with self._database.writing() as connection:
            row = ASKS.c.id == number
            found = self._read(connection, sa.select(ASKS).where(row))
            if not found:
                raise StoreError(f"no question {number} in this case")
            if found[0].answered_us is None:
                now_us = self._clock.now_us()
                answered = {
                    "answered_us": now_us, "answered_by": encodable(who), "answer": encodable(text.strip())
                }  # fmt: skip
                connection.execute(sa.update(ASKS).where(row).values(answered))
                if found[0].incident_id:
                    record(connection, found[0].incident_id, "answered", who, text.strip(), now_us)
            return self._read(connection, sa.select(ASKS).where(row))[0]

    def waiting(self) -> list[Ask]:
        """The questions that nobody answered yet, oldest first."""
        with self._database.reading() as connection:
            return self._read(connection, sa.select(ASKS).where(ASKS.c.answered_us.is_(None)).order_by(ASKS.c.id))

    def of(self, who: str, most: int = 10) -> list[Ask]:
        """The latest questions of one person, newest first."""
        with self._database.reading() as connection:
            mine = sa.select(ASKS).where(ASKS.c.who == encodable(who)).order_by(ASKS.c.id.desc()).limit(most)
            return self._read(connection, mine)

    @staticmethod
    def _read(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Ask]:
        return [
            Ask(
                row.id,
                row.incident_id or "",
                row.at_us,
                row.who,
                row.text,
                tuple(filter(None, row.told.split("\n"))),
                row.answered_us,
                row.answered_by,
                row.answer,
            )
            for row in connection.execute(query)
        ]
