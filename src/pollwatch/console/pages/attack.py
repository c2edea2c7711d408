"""The case in ATT&CK's terms: what was seen, what rules could show, and the same for ATT&CK Navigator."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pollwatch.canonical import pretty
from pollwatch.console.access import Permission, need
from pollwatch.console.house import TheHouse

router = APIRouter()


@router.get("/attack", dependencies=[need(Permission.READ)])
def attack(request: Request, house: TheHouse) -> Response:
    """The heat map."""
    return house.page(request, "attack.html.j2", columns=house.services.attack.columns())


@router.get("/attack/layer.json", dependencies=[need(Permission.READ)])
def layer(house: TheHouse) -> Response:
    """A layer that ATT&CK Navigator opens."""
    return Response(
        pretty(house.services.attack.layer()),
        media_type="application/json",
        headers={"content-disposition": 'attachment; filename="pollwatch-layer.json"'},
    )
