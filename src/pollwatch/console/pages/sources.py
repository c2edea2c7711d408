"""Where the lines come from, what was not understood, and what the logs can show of each threat."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pollwatch.console.access import Permission, need
from pollwatch.console.house import TheHouse

router = APIRouter()

_INPUTS = 200


@router.get("/sources", dependencies=[need(Permission.READ)])
def sources(request: Request, house: TheHouse) -> Response:
    """What was read, and what of it was not understood."""
    return house.page(request, "sources.html.j2", inputs=house.services.sources.inputs(_INPUTS))


@router.get("/sources/quarantine", dependencies=[need(Permission.LINES)])
def quarantine(request: Request, house: TheHouse, path: Annotated[str, Query(max_length=4096)]) -> Response:
    """The lines of one input that were not understood."""
    found = house.services.sources.quarantine(path)
    return house.page(request, "quarantine.html.j2", path=path, counts=found.counts, lines=found.lines)


@router.get("/coverage", dependencies=[need(Permission.READ)])
def coverage(request: Request, house: TheHouse) -> Response:
    """What the logs can show of each threat to each system, what they cannot, and what to switch on first."""
    return house.page(request, "coverage.html.j2", coverage=house.services.sources.coverage())
