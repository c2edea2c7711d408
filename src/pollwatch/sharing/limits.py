"""How often and how much at a time: token buckets and lanes, both bounded in memory. Sans-IO.

A *bucket* holds a caller's requests: it fills at a steady rate up to a burst, and each request takes one. A *lane* is
how many requests of one caller are worked on at a time; whatever one caller sends, the others' lanes stay free.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Final

from pollwatch.sharing.replay import TooManyRequestsError

_MOST_KEYS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """How often.

    Attributes:
        per_s: requests that a second adds.
        burst: requests that may come at once after a pause.
    """

    per_s: float
    burst: float


class Buckets:
    """One bucket per key; those that were not used for longest, and are full again, are forgotten first."""

    def __init__(self, rate: Rate, most: int = _MOST_KEYS) -> None:
        """Begin with full buckets.

        Args:
            rate: of each.
            most: how many are kept. With more at once, all that are new share one.
        """
        self._rate = rate
        self._most = most
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now_s: float, cost: float = 1.0) -> float:
        """Take from a bucket.

        Args:
            key: whose.
            now_s: monotonic seconds.
            cost: how much.

        Returns:
            0 where it was there; else after how many seconds it would be, and nothing was taken.
        """
        key = key if key in self._filled or self._room(now_s) else ""
        level, at_s = self._filled.get(key, (self._rate.burst, now_s))
        level = min(self._rate.burst, level + (now_s - at_s) * self._rate.per_s)
        missing = max(0.0, cost - level)
        self._filled[key] = (level if missing else level - cost, now_s)
        self._filled.move_to_end(key)
        return missing / self._rate.per_s

    def _room(self, now_s: float) -> bool:
        while len(self._filled) >= self._most:
            level, at_s = next(iter(self._filled.values()))
            if level + (now_s - at_s) * self._rate.per_s < self._rate.burst:
                return False  # forgetting it would give its owner a full one
            self._filled.popitem(last=False)
        return True


@dataclass(frozen=True, slots=True)
class Limits:
    """How much each caller gets.

    Attributes:
        member: how often a member and its clients may ask.
        stranger: how often one address may that nobody knows.
        guess: how often one address may try a password that was not right before.
        lane: how many requests of one caller are worked on at a time.
        strangers: how many of all strangers.
        plain_loopback: whether passwords are taken without TLS from this very machine.
    """

    member: Rate = Rate(200, 2000)
    stranger: Rate = Rate(20, 200)
    guess: Rate = Rate(0.2, 10)
    lane: int = 4
    strangers: int = 16
    plain_loopback: bool = False


class Lanes:
    """How many requests of each key are being worked on."""

    def __init__(self) -> None:
        """Begin with empty lanes."""
        self._busy: Counter[str] = Counter()

    def enter(self, *lanes: tuple[str, int]) -> None:
        """Take a place in each of these lanes, which are so wide; give it back with :meth:`leave`.

        Raises:
            TooManyRequestsError: there is none in one of them; then none is taken.
        """
        for key, width in lanes:
            if self._busy[key] >= width:
                raise TooManyRequestsError(f"{width} requests are being worked on; wait for their answers")
        self._busy.update(key for key, _width in lanes)

    def leave(self, *lanes: tuple[str, int]) -> None:
        """Give back a place in each of these lanes."""
        for key, _width in lanes:
            self._busy[key] -= 1
            if not self._busy[key]:
                del self._busy[key]


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one IPv6 host has to itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
