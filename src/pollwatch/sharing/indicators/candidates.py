"""What a reader makes of a file: what may become indicators, what was taken back, what was not understood, and why."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pollwatch.clock import US_PER_S, from_datetime, parse_rfc3339
from pollwatch.events.observable import Observable
from pollwatch.members.marking import Tlp

#: How much of a text that was not understood is kept for people.
_SHOWN: Final = 120
_EPOCH: Final = re.compile(r"\d{9,10}(\.\d+)?", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)

#: Gives the observables that an object of this id is about, where that object is known from elsewhere.
Known = Callable[[str], tuple[Observable, ...]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One observable as a file reports it.

    Attributes:
        observable: what it is about.
        where: where it stands: a line, an object's id.
        object_id: a name that stays the same when the file comes again.
        version: orders the versions of the object; empty = the file knows none.
        tlp: its marking; None where it has none.
        observed_us: when it was seen or became valid; None where the file does not say.
        until_us: when it ends.
        confidence: 0 to 100 as the file says; used for nothing.
        text: the file's words.
        seen: whether it says that its maker saw it.
        author: for an object that names its maker: the STIX id of that identity.
        content: the object itself, for its digest; empty = what stands here says it all.
    """

    observable: Observable
    where: str
    object_id: str
    version: str = ""
    tlp: Tlp | None = None
    observed_us: int | None = None
    until_us: int | None = None
    confidence: int | None = None
    text: str = ""
    seen: bool = False
    author: str = ""
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was not taken.

    Attributes:
        where: a line, an object's id.
        what: how it begins. Not to be trusted in any output.
        reason: why.
    """

    where: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class TakenBack:
    """An object that its source revoked."""

    object_id: str
    version: str
    reason: str
    author: str = ""
    content: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Read:
    """What a file holds.

    Attributes:
        format: ``stix``, ``misp``, ``misp-feed`` or ``csv``.
        maker: who made it, as it says itself; empty where it does not.
        candidates: what may become indicators.
        taken_back: objects that it revokes.
        refused: what was not understood, or is no indicator.
        other: how many objects it holds that are something else by nature, by type.
    """

    format: str
    maker: str = ""
    candidates: list[Candidate] = field(default_factory=list)
    taken_back: list[TakenBack] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)

    def refuse(self, where: str, what: str, reason: str) -> None:
        """List something that was not taken."""
        self.refused.append(Refused(where, what[:_SHOWN], reason))

    def add(self, other: Read) -> None:
        """Take in what another file of the same source holds."""
        self.maker = self.maker or other.maker
        self.candidates += other.candidates
        self.taken_back += other.taken_back
        self.refused += other.refused
        self.other += other.other


def moment(text: str) -> int | None:
    """A time as lists write it: RFC 3339, a date, a date and time without zone (UTC), seconds since 1970.

    Returns:
        Microseconds since 1970; None where there is none, or none that is understood.
    """
    text = text.strip()
    if _EPOCH.fullmatch(text):
        return int(float(text) * US_PER_S)
    if not _DATE.match(text):
        return None
    try:
        found = dt.datetime.fromisoformat(text)
        return parse_rfc3339(text) if found.tzinfo else from_datetime(found.replace(tzinfo=dt.UTC))
    except (ValueError, OverflowError):
        return None


def marking(text: str) -> Tlp | None:
    """A TLP label in either version of the protocol; None where the text is none."""
    word = text.strip().lower().removeprefix("tlp:").strip()
    found: Tlp | None = {"white": Tlp.CLEAR, "amber-strict": Tlp.AMBER_STRICT, "amber_strict": Tlp.AMBER_STRICT}.get(
        word
    )
    return found if found is not None else next((each for each in Tlp if each.word == word), None)
