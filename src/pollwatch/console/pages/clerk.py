"""The clerk's page: one light with words, one sentence, three steps, whom to call, and "I am not sure"."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from pollwatch.console import words
from pollwatch.console.access import Permission, Viewer, did, need
from pollwatch.console.house import House, TheHouse
from pollwatch.console.pages.triage import answered
from pollwatch.console.withheld import shown_incident
from pollwatch.events.detection import Severity
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.kinds import Kind, kind_of

router = APIRouter()

Reader = Annotated[Viewer, need(Permission.READ)]
Triager = Annotated[Viewer, need(Permission.TRIAGE)]
Words = Annotated[str, Form(max_length=4_000)]
#: Steps that somebody without a security team reads first; the rest is on the action card.
_STEPS: Final = 3


@router.get("/clerk")
def clerk(request: Request, house: TheHouse, viewer: Reader) -> HTMLResponse:
    """The page."""
    return house.show(request, "clerk.html.j2", _shown(house, viewer))


@router.get("/clerk/now")
def now(request: Request, house: TheHouse, viewer: Reader) -> HTMLResponse:
    """What of the page may change while somebody looks at it."""
    return house.show(request, "_clerk.html.j2", _shown(house, viewer))


@router.post("/clerk/ask")
def ask(
    request: Request,
    house: TheHouse,
    viewer: Triager,
    text: Words = "",
    incident: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """I am not sure: tell those who can help, and show who was told."""
    did(request, "not sure", incident)
    asked = house.services.clerk.ask(viewer.name, text, incident)
    told = ", ".join(asked.told)
    message = (
        _("Your question is with: {names}. The answer will appear on this page.").format(names=told)
        if told
        else _("Your question is in the inbox. Nobody is named there yet, so call by telephone as well.")
    )
    return answered(house, request, message, "/clerk")


@router.post("/asks/{number}/answer")
def answer(request: Request, house: TheHouse, viewer: Triager, number: int, text: Words = "") -> Response:
    """Answer a question; who asked sees it at once."""
    did(request, "answer", str(number))
    house.services.clerk.answer(number, viewer.name, text)
    return answered(house, request, _("Answered."))


def _shown(house: House, viewer: Viewer) -> dict[str, object]:
    standing = house.services.clerk.standing()
    first = None if standing.first is None else shown_incident(standing.first, viewer)
    return {
        "standing": standing,
        "first": first,
        "steps": () if first is None else first.advice[:_STEPS],
        "keep": first is not None and first.severity >= Severity.HIGH,
        "altered": first is not None and _altered(first),
        "asks": house.services.clerk.asked_by(viewer.name) if viewer.may(Permission.TRIAGE) else [],
        "words": words,
    }


def _altered(incident: Incident) -> bool:
    """Whether something that the public sees may have been changed: then a page is told apart from the results."""
    return any(kind_of(each) is Kind.ALTERATION for each in incident.techniques)
