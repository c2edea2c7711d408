"""Alarms, the outbox of what is said about them, and how far the case was looked at.

Revision: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("opened_us", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("told_us", sa.Integer(), nullable=True),
        sa.Column("told_count", sa.Integer(), nullable=False),
        sa.Column("told_severity", sa.Integer(), nullable=False),
        sa.Column("acked_us", sa.Integer(), nullable=True),
        sa.Column("acked_by", sa.String(), nullable=False),
        sa.Column("ended_us", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    op.create_index("ix_alarms_acked_us", "alarms", ["acked_us"])
    op.create_table(
        "alarm_incidents",
        sa.Column("alarm_id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("added_us", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarms.id"], name=op.f("fk_alarm_incidents_alarm_id")),
        sa.PrimaryKeyConstraint("alarm_id", "incident_id", name=op.f("pk_alarm_incidents")),
    )
    op.create_index("ix_alarm_incidents_incident_id", "alarm_incidents", ["incident_id"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("alarm_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_us", sa.Integer(), nullable=False),
        sa.Column("due_us", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_us", sa.Integer(), nullable=False),
        sa.Column("sent_us", sa.Integer(), nullable=True),
        sa.Column("failed_us", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarms.id"], name=op.f("fk_outbox_alarm_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.create_index("ix_outbox_waiting", "outbox", ["sent_us", "failed_us", "due_us"])
    op.create_index("ix_outbox_alarm_id", "outbox", ["alarm_id"])
    op.create_index("ix_outbox_person", "outbox", ["person", "created_us"])
    op.create_table(
        "notify_state",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_notify_state")),
    )
