"""HTTP push on a socket: uvicorn's protocol with the gateway's limits, behind our own door."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Final, cast

import uvicorn
from uvicorn.server import ServerState

from pollwatch.node.gateway.connection import Connections
from pollwatch.node.receive.counts import Counts
from pollwatch.node.receive.doors import load, open_door, tls
from pollwatch.node.receive.push import Push
from pollwatch.node.receive.sink import Sink
from pollwatch.node.receive.tokens import Tokens
from pollwatch.sources.settings import WatchedSource

IN_ALL: Final = 256
PER_ADDRESS: Final = 64
_FINISH_S: Final = 5.0


class Web:
    """One listening socket."""

    def __init__(self, source: WatchedSource, sink: Sink, counts: Counts) -> None:
        """Prepare; see :meth:`start`."""
        self._source = source
        self._sink = sink
        self._counts = counts
        self._places = Connections(PER_ADDRESS, IN_ALL)
        self._state = ServerState()
        self._tokens: Tokens | None = None
        self._context: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not ours.
            ConfigError: the certificate or the tokens cannot be used.
        """
        source = self._source
        if source.listen is None or source.token is None:
            return
        self._tokens = Tokens(source.token)
        self._context = tls(source) if source.certificate is not None else None
        config = uvicorn.Config(
            Push(self._sink, self._counts, self._tokens).app(),
            lifespan="off",
            ws="none",
            http="h11",
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            h11_max_incomplete_event_size=32 << 10,
        )
        config.load()
        loop = asyncio.get_running_loop()

        def made() -> asyncio.Protocol:
            return cast("asyncio.Protocol", self._places.protocol(config, self._state, {}, loop))

        self._server = await open_door(source.listen, made, self._context, self._counts)

    def reload(self) -> None:
        """Take tokens and certificate as they lie there now.

        Raises:
            ConfigError: they cannot be used; the old ones stay in use.
        """
        if self._tokens is not None:
            self._tokens.reload()
        if self._context is not None:
            tls(self._source)
            load(self._context, self._source)

    async def stop(self) -> None:
        """Listen no more, answer what is under way, and end all connections."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wait(self._state.tasks), _FINISH_S)
        self._places.end_all()
        await self._server.wait_closed()
