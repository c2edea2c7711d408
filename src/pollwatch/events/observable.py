"""What an indicator names and a log may hold: an address, a domain, a hash ..., each in one spelling only.

Two members, a feed and a log write the same thing in many ways (``2001:DB8::1`` and ``2001:db8:0:0::1``,
``Evil.Example.`` and ``evil.example``). Everything is brought to one spelling here, so that equal means equal.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias
from urllib.parse import urlsplit

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

MAX_CHARS: Final = 2_000
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NETWORK: Final = re.compile(r"[0-9a-fA-F.:]+/[0-9]{1,3}", re.ASCII)
_HEX: Final = re.compile(r"[0-9a-f]+", re.ASCII)
_LOCAL: Final = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}")
_PORTS: Final = {"http": 80, "https": 443, "ftp": 21}
#: Hex digits of a digest to its algorithm, in STIX's words.
HASHES: Final = {32: "MD5", 40: "SHA-1", 56: "SHA-224", 64: "SHA-256", 96: "SHA-384", 128: "SHA-512"}


class Kind(StrEnum):
    """What kind of thing it is; named as in STIX where STIX has a name."""

    IPV4 = "ipv4-addr"
    IPV6 = "ipv6-addr"
    DOMAIN = "domain-name"
    URL = "url"
    HASH = "file-hash"
    EMAIL = "email-addr"
    USER_AGENT = "user-agent"


@dataclass(frozen=True, slots=True, order=True)
class Observable:
    """One thing in its one spelling; make it with :func:`normalised`.

    Attributes:
        kind: what kind of thing.
        value: an address or network (``203.0.113.0/24``), a domain without final dot, a URL, a digest in hex, an
            e-mail address, or a user agent as it is sent.
    """

    kind: Kind
    value: str

    @property
    def network(self) -> Network:
        """The network of an address or network.

        Raises:
            ValueError: it is something else.
        """
        return ipaddress.ip_network(self.value)

    @property
    def host(self) -> str:
        """The host that a domain, URL or e-mail address names; else empty."""
        match self.kind:
            case Kind.DOMAIN:
                return self.value
            case Kind.URL:
                return urlsplit(self.value).hostname or ""
            case Kind.EMAIL:
                return self.value.rpartition("@")[2]
            case Kind.IPV4 | Kind.IPV6 | Kind.HASH | Kind.USER_AGENT:
                return ""


def normalised(kind: Kind, text: str) -> Observable:
    """A thing of a known kind in its one spelling.

    Raises:
        ValueError: it is none; the message says why, without repeating it.
    """
    text = text.strip()
    if not text or len(text) > MAX_CHARS:
        raise ValueError("empty" if not text else f"longer than {MAX_CHARS} characters")
    match kind:
        case Kind.IPV4 | Kind.IPV6:
            return _address(kind, text)
        case Kind.DOMAIN:
            return Observable(kind, domain(text))
        case Kind.URL:
            return Observable(kind, _url(text))
        case Kind.HASH:
            return Observable(kind, _hash(text))
        case Kind.EMAIL:
            return Observable(kind, _email(text))
        case Kind.USER_AGENT:
            if not text.isprintable():
                raise ValueError("a user agent has no control characters")
            return Observable(kind, text)


def guessed(text: str) -> Observable:
    """A thing whose kind its own form shows: anything but a user agent.

    Raises:
        ValueError: it looks like none of them.
    """
    text = text.strip()
    guesses = [Kind.IPV4, Kind.HASH]
    if "://" in text:
        guesses = [Kind.URL]
    elif "@" in text:
        guesses = [Kind.EMAIL]
    elif "/" in text:
        guesses = [Kind.IPV4 if _NETWORK.fullmatch(text) else Kind.URL]
    elif ":" in text:
        guesses = [Kind.IPV4, Kind.URL] if "." in text else [Kind.IPV4]
    elif "." in text:
        guesses = [Kind.IPV4, Kind.DOMAIN]
    for kind in guesses:
        try:
            return normalised(kind, text)
        except ValueError:
            continue
    raise ValueError("looks like no address, network, domain, URL, hash or e-mail address")


def domain(text: str) -> str:
    """A domain or host name in its one spelling: lower case, no final dot, punycode.

    Raises:
        ValueError: it is none, or has only one label.
    """
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError("no domain name: it cannot be written in ASCII") from None
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("no domain name of two or more labels")
    if labels[-1].isdecimal():
        raise ValueError("no domain name: its last label is a number")
    return name


def _address(kind: Kind, text: str) -> Observable:
    """An address or network; where the kind says the wrong family, the text is right."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"no {'IPv4' if kind is Kind.IPV4 else 'IPv6'} address or network") from None
    first = network.network_address
    if isinstance(first, ipaddress.IPv6Address):
        if first.scope_id:
            raise ValueError("an address with a zone means something on one machine only")
        if first.ipv4_mapped is not None and network.prefixlen >= 96:
            network = ipaddress.ip_network(f"{first.ipv4_mapped}/{network.prefixlen - 96}")
    single = network.prefixlen == network.max_prefixlen
    return Observable(
        Kind.IPV4 if network.version == 4 else Kind.IPV6, str(network.network_address) if single else str(network)
    )


def _url(text: str) -> str:
    if any(char.isspace() or not char.isprintable() for char in text):
        raise ValueError("no URL: it holds blanks or control characters")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise ValueError("no URL: its host or port cannot be") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError("no URL of http, https or ftp with a host")
    try:
        named = str(_address(Kind.IPV4, host).value)
    except ValueError:
        named = domain(host)
    shown = f"[{named}]" if ":" in named else named
    shown += f":{port}" if port not in (None, _PORTS[parts.scheme]) else ""
    # Without its fragment, which no server sees, and without user and password.
    return f"{parts.scheme}://{shown}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")


def _hash(text: str) -> str:
    digits = text.lower()
    if not _HEX.fullmatch(digits) or len(digits) not in HASHES:
        raise ValueError("no MD5, SHA-1, SHA-2 in hex")
    return digits


def _email(text: str) -> str:
    local, at, host = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        raise ValueError("no e-mail address")
    return f"{local.lower()}@{domain(host)}"
