"""What an observer sees of an incident: what happened, to which system, when; and nobody's name or address.

Sentences name actors in running text, so each name that the incident has is taken out of them; raw lines, which may
hold anything, are left out whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pollwatch.console.access import Permission, Viewer
from pollwatch.events.detection import Actors
from pollwatch.events.printable import printable
from pollwatch.incidents.inboxrows import InboxRow
from pollwatch.incidents.incident import Incident

MARK = "▒▒▒"


def shown_incident(incident: Incident, viewer: Viewer) -> Incident:
    """An incident as this viewer may see it."""
    if viewer.may(Permission.LINES):
        return incident
    clean = _Cleaner(incident.actors)
    return replace(
        incident,
        title=clean(incident.title),
        summary=clean(incident.summary),
        why=tuple(map(clean, incident.why)),
        advice=tuple(map(clean, incident.advice)),
        actors=Actors(),
        samples=(),
    )


def shown_row(row: InboxRow, viewer: Viewer) -> InboxRow:
    """A row of the inbox as this viewer may see it."""
    if viewer.may(Permission.LINES):
        return row
    clean = _Cleaner(row.actors)
    return replace(row, title=clean(row.title), summary=clean(row.summary), actors=Actors())


class _Cleaner:
    """Takes an incident's names out of text."""

    def __init__(self, actors: Actors) -> None:
        names = {*_written(actors.ip), *_written(actors.user), *_written(actors.host), *_written(actors.domain)}
        self._names = sorted(names, key=len, reverse=True)  # the longer ones first: one may hold another

    def __call__(self, text: str) -> str:
        for name in self._names:
            text = text.replace(name, MARK)
        return text


def _written(names: Iterable[str]) -> set[str]:
    """As sentences write them: as they are, and made inert and cut."""
    return {form for name in names if name for form in (name, printable(name, 60), printable(name, 80))}
