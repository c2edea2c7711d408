"""ASGI: who is looking, and whether what they send is theirs. Every request passes here before any page sees it.

In this order: is this the host that we are; is the request small enough; whose is it (a token under ``/api/``, a
session's cookie everywhere else, never both); does a request that changes something come from a page of ours; and,
around all of it, the trail. It leaves ``viewer``, ``session``, ``cookie``, ``csrf`` and ``caller`` in
``request.state``; pages add ``deeds`` (:func:`pollwatch.console.access.did`).

A request that changes something is refused unless the browser says that it comes from our own origin
(``Sec-Fetch-Site``, ``Origin``) and it carries the token of our own forms. Either would do; both are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pollwatch.console.access import Deed, Viewer
from pollwatch.console.accounts import cookies
from pollwatch.console.accounts.bodies import Body, TooLargeError, TooSlowError
from pollwatch.console.accounts.desk import Desk
from pollwatch.console.accounts.hosts import Hosts
from pollwatch.console.accounts.sessions import Session
from pollwatch.console.accounts.throttle import Caller
from pollwatch.console.accounts.trail import Actor
from pollwatch.i18n import _
from pollwatch.sharing.limits import neighbourhood

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_API: Final = "/api/"
#: What signs in writes its own rows into the trail.
_OWN_ROWS: Final = ("/sign-in", "/welcome")
_MAX_AGENT: Final = 400


@dataclass(frozen=True, slots=True)
class _Known:
    """Who sent a request."""

    viewer: Viewer | None = None
    session: Session | None = None
    refused: bool = False


class Gate:
    """Stands around all pages."""

    def __init__(self, app: ASGIApp, desk: Desk, hosts: Hosts) -> None:
        """Stand around an application.

        Args:
            app: the pages.
            desk: knows who may come in.
            hosts: how this console is called.
        """
        self._app = app
        self._desk = desk
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return  # nothing here speaks websockets
        request = Request(scope)
        try:
            body = Body(request.headers, receive)
            refusal = await self._admit(request, body)
            if refusal is None:
                await self._pass_on(request, body, send)
                return
        except TooLargeError:
            refusal = PlainTextResponse(_("That is too large."), 413, {"connection": "close"})
        except TooSlowError:
            refusal = PlainTextResponse(_("That did not come in time."), 408, {"connection": "close"})
        await refusal(scope, receive, send)

    async def _admit(self, request: Request, body: Body) -> Response | None:
        """Find out who it is; a response where it ends here."""
        host = self._hosts.misdirected(request)
        if host:
            return PlainTextResponse(host, 421)
        cookie = cookies.value_of(request, cookies.SESSION)
        for_programs = request.url.path.startswith(_API)
        known = await run_in_threadpool(self._known, request.headers, cookie, for_programs=for_programs)
        if known.refused:
            return _json_refusal(401, "the token is not known, or its time is over", {"www-authenticate": "Bearer"})
        if not for_programs and request.method not in _SAFE:
            given = request.headers.get("x-csrf-token") or await body.token()
            if not self._hosts.from_own_page(request) or not cookies.token_fits(cookie, given):
                return PlainTextResponse(
                    _("This does not come from a page of this console, or the page is too old. Load it again."),
                    403,
                )
        value = cookie or cookies.new_value()
        request.scope.setdefault("state", {}).update(
            viewer=known.viewer,
            session=known.session,
            cookie=value,
            new_cookie=not cookie and not for_programs and not request.url.path.startswith("/static/"),
            csrf=cookies.form_token(value),
            caller=_caller(request),
            deeds=[],
        )
        return None

    def _known(self, headers: Headers, cookie: str, *, for_programs: bool) -> _Known:
        if for_programs:
            scheme, _space, text = headers.get("authorization", "").partition(" ")
            if not text:
                return _Known()
            viewer = self._desk.program(text.strip()) if scheme.lower() == "bearer" else None
            return _Known(viewer, refused=viewer is None)
        session = self._desk.sessions.find(cookie) if cookie else None
        return _Known() if session is None else _Known(self._desk.viewer(session), session)

    async def _pass_on(self, request: Request, body: Body, send: Send) -> None:
        state = request.scope["state"]
        viewer: Viewer | None = state["viewer"]
        row = None
        path = request.url.path
        if viewer is not None and request.method not in _SAFE and not path.startswith(_OWN_ROWS):
            actor = Actor(viewer.id, viewer.name, viewer.role.value, state["caller"].address)
            row = await run_in_threadpool(self._desk.trail.begin, actor, f"{request.method} {path}")
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if state["new_cookie"]:
                    answer = Response()
                    cookies.give(answer, request, state["cookie"])
                    headers = MutableHeaders(scope=message)
                    name = cookies.name_of(cookies.SESSION, request.url.scheme) + "="
                    if not any(line.startswith(name) for line in headers.getlist("set-cookie")):
                        headers.append("set-cookie", answer.headers["set-cookie"])
            await send(message)

        try:
            await self._app(request.scope, body.receive, sent)
        finally:
            if viewer is not None and (row is not None or state["deeds"]):
                await run_in_threadpool(self._write, viewer, state["caller"], row, status, state["deeds"])

    def _write(self, viewer: Viewer, caller: Caller, row: int | None, status: int, deeds: list[Deed]) -> None:
        """How it ended, in the words of the page where it has any."""
        outcome = "done" if status < 400 else "refused" if status < 500 else "failed"
        actor = Actor(viewer.id, viewer.name, viewer.role.value, caller.address)
        rest = list(deeds)
        if row is not None:
            first = rest.pop(0) if rest else Deed("")
            self._desk.trail.end(row, outcome, first.action, first.about, first.detail)
        for deed in rest:
            self._desk.trail.note(actor, deed.action, deed.about, deed.detail, outcome)


def _caller(request: Request) -> Caller:
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")[:_MAX_AGENT]
    return Caller(neighbourhood(address), address, agent, cookies.value_of(request, cookies.DEVICE))


def _json_refusal(status: int, detail: str, headers: dict[str, str]) -> Response:
    from starlette.responses import JSONResponse  # noqa: PLC0415 - beside its only use

    return JSONResponse({"detail": detail}, status, headers)
