"""Closing a claim: how it ended, said by members in the open, so that it does not stand against somebody for ever.

::

    open ──▶ upheld ──▶ settled       the respondent made good; its standing is regained
     ├─────▶ refuted                  it was not so; its standing is regained
     ├─────▶ undetermined             nobody will know; its standing is regained
     └─────▶ retracted                by the claimant alone, with a retraction

An outcome holds when as many members from as many blocs say it as a statement needs; the respondent counts for nothing,
as in statements, and stands beside it with what it says. A member's latest word counts. Without such a majority the
claim stays open: time closes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pollwatch.attribution import extension, paper
from pollwatch.attribution.claim import Claim
from pollwatch.attribution.subject import Named
from pollwatch.errors import FormatError
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member, Role
from pollwatch.members.roll import Electorate
from pollwatch.stix.constants import PAPER_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

_SHAPE: Final[dict[str, type]] = {"paper": str, "subject": dict, "outcome": str}


class Outcome(StrEnum):
    """How a claim ended."""

    UPHELD = "upheld"
    REFUTED = "refuted"
    UNDETERMINED = "undetermined"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Closing:
    """A member's signed word on how a claim ended, as it was read.

    Attributes:
        id: of the note.
        author: who says so.
        subject: the claim, in the version that was seen.
        outcome: how it ended.
        text: why.
        created: when, as its author says.
        source: the signed object itself, unaltered.
    """

    id: str
    author: Member
    subject: Named
    outcome: Outcome
    text: str
    created: str
    source: StixObject


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claim ended, as far as it has.

    Attributes:
        outcome: what enough members say; None while it is open.
        by: who says that.
        said: every word on it, the respondent's too, oldest first.
    """

    outcome: Outcome | None = None
    by: tuple[Member, ...] = ()
    said: tuple[Closing, ...] = ()


def to_stix(subject: Named, outcome: Outcome, text: str, maker: Maker) -> StixObject:
    """Sign how a claim ended.

    Raises:
        PolicyError: no reason.
    """
    said = {"subject": subject.record(), "outcome": outcome.value}
    return paper.make(maker, "closing", subject.id, text, abstract=f"Closing: {outcome}", **said)


def from_stix(each: StixObject, author: Member) -> Closing:
    """Read a closing whose signature has been checked.

    Raises:
        FormatError: a closing that does not say what a closing says.
        PolicyError: it gives no reason.
    """
    record = extension.read(each, PAPER_EXTENSION, _SHAPE)
    subject = Named.from_record(record["subject"])
    if paper.about(each) != subject.id:
        raise FormatError(f"{extension.name_of(each)} closes something else than it names")
    try:
        outcome = Outcome(record["outcome"])
    except ValueError:
        words = ", ".join(Outcome)
        raise FormatError(f"{extension.name_of(each)}: {record['outcome'][:40]!r} is none of {words}") from None
    return Closing(each["id"], author, subject, outcome, paper.text(each), extension.created(each), each)


def count(claim: Claim, closings: Iterable[Closing], electorate: Charter | Electorate) -> Ending:
    """How a claim ended.

    Args:
        claim: the claim.
        closings: closings that were read; those of other claims are left aside.
        electorate: who has a say, by the charter that held when the last of them was said; its quorum for statements
            counts here as well.
    """
    about = (each for each in closings if each.subject == claim.name)
    said = tuple(sorted(about, key=lambda each: (each.created, each.id)))
    latest = {each.author.name: each.outcome for each in said}
    quorum = electorate.quorum
    for outcome in Outcome:
        agree = (each for each in electorate.members if latest.get(each.name) is outcome)
        by = tuple(each for each in agree if _counts(each, claim, electorate))
        if len(by) >= quorum.statements and len({each.bloc for each in by}) >= quorum.blocs:
            return Ending(outcome, by, said)
    return Ending(said=said)


def _counts(member: Member, claim: Claim, electorate: Charter | Electorate) -> bool:
    departed = electorate.departed if isinstance(electorate, Electorate) else frozenset()
    named = claim.assertion.respondent
    is_named = named is not None and member.name == named.name
    return member.role is Role.MEMBER and member.identity not in departed and not is_named
