"""What members post about matching in their shared logs, signed with their statement keys.

A *commitment* is posted before anything is sent: with whom, in which epoch, how large the set looks, and hashes that
fix every item in it. It is what a run costs: whoever reads the log can add up what a member has spent. A *closing* says
how a run ended and that its key is gone, a *refusal* why a request was not answered.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from pollwatch.clock import US_PER_S, rfc3339
from pollwatch.evidence.keys import Signer
from pollwatch.members import document
from pollwatch.sharing.matching.ristretto import Element

#: The kind of entry in shared logs (:mod:`pollwatch.evidence.posted`).
KIND: Final = "matching"


class Mode(StrEnum):
    """With whom."""

    PAIR = "pair"
    GROUP = "group"


class Outcome(StrEnum):
    """How a run ended, as its member says."""

    COMPLETED = "completed"
    ABANDONED = "abandoned"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why a request is not answered."""

    SIZE = "size"
    EPOCH = "epoch"
    ITEMS = "budget-items"
    RUNS = "budget-runs"
    NOT_LOGGED = "not-logged"
    REPEATED = "repeated"
    REPLAYED = "replayed"
    MALFORMED = "malformed"
    WRONG_KEY = "wrong-key"
    OTHER_SET = "other-set"


@dataclass(frozen=True, slots=True)
class _Posted:
    """What the papers have in common: each is a flat record, signed by the member that posts it."""

    title: ClassVar[str]

    def record(self) -> dict[str, Any]:
        """The paper as JSON: hashes and keys in hex, its time in RFC 3339 as ``time``."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"time": rfc3339(said.pop("at_us")), **{name: _plain(each) for name, each in said.items()}}

    def sign(self, statement: Signer) -> bytes:
        """The signed note that is posted, and sent where a message carries it."""
        return document.sign(self.title, self.record(), (statement,))


def _plain(each: object) -> object:
    match each:
        case bytes():
            return each.hex()
        case tuple():
            return list(each)
        case StrEnum():
            return each.value
        case _:
            return each


@dataclass(frozen=True, slots=True)
class Commitment(_Posted):
    """What a member binds itself to before a run.

    Attributes:
        run: the run's id, 32 hex digits.
        mode: with one other, or in a group.
        charter: digest of the charter under which it runs.
        epoch: number of the epoch (:func:`pollwatch.sharing.matching.budget.epoch_of`).
        member: whose set; a member's name.
        others: with whom, by name, sorted.
        size: how many elements the set has, filling included.
        root: root of the salted tree over the set.
        elements: root of the tree over the elements as they will be sent.
        key: the public key under which they are.
        nonce: SHA-256 of the member's share of the beacon.
        at_us: when, in whole seconds.
    """

    title: ClassVar[str] = "matching-commitment"

    run: str
    mode: Mode
    charter: str
    epoch: int
    member: str
    others: tuple[str, ...]
    size: int
    root: bytes
    elements: bytes
    key: Element
    nonce: bytes
    at_us: int


@dataclass(frozen=True, slots=True)
class Closing(_Posted):
    """How a run ended for one member.

    Attributes:
        run: the run's id.
        charter: digest of the charter.
        member: who says so.
        outcome: how it ended.
        key_destroyed: whether the secret key is gone; the epoch's key stays while the epoch has runs left.
        at_us: when, in whole seconds.
    """

    title: ClassVar[str] = "matching-closing"

    run: str
    charter: str
    member: str
    outcome: Outcome
    key_destroyed: bool
    at_us: int


@dataclass(frozen=True, slots=True)
class Refusal(_Posted):
    """That a member does not answer a request, and why.

    Attributes:
        run: the run's id.
        charter: digest of the charter.
        member: who refuses.
        to: whose request.
        reason: why.
        detail: one sentence with the numbers.
        at_us: when, in whole seconds.
    """

    title: ClassVar[str] = "matching-refusal"

    run: str
    charter: str
    member: str
    to: str
    reason: Reason
    detail: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Finding(_Posted):
    """What an auditor found in the opening of a set.

    Attributes:
        run: the run's id.
        charter: digest of the charter.
        member: who audited.
        of: whose set.
        opened: how many places were opened.
        problem: what does not fit; empty where everything does.
        at_us: when, in whole seconds.
    """

    title: ClassVar[str] = "matching-finding"

    run: str
    charter: str
    member: str
    of: str
    opened: int
    problem: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Group(_Posted):
    """Who matches in a group, with which parts; its initiator posts it.

    Attributes:
        run: the run's id.
        charter: digest of the charter.
        epoch: number of the epoch.
        member: who began it.
        members: whose sets enter, by name, sorted; their places count from 1.
        holders: who hold the keys of the PRF, sorted.
        collector: who looks for what enough of them hold; its own set does not enter.
        threshold: how many hold an item before its holders are told.
        blocs: from how many blocs they come at least.
        size: how large every set looks.
        at_us: when, in whole seconds.
    """

    title: ClassVar[str] = "matching-group"

    run: str
    charter: str
    epoch: int
    member: str
    members: tuple[str, ...]
    holders: tuple[str, ...]
    collector: str
    threshold: int
    blocs: int
    size: int
    at_us: int

    @property
    def everybody(self) -> tuple[str, ...]:
        """All who have a part in it."""
        return tuple(sorted({*self.members, *self.holders, self.collector}))


@dataclass(frozen=True, slots=True)
class HolderKey(_Posted):
    """The public key with which a holder evaluates in a group run; one for all members.

    Attributes:
        run: the run's id.
        charter: digest of the charter.
        member: the holder.
        key: its public key.
        at_us: when, in whole seconds.
    """

    title: ClassVar[str] = "matching-holder"

    run: str
    charter: str
    member: str
    key: Element
    at_us: int


Paper: TypeAlias = Commitment | Closing | Refusal | Finding | Group | HolderKey


def whole_seconds(us: int) -> int:
    """Fractions of seconds would tell how busy a machine was."""
    return us // US_PER_S * US_PER_S
