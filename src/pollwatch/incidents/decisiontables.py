"""What people decided about incidents and a later scan must respect; and what they asked."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pollwatch.store.database import METADATA


def _incident(*, nullable: bool = False) -> sa.Column[str]:
    return sa.Column("incident_id", sa.ForeignKey("incidents.id"), nullable=nullable)


#: Incidents that people made one: ``other`` is the id that became another name of ``incident_id``.
MERGES: Final = sa.Table(
    "incident_merges",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _incident(),
    sa.Column("other", sa.String, nullable=False),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Index("ix_incident_merges_incident_id", "incident_id"),
)

#: Incidents that people made two: what meets ``body`` (a ``composing.Part`` as JSON) went from ``incident_id`` to
#: ``part_id``, and goes there again when more of it comes.
SPLITS: Final = sa.Table(
    "incident_splits",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _incident(),
    sa.Column("part_id", sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("body", sa.String, nullable=False),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Index("ix_incident_splits_incident_id", "incident_id"),
    sa.Index("ix_incident_splits_part_id", "part_id"),
)

#: What is known to be harmless (``body``: an ``exceptions.Scope`` as JSON), for a time.
EXCEPTIONS: Final = sa.Table(
    "exceptions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _incident(nullable=True),
    sa.Column("body", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("expires_us", sa.Integer, nullable=False),
    sa.Column("ended_us", sa.Integer),
    sa.Index("ix_exceptions_incident_id", "incident_id"),
)

#: Which exception hid which incident.
HIDDEN: Final = sa.Table(
    "exception_hits",
    METADATA,
    sa.Column("exception_id", sa.ForeignKey("exceptions.id"), nullable=False, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), nullable=False, primary_key=True),
    sa.Index("ix_exception_hits_incident_id", "incident_id"),
)

#: "I am not sure": who asks, about what, who was told, and what was answered.
ASKS: Final = sa.Table(
    "asks",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _incident(nullable=True),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("told", sa.String, nullable=False),
    sa.Column("answered_us", sa.Integer),
    sa.Column("answered_by", sa.String, nullable=False),
    sa.Column("answer", sa.String, nullable=False),
    sa.Index("ix_asks_incident_id", "incident_id"),
    sa.Index("ix_asks_answered_us", "answered_us"),
)

#: Columns that name an incident, and follow it when it turns out to be part of another one.
_FOLLOWING: Final = (
    MERGES.c.incident_id,
    SPLITS.c.incident_id,
    SPLITS.c.part_id,
    EXCEPTIONS.c.incident_id,
    ASKS.c.incident_id,
)


def follow(connection: sa.Connection, old: str, into: str) -> None:
    """Let what was decided and asked about an incident be about the one that it is now part of."""
    for column in _FOLLOWING:
        connection.execute(sa.update(column.table).where(column == old).values({column.name: into}))
    # Halves that are one again need not be split.
    connection.execute(sa.delete(SPLITS).where(SPLITS.c.incident_id == SPLITS.c.part_id))
    hits = sa.select(HIDDEN.c.exception_id, sa.literal(into)).where(HIDDEN.c.incident_id == old)
    insert = sa.insert(HIDDEN).prefix_with("OR IGNORE")
    connection.execute(insert.from_select(["exception_id", "incident_id"], hits))
    connection.execute(sa.delete(HIDDEN).where(HIDDEN.c.incident_id == old))
