"""Single incidents as the inbox shows them: rows of a page, relatives of one, and what changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from pollwatch.errors import StoreError
from pollwatch.events.detection import Actors, Severity
from pollwatch.incidents import rows, tables
from pollwatch.incidents.inboxtables import CHANGES, INDEX
from pollwatch.incidents.incident import ElectionContext, RuleCount, Status
from pollwatch.incidents.indexing import ACTOR_KINDS

#: Terms of an incident that relatives are looked for by, and incidents looked at for each: the newest.
_MOST_TERMS: Final = 200
_MOST_PER_TERM: Final = 100


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An incident without its lines. Actors, targets and texts are attacker-written; see ``Incident``.

    Attributes:
        number: where it stands in the case; grows, never changes.
        assignee: who works on it; empty = nobody.
        created_us: when the case first had it.
        updated_us: when it last changed, by a scan or by people.
    """

    number: int
    id: str
    title: str
    severity: Severity
    status: Status
    assignee: str
    summary: str
    techniques: tuple[str, ...]
    tools: tuple[str, ...]
    actors: Actors
    targets: tuple[str, ...]
    first_us: int | None
    last_us: int | None
    line_count: int
    rules: tuple[RuleCount, ...]
    election: ElectionContext
    created_us: int
    updated_us: int


@dataclass(frozen=True, slots=True)
class Related:
    """Another incident, and what it has in common.

    Attributes:
        row: the other incident.
        actors: addresses, accounts, hosts and domains that acted in both.
        targets: what was acted upon in both.
    """

    row: InboxRow
    actors: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """An incident that changed.

    Attributes:
        seq: of its last change.
        incident_id: as it is, or was.
        new: whether it came after the number that was asked with.
        removed: it is part of another incident now; ``into`` says of which, where that is known.
    """

    seq: int
    incident_id: str
    new: bool
    removed: bool
    into: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed.

    Attributes:
        seq: ask again with this number.
        changes: in the order in which they happened, each incident once.
        more: there are further ones; ask again at once.
    """

    seq: int
    changes: tuple[Change, ...]
    more: bool


def read_rows(connection: sa.Connection, numbers: Sequence[int]) -> tuple[InboxRow, ...]:
    """Incidents by number, in the order given; those that are not there are left out."""
    table = tables.INCIDENTS
    query = sa.select(INDEX.c.number, table).join(table, table.c.id == INDEX.c.incident_id)
    found = {row.number: row for row in connection.execute(query.where(INDEX.c.number.in_(numbers)))}
    return tuple(_row(found[number]) for number in numbers if number in found)


def _row(row: sa.Row[tuple[object, ...]]) -> InboxRow:
    body = rows.incident_body(row.body)
    return InboxRow(
        number=row.number,
        id=row.id,
        title=body.title,
        severity=Severity(row.severity),
        status=row.status,
        assignee=row.assignee,
        summary=body.summary,
        techniques=body.techniques,
        tools=body.tools,
        actors=body.actors,
        targets=body.targets,
        first_us=row.first_us,
        last_us=row.last_us,
        line_count=row.line_count,
        rules=body.rules,
        election=body.election,
        created_us=row.created_us,
        updated_us=row.updated_us,
    )


def read_changes(connection: sa.Connection, after: int, most: int) -> Changes:
    """See :meth:`pollwatch.incidents.inbox.Inbox.changes`."""
    alias = tables.INCIDENT_ALIASES
    query = (
        sa.select(CHANGES, alias.c.incident_id.label("into"))
        .outerjoin(alias, alias.c.alias == CHANGES.c.incident_id)
        .where(CHANGES.c.seq > after)
        .order_by(CHANGES.c.seq)
        .limit(most + 1)
    )
    found = connection.execute(query).all()
    changes = tuple(
        Change(row.seq, row.incident_id, row.began > after, bool(row.removed), row.into or "") for row in found[:most]
    )
    return Changes(changes[-1].seq if changes else after, changes, len(found) > most)


def related(connection: sa.Connection, incident_id: str, most: int) -> tuple[Related, ...]:
    """See :meth:`pollwatch.incidents.inbox.Inbox.related`."""
    number = connection.execute(sa.select(INDEX.c.number).where(INDEX.c.incident_id == incident_id)).scalar()
    if number is None:
        raise StoreError(f"no incident {incident_id!r} in this case")
    kinds = ", ".join(f"'{kind}'" for kind in (*ACTOR_KINDS, "asset"))
    terms = connection.exec_driver_sql(
        "SELECT t.id, t.kind, t.value FROM incident_keys k JOIN incident_terms t ON t.id = k.term"  # noqa: S608
        f" WHERE k.number = ? AND t.kind IN ({kinds}) LIMIT ?",
        (number, _MOST_TERMS),
    ).all()
    scores: dict[int, float] = {}
    common: dict[int, list[tuple[str, str]]] = {}
    for term in terms:
        others = connection.exec_driver_sql(
            "SELECT number FROM incident_keys WHERE term = ? ORDER BY number DESC LIMIT ?", (term.id, _MOST_PER_TERM)
        ).all()
        for (other,) in others:
            if other != number:
                # What few have in common says more, and who acted says more than what was acted upon.
                scores[other] = scores.get(other, 0.0) + (1.0 if term.kind in ACTOR_KINDS else 0.1) / len(others)
                common.setdefault(other, []).append((term.kind, term.value))
    best = sorted(scores, key=lambda each: (-scores[each], -each))[:most]
    return tuple(
        Related(
            row,
            tuple(value for kind, value in common[row.number] if kind in ACTOR_KINDS),
            tuple(value for kind, value in common[row.number] if kind == "asset"),
        )
        for row in read_rows(connection, best)
    )
