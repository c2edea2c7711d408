"""UTC time, injected. The only module that asks the system what time it is."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Protocol

UTC = dt.UTC
US_PER_S = 1_000_000


class Clock(Protocol):
    """Where time comes from."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC."""


class SystemClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told to; for scenarios and for replays of past weeks."""

    us: int

    def now_us(self) -> int:
        """The time it was last set to."""
        return self.us

    def advance(self, seconds: float) -> None:
        """Move forward (or back: wrong clocks are part of life)."""
        self.us += int(seconds * US_PER_S)


def monotonic_s() -> float:
    """Seconds for measuring durations; never steps back."""
    return time.perf_counter()


def to_datetime(us: int) -> dt.datetime:
    """An aware UTC datetime."""
    return dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(microseconds=us)


def from_datetime(moment: dt.datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware datetime."""
    return (moment - dt.datetime(1970, 1, 1, tzinfo=UTC)) // dt.timedelta(microseconds=1)


def rfc3339(us: int | None) -> str | None:
    """RFC 3339 in UTC: whole seconds where exact, else microseconds. ``None`` stays ``None``."""
    if us is None:
        return None
    moment = to_datetime(us)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if us % US_PER_S == 0 else "%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> int:
    """Microseconds since 1970-01-01 UTC.

    Raises:
        ValueError: the text is no RFC 3339 time, or lacks its zone.
    """
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} lacks a zone; write it as 2026-11-03T20:00:00Z")
    return from_datetime(moment)
