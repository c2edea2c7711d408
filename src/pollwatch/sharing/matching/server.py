"""The gateway's side of matching: ``POST /match/messages`` takes a message for the inside node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pollwatch.errors import EvidenceError, FormatError, PolicyError
from pollwatch.evidence.keys import Signer
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.caller import caller_of
from pollwatch.sharing.matching import messages
from pollwatch.sharing.matching.box import Box

PATH: Final = "/match/messages"
_BODY_S: Final = 120.0
_T = TypeVar("_T")


class Matching:
    """Answers for a box."""

    def __init__(self, box: Box, charter: Charter, me: Member, key: Signer) -> None:
        """Take messages for a member.

        Args:
            box: where they are kept.
            charter: the one in force.
            me: whose gateway this is.
            key: of the receipts.
        """
        self._box = box
        self._charter = charter
        self._me = me
        self._key = key
        # One message is unpacked at a time: memory stays bounded however many come.
        self._reading = asyncio.Lock()

    def routes(self) -> list[BaseRoute]:
        """Its route."""
        return [Route(PATH, self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Take a message from a member's own node."""
        caller = caller_of(request)
        if not caller.signed:
            raise HTTPException(403, "matching is between nodes: sign the request")
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise HTTPException(411, "say content-length")
        if int(length) > messages.MAX_BYTES:
            raise HTTPException(413, f"a matching message has at most {messages.MAX_BYTES} bytes")
        await run_in_threadpool(self._box.check_room, caller.member, int(length))
        async with self._reading:
            body = await _body(request, int(length))
            receipt = await run_in_threadpool(
                lambda: _checked(lambda: self._box.receive(body, caller.member, self._charter, self._me, self._key))
            )
        return Response(receipt, media_type="text/plain; charset=utf-8", headers={"cache-control": "no-store"})


async def _body(request: Request, length: int) -> bytes:
    received = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                received += chunk
                if len(received) > length:
                    raise HTTPException(413, "more bytes came than were announced")
    except TimeoutError:
        raise HTTPException(408, "the body came too slowly") from None
    return bytes(received)


def _checked(check: Callable[[], _T]) -> _T:
    """What a check gives, or the answer that its failure deserves."""
    try:
        return check()
    except FormatError as error:
        raise HTTPException(400, str(error)) from error
    except (EvidenceError, PolicyError) as error:
        raise HTTPException(403, str(error)) from error
