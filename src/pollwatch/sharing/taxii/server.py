"""The TAXII 2.1 server as an ASGI application: one member's gateway, mounted at ``/taxii2``.

::

    GET         /taxii2/                                               discovery (4.1)
    GET         /taxii2/watch/                                         API root (4.2)
    GET         /taxii2/watch/status/STATUS/                           status of a POST (4.3)
    GET         /taxii2/watch/collections/                             collections (5.1)
    GET         /taxii2/watch/collections/ID/                          a collection (5.2)
    GET         /taxii2/watch/collections/ID/manifest/                 manifest (5.3)
    GET, POST   /taxii2/watch/collections/ID/objects/                  get and add objects (5.4, 5.5)
    GET, DELETE /taxii2/watch/collections/ID/objects/OBJECT/           get and delete an object (5.6, 5.7)
    GET         /taxii2/watch/collections/ID/objects/OBJECT/versions/  versions of an object (5.8)

A request is looked at in this order: who asks (401), what for (404, 405), whether the answer can be read (406),
whether that member may (403, 404), what exactly (400), and only then its body (411 to 422). HEAD is answered wherever
GET is, OPTIONS says what is allowed. Errors say in one TAXII error object what to do about them.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, FormatError, PolicyError, PollwatchError
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.caller import Caller, UnauthenticatedError, caller_of
from pollwatch.sharing.taxii import intake, journal, media, query, resources, times
from pollwatch.sharing.taxii.grants import Grants, Shelf
from pollwatch.sharing.taxii.intake import Candidate, Failure
from pollwatch.sharing.taxii.query import Query, Takes
from pollwatch.sharing.taxii.refusal import RefusedError
from pollwatch.sharing.taxii.store import Page, Store

_BODY_S: Final = 60.0
_PATHS: Final = {
    "discovery": re.compile(r"/taxii2/"),
    "api_root": re.compile(r"/taxii2/watch/"),
    "status": re.compile(r"/taxii2/watch/status/(?P<status>[^/]+)/"),
    "collections": re.compile(r"/taxii2/watch/collections/"),
    "collection": re.compile(r"/taxii2/watch/collections/(?P<collection>[^/]+)/"),
    "manifest": re.compile(r"/taxii2/watch/collections/(?P<collection>[^/]+)/manifest/"),
    "objects": re.compile(r"/taxii2/watch/collections/(?P<collection>[^/]+)/objects/"),
    "object": re.compile(r"/taxii2/watch/collections/(?P<collection>[^/]+)/objects/(?P<object>[^/]+)/"),
    "versions": re.compile(r"/taxii2/watch/collections/(?P<collection>[^/]+)/objects/(?P<object>[^/]+)/versions/"),
}
_FILTERS: Final = Takes.PAGES | Takes.ID | Takes.TYPE | Takes.VERSION | Takes.SPEC_VERSION
_HEADERS: Final = {
    "content-type": media.TAXII,
    "cache-control": "no-store",
    "vary": "Accept, Authorization",
    "x-content-type-options": "nosniff",
}
_CHALLENGE: Final = {"www-authenticate": 'Basic realm="pollwatch", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class Station:
    """What the server needs.

    Attributes:
        me: whose gateway it is.
        charter: the one in force.
        store: its collections.
        clock: for receipts and tombstones.
    """

    me: Member
    charter: Charter
    store: Store
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request whose sender, endpoint and media type are in order."""

    request: Request
    caller: Caller
    parts: dict[str, str]

    def query(self, takes: Takes) -> Query:
        try:
            return query.parse(self.request.scope["query_string"], takes)
        except FormatError as error:
            raise RefusedError(400, "The query is not understood", str(error)) from error


_Handler: TypeAlias = Callable[[_Ask], Awaitable[Response]]


def routes(station: Station) -> list[BaseRoute]:
    """The routes of the server, for the gateway to mount; whoever asks must be known by then (``caller_of``)."""
    app = _Taxii(station)
    below = Route("/taxii2/{path:path}", app)
    # A line break in a path is refused like anything else that is not there: in TAXII's words.
    below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)
    return [Route("/taxii2", app), below]


def is_taxii(path: str) -> bool:
    """Whether a path is the server's: what answers there speaks TAXII, refusals included."""
    return path == "/taxii2" or path.startswith("/taxii2/")


def refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """A no that is said before the request gets here, as a TAXII error object."""
    return _error(RefusedError(status, HTTPStatus(status).phrase, reason, headers))


