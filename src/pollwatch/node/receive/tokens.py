"""Who may push: bearer tokens from a file, compared in constant time, and an address that guesses is slowed down.

Only digests are kept. While an address has guessed too often, a token that it has not shown rightly before is not even
looked at; one that it has goes on being taken, so that whoever shares an address with a guesser is not shut out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from pathlib import Path
from typing import Final

from pollwatch.errors import ConfigError
from pollwatch.sharing.limits import Buckets, Rate, neighbourhood
from pollwatch.sources.settings import check_secret, secret

GUESSES: Final = Rate(0.2, 10)
SHORTEST: Final = 20
_MOST_BYTES: Final = 64 << 10
_MOST_KNOWN: Final = 10_000


class NoTokenError(Exception):
    """The token is missing or wrong."""


class GuessingError(Exception):
    """The address has guessed too often; ``after_s`` says when it may try again."""

    def __init__(self, after_s: float) -> None:
        """Say when."""
        super().__init__()
        self.after_s = after_s


class Tokens:
    """See the module."""

    def __init__(self, path: Path) -> None:
        """Read them.

        Raises:
            ConfigError: others can read the file, it holds none, or one is too short to be secret.
        """
        self._path = secret(path)
        self._digests: tuple[bytes, ...] = ()
        self._buckets = Buckets(GUESSES)
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self.reload()

    def reload(self) -> None:
        """Take what the file says now.

        Raises:
            ConfigError: as above; what was read before stays in use.
        """
        check_secret(self._path, "the tokens")
        tokens = [line.strip() for line in self._path.read_bytes()[:_MOST_BYTES].splitlines() if line.strip()]
        if not tokens:
            raise ConfigError(f"{self._path}: no token; write one with: openssl rand -hex 32 > {self._path}")
        if min(map(len, tokens)) < SHORTEST:
            raise ConfigError(f"{self._path}: a token is shorter than {SHORTEST} letters; use: openssl rand -hex 32")
        self._digests = tuple(_digest(each) for each in tokens)
        self._right.clear()

    def check(self, shown: bytes, address: str, now_s: float) -> None:
        """Let a request pass or not.

        Args:
            shown: the token; empty where there was none.
            address: who shows it.
            now_s: monotonic seconds.

        Raises:
            NoTokenError: missing or wrong.
            GuessingError: the address must wait before its tokens are looked at again.
        """
        place, digest = neighbourhood(address), _digest(shown)
        if (place, digest) in self._right:
            return
        wait_s = self._buckets.take(place, now_s)
        if wait_s:
            raise GuessingError(wait_s)
        same = [hmac.compare_digest(digest, each) for each in self._digests]  # all of them: no early end tells which
        if not any(same) or not shown:
            raise NoTokenError
        self._right[place, digest] = None
        while len(self._right) > _MOST_KNOWN:
            self._right.popitem(last=False)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(b"pollwatch push token\0" + token).digest()
