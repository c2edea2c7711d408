# ruff: noqa: E501 - a pattern reads best unbroken
"""Whether a text is an address of a place inside: one that the server reaches and the visitor does not.

A site that fetches the address which a value names is made to fetch its own machine, its network or its cloud's
metadata. The host is read as the C library reads it: one to four numbers, each decimal, octal or hexadecimal; IPv6 with
IPv4 inside; letters and digits in circles; and whatever stands behind an ``@``.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

from pollwatch.events.grammar.listed import listed
from pollwatch.events.places import inside

_URL = re.compile(
    r"(?:^|[=\s,;|(\"'<])(?:url:)?(?P<scheme>[a-z][a-z0-9+._-]{1,14}):(?:[/\\]{0,3})(?P<rest>[^\s\"'<>|]{1,300}(?:\s[&#]?\s?[#@]\S{1,200})*)"
)
_NO_HOST: Final = listed("mailto tel data javascript about file urn php time http-equiv jar sms")
_NAMES: Final = re.compile(
    r"(?:localhost\d?|local|ip6-\w+|ipv6-localhost|lvh\.me|localtest\.me|vcap\.me|metadata(?:\.\S+)?|instance-data|burpcollaborator\.net|host\.docker\.internal|kubernetes(?:\.default\S*)?|"
    r"(?:[\w-]+\.)*(?:localhost\d?|localdomain\d?|internal|intranet|svc\.cluster\.local|nip\.io|xip\.io|sslip\.io|burpcollaborator\.net|oast\.\w+|interact\.sh))\.?"
)
#: How a value begins that may be one of these without a scheme, in what Python's and RE2's dialects share: what is
#: looked for before any grammar is asked (``judge``, ``pollwatch.events.meaning``).
BARE: Final = r"[\w.-]*(?:local|internal|intranet|metadata|kubernetes|instance-data|lvh\.me|vcap\.me)[\w.-]*/"
_HOSTLIKE = re.compile(r"\[[^\]]{2,60}\]|[^/?#\\\s:]+")
_SPELLED = re.compile(r"[^\x00-\x7f]|\\")
#: Names of parameters that hold a host alone, or a folder to read programs from.
_INCLUDES = re.compile(
    r"(?:_path|_dir|_root|include|_conf\[\w*\]?|basedir|root_path|template|document_root|absolute_path)\]?$"
)


#: Where a log-in service sends a program's user back to: the program itself, on the user's own machine (RFC 8252).
_BACK = re.compile(r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?:/[\w./-]*)?", re.ASCII)
_RETURNS: Final = listed("redirect_uri redirecturi redirect_url redirecturl post_logout_redirect_uri reply_url")


def kinds(text: str, name: str = "") -> frozenset[str]:
    """What of an address a text is: inner, odd (an address in numbers that nobody writes so), include.

    Args:
        text: decoded; case is ignored.
        name: of the parameter that it is the value of.
    """
    text = text.lower().strip()
    found: set[str] = set()
    if name.lower() in _RETURNS and _BACK.fullmatch(text):
        return frozenset()
    for match in _URL.finditer(text):
        if match["scheme"] in _NO_HOST or match["scheme"].isdigit():
            continue
        rest = match["rest"]
        spelled = _SPELLED.search(rest.partition("/")[0]) is not None
        slashes = "//" in match[0] or match["scheme"] in {"http", "https", "ftp"}
        for place in {rest, *re.split(r"@", rest)[1:]} if slashes else ():
            plain = unicodedata.normalize("NFKC", place).replace("\u3002", ".").replace("\\", "").lstrip("/")
            found |= _host(plain, spelled=spelled)
            if re.match(r"\w?\\+\w\\", place):
                found.add("odd")
        if match["scheme"] in {"http", "https", "ftp", "ftps"} and _INCLUDES.search(name.lower()):
            found.add("include")
    bare = re.fullmatch(r"([a-z][\w.-]+)(?::\d+)?/.*", text)
    if bare and _NAMES.fullmatch(bare[1]):
        found.add("inner")
    return frozenset(found)


def _host(rest: str, *, spelled: bool) -> set[str]:
    match = _HOSTLIKE.match(rest)
    if match is None:
        return set()
    host = match[0].strip("[]").partition("%")[0]
    if _NAMES.fullmatch(host):
        return {"inner"}
    if match[0].startswith("["):
        try:
            six = ipaddress.IPv6Address(re.sub(r"\.{2,}", ".", host))
        except ValueError:
            return {"odd"} if "::" in host else set()
        return {"inner"} if _inner(six.ipv4_mapped or six) or six.ipv4_mapped else {"odd"}
    four = number(host)
    if four is None:
        return set()
    written = re.fullmatch(r"(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}", host) is not None
    return ({"inner"} if _inner(four) else set()) | (set() if written and not spelled else {"odd"})


def _inner(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_unspecified or str(address) in _METADATA or inside(str(address))


#: Where clouds tell their machines of themselves, beside link-local addresses.
_METADATA: Final = frozenset({"100.100.100.200", "192.0.0.192", "168.63.129.16"})


def number(host: str) -> ipaddress.IPv4Address | None:
    """An IPv4 address as ``inet_aton`` reads it; None where it is none. Numbers too large wrap, as some libraries do."""
    parts = host.rstrip(".").split(".")
    if not 1 <= len(parts) <= 4 or any(not re.fullmatch(r"0x[0-9a-f]{1,32}|\d{1,40}", part) for part in parts):
        return None
    if len(parts) == 1 and not 8 <= len(parts[0].removeprefix("0x")) <= 32:
        return None
    values = [_value(part) for part in parts]
    if None in values:
        return None
    total = 0
    for value in values[:-1]:
        total = total << 8 | (value or 0) & 0xFF
    width = 8 * (5 - len(parts))
    return ipaddress.IPv4Address((total << width | (values[-1] or 0) & ((1 << width) - 1)) & 0xFFFFFFFF)


def _value(part: str) -> int | None:
    try:
        return (
            int(part, 16)
            if part.startswith("0x")
            else int(part, 8)
            if part.startswith("0") and part != "0"
            else int(part)
        )
    except ValueError:
        return None
