"""What all stations of the gateway share: reading bodies within limits, and saying no in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pollwatch.errors import EvidenceError, FormatError, PolicyError, PollwatchError
from pollwatch.evidence.witness import Response as Answer
from pollwatch.node.serving import FRESH
from pollwatch.sharing.caller import UnauthenticatedError
from pollwatch.sharing.inbox import MailboxFullError
from pollwatch.sharing.replay import TooManyRequestsError

NOTE: Final = "text/plain; charset=utf-8"
_BODY_S: Final = 30.0
_T = TypeVar("_T")


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body, as long as it stays small and comes soon.

    Args:
        request: whose.
        limit: in bytes.

    Raises:
        HTTPException: 413 too large, 408 too slow.
    """
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


def passed_on(answer: Answer) -> Response:
    """What a station without sockets answered, as an HTTP response."""
    return Response(answer.body, answer.status, headers={**FRESH, "content-type": answer.content_type})


def checked(check: Callable[[], _T]) -> _T:
    """What a check gives, or the answer that its failure deserves."""
    try:
        return check()
    except PollwatchError as error:
        status, headers = status_of(error)
        raise HTTPException(status, str(error), headers) from error


def status_of(error: PollwatchError) -> tuple[int, dict[str, str]]:
    """The HTTP status that an error deserves, and header fields that go with it; 503 where it is our own trouble."""
    match error:
        case UnauthenticatedError():
            return 401, {"www-authenticate": 'Basic realm="pollwatch", charset="UTF-8"'}
        case MailboxFullError():
            return 429, {"retry-after": "300"}
        case TooManyRequestsError():
            return 429, {"retry-after": "60"}
        case FormatError():
            return 400, {}
        case EvidenceError() | PolicyError():
            return 403, {}
        case _:
            return 503, {}


async def failed(_request: Request, error: Exception) -> Response:
    """An error of ours that a station did not turn into an answer; our own trouble is nobody else's business."""
    status, headers = status_of(error) if isinstance(error, PollwatchError) else (500, {})
    return refusal(status, str(error) if status != 503 else "not now; try again later", headers)


def refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """A no, with its reason on one line."""
    line = reason.encode("utf-8", "replace").decode("utf-8").replace("\n", " ")[:500]
    return PlainTextResponse(line + "\n", status, {**FRESH, **(headers or {})})
