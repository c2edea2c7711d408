"""What all stations of the gateway share: reading bodies within limits, and saying no in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pollwatch.errors import EvidenceError, FormatError, PolicyError, PollwatchError
from pollwatch.evidence.witnessanswer import Response as Answer
from pollwatch.node.gateway.serving import FRESH
from pollwatch.sharing.caller import UnauthenticatedError
from pollwatch.sharing.replay import TooManyRequestsError
from pollwatch.sharing.stages import StageError
from pollwatch.sharing.waiting import FullError

NOTE: Final = "text/plain; charset=utf-8"
_BODY_S: Final = 30.0
_T = TypeVar("_T")


class OtherCharterError(PolicyError):
    """The other side acts under another charter; over HTTP this is 409."""


_STATUSES: Final[tuple[tuple[type[PollwatchError], int, dict[str, str]], ...]] = (
    (UnauthenticatedError, 401, {"www-authenticate": 'Basic realm="pollwatch", charset="UTF-8"'}),
    (OtherCharterError, 409, {}),
    (StageError, 403, {}),
    (FullError, 429, {"retry-after": "300"}),
    (TooManyRequestsError, 429, {"retry-after": "5"}),
    (FormatError, 400, {}),
    (EvidenceError, 403, {}),
    (PolicyError, 403, {}),
)


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
        raise HTTPException(status, shown(error), headers) from error


def status_of(error: PollwatchError) -> tuple[int, dict[str, str]]:
    """The HTTP status that an error deserves, and header fields that go with it; 503 where it is our own trouble."""
    return next(((status, headers) for kind, status, headers in _STATUSES if isinstance(error, kind)), (503, {}))


def shown(error: PollwatchError) -> str:
    """What the other side is told of an error: nothing of our own trouble, nor of how far we go with whom."""
    if isinstance(error, StageError):
        return "we do not go so far with you at present"
    return "not now; try again later" if status_of(error)[0] == 503 else str(error)


async def failed(_request: Request, error: Exception) -> Response:
    """An error of ours that a station did not turn into an answer; our own trouble is nobody else's business."""
    if not isinstance(error, PollwatchError):
        return refusal(500, "", {})
    status, headers = status_of(error)
    return refusal(status, shown(error), headers)


def refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """A no, with its reason on one line."""
    line = reason.encode("utf-8", "replace").decode("utf-8").replace("\n", " ")[:500]
    return PlainTextResponse(line + "\n", status, {**FRESH, **(headers or {})})
