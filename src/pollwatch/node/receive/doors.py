"""Where connections come in: a listening socket, with TLS where a source asks for it.

While a handshake lasts a connection counts among those that only knock: their number is bounded too, and so is their
time. A knock that comes to nothing (no TLS at all, no certificate that we take) is counted as refused.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from pollwatch.errors import ConfigError
from pollwatch.node.gateway.connection import Connections
from pollwatch.node.receive.counts import Counts
from pollwatch.sharing.limits import neighbourhood
from pollwatch.sources.settings import Address, WatchedSource, secret

HANDSHAKE_S: Final = 10.0
KNOCKING: Final = 256
KNOCKING_PER_ADDRESS: Final = 32
_BACKLOG: Final = 1024

Made = Callable[[], asyncio.Protocol]


async def open_door(listen: Address, made: Made, context: ssl.SSLContext | None, counts: Counts) -> asyncio.Server:
    """Listen.

    Args:
        listen: where.
        made: makes what serves one connection.
        context: how to speak TLS; None = not at all.
        counts: of the source.

    Raises:
        OSError: the address is taken or not ours.
    """
    knocking = Connections(KNOCKING_PER_ADDRESS, KNOCKING)
    factory = made if context is None else lambda: _Knock(made, context, knocking, counts)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, listen.host, listen.port, backlog=_BACKLOG)
    name = server.sockets[0].getsockname()
    counts.listening = str(Address(name[0], name[1]))
    return server


class _Early(asyncio.Protocol):
    """Keeps what comes between the end of the handshake and the moment at which its protocol takes over."""

    def __init__(self) -> None:
        self._came: list[bytes] = []
        self._lost = False

    def data_received(self, data: bytes) -> None:
        self._came.append(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._lost = True

    def hand_over(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for data in self._came:
            protocol.data_received(data)
        if self._lost:
            protocol.connection_lost(None)


class _Knock(asyncio.Protocol):
    """A connection whose handshake is under way."""

    def __init__(self, made: Made, context: ssl.SSLContext, knocking: Connections, counts: Counts) -> None:
        self._made = made
        self._context = context
        self._knocking = knocking
        self._counts = counts
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, if there is a place."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()  # what comes is TLS, and not ours to read
        peer = transport.get_extra_info("peername")
        if not self._knocking.add(self, neighbourhood(str(peer[0]) if peer else "-")):
            self._counts.refused += 1
            self.cut()
            return
        self._task = asyncio.get_running_loop().create_task(self._greet(self._transport))

    async def _greet(self, transport: asyncio.Transport) -> None:
        early = _Early()
        try:
            inside = await asyncio.get_running_loop().start_tls(
                transport, early, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError):
            self._counts.refused += 1
            transport.abort()
            return
        finally:
            self._knocking.remove(self)
        if inside is None:
            self._counts.refused += 1
            return
        early.hand_over(inside, self._made())

    def cut(self) -> None:
        """End it at once."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()


def tls(source: WatchedSource) -> ssl.SSLContext:
    """How to speak TLS at a source: 1.2 or newer, with clients' certificates where the settings ask for them.

    Raises:
        ConfigError: a file cannot be used; named with the reason.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load(context, source)
    if source.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(source.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{source.client_ca}: no certificates of those who may sign clients': {error}") from error
    return context


def load(context: ssl.SSLContext, source: WatchedSource) -> None:
    """Take a source's certificate and key as they lie there now.

    Raises:
        ConfigError: they cannot be used; named with the reason.
    """
    certificate, key = secret(cast("Path", source.certificate)), secret(cast("Path", source.key))

    def no_password(*_arguments: Any) -> bytes:  # noqa: ANN401 - OpenSSL would ask on the terminal
        raise ConfigError(f"{key}: the key is locked by a password; a watch that starts by itself cannot type it")

    try:
        context.load_cert_chain(certificate, key, no_password)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{certificate}, {key}: not a certificate and its key in PEM: {error}") from error
