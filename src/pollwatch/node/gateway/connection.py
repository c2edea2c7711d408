"""One connection to the gateway, with what uvicorn lacks: limits per address, and an end for whoever dawdles.

A client may be slow at four points, and each has its end: sending a request's head, sending its body (the stations'
business), taking our answer, and asking for nothing. One address has a bounded number of connections, so that whoever
opens all it can uses up its own; where all places are taken, the address that has most loses one.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from contextlib import suppress
from typing import Any, Final, Protocol

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pollwatch.node.gateway.crossing import CUT
from pollwatch.sharing.limits import neighbourhood

HEAD_S: Final = 10.0
STALL_S: Final = 20.0
#: Of a body that was refused, so much is read and dropped, so that the refusal arrives; then the line is cut.
DROPPED_BYTES: Final = 32 << 20
PER_ADDRESS: Final = 64
IN_ALL: Final = 768
_NO_LINGERING: Final = struct.pack("ii", 1, 0)


class Cuttable(Protocol):
    """A connection that can be ended at once."""

    def cut(self) -> None:
        """End it; what was not taken yet is dropped."""


class Connections:
    """All connections of one server."""

    def __init__(self, per_address: int = PER_ADDRESS, in_all: int = IN_ALL) -> None:
        """None yet.

        Args:
            per_address: how many one address may have; behind a proxy that is every address.
            in_all: how many there may be.
        """
        self._per_address = per_address
        self._in_all = in_all
        self._open: dict[Cuttable, str] = {}
        self._counts: Counter[str] = Counter()

    def protocol(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,  # noqa: ANN401
    ) -> Guarded:
        """What uvicorn calls for each connection."""
        return Guarded(self, config, server_state, app_state, _loop)

    def add(self, made: Cuttable, address: str) -> bool:
        """Take a connection in, or not; where there is no place, whoever has most loses its oldest."""
        if self._counts[address] >= self._per_address:
            return False
        if len(self._open) >= self._in_all:
            greediest = max(self._counts, key=self._counts.__getitem__)
            if greediest == address:
                return False
            next(each for each, whose in self._open.items() if whose == greediest).cut()
        self._open[made] = address
        self._counts[address] += 1
        return True

    def remove(self, lost: Cuttable) -> None:
        """A connection ended."""
        address = self._open.pop(lost, None)
        if address is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def end_all(self) -> None:
        """End every connection."""
        for each in list(self._open):
            each.cut()


class Guarded(H11Protocol):
    """uvicorn's HTTP/1.1, with limits."""

    def __init__(self, all_of_them: Connections, *arguments: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """As uvicorn makes it, and counted among all of them."""
        config, server_state, app_state, loop = arguments
        super().__init__(config, server_state, {**app_state, CUT: self.cut}, loop)
        self._all = all_of_them
        self._head = _Patience(self)
        self._answer = _Patience(self)
        self._dropped = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it in, if there is a place."""
        super().connection_made(transport)
        if not self._all.add(self, neighbourhood(self.client[0] if self.client else "")):
            self.cut()
            return
        self._head.begin(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back."""
        self._all.remove(self)
        self._head.end()
        self._answer.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A request's head must be complete soon after its first byte; what follows a refusal is bounded."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is not None and self.cycle.more_body:
            self._dropped += len(data)
            if self._dropped > DROPPED_BYTES:
                self.cut()
                return
        if idle:
            self._head.begin(HEAD_S)
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._dropped = 0
            self._head.end()

    def pause_writing(self) -> None:
        """The other side does not take what we answer."""
        super().pause_writing()
        self._answer.begin(STALL_S)

    def resume_writing(self) -> None:
        """It goes on taking."""
        super().resume_writing()
        self._answer.end()

    def cut(self) -> None:
        """End it at once; what was not taken yet, by the other side or from this machine, is dropped."""
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            with suppress(OSError):
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.transport.abort()


class _Patience:
    """How long one thing is waited for; then the connection is cut."""

    def __init__(self, connection: Guarded) -> None:
        self._connection = connection
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._connection.loop.call_later(seconds, self._connection.cut)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
