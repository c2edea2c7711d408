"""A web server on one address until it is told to stop; what it serves is somebody else's business."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket
from typing import Final

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
            self._ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def run(app: ASGIApp, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    Args:
        app: what answers.
        host: address to listen on.
        port: port to listen on; 0 = any free one.
        ready: told the address once it listens.

    Raises:
        SystemExit: the port is taken (uvicorn says so on stderr).
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",
        ws="none",
        http="h11",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=128,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=32 << 10,
    )
    _Server(config, ready).run()


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
