"""The page behind a message's link: say that you have the alarm. Opening it does nothing: mail programs open links."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pollwatch.console.access import open_to_all
from pollwatch.console.desks.alarms import Linked
from pollwatch.console.house import TheHouse
from pollwatch.console.services import NotThereError
from pollwatch.i18n import _

router = APIRouter()

_LINKED: Final = open_to_all(
    "whoever has the link of a message is whom it was sent to; it shows no incident, and can only say that they have it"
)
Token = Annotated[str, Path(max_length=60)]


@router.get("/alarm/{token}", dependencies=[_LINKED])
def alarm(request: Request, house: TheHouse, token: Token) -> HTMLResponse:
    """What it is, and a button."""
    found = _known(house.services.alarms.linked(token))
    return house.page(request, "alarm.html.j2", alarm=found, token=token, headers={"cache-control": "no-store"})


@router.post("/alarm/{token}", dependencies=[_LINKED])
def take(house: TheHouse, token: Token) -> Response:
    """The button."""
    _known(house.services.alarms.take(token))
    return RedirectResponse(f"/alarm/{token}", 303)


def _known(found: Linked | None) -> Linked:
    if found is None:
        raise NotThereError(_("This link is of no alarm; use the code in the message, by telephone."))
    return found
