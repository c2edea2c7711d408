"""The receiving process: all receivers of a case, from the settings, until it is told to stop.

A source that cannot be received (its port is taken, its certificate is no good) does not stop the others: what is wrong
with it stands in the counts, and it is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from pollwatch.clock import Clock, monotonic_s
from pollwatch.errors import PollwatchError, StoreError
from pollwatch.node.gateway.serving import raise_file_limit
from pollwatch.node.receive.counts import NAME, Counting, Counts
from pollwatch.node.receive.sink import Sink
from pollwatch.sources.settings import WatchedSource, WatchSettings
from pollwatch.sources.spool import Spool
from pollwatch.store.disk import make_folder

SPOOL: Final = "spool"
_AGAIN_S: Final = 5.0
_TOLD_S: Final = 1.0

Tell = Callable[[str], None]


class Receiver(Protocol):
    """One source being received."""

    async def start(self) -> None:
        """Begin.

        Raises:
            OSError: the address is taken or not ours.
            PollwatchError: the settings cannot work.
        """

    def reload(self) -> None:
        """Take tokens and certificates as they lie there now.

        Raises:
            PollwatchError: they cannot be used; the old ones stay in use.
        """

    async def stop(self) -> None:
        """Take what has come, and end."""


class Receiving:
    """All receivers of a case."""

    def __init__(self, live: Path, settings: WatchSettings, clock: Clock, tell: Tell) -> None:
        """Prepare.

        Args:
            live: ``CASE/live``.
            settings: what to receive.
            clock: for messages that name no time.
            tell: takes sentences for whoever runs it.
        """
        self._settings = settings
        self._clock = clock
        self._tell = tell
        make_folder(live / SPOOL)
        self._spools = live / SPOOL
        self._counting = Counting(live / NAME)
        self._running: dict[str, Receiver] = {}
        self._sinks: dict[str, Sink] = {}
        self._stop = asyncio.Event()
        self._last_s = -_TOLD_S

    async def run(self, wanted: Callable[[], bool]) -> None:
        """Receive until SIGTERM, SIGINT, or until nobody wants it any more.

        Args:
            wanted: asked every second.
        """
        raise_file_limit()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        sources = [each for each in self._settings.sources if each.received]
        tried_s = -_AGAIN_S
        try:
            while not self._stop.is_set() and wanted():
                if monotonic_s() - tried_s >= _AGAIN_S and len(self._running) < len(sources):
                    tried_s = monotonic_s()
                    await self._start([each for each in sources if each.name not in self._running])
                self._counting.write(os.getpid(), self._clock.now_us())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), _TOLD_S)
        finally:
            await self._end()

    async def _start(self, sources: Sequence[WatchedSource]) -> None:
        for source in sources:
            counts = self._counting.of(source.name)
            try:
                if source.name not in self._sinks:
                    spool = Spool(self._spools / source.name, self._settings.spool_bytes)
                    self._sinks[source.name] = Sink(spool, counts, self._clock)
                receiver = self._make(source, self._sinks[source.name], counts)
                await receiver.start()
            except (OSError, PollwatchError) as error:
                why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
                counts.trouble = f"{source.listen}: {why}" if isinstance(error, OSError) else why
                self._tell(f"{source.name}: {counts.trouble}; it is tried again every {_AGAIN_S:.0f} seconds")
            else:
                self._running[source.name] = receiver
                self._tell(f"{source.name}: {source.kind} at {counts.listening or 'this machine'}")

    def _make(self, source: WatchedSource, sink: Sink, counts: Counts) -> Receiver:
        match source.kind:
            case "syslog-udp":
                from pollwatch.node.receive.datagrams import Datagrams  # noqa: PLC0415 - only what is used

                return Datagrams(source, sink, counts, self._clock)
            case "syslog-tcp" | "syslog-tls":
                from pollwatch.node.receive.streams import Streams  # noqa: PLC0415 - the same

                return Streams(source, sink, counts, self._clock)
            case "http":
                from pollwatch.node.receive.web import Web  # noqa: PLC0415 - the same

                return Web(source, sink, counts)
            case "journald":
                from pollwatch.node.receive.lines import Journal  # noqa: PLC0415 - the same

                return Journal(source.units, self._spools / source.name, sink, counts)
            case "stdin":
                from pollwatch.node.receive.lines import Stdin  # noqa: PLC0415 - the same

                return Stdin(sink, counts)
            case "files":
                raise StoreError(f"{source.name}: files are followed, not received")

    def _reload(self) -> None:
        for name, receiver in self._running.items():
            try:
                receiver.reload()
            except PollwatchError as error:
                self._tell(f"{name}: {error}; what was in use stays so")

    async def _end(self) -> None:
        for name, receiver in self._running.items():
            await receiver.stop()
            self._counting.of(name)
        for sink in self._sinks.values():
            await asyncio.to_thread(sink.close)
        self._counting.write(os.getpid(), self._clock.now_us())
