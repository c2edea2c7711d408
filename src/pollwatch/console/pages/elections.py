"""Elections and systems of this office, and the first steps of a new one."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from pollwatch.console.access import Permission, need
from pollwatch.console.desks.settings import AssetForm, ElectionForm
from pollwatch.console.house import TheHouse
from pollwatch.console.services import RefusedError

router = APIRouter()

_Word = Annotated[str, Field(max_length=200)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Date = Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
_Time = Annotated[str, Field(pattern=r"^\d{2}:\d{2}(:\d{2})?$")]


class _Change(BaseModel):
    """What every form says: which settings it changes, and which table of them (empty: a further one)."""

    version: _Word
    before: _Word = ""


class _Election(_Change):
    """An election, as the form sends it."""

    name: _Name
    zone: _Name
    day: dt.date
    opens: _Time
    closes: _Time
    jurisdiction: _Word = ""
    registration_deadline: _Date = ""
    early_voting: _Date = ""
    certification: _Date = ""

    def form(self) -> ElectionForm:
        """The same, read.

        Raises:
            RefusedError: a date or time that no calendar has.
        """
        try:
            dates = [_date(each) for each in (self.registration_deadline, self.early_voting, self.certification)]
            times = dt.time.fromisoformat(self.opens), dt.time.fromisoformat(self.closes)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        names = " ".join(self.name.split()), self.jurisdiction.strip(), self.zone.strip()
        return ElectionForm(*names, self.day, *times, *dates)


class _Asset(_Change):
    """A system, as the form sends it; one name, address, network or path a line."""

    name: _Name
    kind: _Name
    appears_as: Annotated[str, Field(min_length=1, max_length=10_000)]
    owner: _Word = ""
    jurisdiction: _Word = ""

    def form(self) -> AssetForm:
        """The same, read."""
        seen = tuple(line.strip() for line in self.appears_as.splitlines() if line.strip())
        return AssetForm(" ".join(self.name.split()), self.owner.strip(), self.kind, seen, self.jurisdiction.strip())


class _Removal(_Change):
    """What is taken out."""

    section: _Word
    name: _Name


def _date(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


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
def put_election(house: TheHouse, sent: Annotated[_Election, Form()]) -> Response:
    """Write an election."""
    house.services.settings.put_election(sent.version, sent.before, sent.form())
    return RedirectResponse("/elections", 303)


@router.post("/elections/asset", dependencies=[need(Permission.ADMIN)])
def put_asset(house: TheHouse, sent: Annotated[_Asset, Form()]) -> Response:
    """Write a system."""
    house.services.settings.put_asset(sent.version, sent.before, sent.form())
    return RedirectResponse("/elections", 303)


@router.post("/elections/remove", dependencies=[need(Permission.ADMIN)])
def remove(house: TheHouse, sent: Annotated[_Removal, Form()]) -> Response:
    """Take out an election or a system."""
    house.services.settings.remove(sent.version, sent.section, sent.name)
    return RedirectResponse("/elections", 303)
