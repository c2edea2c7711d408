"""Reading what members post about matching: strictly, and only under the right member's signature."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final, TypeVar

from pollwatch.clock import parse_rfc3339
from pollwatch.errors import FormatError, SignatureError
from pollwatch.members import document
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.matching.papers import (
    Closing,
    Commitment,
    Finding,
    Group,
    HolderKey,
    Mode,
    Outcome,
    Paper,
    Reason,
    Refusal,
)
from pollwatch.sharing.matching.ristretto import element

_RUN: Final = re.compile(r"[0-9a-f]{32}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_MAX_ENTRY: Final = 16_000
_Word = TypeVar("_Word", bound=StrEnum)


def read(data: bytes, member: Member) -> Paper:
    """A paper of a member, from its log or as it was sent.

    Raises:
        FormatError: malformed, or not in its only form.
        SignatureError: not signed by that member, or said in another's name.
    """
    return _read(data, member, lambda kind: document.open_signed(kind, data, member.statement))


def _read(data: bytes, member: Member, opened: Callable[[str], dict[str, Any]]) -> Paper:
    if len(data) > _MAX_ENTRY:
        raise FormatError("a paper about matching is longer than any may be")
    for kind, read_one in _READERS.items():
        if data.startswith(f"pollwatch/{kind}/".encode("ascii")):
            value = opened(kind)
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


def commitments(logged: Iterable[bytes], member: Member) -> list[Commitment]:
    """A member's commitments among the papers in its own log, from which what it has spent is counted.

    Nobody else writes there, so it does not matter which of its keys signed one: who changes its key gets no new
    budget. What is malformed counts for nothing, and fits no run either.
    """
    found = (_posted(each, member) for each in logged)
    return [each for each in found if isinstance(each, Commitment)]


def _posted(data: bytes, member: Member) -> Paper | None:
    try:
        return _read(data, member, lambda kind: document.read(kind, data)[1])
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


def _group(value: object) -> Group:
    shape: dict[str, type] = dict.fromkeys(("run", "charter", "member", "collector", "time"), str)
    shape |= dict.fromkeys(("epoch", "threshold", "blocs", "size"), int) | {"members": list, "holders": list}
    record = document.fields(value, "the group", shape)
    members, holders = (tuple(sorted(set(document.texts(record[each], "names")))) for each in ("members", "holders"))
    head = run_id(record["run"]), _hash(record["charter"]).hex(), record["epoch"], record["member"]
    numbers = record["threshold"], record["blocs"], record["size"]
    return Group(*head, members, holders, record["collector"], *numbers, time_of(record["time"]))


def _holder(value: object) -> HolderKey:
    record = document.fields(value, "the key", dict.fromkeys(("run", "charter", "member", "key", "time"), str))
    head = run_id(record["run"]), _hash(record["charter"]).hex(), record["member"]
    return HolderKey(*head, element(_hash(record["key"])), time_of(record["time"]))


_READERS: Final[dict[str, Callable[[object], Paper]]] = {
    Commitment.title: _commitment,
    Closing.title: _closing,
    Refusal.title: _refusal,
    Finding.title: _finding,
    Group.title: _group,
    HolderKey.title: _holder,
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
