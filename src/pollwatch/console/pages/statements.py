"""Statements for the press and for voters, filled from an incident, in the language of those who read them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from pollwatch.clock import to_datetime
from pollwatch.console import language
from pollwatch.console.access import Permission, Viewer, need
from pollwatch.console.house import TheHouse
from pollwatch.console.statements import TEMPLATES, facts, fitting
from pollwatch.i18n import speaking

router = APIRouter()


@router.get("/statements")
def statements(
    request: Request,
    house: TheHouse,
    _viewer: Annotated[Viewer, need(Permission.READ)],
    incident: Annotated[str, Query(max_length=80)] = "",
    about: Annotated[str, Query(max_length=20)] = "",
    spoken: Annotated[str, Query(alias="in", max_length=8)] = "",
) -> HTMLResponse:
    """A template filled in; what the office must add stands in square brackets."""
    found = house.services.incidents.told(incident).incident if incident else None
    office = house.services.office
    chosen = next((each for each in TEMPLATES if each.key == (about or fitting(found))), TEMPLATES[0])
    tongue = spoken if spoken in language.spoken() else getattr(request.state, "language", "en")

    def when(us: int | None) -> str:
        return "" if us is None else to_datetime(us).astimezone(office.zone).strftime("%Y-%m-%d %H:%M")

    hit = (
        () if found is None else [each for each in house.services.clerk.systems() if _is_hit(each.hosts, found.targets)]
    )
    with speaking(tongue):
        known = facts(found, office.title, when, hit[0].name if hit else "")
        press, voters = chosen.press(known), chosen.voters(known)
    return house.page(
        request,
        "statements.html.j2",
        templates=TEMPLATES,
        chosen=chosen,
        incident=found,
        press=press,
        voters=voters,
        spoken=tongue,
        tongue_direction=language.direction(tongue),
    )


def _is_hit(hosts: tuple[str, ...], targets: tuple[str, ...]) -> bool:
    return bool({*hosts} & {target.lower() for target in targets})
