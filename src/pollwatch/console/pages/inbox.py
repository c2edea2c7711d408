"""The analyst's inbox: by keyboard, live, narrowed and grouped as they like."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from pollwatch.console import words
from pollwatch.console.access import Permission, Viewer, did, need
from pollwatch.console.asked import GROUPS, Asked, asked, narrowed
from pollwatch.console.downloads import download
from pollwatch.console.exports import exported
from pollwatch.console.house import House, TheHouse
from pollwatch.console.services import RefusedError
from pollwatch.console.withheld import shown_row
from pollwatch.i18n import _
from pollwatch.incidents.export import incidents_document
from pollwatch.incidents.inbox import Count, Facets
from pollwatch.incidents.inboxrows import InboxRow

router = APIRouter()

ROWS: Final = 50
_MOST_EXPORTED: Final = 200

Reader = Annotated[Viewer, need(Permission.READ)]
Asking = Annotated[Asked, Depends(asked)]
Cursor = Annotated[str | None, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents that have something in common: a filter, its name, how many."""

    name: str
    value: str
    label: str
    incidents: int


@router.get("/inbox")
def inbox(
    request: Request,
    house: TheHouse,
    viewer: Reader,
    asking: Asking,
    cursor: Cursor = None,
    group: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """The whole page."""
    view = narrowed(asking, viewer)
    found = house.services.incidents.facets(view.question)
    shown = {
        "view": view,
        "facets": _facets(found, house, viewer),
        "group": group if group in GROUPS else "",
        "grouped": _groups(found, group, house, _rows(house, view, viewer, None)[0] if group == "actor" else ()),
        "waiting": house.services.clerk.waiting() if viewer.may(Permission.TRIAGE) else [],
    }
    return house.show(request, "inbox.html.j2", {**shown, **_listed(house, view, viewer, cursor)})


@router.get("/inbox/rows")
def rows(request: Request, house: TheHouse, viewer: Reader, asking: Asking, cursor: Cursor = None) -> HTMLResponse:
    """The list alone, as it is now."""
    view = narrowed(asking, viewer)
    return house.show(request, "_rows.html.j2", {"view": view, **_listed(house, view, viewer, cursor)})


@router.get("/inbox/facets")
def facets(request: Request, house: TheHouse, viewer: Reader, asking: Asking) -> HTMLResponse:
    """How many there are of each kind, as it is now."""
    view = narrowed(asking, viewer)
    found = house.services.incidents.facets(view.question)
    return house.show(request, "_facets.html.j2", {"view": view, "facets": _facets(found, house, viewer)})


@router.get("/inbox/export/{kind}")
def export(
    request: Request,
    house: TheHouse,
    viewer: Annotated[Viewer, need(Permission.LINES)],
    asking: Asking,
    kind: str,
    ids: Annotated[list[str], Query(alias="id", max_length=_MOST_EXPORTED)] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Incidents as a file: those named, else the first of this view."""
    desk = house.services.incidents
    view = narrowed(asking, viewer)
    names = ids or [row.id for row in desk.page(view.question, view.sort, _MOST_EXPORTED, None).rows]
    did(request, "export", " ".join(names[:5]), kind=kind, incidents=len(names))
    if not names:
        raise RefusedError(_("there is nothing to export in this view"))
    found, office = desk.some(names), house.services.office
    return download(
        exported(kind, "incidents", office.title, found, lambda: incidents_document(found), exercise=office.exercise)
    )


def _listed(house: House, view: Asked, viewer: Viewer, cursor: str | None) -> dict[str, object]:
    found, following, total = _rows(house, view, viewer, cursor)
    return {"rows": found, "next": following, "cursor": cursor, "total": total, "words": words}


def _rows(
    house: House, view: Asked, viewer: Viewer, cursor: str | None
) -> tuple[tuple[InboxRow, ...], str | None, int]:
    page = house.services.incidents.page(view.question, view.sort, ROWS, cursor)
    return tuple(shown_row(row, viewer) for row in page.rows), page.next, page.total


def _facets(facets: Facets, house: House, viewer: Viewer) -> list[tuple[str, str, list[Group]]]:
    """Heading, filter and values of each property by which one can narrow."""
    shown = [
        (_("Severity"), "severity", facets.severities),
        (_("State"), "status", facets.statuses),
        (_("Election phase"), "phase", facets.phases),
        (_("System"), "asset", _called(facets.assets, house)),
        (_("Rule"), "rule", facets.rules),
        (_("ATT&CK"), "technique", facets.techniques),
        (_("Whose"), "assignee", facets.assignees if viewer.may(Permission.LINES) else ()),
    ]
    return [
        (heading, name, [_group(name, each) for each in counts if each.incidents or name in {"severity", "status"}])
        for heading, name, counts in shown
        if counts
    ]


def _groups(facets: Facets, group: str, house: House, rows: tuple[InboxRow, ...]) -> list[Group]:
    if group == "actor":
        counts: dict[str, int] = {}
        for row in rows:
            for name in (*row.actors.ip, *row.actors.user, *row.actors.host, *row.actors.domain):
                counts[name] = counts.get(name, 0) + 1
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return [Group("actor", name, name, count) for name, count in ranked[:ROWS]]
    found = {
        "asset": _called(facets.assets, house),
        "rule": facets.rules,
        "technique": facets.techniques,
        "phase": facets.phases,
        "assignee": facets.assignees,
    }.get(group, ())
    return [_group(group, each) for each in found if each.incidents]


def _called(assets: tuple[Count, ...], house: House) -> tuple[Count, ...]:
    """Systems by the names that the office has for them; hosts of one system are told apart by what logs call them."""
    office = house.services.office
    names = [office.system(each.value) for each in assets]
    many = Counter(names)
    return tuple(
        replace(each, label=name if many[name] == 1 else office.system_at(each.value))
        for each, name in zip(assets, names, strict=True)
    )


def _group(name: str, count: Count) -> Group:
    label = words.facet(name, count.value, count.label)
    return Group(name, count.value or ("-" if name == "assignee" else ""), label, count.incidents)
