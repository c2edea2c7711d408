"""What a watch says of itself while it runs: one line each on stderr, and to systemd where that started it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from pollwatch import canonical
from pollwatch.clock import US_PER_S, Clock, monotonic_s, rfc3339
from pollwatch.events.printable import printable

Tell = Callable[..., None]
"""Called with a level (``info``, ``warning``, ``error``), a sentence, and numbers or names as keywords."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Writes a line for each thing that is to be known; never a line of a log.

    Attributes:
        clock: for its times.
        as_json: one JSON object a line, instead of words.
        quiet: only warnings and errors.
        write: where to.
    """

    clock: Clock
    as_json: bool = False
    quiet: bool = False
    write: Callable[[str], object] = field(default=lambda text: print(text, file=sys.stderr, flush=True))  # noqa: T201

    def __call__(self, level: str, sentence: str, **facts: object) -> None:
        """Write one line."""
        if self.quiet and level == "info":
            return
        at = rfc3339(self.clock.now_us() // US_PER_S * US_PER_S)
        if self.as_json:
            told: dict[str, object] = {"at": at, "level": level, "what": printable(sentence, 2000)}
            for name, value in facts.items():
                told[name] = value if isinstance(value, int | float) else printable(str(value), 500)
            self.write(canonical.compact(told))
            return
        words = " ".join(f"{name}={printable(str(value), 500)}" for name, value in facts.items())
        self.write(f"{at} {level}: {printable(sentence, 2000)}{' ' if words else ''}{words}")


class Systemd:
    """The service manager's ear (``sd_notify``); silent where nobody listens."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        """Look who listens."""
        found = dict(os.environ) if environment is None else environment
        self._address = found.get("NOTIFY_SOCKET", "")
        watchdog_us = found.get("WATCHDOG_USEC", "")
        self._every_s = int(watchdog_us) / US_PER_S / 3 if watchdog_us.isdigit() else None
        self._last_s = 0.0

    @property
    def listens(self) -> bool:
        """Whether a service manager does."""
        return bool(self._address)

    def say(self, *words: str) -> None:
        """Say something: ``READY=1``, ``STOPPING=1``, ``RELOADING=1``, ``STATUS=...``."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ear:
                ear.connect(address)
                ear.sendall("\n".join(words).encode())
        except OSError:
            pass  # whoever listened is gone; that is no reason to stop watching

    def alive(self) -> None:
        """Say that the watch is at work, as often as it was asked to."""
        if self._every_s is not None and monotonic_s() - self._last_s >= self._every_s:
            self._last_s = monotonic_s()
            self.say("WATCHDOG=1")
