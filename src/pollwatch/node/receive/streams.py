"""Syslog over TCP (RFC 6587) and TLS (RFC 5425).

The protocol knows no acknowledgement: what a sender has written and we have not read yet is lost to both when a machine
dies. So a connection is read only while its lines can be written, and the rest waits at the sender. Connections are
bounded in all and per address; a message that stays unfinished is given up, and so is a handshake.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final, cast

from pollwatch.clock import Clock
from pollwatch.node.gateway.connection import Connections
from pollwatch.node.receive.counts import Counts
from pollwatch.node.receive.doors import load, open_door, tls
from pollwatch.node.receive.sink import Sink
from pollwatch.sharing.limits import neighbourhood
from pollwatch.sources.settings import WatchedSource
from pollwatch.sources.syslog_frames import Frames, to_line

IN_ALL: Final = 512
PER_ADDRESS: Final = 64
UNFINISHED_S: Final = 60.0
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 120), (socket.TCP_KEEPINTVL, 30), (socket.TCP_KEEPCNT, 4))


class Streams:
    """One listening socket."""

    def __init__(self, source: WatchedSource, sink: Sink, counts: Counts, clock: Clock) -> None:
        """Prepare; see :meth:`start`."""
        self._source = source
        self.sink = sink
        self.counts = counts
        self.clock = clock
        self.places = Connections(PER_ADDRESS, IN_ALL)
        self._server: asyncio.Server | None = None
        self._context: ssl.SSLContext | None = None
        self._paused: set[_Stream] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not ours.
            ConfigError: the certificate cannot be used.
        """
        listen = self._source.listen
        if listen is None:
            return
        if self._source.kind == "syslog-tls":
            self._context = tls(self._source)
        self._server = await open_door(listen, lambda: _Stream(self), self._context, self.counts)

    def reload(self) -> None:
        """Show the certificate that lies there now to those who connect from now on.

        Raises:
            ConfigError: it cannot be used; the old one stays in use.
        """
        if self._context is not None:
            tls(self._source)
            load(self._context, self._source)

    async def stop(self) -> None:
        """Listen no more, take what has come, and end all connections."""
        if self._server is not None:
            self._server.close()
            self.places.end_all()
            await self._server.wait_closed()

    def pause(self, stream: _Stream) -> None:
        """Stop reading a connection until its lines can be written again."""
        loop = asyncio.get_running_loop()
        if not self._paused:
            self.sink.when_eased(lambda: loop.call_soon_threadsafe(self._resume))
        self._paused.add(stream)

    def _resume(self) -> None:
        paused, self._paused = self._paused, set()
        for stream in paused:
            stream.resume()

    def forget(self, stream: _Stream) -> None:
        """A connection has ended."""
        self._paused.discard(stream)


class _Stream(asyncio.Protocol):
    """One connection."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._taken = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, if there is a place."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else "-"
        self._taken = self._streams.places.add(self, neighbourhood(self._peer))
        if not self._taken:
            self._streams.counts.refused += 1
            self.cut()
            return
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
        self._streams.counts.connected += 1
        self._streams.counts.open += 1

    def data_received(self, data: bytes) -> None:
        """Hand in the messages that are complete, and read on only where there is room for more."""
        if not self._taken:
            return
        self._take(self._frames.feed(data))
        if self._frames.pending and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(UNFINISHED_S, self._late)
        elif not self._frames.pending and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._streams.sink.crowded and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._streams.pause(self)

    def eof_received(self) -> bool:
        """The sender is done; it gets no answer, so there is nothing to wait for."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Take what stands there, and give the place back."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._taken:
            return
        self._taken = False
        self._take(self._frames.end())
        self._streams.places.remove(self)
        self._streams.forget(self)
        self._streams.counts.open -= 1

    def resume(self) -> None:
        """There is room again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def cut(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    def _late(self) -> None:
        """A message has stayed unfinished for too long (slow loris); what stands there is kept."""
        self._timer = None
        if self._frames.pending:
            self._streams.counts.refused += 1
            self.cut()

    def _take(self, messages: list[bytes]) -> None:
        counts, now_us = self._streams.counts, self._streams.clock.now_us()
        counts.cut += self._frames.cut
        self._frames.cut = 0
        if lines := b"".join(to_line(each, self._peer, now_us) for each in messages):
            self._streams.sink.put(lines)
