"""The read path of a tiled log over HTTP (C2SP tlog-tiles), as caches, browsers and other people's readers ask for it.

A tile never changes and may be kept for ever; ``checkpoint``, and ``keys`` beside it (its key links), must be asked
for again, and are answered with 304 as long as they stand. Entry bundles travel compressed where the reader takes gzip.
Any web page may read: a log is there to be checked by everybody. No answer says when a file was written, since that
would tell more than the log does.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pollwatch.errors import PollwatchError
from pollwatch.evidence.mirrorrequest import OCTETS
from pollwatch.evidence.published import CHECKPOINT, KEYS, Published
from pollwatch.evidence.witnessanswer import JSON, TEXT
from pollwatch.evidence.witnessanswer import Response as Answer
from pollwatch.node.gateway import serving
from pollwatch.node.gateway.serving import FRESH
from pollwatch.sharing.caller import SCOPE_KEY

METHODS: Final = ("GET", "HEAD", "OPTIONS")
_FOREVER: Final = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
_MEMBERS: Final = {**_FOREVER, "cache-control": "private, max-age=31536000, immutable"}
_EVERYBODY: Final = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "etag, content-range",
    "cross-origin-resource-policy": "cross-origin",
}
_PREFLIGHT: Final = {
    **_EVERYBODY,
    "access-control-allow-methods": ", ".join(METHODS),
    "access-control-allow-headers": "if-none-match, range, if-range",
    "access-control-max-age": "86400",
}
_NOT_WANTED: Final = re.compile(r"q=0(?:\.0{0,3})?", re.ASCII)
_RANGE: Final = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})", re.ASCII)
_MOST_COMPRESSED: Final = 4 << 20  # of a larger bundle, compressing for one reader would hold up the others
_LEAST_COMPRESSED: Final = 256


class ReadPath:
    """One log's handlers."""

    def __init__(self, log: Published) -> None:
        """Serve this log; nothing is read before somebody asks."""
        self._log = log

    def routes(self, prefix: str = "") -> list[Route]:
        """Where it answers, below a prefix without its final slash."""
        return [Route(prefix + "/{path:path}", self.file, methods=list(METHODS))]

    async def file(self, request: Request) -> Response:
        """The checkpoint, or a tile."""
        path = request.path_params["path"]
        data = await run_in_threadpool(self._log.read, path)
        if data is None and request.method != "OPTIONS":
            raise HTTPException(404, "not here", _EVERYBODY)
        return await run_in_threadpool(answer, request, path, data or b"")


def relay(request: Request, path: str, found: Answer) -> Response:
    """Answer with what a witness or a mirror says to GET: a file, or why there is none."""
    if found.status == HTTPStatus.OK or request.method == "OPTIONS":
        return answer(request, path, found.body)
    return Response(found.body, found.status, headers={**FRESH, **_EVERYBODY, "content-type": found.content_type})


def answer(request: Request, path: str, data: bytes) -> Response:
    """Answer a request for a file that there is.

    Args:
        request: GET, HEAD or OPTIONS.
        path: the file's, as tlog-tiles names it; what comes before it does not matter.
        data: its content.
    """
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=_PREFLIGHT)
    lasting = not path.endswith((CHECKPOINT, KEYS))
    # What was given to a member may tell what is marked for members: no cache between us hands it to others.
    forever = _MEMBERS if SCOPE_KEY in request.scope else _FOREVER
    headers = {**(forever if lasting else FRESH), **_EVERYBODY, "accept-ranges": "bytes"}
    headers["content-type"] = OCTETS if lasting else JSON if path.endswith(KEYS) else TEXT
    tag = sha256(data).hexdigest()[:32]
    headers["etag"] = f'"{tag}"'
    if "tile/entries/" in path:
        headers["vary"] = "accept-encoding"
        if _wants_gzip(request, len(data)):
            headers |= {"etag": f'"{tag}-gzip"', "content-encoding": "gzip"}
            del headers["accept-ranges"]
    if _has(request, tag):
        return Response(status_code=304, headers=_without_content(headers))
    if "content-encoding" in headers:
        return Response(gzip.compress(data, 6, mtime=0), headers=headers)
    return _part(request, data, headers)


def _wants_gzip(request: Request, size: int) -> bool:
    if "range" in request.headers or not _LEAST_COMPRESSED <= size <= _MOST_COMPRESSED:
        return False
    offers = (each.partition(";") for each in request.headers.get("accept-encoding", "").lower().split(","))
    weights = {name.strip(): weight.replace(" ", "") for name, _semicolon, weight in offers}
    weight = weights.get("gzip", weights.get("*"))
    return weight is not None and not _NOT_WANTED.fullmatch(weight)


def _has(request: Request, tag: str) -> bool:
    """Whether the reader has this very content already, in whatever encoding."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or f'"{tag}"' in known or f'"{tag}-gzip"' in known


def _without_content(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in {"content-type", "content-encoding"}}


def _part(request: Request, data: bytes, headers: dict[str, str]) -> Response:
    """The whole, or the one range that was asked for; what is no such range is passed over, as HTTP says."""
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or not any(asked.groups()) or request.headers.get("if-range", headers["etag"]) != headers["etag"]:
        return Response(data, headers=headers)
    size = len(data)
    if asked[1]:
        first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
    else:
        first, last = max(0, size - int(asked[2])), size - 1
    if asked[1] and asked[2] and int(asked[2]) < first:
        return Response(data, headers=headers)
    if first > last:
        return Response(status_code=416, headers={**_without_content(headers), "content-range": f"bytes */{size}"})
    headers["content-range"] = f"bytes {first}-{last}/{size}"
    return Response(data[first : last + 1], 206, headers=headers)


def serve(public: Path, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve one log and nothing else until SIGTERM or SIGINT.

    Args:
        public: the log's folder with ``checkpoint`` and ``tile``; nothing outside it is reachable.
        host: address to listen on.
        port: port to listen on; 0 = any free one.
        ready: told the address once it listens.
    """
    handlers = {HTTPException: serving.refused, PollwatchError: serving.unavailable}
    app = Starlette(routes=ReadPath(Published(public)).routes(), exception_handlers=handlers)
    serving.run(app, serving.Listening(host, port), ready)
