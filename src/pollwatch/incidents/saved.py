"""Questions that people keep: filters of the inbox and SQL over the events, each under a name of its owner's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.errors import UsageError
from pollwatch.i18n import _
from pollwatch.incidents.export import encodable
from pollwatch.store.database import METADATA, Database

Kind = Literal["inbox", "sql"]
MOST_NAME: Final = 80
MOST_TEXT: Final = 20_000
#: Of one owner and kind: a list that a person can still read.
MOST_SAVED: Final = 100

SAVED: Final = sa.Table(
    "saved_questions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    #: The account's id: only whoever saved a question may change it.
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    #: A query string of the inbox, or a statement.
    sa.Column("text", sa.String, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.UniqueConstraint("owner", "kind", "name"),
)


@dataclass(frozen=True, slots=True)
class Saved:
    """One question.

    Attributes:
        text: a query string of the inbox, or an SQL statement.
        shared: whether everybody sees it.
        mine: whether it is the asking account's own.
    """

    id: int
    kind: Kind
    name: str
    text: str
    shared: bool
    mine: bool


class SavedQuestions:
    """The questions that were kept in one case. Safe for several threads and processes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Over an open database."""
        self._database = database
        self._clock = clock

    def of(self, owner: str, kind: Kind) -> list[Saved]:
        """An account's own, and what others share, by name."""
        table = SAVED
        with self._database.reading() as connection:
            found = connection.execute(
                sa.select(table)
                .where(table.c.kind == kind, sa.or_(table.c.owner == owner, table.c.shared))
                .order_by(table.c.name, table.c.id)
            )
            return [Saved(row.id, kind, row.name, row.text, row.shared, row.owner == owner) for row in found]

    def save(self, owner: str, kind: Kind, name: str, text: str, *, shared: bool) -> None:
        """Keep a question; one of the same name of the same owner is replaced.

        Raises:
            UsageError: no name or nothing asked, too long, or too many already.
        """
        name, text = " ".join(encodable(name).split()), encodable(text).strip()
        if kind not in get_args(Kind):
            raise UsageError(_("a question is kept for the inbox, or for SQL"))
        if not name or len(name) > MOST_NAME:
            raise UsageError(_("give it a name of at most {n} characters").format(n=MOST_NAME))
        if not text or len(text) > MOST_TEXT:
            raise UsageError(_("there is nothing to keep, or it is longer than {n} characters").format(n=MOST_TEXT))
        table = SAVED
        mine = sa.and_(table.c.owner == owner, table.c.kind == kind)
        with self._database.writing() as connection:
            connection.execute(sa.delete(table).where(mine, table.c.name == name))
            count = connection.execute(sa.select(sa.func.count()).select_from(table).where(mine)).scalar_one()
            if count >= MOST_SAVED:
                raise UsageError(_("you keep {n} already; remove one first").format(n=MOST_SAVED))
            values = {"owner": owner, "kind": kind, "name": name, "text": text, "shared": shared}
            connection.execute(sa.insert(table).values(**values, at_us=self._clock.now_us()))

    def remove(self, owner: str, number: int) -> bool:
        """Forget a question of this account; whether there was one."""
        table = SAVED
        with self._database.writing() as connection:
            return connection.execute(sa.delete(table).where(table.c.id == number, table.c.owner == owner)).rowcount > 0
