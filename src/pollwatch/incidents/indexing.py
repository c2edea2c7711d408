"""Writes what the inbox finds incidents by: terms that incidents have in common, and words to search for.

Called by whoever writes incidents' text, in the same transaction. All of it is attacker-written text: it is only ever
bound to statements as a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from pollwatch.incidents.export import encodable
from pollwatch.incidents.inboxtables import INDEX, KEYS, TERMS, TEXT
from pollwatch.incidents.incident import Incident

ACTOR_KINDS: Final = ("ip", "user", "host", "domain")
#: A distributed flood names more addresses than anybody searches words for; each is a term all the same.
_MOST_WORDS: Final = 2000
#: Terms are compared up to here; names longer than that are an attacker's.
MOST_CHARACTERS: Final = 512
_TOGETHER: Final = 500


def write(connection: sa.Connection, incidents: Sequence[Incident]) -> None:
    """Index incidents as they now stand; their rows are written already.

    Args:
        connection: in a writing transaction.
        incidents: each once.
    """
    terms = _Terms(connection)
    for at in range(0, len(incidents), _TOGETHER):
        part = incidents[at : at + _TOGETHER]
        numbers = _numbers(connection, [each.id for each in part])
        _write_words(connection, [(numbers[each.id], words(each)) for each in part])
        wanted = {numbers[each.id]: {terms.id_of(*term) for term in terms_of(each)} for each in part}
        _write_keys(connection, wanted)


def terms_of(incident: Incident) -> Iterator[tuple[str, str, str]]:
    """``(kind, value, label)`` of everything by which an incident can be told from others."""
    for kind in ACTOR_KINDS:
        for value in getattr(incident.actors, kind):
            yield kind, clipped(value), ""
    for kind, values in (("asset", incident.targets), ("technique", incident.techniques), ("tool", incident.tools)):
        for value in values:
            yield kind, clipped(value), ""
    for rule in incident.rules:
        yield "rule", clipped(rule.id), clipped(rule.title)


def clipped(value: str) -> str:
    """A term as it is kept, and as it is asked for."""
    return encodable(value)[:MOST_CHARACTERS]


def words(incident: Incident) -> str:
    """The text in which an incident's words are searched for."""
    actors = [value for kind in ACTOR_KINDS for value in getattr(incident.actors, kind)]
    rules = [text for rule in incident.rules for text in (rule.id, rule.title)]
    parts = (
        [incident.id, incident.title, incident.summary, *incident.why],
        actors[:_MOST_WORDS],
        incident.targets[:_MOST_WORDS],
        [*incident.tools, *incident.techniques, *rules],
    )
    return encodable("\n".join(text for part in parts for text in part))


def _numbers(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(sa.select(INDEX.c.incident_id, INDEX.c.number).where(INDEX.c.incident_id.in_(ids)))
    return {row.incident_id: row.number for row in rows}


def _write_words(connection: sa.Connection, rows: Sequence[tuple[int, str]]) -> None:
    delete = f"DELETE FROM {TEXT} WHERE rowid = ?"  # noqa: S608 - our own words
    insert = f"INSERT INTO {TEXT} (rowid, words) VALUES (?, ?)"  # noqa: S608 - our own words
    connection.exec_driver_sql(delete, [(number,) for number, _text in rows])
    connection.exec_driver_sql(insert, list(rows))


def _write_keys(connection: sa.Connection, wanted: dict[int, set[int]]) -> None:
    """Only what changed: a flood's incident has thousands of actors, and is written again whenever it goes on."""
    kept: dict[int, set[int]] = {}
    for number, term in connection.execute(
        sa.select(KEYS.c.number, KEYS.c.term).where(KEYS.c.number.in_(list(wanted)))
    ):
        kept.setdefault(number, set()).add(term)
    gone = [(n, term) for n, terms in kept.items() for term in terms - wanted[n]]
    fresh = [(n, term) for n, terms in wanted.items() for term in terms - kept.get(n, set())]
    if gone:
        connection.exec_driver_sql("DELETE FROM incident_keys WHERE number = ? AND term = ?", gone)
    if fresh:
        connection.exec_driver_sql("INSERT INTO incident_keys (number, term) VALUES (?, ?)", fresh)


class _Terms:
    """The ids of terms; those not yet known are made."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._ids: dict[tuple[str, str], int] = {}

    def id_of(self, kind: str, value: str, label: str) -> int:
        found = self._ids.get((kind, value))
        if found is None:
            found = self._ids[kind, value] = self._known(kind, value) or self._made(kind, value, label)
        return found

    def _known(self, kind: str, value: str) -> int | None:
        query = "SELECT id FROM incident_terms WHERE kind = ? AND value = ?"
        row = self._connection.exec_driver_sql(query, (kind, value)).first()
        return None if row is None else int(row[0])

    def _made(self, kind: str, value: str, label: str) -> int:
        query = "INSERT INTO incident_terms (kind, value, label) VALUES (?, ?, ?) RETURNING id"
        return int(self._connection.exec_driver_sql(query, (kind, value, label)).scalar_one())


def term_ids(connection: sa.Connection, kinds: Iterable[str], value: str) -> list[int]:
    """The ids of a value under each of some kinds, where it is known at all."""
    query = sa.select(TERMS.c.id).where(TERMS.c.kind.in_(list(kinds)), TERMS.c.value == clipped(value))
    return list(connection.execute(query).scalars())