class _Taxii:
    """The ASGI application."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._store = station.store
        # One body is read apart at a time: memory stays bounded however many come.
        self._reading = asyncio.Semaphore(1)
        self._handlers: dict[str, dict[str, _Handler]] = {
            "discovery": {"GET": self._discovery},
            "api_root": {"GET": self._api_root},
            "status": {"GET": self._status},
            "collections": {"GET": self._collections},
            "collection": {"GET": self._collection},
            "manifest": {"GET": self._manifest},
            "objects": {"GET": self._objects, "POST": self._add},
            "object": {"GET": self._object, "DELETE": self._delete},
            "versions": {"GET": self._versions},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RefusedError as refused:
            response = _error(refused)
        except ClientDisconnect:
            return
        except EvidenceError as error:
            # The body is not the one that the caller signed; the door finds that out while it is read.
            response = refusal(403, str(error))
        except PollwatchError:
            # Our own trouble (a full disk): said in general, for it is nobody else's business.
            response = _error(RefusedError(503, "Not now", "try again later", {"retry-after": "60"}))
        if request.method == "HEAD":
            response = Response(status_code=response.status_code, headers=dict(response.headers))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            caller = caller_of(request)
        except UnauthenticatedError as error:
            raise RefusedError(401, "Who asks?", str(error), _CHALLENGE) from error
        name, parts = _endpoint(request.scope["path"])
        handlers = self._handlers[name]
        allow = ", ".join([*handlers, "HEAD", "OPTIONS"])
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": allow})
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            words = f"{request.method[:20]} does nothing here; this takes {allow}"
            raise RefusedError(405, "Method not allowed", words, {"allow": allow})
        if not media.accepts(", ".join(request.headers.getlist("accept"))):
            raise RefusedError(406, "Not acceptable", f"all answers are of {media.TAXII}; accept that")
        return await handler(_Ask(request, caller, parts))

    async def _discovery(self, ask: _Ask) -> Response:
        ask.query(Takes.NOTHING)
        return _ok(resources.discovery(self._station.charter, self._station.me))

    async def _api_root(self, ask: _Ask) -> Response:
        ask.query(Takes.NOTHING)
        return _ok(resources.api_root(self._station.charter, self._station.me))

    async def _status(self, ask: _Ask) -> Response:
        ask.query(Takes.NOTHING)
        found = await run_in_threadpool(self._store.status, ask.parts["status"], ask.caller.member.name)
        if found is None:
            raise RefusedError(404, "No such status", "there is none of this id, it is not yours, or it is too old")
        return _ok(found)

    async def _collections(self, ask: _Ask) -> Response:
        ask.query(Takes.NOTHING)
        shelves = await run_in_threadpool(self._store.collections)
        granted = [(each, self._grants(each, ask.caller)) for each in shelves]
        allowed = [(each, may) for each, may in granted if may.can_read or may.can_write]
        return _ok(resources.collections(allowed, self._station.charter))

    async def _collection(self, ask: _Ask) -> Response:
        shelf, grants = await self._shelf(ask)
        ask.query(Takes.NOTHING)
        return _ok(resources.collection(shelf, grants, self._station.charter))

    async def _manifest(self, ask: _Ask) -> Response:
        shelf = await self._readable(ask)
        wanted = ask.query(_FILTERS)
        page = await run_in_threadpool(self._store.page, shelf, wanted, bodies=False)
        return _paged(resources.manifest(page, _next(page)), page, wanted)

    async def _objects(self, ask: _Ask) -> Response:
        shelf = await self._readable(ask)
        wanted = ask.query(_FILTERS)
        page = await run_in_threadpool(self._store.page, shelf, wanted)
        return _paged(resources.envelope(page, _next(page)), page, wanted)

    async def _object(self, ask: _Ask) -> Response:
        shelf = await self._readable(ask)
        wanted = ask.query(Takes.PAGES | Takes.VERSION | Takes.SPEC_VERSION)
        page = await self._page_of_one(ask, shelf, wanted, bodies=True)
        return _paged(resources.envelope(page, _next(page)), page, wanted)

    async def _versions(self, ask: _Ask) -> Response:
        shelf = await self._readable(ask)
        wanted = ask.query(Takes.PAGES | Takes.SPEC_VERSION)
        everything = Query(query.Filter((), (), wanted.filter.spec_versions, ("all",)), wanted.after_us, wanted.limit)
        page = await self._page_of_one(ask, shelf, everything, bodies=False)
        return _paged(resources.versions(page, _next(page)), page, wanted)

    async def _page_of_one(self, ask: _Ask, shelf: Shelf, wanted: Query, *, bodies: bool) -> Page:
        """Versions of one object. None found is an empty page (5.6), unless they were deleted (5.7)."""
        name = ask.parts["object"]
        page = await run_in_threadpool(self._store.page, shelf, wanted, name, bodies=bodies)
        if not page.rows:
            gone = not await run_in_threadpool(self._store.holds, shelf, name)
            if not gone and wanted.filter.versions:
                gone = await run_in_threadpool(self._store.buried, shelf, name, wanted.filter.versions)
            if gone:
                raise RefusedError(404, "No such object", "this collection has no such object, or it was deleted")
        return page

    async def _add(self, ask: _Ask) -> Response:
        shelf, grants = await self._shelf(ask)
        if not grants.can_write:
            raise RefusedError(403, "Not yours to write", "you may read this collection, not write to it")
        ask.query(Takes.NOTHING)
        body = await _envelope_of(ask.request)
        async with self._reading:
            status = await run_in_threadpool(self._take, shelf, ask.caller, body)
        return Response(status, 202, _HEADERS)

    def _take(self, shelf: Shelf, caller: Caller, body: bytes) -> bytes:
        """Check what was posted and keep what can be kept; the status resource."""
        request = self._request(shelf, caller)
        try:
            listed = intake.read_envelope(body)
        except FormatError as error:
            raise RefusedError(422, "No envelope of STIX objects", str(error)) from error
        offered = [self._offered(place, each, shelf, caller) for place, each in enumerate(listed)]
        return self._store.add(shelf, request, offered)

    def _offered(self, place: int, value: object, shelf: Shelf, caller: Caller) -> Candidate | Failure:
        try:
            found = intake.candidate(value)
            assert isinstance(value, dict)  # noqa: S101 - candidate() has checked it
            intake.admit(value, caller.member, self._station.charter, shelf.terms.tlp, signed=caller.signed)
        except (FormatError, PolicyError, EvidenceError) as error:
            return intake.failure(place, value, str(error))
        return found

    async def _delete(self, ask: _Ask) -> Response:
        shelf, grants = await self._shelf(ask)
        if not (grants.can_read and grants.can_write):
            raise RefusedError(403, "Not yours to delete", "only who may read and write a collection deletes from it")
        wanted = ask.query(Takes.VERSION | Takes.SPEC_VERSION)
        request = self._request(shelf, ask.caller)
        removed = 0
        if wanted.filter.possible:
            name, versions = ask.parts["object"], wanted.filter.versions
            try:
                removed = await run_in_threadpool(self._store.delete, shelf, request, name, versions)
            except PolicyError as error:
                raise RefusedError(403, "Not yours to delete", str(error)) from error
        if not removed:
            raise RefusedError(404, "No such object", "this collection has no such version of such an object")
        return _ok(b"")

    def _request(self, shelf: Shelf, caller: Caller) -> journal.Request:
        now_us = self._station.clock.now_us()
        return journal.Request(str(uuid.uuid4()), shelf.id, caller.member.name, caller.signed, now_us)

    def _grants(self, shelf: Shelf, caller: Caller) -> Grants:
        return shelf.terms.grants(caller.member.name)

    async def _shelf(self, ask: _Ask) -> tuple[Shelf, Grants]:
        """The collection that is asked for; whoever may do nothing with it learns nothing of it."""
        shelf = await run_in_threadpool(self._store.collection, ask.parts["collection"])
        grants = None if shelf is None else self._grants(shelf, ask.caller)
        if shelf is None or grants is None or not (grants.can_read or grants.can_write):
            raise RefusedError(404, "No such collection", "there is none of this id or alias that you may use")
        return shelf, grants

    async def _readable(self, ask: _Ask) -> Shelf:
        shelf, grants = await self._shelf(ask)
        if not grants.can_read:
            raise RefusedError(403, "Not yours to read", "you may write to this collection, not read it")
        return shelf


def _endpoint(path: str) -> tuple[str, dict[str, str]]:
    for name, pattern in _PATHS.items():
        found = pattern.fullmatch(path)
        if found is not None:
            return name, found.groupdict()
    if not path.endswith("/") and any(pattern.fullmatch(f"{path}/") for pattern in _PATHS.values()):
        raise RefusedError(404, "Not found", "the path of every TAXII endpoint ends in a slash; add it")
    raise RefusedError(404, "Not found", f"there is no such endpoint; begin at {resources.DISCOVERY}")


async def _envelope_of(request: Request) -> bytes:
    """The body of a POST, as long as it says what it is, stays small and comes soon."""
    types = request.headers.getlist("content-type")
    if len(types) != 1 or not media.is_envelope(types[0]):
        raise RefusedError(415, "Unsupported media type", f"post an envelope of {media.TAXII}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise RefusedError(
            415, "Unsupported encoding", "post the envelope uncompressed", {"accept-encoding": "identity"}
        )
    too_large = RefusedError(413, "Too large", f"an envelope has at most {intake.MAX_BYTES} bytes (max_content_length)")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > intake.MAX_BYTES:
        raise too_large
    received = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                received += chunk
                if len(received) > intake.MAX_BYTES:
                    raise too_large
    except TimeoutError:
        raise RefusedError(408, "Too slow", f"an envelope comes within {_BODY_S:.0f} s") from None
    return bytes(received)


def _next(page: Page) -> str:
    return query.next_from(page.rows[-1].added_us) if page.more else ""


def _paged(body: bytes, page: Page, wanted: Query) -> Response:
    """A page with its headers (3.2). An empty page has them too: the place from which to ask again."""
    first = last = wanted.after_us or 0
    if page.rows:
        first, last = page.rows[0].added_us, page.rows[-1].added_us
    dates = {
        "x-taxii-date-added-first": times.timestamp(first),
        "x-taxii-date-added-last": times.timestamp(last),
    }
    return Response(body, 200, {**_HEADERS, **dates})


def _ok(body: bytes) -> Response:
    return Response(body, 200, _HEADERS)


def _error(refusal: RefusedError) -> Response:
    body = resources.error(refusal.status, refusal.title, refusal.description)
    return Response(body, refusal.status, {**_HEADERS, **refusal.headers})
