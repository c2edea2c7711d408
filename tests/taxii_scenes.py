"""A TAXII server with two members and an outsider, in this process; and STIX objects to put into it."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from pollwatch.clock import ManualClock, parse_rfc3339
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.members.charter import Charter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role
from pollwatch.members.rules import MatchingRules, Quorum
from pollwatch.sharing.caller import SCOPE_KEY, Caller
from pollwatch.sharing.taxii.grants import EVERYBODY, Shelf, Terms
from pollwatch.sharing.taxii.server import Station, routes
from pollwatch.sharing.taxii.store import Store

NOW_US = parse_rfc3339("2026-11-03T20:00:00Z")
TAXII = "application/taxii+json;version=2.1"
API = "/taxii2/watch/"


@dataclass(frozen=True)
class Actor:
    """A member with its keys."""

    member: Member
    statement: Signer = field(repr=False)
    gateway: Signer = field(repr=False)


def actor(name: str, bloc: str) -> Actor:
    """A member of that name, with new keys."""
    kinds = {"log": KeyType.ED25519, "witness": KeyType.COSIGNATURE, "statement": KeyType.ED25519}
    kinds |= {"gateway": KeyType.ED25519, "request": KeyType.ED25519}
    keys = {use: Signer.generate(f"{name.lower()}/{use}", kind) for use, kind in kinds.items()}
    member = Member(
        name,
        bloc,
        Role.MEMBER,
        f"https://{name.lower()}.example",
        stix_id("identity", int.from_bytes(name.encode()[:3], "big")),
        log=keys["log"].verifier,
        witness=keys["witness"].verifier,
        statement=keys["statement"].verifier,
        gateway=keys["gateway"].verifier,
        request=keys["request"].verifier,
    )
    return Actor(member, keys["statement"], keys["gateway"])


class Door:
    """Stands in for the gateway's door: a name and a password, or a node's signed request (``signed:NAME``)."""

    def __init__(self, app: ASGIApp, charter: Charter) -> None:
        """Let members of a charter in."""
        self._app = app
        self._charter = charter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who asks."""
        given = dict(scope.get("headers", ())).get(b"authorization", b"").decode()
        if given.startswith("Basic "):
            name, _, password = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
            member = next((each for each in self._charter.members if each.name == name), None)
            if member is not None and password in {"password", "signed"}:
                scope[SCOPE_KEY] = Caller(member, signed=password == "signed")  # noqa: S105
        await self._app(scope, receive, send)


def _run(asked: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
    """In a thread of its own: where a browser is open in this one, a loop runs here already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asked).result()


@dataclass(frozen=True)
class Client:
    """Asks an ASGI application, in this process; with the headers that TAXII wants, unless told otherwise."""

    app: ASGIApp
    name: str
    password: str = field(repr=False)

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        """One request."""
        headers = {"accept": TAXII} | more.pop("headers", {})

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="https://alder.example") as client:
                auth = (self.name, self.password) if self.name else None
                kept = {name: value for name, value in headers.items() if value is not None}
                asked = client.build_request(method, url, headers=kept, **more)
                if headers["accept"] is None:
                    del asked.headers["accept"]
                return await client.send(asked, auth=auth)

        return _run(ask())

    def get(self, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        """GET."""
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        """POST an envelope."""
        more["headers"] = {"content-type": TAXII} | more.get("headers", {})
        return self.request("POST", url, **more)

    def delete(self, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        """DELETE."""
        return self.request("DELETE", url, **more)


class Bridge(httpx.BaseTransport):
    """Lets a client that is not asynchronous reach an ASGI application in this process."""

    def __init__(self, app: ASGIApp) -> None:
        """Reach this application."""
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""

        async def ask() -> httpx.Response:
            asked = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            answer = await httpx.ASGITransport(self._app).handle_async_request(asked)
            body = await answer.aread()
            return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))

        return _run(ask())


@dataclass
class Scene:
    """A server at Alder's; Birch and Cedar are the other members."""

    alder: Actor
    birch: Actor
    cedar: Actor
    charter: Charter
    clock: ManualClock
    store: Store
    app: ASGIApp

    def client(self, name: str = "Birch", password: str = "password") -> Client:  # noqa: S107 - made up
        """Whoever asks: a member's third-party client, or with the password ``signed`` its node."""
        return Client(self.app, name, password)

    def shelf(self, title: str = "Indicators", **terms: Any) -> Shelf:  # noqa: ANN401 - fields of Terms
        """A collection that everybody reads and writes, unless said otherwise."""
        usual = {"election": "", "tlp": Tlp.AMBER, "readers": (EVERYBODY,), "writers": (EVERYBODY,)}
        wanted: dict[str, Any] = usual | terms
        return self.store.make_collection(Terms(title, **wanted))


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """A server with no collection yet."""
    alder, birch, cedar = actor("Alder", "east"), actor("Birch", "west"), actor("Cedar", "west")
    charter = Charter(
        "Watch",
        (alder.member, birch.member, cedar.member),
        ("2026",),
        Quorum(2, 2, 0),
        Tlp.AMBER,
        3600,
        NOW_US,
        matching=MatchingRules(),
    )
    clock = ManualClock(NOW_US)
    store = Store(folder / "taxii.sqlite", clock, alder.gateway)
    app = Door(Starlette(routes=routes(Station(alder.member, charter, store, clock))), charter)
    try:
        yield Scene(alder, birch, cedar, charter, clock, store, app)
    finally:
        store.close()


def stix_id(kind: str, number: int) -> str:
    """An id that is the same each time."""
    digits = f"{number:032x}"
    return f"{kind}--{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def indicator(number: int, second: int = 0, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - STIX properties
    """An indicator; ``second`` makes later versions of it."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": stix_id("indicator", number),
        "created": "2026-11-01T00:00:00.000Z",
        "modified": f"2026-11-01T00:{second // 60:02d}:{second % 60:02d}.000Z",
        "name": f"indicator {number}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[ipv4-addr:value = '198.51.{number // 256 % 256}.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": "2026-11-01T00:00:00Z",
    } | more


def objects_url(shelf: Shelf) -> str:
    """The objects endpoint of a collection."""
    return f"{API}collections/{shelf.id}/objects/"


def post(client: Client, shelf: Shelf, *objects: dict[str, Any]) -> dict[str, Any]:
    """Post objects, which must be accepted; the status resource."""
    answer = client.post(objects_url(shelf), json={"objects": list(objects)})
    assert answer.status_code == 202, answer.text
    status: dict[str, Any] = answer.json()
    return status


@dataclass(frozen=True)
class Address:
    """Where a server of its own process is reached.

    Attributes:
        base: URL without a final slash.
        shelf_id: id of the collection that everybody reads and writes.
        process: the server's.
    """

    base: str
    shelf_id: str
    process: subprocess.Popen[bytes]


@contextmanager
def served(folder: Path) -> Iterator[Address]:
    """A TAXII server in a process of its own, over real HTTP; it surely ends."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).with_name("taxii_worker.py")), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            base, shelf_id = process.stdout.readline().decode().split()
            yield Address(base, shelf_id, process)
        finally:
            process.terminate()
