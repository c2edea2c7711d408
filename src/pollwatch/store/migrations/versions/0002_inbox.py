"""What the inbox reads instead of whole incidents: narrow rows, terms, words, and the order in which things changed.

Triggers keep the narrow rows and the order of changes, so that whoever writes an incident, by whatever way, cannot
forget them. Terms and words come from the incident's text and are written with it (``pollwatch.incidents.indexing``).

Revision: 0002
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOST_ACTORS = 2000
_MOST_CHARACTERS = 512

_ROW = (
    "severity = NEW.severity, status = NEW.status, assignee = NEW.assignee,"
    " priority = coalesce(json_extract(NEW.body, '$.election.priority'), 5),"
    " phase = coalesce(json_extract(NEW.body, '$.election.phase'), ''),"
    " first_us = NEW.first_us, last_us = NEW.last_us"
)
_NEXT = "(SELECT coalesce(max(seq), 0) + 1 FROM incident_changes)"
_TRIGGERS = (
    f"""
    CREATE TRIGGER incidents_added AFTER INSERT ON incidents BEGIN
        INSERT INTO incident_index (
            number, incident_id, severity, status, assignee, priority, phase, first_us, last_us
        )
        VALUES (
            (SELECT number FROM incident_changes WHERE incident_id = NEW.id),
            NEW.id, NEW.severity, NEW.status, NEW.assignee,
            coalesce(json_extract(NEW.body, '$.election.priority'), 5),
            coalesce(json_extract(NEW.body, '$.election.phase'), ''),
            NEW.first_us, NEW.last_us
        );
        INSERT INTO incident_changes (seq, began, incident_id, number, removed)
        SELECT {_NEXT}, {_NEXT}, NEW.id, number, 0 FROM incident_index WHERE incident_id = NEW.id
        ON CONFLICT (incident_id) DO UPDATE
        SET seq = excluded.seq, began = excluded.began, removed = 0;
    END
    """,  # noqa: S608 - our own words
    f"""
    CREATE TRIGGER incidents_changed AFTER UPDATE ON incidents BEGIN
        UPDATE incident_index SET {_ROW} WHERE incident_id = NEW.id;
        UPDATE incident_changes SET seq = {_NEXT} WHERE incident_id = NEW.id;
    END
    """,  # noqa: S608 - our own words
    f"""
    CREATE TRIGGER incidents_removed BEFORE DELETE ON incidents BEGIN
        DELETE FROM incident_text WHERE rowid = (SELECT number FROM incident_index WHERE incident_id = OLD.id);
        DELETE FROM incident_keys WHERE number = (SELECT number FROM incident_index WHERE incident_id = OLD.id);
        DELETE FROM incident_index WHERE incident_id = OLD.id;
        UPDATE incident_changes SET seq = {_NEXT}, removed = 1 WHERE incident_id = OLD.id;
    END
    """,  # noqa: S608 - our own words
)


def upgrade() -> None:
    """Make the tables and fill them with what the case has."""
    # Not by alembic's batch mode: that would make the table anew under the feet of all that refer to it.
    op.add_column("incidents", sa.Column("assignee", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_detections_last_us", "detections", ["last_us"], unique=False)
    _tables()
    for trigger in _TRIGGERS:
        op.execute(trigger)
    _fill(op.get_bind())


def _tables() -> None:
    op.create_table(
        "incident_index",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("first_us", sa.Integer(), nullable=True),
        sa.Column("last_us", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_incident_index"),
        sa.UniqueConstraint("incident_id", name="uq_incident_index_incident_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "incident_terms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_terms"),
        sa.UniqueConstraint("kind", "value", name="uq_incident_terms_kind_value"),
    )
    op.create_table(
        "incident_keys",
        sa.Column("term", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("term", "number", name="pk_incident_keys"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_incident_keys_number", "incident_keys", ["number"], unique=False)
    op.create_table(
        "incident_changes",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("began", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_incident_changes"),
        sa.UniqueConstraint("incident_id", name="uq_incident_changes_incident_id"),
    )
    op.execute(
        "CREATE VIRTUAL TABLE incident_text USING fts5(words, columnsize=0, tokenize='unicode61 remove_diacritics 2')"
    )


def _fill(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "INSERT INTO incident_index (incident_id, severity, status, assignee, priority, phase, first_us, last_us)"
        " SELECT id, severity, status, assignee, coalesce(json_extract(body, '$.election.priority'), 5),"
        " coalesce(json_extract(body, '$.election.phase'), ''), first_us, last_us FROM incidents ORDER BY id"
    )
    connection.exec_driver_sql(
        "INSERT INTO incident_changes SELECT number, number, incident_id, number, 0 FROM incident_index"
    )
    terms: dict[tuple[str, str], int] = {}
    rows = connection.exec_driver_sql(
        "SELECT x.number, i.id, i.body FROM incidents i JOIN incident_index x ON x.incident_id = i.id ORDER BY x.number"
    )
    for part in rows.partitions(500):
        for number, name, text in part:
            body = json.loads(text)
            found = list(dict.fromkeys(_terms(body)))
            for kind, value, label in found:
                if (kind, value) not in terms:
                    terms[kind, value] = len(terms) + 1
                    row = (terms[kind, value], kind, value, label)
                    connection.exec_driver_sql("INSERT INTO incident_terms VALUES (?, ?, ?, ?)", row)
            for term in {terms[kind, value] for kind, value, _label in found}:
                connection.exec_driver_sql("INSERT INTO incident_keys VALUES (?, ?)", (term, number))
            words = (number, _encodable(_words(name, body)))
            connection.exec_driver_sql("INSERT INTO incident_text (rowid, words) VALUES (?, ?)", words)


def _terms(body: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """As ``pollwatch.incidents.indexing`` found them when this migration was written."""
    actors = body["actors"]
    for kind, values in (
        *((kind, actors.get(kind, ())) for kind in ("ip", "user", "host", "domain")),
        ("asset", body["targets"]),
        ("technique", body["techniques"]),
        ("tool", body["tools"]),
    ):
        for value in values:
            yield kind, _encodable(value)[:_MOST_CHARACTERS], ""
    for rule in body["rules"]:
        yield "rule", _encodable(rule["id"])[:_MOST_CHARACTERS], _encodable(rule["title"])[:_MOST_CHARACTERS]


def _words(name: str, body: dict[str, Any]) -> str:
    actors = [value for values in body["actors"].values() for value in values][:_MOST_ACTORS]
    rules = [text for rule in body["rules"] for text in (rule["id"], rule["title"])]
    return "\n".join(
        [
            name,
            body["title"],
            body["summary"],
            *body["why"],
            *actors,
            *body["targets"][:_MOST_ACTORS],
            *body["tools"],
            *body["techniques"],
            *rules,
        ]
    )


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
