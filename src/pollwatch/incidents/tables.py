"""The incidents' tables.

Line numbers are blobs (:mod:`pollwatch.incidents.packing`); what is never searched for is JSON text (``body``).
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pollwatch.store.database import METADATA


def _input(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column("input_id", sa.ForeignKey("inputs.id"), nullable=False, primary_key=primary_key)


def _incident(*, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column("incident_id", sa.ForeignKey("incidents.id"), nullable=False, primary_key=primary_key)


#: What was scanned, as it was last seen. ``path`` is how the case calls it: as its user named it, or with the
#: beginning of its digest where another input has that name already.
INPUTS: Final = sa.Table(
    "inputs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("path", sa.String, nullable=False, unique=True),
    sa.Column("digest", sa.String, nullable=False, unique=True),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("format", sa.String, nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("parsed", sa.Integer, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
    sa.Column("first_us", sa.Integer),
    sa.Column("last_us", sa.Integer),
    sa.Column("scanned_us", sa.Integer, nullable=False),
)

#: Every content that an input ever had: a log that grows has many, each a prefix of the next.
CONTENTS: Final = sa.Table(
    "contents",
    METADATA,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    _input(),
    sa.Index("ix_contents_input_id", "input_id"),
)

#: Which Parquet files belong to the case; a file that is not listed was never finished, or is no longer needed.
EVENT_FILES: Final = sa.Table(
    "event_files",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    _input(),
    sa.Column("category", sa.String, nullable=False),
    sa.Column("product", sa.String, nullable=False),
    sa.Column("service", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Index("ix_event_files_input_id", "input_id"),
)

#: How many lines were not understood, by reason: exact.
QUARANTINE_COUNTS: Final = sa.Table(
    "quarantine_counts",
    METADATA,
    _input(primary_key=True),
    sa.Column("reason", sa.String, primary_key=True),
    sa.Column("lines", sa.Integer, nullable=False),
)

#: Some of the lines that were not understood: the first of each reason.
QUARANTINE_LINES: Final = sa.Table(
    "quarantine_lines",
    METADATA,
    _input(primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),
)

#: Everything that grouping needs to know of each detection.
DETECTIONS: Final = sa.Table(
    "detections",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("first_us", sa.Integer),
    sa.Column("last_us", sa.Integer),
    sa.Column("body", sa.String, nullable=False),
    sa.Index("ix_detections_last_us", "last_us"),
)

DETECTION_LINES: Final = sa.Table(
    "detection_lines",
    METADATA,
    sa.Column("detection_id", sa.ForeignKey("detections.id", ondelete="CASCADE"), primary_key=True),
    _input(primary_key=True),
    sa.Column("numbers", sa.LargeBinary, nullable=False),
    sa.Index("ix_detection_lines_input_id", "input_id"),
)

#: Each incident as it was last grouped (``body``), and its work-flow, which only people move. ``assignee`` is whoever
#: works on it; empty = nobody.
INCIDENTS: Final = sa.Table(
    "incidents",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("first_us", sa.Integer),
    sa.Column("last_us", sa.Integer),
    sa.Column("line_count", sa.Integer, nullable=False),
    sa.Column("body", sa.String, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("updated_us", sa.Integer, nullable=False),
    sa.Column("assignee", sa.String, nullable=False, server_default=""),
    sa.Index("ix_incidents_last_us", "last_us"),
)

INCIDENT_LINES: Final = sa.Table(
    "incident_lines",
    METADATA,
    _incident(primary_key=True),
    _input(primary_key=True),
    sa.Column("numbers", sa.LargeBinary, nullable=False),
    sa.Index("ix_incident_lines_input_id", "input_id"),
)

#: The lines that an incident shows as evidence, so that it can be read after the log is gone.
INCIDENT_SAMPLES: Final = sa.Table(
    "incident_samples",
    METADATA,
    _incident(primary_key=True),
    _input(primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Index("ix_incident_samples_input_id", "input_id"),
)

#: What people (and a scan that found more) did to an incident, oldest first. Never changed, never removed.
INCIDENT_HISTORY: Final = sa.Table(
    "incident_history",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _incident(),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Index("ix_incident_history_incident_id", "incident_id"),
)

#: Ids of incidents that turned out to be part of another one.
INCIDENT_ALIASES: Final = sa.Table(
    "incident_aliases",
    METADATA,
    sa.Column("alias", sa.String, primary_key=True),
    _incident(),
    sa.Index("ix_incident_aliases_incident_id", "incident_id"),
)
