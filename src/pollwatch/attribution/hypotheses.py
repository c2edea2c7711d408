"""Competing hypotheses about an incident: what is thought possible, what is known, and how each fits each.

Three papers, each a signed note by whoever says it, so that no chair can leave anything out: a *hypothesis*; an *item*
of evidence with the commitments behind it; a *rating*, one cell: how one item fits one hypothesis, in one member's
judgement, with its reason. Two hypotheses are on every list without anybody's word: that it was made to look like
somebody else (``false-flag``), and that it came from within (``insider``).

The method is the analysis of competing hypotheses (R. Heuer, Psychology of Intelligence Analysis, 1999, chapter 8):
the hypothesis with the least evidence *against* it leads. :mod:`pollwatch.attribution.matrix` computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from pollwatch.attribution import extension, paper
from pollwatch.attribution.subject import Named
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members.member import Member
from pollwatch.members.roll import Names
from pollwatch.stix.constants import PAPER_EXTENSION, StixObject
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker

#: On every list: id and words.
ALWAYS: Final = {
    "false-flag": "It was made to look like somebody else's doing.",
    "insider": "It came from within the office that was attacked.",
}
_HYPOTHESIS_SHAPE: Final[dict[str, type]] = {"paper": str}
_HYPOTHESIS_OPTIONAL: Final[dict[str, type]] = {"respondent": str}
_ITEM_SHAPE: Final[dict[str, type]] = {"paper": str}
_ITEM_OPTIONAL: Final[dict[str, type]] = {"evidence": list}
_RATING_SHAPE: Final[dict[str, type]] = {"paper": str, "item": dict, "hypothesis": str, "rating": str}


class Fit(Enum):
    """How an item fits a hypothesis: word, and how much it speaks against it."""

    STRONGLY_CONSISTENT = ("strongly-consistent", 0)
    CONSISTENT = ("consistent", 0)
    NEUTRAL = ("neutral", 0)
    INCONSISTENT = ("inconsistent", 1)
    STRONGLY_INCONSISTENT = ("strongly-inconsistent", 2)

    @property
    def word(self) -> str:
        """As the command line and the objects spell it."""
        return self.value[0]

    @property
    def against(self) -> int:
        """0, 1 or 2: only what speaks against a hypothesis counts; much speaks for many."""
        return self.value[1]

    @property
    def step(self) -> int:
        """-2 (strongly against) to 2 (strongly for): to see how far an item tells hypotheses apart."""
        return 2 - list(Fit).index(self)

    @classmethod
    def parse(cls, word: str) -> Fit:
        """The rating of that name.

        Raises:
            FormatError: there is none.
        """
        for each in cls:
            if each.word == word:
                return each
        raise FormatError(f"no rating {word[:40]!r}; use one of {', '.join(each.word for each in cls)}")


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Something that may have been so.

    Attributes:
        id: STIX id of its note, or a key of :data:`ALWAYS`.
        author: who put it on the list; None for those that always are.
        incident: STIX id; empty for those that always are.
        respondent: the member that it names, which then does not count in its column; None if none.
        text: what may have been so.
    """

    id: str
    author: Member | None
    incident: str
    respondent: Member | None
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of evidence.

    Attributes:
        name: of its note, as signed.
        provider: whose evidence it is.
        incident: STIX id.
        text: what it shows.
        evidence: commitments that the provider can open.
    """

    name: Named
    provider: Member
    incident: str
    text: str
    evidence: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """One cell in one member's judgement.

    Attributes:
        id: of its note.
        author: whose judgement.
        item: the item, in the version that was seen.
        hypothesis: its id.
        fit: how well.
        text: why.
        created: when, as its author says; of two ratings of one cell by one member the later one holds.
    """

    id: str
    author: Member
    item: Named
    hypothesis: str
    fit: Fit
    text: str
    created: str


def standing() -> tuple[Hypothesis, ...]:
    """The hypotheses that are on every list."""
    return tuple(Hypothesis(key, None, "", None, text) for key, text in ALWAYS.items())


def suppose(incident: str, text: str, respondent: Member | None, maker: Maker) -> StixObject:
    """Sign a hypothesis about an incident.

    Raises:
        PolicyError: no words.
    """
    named = respondent.name if respondent else ""
    return paper.make(maker, "hypothesis", incident, text, abstract="Hypothesis", respondent=named)


def add_item(incident: str, text: str, evidence: tuple[Leaf, ...], maker: Maker) -> StixObject:
    """Sign an item of evidence about an incident.

    Raises:
        PolicyError: no words.
    """
    leaves = [each.record() for each in evidence]
    return paper.make(maker, "item", incident, text, abstract="Item of evidence", evidence=leaves)


def rate(item: Item, hypothesis: Hypothesis, fit: Fit, text: str, maker: Maker) -> StixObject:
    """Sign one cell.

    Raises:
        PolicyError: no reason, or a hypothesis about another incident.
    """
    if hypothesis.incident not in {"", item.incident}:
        raise PolicyError(f"hypothesis {hypothesis.id} is about another incident than the item")
    words = f"Rating: {fit.word}"
    said = {"item": item.name.record(), "hypothesis": hypothesis.id, "rating": fit.word}
    return paper.make(maker, "rating", item.name.id, text, abstract=words, **said)


def hypothesis_from_stix(each: StixObject, author: Member, names: Names) -> Hypothesis:
    """Read a hypothesis whose signature has been checked.

    Raises:
        FormatError: not in the form of one.
        PolicyError: no words, or it names nobody in the charter.
    """
    record = extension.read(each, PAPER_EXTENSION, _HYPOTHESIS_SHAPE, _HYPOTHESIS_OPTIONAL)
    respondent = names.member(record["respondent"]) if "respondent" in record else None
    return Hypothesis(each["id"], author, paper.about(each), respondent, paper.text(each))


def item_from_stix(each: StixObject, provider: Member) -> Item:
    """Read an item whose signature has been checked.

    Raises:
        FormatError: not in the form of one.
        PolicyError: no words.
    """
    record = extension.read(each, PAPER_EXTENSION, _ITEM_SHAPE, _ITEM_OPTIONAL)
    leaves = tuple(Leaf.from_record(leaf) for leaf in record.get("evidence", ()))
    return Item(Named.of(each), provider, paper.about(each), paper.text(each), leaves)


def rating_from_stix(each: StixObject, author: Member) -> Rating:
    """Read a rating whose signature has been checked.

    Raises:
        FormatError: not in the form of one.
        PolicyError: no reason.
    """
    record = extension.read(each, PAPER_EXTENSION, _RATING_SHAPE)
    item = Named.from_record(record["item"])
    if paper.about(each) != item.id:
        raise FormatError(f"{extension.name_of(each)} rates something else than the item it names")
    fit = Fit.parse(record["rating"])
    return Rating(each["id"], author, item, record["hypothesis"], fit, paper.text(each), extension.created(each))
