"""The joint watch: its members and their logs, what left for them, what was matched, who said what.

One thing leaves from these pages: an incident for one member, as a file that somebody carries there. It is looked at
first, byte for byte, and recorded in the disclosure ledger before it is given out, as ``pollwatch share`` does it.
Everything else is said on the command line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from pollwatch.console.access import Permission, Viewer, did, need
from pollwatch.console.downloads import download
from pollwatch.console.house import TheHouse
from pollwatch.members.marking import WORDS, Tlp

router = APIRouter()

_ROWS = 200
_SHOWN_BYTES = 100_000
_Word = Annotated[str, Query(max_length=200)]
_Said = Annotated[str, Form(max_length=200)]


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


@router.get("/incidents/{name}/share", dependencies=[need(Permission.SHARE)])
def share(request: Request, house: TheHouse, name: str, to: _Word = "", tlp: _Word = "") -> HTMLResponse:
    """What of an incident would leave for a member, byte for byte; nothing has left."""
    incident = house.services.incidents.some([name])[0]
    leaving = house.services.joint.leaving(incident.id, to, tlp) if to else None
    shown = {
        "incident": incident,
        "watch": house.services.joint.watch(),
        "leaving": leaving,
        "text": "" if leaving is None else leaving.body[:_SHOWN_BYTES].decode("utf-8", "replace"),
        "to": to,
        "tlp": tlp if leaving is None else leaving.tlp,
        "markings": [each for each in WORDS if each != Tlp.RED.word],
    }
    return house.show(request, "share.html.j2", shown)


@router.post("/incidents/{name}/share")
def hand_over(  # noqa: PLR0913, PLR0917 - one argument per field
    request: Request,
    house: TheHouse,
    viewer: Annotated[Viewer, need(Permission.SHARE, fresh=True)],
    name: str,
    to: _Said,
    tlp: _Said,
    sha256: _Said,
    basis: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Record what was looked at in the disclosure ledger, and give it out as a file."""
    did(request, "release", name, to=to, tlp=tlp, sha256=sha256)
    desk = house.services.joint
    leaving = replace(desk.leaving(name, to, tlp), sha256=sha256)
    return download(desk.hand_over(leaving, viewer.name, basis))


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
