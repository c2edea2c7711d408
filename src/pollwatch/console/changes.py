"""``GET /changes``: a stream of server-sent events, one ``changed`` whenever something that pages show was committed.

One task looks for all viewers, and only while somebody listens. The stream says that something changed, never what:
pages ask again for what they show, and what they may see is decided there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.concurrency import run_in_threadpool

from pollwatch.console.services import Changes

#: How often the case is looked at: a look is one ``PRAGMA`` and costs microseconds.
EVERY_S: Final = 0.2


class Watcher:
    """Looks at the case for all who listen."""

    def __init__(self, changes: Changes) -> None:
        """Nobody listens yet."""
        self._changes = changes
        self._listeners: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None

    async def stream(self) -> AsyncIterator[dict[str, str]]:
        """Server-sent events, the first at once: whoever comes back after a break has missed something."""
        event = asyncio.Event()
        event.set()
        self._listeners.add(event)
        try:
            while True:
                await event.wait()
                event.clear()
                self._look_on()
                yield {"event": "changed", "data": ""}
        finally:
            self._listeners.discard(event)

    def _look_on(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._looking())

    async def _looking(self) -> None:
        seen = await run_in_threadpool(self._changes.look)
        while self._listeners:
            await asyncio.sleep(EVERY_S)
            now = await run_in_threadpool(self._changes.look)
            if now != seen:
                seen = now
                for event in self._listeners:
                    event.set()
