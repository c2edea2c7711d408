"""What a set of signed objects says about who did it: claims, what was said of them, statements, inquiries, hypotheses.

The one reader, for the inbox, for the inside node and for an auditor. Everything that is said names what it is about
by hash, and what it is about has to be there: a denial cannot travel without its claim, nor a statement without the
claims behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.attribution import claim as claims
from pollwatch.attribution import hypotheses, inquiry, paper, retraction, statement, tally
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution.claim import Claim
from pollwatch.attribution.inquiry import Answer, Inquiry
from pollwatch.attribution.matrix import Papers
from pollwatch.attribution.opinion import Opinion
from pollwatch.attribution.retraction import Retraction
from pollwatch.attribution.statement import Statement
from pollwatch.attribution.subject import Named, Subject
from pollwatch.attribution.tally import Tally
from pollwatch.errors import PolicyError
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.stix.constants import StixObject

_POSTED_AS: Final = {
    "inquiry": "inquiry",
    "answer": "inquiry",
    "retraction": "retraction",
    "hypothesis": "claim",
    "item": "claim",
    "rating": "opinion",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with everything that was said of it.

    Attributes:
        claim: the claim.
        opinions: every opinion on it, the respondent's denial among them.
        retraction: its claimant's, if it took the claim back.
    """

    claim: Claim
    opinions: tuple[Opinion, ...]
    retraction: Retraction | None = None

    @property
    def denials(self) -> tuple[Opinion, ...]:
        """The respondent's objections."""
        return tuple(each for each in self.opinions if each.denial)


@dataclass(frozen=True, slots=True)
class Asked:
    """An inquiry with its answers; none may mean silence, or that nothing has come yet."""

    inquiry: Inquiry
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that was said.

    Attributes:
        judged: the claims.
        tallies: the statements.
        asked: the inquiries.
        papers: what was said about hypotheses, and every retraction.
    """

    judged: tuple[Judged, ...]
    tallies: tuple[Tally, ...]
    asked: tuple[Asked, ...]
    papers: Papers


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


def read(received: Sequence[StixObject], authors: Mapping[str, Member], charter: Charter) -> Record:
    """Read all of it.

    Args:
        received: the objects.
        authors: who signed them, as :func:`pollwatch.stix.accept.check` found.
        charter: the one in force.

    Raises:
        FormatError: something malformed.
        PolicyError: something about a thing that is not here, about another version of it, or in a part that is not
            its author's.
    """
    return _Reader(received, authors, charter).record()


class _Reader:
    """Reads kind by kind, what things are about before what is about them."""

    def __init__(self, received: Sequence[StixObject], authors: Mapping[str, Member], charter: Charter) -> None:
        self._received = received
        self._authors = authors
        self._charter = charter
        self._claims = {
            each["id"]: claims.from_stix(each, authors[each["id"]], charter)
            for each in received
            if claims.is_claim(each)
        }
        self._statements = {
            each["id"]: statement.from_stix(each, authors[each["id"]], charter.members)
            for each in received
            if statement.is_statement(each)
        }

    def record(self) -> Record:
        for each in self._statements.values():
            self._check_about(each)
        given = self._opinions()
        retractions = self._retractions()
        judged = tuple(
            Judged(each, _about(each.name, given), retraction.of(each.name, each.claimant, retractions))
            for each in self._claims.values()
        )
        tallies = tuple(tally.count(each, given, self._charter) for each in self._statements.values())
        return Record(judged, tallies, self._asked(), self._papers(retractions))

    def _check_about(self, each: Statement) -> None:
        here = {received["id"] for received in self._received}
        missing = [named.id for named in each.draft.about if named.id not in here]
        if missing:
            raise PolicyError(f"statement {each.name.id} is about {missing[0]}, which is not here")
        statement.check(each, self._claims.values())

    def _opinions(self) -> tuple[Opinion, ...]:
        subjects: dict[str, Subject] = {name: each.subject for name, each in self._claims.items()}
        subjects |= {name: each.subject for name, each in self._statements.items()}
        found = []
        for each in self._received:
            if each["type"] != "opinion":
                continue
            opinion = opinions.from_stix(each, self._authors[each["id"]])
            if opinion.subject.id not in subjects:
                raise PolicyError(f"opinion {opinion.id} is about {opinion.subject.id}, which is not here")
            opinions.check(opinion, subjects[opinion.subject.id])
            found.append(opinion)
        return tuple(found)

    def _retractions(self) -> tuple[Retraction, ...]:
        named = {each["id"]: Named.of(each) for each in self._received if each["id"] in self._authors}
        found = []
        for each, author in self._of("retraction"):
            taken = retraction.from_stix(each, author)
            if taken.retracts.id not in named:
                raise PolicyError(f"retraction {taken.id} takes back {taken.retracts.id}, which is not here")
            retraction.check(taken, self._authors[taken.retracts.id], named[taken.retracts.id])
            found.append(taken)
        return tuple(found)

    def _asked(self) -> tuple[Asked, ...]:
        questions = {
            each["id"]: inquiry.inquiry_from_stix(each, author, self._charter) for each, author in self._of("inquiry")
        }
        answers = []
        for each, author in self._of("answer"):
            given = inquiry.answer_from_stix(each, author)
            if given.inquiry.id not in questions:
                raise PolicyError(f"answer {given.id} is to inquiry {given.inquiry.id}, which is not here")
            inquiry.check(given, questions[given.inquiry.id])
            answers.append(given)
        return tuple(
            Asked(each, tuple(given for given in answers if given.inquiry == each.name)) for each in questions.values()
        )

    def _papers(self, retractions: tuple[Retraction, ...]) -> Papers:
        supposed = tuple(
            hypotheses.hypothesis_from_stix(each, author, self._charter) for each, author in self._of("hypothesis")
        )
        items = {each["id"]: hypotheses.item_from_stix(each, author) for each, author in self._of("item")}
        known = {each.id for each in (*supposed, *hypotheses.standing())}
        ratings = []
        for each, author in self._of("rating"):
            rating = hypotheses.rating_from_stix(each, author)
            item = items.get(rating.item.id)
            if item is None or item.name != rating.item or rating.hypothesis not in known:
                raise PolicyError(f"rating {rating.id} is about an item or hypothesis that is not here")
            ratings.append(rating)
        return Papers(supposed, tuple(items.values()), tuple(ratings), retractions)

    def _of(self, kind: str) -> Iterable[tuple[StixObject, Member]]:
        return ((each, self._authors[each["id"]]) for each in self._received if paper.kind(each) == kind)


def _about(name: Named, given: Iterable[Opinion]) -> tuple[Opinion, ...]:
    return tuple(each for each in given if each.subject == name)
