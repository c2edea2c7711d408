"""The way in, the stream of changes, and how a page looks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from sse_starlette import EventSourceResponse

from pollwatch.console.access import Permission, Viewer, need
from pollwatch.console.house import TheHouse
from pollwatch.console.navigation import home

router = APIRouter()

_PING_S = 15
_SEND_TIMEOUT_S = 30


@router.get("/")
def start(viewer: Annotated[Viewer, need(Permission.READ)]) -> Response:
    """Where a viewer begins."""
    return RedirectResponse(home(viewer), 303)


@router.get("/changes", dependencies=[need(Permission.READ)])
async def changes(house: TheHouse) -> Response:
    """Server-sent events: ``changed`` whenever something in the case was committed."""
    return EventSourceResponse(house.watcher.stream(), ping=_PING_S, send_timeout=_SEND_TIMEOUT_S)
