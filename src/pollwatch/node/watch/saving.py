"""The thread that saves the detection state: what a watch knows by now as bytes on disk, while it goes on.

A state of a busy hour has tens of megabytes. Whoever detects only copies what may change; packing, digest and disk are
done here, and no step waits for them. If we stop before the database names the file, the one before it counts, with
the steps since; so nothing is lost, and the file is removed when somebody begins again.
"""

from __future__ import annotations

from pollwatch.errors import StoreError
from pollwatch.incidents.live import LiveCase
from pollwatch.node.watch.detecting import Snapshot
from pollwatch.node.watch.handover import Handover
from pollwatch.node.watch.telling import Tell


class Saving(Handover[Snapshot]):
    """See the module. A state is handed over when its step is in the case."""

    def __init__(self, live: LiveCase, tell: Tell) -> None:
        """Prepare; :meth:`start` begins."""
        super().__init__("saving")
        self._live = live
        self._tell = tell

    def _do(self, each: Snapshot) -> None:
        """Write one; a full disk is borne, since the steps behind the last one tell as much."""
        try:
            each.write()
            self._live.saved(each.seq, each.path.name)
        except StoreError as error:
            self._tell("error", str(error))
