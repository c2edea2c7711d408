"""False positives: with a reason and an end, tried on what the case has before they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from pollwatch.console import words
from pollwatch.console.access import Permission, Viewer, did, need
from pollwatch.console.house import TheHouse
from pollwatch.console.pages.triage import Decider, answered
from pollwatch.i18n import _
from pollwatch.incidents.exceptions import Scope, scope

router = APIRouter()

_MANY: Final = 200
_LONGEST_DAYS: Final = 400
Chosen = Annotated[list[str], Form(max_length=_MANY)]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a form narrows an exception to."""

    rules: tuple[str, ...]
    networks: tuple[str, ...]
    accounts: tuple[str, ...]
    targets: tuple[str, ...]


def chosen(
    rule: Chosen = [],  # noqa: B006 - FastAPI copies it
    network: Chosen = [],  # noqa: B006
    account: Chosen = [],  # noqa: B006
    target: Chosen = [],  # noqa: B006
) -> Narrowing:
    """The fields of the form."""
    return Narrowing(tuple(rule), tuple(network), tuple(account), tuple(target))


Narrowed = Annotated[Narrowing, Depends(chosen)]


@router.post("/incidents/{name}/tuning")
def preview(request: Request, house: TheHouse, _viewer: Decider, name: str, form: Narrowed) -> HTMLResponse:
    """What the exception that the form describes would have hidden."""
    did(request, "try exception", name)
    found = house.services.incidents.preview(_scope(house, name, form))
    return house.page(request, "_preview.html.j2", preview=found, words=words)


@router.post("/incidents/{name}/except")
def make(
    request: Request,
    house: TheHouse,
    viewer: Decider,
    name: str,
    form: Narrowed,
    reason: Annotated[str, Form(max_length=2_000)] = "",
    days: Annotated[int, Form(ge=1, le=_LONGEST_DAYS)] = 30,
) -> Response:
    """Make it a false positive, and for a time whatever is like it."""
    did(request, "make exception", name, days=days, reason=reason)
    found = _scope(house, name, form)
    made = house.services.incidents.make_exception(found, viewer.name, reason, days, name)
    message = _("Exception {n} holds for {days} days.").format(n=made.id, days=days)
    return answered(house, request, message, f"/incidents/{name}", leave=True)


@router.get("/exceptions")
def exceptions(request: Request, house: TheHouse, _viewer: Annotated[Viewer, need(Permission.LINES)]) -> HTMLResponse:
    """All exceptions, those that hold first."""
    now_us = house.services.clock.now_us()
    found = sorted(house.services.incidents.exceptions(), key=lambda each: (not each.holds(now_us), -each.id))
    return house.page(request, "exceptions.html.j2", exceptions=found)


@router.post("/exceptions/{number}/end")
def end(request: Request, house: TheHouse, viewer: Decider, number: int) -> Response:
    """End an exception now."""
    did(request, "end exception", str(number))
    house.services.incidents.end_exception(number, viewer.name)
    return answered(house, request, _("Exception {n} has ended.").format(n=number), "/exceptions", leave=True)


def _scope(house: TheHouse, name: str, form: Narrowing) -> Scope:
    """Never graver than the incident that it is made from."""
    severity = house.services.incidents.told(name).incident.severity
    return scope(form.rules, form.networks, form.accounts, form.targets, severity)
