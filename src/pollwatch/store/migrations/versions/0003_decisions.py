"""What people decided about incidents: merges, splits, exceptions; and what they asked.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "incident_merges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("other", sa.String(), nullable=False),
        sa.Column("at_us", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_merges_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_merges")),
    )
    op.create_index("ix_incident_merges_incident_id", "incident_merges", ["incident_id"])
    op.create_table(
        "incident_splits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("part_id", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("at_us", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_splits_incident_id")),
        sa.ForeignKeyConstraint(["part_id"], ["incidents.id"], name=op.f("fk_incident_splits_part_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_splits")),
    )
    op.create_index("ix_incident_splits_incident_id", "incident_splits", ["incident_id"])
    op.create_index("ix_incident_splits_part_id", "incident_splits", ["part_id"])
    _exceptions()
    op.create_table(
        "asks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=True),
        sa.Column("at_us", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("answered_us", sa.Integer(), nullable=True),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_asks_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asks")),
    )
    op.create_index("ix_asks_incident_id", "asks", ["incident_id"])
    op.create_index("ix_asks_answered_us", "asks", ["answered_us"])


def _exceptions() -> None:
    op.create_table(
        "exceptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=True),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("created_us", sa.Integer(), nullable=False),
        sa.Column("expires_us", sa.Integer(), nullable=False),
        sa.Column("ended_us", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_exceptions_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exceptions")),
    )
    op.create_index("ix_exceptions_incident_id", "exceptions", ["incident_id"])
    op.create_table(
        "exception_hits",
        sa.Column("exception_id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["exception_id"], ["exceptions.id"], name=op.f("fk_exception_hits_exception_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_exception_hits_incident_id")),
        sa.PrimaryKeyConstraint("exception_id", "incident_id", name=op.f("pk_exception_hits")),
    )
    op.create_index("ix_exception_hits_incident_id", "exception_hits", ["incident_id"])
