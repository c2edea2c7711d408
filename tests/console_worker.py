"""The console of a case as a process of its own, whose viewer a test chooses by a cookie: ``role=observer``.

It is what ``pollwatch console`` serves, but for the accounts: signing in has tests of its own. It prints its address on
standard output and ends with standard input.
"""

from __future__ import annotations

import sys
from http.cookies import SimpleCookie
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pollwatch import config
from pollwatch.clock import SystemClock
from pollwatch.console.access import Role, Viewer
from pollwatch.console.app import make_app
from pollwatch.node.floor.opening import floor
from pollwatch.node.gateway.serving import Listening, end_with_stdin, run

#: How the people of the office are called.
NAMES = {Role.CLERK: "Cleo", Role.ANALYST: "Ana", Role.LEAD: "Lea", Role.AUDITOR: "Aud", Role.OBSERVER: "Olu"}


class ByCookie:
    """Says who is looking, as the cookie has it; a lead where there is none."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the pages."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        cookies = SimpleCookie(Headers(scope=scope).get("cookie", ""))
        role = Role(cookies["role"].value) if "role" in cookies else Role.LEAD
        viewer = Viewer(id=f"test-{role.value}", name=NAMES[role], role=role)
        scope.setdefault("state", {}).update(viewer=viewer, csrf="token", deeds=[])
        await self._app(scope, receive, send)


def main(case_dir: str, settings: str, port: str = "0") -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    loaded = config.load(Path.cwd(), {}, Path(settings))
    with floor(Path(case_dir), loaded, SystemClock(), helpers=lambda: ["Lea"]) as services:
        listening = Listening("127.0.0.1", int(port))
        run(make_app(services, ByCookie), listening, lambda address: print(address, flush=True))  # noqa: T201 - read


if __name__ == "__main__":
    main(*sys.argv[1:])
