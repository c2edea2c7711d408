"""What crosses the door: a body in is the one that was signed, an answer out is recorded first, and severing ends it.

An answer is gathered, written down in the record of what leaves, and only then sent. While it is under way, its
member's stage is looked at again and again: where it no longer allows the answer, the connection is cut, and what the
machine had still to send is dropped.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pollwatch.clock import Clock
from pollwatch.errors import PollwatchError
from pollwatch.members.member import Member
from pollwatch.node.gateway.answers import refusal, shown, status_of
from pollwatch.sharing import signedrequest, stages
from pollwatch.sharing.caller import Caller
from pollwatch.sharing.egress import Egress, Leaving
from pollwatch.sharing.stages import Gate, Stage, StageError

#: Bytes that are found again by their path.
_FOUND: Final = re.compile(r"/(?:log|mirror/.+)/tile/.*|/taxii2(?:/.*)?|/charter")
_LARGE_BYTES: Final = 1 << 18
_LOOK_S: Final = 0.2
#: The name under which a connection leaves its own end in the state of a scope.
CUT: Final = "pollwatch.cut"


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """An answer that is under way."""

    member: Member
    needs: Stage
    cut: Callable[[], None]


class Crossing:
    """Lets answers out."""

    def __init__(self, egress: Egress, gate: Gate, me: Member, clock: Clock) -> None:
        """Let answers out.

        Args:
            egress: the record.
            gate: the stages.
            me: whose gateway it is; what it fetches itself does not leave.
            clock: the time.
        """
        self._egress = egress
        self._gate = gate
        self._me = me
        self._clock = clock
        self._flights: set[_Flight] = set()
        self._looking: asyncio.Task[None] | None = None

    async def run(self, app: ASGIApp, caller: Caller | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an application answer a request, and its answer out."""
        started: Message = {}
        parts: list[bytes] = []

        async def gather(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._leave(started, b"".join(parts), caller, scope, send)

        if caller is None or caller.member == self._me:
            await app(scope, receive, gather)
            return
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        cut = scope.get("state", {}).get(CUT, _nothing)
        flight = _Flight(caller.member, stages.inbound(method, scope["path"]), cut)
        self._flights.add(flight)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            await app(scope, receive, gather)
        finally:
            self._flights.discard(flight)

    async def _leave(self, started: Message, body: bytes, caller: Caller | None, scope: Scope, send: Send) -> None:
        if caller is None or caller.member != self._me:
            try:
                await self._record(started["status"], b"" if scope["method"] == "HEAD" else body, caller, scope)
            except PollwatchError as error:
                # What cannot be recorded does not leave.
                status, headers = status_of(error)
                await refusal(status, shown(error), headers)(scope, _no_body, send)
                return
        await send(started)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _record(self, status: int, body: bytes, caller: Caller | None, scope: Scope) -> None:
        refused = status >= 400
        query = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        leaving = Leaving(
            self._clock.now_us(),
            "" if caller is None else caller.member.name,
            scope["method"],
            "" if refused else target,
            status,
            body,
            keep=not refused and not _FOUND.fullmatch(scope["path"]),
        )
        if len(body) > _LARGE_BYTES:
            await run_in_threadpool(self._egress.record, leaving)
        else:
            self._egress.record(leaving)

    async def _look(self) -> None:
        while self._flights:
            await asyncio.sleep(_LOOK_S)
            for flight in tuple(self._flights):
                try:
                    self._gate.check(flight.member, flight.needs)
                except StageError:
                    flight.cut()
        self._looking = None


def checked_body(receive: Receive, digest: str) -> Receive:
    """The same body, but its end comes only if it is the one that was signed.

    Args:
        receive: where it comes from.
        digest: the request's ``Content-Digest``.
    """
    running = hashlib.sha256()

    async def checked() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            running.update(message.get("body", b""))
            if not message.get("more_body", False):
                signedrequest.check_body(digest, running.digest())
        return message

    return checked


def _nothing() -> None:
    """A connection that cannot be cut from here."""


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
