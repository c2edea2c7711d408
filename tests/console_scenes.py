"""Scenes of the console: an app asked without a network, and a viewer whom the test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from pollwatch.console.access import Viewer

ORIGIN = "http://127.0.0.1:8080"


class Seeing:
    """What the middleware of the accounts does, for a viewer that a test chooses; None where nobody is signed in."""

    def __init__(self, app: ASGIApp, viewer: Viewer | None) -> None:
        """Wrap an app."""
        self.app, self.viewer = app, viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say who is looking."""
        scope.setdefault("state", {}).update(viewer=self.viewer, csrf="")
        await self.app(scope, receive, send)


def ask(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> httpx.Response:
    """One request to an app, without a network; redirects are not followed."""

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return await client.request(method, path, headers=headers, data=form)

    return asyncio.run(asking())
