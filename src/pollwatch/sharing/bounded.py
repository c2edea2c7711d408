"""One request over HTTP to somebody whom nobody trusts: bounded in time and size, with one kind of error."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Final

import httpx

from pollwatch.clock import monotonic_s
from pollwatch.errors import PeerError
from pollwatch.evidence.witnessanswer import Response

_TIMEOUT_S: Final = 10.0
_WHOLE_S: Final = 60.0  # of one answer: whoever drips bytes holds us no longer
MAX_ANSWER: Final = 1 << 20


def tcp() -> httpx.HTTPTransport:
    """The way over TCP. All share the list of certificate authorities: reading it takes longer than a whole request."""
    return httpx.HTTPTransport(verify=_authorities(), trust_env=False)


@cache
def _authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def client(
    headers: dict[str, str] | None = None,
    transport: httpx.BaseTransport | None = None,
    *,
    base_url: str = "",
    auth: httpx.Auth | None = None,
) -> httpx.Client:
    """A client that follows no redirects and takes no proxy or password from the environment.

    Args:
        headers: sent with every request.
        transport: another way than TCP.
        base_url: what addresses without a host belong to.
        auth: signs requests.
    """
    return httpx.Client(
        base_url=base_url,
        auth=auth,
        timeout=_TIMEOUT_S,
        transport=transport or tcp(),
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity", "user-agent": "pollwatch", **(headers or {})},
    )


def exchange(
    opened: httpx.Client,
    method: str,
    address: str,
    who: str,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    limit: int = MAX_ANSWER,
) -> Response:
    """Ask, and read the whole answer.

    Args:
        opened: the client.
        method: GET or POST.
        address: the URL.
        who: whom an error names.
        body: what is sent.
        headers: sent with it.
        limit: how many bytes the answer may have.

    Raises:
        PeerError: it cannot be reached, or answers too much or too slowly.
    """
    received = bytearray()
    deadline_s = monotonic_s() + _WHOLE_S
    try:
        with opened.stream(method, address, content=body, headers=headers) as answer:
            for chunk in answer.iter_raw():
                received += chunk
                if monotonic_s() > deadline_s:
                    raise PeerError(f"{who} takes over {_WHOLE_S:.0f} s to answer {address}")
                if len(received) > limit:
                    raise PeerError(f"{who} answers {address} with more than {limit} bytes")
            return Response(answer.status_code, answer.headers.get("content-type", ""), bytes(received))
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise PeerError(f"{who} cannot be reached at {address}: {reason}") from error
