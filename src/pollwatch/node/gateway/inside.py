"""What the inside node asks of its own gateway, where that stands elsewhere; for everybody else there is nothing here.

::

    GET, PUT     /inside/files/NAME        what is pushed: charters, stages, clients, the shared log
    DELETE       /inside/files/log/        forget the shared log
    GET          /inside/mail, /NUMBER     deliveries that wait, and the body of one
    DELETE       /inside/mail/NUMBER       it was taken in
    DELETE       /inside/mail?sender=NAME  forget what a member delivered, which has left
    GET          /inside/messages, /NUMBER messages of private matching, and the body of one
    DELETE       /inside/messages/NUMBER   it was taken in
    GET          /inside/seen?log=VKEY     what the witness cosigned and refused of a log
    GET, DELETE  /inside/left?before_us=T  the record of what was answered
    POST         /inside/collections/CALL  a call of the collections (:mod:`pollwatch.node.gateway.outpostshelves`)

Each does to the gateway's folder what :class:`pollwatch.node.gateway.outpost.FolderOutpost` does on one machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pollwatch.evidence.keychain import KnownLog
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES, WIDTH
from pollwatch.members.member import Member
from pollwatch.node.gateway import outpostshelves
from pollwatch.node.gateway.answers import body_of, checked
from pollwatch.node.gateway.outpost import LOG, FolderOutpost
from pollwatch.node.gateway.serving import FRESH
from pollwatch.sharing.caller import caller_of
from pollwatch.sharing.taxii.store import Store

_MAX_FILE: Final = WIDTH * (2 + MAX_ENTRY_BYTES)
_T = TypeVar("_T")
_Work = Callable[[Request], Awaitable[Response]]


class Inside:
    """Answers the inside node."""

    def __init__(self, outpost: FolderOutpost, store: Store, me: Member) -> None:
        """Answer this member's own node.

        Args:
            outpost: the gateway's folder.
            store: its collections.
            me: whose node.
        """
        self._outpost = outpost
        self._store = store
        self._me = me

    def routes(self) -> list[BaseRoute]:
        """Its routes."""
        return [
            self._route("/files/{name:path}", self._files, "GET", "PUT", "DELETE"),
            self._route("/mail", self._mail, "GET", "DELETE"),
            self._route("/mail/{number:int}", self._one_mail, "GET", "DELETE"),
            self._route("/messages", self._messages, "GET"),
            self._route("/messages/{number:int}", self._one_message, "GET", "DELETE"),
            self._route("/seen", self._seen, "GET"),
            self._route("/left", self._left, "GET", "DELETE"),
            self._route("/collections/{call}", self._collections, "POST"),
        ]

    def _route(self, path: str, work: _Work, *methods: str) -> Route:
        async def only_for_us(request: Request) -> Response:
            caller = caller_of(request)
            if not caller.signed or caller.member != self._me:
                raise HTTPException(404, "not here")
            return await work(request)

        return Route(f"/inside{path}", only_for_us, methods=list(methods))

    async def _files(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "PUT":
            data = await body_of(request, _MAX_FILE)
            await _do(lambda: self._outpost.write(name, data))
            return _nothing()
        if request.method == "DELETE":
            if name != LOG:
                raise HTTPException(405, "only the log can be forgotten", {"allow": "GET, PUT"})
            await _do(self._outpost.restart_log)
            return _nothing()
        found = await _do(lambda: self._outpost.read(name))
        if found is None:
            raise HTTPException(404, "not here")
        return Response(found, media_type="application/octet-stream", headers=FRESH)

    async def _mail(self, request: Request) -> Response:
        if request.method == "DELETE":
            sender = request.query_params.get("sender", "")
            await _do(lambda: self._outpost.forget_mail(sender))
            return _nothing()
        fetched = request.query_params.get("fetched") == "1"
        return _json(await _do(lambda: self._outpost.mail(fetched=fetched)))

    async def _one_mail(self, request: Request) -> Response:
        number = request.path_params["number"]
        if request.method == "DELETE":
            await _do(lambda: self._outpost.mail_done(number))
            return _nothing()
        return _json(await _do(lambda: self._outpost.one_mail(number)))

    async def _messages(self, _request: Request) -> Response:
        return _json(await _do(self._outpost.messages))

    async def _one_message(self, request: Request) -> Response:
        number = request.path_params["number"]
        if request.method == "DELETE":
            await _do(lambda: self._outpost.message_done(number))
            return _nothing()
        return _json(await _do(lambda: self._outpost.one_message(number)))

    async def _seen(self, request: Request) -> Response:
        log = checked(lambda: Verifier.parse(request.query_params.get("log", "")))
        following = bytes.fromhex(request.query_params.get("following", "")) or None
        return _json(await _do(lambda: self._outpost.seen(KnownLog(log, following))))

    async def _collections(self, request: Request) -> Response:
        arguments, name = await body_of(request, _MAX_FILE), request.path_params["call"]
        found = await _do(lambda: outpostshelves.answer(self._store, name, arguments))
        return Response(found, media_type="application/json", headers=FRESH)

    async def _left(self, request: Request) -> Response:
        before_us, skip = _number(request, "before_us"), _number(request, "skip")
        if request.method == "DELETE":
            await _do(lambda: self._outpost.left_done(before_us))
            return _nothing()
        return _json(await _do(lambda: self._outpost.left(before_us, skip)))


async def _do(work: Callable[[], _T]) -> _T:
    return await run_in_threadpool(lambda: checked(work))


def _json(found: object) -> Response:
    return Response(msgspec.json.encode(found), media_type="application/json", headers=FRESH)


def _nothing() -> Response:
    return Response(status_code=204, headers=FRESH)


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not text.isdecimal() or len(text) > 18:
        raise HTTPException(400, f"{name} is a number")
    return int(text)
