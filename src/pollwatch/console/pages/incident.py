"""One incident: what happened when, why we say so, who, what hangs together with it, the evidence, what was done."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pollwatch.console import words
from pollwatch.console.access import Permission, Viewer, did, need
from pollwatch.console.desks.incidents import Told
from pollwatch.console.downloads import download
from pollwatch.console.exports import exported
from pollwatch.console.house import House, TheHouse
from pollwatch.console.incidentchart import incident_chart
from pollwatch.console.withheld import shown_incident, shown_row
from pollwatch.i18n import _
from pollwatch.incidents.attack import technique
from pollwatch.incidents.export import show_document
from pollwatch.incidents.incident import Incident

router = APIRouter()

Reader = Annotated[Viewer, need(Permission.READ)]
LinesReader = Annotated[Viewer, need(Permission.LINES)]
_MOST_ACTORS: Final = 200


@router.get("/incidents/{name}")
def incident(request: Request, house: TheHouse, viewer: Reader, name: str) -> Response:
    """The page; an id that was merged leads on to the one that it is part of."""
    told = house.services.incidents.told(name)
    if told.incident.id != name:
        return RedirectResponse(f"/incidents/{told.incident.id}", 303)
    return house.show(request, "incident.html.j2", _shown(house, request, viewer, told))


@router.get("/incidents/{name}/now")
def now(request: Request, house: TheHouse, viewer: Reader, name: str) -> HTMLResponse:
    """What of the page may change while somebody looks at it."""
    told = house.services.incidents.told(name)
    return house.show(request, "_incident.html.j2", _shown(house, request, viewer, told))


@router.get("/incidents/{name}/bundle")
def bundle(request: Request, house: TheHouse, _viewer: LinesReader, name: str) -> Response:
    """The evidence, as a file that anybody can check."""
    did(request, "export evidence", name)
    return download(house.services.incidents.bundle(name))


@router.get("/incidents/{name}/export/{kind}")
def export(request: Request, house: TheHouse, _viewer: LinesReader, name: str, kind: str) -> Response:
    """The incident as JSON, a row for a spreadsheet, or a layer for ATT&CK Navigator."""
    did(request, "export", name, kind=kind)
    desk, office = house.services.incidents, house.services.office
    told = desk.told(name)
    found, title = told.incident, f"{office.title}: {told.incident.id}"
    return download(
        exported(kind, found.id, title, [found], lambda: show_document(found, told.history), exercise=office.exercise)
    )


def _shown(house: House, request: Request, viewer: Viewer, told: Told) -> dict[str, object]:
    found = shown_incident(told.incident, viewer)
    return {
        "told": told,
        "incident": found,
        "related": [(shown_row(each.row, viewer), each) for each in told.related],
        "sees_lines": viewer.may(Permission.LINES),
        "chart": incident_chart(found, house.services.office.calendar, house.zone(request)),
        "actors": _actors(found),
        "techniques": [(each, technique(each).name) for each in found.techniques],
        "words": words,
    }


def _actors(found: Incident) -> list[tuple[str, str, tuple[str, ...], int]]:
    """Heading, kind, the first names, and how many more, of each kind of actor."""
    shown = [
        (_("Addresses"), "ip", found.actors.ip),
        (_("Accounts"), "user", found.actors.user),
        (_("Machines"), "host", found.actors.host),
        (_("Domains"), "domain", found.actors.domain),
    ]
    return [
        (heading, kind, names[:_MOST_ACTORS], max(len(names) - _MOST_ACTORS, 0))
        for heading, kind, names in shown
        if names
    ]
