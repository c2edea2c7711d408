"""Grouping in a process of its own, so that however long it takes, lines are read and detections stored meanwhile.

Both would want the interpreter at the same time: as a thread of the watch, grouping made every line wait for it, and
the longer the more was held. The process (:mod:`pollwatch.node.watch.groupingwork`) gets what was committed, in order.
Killed at any moment, the next one groups what stands in the case and comes to the same; so it is begun again when it
ends, and what is handed over in between need not be kept.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Protocol

from pollwatch.clock import monotonic_s
from pollwatch.errors import StoreError
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.livegrouping import Setting
from pollwatch.node.watch.groupinglink import (
    Answer,
    Committed,
    Done,
    Order,
    Packed,
    Sealable,
    Taken,
    Told,
    Trouble,
    Wanted,
)
from pollwatch.node.watch.reading import Understood
from pollwatch.node.watch.recent import Texts
from pollwatch.node.watch.stepping import Detected

_WORK: Final = "pollwatch.node.watch.groupingwork"
#: Events that may wait for grouping, and whose lines may. It finds what is more in the case, when it has caught up: it
#: never holds up the watch, as it would when it begins while much comes in.
_MOST_EVENTS: Final = 300_000
_MOST_LINES: Final = 1_000_000
#: How long to wait before a process that ended is begun again, and how long one lives that is well.
_AGAIN_S: Final = (0.0, 1.0, 5.0, 15.0, 60.0)
_WELL_S: Final = 120.0
#: While the watch ends, it is begun again so often.
_LAST_TRIES: Final = 2


class Ending(Protocol):
    """A process that ends."""

    def wait(self) -> int:
        """Wait until it has ended; its exit code."""


def begun(case_dir: Path) -> tuple[Connection, Ending]:
    """Begin a process that groups for a case."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", "-m", _WORK, str(theirs.fileno()), str(case_dir)]
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
    return Connection(ours.detach()), process


class Grouping:
    """See the module.

    Attributes:
        failure: why the last incidents could not be written; None while all is well.
    """

    def __init__(
        self,
        case_dir: Path,
        setting: Setting,
        told: Callable[[tuple[str, ...]], None],
        trouble: Callable[[str], None],
        begin: Callable[[Path], tuple[Connection, Ending]] = begun,
    ) -> None:
        """Prepare; :meth:`start` begins.

        Args:
            case_dir: the case folder.
            setting: what incidents are judged by.
            told: told the ids of new incidents.
            trouble: told what went wrong; it is tried again.
            begin: begins whoever groups for a case; gives what it hears by and how it ended.
        """
        self._case_dir = case_dir.absolute()
        self._setting = setting
        self._told = told
        self._trouble = trouble
        self._begun = begin
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._link: Connection | None = None
        self._process: Ending | None = None
        self._waiting = 0
        self._skipped = False
        self._draining = self._done = False
        self._sealable: dict[str, Incident] = {}
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="grouping", daemon=True)

    def start(self) -> None:
        """Begin: with what the case has."""
        self._begin()
        self._thread.start()

    def put(self, detected: Detected) -> None:
        """Hand over what a step brought, once it is in the case."""
        count = sum(map(len, detected.together))
        with self._changed:
            self._skipped |= self._waiting >= _MOST_EVENTS
            skipped, silent = self._skipped, self._waiting >= _MOST_LINES
            self._waiting += count
        events = () if skipped else tuple(map(Packed.of, detected.together))
        lines = () if silent else tuple(_texts(detected.read))
        self._send(Committed(detected.seq, lines, events, detected.changes, count))

    def setting(self, setting: Setting) -> None:
        """Judge by something else from now on."""
        self._setting = setting
        self._send(setting)

    def again(self) -> None:
        """Somebody else changed the case: begin again with what it has."""
        self._send(Order.AGAIN)

    def drain(self) -> None:
        """Group what was handed over, and end."""
        with self._changed:
            self._draining = True
            missing, self._skipped = self._skipped, False
            self._changed.notify_all()
        if missing:
            self._send(Order.AGAIN)
        self._send(Order.DRAIN)
        self._thread.join()

    def sealable(self) -> list[Incident]:
        """Incidents that are to be sealed now."""
        with self._changed:
            chosen = list(self._sealable.values())
            self._sealable.clear()
        return chosen

    def _send(self, what: Wanted) -> None:
        with self._sending:
            if self._link is not None:
                with suppress(OSError):  # it ended: the next one finds this in the case
                    self._link.send(what)

    def _begin(self) -> None:
        link, self._process = self._begun(self._case_dir)
        with self._sending:
            self._link = link
            with self._changed:
                self._waiting = 0
                self._skipped = False
            with suppress(OSError):
                self._link.send(self._setting)
                if self._draining:
                    self._link.send(Order.DRAIN)

    def _run(self) -> None:
        try:
            tries = 0
            while not self._done:
                begun_s = monotonic_s()
                self._listen()
                if not self._done:
                    tries = 1 if monotonic_s() - begun_s > _WELL_S else tries + 1
                    self._after(tries)
            self._ended()
        except BaseException as error:  # noqa: BLE001 - raised where the watch is run
            self.failure = error

    def _after(self, tries: int) -> None:
        """The process ended, for the so-manieth time: begin another one."""
        code = self._ended()
        if self._draining and tries > _LAST_TRIES:
            raise StoreError(_("incidents could not be grouped; the next watch of this case does that first"))
        self._trouble(
            _("the process that groups incidents ended (exit {code}); another one goes on from the case").format(
                code=code
            )
        )
        with self._changed:
            self._changed.wait_for(lambda: self._draining, _AGAIN_S[min(tries, len(_AGAIN_S)) - 1])
        self._begin()

    def _ended(self) -> int:
        """The exit code of the process, which said its last word."""
        with self._sending:
            if self._link is not None:
                self._link.close()
            self._link = None
        return self._process.wait() if self._process is not None else 0

    def _listen(self) -> None:
        """Take what the process says until it ends."""
        link = self._link
        with suppress(EOFError, OSError):
            while link is not None:
                self._heed(link.recv())

    def _heed(self, said: Answer) -> None:
        missing = False
        with self._changed:
            if isinstance(said, Taken):
                self._waiting -= said.count
                missing = self._skipped and self._waiting < _MOST_EVENTS // 2
                self._skipped &= not missing
            elif isinstance(said, Told):
                for gone in said.merged:
                    self._sealable.pop(gone, None)
            elif isinstance(said, Sealable):
                self._sealable |= {each.id: each for each in said.incidents}
            elif isinstance(said, Done):
                self._done = True
        if missing:
            self._send(Order.AGAIN)
        if isinstance(said, Told) and said.new:
            self._told(said.new)
        elif isinstance(said, Trouble):
            self._trouble(said.why)


def _texts(read: Iterable[Understood]) -> Iterator[Texts]:
    for each in read:
        for block in each.blocks:
            yield Texts(block.path, block.first_number, block.text, len(each.chunk.raw) // len(each.blocks))
