"""The witness and the mirror: what this member says of the others' logs, and its copies of them.

::

    POST /witness/add-checkpoint            cosign another member's checkpoint (tlog-witness)
    POST /witness/add-keys                  how the keys of a member's log have changed, for witness and mirror
    GET  /witness/HASH/checkpoint           what was cosigned last (tlog-witness, monitoring)
    GET  /mirror/key                        the mirror's key, under the gateway's signature
    POST /mirror/add-checkpoint             what a member's log is about to be (tlog-mirror)
    POST /mirror/add-entries                its entries; cosigned when all of them are here (tlog-mirror)
    GET  /mirror/ORIGIN/checkpoint, tile/   what is mirrored, whatever became of the original (tlog-tiles)
    GET  /mirror/ORIGIN/keys                the key links of that log

What is submitted needs no signed request, for the log itself has signed it. So the stage is asked for the member whose
log it is (its origin says so), whoever brings it: nothing is cosigned for a member that was severed.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pollwatch.errors import EvidenceError
from pollwatch.evidence import keychain, mirrorrequest
from pollwatch.evidence import request as requests
from pollwatch.evidence.keychain import Link
from pollwatch.evidence.mirror import Mirror
from pollwatch.evidence.witness import Witness
from pollwatch.node.gateway.answers import NOTE, body_of, passed_on
from pollwatch.node.gateway.serving import FRESH
from pollwatch.node.logs import readpath
from pollwatch.node.logs.readpath import METHODS

_MAX_UPLOAD: Final = 16 << 20  # compressed


class Witnessing:
    """Answers for a witness and a mirror."""

    def __init__(self, witness: Witness, mirror: Mirror, key_note: bytes, check: Callable[[str], None]) -> None:
        """Answer for these.

        Args:
            witness: cosigns the others' checkpoints.
            mirror: keeps copies of their logs.
            key_note: the mirror's key under the gateway's signature.
            check: lets a log of that origin be cosigned, or raises StageError.
        """
        self._witness = witness
        self._mirror = mirror
        self._key_note = key_note
        self._check = check
        # One upload is unpacked at a time: memory stays bounded however many come.
        self._unpacking = asyncio.Lock()

    def routes(self) -> list[BaseRoute]:
        """Their routes."""
        return [
            Route("/witness/add-checkpoint", self.add_checkpoint, methods=["POST"]),
            Route("/witness/add-keys", self.add_keys, methods=["POST"]),
            Route("/witness/{log}/checkpoint", self.witnessed, methods=list(METHODS)),
            Route("/mirror/key", self.mirror_key),
            Route("/mirror/add-checkpoint", self.mirror_checkpoint, methods=["POST"]),
            Route("/mirror/add-entries", self.mirror_entries, methods=["POST"]),
            Route("/mirror/{path:path}", self.mirrored, methods=list(METHODS)),
        ]

    async def add_checkpoint(self, request: Request) -> Response:
        """Cosign a member's checkpoint, if its log has merely grown."""
        body = await body_of(request, requests.MAX_BYTES)
        self._check(requests.origin_of(body))
        return passed_on(await run_in_threadpool(self._witness.add_checkpoint, body))

    async def add_keys(self, request: Request) -> Response:
        """Follow the change of a log's keys, if its own keys say so."""
        body = await body_of(request, keychain.MAX_FILE)
        with suppress(EvidenceError):  # what is malformed gets its answer below
            for note in keychain.from_file(body)[:1]:
                self._check(Link.of(note).verifier.name)
        answer = await run_in_threadpool(self._witness.add_keys, body)
        if answer.status == HTTPStatus.OK:
            answer = await run_in_threadpool(self._mirror.add_keys, body)
        return passed_on(answer)

    async def witnessed(self, request: Request) -> Response:
        """The checkpoint of a member's log that was cosigned last."""
        found = await run_in_threadpool(self._witness.monitoring, request.path_params["log"])
        return await run_in_threadpool(readpath.relay, request, request.url.path, found)

    async def mirror_key(self, _request: Request) -> Response:
        """The mirror's key, vouched for by the gateway's."""
        return Response(self._key_note, media_type=NOTE, headers=FRESH)

    async def mirror_checkpoint(self, request: Request) -> Response:
        """Note what a member's log is about to be; its entries come next."""
        body = await body_of(request, requests.MAX_BYTES)
        self._check(requests.origin_of(body))
        return passed_on(await run_in_threadpool(self._mirror.add_checkpoint, body))

    async def mirror_entries(self, request: Request) -> Response:
        """Keep entries of a member's log, if they are those that it signed for."""
        packed = await body_of(request, _MAX_UPLOAD)
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        async with self._unpacking:
            body = await run_in_threadpool(_unpacked, packed, encoding)
            return passed_on(await run_in_threadpool(self._mirror.add_entries, body))

    async def mirrored(self, request: Request) -> Response:
        """A file of a mirrored log; tiles never change, the checkpoint does."""
        path = request.path_params["path"]
        found = await run_in_threadpool(self._mirror.read, path)
        return await run_in_threadpool(readpath.relay, request, path, found)


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
