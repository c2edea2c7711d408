"""``/healthz`` and ``/metrics`` on an address of their own: a thread that answers although the watch hangs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.errors import ConfigError, StoreError
from pollwatch.events.printable import printable
from pollwatch.node.watch.health import Metrics, look
from pollwatch.node.watch.telling import Tell
from pollwatch.sources.settings import Address

_TIMEOUT_S: Final = 5.0
_AT_ONCE: Final = 16


class HealthServer:
    """See the module."""

    def __init__(self, listen: Address, metrics: Metrics) -> None:
        """Listen.

        Args:
            listen: where.
            metrics: of the case.

        Raises:
            ConfigError: the address is taken or not ours.
        """
        self._metrics = metrics
        places = threading.BoundedSemaphore(_AT_ONCE)

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
            daemon_threads = True
            block_on_close = False
            request_queue_size = _AT_ONCE

            def process_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - its own
                if not places.acquire(blocking=False):
                    self.shutdown_request(request)  # whoever holds all places open gets no more
                    return
                super().process_request(request, client_address)

            def process_request_thread(self, request, client_address) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - its own
                try:
                    super().process_request_thread(request, client_address)
                finally:
                    places.release()

            def handle_error(self, request, client_address) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - its own
                """A client that went away is no news."""

        try:
            self._server = Server((listen.host, listen.port), _handler(metrics))
        except OSError as error:
            raise ConfigError(
                f"health = {str(listen)!r} in [watch]: {error.strerror}; `none` switches it off"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    @property
    def address(self) -> Address:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return Address(str(host), int(port))

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._metrics.close()


def _handler(metrics: Metrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"
        server_version = "pollwatch"
        sys_version = ""
        timeout = _TIMEOUT_S

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/healthz":
                self._healthz()
            elif path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics.text())
            else:
                self._answer(404, "text/plain", b"there are /healthz and /metrics\n")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _healthz(self) -> None:
            try:
                health = look(metrics.case, metrics.clock)
            except StoreError as error:
                why = f"the case cannot be read: {printable(str(error), 300)}\n"
                self._answer(503, "text/plain; charset=utf-8", why.encode())
                return
            body = canonical.compact(health.document()).encode() + b"\n"
            self._answer(503 if health.trouble else 200, "application/json", body)

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: what is asked for is somebody else's text."""

    return Handler


@contextmanager
def served(listen: Address | None, case: Path, clock: Clock, tell: Tell) -> Iterator[None]:
    """Answer whoever asks for a watch's health; a port that is taken is told, and stops no watch.

    Args:
        listen: where; None = nowhere.
        case: the case folder.
        clock: the time.
        tell: takes a sentence for the log.
    """
    server = None
    if listen is not None:
        try:
            server = HealthServer(listen, Metrics(case, clock))
        except ConfigError as error:
            tell("warning", str(error))
    try:
        yield
    finally:
        if server is not None:
            server.close()
