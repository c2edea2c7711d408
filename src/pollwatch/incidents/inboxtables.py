"""What the inbox reads instead of whole incidents. All of it follows from the incidents' own tables.

Triggers (migration 0002) keep :data:`INDEX` and :data:`CHANGES` in step with ``incidents``, whoever writes that, and
remove what an incident leaves behind; :mod:`pollwatch.incidents.indexing` writes terms and words.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pollwatch.store.database import METADATA

#: One narrow row per incident. A ``number`` is never given to another id; new ones are greater than all before.
INDEX: Final = sa.Table(
    "incident_index",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("incident_id", sa.String, nullable=False, unique=True),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("assignee", sa.String, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("phase", sa.String, nullable=False),
    sa.Column("first_us", sa.Integer),
    sa.Column("last_us", sa.Integer),
    sqlite_autoincrement=True,
)

#: What incidents have in common: ``kind`` is ip, user, host, domain, asset, rule, technique or tool.
TERMS: Final = sa.Table(
    "incident_terms",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("label", sa.String, nullable=False),
    sa.UniqueConstraint("kind", "value"),
)

#: Which incidents have which terms, by both.
KEYS: Final = sa.Table(
    "incident_keys",
    METADATA,
    sa.Column("term", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Index("ix_incident_keys_number", "number"),
    sqlite_with_rowid=False,
)

#: The order in which incidents last changed: each has one row, whose ``seq`` moves to the end when the incident
#: changes. ``began`` is the ``seq`` with which it came. Rows are never removed, so ``seq`` is never given twice.
CHANGES: Final = sa.Table(
    "incident_changes",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("began", sa.Integer, nullable=False),
    sa.Column("incident_id", sa.String, nullable=False, unique=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("removed", sa.Integer, nullable=False),
)

#: The words of each incident, in an index of SQLite's own (FTS5); its ``rowid`` is the incident's number.
TEXT: Final = "incident_text"
