"""Cutting off what is under way: the transport of everything that goes to another member.

Before each request the member's stage is asked for, and again a few times a second for as long as a connection is
open. Where it no longer allows what is under way, the connection is reset: bytes that the kernel holds for the other
side are thrown away and not sent. So a severing that another process decided on ends a transfer in the middle, however
slowly the other side reads, and whatever this process waits for.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import httpx

from pollwatch.errors import PeerError

#: How often is looked, in seconds; a severing has to be complete within one second.
_LOOK_S: Final = 0.1
_NO_LINGERING: Final = struct.pack("ii", 1, 0)


class Severable(httpx.BaseTransport):
    """A way to one member that ends when it may no longer be used."""

    def __init__(self, inner: httpx.BaseTransport, check: Callable[[str, str], None]) -> None:
        """Send through another transport.

        Args:
            inner: what really sends.
            check: given the method and path of a request; raises PeerError where it may not be made (any more).
        """
        self._inner = inner
        self._check = check
        self._under_way: tuple[str, str] | None = None
        self._sockets: list[socket.socket] = []
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None
        self._severed: PeerError | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, unless it may not be made.

        Raises:
            PeerError: it may not, or may no longer.
        """
        what = (request.method, request.url.path)
        self._check(*what)
        self._under_way = what
        if self._watch is None:
            self._watch = threading.Thread(target=self._look, daemon=True, name="severing")
            self._watch.start()
        request.extensions = {**request.extensions, "trace": self._connected}
        try:
            return self._inner.handle_request(request)
        except httpx.TransportError:
            if self._severed is not None:
                raise self._severed from None
            raise

    def close(self) -> None:
        """End the connections, and the looking."""
        self._closed.set()
        self._inner.close()

    def _connected(self, event: str, info: dict[str, Any]) -> None:
        """Keep the sockets that the transport opens (httpcore's trace)."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            opened = info["return_value"].get_extra_info("socket")
            if opened is not None:
                self._sockets.append(opened)

    def _look(self) -> None:
        while not self._closed.wait(_LOOK_S):
            if self._under_way is None:
                continue
            try:
                self._check(*self._under_way)
            except PeerError as error:
                self._severed = error
                self._cut()
                return

    def _cut(self) -> None:
        for each in self._sockets:
            # Shutting down wakes whoever waits for the other side; closing without lingering drops what waits for it.
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                each.close()
