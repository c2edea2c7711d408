"""What one message says about one log-in, and who may be named for it.

Parts of such messages are written by whoever stands outside: account names, client versions, key comments. A name
like ``x from 192.0.2.7 port 22 ssh2`` must not make us accuse 192.0.2.7. Hence the law of all decoders: a pattern is
anchored at the end of the line that the outsider does not write, and where a message can be read in two ways,
nobody is named.
"""

from __future__ import annotations

import ipaddress
import socket
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple


class Witness(IntEnum):
    """Who reports a failed try. One try may be reported by several, and counts once (``framing_messages``)."""

    NOBODY = 0
    PAM = 1  # "authentication failure; ... rhost=": first, without the method
    SERVICE_ON_PAM = 2  # sshd's "error: PAM: Authentication failure for"
    PROBE = 3  # method "none": a client asks which methods there are
    SERVICE = 4  # "Failed password for": the program that was logged in to


class Login(NamedTuple):
    """The decoded columns of ``taxonomy.AUTH_COLUMNS``; all None where the message says none of it."""

    action: str | None = None
    user: str | None = None
    ruser: str | None = None
    src_ip: str | None = None
    src_host: str | None = None
    src_port: int | None = None
    auth_method: str | None = None
    command: str | None = None
    witness: Witness = Witness.NOBODY

    def columns(self) -> dict[str, str | int]:
        """What it says, as columns of its logsource; who reports it is none of them."""
        said = self._asdict()
        del said["witness"]
        return {name: value for name, value in said.items() if isinstance(value, (str, int))}


UNDECODED = Login()


@lru_cache(maxsize=1 << 14)
def peer(text: str) -> tuple[str | None, str | None]:
    """``(address, name)`` of a peer, one of them None: addresses in their shortest form, IPv4-mapped ones as IPv4."""
    if text.count(".") == 3 and text[-1:].isdigit():
        try:
            socket.inet_pton(socket.AF_INET, text)
        except (OSError, ValueError):
            pass  # told below what it is
        else:
            return text, None  # the common case, many times quicker than ipaddress
    bare = text.strip("[]<>()'\",;")
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None, bare if bare and bare.upper() not in {"UNKNOWN", "?", "LOCALHOST.LOCALDOMAIN"} else None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), None


def address(text: str) -> str | None:
    """The address that a text is, or None."""
    return peer(text)[0]


@lru_cache(maxsize=1 << 16)
def port(digits: str | None) -> int | None:
    """A TCP port, or None."""
    return int(digits) if digits and len(digits) <= 5 and digits.isascii() and digits.isdecimal() else None


def only(candidates: list[str]) -> str | None:
    """The one thing that all candidates say; None where they contradict each other or there are none."""
    return candidates[0] if candidates and all(each == candidates[0] for each in candidates) else None
