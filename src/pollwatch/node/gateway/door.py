"""The door: nobody gets past it but members, each as often as is its due, and nothing leaves that is not recorded.

A request is looked at in this order: who asks (a signed request, or a client's password over TLS); whether it was that
caller's turn (429); whether anybody may have this (401), under this charter (409), at this stage (403); whether the
caller's lane has a place (429). Only then does its body get read. Whoever is told 429 waits a moment for it, so that a
flood is slowed down to the number of its connections.

What is open to strangers commits to things and tells nothing: the charter, checkpoints, chains of keys, the mirror's
key. A submission to the witness needs no signed request: it is signed by the log that it is about, and the witness asks
for the stage of the member whose log that is. Who signs with a key that the charter here does not name is a stranger:
it may have another key by now, or none any more, and has to find out what was agreed to. Reading logs works whichever
charter the other side holds, so that no member is unwatched while charters change; everything else needs the same one.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from pollwatch.clock import Clock, monotonic_s
from pollwatch.errors import PolicyError, PollwatchError, SignatureError
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.node.gateway.answers import OtherCharterError, refusal, shown, status_of
from pollwatch.node.gateway.crossing import Crossing, checked_body
from pollwatch.sharing import signedrequest, stages
from pollwatch.sharing.caller import SCOPE_KEY, Caller, UnauthenticatedError
from pollwatch.sharing.clients import Passwords
from pollwatch.sharing.egress import Egress
from pollwatch.sharing.limits import Buckets, Lanes, Limits, neighbourhood
from pollwatch.sharing.replay import Replays, TooManyRequestsError
from pollwatch.sharing.signedrequest import Head
from pollwatch.sharing.stages import Gate
from pollwatch.sharing.taxii import server as taxii

_OPEN: Final = re.compile(
    r"(?:GET|HEAD|OPTIONS) /(?:charters?|log/(?:checkpoint|keys)|mirror/(?:key|.+/(?:checkpoint|keys))"
    r"|witness/[0-9a-f]{64}/checkpoint)"
    r"|POST /witness/add-(?:checkpoint|keys)"
)
_ANY_CHARTER: Final = re.compile(r"(?:GET|HEAD) /(?:log|mirror|witness)/.*")
_SLOWED_S: Final = 1.0
_LOOPBACK: Final = {neighbourhood("127.0.0.1"), neighbourhood("::1")}
_STRANGERS: Final = "strangers"


@dataclass(frozen=True, slots=True)
class Known:
    """What the door goes by.

    Attributes:
        charter: the one in force.
        me: whose gateway this is; requests are signed for its address.
        replays: nonces that were seen.
        passwords: of third parties' clients.
        gate: the stages.
        egress: the record of what leaves.
    """

    charter: Charter
    me: Member
    replays: Replays
    passwords: Passwords
    gate: Gate
    egress: Egress


class Door:
    """ASGI middleware that lets in whom the charter knows."""

    def __init__(self, inside: ASGIApp, known: Known, clock: Clock, limits: Limits) -> None:
        """Stand before an application.

        Args:
            inside: the application.
            known: what to go by.
            clock: the time.
            limits: how much each caller gets.
        """
        self._inside = inside
        self._known = known
        self._clock = clock
        self._limits = limits
        self._members = Buckets(limits.member)
        self._strangers = Buckets(limits.stranger)
        self._guesses = Buckets(limits.guess)
        self._lanes = Lanes()
        self._keys = {each.request.fingerprint: each for each in known.charter.members}
        self._crossing = Crossing(known.egress, known.gate, known.me, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in with its caller, or refuse it."""
        if scope["type"] != "http":
            return
        head = self._head(scope)
        what = f"{head.method} {scope['path']}"
        caller: Caller | None = None
        address = neighbourhood(scope["client"][0] if scope["client"] else "")
        try:
            caller = await self._known_caller(head, scope, address)
            self._check(caller, what, head)
            lanes = self._lanes_of(caller, address)
            self._lanes.enter(*lanes)
        except PollwatchError as error:
            await self._refuse(error, caller, scope, receive, send)
            return
        if caller is not None:
            scope[SCOPE_KEY] = caller
            if caller.signed:
                receive = checked_body(receive, head.one(signedrequest.DIGEST) or "")
        try:
            await self._crossing.run(self._inside, caller, scope, receive, send)
        finally:
            self._lanes.leave(*lanes)

    def _head(self, scope: Scope) -> Head:
        query = scope["query_string"].decode("latin-1")
        target = self._known.me.address + scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        return Head(scope["method"], target, fields)

    async def _known_caller(self, head: Head, scope: Scope, address: str) -> Caller | None:
        """Who asks, if it is its turn. Whoever is known has its own bucket, wherever it asks from."""
        try:
            caller = await self._caller(head, scope, address)
        except UnauthenticatedError:
            self._take(self._strangers, address)
            raise
        if caller is None:
            self._take(self._strangers, address)
        elif caller.member != self._known.me:
            self._take(self._members, caller.member.name)
        return caller

    def _take(self, buckets: Buckets, key: str) -> None:
        if wait_s := buckets.take(key, monotonic_s()):
            raise TooManyRequestsError(f"too many requests; wait {wait_s:.1f} s")

    def _lanes_of(self, caller: Caller | None, address: str) -> tuple[tuple[str, int], ...]:
        if caller is not None:
            return ((f"member {caller.member.name}", self._limits.lane),)
        return ((address, self._limits.lane), (_STRANGERS, self._limits.strangers))

    async def _caller(self, head: Head, scope: Scope, address: str) -> Caller | None:
        try:
            parameters = signedrequest.read_parameters(head)
            authorization = head.one("authorization")
            if parameters is not None:
                return self._signer(head, parameters, scope["path"])
        except SignatureError as error:
            raise UnauthenticatedError(str(error)) from error
        if authorization is None:
            return None
        if scope["scheme"] != "https" and not (self._limits.plain_loopback and address in _LOOPBACK):
            raise PolicyError("passwords are taken over TLS only; this one is known to others now: have it replaced")
        name = self._known.passwords.known(authorization)
        if name is None:
            self._take(self._guesses, address)
            name = await run_in_threadpool(self._known.passwords.check, authorization)
        return Caller(self._known.charter.member(name), signed=False)

    def _signer(self, head: Head, parameters: signedrequest.Parameters, path: str) -> Caller | None:
        member = self._keys.get(parameters.key)
        if member is None and _OPEN.fullmatch(f"{head.method} {path}"):
            return None
        if member is None:
            raise UnauthenticatedError(f"no member's request key in charter {self._known.charter.digest} signed this")
        now_us = self._clock.now_us()
        signedrequest.verify(head, parameters, member.request, now_us)
        self._known.replays.take(member.request, parameters, now_us)
        return Caller(member, signed=True)

    def _check(self, caller: Caller | None, what: str, head: Head) -> None:
        if caller is None:
            if not _OPEN.fullmatch(what):
                raise UnauthenticatedError("sign the request with your member's request key (RFC 9421)")
            return
        same = not caller.signed or head.one(signedrequest.CHARTER) == self._known.charter.digest
        if not same and not _OPEN.fullmatch(what) and not _ANY_CHARTER.fullmatch(what):
            raise OtherCharterError(f"here charter {self._known.charter.digest} is in force; see /charter")
        if caller.member != self._known.me:
            method, path = what.split(" ", 1)
            self._known.gate.check(caller.member, stages.inbound("GET" if method == "HEAD" else method, path))

    async def _refuse(
        self, error: PollwatchError, caller: Caller | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        status, headers = status_of(error)
        if status == 429:
            await asyncio.sleep(_SLOWED_S)
            headers = {**headers, "connection": "close"}
        no = taxii.refusal if taxii.is_taxii(scope["path"]) else refusal
        await self._crossing.run(no(status, shown(error), headers), caller, scope, receive, send)
