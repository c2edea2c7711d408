"""Incidents for programs: list, show, and what is done to them. Filters are those of the inbox."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from pollwatch.clock import rfc3339
from pollwatch.console.access import Permission, Viewer, did, need
from pollwatch.console.api.answers import Done, History, Page, Row
from pollwatch.console.asked import Asked, asked, narrowed
from pollwatch.console.desks.incidents import IncidentDesk
from pollwatch.console.house import TheHouse
from pollwatch.console.withheld import shown_incident, shown_row
from pollwatch.incidents.export import encodable, incident_document
from pollwatch.incidents.inboxrows import InboxRow

router = APIRouter(prefix="/incidents", tags=["incidents"])

_ROWS: Final = 200
Name = Annotated[str, Path(max_length=100, description="an incident's id, or its beginning")]
Reader = Annotated[Viewer, need(Permission.READ)]
Triager = Annotated[Viewer, need(Permission.TRIAGE)]
Decider = Annotated[Viewer, need(Permission.DECIDE)]


class Reason(BaseModel):
    """Why something is done."""

    reason: str = Field("", max_length=4000)


class NewStatus(BaseModel):
    """Another state, and why."""

    status: Literal["open", "closed", "false-positive"]
    reason: str = Field(min_length=1, max_length=4000)


class NewAssignee(BaseModel):
    """Who works on it."""

    assignee: str = Field(max_length=200, description="a name; empty: nobody")


class NewNote(BaseModel):
    """A note."""

    text: str = Field(min_length=1, max_length=4000)


@router.get("")
def listing(
    house: TheHouse,
    viewer: Reader,
    asking: Annotated[Asked, Depends(asked)],
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=_ROWS)] = 50,
) -> Page:
    """Incidents that fit, a page at a time; without `status`, those that are open or being worked on.

    A token without `lines` sees nobody's name or address, and cannot search for one.
    """
    view = narrowed(asking, viewer)
    found = house.services.incidents.page(view.question, view.sort, limit, cursor)
    return Page(incidents=[_row(each, viewer) for each in found.rows], total=found.total, next=found.next)


@router.get("/{name}")
def show(request: Request, house: TheHouse, viewer: Reader, name: Name) -> dict[str, Any]:
    """One incident, as `pollwatch incidents show --json` has it."""
    incident = house.services.incidents.some([name])[0]
    did(request, "read incident", incident.id)
    return dict(incident_document(shown_incident(incident, viewer)))


@router.get("/{name}/history", dependencies=[need(Permission.LINES)])
def history(house: TheHouse, name: Name) -> list[History]:
    """What was done to an incident, oldest first."""
    return [
        History(at=rfc3339(each.at_us), who=each.who, kind=each.kind, status=each.status, text=encodable(each.text))
        for each in house.services.incidents.told(name).history
    ]


@router.post("/{name}/acknowledge")
def acknowledge(request: Request, house: TheHouse, viewer: Triager, name: Name, said: Reason) -> Done:
    """Say that somebody works on it."""
    did(request, "incident: acknowledged", name, reason=said.reason)
    house.services.incidents.set_status([name], "acknowledged", viewer.name, said.reason)
    return _done(house.services.incidents, name, viewer)


@router.post("/{name}/status")
def set_status(request: Request, house: TheHouse, viewer: Decider, name: Name, said: NewStatus) -> Done:
    """Close it, open it again, or call it a false positive."""
    did(request, f"incident: {said.status}", name, reason=said.reason)
    house.services.incidents.set_status([name], said.status, viewer.name, said.reason)
    return _done(house.services.incidents, name, viewer)


@router.post("/{name}/assignee")
def assign(request: Request, house: TheHouse, viewer: Triager, name: Name, said: NewAssignee) -> Done:
    """Say who works on it."""
    did(request, "incident: assigned", name, to=said.assignee)
    house.services.incidents.assign([name], said.assignee.strip(), viewer.name)
    return _done(house.services.incidents, name, viewer)


@router.post("/{name}/notes")
def note(request: Request, house: TheHouse, viewer: Triager, name: Name, said: NewNote) -> Done:
    """Write a note to it."""
    did(request, "incident: note", name)
    house.services.incidents.note(name, viewer.name, said.text)
    return _done(house.services.incidents, name, viewer)


def _done(desk: IncidentDesk, name: str, viewer: Viewer) -> Done:
    told = desk.told(name)
    whose = told.assignee if viewer.may(Permission.LINES) else None
    return Done(id=told.incident.id, status=told.incident.status, assignee=whose)


def _row(row: InboxRow, viewer: Viewer) -> Row:
    seen = shown_row(row, viewer)
    return Row(
        id=seen.id,
        title=encodable(seen.title),
        severity=seen.severity.word,
        status=seen.status,
        assignee=encodable(seen.assignee) if viewer.may(Permission.LINES) else None,
        summary=encodable(seen.summary),
        techniques=list(seen.techniques),
        targets=[encodable(each) for each in seen.targets],
        first=rfc3339(seen.first_us),
        last=rfc3339(seen.last_us),
        line_count=seen.line_count,
        updated=rfc3339(seen.updated_us),
    )
