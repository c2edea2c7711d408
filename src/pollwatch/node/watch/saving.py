"""The thread that saves the detection state: what a watch knows by now as bytes on disk, while it goes on.

A state of a busy hour has tens of megabytes. Whoever detects only copies what may change; packing, digest and disk are
done here, and no step waits for them. If we stop before the database names the file, the one before it counts, with
the steps since; so nothing is lost, and the file is removed when somebody begins again.
"""

from __future__ import annotations

import threading

from pollwatch.clock import monotonic_s
from pollwatch.errors import StoreError
from pollwatch.incidents.live import LiveCase
from pollwatch.node.watch.detecting import Snapshot
from pollwatch.node.watch.telling import Tell


class Saving:
    """See the module.

    Attributes:
        cost_s: what the last one took.
        failure: what ended the thread; None while it is well.
    """

    def __init__(self, live: LiveCase, tell: Tell) -> None:
        """Prepare; :meth:`start` begins."""
        self._live = live
        self._tell = tell
        self._waiting: Snapshot | None = None
        self._ended = False
        self._changed = threading.Condition()
        self.cost_s = 0.0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="saving", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def idle(self) -> bool:
        """Whether the last one is saved."""
        with self._changed:
            return self._waiting is None

    def put(self, snapshot: Snapshot) -> None:
        """Save a state whose step is in the case; waits until the one before it is saved."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is None or self.failure is not None)
            self._waiting = snapshot
            self._changed.notify_all()

    def end(self) -> None:
        """Save what was handed over, and end."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting is not None or self._ended)
                    snapshot = self._waiting
                if snapshot is None:
                    return
                begun_s = monotonic_s()
                self._save(snapshot)
                self.cost_s = monotonic_s() - begun_s
                with self._changed:
                    self._waiting = None
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised where the watch is run
            with self._changed:
                self.failure = error
                self._changed.notify_all()

    def _save(self, snapshot: Snapshot) -> None:
        """Write one; a full disk is borne, since the steps behind the last one tell as much."""
        try:
            snapshot.write()
            self._live.saved(snapshot.seq, snapshot.path.name)
        except StoreError as error:
            self._tell("error", str(error))
