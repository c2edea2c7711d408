"""The gateway: all that other members can reach.

::

    GET  /charter                           the charter in force
    GET  /log/checkpoint, /log/tile/...     the shared log (tlog-tiles; :mod:`pollwatch.node.readpath`)
    POST /witness/add-checkpoint            cosign another member's checkpoint (tlog-witness)
    GET  /witness/HASH/checkpoint           what was cosigned last (tlog-witness, monitoring)
    GET  /mirror/key                        the mirror's key, under the gateway's signature
    POST /mirror/add-checkpoint             what a member's log is about to be (tlog-mirror)
    POST /mirror/add-entries                its entries; cosigned when all of them are here (tlog-mirror)
    GET  /mirror/ORIGIN/checkpoint, tile/   what is mirrored, whatever became of the original (tlog-tiles)
    POST /inbox                             deliver a STIX bundle; answers with a signed receipt

It has the shared log, the mailbox and three keys, and no way to the case, the private log or the statement key.
Every request is bounded in size and time before it is believed; what is refused is told why in one line.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, FormatError, PolicyError, PollwatchError
from pollwatch.evidence import mirrorrequest
from pollwatch.evidence import request as requests
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.mirror import Mirror
from pollwatch.evidence.published import Published
from pollwatch.evidence.witness import Witness
from pollwatch.node import readpath, serving
from pollwatch.node.jointfolder import GatewayMembership
from pollwatch.node.readpath import METHODS, ReadPath
from pollwatch.node.serving import FRESH, refused, unavailable
from pollwatch.sharing.delivery import CHARTER_HEADER, NOTE_HEADER, open_delivery
from pollwatch.sharing.inbox import Mailbox, MailboxFullError
from pollwatch.sharing.mirrorkey import make_key_note
from pollwatch.stix import bundle

_BODY_S: Final = 30.0
_NOTE: Final = "text/plain; charset=utf-8"
_MAX_UPLOAD: Final = 16 << 20  # compressed
_T = TypeVar("_T")


class Gateway:
    """The handlers of one member's gateway."""

    def __init__(self, membership: GatewayMembership, clock: Clock) -> None:
        """Open witness state and mailbox.

        Raises:
            StoreError: they cannot be opened.
        """
        self._me = membership.me
        self._charter = membership.charter
        self._log = ReadPath(Published(membership.folder.public))
        self._keys = membership.keys
        self._mailbox = Mailbox(membership.folder.mailbox, clock)
        others = membership.charter.charter.others(membership.me.name)
        self._witness = Witness(
            membership.folder.witness, (membership.keys.witness,), clock, [each.log for each in others]
        )
        mirror_key = _mirror_key(membership)
        self._mirror_note = make_key_note(mirror_key.verifier, membership.keys.gateway)
        self._mirror = Mirror(membership.folder.mirror, (mirror_key,), clock, [each.log for each in others])
        # One upload is unpacked at a time: memory stays bounded however many come.
        self._unpacking = asyncio.Lock()

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/charter", self.charter),
            *self._log.routes("/log"),
            Route("/witness/add-checkpoint", self.add_checkpoint, methods=["POST"]),
            Route("/witness/{log}/checkpoint", self.witnessed, methods=list(METHODS)),
            Route("/mirror/key", self.mirror_key),
            Route("/mirror/add-checkpoint", self.mirror_checkpoint, methods=["POST"]),
            Route("/mirror/add-entries", self.mirror_entries, methods=["POST"]),
            Route("/mirror/{path:path}", self.mirrored, methods=list(METHODS)),
            Route("/inbox", self.inbox, methods=["POST"]),
        ]
        handlers = {HTTPException: refused, MailboxFullError: _full, PollwatchError: unavailable}
        return Starlette(routes=routes, exception_handlers=handlers)

    async def charter(self, _request: Request) -> Response:
        """The charter in force."""
        return Response(self._charter.to_bytes(), media_type=_NOTE, headers=FRESH)

    async def add_checkpoint(self, request: Request) -> Response:
        """Cosign a member's checkpoint, if its log has merely grown."""
        body = await _body(request, requests.MAX_BYTES)
        answer = await run_in_threadpool(self._witness.add_checkpoint, body)
        return Response(answer.body, answer.status, headers={**FRESH, "content-type": answer.content_type})

    async def witnessed(self, request: Request) -> Response:
        """The checkpoint of a member's log that was cosigned last."""
        found = await run_in_threadpool(self._witness.monitoring, request.path_params["log"])
        return await run_in_threadpool(readpath.relay, request, request.url.path, found)

    async def mirror_key(self, _request: Request) -> Response:
        """The mirror's key, vouched for by the gateway's."""
        return Response(self._mirror_note, media_type=_NOTE, headers=FRESH)

    async def mirror_checkpoint(self, request: Request) -> Response:
        """Note what a member's log is about to be; its entries come next."""
        body = await _body(request, requests.MAX_BYTES)
        answer = await run_in_threadpool(self._mirror.add_checkpoint, body)
        return Response(answer.body, answer.status, headers={**FRESH, "content-type": answer.content_type})

    async def mirror_entries(self, request: Request) -> Response:
        """Keep entries of a member's log, if they are those that it signed for."""
        packed = await _body(request, _MAX_UPLOAD)
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        async with self._unpacking:
            body = await run_in_threadpool(_unpacked, packed, encoding)
            answer = await run_in_threadpool(self._mirror.add_entries, body)
        return Response(answer.body, answer.status, headers={**FRESH, "content-type": answer.content_type})

    async def mirrored(self, request: Request) -> Response:
        """A file of a mirrored log; tiles never change, the checkpoint does."""
        path = request.path_params["path"]
        found = await run_in_threadpool(self._mirror.read, path)
        return await run_in_threadpool(readpath.relay, request, path, found)

    async def inbox(self, request: Request) -> Response:
        """Take a delivery. The sender's signature is checked before its body is read."""
        theirs = request.headers.get(CHARTER_HEADER, "")
        if theirs and theirs != self._charter.charter.digest:
            raise HTTPException(409, f"here charter {self._charter.charter.digest} is in force; see /charter")
        note = request.headers.get(NOTE_HEADER, "")
        if not note:
            raise HTTPException(401, f"a delivery carries its sender's signed note in the header {NOTE_HEADER}")
        delivery, sender = _checked(lambda: open_delivery(note, self._charter.charter, self._me))
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise HTTPException(411, "say content-length")
        if int(length) > bundle.MAX_BYTES:
            raise HTTPException(413, f"a delivery has at most {bundle.MAX_BYTES} bytes")
        await run_in_threadpool(self._mailbox.check_room, sender, int(length))
        body = await _body(request, bundle.MAX_BYTES)
        charter, key = self._charter.charter, self._keys.gateway
        receipt = await run_in_threadpool(_checked, lambda: self._mailbox.receive(delivery, sender, body, charter, key))
        return Response(receipt, media_type=_NOTE, headers=FRESH)


