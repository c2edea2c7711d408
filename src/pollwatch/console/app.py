"""The console as an ASGI application.

From the outside in::

hardening   headers on every answer
accounts    who is looking, and whether a form is theirs     (given as ``around``; :mod:`pollwatch.console.access`)
language    what follows speaks the viewer's language
pages       one router each, listed in :mod:`pollwatch.console.pages`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from pollwatch.console import failing, pages
from pollwatch.console.changes import Watcher
from pollwatch.console.hardening import Hardened
from pollwatch.console.house import House
from pollwatch.console.language import Speaking
from pollwatch.console.services import Services
from pollwatch.console.staticfiles import Built

Around = Callable[[ASGIApp], ASGIApp]
"""Wraps the pages: finds out who is looking and leaves a ``Viewer`` in ``request.state.viewer``."""


def make_app(services: Services, around: Around, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The console of one case.

    Args:
        services: what the pages ask.
        around: finds out who is looking; without it nobody is, and nobody sees anything.
        routers: further pages (signing in, accounts).
    """
    app = FastAPI(
        title="pollwatch console",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(Hardened), Middleware(around), Middleware(Speaking)],
    )
    house = House(services, Watcher(services.changes))
    app.state.house = house
    failing.install(app, house)
    for router in (*pages.routers(), *routers):
        app.include_router(router)
    app.mount("/static", Built())
    return app
