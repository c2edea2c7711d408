"""What is asked of the inbox: which incidents, in which order, from where on.

A cursor is where a page ended. It goes out to a browser and comes back from anywhere, so it is opaque, strictly
read, and bound to its question: one of another question or order is refused instead of answered oddly.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from dataclasses import asdict, dataclass
from typing import Final, Literal, get_args

from pollwatch import canonical
from pollwatch.errors import UsageError
from pollwatch.events.detection import Severity
from pollwatch.i18n import _
from pollwatch.incidents.export import encodable
from pollwatch.incidents.incident import Status

Sort = Literal["priority", "severity", "newest"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
#: A page has at most so many rows.
MOST_ROWS: Final = 500

_LAYOUT: Final = struct.Struct(">B8sqq")
_VERSION: Final = 1
_BEGINNING: Final = re.compile(r"\w\w$")


@dataclass(frozen=True, slots=True)
class Question:
    """Which incidents; each field narrows the answer, and an empty one does not. Of several values any one is enough.

    Attributes:
        severities: as given.
        statuses: as given.
        assignees: who works on it; ``""`` among them = nobody.
        assets: targets, exactly as incidents name them.
        rules: rule ids.
        techniques: ATT&CK ids; one of a technique stands for its sub-techniques too.
        phases: of the election calendar.
        actors: an address, account, host or domain, exactly.
        since_us: what went on at this time or later.
        until_us: what had begun before this time.
        text: words that must all occur; the last one, from two letters on, may be the beginning of a word.
    """

    severities: tuple[Severity, ...] = ()
    statuses: tuple[Status, ...] = ()
    assignees: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    since_us: int | None = None
    until_us: int | None = None
    text: str = ""

    def digest(self, sort: Sort) -> bytes:
        """Eight bytes that tell this question, in this order, from others."""
        fields = {name: [encodable(str(each)) for each in value] if isinstance(value, tuple) else encodable(str(value))
                  for name, value in asdict(self).items()}  # fmt: skip
        return hashlib.sha256(canonical.dumps([sort, fields])).digest()[:8]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last row's rank in the order asked for, and its number."""

    rank: int
    number: int


def to_cursor(place: Place, question: Question, sort: Sort) -> str:
    """A place as text for an address."""
    packed = _LAYOUT.pack(_VERSION, question.digest(sort), place.rank, place.number)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def from_cursor(cursor: str, question: Question, sort: Sort) -> Place:
    """The place that a cursor means.

    Raises:
        UsageError: it is none of ours, or belongs to another question or order.
    """
    try:
        text = cursor[: 2 * _LAYOUT.size].encode("ascii")
        packed = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, digest, rank, number = _LAYOUT.unpack(packed)
    except (ValueError, struct.error, binascii.Error):
        raise UsageError(_("this is no place in the inbox; begin with its first page")) from None
    place = Place(rank, number)
    if version != _VERSION or digest != question.digest(sort) or to_cursor(place, question, sort) != cursor:
        raise UsageError(_("this place belongs to another list of incidents; begin with the first page of this one"))
    return place


def match_expression(text: str) -> str:
    """The words of a search as SQLite's index of words wants them, each a quoted phrase; empty = nothing to look for.

    An address or a domain is several words in a row, so a part of a domain is found too.
    """
    parts = [part.replace("\0", "") for part in encodable(text).split()]
    quoted = ['"' + part.replace('"', '""') + '"' for part in parts if any(c.isalnum() for c in part)]
    # One letter begins too many words: looking for all of them would take as long as they say little.
    return " ".join(quoted) + ("*" if quoted and _BEGINNING.search(parts[-1]) else "")
