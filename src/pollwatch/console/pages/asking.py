"""SQL over the events, and questions that people keep."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from pollwatch.console.access import Permission, Viewer, need
from pollwatch.console.house import House, TheHouse
from pollwatch.console.services import NotThereError
from pollwatch.errors import UsageError
from pollwatch.i18n import _
from pollwatch.incidents.saved import MOST_NAME, MOST_TEXT
from pollwatch.report.spreadsheet import as_csv, harmless
from pollwatch.store.query import Answer

router = APIRouter()

_Asker = Annotated[Viewer, need(Permission.SQL)]
_Statement = Annotated[str, Form(max_length=MOST_TEXT)]
_BACK: Final = {"sql": "/events", "inbox": "/inbox"}


@router.get("/events")
def events(
    request: Request, house: TheHouse, viewer: _Asker, saved: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """The empty page, or one with a question that was kept."""
    kept = house.services.saved.of(viewer.id, "sql")
    chosen = next((each for each in kept if each.id == saved), None)
    return _page(request, house, viewer, "" if chosen is None else chosen.text)


@router.post("/events")
def ask(request: Request, house: TheHouse, viewer: _Asker, sql: _Statement) -> Response:
    """The answer to one SELECT. It is posted, so that no question with somebody's name in it is left in a history."""
    try:
        answer = house.services.asking.ask(sql)
    except UsageError as error:
        return _page(request, house, viewer, sql, problem=str(error))
    return _page(request, house, viewer, sql, answer=answer)


@router.post("/events/csv")
def table(house: TheHouse, viewer: _Asker, sql: _Statement) -> Response:  # noqa: ARG001 - the viewer is what may ask
    """The answer as a file for a spreadsheet; no cell is a formula to it."""
    answer = house.services.asking.ask(sql)
    rows = ([harmless("" if value is None else str(value)) for value in row] for row in answer.rows)
    headers = {"content-disposition": 'attachment; filename="events.csv"'}
    return Response(as_csv(map(harmless, answer.columns), rows), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/saved")
def save(
    house: TheHouse,
    viewer: Annotated[Viewer, need(Permission.SELF)],
    kind: Annotated[str, Form(pattern="^(sql|inbox)$")],
    name: Annotated[str, Form(max_length=MOST_NAME)],
    text: _Statement,
    shared: Annotated[bool, Form()] = False,  # noqa: FBT002 - a checkbox of a form
) -> Response:
    """Keep a question. Who shares one must be allowed to decide: others will trust it."""
    house.services.saved.save(
        viewer.id, "sql" if kind == "sql" else "inbox", name, text, shared=shared and viewer.may(Permission.DECIDE)
    )
    return RedirectResponse(_BACK[kind], 303)


@router.post("/saved/{number}/remove")
def remove(
    house: TheHouse,
    viewer: Annotated[Viewer, need(Permission.SELF)],
    number: Annotated[int, Path(ge=1, le=2**53)],
    kind: Annotated[str, Form(pattern="^(sql|inbox)$")],
) -> Response:
    """Forget a question of one's own."""
    if not house.services.saved.remove(viewer.id, number):
        raise NotThereError(_("You keep no such question; only whoever kept it can remove it."))
    return RedirectResponse(_BACK[kind], 303)


def _page(
    request: Request, house: House, viewer: Viewer, sql: str, *, answer: Answer | None = None, problem: str = ""
) -> Response:
    tables = house.services.asking.tables()
    return house.page(
        request,
        "events.html.j2",
        400 if problem else 200,
        sql=sql,
        answer=answer,
        problem=problem,
        tables=[(each, house.services.asking.columns(each)) for each in tables],
        saved=house.services.saved.of(viewer.id, "sql"),
    )
