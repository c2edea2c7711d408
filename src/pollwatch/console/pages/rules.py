"""The rules: which there are and how often they fired, why one fires, its samples, and what it costs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pollwatch.console.access import Permission, need
from pollwatch.console.desks.rules import RuleWish
from pollwatch.console.house import TheHouse
from pollwatch.events.detection import Severity

router = APIRouter()

_ROWS = 200
_Word = Annotated[str, Query(max_length=200)]


@router.get("/rules", dependencies=[need(Permission.READ)])
def rules(
    request: Request,
    house: TheHouse,
    text: _Word = "",
    level: Annotated[str, Query(max_length=20)] = "",
    logsource: _Word = "",
    tag: _Word = "",
    origin: _Word = "",
) -> Response:
    """The list, narrowed by what is asked."""
    desk, wish = house.services.rules, RuleWish(text, level, logsource, tag, origin)
    found = desk.listed(wish)
    part = "_rules.html.j2" if request.headers.get("hx-request") else "rules.html.j2"
    return house.page(
        request,
        part,
        wish=wish,
        rows=found[:_ROWS],
        total=len(found),
        origins=desk.origins(),
        refused=desk.refused()[:_ROWS],
        levels=[each.word for each in reversed(Severity)],
    )


@router.get("/rules/{rule_id}", dependencies=[need(Permission.READ)])
def rule(request: Request, house: TheHouse, rule_id: str) -> Response:
    """One rule, whole."""
    return house.page(request, "rule.html.j2", card=house.services.rules.card(rule_id))


@router.get("/rules/{rule_id}/trial", dependencies=[need(Permission.READ)])
def trial(request: Request, house: TheHouse, rule_id: str) -> Response:
    """What the rule does on its samples and on the case's events, as a part of its page."""
    return house.page(request, "_trial.html.j2", trial=house.services.rules.trial(rule_id))
