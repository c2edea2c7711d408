"""An indicator: one observable, everything that was ever reported about it, and what our analysts decided.

A report is somebody's word: a member's (signed or not), a feed's, or our own. It is dated, it can be superseded by a
later version of the same object, and its source can retract it. What is done with an indicator is decided by people
of ours; nothing that a source says about itself (its confidence) counts::

    new ──accept──▶ accepted ──(its time is up)──▶ expired
     │                 │  ▲
     │              (a source retracts) ──▶ new, or retracted where nobody reports it any more
     └──reject──▶ rejected

``override`` is "accepted although a warning list names it", for a reason that somebody gave by name.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pollwatch.events.observable import Observable
from pollwatch.members.marking import Tlp

#: The bloc of every source that is no member: feeds copy from one another, and anybody can make one.
OUTSIDE: Final = ""
_CHARACTERS: Final = 10


class Origin(StrEnum):
    """What kind of source a report has."""

    OWN = "own"
    MEMBER = "member"
    FEED = "feed"


class Act(StrEnum):
    """What can be decided about an indicator."""

    ACCEPT = "accept"
    REJECT = "reject"
    #: Taken out of use because a source retracted it.
    SUSPEND = "suspend"
    RELEASE = "release"
    WITHDRAW = "withdraw"
    CONFIRM = "confirm"
    REFUTE = "refute"


class State(StrEnum):
    """Where an indicator stands."""

    NEW = "new"
    ACCEPTED = "accepted"
    OVERRIDE = "override"
    REJECTED = "rejected"
    RETRACTED = "retracted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Source:
    """Who reports.

    Attributes:
        name: the member's name, the feed's, or ours.
        origin: what kind of source it is.
        bloc: the member's bloc; :data:`OUTSIDE` for one that is no member.
    """

    name: str
    origin: Origin
    bloc: str = OUTSIDE


@dataclass(frozen=True, slots=True)
class Report:
    """What one source says about one observable.

    Attributes:
        observable: what it is about.
        source: who says so.
        signed: whether the source's own signature under it was checked.
        object_id: the source's name for it: a STIX id, else any name that stays the same.
        version: orders the versions of one object; a later one supersedes.
        sha256: of exactly what was said, in hex.
        tlp: its marking.
        observed_us: when it was seen or became valid, as the source says; never later than it was received.
        until_us: when it ends, as the source says; None where it does not.
        received_us: when it came, by our clock.
        confidence: 0 to 100 as the source says; shown, and used for nothing.
        text: the source's words. Not to be trusted in any output.
        seen: whether the source says that it saw it itself, and does not only pass it on.
        gone_us: when its source took it back, or said something else instead; None while it stands.
    """

    observable: Observable
    source: Source
    signed: bool
    object_id: str
    version: str
    sha256: str
    tlp: Tlp
    observed_us: int
    until_us: int | None
    received_us: int
    confidence: int | None = None
    text: str = ""
    seen: bool = False
    gone_us: int | None = None

    @property
    def stands(self) -> bool:
        """Whether its source still says so."""
        return self.gone_us is None


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody of ours decided about an indicator.

    Attributes:
        act: what.
        who: who decided.
        reason: why.
        at_us: when.
        entry: place of its entry in the private log; None where there is none.
        warnings: the warning lists that it overrides.
    """

    act: Act
    who: str
    reason: str
    at_us: int
    entry: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Indicator:
    """One observable with its reports and decisions, oldest first.

    Attributes:
        id: the same at every member: ``IND-`` and ten characters that follow from the observable.
        observable: what to look out for.
        first_us: when it first came to us.
        reports: what was ever said about it, superseded versions too.
        decisions: everything that was decided.
        warnings: the warning lists that named it when it last came.
    """

    id: str
    observable: Observable
    first_us: int
    reports: tuple[Report, ...] = ()
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def standing_reports(self) -> tuple[Report, ...]:
        """The reports that were not taken back."""
        return tuple(each for each in self.reports if each.stands)

    @property
    def weak(self) -> bool:
        """Whether a warning list names it."""
        return bool(self.warnings)

    @property
    def acceptance(self) -> Decision | None:
        """The decision by which it is in use; None where it is not."""
        return self._last_of(Act.ACCEPT, Act.REJECT, Act.SUSPEND, wanted=Act.ACCEPT)

    @property
    def release(self) -> Decision | None:
        """The decision that it may be shared and matched; None where there is none in force."""
        return self._last_of(Act.RELEASE, Act.WITHDRAW, Act.REJECT, Act.SUSPEND, wanted=Act.RELEASE)

    def relied_on(self, at_us: int) -> bool:
        """Whether somebody of ours had put it to use by then."""
        return any(each.act is Act.ACCEPT and each.at_us <= at_us for each in self.decisions)

    @property
    def outcome(self) -> Decision | None:
        """What an audit found: confirmed or refuted; None where there was none."""
        return next((each for each in reversed(self.decisions) if each.act in {Act.CONFIRM, Act.REFUTE}), None)

    @property
    def released_us(self) -> int | None:
        """Since when it may be shared and matched."""
        return self.release.at_us if self.release else None

    @property
    def observed_us(self) -> int:
        """When it was last seen, by anybody who still says so."""
        return max((each.observed_us for each in self.standing_reports), default=self.first_us)

    @property
    def until_us(self) -> int | None:
        """When the last report ends; None where one does not."""
        ends = [each.until_us for each in self.standing_reports]
        known = [each for each in ends if each is not None]
        return max(known) if ends and len(known) == len(ends) else None

    def state(self, now_us: int, ends_us: int) -> State:
        """Where it stands.

        Args:
            now_us: the time.
            ends_us: when its kind's lifetime since it was last seen is over.
        """
        decided = next((d for d in reversed(self.decisions) if d.act in _DECIDING), None)
        if not self.standing_reports:
            return State.RETRACTED
        if decided is not None and decided.act is Act.REJECT:
            return State.REJECTED
        if now_us >= ends_us or (self.until_us is not None and now_us >= self.until_us):
            return State.EXPIRED
        if decided is None or decided.act is not Act.ACCEPT:
            return State.NEW
        return State.OVERRIDE if decided.warnings else State.ACCEPTED

    def _last_of(self, *acts: Act, wanted: Act) -> Decision | None:
        last = next((each for each in reversed(self.decisions) if each.act in acts), None)
        return last if last is not None and last.act is wanted else None


_DECIDING: Final = frozenset({Act.ACCEPT, Act.REJECT, Act.SUSPEND})


def indicator_id(observable: Observable) -> str:
    """The id of an observable's indicator; it follows from the observable alone and is never sent to anybody."""
    digest = hashlib.sha256(f"pollwatch.indicator/1\n{observable.kind}\n{observable.value}".encode()).digest()
    return "IND-" + base64.b32encode(digest).decode("ascii")[:_CHARACTERS]
