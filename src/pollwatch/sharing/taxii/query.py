"""The URL query of a request (section 3.4): filters, limit and the place to go on from.

What is not understood is refused (400) instead of ignored: whoever asks for less must not be given more. The
standard lets a server ignore a ``match`` field that it does not know; we do not use that leave.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Final
from urllib.parse import parse_qsl

from pollwatch.errors import FormatError
from pollwatch.sharing.taxii import times

#: Objects on a page where the client names no limit, and the most that it gets (server-imposed limit).
PAGE: Final = 1_000
SPEC_VERSION: Final = "2.1"
_MAX_QUERY: Final = 32_000
_MAX_VALUES: Final = 500
_MAX_DIGITS: Final = 15
#: An id or a type: more than STIX allows, so that asking for what cannot be is no error, and no garbage either.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,250}", re.ASCII)
_SPEC: Final = re.compile(r"\d{1,3}\.\d{1,3}", re.ASCII)
_KEYWORDS: Final = frozenset({"first", "last", "all"})
_NEXT: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
#: The last microsecond of the year 9999.
_LAST_US: Final = 253_402_300_799_999_999


class Takes(Flag):
    """Which parameters an endpoint takes (tables of sections 4 and 5)."""

    NOTHING = 0
    PAGES = auto()
    ID = auto()
    TYPE = auto()
    VERSION = auto()
    SPEC_VERSION = auto()


_PARAMETERS: Final = {
    "added_after": Takes.PAGES,
    "limit": Takes.PAGES,
    "next": Takes.PAGES,
    "match[id]": Takes.ID,
    "match[type]": Takes.TYPE,
    "match[version]": Takes.VERSION,
    "match[spec_version]": Takes.SPEC_VERSION,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which objects are wanted; an empty tuple = whichever.

    Attributes:
        ids: object ids.
        types: STIX types.
        spec_versions: specification versions, e.g. ``2.1``.
        versions: keywords (``first``, ``last``, ``all``) and version keys; empty where the client named none.
    """

    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    spec_versions: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        """Whether any object that is kept here can match: all of them are STIX 2.1."""
        return not self.spec_versions or SPEC_VERSION in self.spec_versions


@dataclass(frozen=True, slots=True)
class Query:
    """A request's query.

    Attributes:
        filter: which objects.
        after_us: only what was added after this; None = from the beginning.
        limit: how many at most.
    """

    filter: Filter = field(default_factory=Filter)
    after_us: int | None = None
    limit: int = PAGE


def next_from(added_us: int) -> str:
    """The opaque value with which a client goes on behind an object.

    It says where, and nothing else: what is found from there is decided by the query and the grants of the request
    that brings it, so that a made-up value gives nobody more than ``added_after`` would.
    """
    return f"{added_us:016x}"


def parse(raw: bytes, takes: Takes) -> Query:
    """Read a query string.

    Args:
        raw: as it stands in the URL.
        takes: which parameters the endpoint knows.

    Raises:
        FormatError: anything that is malformed, unknown here, or said twice; the message says what.
    """
    given = _pairs(raw)
    for name in given:
        if not _PARAMETERS.get(name, Takes.NOTHING) & takes:
            allowed = ", ".join(known for known, kind in _PARAMETERS.items() if kind & takes) or "no parameters"
            raise FormatError(f"the parameter {name[:60]!r} is not understood here; this endpoint takes {allowed}")
    wanted = Filter(
        _names(_values(given, "match[id]")),
        _names(_values(given, "match[type]")),
        _spec_versions(_values(given, "match[spec_version]")),
        _versions(_values(given, "match[version]")),
    )
    after_us = times.parse(given["added_after"]) if "added_after" in given else None
    if "next" in given:
        from_us = _position(given["next"])
        after_us = from_us if after_us is None else max(after_us, from_us)
    return Query(wanted, after_us, _limit(given.get("limit")))


def _pairs(raw: bytes) -> dict[str, str]:
    if len(raw) > _MAX_QUERY:
        raise FormatError(f"the query has {len(raw)} bytes; at most {_MAX_QUERY} are read")
    try:
        text = "&".join(part for part in raw.decode("ascii").split("&") if part)
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=20)
    except ValueError:  # also UnicodeDecodeError
        raise FormatError("the query is no percent-encoded list of name=value in UTF-8") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise FormatError(f"the parameter {name[:60]!r} stands more than once")
        given[name] = value
    return given


def _values(given: dict[str, str], name: str) -> tuple[str, ...]:
    if name not in given:
        return ()
    values = tuple(given[name].split(","))
    if len(values) > _MAX_VALUES:
        raise FormatError(f"{name} has {len(values)} values; at most {_MAX_VALUES} are taken")
    return values


def _names(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _NAME.fullmatch(value):
            raise FormatError(f"ids and types stand with commas between them, no spaces; {value[:60]!r} is none")
    return values


def _spec_versions(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _SPEC.fullmatch(value):
            raise FormatError(f"match[spec_version] is a version such as 2.1, not {value[:60]!r}")
    return values


def _versions(values: tuple[str, ...]) -> tuple[str, ...]:
    keys = tuple(value if value in _KEYWORDS else times.version_key(value) for value in values)
    if len(set(keys)) != len(keys):
        raise FormatError("match[version] names one version twice")
    if "all" in keys and len(keys) > 1:
        raise FormatError("match[version]=all cannot be combined with other versions")
    return keys


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE
    if not text.isascii() or not text.isdecimal() or len(text) > _MAX_DIGITS or not int(text):
        raise FormatError(f"limit is a whole number greater than zero, not {text[:40]!r}")
    return min(int(text), PAGE)


def _position(text: str) -> int:
    if not _NEXT.fullmatch(text):
        raise FormatError("next is not a value that we gave; repeat the query that gave it, with the value as it was")
    return min(int(text, 16), _LAST_US)
