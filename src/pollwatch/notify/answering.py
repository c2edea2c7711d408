"""Saying that one has an alarm: a code of a few characters, or a link; each is one person's, and nobody can make it up.

The code is for the telephone and the command line at the watch, where nobody can try millions. The link's token is long
enough for the open network. Opening a link does nothing by itself, since mail programs open links too: the page asks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final

from pollwatch.errors import UsageError
from pollwatch.i18n import _

KEY_BYTES: Final = 32
_CODE: Final = re.compile(r"([1-9][0-9]{0,9})-([A-Z2-7]{6})", re.ASCII)
_TOKEN: Final = re.compile(r"([1-9][0-9]{0,9})-([a-z2-7]{32})", re.ASCII)


def code(key: bytes, alarm: int, person: str) -> str:
    """The code of a person for an alarm, e.g. ``12-K7QXRA``: read out, typed, and not guessed in a few tries."""
    return f"{alarm}-{_mac(key, 'code', alarm, person)[:6]}"


def token(key: bytes, alarm: int, person: str) -> str:
    """The same for a link: 160 bits."""
    return f"{alarm}-{_mac(key, 'link', alarm, person)[:32].lower()}"


def read(key: bytes, text: str, people: Iterable[str], *, links_only: bool = False) -> tuple[int, str]:
    """The alarm and the person that a code or token is of.

    Args:
        key: the case's.
        text: what was given.
        people: who may have been told.
        links_only: take no codes: where anybody on the network can try them.

    Raises:
        UsageError: it is of nobody.
    """
    given = text.strip()
    match = _TOKEN.fullmatch(given.lower()) or (None if links_only else _CODE.fullmatch(given.upper()))
    if match is not None and len(given) < 100:
        alarm = int(match[1])
        for person in people:
            for made in (code(key, alarm, person), token(key, alarm, person)):
                if hmac.compare_digest(made.casefold().encode(), given.casefold().encode()):
                    return alarm, person
    raise UsageError(_("this code is of no alarm and nobody; read it out again"))


def _mac(key: bytes, use: str, alarm: int, person: str) -> str:
    said = f"pollwatch alarm\n{use}\n{alarm}\n{person}".encode()
    return base64.b32encode(hmac.new(key, said, hashlib.sha256).digest()).decode("ascii")
