"""The audit trail for programs."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query

from pollwatch.clock import rfc3339
from pollwatch.console.access import Permission, need
from pollwatch.console.accounts.within import Here
from pollwatch.console.api.answers import Deed, Trail

router = APIRouter(prefix="/audit", tags=["audit"])

_ROWS: Final = 500
Filter = Annotated[str, Query(max_length=200)]


@router.get("", dependencies=[need(Permission.AUDIT)])
def listing(
    at: Here,
    before: Annotated[int | None, Query(ge=1, le=1 << 53, description="only rows with a lower number")] = None,
    limit: Annotated[int, Query(ge=1, le=_ROWS)] = 100,
    actor: Filter = "",
    about: Filter = "",
) -> Trail:
    """Who did what, the latest first."""
    rows = at.desk.trail.latest(limit + 1, before, actor, about)
    shown = [
        Deed.model_validate({**row.record(), "at": rfc3339(row.at_us), "entry": row.entry}) for row in rows[:limit]
    ]
    return Trail(rows=shown, next=rows[limit - 1].id if len(rows) > limit else None)
