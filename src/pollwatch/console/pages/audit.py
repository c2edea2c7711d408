"""The audit trail: who did what, and whether the private log commits to it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from pollwatch import canonical
from pollwatch.clock import rfc3339
from pollwatch.console.access import Permission, did, need
from pollwatch.console.accounts.trail import Row
from pollwatch.console.accounts.within import Here
from pollwatch.console.house import TheHouse

router = APIRouter(prefix="/audit")

_AUDIT: Final = need(Permission.AUDIT)
_PAGE: Final = 100
_MOST: Final = 50_000
Filter = Annotated[str, Query(max_length=200)]
Before = Annotated[int | None, Query(ge=1, le=1 << 53)]


@router.get("", dependencies=[_AUDIT])
def page(house: TheHouse, at: Here, actor: Filter = "", about: Filter = "", before: Before = None) -> Response:
    """The latest first, a page at a time."""
    rows = at.desk.trail.latest(_PAGE + 1, before, actor, about)
    shown = rows[:_PAGE]
    return house.page(
        at.request,
        "audit.html.j2",
        rows=shown,
        older=shown[-1].id if len(rows) > _PAGE else None,
        actor=actor,
        about=about,
        detail=lambda row: ", ".join(f"{key}: {value}" for key, value in sorted(row.detail.items())),
    )


@router.get("/export.jsonl", dependencies=[_AUDIT])
def export(at: Here, actor: Filter = "", about: Filter = "") -> Response:
    """The latest rows as JSON lines, oldest first."""
    did(at.request, "export audit trail")
    lines = [canonical.dumps(_record(row)) for row in reversed(at.desk.trail.latest(_MOST, None, actor, about))]
    headers = {"content-disposition": 'attachment; filename="audit.jsonl"'}
    return Response(b"".join(line + b"\n" for line in lines), media_type="application/x-ndjson", headers=headers)


def _record(row: Row) -> dict[str, canonical.Json]:
    return {**row.record(), "at": rfc3339(row.at_us), "entry": row.entry}
