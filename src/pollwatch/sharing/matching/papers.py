"""What members post about matching in their shared logs, signed with their statement keys.

A *commitment* is posted before anything is sent: with whom, in which epoch, how large the set looks, and hashes that
fix every item in it. It is what a run costs: whoever reads the log can add up what a member has spent. A *closing* says
how a run ended and that its key is gone, a *refusal* why a request was not answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar

from pollwatch.clock import US_PER_S, parse_rfc3339, rfc3339
from pollwatch.errors import FormatError, SignatureError
from pollwatch.evidence.keys import Signer
from pollwatch.members import document
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.matching.ristretto import Element, element

#: The kind of entry in shared logs (:mod:`pollwatch.evidence.posted`).
KIND: Final = "matching"
_RUN: Final = re.compile(r"[0-9a-f]{32}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_MAX_ENTRY: Final = 16_000
_Word = TypeVar("_Word", bound=StrEnum)


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
    STAGE = "stage"
    LATE = "late"


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


Paper: TypeAlias = Commitment | Closing | Refusal | Finding


def read(data: bytes, member: Member) -> Paper:
    """A paper of a member, from its log or as it was sent.

    Raises:
        FormatError: malformed, or not in its only form.
        SignatureError: not signed by that member, or said in another's name.
    """
    if len(data) > _MAX_ENTRY:
        raise FormatError("a paper about matching is longer than any may be")
    for kind, read_one in _READERS.items():
        if data.startswith(f"pollwatch/{kind}/".encode("ascii")):
            value = document.open_signed(kind, data, member.statement)
            paper = read_one(value)
            if paper.record() != value:
                raise FormatError(f"the {kind} is not in its only form")
            if paper.member != member.name:
                raise SignatureError(f"{member.name} signed a {kind} of {paper.member[:80]!r}")
            return paper
    raise FormatError("no paper about matching")


def read_or_none(data: bytes, member: Member) -> Paper | None:
    """A paper of a member; None for what it signed malformed, which counts for nothing."""
    try:
        return read(data, member)
    except (FormatError, SignatureError):
        return None


def read_commitment(data: bytes, member: Member, charter: Charter) -> Commitment:
    """A commitment under the charter in force.

    Raises:
        FormatError: malformed.
        SignatureError: not the member's, or under another charter.
    """
    paper = read(data, member)
    if not isinstance(paper, Commitment):
        raise FormatError("no commitment but another paper about matching")
    if paper.charter != charter.digest:
        raise SignatureError(f"committed under charter {paper.charter[:16]}, not the one in force")
    return paper


def run_id(text: str) -> str:
    """A run's id.

    Raises:
        FormatError: it cannot be one.
    """
    if not _RUN.fullmatch(text):
        raise FormatError("a run's id is 32 hex digits")
    return text


def whole_seconds(us: int) -> int:
    """Fractions of seconds would tell how busy a machine was."""
    return us // US_PER_S * US_PER_S


def time_of(text: str) -> int:
    """A time as it stands in a paper.

    Raises:
        FormatError: it is none.
    """
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise FormatError(str(error)) from None


def _commitment(value: object) -> Commitment:
    texts = dict.fromkeys(("run", "mode", "charter", "member", "root", "elements", "key", "nonce", "time"), str)
    shape: dict[str, type] = {**texts, "epoch": int, "size": int, "others": list}
    record = document.fields(value, "the commitment", shape)
    return Commitment(
        run_id(record["run"]),
        _word(Mode, record["mode"]),
        _hash(record["charter"]).hex(),
        record["epoch"],
        record["member"],
        tuple(sorted(set(document.texts(record["others"], "the commitment's others")))),
        record["size"],
        _hash(record["root"]),
        _hash(record["elements"]),
        element(_hash(record["key"])),
        _hash(record["nonce"]),
        time_of(record["time"]),
    )


def _closing(value: object) -> Closing:
    shape: dict[str, type] = {**dict.fromkeys(("run", "charter", "member", "outcome", "time"), str)}
    record = document.fields(value, "the closing", {**shape, "key_destroyed": bool})
    outcome = _word(Outcome, record["outcome"])
    head = run_id(record["run"]), _hash(record["charter"]).hex(), record["member"]
    return Closing(*head, outcome, record["key_destroyed"], time_of(record["time"]))


def _refusal(value: object) -> Refusal:
    names = ("run", "charter", "member", "to", "reason", "detail", "time")
    record = document.fields(value, "the refusal", dict.fromkeys(names, str))
    head = run_id(record["run"]), _hash(record["charter"]).hex(), record["member"], record["to"]
    return Refusal(*head, _word(Reason, record["reason"]), record["detail"][:500], time_of(record["time"]))


def _finding(value: object) -> Finding:
    shape: dict[str, type] = dict.fromkeys(("run", "charter", "member", "of", "problem", "time"), str)
    record = document.fields(value, "the finding", {**shape, "opened": int})
    head = run_id(record["run"]), _hash(record["charter"]).hex(), record["member"], record["of"]
    return Finding(*head, record["opened"], record["problem"][:500], time_of(record["time"]))


_READERS: Final[dict[str, Callable[[object], Paper]]] = {
    "matching-commitment": _commitment,
    "matching-closing": _closing,
    "matching-refusal": _refusal,
    "matching-finding": _finding,
}


def _hash(text: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise FormatError("a hash is 64 hex digits")
    return bytes.fromhex(text)


def _word(words: type[_Word], text: str) -> _Word:
    try:
        return words(text)
    except ValueError:
        raise FormatError(f"{text[:40]!r} is none of {', '.join(words)}") from None
