"""What is done to incidents, one or several at a time, from the inbox and from an incident's page.

Each deed answers with a notice for the page that asked for it; a browser without scripts is led back to where the
incident now is. Lists learn of the change from the stream, like everybody else's.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from pollwatch.console.access import Permission, Viewer, did, need
from pollwatch.console.house import House, TheHouse
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.composing import Part

router = APIRouter()

_MANY: Final = 200
Ids = Annotated[list[str], Form(alias="id", max_length=_MANY)]
Words = Annotated[str, Form(max_length=4_000)]
Triager = Annotated[Viewer, need(Permission.TRIAGE)]
Decider = Annotated[Viewer, need(Permission.DECIDE)]


def answered(house: House, request: Request, message: str, onward: str = "/inbox", *, leave: bool = False) -> Response:
    """A deed is done: a notice in the page, or the way onward.

    Args:
        house: the console.
        request: what is answered.
        message: the notice.
        onward: where a browser without scripts goes on.
        leave: whether everybody goes on there: the page is about something else now.
    """
    if request.headers.get("hx-request"):
        headers = {"hx-redirect": onward} if leave else {}
        return house.page(request, "_notice.html.j2", headers=headers, message=message, bad=False)
    return RedirectResponse(onward, 303)


@router.post("/triage/acknowledge")
def acknowledge(request: Request, house: TheHouse, viewer: Triager, ids: Ids, reason: Words = "") -> Response:
    """Say that somebody is working on them."""
    did(request, "acknowledge", " ".join(ids[:5]), incidents=len(ids))
    house.services.incidents.set_status(ids, "acknowledged", viewer.name, reason)
    message = ngettext("{n} incident acknowledged.", "{n} incidents acknowledged.", len(ids)).format(n=len(ids))
    return answered(house, request, message)


@router.post("/triage/assign")
def assign(
    request: Request, house: TheHouse, viewer: Triager, ids: Ids, assignee: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Say who works on them; ``me`` is the viewer."""
    did(request, "assign", " ".join(ids[:5]), to=assignee)
    whose = viewer.name if assignee == "me" else assignee.strip()
    house.services.incidents.assign(ids, whose, viewer.name)
    if whose:
        message = ngettext("{n} incident given to {name}.", "{n} incidents given to {name}.", len(ids))
        return answered(house, request, message.format(n=len(ids), name=whose))
    return answered(house, request, _("Nobody works on it now."))


@router.post("/triage/close")
def close(request: Request, house: TheHouse, viewer: Decider, ids: Ids, reason: Words = "") -> Response:
    """Close them; they open again if they go on."""
    did(request, "close", " ".join(ids[:5]), incidents=len(ids))
    house.services.incidents.set_status(ids, "closed", viewer.name, reason)
    message = ngettext("{n} incident closed.", "{n} incidents closed.", len(ids)).format(n=len(ids))
    return answered(house, request, message)


@router.post("/triage/reopen")
def reopen(request: Request, house: TheHouse, viewer: Decider, ids: Ids, reason: Words = "") -> Response:
    """Open them again."""
    did(request, "reopen", " ".join(ids[:5]), incidents=len(ids))
    house.services.incidents.set_status(ids, "open", viewer.name, reason)
    message = ngettext("{n} incident opened again.", "{n} incidents opened again.", len(ids)).format(n=len(ids))
    return answered(house, request, message)


@router.post("/triage/merge")
def merge(request: Request, house: TheHouse, viewer: Decider, ids: Ids, reason: Words = "") -> Response:
    """Make them one."""
    did(request, "merge", " ".join(ids[:5]), incidents=len(ids))
    one = house.services.incidents.merge(ids, viewer.name, reason)
    message = _("{n} incidents are one now: {id}.").format(n=len(ids), id=one)
    return answered(house, request, message, f"/incidents/{one}", leave=True)


@router.post("/incidents/{name}/note")
def note(request: Request, house: TheHouse, viewer: Triager, name: str, text: Words = "") -> Response:
    """Write a note."""
    did(request, "note", name)
    house.services.incidents.note(name, viewer.name, text)
    return answered(house, request, _("Noted."), f"/incidents/{name}")


@router.post("/incidents/{name}/split")
def split(
    request: Request,
    house: TheHouse,
    viewer: Decider,
    name: str,
    rules: Annotated[list[str], Form(alias="rule", max_length=_MANY)] = [],  # noqa: B006 - FastAPI copies it
    actors: Annotated[list[str], Form(alias="actor", max_length=_MANY)] = [],  # noqa: B006
    reason: Words = "",
) -> Response:
    """Make it two: what meets the rules and actors goes."""
    did(request, "split", name)
    part = Part(tuple(rules), tuple(actors))
    fresh = house.services.incidents.split(name, part, viewer.name, reason)
    return answered(house, request, _("Split: {id} is new.").format(id=fresh), f"/incidents/{fresh}", leave=True)
