"""What members post about matching in their shared logs, signed with their statement keys.

A *commitment* is posted before anything is sent: with whom, in which epoch, how large the set looks, and hashes that
fix every item in it. It is what a run costs: whoever reads the log can add up what a member has spent. A *closing* says
how a run ended and that its key is gone, a *refusal* why a request was not answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

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
class Commitment:
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

    def record(self) -> dict[str, Any]:
        """The commitment as JSON."""
        return {
            "run": self.run,
            "mode": self.mode.value,
            "charter": self.charter,
            "epoch": self.epoch,
            "member": self.member,
            "others": list(self.others),
            "size": self.size,
            "root": self.root.hex(),
            "elements": self.elements.hex(),
            "key": self.key.hex(),
            "nonce": self.nonce.hex(),
            "time": rfc3339(self.at_us),
        }

    def sign(self, statement: Signer) -> bytes:
        """The signed note that is posted and sent."""
        return document.sign("matching-commitment", self.record(), (statement,))


@dataclass(frozen=True, slots=True)
class Closing:
    """How a run ended for one member.

    Attributes:
        run: the run's id.
        charter: digest of the charter.
        member: who says so.
        outcome: how it ended.
        key_destroyed: whether the secret key is gone; the epoch's key stays while the epoch has runs left.
        at_us: when, in whole seconds.
    """

    run: str
    charter: str
    member: str
    outcome: Outcome
    key_destroyed: bool
    at_us: int

    def record(self) -> dict[str, Any]:
        """The closing as JSON."""
        return {
            "run": self.run,
            "charter": self.charter,
            "member": self.member,
            "outcome": self.outcome.value,
            "key_destroyed": self.key_destroyed,
            "time": rfc3339(self.at_us),
        }

    def sign(self, statement: Signer) -> bytes:
        """The signed note that is posted."""
        return document.sign("matching-closing", self.record(), (statement,))


@dataclass(frozen=True, slots=True)
class Refusal:
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

    run: str
    charter: str
    member: str
    to: str
    reason: Reason
    detail: str
    at_us: int

    def record(self) -> dict[str, Any]:
        """The refusal as JSON."""
        return {
            "run": self.run,
            "charter": self.charter,
            "member": self.member,
            "to": self.to,
            "reason": self.reason.value,
            "detail": self.detail,
            "time": rfc3339(self.at_us),
        }

    def sign(self, statement: Signer) -> bytes:
        """The signed note that is posted and sent."""
        return document.sign("matching-refusal", self.record(), (statement,))


@dataclass(frozen=True, slots=True)
class Finding:
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

    run: str
    charter: str
    member: str
    of: str
    opened: int
    problem: str
    at_us: int

    def record(self) -> dict[str, Any]:
        """The finding as JSON."""
        return {
            "run": self.run,
            "charter": self.charter,
            "member": self.member,
            "of": self.of,
            "opened": self.opened,
            "problem": self.problem,
            "time": rfc3339(self.at_us),
        }

    def sign(self, statement: Signer) -> bytes:
        """The signed note that is posted."""
        return document.sign("matching-finding", self.record(), (statement,))


@dataclass(frozen=True, slots=True)
class Group:
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

    def record(self) -> dict[str, Any]:
        """The group as JSON."""
        return {
            "run": self.run,
            "charter": self.charter,
            "epoch": self.epoch,
            "member": self.member,
            "members": list(self.members),
            "holders": list(self.holders),
            "collector": self.collector,
            "threshold": self.threshold,
            "blocs": self.blocs,
            "size": self.size,
            "time": rfc3339(self.at_us),
        }

    def sign(self, statement: Signer) -> bytes:
        """The signed note that is posted and sent."""
        return document.sign("matching-group", self.record(), (statement,))


@dataclass(frozen=True, slots=True)
class HolderKey:
    """The public key with which a holder evaluates in a group run; one for all members.

    Attributes:
        run: the run's id.
        charter: digest of the charter.
        member: the holder.
        key: its public key.
        at_us: when, in whole seconds.
    """

    run: str
    charter: str
    member: str
    key: Element
    at_us: int

    def record(self) -> dict[str, Any]:
        """The key as JSON."""
        words = {"run": self.run, "charter": self.charter, "member": self.member, "key": self.key.hex()}
        return {**words, "time": rfc3339(self.at_us)}

    def sign(self, statement: Signer) -> bytes:
        """The signed note that is posted and sent."""
        return document.sign("matching-holder", self.record(), (statement,))


Paper: TypeAlias = Commitment | Closing | Refusal | Finding | Group | HolderKey


def whole_seconds(us: int) -> int:
    """Fractions of seconds would tell how busy a machine was."""
    return us // US_PER_S * US_PER_S
