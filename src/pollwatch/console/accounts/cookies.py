"""The cookies of the console, and the token that forms carry.

``pollwatch`` names the session, or, before anybody signed in, nothing but the browser itself; ``pollwatch-device``
makes a browser known from which somebody signed in before. Over TLS both are called ``__Host-...``, which browsers
take from nobody but this very host. No script can read them. The token of forms is derived from the first one, so that
nothing need be kept; whoever sends a request in somebody's name from elsewhere cannot know it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from pollwatch.console.accounts.challenges import encoded
from pollwatch.console.accounts.desk import Entered

SESSION: Final = "pollwatch"
DEVICE: Final = "pollwatch-device"
NEXT: Final = "pollwatch-next"
_SECURE: Final = "__Host-"
_VALUE: Final = re.compile(r"[A-Za-z0-9_-]{20,64}", re.ASCII)
_DEVICE_S: Final = 180 * 24 * 3600
_NEXT_S: Final = 900


def name_of(cookie: str, scheme: str) -> str:
    """How a cookie is called over this scheme."""
    return _SECURE + cookie if scheme == "https" else cookie


def value_of(request: Request, cookie: str) -> str:
    """What a cookie holds; empty where there is none, or it is none of ours."""
    found = request.cookies.get(name_of(cookie, request.url.scheme), "")
    return found if _VALUE.fullmatch(found) else ""


def new_value() -> str:
    """For a browser that has no cookie yet."""
    return secrets.token_urlsafe(32)


def form_token(value: str) -> str:
    """The token of all forms that are shown to the browser with this cookie."""
    return encoded(hmac.digest(value.encode("ascii"), b"pollwatch form token", "sha256"))


def token_fits(value: str, given: str) -> bool:
    """Whether a form's token belongs to this cookie."""
    return bool(value) and hmac.compare_digest(form_token(value), given.encode("ascii", "replace").decode("ascii"))


def give(response: Response, request: Request, value: str) -> None:
    """Let the browser hold a new session."""
    secure = request.url.scheme == "https"
    name = name_of(SESSION, request.url.scheme)
    response.set_cookie(name, value, path="/", secure=secure, httponly=True, samesite="lax")


def let_in(response: Response, request: Request, entered: Entered) -> Response:
    """Answer somebody who came in: their browser holds the session, and is known from now on."""
    give(response, request, entered.cookie)
    if entered.device:
        secure = request.url.scheme == "https"
        name = name_of(DEVICE, request.url.scheme)
        response.set_cookie(
            name, entered.device, max_age=_DEVICE_S, path="/", secure=secure, httponly=True, samesite="lax"
        )
    return response


def remember_next(response: Response, request: Request, path: str) -> None:
    """Keep where somebody wanted to go while they are at an identity provider."""
    secure = request.url.scheme == "https"
    name = name_of(NEXT, request.url.scheme)
    response.set_cookie(name, quote(path), max_age=_NEXT_S, path="/", secure=secure, httponly=True, samesite="lax")


def next_again(request: Request) -> str:
    """Where they wanted to go; the caller checks that it is a path of ours."""
    return unquote(request.cookies.get(name_of(NEXT, request.url.scheme), "/"))


def let_out(response: Response, request: Request) -> Response:
    """Answer somebody who signed out: their browser holds nothing of the session, nor of what it was shown."""
    response.delete_cookie(
        name_of(SESSION, request.url.scheme),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    response.headers["clear-site-data"] = '"cache", "storage"'
    return response
