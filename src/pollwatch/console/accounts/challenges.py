"""Random challenges that need not be kept until they come back: for passkeys, and for the way to an identity provider.

A challenge is a random number, a time, and a keyed hash over both, what it is for, and the browser that it was made
for. Whoever gives it back must be that browser, in time, once. Only those that came back right are remembered, until
their time is over; so nobody fills the memory by asking for many. The key lives as long as the process: after a
restart people begin anew.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
from typing import Final

from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import AccessError
from pollwatch.i18n import _

_NONCE: Final = 16
_TIME: Final = 8
_MAC: Final = 32
GOOD_FOR_S: Final = 600


class Challenges:
    """Makes challenges and takes them back. Safe to call from several threads."""

    def __init__(self, clock: Clock) -> None:
        """Make a key."""
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._used: dict[bytes, int] = {}

    def make(self, purpose: str, browser: str) -> bytes:
        """A challenge for one browser.

        Args:
            purpose: what it is for.
            browser: what only that browser has: the value of its cookie.
        """
        head = secrets.token_bytes(_NONCE) + self._clock.now_us().to_bytes(_TIME, "big")
        return head + self._mac(head, purpose, browser)

    def take(self, challenge: bytes, purpose: str, browser: str, *, use: bool = True) -> None:
        """Take one back.

        Args:
            challenge: what came back.
            purpose: what it is for.
            browser: the value of the cookie of whoever gave it back.
            use: whether it is used up by that.

        Raises:
            AccessError: it is none of ours for this, another browser's, too old, or was used.
        """
        head, mac = challenge[:-_MAC], challenge[-_MAC:]
        if len(head) != _NONCE + _TIME or not hmac.compare_digest(mac, self._mac(head, purpose, browser)):
            raise AccessError(_("that does not belong to this browser; begin anew"))
        now_us = self._clock.now_us()
        made_us = int.from_bytes(head[_NONCE:], "big")
        if not 0 <= now_us - made_us <= GOOD_FOR_S * US_PER_S:
            raise AccessError(_("that took too long; begin anew"))
        with self._lock:
            self._used = {key: ends for key, ends in self._used.items() if ends > now_us}
            if mac in self._used:
                raise AccessError(_("that was used already; begin anew"))
            if use:
                self._used[mac] = made_us + GOOD_FOR_S * US_PER_S

    def derived(self, challenge: bytes, purpose: str) -> str:
        """Another random text that belongs to a challenge and that nobody can know from it."""
        return encoded(hmac.digest(self._key, purpose.encode() + b"\x00" + challenge, "sha256"))

    def _mac(self, head: bytes, purpose: str, browser: str) -> bytes:
        said = f"{purpose}\x00{browser}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, head + said, "sha256")


def encoded(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def decoded(text: str) -> bytes:
    """What :func:`encoded` was given.

    Raises:
        AccessError: it is no base64url.
    """
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or encoded(found) != text:
        raise AccessError(_("that is not what a browser sends; begin anew"))
    return found
