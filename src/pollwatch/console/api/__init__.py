"""``/api/v1``: what programs ask and do, with a token; and the OpenAPI document that says so.

The same desks answer as for the pages, and the same permissions are asked for. Answers are JSON; incidents have the
shapes of ``pollwatch incidents list --json``, which do not change within a version.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from pollwatch import __version__
from pollwatch.console.access import open_to_all
from pollwatch.console.api import incidents, trail, watching
from pollwatch.console.api.answers import Problem

PREFIX: Final = "/api/v1"
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Problem, "description": "what was asked cannot be done as it was said"},
    401: {"model": Problem, "description": "no token, or one that is not known or whose time is over"},
    403: {"model": Problem, "description": "the token's scope, or its owner's role, does not allow it"},
    404: {"model": Problem, "description": "what was named is not there"},
    413: {"model": Problem, "description": "too large"},
    422: {"model": Problem, "description": "what was sent has not the right shape"},
    503: {"model": Problem, "description": "the case cannot be read at this moment"},
}

router = APIRouter(prefix=PREFIX, responses=_PROBLEMS)
for each in (watching.router, incidents.router, trail.router):
    router.include_router(each)


@router.get("/openapi.json", dependencies=[open_to_all("it describes the software, not the case")], tags=["about"])
def described() -> Response:
    """This description of the API, as OpenAPI."""
    return JSONResponse(document())


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    found = get_openapi(
        title="pollwatch console",
        version=__version__,
        summary="What programs ask of a watch, and do in it.",
        description=(
            "Make a token on the page “My account” or with `pollwatch account token`, and send it as "
            "`Authorization: Bearer pollwatch_...`. What it may do is its scope, within its owner's role. "
            "Everything that is done is in the audit trail under the token's name."
        ),
        routes=app.routes,
    )
    found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    for name in ("openapi.json", "health"):
        found["paths"][f"{PREFIX}/{name}"]["get"]["security"] = []
    return found
