"""Action cards and the list of whom to call, to print before anything happens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pollwatch.console.access import Permission, Viewer, need
from pollwatch.console.actioncards import cards
from pollwatch.console.house import TheHouse

router = APIRouter()

Reader = Annotated[Viewer, need(Permission.READ)]


@router.get("/cards")
def all_cards(request: Request, house: TheHouse, viewer: Reader) -> HTMLResponse:
    """All cards, and whom to call: a page to print. Observers see no names and no numbers."""
    clerk = house.services.clerk
    phones = clerk.phones() if viewer.may(Permission.LINES) else None
    return house.page(request, "cards.html.j2", cards=cards(), systems=clerk.systems(), phones=phones)
