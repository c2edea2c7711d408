"""From program and message to the decoded log-in: which decoder speaks for which program."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from pollwatch.formats import (
    framing_console,
    framing_dropbear,
    framing_pam,
    framing_programs,
    framing_services,
    framing_sshd,
)
from pollwatch.formats.framing_login import UNDECODED, Login

Decoder: TypeAlias = Callable[[str], "Login | None"]

#: Longer messages are no log-in messages (syslog daemons cut at 1 to 8 KiB), and no pattern is let loose on them.
LONGEST = 8_192

_SSHD = frozenset({"sshd", "sshd-session", "sshd-auth"})
_OLD_PAM = re.compile(r"(.*)\((pam_\w+)\)")


@lru_cache(maxsize=4096)
def decoder_of(program: str | None) -> tuple[str | None, Decoder, bool]:
    """``(name, decoder, always)`` for a program as the log names it.

    The name is without folder, process role and module (``/usr/sbin/sshd``, ``sshd-session``, ``su(pam_unix)``);
    ``always``: each of its messages is about log-in or privilege, decoded or not.
    """
    if program is None:
        return None, framing_services.decode, False
    name = program.rpartition("/")[2] if program.startswith("/") else program
    module = None
    if old := _OLD_PAM.fullmatch(name):
        name, module = old.groups()
    if name in _SSHD:
        name = "sshd"
        own: Callable[[str], Login] = framing_sshd.decode
    elif name == "dropbear":
        own = framing_dropbear.decode
    elif name in framing_console.PROGRAMS:
        own = framing_console.PROGRAMS[name]
    elif framing_programs.understood(name):
        return name, framing_services.known, False
    else:
        return name, framing_services.decode, False
    return name, _with_pam(own, module), True


def _with_pam(own: Callable[[str], Login], module: str | None) -> Decoder:
    """A decoder that asks PAM's first: its modules speak under the program's name."""

    def decode(message: str) -> Login:
        if module or message.startswith(("pam_", "PAM ", "(pam_")):
            decoded = framing_pam.decode(f"{module}: {message}".strip() if module else message.strip())
            if decoded is not None:
                return decoded
        return own(message)

    return decode


def decode(program: str | None, message: str) -> tuple[str | None, Login | None]:
    """``(program's plain name, what the message says)``; None instead of a log-in: it is no matter of log-in."""
    name, decoder, always = decoder_of(program)
    if len(message) > LONGEST:
        return name, UNDECODED if always else None
    return name, decoder(message)
