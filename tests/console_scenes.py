"""Scenes of the console: an app asked without a network, and a viewer whom the test chooses."""

from __future__ import annotations

import asyncio
import html
import itertools
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TypeVar, cast

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from pollwatch.clock import ManualClock
from pollwatch.config import Config
from pollwatch.console.access import Role, Viewer
from pollwatch.console.accounts.account import Account
from pollwatch.console.accounts.desk import Desk
from pollwatch.console.accounts.entering import guarded_app
from pollwatch.console.accounts.passwords import Cost, Passwords
from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.console.services import Services
from pollwatch.incidents.records import Case
from pollwatch.node.floor.entrance import desk_of, entrance_of
from pollwatch.node.floor.opening import floor
from pollwatch.node.gateway.connection import Connections

_T = TypeVar("_T")
ORIGIN = "http://127.0.0.1:8080"


def run(asking: Coroutine[object, object, _T]) -> _T:
    """The outcome of something asynchronous; in a thread of its own, since a browser's loop may be running in ours."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asking).result()


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

    return run(asking())


#: Hashing a password costs next to nothing: what is looked at is what happens, not how long it takes.
CHEAP = Cost(passes=1, memory_kib=8, lanes=1)
PASSWORD = "copper lantern walks tuesday"  # noqa: S105 - of people who do not exist
NOW_US = 1_793_700_000_000_000
_PLACES = itertools.count()
_TOKEN = re.compile(r'<meta name="csrf" content="([^"]+)">')


@dataclass(frozen=True, slots=True)
class Hall:
    """A console with its entrance over a case, and the clock that it goes by."""

    app: FastAPI
    desk: Desk
    clock: ManualClock
    case_dir: Path
    services: Services

    def visitor(self, role: Role) -> Visitor:
        """Somebody of this role, signed in."""
        name = f"{role.value}-{len(self.desk.accounts.all())}"
        self.account(name, role)
        return Visitor(self.app).signed_in(name)

    def account(self, name: str, role: Role = Role.CLERK, password: str = PASSWORD) -> Account:
        """Somebody with a password."""
        made = self.desk.accounts.add(name, role, name.capitalize())
        self.desk.accounts.set_password(made.id, Passwords(CHEAP).hashed(password))
        return made


@contextmanager
def hall(
    case_dir: Path,
    settings: AccessSettings | None = None,
    config: Config | None = None,
    reread: Callable[[], Config] | None = None,
) -> Iterator[Hall]:
    """A console over a case, which is made where there is none; nobody needs a second factor unless settings say so."""
    clock = ManualClock(NOW_US)
    Case.open(case_dir, clock).close()
    access = settings or AccessSettings(second_factor=frozenset())
    with (
        floor(case_dir, config or Config(), clock, reread) as services,
        desk_of(case_dir, access, clock, CHEAP) as desk,
    ):
        yield Hall(guarded_app(services, entrance_of(desk)), desk, clock, case_dir, services)


class Visitor:
    """A browser without scripts: it keeps cookies, follows nothing by itself, and sends forms with their token."""

    def __init__(self, app: ASGIApp, origin: str = ORIGIN, address: str = "") -> None:
        """Nobody yet; somewhere else than everybody before, where nothing is said."""
        self.app, self.origin = app, origin
        self.address = address or "10.{}.{}.7".format(*divmod(next(_PLACES), 256))
        self.cookies: dict[str, str] = {}
        self.token = ""

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Look at a page."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, form: Mapping[str, object] | None = None, **headers: str) -> httpx.Response:
        """Send a form of the page that was looked at last."""
        return self.send("POST", path, form={"csrf": self.token, **(form or {})}, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Any request; what it sets is kept."""

        async def asking() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(self.address, 4711), raise_app_exceptions=False)
            jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            sent = {**({"cookie": jar} if jar else {}), **(headers or {})}
            async with httpx.AsyncClient(transport=transport, base_url=self.origin) as client:
                return await client.request(method, path, headers=sent, data=form, content=content)

        answer = run(asking())
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        if found := _TOKEN.search(answer.text):
            self.token = html.unescape(found[1])
        return answer

    def sign_in(self, name: str, password: str = PASSWORD, then: str = "/me") -> httpx.Response:
        """By name and password."""
        self.get("/sign-in")
        return self.post("/sign-in", {"name": name, "password": password, "next": then})

    def signed_in(self, name: str, password: str = PASSWORD) -> Visitor:
        """The same, and it worked."""
        answer = self.sign_in(name, password)
        assert answer.status_code == 303, answer.text
        self.get("/me")
        return self


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """An app on a real socket of this machine, until the block ends; gives its address, by a name."""
    config = uvicorn.Config(
        app,
        port=0,
        log_level="critical",
        lifespan="off",
        server_header=False,
        access_log=False,
        http=cast("type[asyncio.Protocol]", Connections().protocol),
        h11_max_incomplete_event_size=32 << 10,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join()
