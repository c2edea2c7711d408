"""W3C extended logs: which fields a line has, as its ``#Fields:`` line says or, without one, as its shape says.

IIS and http.sys separate fields with spaces, CloudFront with tabs, Exchange with commas and quotes. Files are put
together of several sites' logs, each with its own ``#Fields:``; shippers leave the directives out altogether. What
stands without a directive is told by what only one field can look like.

Sources: W3C "Extended Log File Format" (WD-logfile-960323), Microsoft "W3C logging fields" and "Error logging in HTTP
APIs", Amazon "CloudFront standard log file fields", Microsoft "Protocol logging" of Exchange.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.formats.accessline import is_address
from pollwatch.formats.framing_csv import cells

MOST_FIELDS = 256
_DIRECTIVE = re.compile(r"#\s?([A-Za-z][A-Za-z -]{1,30}):\s*(.*)\Z", re.DOTALL)
_PUNCTUATION = re.compile(r"[^a-z0-9]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_CLOCK = re.compile(r"\d\d?:\d\d:\d\d(?:\.\d{1,7})?\Z")
_METHOD = re.compile(r"[A-Z][A-Z_-]{1,31}\Z")
_VERSION = re.compile(r"HTTP/\d(?:\.\d)?\Z")
_STATUS = re.compile(r"[1-9]\d\d\Z")
_NUMBER = re.compile(r"\d{1,19}\Z|-\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")

#: What CloudFront writes, in this order; older logs have the first ones only.
_CLOUDFRONT = (
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status",
    "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)", "x-edge-result-type", "x-edge-request-id",
    "x-host-header", "cs-protocol", "cs-bytes", "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher",
    "x-edge-response-result-type", "cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port",
    "time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start",
    "sc-range-end",
)  # fmt: skip
_LEAST_CLOUDFRONT = 12
#: Exchange's protocol logs: what a mail server says to its clients.
_EXCHANGE_SMTP = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint", "remote-endpoint", "event",
    "data", "context",
)  # fmt: skip
_EXCHANGE_MAILBOX = (
    "dateTime", "sessionId", "seqNumber", "sIp", "cIp", "user", "duration", "rqsize", "rpsize", "command",
    "parameters", "context", "puid",
)  # fmt: skip
_HTTPERR = "date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename"
_HTTPERR_NEWER = _HTTPERR.replace("sc-status", "streamid sc-status")
#: What follows the status, by how many numbers there are.
_BEHIND_STATUS = (
    (),
    ("time-taken",),
    ("sc-substatus", "sc-win32-status"),
    ("sc-substatus", "sc-win32-status", "time-taken"),
    ("sc-substatus", "sc-win32-status", "sc-bytes", "time-taken"),
    ("sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken"),
)


@dataclass(frozen=True, slots=True)
class Header:
    """Which fields a line has.

    Attributes:
        names: as the log calls them.
        separator: between two values; a comma means quotes around values that hold one.
        date: of lines that have a time of day only, from ``#Date:``; empty = none.
        local: times are the machine's own and not UTC.
    """

    names: tuple[str, ...]
    separator: str
    date: str = ""
    local: bool = False

    def plain_names(self) -> tuple[str, ...]:
        """The names without case and punctuation: ``cs(User-Agent)`` is ``csuseragent``."""
        return tuple(plain(name) for name in self.names)


#: IIS's own older format: always the same fields, a comma behind each, local times.
_NATIVE = Header(
    (
        *("c-ip", "cs-username", "date", "time", "s-sitename", "s-computername", "s-ip", "time-taken", "cs-bytes"),
        *("sc-bytes", "sc-status", "sc-win32-status", "cs-method", "cs-uri-stem", "cs-uri-query"),
    ),
    ", ",
    local=True,
)
_NATIVE_LINE = re.compile(
    r"[0-9A-Fa-f.:]{3,45}, [^,]*, \d{1,4}[./-]\d{1,2}[./-]\d{2,4}, \d{1,2}:\d\d:\d\d, \w+, [^,]+, [^,]+, \d+, "
)


def plain(name: str) -> str:
    """A field's name without case and punctuation."""
    return _PUNCTUATION.sub("", name.lower())


def directive(line: str) -> tuple[str, str] | None:
    """``(name, value)`` of a line such as ``#Fields: date time``, the name in small letters; None for other lines."""
    match = _DIRECTIVE.match(line)
    return (match[1].lower(), match[2].strip()) if match else None


def fields_of(value: str) -> Header | None:
    """What ``#Fields:`` says; None where it names no fields, or more than any log has."""
    separator = "\t" if "\t" in value else "," if "," in value else " "
    names = tuple(name.strip() for name in value.split(separator) if name.strip())
    if not 1 < len(names) <= MOST_FIELDS or len(value) > MOST_FIELDS * 64:
        return None
    # CloudFront writes spaces between the names and tabs between the values.
    return Header(names, "\t" if "x-edge-location" in names else separator)


def split(line: str, separator: str) -> list[str]:
    """The values of one line."""
    return cells(line, strict=True) if separator == "," else line.split(separator)


