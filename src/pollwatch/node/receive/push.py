"""HTTP push: lines, JSON and OTLP logs, with a token; answered once they are on the disk.

- ``POST /v1/logs``: an OTLP export request, ``application/x-protobuf`` or ``application/json``.
- ``POST /v1/push``: lines of text (``text/plain``), one JSON value a line (``application/x-ndjson``), or a JSON array
  or object (``application/json``).

A body may be compressed (``gzip``). With ``X-Batch-Id`` a batch that is sent again, as its answer was lost, is not
written twice. 503 and 429 name in ``Retry-After`` when to come again; everything else that is not 2xx will not do
better the next time.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pollwatch.clock import monotonic_s
from pollwatch.errors import FormatError
from pollwatch.node.receive.counts import Counts
from pollwatch.node.receive.sink import Sink
from pollwatch.node.receive.tokens import GuessingError, NoTokenError, Tokens
from pollwatch.sources import otlp
from pollwatch.sources.interface import MAX_RECORD_BYTES
from pollwatch.sources.spool import Entry, SpoolFullError
from pollwatch.sources.spool_batches import Batch, BatchConflictError

STORED_BYTES: Final = 16 << 20
PLAIN_BYTES: Final = 32 << 20
BODY_S: Final = 60.0
#: Bodies that are being received at a time: memory is bounded by this times what a body may be.
AT_ONCE: Final = 4
_RETRY_S: Final = 2
_PROTOBUF: Final = ("application/x-protobuf", "application/protobuf")
_JSON: Final = "application/json"
_LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain")
#: What curl says of a body where nobody says what it is.
_UNSAID: Final = "application/x-www-form-urlencoded"

Lines = Callable[[bytes], bytes]
"""From a body to lines, each with its end."""


class Push:
    """What answers at one listener."""

    def __init__(self, sink: Sink, counts: Counts, tokens: Tokens) -> None:
        """Serve one source.

        Args:
            sink: takes the lines.
            counts: of the source.
            tokens: who may push.
        """
        self._sink = sink
        self._counts = counts
        self._tokens = tokens
        self._busy = 0

    def app(self) -> Starlette:
        """The application."""
        routes = [
            Route("/v1/logs", self._logs, methods=["POST"]),
            Route("/v1/push", self._push, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _refused})

    async def _logs(self, request: Request) -> Response:
        """OTLP."""
        self._check(request)
        kind = _kind(request)
        if kind not in {*_PROTOBUF, _JSON}:
            raise self._refuse(415, f"send {_PROTOBUF[0]} or {_JSON}")

        def lines(body: bytes) -> bytes:
            return b"".join(otlp.lines(body, is_json=kind == _JSON))

        await self._take(request, lines)
        if kind == _JSON:
            return Response(b"{}", media_type=_JSON)
        return Response(b"", media_type=kind)

    async def _push(self, request: Request) -> Response:
        """Lines and JSON."""
        self._check(request)
        kind = _kind(request)
        if kind not in {*_LINES, _JSON, _UNSAID}:
            raise self._refuse(415, f"send {_JSON} or one of {', '.join(_LINES)}")
        count = await self._take(request, _of_json if kind == _JSON else _of_lines)
        return PlainTextResponse(f"{count} lines taken\n")

    async def _take(self, request: Request, to_lines: Lines) -> int:
        """Receive a body, write its lines, and wait until they are on the disk."""
        if self._sink.crowded or self._busy >= AT_ONCE:
            raise self._refuse(503, "what was sent is not read fast enough; come again", _RETRY_S)
        self._busy += 1
        try:
            body = await self._body(request)
            try:
                lines = await asyncio.to_thread(_checked, to_lines, body)
                named = request.headers.get("x-batch-id") or request.headers.get("idempotency-key")
                entry = Entry(lines, Batch.of(named, lines) if named is not None else None)
            except FormatError as error:
                raise self._refuse(400, str(error)) from error
            del body
            if lines:
                await self._written(entry)
            return lines.count(b"\n")
        finally:
            self._busy -= 1

    def _check(self, request: Request) -> None:
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        shown = token.strip().encode("utf-8", "replace") if scheme.lower() == "bearer" else b""
        address = request.client.host if request.client is not None else "-"
        try:
            self._tokens.check(shown, address, monotonic_s())
        except GuessingError as error:
            raise self._refuse(429, "too many wrong tokens from this address", error.after_s) from error
        except NoTokenError:
            raise self._refuse(401, "show a token: Authorization: Bearer TOKEN") from None

    async def _body(self, request: Request) -> bytes:
        """The body, decompressed; bounded in size before and after, and in time."""
        coding = request.headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"identity", "gzip", ""}:
            raise self._refuse(415, "compress with gzip, or not at all")
        unpack = zlib.decompressobj(wbits=31) if coding == "gzip" else None
        parts: list[bytes] = []
        stored = plain = 0
        try:
            async with asyncio.timeout(BODY_S):
                async for chunk in request.stream():
                    stored += len(chunk)
                    part = chunk if unpack is None else unpack.decompress(chunk, PLAIN_BYTES + 1 - plain)
                    plain += len(part)
                    if stored > STORED_BYTES or plain > PLAIN_BYTES or (unpack is not None and unpack.unconsumed_tail):
                        raise self._refuse(
                            413, f"at most {STORED_BYTES >> 20} MiB, and {PLAIN_BYTES >> 20} MiB when decompressed"
                        )
                    parts.append(part)
        except TimeoutError:
            raise self._refuse(408, f"the body did not come within {BODY_S:.0f} seconds") from None
        except ClientDisconnect:
            raise self._refuse(400, "the connection ended before the body did") from None
        except zlib.error as error:
            raise self._refuse(400, f"the body is no gzip: {error}") from error
        if unpack is not None and (not unpack.eof or unpack.unused_data):
            raise self._refuse(400, "the body is no whole gzip stream, or more than one")
        return b"".join(parts)

    async def _written(self, entry: Entry) -> None:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if answered.done():  # its sender went away meanwhile
                return
            if error is None:
                answered.set_result(None)
            else:
                answered.set_exception(error)

        self._sink.put(b"", entry=entry, answer=lambda error: loop.call_soon_threadsafe(settle, error))
        try:
            await answered
        except BatchConflictError as error:
            raise self._refuse(409, str(error)) from error
        except SpoolFullError:
            raise self._refuse(503, "what was sent is not read fast enough; come again", _RETRY_S) from None

    def _refuse(self, status: int, why: str, after_s: float = 0) -> HTTPException:
        self._counts.refused += 1
        headers = {"retry-after": str(math.ceil(after_s))} if after_s else {}
        if status == 401:
            headers["www-authenticate"] = 'Bearer realm="pollwatch"'
        return HTTPException(status, why, headers)


def _of_lines(body: bytes) -> bytes:
    r"""Lines as they are; empty ones are left out, ``\r\n`` is a line end too, and the last one may lack its own."""
    lines = [line.removesuffix(b"\r") for line in body.split(b"\n")]
    return b"".join(line.replace(b"\0", b"#000") + b"\n" for line in lines if line.strip())


def _of_json(body: bytes) -> bytes:
    """The elements of an array, or one value, as it is written, each on a line of its own."""
    try:
        if body.lstrip().startswith(b"["):
            elements = msgspec.json.decode(body, type=list[msgspec.Raw])
        else:
            elements = [msgspec.json.decode(body, type=msgspec.Raw)] if body.strip() else []
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FormatError(f"the body is not JSON: {error}") from error
    return b"".join(_on_one_line(bytes(each)) + b"\n" for each in elements)


def _on_one_line(value: bytes) -> bytes:
    """A JSON value without the line ends that stand between its tokens; inside of texts JSON allows none."""
    return value.replace(b"\r", b" ").replace(b"\n", b" ")


def _checked(to_lines: Lines, body: bytes) -> bytes:
    lines = to_lines(body)
    if len(lines) > MAX_RECORD_BYTES and max(map(len, lines.split(b"\n"))) > MAX_RECORD_BYTES:
        raise FormatError(f"a record is longer than {MAX_RECORD_BYTES >> 20} MiB")
    return lines


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()


async def _refused(_request: Request, error: Exception) -> Response:
    """One line that says why; of what was sent nothing comes back but what is printable."""
    status, why, headers = (
        (error.status_code, error.detail, error.headers) if isinstance(error, HTTPException) else (500, "", None)
    )
    text = why.encode("ascii", "backslashreplace").decode()[:300].replace("\n", " ")
    return PlainTextResponse(text + "\n", status, {"x-content-type-options": "nosniff", **(headers or {})})