def _mirror_key(membership: GatewayMembership) -> Signer:
    """The mirror's key; made the first time, since the charter does not name it."""
    path = membership.folder.mirror_key
    if not path.exists():
        handle = membership.keys.gateway.name.rpartition("/")[0]
        Signer.generate(f"{handle}/mirror", KeyType.COSIGNATURE).save(path)
    return Signer.load(path)


def _unpacked(packed: bytes, encoding: str) -> bytes:
    """An upload without its compression, never larger than one may be."""
    if encoding == "identity":
        return packed
    if encoding != "gzip":
        raise HTTPException(415, "uploads are compressed with gzip, or not at all", {"accept-encoding": "gzip"})
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(packed, mirrorrequest.MAX_BYTES + 1)
    except zlib.error:
        raise HTTPException(400, "the upload is no gzip stream") from None
    if len(body) > mirrorrequest.MAX_BYTES:
        raise HTTPException(413, f"unpacked, an upload has at most {mirrorrequest.MAX_BYTES} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise HTTPException(400, "the upload is cut off, or goes on after its gzip stream")
    return body


def _checked(check: Callable[[], _T]) -> _T:
    """What a check gives, or the answer that its failure deserves."""
    try:
        return check()
    except MailboxFullError as error:
        raise HTTPException(429, str(error), {"retry-after": "300"}) from error
    except FormatError as error:
        raise HTTPException(400, str(error)) from error
    except (EvidenceError, PolicyError) as error:
        raise HTTPException(403, str(error)) from error


async def _body(request: Request, limit: int) -> bytes:
    """The whole body, as long as it stays small and comes soon."""
    received = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                received += chunk
                if len(received) > limit:
                    raise HTTPException(413, f"at most {limit} bytes")
    except TimeoutError:
        raise HTTPException(408, "the body came too slowly") from None
    return bytes(received)


async def _full(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("not now; try again later\n", 429, FRESH)


def serve(case_dir: Path, host: str, port: int, clock: Clock, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    Args:
        case_dir: the member's folder.
        host: address to listen on.
        port: port to listen on; 0 = any free one.
        clock: for cosignatures and receipts.
        ready: told the address once it listens.

    Raises:
        ConfigError: no charter is in force here.
        SystemExit: the port is taken (uvicorn says so on stderr).
    """
    app = Gateway(GatewayMembership.open(case_dir), clock).app()
    serving.run(app, host, port, ready)
