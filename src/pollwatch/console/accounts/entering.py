"""The console with its entrance: the pages, the gate around them, and the pages by which people come in."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from pollwatch.console import api
from pollwatch.console.accounts import refusing
from pollwatch.console.accounts.gate import Gate
from pollwatch.console.accounts.within import Entrance
from pollwatch.console.app import make_app
from pollwatch.console.pages import accounts, audit, me, signin
from pollwatch.console.services import Services


def guarded_app(services: Services, entrance: Entrance) -> FastAPI:
    """The console of one case, for those who may see it.

    Args:
        services: what the pages ask.
        entrance: who may come in.
    """

    def around(app: ASGIApp) -> ASGIApp:
        return Gate(app, entrance.desk, entrance.hosts)

    own = (signin.router, me.router, accounts.router, audit.router, api.router)
    app = make_app(services, around, own)
    app.state.entrance = entrance
    refusing.install(app, app.state.house)
    return app
