"""``POST /inbox``: take a delivery, a STIX bundle under its sender's note, and answer with a signed receipt."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pollwatch.evidence.keys import Signer
from pollwatch.members.delivery import NOTE_HEADER, open_delivery
from pollwatch.members.member import Member
from pollwatch.members.roll import Roll
from pollwatch.node.gateway.answers import NOTE, body_of, checked
from pollwatch.node.gateway.serving import FRESH
from pollwatch.sharing.caller import caller_of
from pollwatch.sharing.inbox import Mailbox
from pollwatch.stix import bundle


class Receiving:
    """Answers for a mailbox."""

    def __init__(self, mailbox: Mailbox, roll: Roll, me: Member, key: Signer) -> None:
        """Take deliveries for a member.

        Args:
            mailbox: where they are kept.
            roll: the charter in force, and those before it.
            me: whose gateway this is.
            key: of the receipts.
        """
        self._mailbox = mailbox
        self._roll = roll
        self._me = me
        self._key = key

    def routes(self) -> list[BaseRoute]:
        """Its route."""
        return [Route("/inbox", self.inbox, methods=["POST"])]

    async def inbox(self, request: Request) -> Response:
        """Take a delivery. The sender's note is checked before its body is read."""
        caller = caller_of(request)
        note = request.headers.get(NOTE_HEADER, "")
        if not note:
            raise HTTPException(400, f"a delivery carries its sender's signed note in the header {NOTE_HEADER}")
        delivery, sender = checked(lambda: open_delivery(note, self._roll.charter, self._me))
        if not caller.signed or caller.member != sender:
            raise HTTPException(403, f"{caller.member.name} brings a delivery of {sender.name}; each brings its own")
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise HTTPException(411, "say content-length")
        if int(length) > bundle.MAX_BYTES:
            raise HTTPException(413, f"a delivery has at most {bundle.MAX_BYTES} bytes")
        await run_in_threadpool(lambda: checked(lambda: self._mailbox.check_room(sender, int(length))))
        body = await body_of(request, bundle.MAX_BYTES)
        receipt = await run_in_threadpool(
            lambda: checked(lambda: self._mailbox.receive(delivery, sender, body, self._roll, self._key))
        )
        return Response(receipt, media_type=NOTE, headers=FRESH)
