"""Whether the console answers, how it stands, and what the watch hears."""

from __future__ import annotations

from fastapi import APIRouter

from pollwatch import __version__
from pollwatch.clock import rfc3339
from pollwatch.console.access import Permission, need, open_to_all
from pollwatch.console.api.answers import Health, Source, Sources, Watching
from pollwatch.console.house import TheHouse
from pollwatch.incidents.export import encodable

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


@router.get("/sources", dependencies=[need(Permission.READ)])
def sources(house: TheHouse) -> Sources:
    """The sources of the watch, each with how it is doing."""
    watch = house.services.sources.watch()
    if watch is None:
        return Sources(running=False, trouble=None, beat=None, sources=[])
    now_us = house.services.clock.now_us()
    found = [
        Source(
            name=encodable(each.name),
            kind=each.kind,
            state=each.state,
            problem=encodable(each.problem),
            last_record=rfc3339(each.last_record_us),
            last_read=rfc3339(each.last_read_us),
            lines=each.lines,
            quarantined=each.quarantined,
            dropped=each.dropped,
            lag_bytes=each.lag_bytes,
            norm_s=each.norm_s,
        )
        for each in watch.sources
    ]
    return Sources(
        running=watch.running(now_us), trouble=watch.blind(now_us), beat=rfc3339(watch.beat_us), sources=found
    )