def guess(line: str) -> Header | None:
    """Which fields a line has that no directive announced; None where its shape is none that is known."""
    if "\t" in line:
        return _guess_cloudfront(line.split("\t"))
    if line[10:11] == "T" and "," in line:
        return _guess_exchange(split(line, ","))
    if _NATIVE_LINE.match(line):
        return _NATIVE
    values = line.split(" ")
    if len(values) < 5 or not _DATE.match(values[0]) or not _CLOCK.match(values[1]):
        return None
    names = _guess_rejected(values) or _guess_request(values)
    return Header(names, " ") if names else None


def _guess_cloudfront(values: Sequence[str]) -> Header | None:
    fits = (
        _LEAST_CLOUDFRONT <= len(values) <= len(_CLOUDFRONT)
        and _DATE.match(values[0])
        and _CLOCK.match(values[1])
        and is_address(values[4])
        and _METHOD.match(values[5])
    )
    return Header(_CLOUDFRONT[: len(values)], "\t") if fits else None


def _guess_exchange(values: Sequence[str]) -> Header | None:
    if not values or not _MOMENT.match(values[0]):
        return None
    if len(values) == len(_EXCHANGE_SMTP) and values[6] in {"+", "-", "<", ">", "*"}:
        return Header(_EXCHANGE_SMTP, ",")
    most = len(_EXCHANGE_MAILBOX)
    if most - 1 <= len(values) <= most and is_address(values[3]) and is_address(values[4]) and values[2].isdecimal():
        return Header(_EXCHANGE_MAILBOX[: len(values)], ",")
    return None


def _guess_rejected(values: Sequence[str]) -> tuple[str, ...] | None:
    """http.sys's own log of what never became a request: a reason stands before the queue."""
    for names in (_HTTPERR.split(), _HTTPERR_NEWER.split()):
        reason = names.index("s-reason")
        if (
            len(names) <= len(values) <= len(names) + 1
            and is_address(values[2])
            and is_address(values[4])
            and values[3].isdecimal()
            and re.match(r"[A-Z][A-Za-z]+_?[A-Za-z_]*\Z", values[reason])
        ):
            return (*names, "transport")[: len(values)]
    return None


def _guess_request(values: Sequence[str]) -> tuple[str, ...] | None:
    """IIS: a method and a path behind it; who asked stands behind both, up to IIS 5 before them."""
    method = next(
        (n for n in range(2, min(9, len(values) - 2)) if _METHOD.match(values[n]) and values[n + 1][:1] in "/*"), None
    )
    if method is None:
        return None
    before, behind = values[2:method], values[method + 1 :]
    addresses = [n for n, value in enumerate(before) if is_address(value)]
    rest = _newer_order(behind)
    if rest:
        sites = ["s-ip" if n in addresses else f"s-{n}" for n in range(len(before))]
        return ("date", "time", *sites, "cs-method", *rest) if len(addresses) < 2 else None
    if not addresses or addresses[0] != 0:
        return None
    older = ["c-ip", "cs-username", *(f"s-{n}" for n in range(2, len(before)))][: len(before)]
    status = next((n for n in (1, 2) if n < len(behind) and _STATUS.match(behind[n])), None)
    if status is None:
        return None
    rest = [
        *["cs-uri-stem", "cs-uri-query"][:status],
        "sc-status",
        *(f"x-{n}" for n in range(len(behind) - status - 1)),
    ]
    return ("date", "time", *older, "cs-method", *rest)


def _newer_order(values: Sequence[str]) -> list[str]:
    """The names of what stands behind the method: path, query, port, user, client, texts, status, numbers."""
    client = next((n for n in range(1, min(5, len(values))) if is_address(values[n])), None)
    if client is None:
        return []
    status = next((n for n in range(client + 1, len(values)) if _is_status(values, n)), None)
    if status is None:
        return []
    numbers = next((n for n in range(status + 1, len(values)) if not _NUMBER.match(values[n])), len(values))
    behind = _BEHIND_STATUS[min(numbers - status, len(_BEHIND_STATUS)) - 1]
    # Fields that the administrator added come last; of those, whom a proxy saw is the one that matters.
    more = values[status + 1 + len(behind) :]
    added = ["X-Forwarded-For" if is_address(each.split(",")[0]) else f"x-{n}" for n, each in enumerate(more)]
    head = ["cs-uri-stem", "cs-uri-query", "s-port", "cs-username"][:client]
    names = [*head, "c-ip", *_text_names(values[client + 1 : status]), "sc-status", *behind, *added]
    return names if len(set(names)) == len(names) else []


def _is_status(values: Sequence[str], at: int) -> bool:
    """A status, with Windows' two numbers behind it, or nothing but numbers."""
    behind = values[at + 1 :]
    return _STATUS.match(values[at]) is not None and all(map(_NUMBER.match, behind[:2]))


def _text_names(texts: Sequence[str]) -> list[str]:
    """Version, user agent, cookie, referer, host: the order is fixed, any of them may be missing."""
    version = ["cs-version"] if texts and _VERSION.match(texts[0]) else []
    found: list[str] = []
    for text in texts[len(version) :]:
        usual = (
            "cs(User-Agent)" if not found
            else "cs(Referer)" if re.match(r"https?://|-\Z", text)
            else "cs(Cookie)" if "=" in text
            else "cs-host"
        )  # fmt: skip
        found.append(usual if usual not in found else f"x-{len(found)}")
    return version + found
