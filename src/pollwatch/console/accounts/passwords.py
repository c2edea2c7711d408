"""Passwords: argon2id, and which ones are refused.

Length and how soon a guesser gets there are what counts (NIST SP 800-63B, 3.1.1): no rules about signs, no expiry. The
guesser is ``zxcvbn``, which knows tens of thousands of common passwords, names, words, dates and keyboard walks;
nothing is asked over the network. One password is hashed at a time, for each takes 64 MiB: a flood of tries waits in a
row, and those who would wait too long are told to come again.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pollwatch.errors import AccessError
from pollwatch.i18n import _

MIN_CHARS: Final = 12
MAX_CHARS: Final = 128
#: A guesser that knows what people choose needs so many tries, as a power of ten.
_ENOUGH: Final = 10.0
_PATIENCE_S: Final = 4.0


class BusyError(AccessError):
    """Too many passwords are being tried at once."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a try costs. The default is RFC 9106's second choice: three passes over 64 MiB.

    Attributes:
        passes: over the memory.
        memory_kib: how much of it.
        lanes: that work side by side.
    """

    passes: int = 3
    memory_kib: int = 64 << 10
    lanes: int = 4


#: Of a try, where nothing else is said.
USUAL_COST: Final = Cost()


class Passwords:
    """Hashes and compares. Safe to call from several threads."""

    def __init__(self, cost: Cost = USUAL_COST) -> None:
        """Hash at this cost."""
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes)
        self._turn = threading.Lock()
        self._nobody = self._hasher.hash("nobody has this password")

    def hashed(self, password: str) -> str:
        """The hash to keep.

        Raises:
            BusyError: too many are being tried.
        """
        self._wait()
        try:
            return self._hasher.hash(_bytes(password))
        finally:
            self._turn.release()

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. Where there is none, the answer takes as long.

        Raises:
            BusyError: too many are being tried.
        """
        if len(password) > MAX_CHARS:
            return False
        self._wait()
        try:
            self._hasher.verify(kept or self._nobody, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
        finally:
            self._turn.release()
        return kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _wait(self) -> None:
        if not self._turn.acquire(timeout=_PATIENCE_S):
            raise BusyError(_("too many are signing in at this moment; try again in a minute"))


def check_choice(password: str, about: Sequence[str]) -> None:
    """Accept a new password.

    Args:
        password: what somebody chose.
        about: what a guesser knows of them: name, office.

    Raises:
        AccessError: it is too short, too long, or soon guessed.
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415 - reads its lists of words when it is imported

    if len(password) < MIN_CHARS:
        raise AccessError(
            _("take at least {n} characters: three or four words that do not belong together").format(n=MIN_CHARS)
        )
    if len(password) > MAX_CHARS:
        raise AccessError(_("take at most {n} characters").format(n=MAX_CHARS))
    known = [word for text in about for word in {text, *text.replace("@", " ").replace(".", " ").split()} if word]
    found = zxcvbn(password[:72], user_inputs=[*known, "pollwatch", "election"])
    if float(found["guesses_log10"]) < _ENOUGH:
        raise AccessError(
            _("that password would soon be guessed; take three or four words that do not belong together")
        )


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
