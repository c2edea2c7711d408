"""What a set of signed objects says about who did it: claims, what was said of them, statements, inquiries, hypotheses.

The one reader, for the inbox, for the inside node and for an auditor. Everything that is said names what it is about
by hash, and what it is about has to be there: a denial cannot travel without its claim, nor a statement without the
claims behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pollwatch.attribution import claim as claims
from pollwatch.attribution import closing, hypotheses, inquiry, measure, notice, paper, retraction, statement, tally
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution.claim import Claim
from pollwatch.attribution.closing import Closing, Ending
from pollwatch.attribution.inquiry import Answer, Inquiry
from pollwatch.attribution.matrix import Papers
from pollwatch.attribution.measure import Taken
from pollwatch.attribution.notice import Notice
from pollwatch.attribution.opinion import Opinion
from pollwatch.attribution.retraction import Retraction
from pollwatch.attribution.statement import Statement
from pollwatch.attribution.subject import Named, Subject
from pollwatch.attribution.tally import Tally
from pollwatch.clock import US_PER_S
from pollwatch.errors import PolicyError
from pollwatch.members import roll as rolls
from pollwatch.members.member import Member
from pollwatch.members.roll import Charters, Electorate, Naming, Roll
from pollwatch.stix import accept
from pollwatch.stix.constants import StixObject

_POSTED_AS: Final = {
    "inquiry": "inquiry",
    "answer": "inquiry",
    "retraction": "retraction",
    "notice": "inquiry",
    "hypothesis": "claim",
    "item": "claim",
    "rating": "opinion",
    "closing": "opinion",
    "measure": "statement",
    "outcome": "statement",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with everything that was said of it.

    Attributes:
        claim: the claim.
        opinions: every opinion on it, the respondent's denial among them.
        retraction: its claimant's, if it took the claim back.
        notice: that the respondent has it, by its own gateway's receipt; None where none is on record.
        reply_by_us: until when the respondent's answer is in time; None without a notice.
        ending: how it ended, as members say.
    """

    claim: Claim
    opinions: tuple[Opinion, ...]
    retraction: Retraction | None = None
    notice: Notice | None = None
    reply_by_us: int | None = None
    ending: Ending = field(default_factory=Ending)

    @property
    def outcome(self) -> str:
        """How it ended: ``retracted``, as members say, or ``open``."""
        if self.retraction is not None:
            return "retracted"
        return self.ending.outcome.value if self.ending.outcome is not None else "open"

    @property
    def denials(self) -> tuple[Opinion, ...]:
        """The respondent's objections."""
        return tuple(each for each in self.opinions if each.denial)


