"""Elections and systems of this office, and the first steps of a new one."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from pollwatch.console.access import Permission, need
from pollwatch.console.desks.settings import AssetForm, ElectionForm
from pollwatch.console.house import TheHouse

router = APIRouter()

_Name = Annotated[str, Form(min_length=1, max_length=200)]
_Word = Annotated[str, Form(max_length=200)]
_Version = Annotated[str, Form(max_length=64)]
_Date = Annotated[str, Form(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
_Time = Annotated[str, Form(pattern=r"^\d{2}:\d{2}(:\d{2})?$")]


@router.get("/elections", dependencies=[need(Permission.READ)])
def elections(request: Request, house: TheHouse) -> Response:
    """The calendar, the systems, and (for who may) forms to change them."""
    desk = house.services.settings
    return house.page(request, "elections.html.j2", written=desk.written(), kinds=desk.kinds())


@router.get("/setup", dependencies=[need(Permission.ADMIN)])
def setup(request: Request, house: TheHouse) -> Response:
    """What a new office does, step by step, and how far it is."""
    services = house.services
    return house.page(
        request,
        "setup.html.j2",
        written=services.settings.written(),
        kinds=services.settings.kinds(),
        inputs=services.sources.inputs(1),
        watch=services.joint.watch(),
    )


@router.post("/elections/election", dependencies=[need(Permission.ADMIN)])
def put_election(
    house: TheHouse,
    version: _Version,
    name: _Name,
    zone: _Name,
    day: Annotated[dt.date, Form()],
    opens: _Time,
    closes: _Time,
    before: _Word = "",
    jurisdiction: _Word = "",
    registration_deadline: _Date = "",
    early_voting: _Date = "",
    certification: _Date = "",
) -> Response:
    """Write an election."""
    dates = [dt.date.fromisoformat(each) if each else None for each in (registration_deadline, early_voting, certification)]
    times = dt.time.fromisoformat(opens), dt.time.fromisoformat(closes)
    form = ElectionForm(" ".join(name.split()), jurisdiction.strip(), zone.strip(), day, *times, *dates)
    house.services.settings.put_election(version, before, form)
    return RedirectResponse("/elections", 303)


@router.post("/elections/asset", dependencies=[need(Permission.ADMIN)])
def put_asset(
    house: TheHouse,
    version: _Version,
    name: _Name,
    kind: _Name,
    appears_as: Annotated[str, Form(min_length=1, max_length=10_000)],
    before: _Word = "",
    owner: _Word = "",
    jurisdiction: _Word = "",
) -> Response:
    """Write a system; one name, address, network or path a line."""
    seen = tuple(line.strip() for line in appears_as.splitlines() if line.strip())
    form = AssetForm(" ".join(name.split()), owner.strip(), kind, seen, jurisdiction.strip())
    house.services.settings.put_asset(version, before, form)
    return RedirectResponse("/elections", 303)


@router.post("/elections/remove", dependencies=[need(Permission.ADMIN)])
def remove(house: TheHouse, version: _Version, section: _Word, name: _Name) -> Response:
    """Take out an election or a system."""
    house.services.settings.remove(version, section, name)
    return RedirectResponse("/elections", 303)
