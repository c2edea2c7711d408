"""The tables of notifications: alarms, what is sent about them, and how far the case's changes were looked at."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pollwatch.store.database import METADATA

#: What somebody has to answer for. At most one of each kind is open (neither acknowledged nor ended).
ALARMS: Final = sa.Table(
    "alarms",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    #: ``incidents``, ``blind`` (nobody is watching) or ``asked`` (somebody is not sure).
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("opened_us", sa.Integer, nullable=False),
    #: The gravest that belongs to it, and the highest priority (1 is the highest).
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    #: Why nobody is watching, or what was asked, in the words of the office's own people and settings.
    sa.Column("text", sa.String, nullable=False),
    #: Of the last message: when, about how many, how grave.
    sa.Column("told_us", sa.Integer),
    sa.Column("told_count", sa.Integer, nullable=False),
    sa.Column("told_severity", sa.Integer, nullable=False),
    sa.Column("acked_us", sa.Integer),
    sa.Column("acked_by", sa.String, nullable=False),
    #: It is over by itself: somebody watches again.
    sa.Column("ended_us", sa.Integer),
    sa.Index("ix_alarms_acked_us", "acked_us"),
)

#: Which incidents belong to an alarm, how grave each was then.
ALARM_INCIDENTS: Final = sa.Table(
    "alarm_incidents",
    METADATA,
    sa.Column("alarm_id", sa.ForeignKey("alarms.id"), primary_key=True),
    sa.Column("incident_id", sa.String, primary_key=True),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("added_us", sa.Integer, nullable=False),
    sa.Index("ix_alarm_incidents_incident_id", "incident_id"),
)

#: What is to be sent, was sent, or could not be. ``key`` says why a message is there, so that it is there once.
OUTBOX: Final = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String, nullable=False, unique=True),
    sa.Column("alarm_id", sa.ForeignKey("alarms.id")),
    #: ``urgent``, ``digest``, ``end`` (an alarm is over) or ``test``.
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("person", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("body", sa.String, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    #: Not sent before this.
    sa.Column("due_us", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    #: Somebody is sending it until then; later it counts as not sent.
    sa.Column("leased_us", sa.Integer, nullable=False),
    sa.Column("sent_us", sa.Integer),
    #: Given up.
    sa.Column("failed_us", sa.Integer),
    sa.Column("problem", sa.String, nullable=False),
    sa.Index("ix_outbox_waiting", "sent_us", "failed_us", "due_us"),
    sa.Index("ix_outbox_alarm_id", "alarm_id"),
    sa.Index("ix_outbox_person", "person", "created_us"),
)

#: How far the case was looked at, and the key that makes codes.
NOTIFY_STATE: Final = sa.Table(
    "notify_state",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
