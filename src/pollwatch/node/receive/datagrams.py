"""Syslog over UDP (RFC 5426): a datagram is a message. What the kernel drops since nobody took it is counted.

While the spool is full nothing is taken from the socket: what its buffer cannot hold is dropped, and the kernel says
how many messages those were (``SO_RXQ_OVFL`` with the next message, ``SO_MEMINFO`` also where none follows).
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import Final

from pollwatch.clock import Clock, monotonic_s
from pollwatch.node.receive.counts import Counts
from pollwatch.node.receive.sink import Sink
from pollwatch.sources.settings import Address, WatchedSource
from pollwatch.sources.syslog_frames import to_line

BUFFER_BYTES: Final = 32 << 20
_LONGEST: Final = 65_536
_GATHER_S: Final = 0.05
_WAIT_S: Final = 0.25
_MOST: Final = 4_096
# Not among Python's socket constants (Linux: asm-generic/socket.h, linux/sock_diag.h).
_SO_RXQ_OVFL: Final = 40
_SO_MEMINFO: Final = 55
_SO_RCVBUFFORCE: Final = 33
_MEMINFO_DROPS: Final = 8
_CYCLE: Final = 1 << 32


class Datagrams:
    """One socket and the thread that reads it."""

    def __init__(self, source: WatchedSource, sink: Sink, counts: Counts, clock: Clock) -> None:
        """Prepare; see :meth:`start`."""
        self._source = source
        self._sink = sink
        self._counts = counts
        self._clock = clock
        self._dropped = 0
        self._ended = threading.Event()
        family = socket.AF_INET6 if source.listen is not None and ":" in source.listen.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._run, name="udp", daemon=True)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not ours.
        """
        listen = self._source.listen
        if listen is None:
            return
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
        except PermissionError:  # as much as the system allows to everybody: net.core.rmem_max
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._socket.settimeout(_WAIT_S)
        try:
            self._socket.bind((listen.host, listen.port))
        except OSError:
            self._socket.close()
            raise
        name = self._socket.getsockname()
        self._counts.listening = str(Address(name[0], name[1]))
        self._thread.start()

    def reload(self) -> None:
        """There is nothing to reload."""

    async def stop(self) -> None:
        """Stop listening; what is in the socket's buffer is taken first."""
        self._ended.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        self._socket.close()

    def _run(self) -> None:
        while True:
            lines = self._gather()
            if lines and not self._sink.put_when_eased(b"".join(lines)):
                return
            self._count_dropped(self._told())
            if not lines and self._ended.is_set():
                return

    def _gather(self) -> list[bytes]:
        """What has come, as much of it as may be written at once."""
        lines: list[bytes] = []
        until_s = 0.0
        with suppress(TimeoutError, BlockingIOError):
            while len(lines) < _MOST:
                flags = socket.MSG_DONTWAIT if lines else 0
                data, extra, _flags, peer = self._socket.recvmsg(_LONGEST, 64, flags)
                for level, kind, value in extra:
                    if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                        self._count_dropped(struct.unpack("I", value[:4])[0])
                if line := to_line(data, str(peer[0]), self._clock.now_us()):
                    lines.append(line)
                until_s = until_s or monotonic_s() + _GATHER_S
                if monotonic_s() > until_s:
                    break
        return lines

    def _told(self) -> int:
        found = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_MEMINFO_DROPS + 1))
        values = struct.unpack(f"{len(found) // 4}I", found)
        return int(values[_MEMINFO_DROPS]) if len(values) > _MEMINFO_DROPS else self._dropped

    def _count_dropped(self, told: int) -> None:
        """The kernel counts from 0 to 2^32 and on; an earlier value may come with a message that lay in the buffer."""
        more = (told - self._dropped) % _CYCLE
        if more < _CYCLE // 2:
            self._counts.lost += more
            self._dropped = told
