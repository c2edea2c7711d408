"""Where the lines come from, what was not understood, and what the logs can show of each threat."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pollwatch.console import sourcewords
from pollwatch.console.access import Permission, need
from pollwatch.console.house import House, TheHouse

router = APIRouter()

_INPUTS = 200


@router.get("/sources", dependencies=[need(Permission.READ)])
def sources(request: Request, house: TheHouse) -> Response:
    """How the sources of the watch are doing, what was read, and what of it was not understood."""
    shown = {**_watched(house), "inputs": house.services.sources.inputs(_INPUTS)}
    return house.show(request, "sources.html.j2", shown)


@router.get("/sources/now", dependencies=[need(Permission.READ)])
def now(request: Request, house: TheHouse) -> Response:
    """How the sources of the watch are doing, as it is now."""
    return house.show(request, "_watched.html.j2", _watched(house))


@router.get("/sources/quarantine", dependencies=[need(Permission.LINES)])
def quarantine(request: Request, house: TheHouse, path: Annotated[str, Query(max_length=4096)]) -> Response:
    """The lines of one input that were not understood."""
    found = house.services.sources.quarantine(path)
    return house.page(request, "quarantine.html.j2", path=path, counts=found.counts, lines=found.lines)


@router.get("/coverage", dependencies=[need(Permission.READ)])
def coverage(request: Request, house: TheHouse) -> Response:
    """What the logs can show of each threat to each system, what they cannot, and what to switch on first."""
    return house.page(request, "coverage.html.j2", coverage=house.services.sources.coverage())


def _watched(house: House) -> dict[str, object]:
    watch, now_us = house.services.sources.watch(), house.services.clock.now_us()
    return {
        "watch": watch,
        "running": watch is not None and watch.running(now_us),
        "blind": "" if watch is None else watch.blind(now_us),
        "words": sourcewords,
    }
