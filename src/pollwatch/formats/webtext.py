r"""What web server logs do to text, undone: escapes, request lines, client addresses, times.

Apache escapes ``"`` and ``\`` with a backslash and other bytes as ``\xhh``; nginx writes all of them as ``\xHH``.
:func:`unescape` gives back what was sent, as far as that is text: control characters and bytes that are no UTF-8
stay as the log wrote them (``\x16\x03``), so that binary rubbish remains readable and searchable.

Sources: Apache ``mod_log_config`` (format notes), nginx ``ngx_http_log_module`` (``escape=``), RFC 9112 section 3.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple

from pollwatch.formats.framing import LOWER_MONTHS, epoch_us, iso_us, plausible, split_host_port

_ESCAPED = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+|\\[\"\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VERSION = re.compile(r"HTTP/[0-9](?:\.[0-9])?\Z")
_METHOD = re.compile(r"[A-Za-z][A-Za-z_-]{1,31}\Z")
_ABSOLUTE = re.compile(r"(?i)[a-z][a-z0-9+.-]{1,15}://(?:[^/?#@ ]*@)?(\[[0-9a-f:.]+\]|[^/?#:@ ]*)(?::[0-9]*)?")
_CLF_TIME = re.compile(
    r"(\d{1,2})/([A-Za-z]{3})/(\d{4})[: T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
    r"(?: ?(?:([+-])(\d\d):?(\d\d)|Z|UTC|GMT))?\Z"
)
_MAPPED = re.compile(r"(?i)::ffff:(\d{1,3}(?:\.\d{1,3}){3})\Z")


def unescape(text: str) -> str:
    """The text as the client sent it, see the module's first lines."""
    return _ESCAPED.sub(_sent, text) if "\\" in text else text


def _sent(match: re.Match[str]) -> str:
    escaped = match[0]
    if escaped[1] != "x":
        return escaped[1]
    text = bytes.fromhex(escaped.replace("\\x", "")).decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda control: f"\\x{ord(control[0]):02x}", text)


class Request(NamedTuple):
    """A request line: null is what it did not have. Rubbish has no method and stands in ``uri`` as a whole."""

    method: str | None
    uri: str | None
    version: str | None


def split_request(line: str) -> Request:
    """Method, URI and version of a request line, however broken; still escaped as logged.

    Spaces in the URI belong to it. Without a version (HTTP/0.9, or a cut line) it takes a target that looks like one.
    """
    if line in {"", "-"}:
        return Request(None, None, None)
    rest, space, version = line.rpartition(" ")
    if space and _VERSION.match(version):
        method, space, uri = rest.partition(" ")
        if space and _METHOD.match(method):
            return Request(method, uri, version)
        if _METHOD.match(rest):
            return Request(rest, "", version)
        return Request(None, rest, version)
    method, space, uri = line.partition(" ")
    if space and _METHOD.match(method) and (uri.startswith(("/", "*")) or _ABSOLUTE.match(uri) or method == "CONNECT"):
        return Request(method, uri, None)
    return Request(None, line, None)


def absolute_form(uri: str) -> tuple[str, str] | None:
    """``(host, path and query)`` of an absolute-form target (``GET http://host/path``), else None."""
    match = _ABSOLUTE.match(uri)
    return (match[1], uri[match.end() :]) if match else None


def client_address(text: str | None) -> str | None:
    """The client as an address without port, or the name that the server logged instead; None where there is none.

    Of a list (``X-Forwarded-For``) the last entry counts: the nearest proxy wrote it, the client wrote the others.
    """
    last = text.rpartition(",")[2].strip() if text else ""
    if last in {"", "-", "unix:", "unknown"}:
        return None
    host = split_host_port(last)[0] or last
    mapped = _MAPPED.match(host)
    return mapped[1] if mapped else host


def host_name(text: str | None) -> str | None:
    """A virtual host without its port; None where the log has ``-``, ``_`` (nginx's catch-all) or nothing."""
    if text is None or text in {"", "-", "_"}:
        return None
    return split_host_port(text)[0] or None


def any_time_us(text: str | None, zone: dt.tzinfo = dt.UTC) -> int | None:
    """Microseconds of a time in any notation that web logs use (common log, ISO 8601, counted since 1970), else None.

    Args:
        text: the time as logged, without brackets.
        zone: of times that name none.
    """
    return _any_time_us(text, zone) if text and len(text) <= 64 else None


@lru_cache(maxsize=16384)
def _any_time_us(text: str, zone: dt.tzinfo) -> int | None:
    match = _CLF_TIME.match(text)
    if match is None:
        return epoch_us(text) if text[:10].isdecimal() and "-" not in text else iso_us(text, zone)
    day, month, year, hour, minute, second, fraction, sign, off_hours, off_minutes = match.groups()
    try:
        offset = dt.timedelta(hours=int(off_hours or 0), minutes=int(off_minutes or 0))
        tz = zone if text[-1].isdecimal() and not sign else dt.timezone(-offset if sign == "-" else offset)
        number = LOWER_MONTHS.index(month.lower()) + 1
        leap = min(int(second), 59)  # a leap second is the last one of its minute, once more
        moment = dt.datetime(int(year), number, int(day), int(hour), int(minute), leap, tzinfo=tz)
        since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None
    us = since // dt.timedelta(microseconds=1) + (int(second) - leap) * 1_000_000
    return plausible(us + int((fraction or "0")[:6].ljust(6, "0"))) if int(second) <= 60 else None
