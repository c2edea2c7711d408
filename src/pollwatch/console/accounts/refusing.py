"""What happens when somebody may not: to the sign-in page and back, or a page that says why; for programs, JSON."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from pollwatch.console.access import NotFreshError, NotPermittedError, NotSignedInError, viewer_of
from pollwatch.console.accounts.passwords import BusyError
from pollwatch.console.accounts.throttle import TooOftenError
from pollwatch.console.failing import refusal
from pollwatch.console.house import House
from pollwatch.errors import AccessError
from pollwatch.events.printable import printable

SIGN_IN: Final = "/sign-in"
SECOND: Final = "/sign-in/second"
AGAIN: Final = "/sign-in/again"
ENROL: Final = "/me/second"
_MAX_NEXT: Final = 600
_MAX_MESSAGE: Final = 600
_API: Final = "/api/"


def install(app: FastAPI, house: House) -> None:
    """Let the application answer so."""

    async def refused(request: Request, error: Exception) -> Response:
        status = status_of(error)
        message = printable(str(error), _MAX_MESSAGE)
        if request.url.path.startswith(_API):
            return refusal(house, request, status, message, {"www-authenticate": "Bearer"} if status == 401 else None)
        viewer = viewer_of(request)
        if isinstance(error, NotPermittedError) and viewer is not None and viewer.scope is not None:
            return _lead_to(request, ENROL)  # they have to set up a second factor first, whatever they ask for
        if isinstance(error, NotSignedInError):
            session = getattr(request.state, "session", None)
            return _lead_to(request, SIGN_IN if session is None else SECOND)
        if isinstance(error, NotFreshError):
            return _lead_to(request, AGAIN)
        return refusal(house, request, status, message, headers_of(error))

    app.add_exception_handler(AccessError, refused)


def status_of(error: Exception) -> int:
    """What HTTP calls it."""
    if isinstance(error, NotSignedInError):
        return 401
    if isinstance(error, TooOftenError | BusyError):
        return 429
    return 403 if isinstance(error, NotPermittedError | NotFreshError) else 400


def headers_of(error: Exception) -> dict[str, str]:
    """What HTTP says beside it."""
    return {"retry-after": str(error.wait_s)} if isinstance(error, TooOftenError) else {}


def next_of(text: str) -> str:
    r"""Where somebody is to go after signing in: a path of ours, whatever an address says.

    ``//evil.example``, ``/\evil.example`` and ``https:evil.example`` are addresses of others to a browser.
    """
    plain = text.isascii() and text.isprintable() and "\\" not in text and len(text) <= _MAX_NEXT
    if not plain or not text.startswith("/") or text.startswith("//"):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or parts.path.startswith("//") else text


def with_next(path: str, next_path: str) -> str:
    """A path that leads on to another one."""
    return path if next_path == "/" else f"{path}?next={quote(next_path, safe='/')}"


def _lead_to(request: Request, path: str) -> Response:
    """A browser goes there; what asks for a part of a page is told to go there; streams just end."""
    if "text/event-stream" in request.headers.get("accept", ""):
        return PlainTextResponse("", 401)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in {"GET", "HEAD"} or request.headers.get("hx-request"):
        shown = request.headers.get("hx-current-url") or request.headers.get("referer", "")
        parts = urlsplit(shown)
        here = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    address = with_next(path, next_of(here))
    if request.headers.get("hx-request"):
        return PlainTextResponse("", 401, {"hx-redirect": address})
    return RedirectResponse(address, 303)
