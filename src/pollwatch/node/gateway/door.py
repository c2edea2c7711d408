"""The door: nobody gets past it but members, who show by each request that it is theirs.

What is open to everybody commits to things and tells nothing: the charter, checkpoints, and the mirror's key. A
submission to the witness needs no signed request, since it is signed by the log that it is about. Reading logs works
whichever charter the other side holds, so that no member is unwatched while charters change; everything else needs
the same one.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pollwatch.clock import Clock
from pollwatch.errors import PollwatchError, SignatureError
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.node.gateway.answers import refusal, status_of
from pollwatch.sharing import signedrequest
from pollwatch.sharing.caller import SCOPE_KEY, Caller, UnauthenticatedError
from pollwatch.sharing.replay import Replays
from pollwatch.sharing.signedrequest import Head

_OPEN: Final = re.compile(
    r"(?:GET|HEAD|OPTIONS) /(?:charter|log/(?:checkpoint|keys)|mirror/(?:key|.+/checkpoint)"
    r"|witness/[0-9a-f]{64}/checkpoint)"
    r"|POST /witness/add-checkpoint"
)
_ANY_CHARTER: Final = re.compile(r"(?:GET|HEAD) /(?:log|mirror|witness)/.*")


class Door:
    """ASGI middleware that lets in whom the charter knows."""

    def __init__(self, inside: ASGIApp, charter: Charter, me: Member, replays: Replays, clock: Clock) -> None:
        """Stand before an application.

        Args:
            inside: the application.
            charter: the one in force.
            me: whose gateway this is; requests are signed for its address.
            replays: nonces that were seen.
            clock: the time.
        """
        self._inside = inside
        self._charter = charter
        self._me = me
        self._replays = replays
        self._clock = clock
        self._keys = {each.request.fingerprint: each for each in charter.members}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in with its caller, or refuse it."""
        if scope["type"] != "http":
            return
        head = self._head(scope)
        what = f"{head.method} {scope['path']}"
        try:
            caller = self._caller(head)
            if caller is None and not _OPEN.fullmatch(what):
                raise UnauthenticatedError("sign the request with your member's request key (RFC 9421)")
            theirs = head.one(signedrequest.CHARTER)
        except SignatureError as error:
            await self._refuse(UnauthenticatedError(str(error)), scope, receive, send)
            return
        except PollwatchError as error:
            await self._refuse(error, scope, receive, send)
            return
        if caller is not None:
            if theirs != self._charter.digest and not _ANY_CHARTER.fullmatch(what) and not _OPEN.fullmatch(what):
                said = f"here charter {self._charter.digest} is in force; see /charter"
                await refusal(409, said)(scope, receive, send)
                return
            scope[SCOPE_KEY] = caller
            receive = _checking(receive, head.one(signedrequest.DIGEST) or "")
        await self._inside(scope, receive, send)

    def _head(self, scope: Scope) -> Head:
        query = scope["query_string"].decode("latin-1")
        target = self._me.address + scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        return Head(scope["method"], target, fields)

    def _caller(self, head: Head) -> Caller | None:
        parameters = signedrequest.read_parameters(head)
        if parameters is None:
            return None
        member = self._keys.get(parameters.key)
        if member is None:
            raise UnauthenticatedError(f"no member's request key in charter {self._charter.digest} signed this")
        now_us = self._clock.now_us()
        signedrequest.verify(head, parameters, member.request, now_us)
        self._replays.take(member.request, parameters, now_us)
        return Caller(member, signed=True)

    async def _refuse(self, error: PollwatchError, scope: Scope, receive: Receive, send: Send) -> None:
        status, headers = status_of(error)
        said = str(error) if status != 503 else "not now; try again later"
        await refusal(status, said, headers)(scope, receive, send)


def _checking(receive: Receive, digest: str) -> Receive:
    """The same body, but its end comes only if it is the one that was signed."""
    running = hashlib.sha256()

    async def checked() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            running.update(message.get("body", b""))
            if not message.get("more_body", False):
                signedrequest.check_body(digest, running.digest())
        return message

    return checked
