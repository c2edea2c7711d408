"""The loop: notice what changed, write what is to be said, send it. `pollwatch watch` runs it, or `notify run`.

Both may run: the outbox has each message once, and whoever leases it sends it. The part that writes is short and in one
transaction; nothing of the case is held while messages are on their way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pollwatch.clock import Clock
from pollwatch.election.calendar import Calendar
from pollwatch.errors import PollwatchError
from pollwatch.node.notifying import noticing, sending, sight, telling
from pollwatch.node.notifying.sending import Delivered, Way
from pollwatch.notify import channels
from pollwatch.notify.settings import NotifySettings
from pollwatch.store.database import Database
from pollwatch.store.folder import CaseFolder

#: The case is asked for changes so often.
POLL_S: Final = 1.0
#: What is being sent when the watch ends is waited for so long.
_END_S: Final = 20.0
Sight = Callable[[], Sequence[str] | None]
"""Why nobody is watching, a sentence each; empty where somebody is, None where that is not known."""


@dataclass(slots=True)
class Notifier:
    """Tells people of one case.

    Attributes:
        database: the case's.
        settings: who is told; may be replaced at any time.
        calendar: of the elections; likewise.
        clock: the time.
        environment: where systemd's credentials are looked up; None = the process's.
        way: sends one message.
    """

    database: Database
    settings: NotifySettings
    calendar: Calendar
    clock: Clock
    environment: Mapping[str, str] | None = None
    way: Way = channels.send
    _next_us: int | None = 0
    _blind: tuple[str, ...] | None = None

    def tick(self, blind: Sequence[str] | None = None) -> Delivered:
        """Do what is to be done now; costs two reads where that is nothing.

        Args:
            blind: why nobody is watching, a sentence each; empty where somebody is; None where that is not known here.

        Raises:
            StoreError: the case cannot be read or written.
        """
        if not self.settings.people:
            return Delivered()
        seen = None if blind is None else tuple(blind)
        if self._due(seen):
            self._write(seen)
            self._blind = seen
        done = Delivered()
        while True:
            now = sending.send_due(self.database, self.settings, self.clock, self.environment, self.way)
            done = Delivered(done.sent + now.sent, tuple(dict.fromkeys((*done.problems, *now.problems))))
            if not now.sent:
                break
        if done.problems:
            self._next_us = 0  # whoever was not reached: the next step may be due at once
        return done

    def _due(self, blind: tuple[str, ...] | None) -> bool:
        now_us = self.clock.now_us()
        if blind != self._blind or (self._next_us is not None and self._next_us <= now_us):
            return True
        with self.database.reading() as connection:
            return noticing.pending(connection)

    def _write(self, blind: tuple[str, ...] | None) -> None:
        later: list[int | None] = []
        more = True
        while more:  # all of a flood is noticed before anything is said of it
            now_us = self.clock.now_us()
            with self.database.writing() as connection:
                more, over = noticing.notice(connection, self.settings, self.calendar, now_us, blind)
                telling.tell_over(connection, self.settings, over, now_us)
                if not more:
                    later = [
                        telling.tell(connection, self.settings, self.calendar, now_us),
                        telling.tell_digest(connection, self.settings, now_us),
                    ]
        self._next_us = min((each for each in later if each is not None), default=None)


def opened(
    case_dir: Path, settings: NotifySettings, calendar: Calendar, clock: Clock, *, way: Way = channels.send
) -> Notifier:
    """A notifier of the case in a folder; close its database when done.

    Raises:
        StoreError: there is no case.
        UsageError: somebody is to be told, and apprise is not installed.
    """
    if settings.people:
        channels.need_apprise()
    folder = CaseFolder(case_dir)
    folder.prepare(create=False)
    return Notifier(Database(folder.database), settings, calendar, clock, way=way)


def run(notifier: Notifier, stop: threading.Event, see: Sight, tell: Callable[[str], None]) -> None:
    """Tick until told to stop; what goes wrong is told, and tried again.

    Args:
        notifier: of the case.
        stop: set by whoever wants it to end.
        see: whether anybody is watching.
        tell: takes a sentence for the log.
    """
    while not stop.is_set():
        try:
            for problem in notifier.tick(see()).problems:
                tell(problem)
        except PollwatchError as error:
            tell(str(error))
            stop.wait(POLL_S * 4)
        stop.wait(POLL_S)


class Background:
    """Tells people from a thread of its own, beside a watch that must not wait for mail servers."""

    def __init__(self, case_dir: Path, clock: Clock, tell: Callable[[str], None]) -> None:
        """For a case; nothing begins before :meth:`use`.

        Args:
            case_dir: the case.
            clock: the time.
            tell: takes a sentence for the log.
        """
        self._case_dir, self._clock, self._tell = case_dir, clock, tell
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._notifier: Notifier | None = None

    def use(self, settings: NotifySettings, calendar: Calendar) -> None:
        """Tell by these settings from now on; where nobody is to be told, nothing runs."""
        if self._notifier is not None:
            self._notifier.settings, self._notifier.calendar = settings, calendar
        elif settings.people:
            try:
                self._notifier = opened(self._case_dir, settings, calendar, self._clock)
            except PollwatchError as error:  # watching goes on, whoever cannot be told
                self._tell(str(error))
                return
            see = partial(sight.why_blind, self._notifier.database, self._clock)
            target = partial(run, self._notifier, self._stop, see, self._tell)
            self._thread = threading.Thread(target=target, name="notifying", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Send what is due now, and end."""
        self._stop.set()
        if self._thread is None or self._notifier is None:
            return
        self._thread.join(_END_S)
        if not self._thread.is_alive():
            try:
                self._notifier.tick()
            except PollwatchError as error:
                self._tell(str(error))
            self._notifier.database.close()
