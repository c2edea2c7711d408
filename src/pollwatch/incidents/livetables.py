"""What a watch keeps beside the tables that scans fill: how far it has read, and what it needs to go on from there."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pollwatch.store.database import METADATA

#: Each followed file, or what a receiver writes down, as an input of the case, and how far it was read.
LIVE_INPUTS: Final = sa.Table(
    "live_inputs",
    METADATA,
    sa.Column("input_id", sa.ForeignKey("inputs.id"), primary_key=True),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("stream", sa.String, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("format", sa.String, nullable=False),
    #: Lines that a parser must have seen before it can go on: the first ones, the last directives, the last ones.
    sa.Column("context", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("source", "stream", "generation"),
)

#: How far each followed file was read (``sources.position``): written as a whole with every step.
LIVE_POSITIONS: Final = sa.Table(
    "live_positions",
    METADATA,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("stream", sa.String, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("position", sa.LargeBinary, nullable=False),
)

#: What was detected on since the detection state was saved: enough to bring the saved state up to date.
LIVE_STEPS: Final = sa.Table(
    "live_steps",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("body", sa.String, nullable=False),
)

#: The saved detection state: one row. ``name`` is a file in the case's ``live`` folder, empty for the state before the
#: first step; ``seq`` the last step that it knows of.
LIVE_STATE: Final = sa.Table(
    "live_state",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("name", sa.String, nullable=False),
)

#: How each source is doing, written by the watch; read by whoever shows or tells it.
LIVE_SOURCES: Final = sa.Table(
    "live_sources",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    #: Time of the latest record, as its log says; None before the first.
    sa.Column("last_record_us", sa.Integer),
    #: When a record came last.
    sa.Column("last_read_us", sa.Integer),
    #: When the watch wrote this row; an old one means that no watch is running.
    sa.Column("updated_us", sa.Integer, nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
    #: Lost before they could be kept, as far as that can be counted.
    sa.Column("dropped", sa.Integer, nullable=False),
    #: Bytes that are there and not read yet.
    sa.Column("lag_bytes", sa.Integer, nullable=False),
    #: ``ok``, ``waiting`` (nothing there yet), ``behind``, ``silent``, ``failed``.
    sa.Column("state", sa.String, nullable=False),
    #: What is wrong, in words; empty where nothing is.
    sa.Column("problem", sa.String, nullable=False),
    #: The longest silence that is normal for it, in seconds; None as long as that is not known.
    sa.Column("norm_s", sa.Integer),
)

#: The one watch of this case: when it began, when it was last at work, and what it last committed.
LIVE_WATCH: Final = sa.Table(
    "live_watch",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("started_us", sa.Integer, nullable=False),
    sa.Column("beat_us", sa.Integer, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("stopped_us", sa.Integer),
)