@dataclass(frozen=True, slots=True)
class Asked:
    """An inquiry with its answers.

    Attributes:
        inquiry: the question.
        answers: what the asked member answered.
        notice: that the asked member has it, by its own gateway's receipt; None where none is on record.
    """

    inquiry: Inquiry
    answers: tuple[Answer, ...]
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that was said.

    Attributes:
        judged: the claims.
        tallies: the statements.
        asked: the inquiries.
        papers: what was said about hypotheses, and every retraction.
        taken: the measures.
    """

    judged: tuple[Judged, ...]
    tallies: tuple[Tally, ...]
    asked: tuple[Asked, ...]
    papers: Papers
    taken: tuple[Taken, ...] = ()


def is_spoken(each: StixObject) -> bool:
    """Whether an object is something that a member says about who did it, and belongs into its shared log."""
    return posted_as(each) != ""


def posted_as(each: StixObject) -> str:
    """The kind under which an object is posted in a shared log; empty for what is not posted."""
    if claims.is_claim(each):
        return "claim"
    if each.get("type") == "opinion":
        return "opinion"
    if statement.is_statement(each):
        return "statement"
    return _POSTED_AS.get(paper.kind(each), "")


def read(received: Sequence[StixObject], charters: Charters, back: Mapping[str, str] | None = None) -> Record:
    """Read all of it.

    Args:
        received: the objects; :func:`pollwatch.stix.accept.check` has accepted each as its creator's. Several versions
            of one object may be among them: what is about one of them stays with it.
        charters: the one in force, or all up to it: then what earlier members said, and under earlier charters, is
            read as of when it was said.
        back: what was dated back: later than when it was said, by digest
            (:func:`pollwatch.attribution.proven.dated_back`); statements are counted by that.

    Raises:
        FormatError: something malformed.
        PolicyError: something about a thing that is not here, about another version of it, or in a part that is not
            its author's.
    """
    return _Reader(received, rolls.of(charters), back or {}).record()


class _Reader:
    """Reads kind by kind, what things are about before what is about them."""

    def __init__(self, received: Sequence[StixObject], roll: Roll, back: Mapping[str, str]) -> None:
        self._roll = roll
        self._back = back
        self._received = received
        self._ids = {each["id"] for each in received}
        said = (each for each in received if claims.is_claim(each))
        found = (claims.from_stix(each, self._author(each), self._naming(each)) for each in said)
        self._claims = {each.name: each for each in found}
        drafts = (each for each in received if statement.is_statement(each))
        read = (statement.from_stix(each, self._author(each), self._naming(each).members) for each in drafts)
        self._statements = {each.name: each for each in read}

    def record(self) -> Record:
        for each in self._statements.values():
            self._check_about(each)
        given = self._opinions()
        retractions = self._retractions()
        closings = self._closings()
        notices = [notice.from_stix(each, author, self._naming(each)) for each, author in self._of("notice")]
        judged = tuple(self._judged(each, given, retractions, notices, closings) for each in self._claims.values())
        drafts = self._statements.values()
        tallies = tuple(tally.count(each, given, self._electorate(each), notices, self._back) for each in drafts)
        return Record(judged, tallies, self._asked(notices), self._papers(retractions), self._taken())

    def _judged(
        self,
        claim: Claim,
        given: Iterable[Opinion],
        retractions: Iterable[Retraction],
        notices: Iterable[Notice],
        closings: Iterable[Closing],
    ) -> Judged:
        taken_back = retraction.of(claim.name, claim.claimant, retractions)
        arrived = _received(notices, claim.name, claim.claimant, claim.assertion.respondent)
        judged = Judged(claim, _about(claim.name, given), taken_back, ending=self._ending(claim, closings))
        if arrived is None:
            return judged
        window_us = self._roll.at(arrived.received_us).reply_window_s * US_PER_S
        return replace(judged, notice=arrived, reply_by_us=arrived.received_us + window_us)

    def _ending(self, claim: Claim, closings: Iterable[Closing]) -> Ending:
        about = [each for each in closings if each.subject == claim.name]
        if not about:
            return Ending()
        last_us = max(accept.said_us(each.source) for each in about)
        return closing.count(claim, about, self._roll.electorate(last_us))

    def _check_about(self, each: Statement) -> None:
        for named in each.draft.about:
            if named.id not in self._ids:
                raise self._missing(f"statement {each.name.id}", named)
        statement.check(each, self._claims.values())

    def _opinions(self) -> tuple[Opinion, ...]:
        subjects: dict[Named, Subject] = {name: each.subject for name, each in self._claims.items()}
        subjects |= {name: each.subject for name, each in self._statements.items()}
        found = []
        for each in self._received:
            if each["type"] != "opinion":
                continue
            opinion = opinions.from_stix(each, self._author(each))
            if opinion.subject not in subjects:
                raise self._missing(f"opinion {opinion.id} of {opinion.author.name}", opinion.subject)
            opinions.check(opinion, subjects[opinion.subject])
            found.append(opinion)
        return tuple(found)

    def _retractions(self) -> tuple[Retraction, ...]:
        found = []
        for each, author in self._of("retraction"):
            taken = retraction.from_stix(each, author)
            here = (other for other in self._received if other["id"] == taken.retracts.id)
            meant = next((other for other in here if Named.of(other) == taken.retracts), None)
            if meant is None:
                raise self._missing(f"retraction {taken.id}", taken.retracts)
            retraction.check(taken, self._author(meant), taken.retracts)
            found.append(taken)
        return tuple(found)

    def _closings(self) -> tuple[Closing, ...]:
        found = tuple(closing.from_stix(each, author) for each, author in self._of("closing"))
        for each in found:
            if each.subject not in self._claims:
                raise self._missing(f"closing {each.id} of {each.author.name}", each.subject)
        return found

    def _taken(self) -> tuple[Taken, ...]:
        found = {one.name: one for each, author in self._of("measure") for one in (measure.from_stix(each, author),)}
        for each in found.values():
            if each.subject.id not in self._ids:
                raise self._missing(f"measure {each.name.id} of {each.author.name}", each.subject)
        outcomes = [measure.outcome_from_stix(each, author) for each, author in self._of("outcome")]
        for outcome in outcomes:
            if outcome.measure not in found:
                raise self._missing(f"outcome {outcome.id} of {outcome.author.name}", outcome.measure)
            measure.check(outcome, found[outcome.measure])
        outcomes.sort(key=lambda each: (each.created, each.id))
        return tuple(Taken(each, tuple(one for one in outcomes if one.measure == each.name)) for each in found.values())

    def _asked(self, notices: Sequence[Notice]) -> tuple[Asked, ...]:
        found = (inquiry.inquiry_from_stix(each, author, self._naming(each)) for each, author in self._of("inquiry"))
        questions = {each.name: each for each in found}
        answers = []
        for each, author in self._of("answer"):
            given = inquiry.answer_from_stix(each, author)
            if given.inquiry not in questions:
                raise self._missing(f"answer {given.id} of {given.author.name}", given.inquiry)
            inquiry.check(given, questions[given.inquiry])
            answers.append(given)
        return tuple(
            Asked(
                each,
                tuple(given for given in answers if given.inquiry == each.name),
                _received(notices, each.name, each.asker, each.asked),
            )
            for each in questions.values()
        )

    def _papers(self, retractions: tuple[Retraction, ...]) -> Papers:
        supposed = tuple(
            hypotheses.hypothesis_from_stix(each, author, self._naming(each)) for each, author in self._of("hypothesis")
        )
        found = (hypotheses.item_from_stix(each, author) for each, author in self._of("item"))
        items = {each.name: each for each in found}
        known = {each.id for each in (*supposed, *hypotheses.standing())}
        ratings = []
        for each, author in self._of("rating"):
            rating = hypotheses.rating_from_stix(each, author)
            if rating.item not in items:
                raise self._missing(f"rating {rating.id} of {rating.author.name}", rating.item)
            if rating.hypothesis not in known:
                raise PolicyError(
                    f"rating {rating.id} is about hypothesis {rating.hypothesis[:80]!r}, which is not here"
                )
            ratings.append(rating)
        return Papers(supposed, tuple(items.values()), tuple(ratings), retractions)

    def _of(self, kind: str) -> Iterable[tuple[StixObject, Member]]:
        return ((each, self._author(each)) for each in self._received if paper.kind(each) == kind)

    def _author(self, each: StixObject) -> Member:
        author = self._roll.by_identity(str(each.get("created_by_ref")))
        if author is None:
            raise PolicyError(f"{each['type']} {each['id']} is by nobody in the charter")
        return author

    def _naming(self, each: StixObject) -> Naming:
        return self._roll.naming(accept.said_us(each))

    def _electorate(self, each: Statement) -> Electorate:
        """Who counts in a statement: the members when it closes, by the charter that holds then."""
        return self._roll.electorate(each.draft.closes_us)

    def _missing(self, what: str, named: Named) -> PolicyError:
        which = f"another version of {named.id}" if named.id in self._ids else f"{named.id}, which is not here"
        return PolicyError(f"{what} is about {which}")


def _received(notices: Iterable[Notice], name: Named, author: Member, receiver: Member | None) -> Notice | None:
    """The earliest notice by whoever claimed or asked that whoever it names has it."""
    return None if receiver is None else notice.arrived(notices, name, author).get(receiver.identity)


def _about(name: Named, given: Iterable[Opinion]) -> tuple[Opinion, ...]:
    return tuple(each for each in given if each.subject == name)
