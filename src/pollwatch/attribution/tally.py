"""Counting a statement: who signed, who dissents, who abstains, who said nothing, and whether that is enough.

The rules, and why:

* A signature counts once it was given in time, and cannot be taken back: whoever signs and then dissents is listed with
  both. Otherwise one member could let the others build on its word and pull it away at the last moment.
* Whoever is named by a claim that the statement is about counts for nothing in it, on either side.
* Members count by head *and* by bloc: several members of one bloc are one bloc.
* After it has closed, nothing changes the result. What comes later is listed as late; so is what says that it came in
  time, where the order of events shows that it did not (:mod:`pollwatch.attribution.proven`).
* Silence is listed as silence: neither consent nor dissent, and no hold-up. Only who had the draft can be silent about
  it: by the receipt of its own gateway, from before the draft closed (:mod:`pollwatch.attribution.notice`).
* The charter that holds when it closes says who counts and how many it takes: a later one undoes nothing. Who has left
  says nothing more, and what it said in time stays.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pollwatch.attribution import notice
from pollwatch.attribution.notice import Notice
from pollwatch.attribution.opinion import Opinion
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.statement import Statement
from pollwatch.attribution.subject import Named
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member, Role
from pollwatch.members.roll import Electorate
from pollwatch.stix import ids


class Part(StrEnum):
    """What a member did about a statement."""

    SIGNED = "signed"
    DISSENTS = "dissents"
    ABSTAINS = "abstains"
    #: It said nothing, and had the draft in time, by its own receipt.
    SILENT = "silent"
    #: It said nothing, and nothing on record shows that it had the draft in time.
    UNREACHED = "unreached"
    #: It said nothing, and has left by its own notice.
    LEFT = "left"
    #: It is named by what the statement is about; whatever it said stands beside the statement.
    RESPONDENT = "respondent"
    #: It has no vote by the charter.
    OBSERVES = "observes"


@dataclass(frozen=True, slots=True)
class Voice:
    """One member's part in a statement.

    Attributes:
        member: whose.
        part: what it did in time.
        said: everything it said about the statement, in time or late, oldest first.
        late: how many of these came after the statement had closed.
        back: how many of these say that they came before, and are shown to have come later.
        notice: that it has the draft, by its own gateway's receipt; None where none is on record.
    """

    member: Member
    part: Part
    said: tuple[Opinion, ...]
    late: int
    back: int = 0
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """A statement and every member's part in it.

    Attributes:
        statement: the draft.
        voices: one for each member of the charter, by name.
        needed: how many members have to sign.
        needed_blocs: from how many blocs.
        adopted: whether these have signed.
    """

    statement: Statement
    voices: tuple[Voice, ...]
    needed: int
    needed_blocs: int
    adopted: bool

    def of(self, part: Part) -> tuple[Member, ...]:
        """The members that did this."""
        return tuple(each.member for each in self.voices if each.part is part)


def count(
    statement: Statement,
    opinions: Iterable[Opinion],
    electorate: Charter | Electorate,
    notices: Iterable[Notice] = (),
    back: Mapping[str, str] | None = None,
) -> Tally:
    """Count a statement.

    Args:
        statement: the draft, read and checked.
        opinions: opinions that were checked; those about other things are left aside.
        electorate: who has a say, by the charter that holds when it closes.
        notices: notices that were checked; those that are not the drafter's, of this draft, are left aside.
        back: what was dated back, and later than when it was said, by digest.
    """
    about = [each for each in opinions if each.subject == statement.name]
    arrived = notice.arrived(notices, statement.name, statement.drafter)
    departed = electorate.departed if isinstance(electorate, Electorate) else frozenset()
    times = {each.id: _said(each, back or {}) for each in about}
    voices = tuple(_voice(each, statement, about, times, departed, arrived) for each in electorate.members)
    signers = [each.member for each in voices if each.part is Part.SIGNED]
    quorum = electorate.quorum
    adopted = len(signers) >= quorum.statements and len({each.bloc for each in signers}) >= quorum.blocs
    return Tally(statement, voices, quorum.statements, quorum.blocs, adopted)


def _said(opinion: Opinion, back: Mapping[str, str]) -> str:
    """When an opinion was given: as its author says, or later."""
    return max(opinion.created, back.get(Named.of(opinion.source).digest, "")) if back else opinion.created


def _voice(
    member: Member,
    statement: Statement,
    about: Sequence[Opinion],
    times: Mapping[str, str],
    departed: Container[str],
    arrived: Mapping[str, Notice],
) -> Voice:
    mine = (each for each in about if each.author == member)
    # What was dated back came after what shows that, which has the same time.
    said = tuple(sorted(mine, key=lambda each: (times[each.id], times[each.id] != each.created, each.id)))
    closes = ids.timestamp(statement.draft.closes_us)
    late = [each for each in said if times[each.id] > closes]
    received = arrived.get(member.identity)
    part = _part(member, statement, said[: len(said) - len(late)], received)
    if member.identity in departed and part in {Part.SILENT, Part.UNREACHED}:
        part = Part.LEFT
    return Voice(member, part, said, len(late), sum(each.created <= closes for each in late), received)


def _part(member: Member, statement: Statement, in_time: Sequence[Opinion], received: Notice | None) -> Part:
    if member in statement.draft.respondents:
        return Part.RESPONDENT
    if member.role is not Role.MEMBER:
        return Part.OBSERVES
    stances = {each.stance for each in in_time}
    if member == statement.drafter or stances & {Stance.AGREE, Stance.STRONGLY_AGREE}:
        return Part.SIGNED
    if not stances:
        had_it = received is not None and received.received_us < statement.draft.closes_us
        return Part.SILENT if had_it else Part.UNREACHED
    return Part.DISSENTS if stances & {Stance.DISAGREE, Stance.STRONGLY_DISAGREE} else Part.ABSTAINS
