"""Whether the console answers, and how it stands."""

from __future__ import annotations

from fastapi import APIRouter

from pollwatch import __version__
from pollwatch.clock import rfc3339
from pollwatch.console.access import Permission, need, open_to_all
from pollwatch.console.api.answers import Health, Watching
from pollwatch.console.house import TheHouse

router = APIRouter(tags=["watch"])


@router.get("/health", dependencies=[open_to_all("a probe has no account; it is told nothing about the case")])
def health() -> Health:
    """Whether the console answers."""
    return Health(status="ok", version=__version__)


@router.get("/light", dependencies=[need(Permission.READ)])
def light(house: TheHouse) -> Watching:
    """How it stands, and whether anybody is watching."""
    standing = house.services.clerk.standing()
    return Watching(
        state=standing.light.state,
        sentence=standing.light.sentence,
        waiting=standing.waiting,
        live=standing.watching.live,
        looked=rfc3339(standing.watching.looked_us),
        troubles=list(standing.watching.troubles),
    )
