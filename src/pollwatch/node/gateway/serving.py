"""A web server on one address until it is told to stop; what it serves is somebody else's business."""

from __future__ import annotations

import os
import resource
import signal
import threading
from asyncio import Protocol
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Final, cast

import uvicorn
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

FRESH: Final = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
"""Headers of answers that caches must ask for again."""


class _Server(uvicorn.Server):
    """uvicorn, which says where it listens and takes SIGTERM for an ordinary end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.servers:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            scheme = "https" if self.config.is_ssl else "http"
            self._ready(f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens, and who ends TLS.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 = any free one.
        certificate: PEM file with the certificate and those above it; None: no TLS here.
        key: PEM file with its key.
        behind_proxy: whether a proxy on this machine ends TLS and says who asks (``X-Forwarded-For``, ``-Proto``).
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False


def run(
    app: ASGIApp, listening: Listening, ready: Callable[[str], None], protocol: Callable[..., Protocol] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    Args:
        app: what answers.
        listening: where.
        ready: told the address once it listens.
        protocol: makes each connection; None: uvicorn's own, of which there are at most 128.

    Raises:
        SystemExit: the port is taken (uvicorn says so on stderr).
    """
    config = uvicorn.Config(
        app,
        host=listening.host,
        port=listening.port,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.key,
        proxy_headers=listening.behind_proxy,
        forwarded_allow_ips=["127.0.0.1", "::1"],
        lifespan="off",
        ws="none",
        http="h11" if protocol is None else cast("type[Protocol]", protocol),
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=128 if protocol is None else None,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=32 << 10,
    )
    raise_file_limit()
    _Server(config, ready).run()


def raise_file_limit() -> None:
    """As many connections as this process may have, so that those who only hold one leave room for others."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def end_with_stdin() -> None:
    """Take the end of standard input for SIGTERM: whoever holds its other end takes this process along, even killed."""

    def wait() -> None:
        while os.read(0, 1 << 16):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


async def refused(_request: Request, error: Exception) -> Response:
    """One line that says why; never what was sent."""
    status, detail, headers = (
        (error.status_code, error.detail, error.headers) if isinstance(error, HTTPException) else (500, "", None)
    )
    line = detail.encode("utf-8", "replace").decode("utf-8").replace("\n", " ")[:500]
    return PlainTextResponse(line + "\n", status, {**FRESH, **(headers or {})})


async def unavailable(_request: Request, _error: Exception) -> Response:
    """Our own trouble (a full disk): said in general, for it is nobody else's business."""
    return PlainTextResponse("not now; try again later\n", 503, FRESH)
