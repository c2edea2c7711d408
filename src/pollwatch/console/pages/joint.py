"""The joint watch: its members and their logs, what left for them, what was matched, who said what.

Nothing leaves the node from these pages. What does is said on the command line, with a preview and by name.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from pollwatch.console.access import Permission, need
from pollwatch.console.house import TheHouse

router = APIRouter()

_ROWS = 200
_Word = Annotated[str, Query(max_length=200)]


@router.get("/members", dependencies=[need(Permission.READ)])
def members(request: Request, house: TheHouse) -> Response:
    """Who is in it, how far this node goes with each, and how each one's word has turned out."""
    return house.page(request, "members.html.j2", watch=house.services.joint.watch())


@router.get("/disclosures", dependencies=[need(Permission.SHARE)])
def disclosures(request: Request, house: TheHouse, to: _Word = "", containing: _Word = "") -> Response:
    """Everything that ever left for other members."""
    desk = house.services.joint
    found = desk.disclosures(to, containing)
    watch = desk.watch()
    return house.page(
        request, "disclosures.html.j2", rows=found[:_ROWS], total=len(found), to=to, containing=containing, watch=watch
    )


@router.get("/disclosures/{number}", dependencies=[need(Permission.SHARE)])
def disclosed(house: TheHouse, number: Annotated[int, Path(ge=1, le=2**53)]) -> Response:
    """The very bytes that left."""
    return Response(
        house.services.joint.disclosed(number),
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="disclosure-{number}.json"'},
    )


@router.get("/matching", dependencies=[need(Permission.READ)])
def matching(request: Request, house: TheHouse) -> Response:
    """What was found in common without showing the rest, and what that cost."""
    return house.page(request, "matching.html.j2", matching=house.services.joint.matching())


@router.get("/claims", dependencies=[need(Permission.READ)])
def claims(request: Request, house: TheHouse) -> Response:
    """Who did it: claims with their denials, statements with every voice, and the matrix of hypotheses."""
    found = house.services.joint.record()
    record, matrices = found if found is not None else (None, ())
    return house.page(request, "claims.html.j2", record=record, matrices=matrices)
