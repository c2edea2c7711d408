"""Pages that say what went wrong, in a sentence, and never what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from pollwatch.console.access import NotSignedInError
from pollwatch.console.house import House
from pollwatch.console.services import NotThereError, RefusedError
from pollwatch.errors import AccessError, ConfigError, PollwatchError, SharingError, StoreError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

_STATUS: Final[dict[type[PollwatchError], int]] = {
    NotThereError: 404,
    RefusedError: 400,
    NotSignedInError: 401,
    AccessError: 403,
    UsageError: 400,
    SharingError: 400,
    ConfigError: 503,
    StoreError: 503,
}
_MAX_MESSAGE: Final = 600
_API: Final = "/api/"


def install(app: FastAPI, house: House) -> None:
    """Let the application answer errors with pages (for a part of a page: with a notice)."""

    async def ours(request: Request, error: Exception) -> Response:
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        return refusal(house, request, status, printable(str(error), _MAX_MESSAGE))

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        return refusal(house, request, status, _words(status), headers)

    async def malformed(request: Request, error: Exception) -> Response:
        fields = []
        if isinstance(error, RequestValidationError):
            fields = [printable(str(each["loc"][-1]), 40) for each in error.errors()[:5]]
        message = _("That cannot be read; look at: {fields}").format(fields=", ".join(fields) or "?")
        return refusal(house, request, 422, message)

    app.add_exception_handler(PollwatchError, ours)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, malformed)


def refusal(
    house: House, request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer that says what went wrong: a page, a notice for a part of a page, JSON for programs."""
    if request.url.path.startswith(_API):
        return JSONResponse({"detail": message}, status, headers)
    if request.headers.get("hx-request"):
        aimed = {"hx-retarget": "#notice", "hx-reswap": "innerHTML", **(headers or {})}
        return house.page(request, "_notice.html.j2", status, aimed, message=message, bad=True)
    return house.page(request, "failed.html.j2", status, headers, status=status, message=message)


def _words(status: int) -> str:
    words = {
        404: _("There is no such page. It may have moved, or the address was cut off."),
        405: _("That cannot be done here."),
        413: _("That is too large."),
    }
    return words.get(status, _("That did not work. Try once more; if it stays, tell whoever runs this console."))
