"""Event files of a watch, made into few now and then, where no line waits for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from pollwatch.clock import monotonic_s
from pollwatch.errors import StoreError
from pollwatch.incidents import liveevents
from pollwatch.incidents.live import LiveCase
from pollwatch.store.events import EventFile
from pollwatch.store.parts import merge, remove_unmerged

_EVERY_S: Final = 15.0
#: Event files that were merged stay so long for whoever had begun to read them.
_GRACE_S: Final = 600.0


class Merging:
    """A thread that merges; killed at any moment, the case is as it was before or behind one merging."""

    def __init__(self, live: LiveCase, trouble: Callable[[str], None]) -> None:
        """Prepare; :meth:`start` begins.

        Args:
            live: the case; nobody else merges there.
            trouble: told what went wrong; it is tried again.
        """
        self._live = live
        self._trouble = trouble
        self._gone: deque[tuple[float, Sequence[str]]] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="merging", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Finish what is being merged, and end."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        remove_unmerged(self._live.folder.events)
        while not self._ended.wait(_EVERY_S):
            try:
                self._turn()
            except (StoreError, OSError) as error:
                self._trouble(str(error))

    def _turn(self) -> None:
        while self._gone and monotonic_s() - self._gone[0][0] > _GRACE_S:
            liveevents.remove_files(self._live, self._gone.popleft()[1])
        for input_id, files in liveevents.mergeable(self._live):
            if self._ended.is_set():
                return
            self._merge(input_id, files)

    def _merge(self, input_id: int, files: Sequence[EventFile]) -> None:
        merged = merge(self._live.folder.events, files)
        with self._live.held(self._ended.is_set) as got:
            if got and liveevents.put_in_place(self._live, input_id, merged):
                self._gone.append((monotonic_s(), merged.names))
