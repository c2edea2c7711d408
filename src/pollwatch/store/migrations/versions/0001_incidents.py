"""Inputs, events, detections, incidents and their work-flow: the first tables.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    _inputs()
    _detections()
    _incidents()
    _workflow()


def _inputs() -> None:
    op.create_table(
        "inputs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("parsed", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("first_us", sa.Integer(), nullable=True),
        sa.Column("last_us", sa.Integer(), nullable=True),
        sa.Column("scanned_us", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inputs"),
        sa.UniqueConstraint("digest", name="uq_inputs_digest"),
        sa.UniqueConstraint("path", name="uq_inputs_path"),
    )
    op.create_table(
        "contents",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("input_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["input_id"], ["inputs.id"], name="fk_contents_input_id"),
        sa.PrimaryKeyConstraint("digest", name="pk_contents"),
    )
    op.create_index("ix_contents_input_id", "contents", ["input_id"], unique=False)
    op.create_table(
        "event_files",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("input_id", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["input_id"], ["inputs.id"], name="fk_event_files_input_id"),
        sa.PrimaryKeyConstraint("name", name="pk_event_files"),
    )
    op.create_index("ix_event_files_input_id", "event_files", ["input_id"], unique=False)
    op.create_table(
        "quarantine_counts",
        sa.Column("input_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["input_id"], ["inputs.id"], name="fk_quarantine_counts_input_id"),
        sa.PrimaryKeyConstraint("input_id", "reason", name="pk_quarantine_counts"),
    )
    op.create_table(
        "quarantine_lines",
        sa.Column("input_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["input_id"], ["inputs.id"], name="fk_quarantine_lines_input_id"),
        sa.PrimaryKeyConstraint("input_id", "number", name="pk_quarantine_lines"),
    )


def _detections() -> None:
    op.create_table(
        "detections",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("first_us", sa.Integer(), nullable=True),
        sa.Column("last_us", sa.Integer(), nullable=True),
        sa.Column("body", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_detections"),
    )
    op.create_table(
        "detection_lines",
        sa.Column("detection_id", sa.String(), nullable=False),
        sa.Column("input_id", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["detection_id"], ["detections.id"], name="fk_detection_lines_detection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["input_id"], ["inputs.id"], name="fk_detection_lines_input_id"),
        sa.PrimaryKeyConstraint("detection_id", "input_id", name="pk_detection_lines"),
    )
    op.create_index("ix_detection_lines_input_id", "detection_lines", ["input_id"], unique=False)


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("first_us", sa.Integer(), nullable=True),
        sa.Column("last_us", sa.Integer(), nullable=True),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_us", sa.Integer(), nullable=False),
        sa.Column("updated_us", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_table(
        "incident_lines",
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("input_id", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_incident_lines_incident_id"),
        sa.ForeignKeyConstraint(["input_id"], ["inputs.id"], name="fk_incident_lines_input_id"),
        sa.PrimaryKeyConstraint("incident_id", "input_id", name="pk_incident_lines"),
    )
    op.create_index("ix_incident_lines_input_id", "incident_lines", ["input_id"], unique=False)
    op.create_table(
        "incident_samples",
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("input_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_incident_samples_incident_id"),
        sa.ForeignKeyConstraint(["input_id"], ["inputs.id"], name="fk_incident_samples_input_id"),
        sa.PrimaryKeyConstraint("incident_id", "input_id", "number", name="pk_incident_samples"),
    )
    op.create_index("ix_incident_samples_input_id", "incident_samples", ["input_id"], unique=False)


def _workflow() -> None:
    op.create_table(
        "incident_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("at_us", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_incident_history_incident_id"),
        sa.PrimaryKeyConstraint("id", name="pk_incident_history"),
    )
    op.create_index("ix_incident_history_incident_id", "incident_history", ["incident_id"], unique=False)
    op.create_table(
        "incident_aliases",
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_incident_aliases_incident_id"),
        sa.PrimaryKeyConstraint("alias", name="pk_incident_aliases"),
    )
    op.create_index("ix_incident_aliases_incident_id", "incident_aliases", ["incident_id"], unique=False)
