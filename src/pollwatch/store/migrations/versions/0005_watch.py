"""What a watch keeps: how far it has read, what it needs to go on, and how its sources are doing.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables of the watch."""
    op.create_table(
        "live_inputs",
        sa.Column("input_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("context", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["input_id"], ["inputs.id"], name="fk_live_inputs_input_id"),
        sa.PrimaryKeyConstraint("input_id", name="pk_live_inputs"),
        sa.UniqueConstraint("source", "stream", "generation", name="uq_live_inputs_source_stream_generation"),
    )
    op.create_table(
        "live_positions",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("position", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "stream", "generation", name="pk_live_positions"),
    )
    op.create_table(
        "live_steps",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_live_steps"),
    )
    op.create_table(
        "live_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_live_state"),
    )
    op.create_table(
        "live_sources",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("last_record_us", sa.Integer(), nullable=True),
        sa.Column("last_read_us", sa.Integer(), nullable=True),
        sa.Column("updated_us", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.Column("lag_bytes", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("norm_s", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_live_sources"),
    )
    op.create_table(
        "live_watch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("started_us", sa.Integer(), nullable=False),
        sa.Column("beat_us", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("stopped_us", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_live_watch"),
    )
    op.create_index("ix_incidents_last_us", "incidents", ["last_us"], unique=False)
