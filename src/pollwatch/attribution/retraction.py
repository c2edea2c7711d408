"""A retraction: a member takes back what it said, signed, with the reason. What it said stays on the record beside it.

It names the very version that is taken back, and follows it wherever it went; only its author can take it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pollwatch.attribution import extension, paper
from pollwatch.attribution.subject import Named
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members.member import Member
from pollwatch.stix.constants import PAPER_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

_SHAPE: Final[dict[str, type]] = {"paper": str, "retracts": dict}


@dataclass(frozen=True, slots=True)
class Retraction:
    """A signed retraction, as it was read.

    Attributes:
        id: of the note.
        author: who takes something back.
        retracts: what, and which version of it.
        text: why.
        created: when, as its author says.
        source: the signed object itself, unaltered.
    """

    id: str
    author: Member
    retracts: Named
    text: str
    created: str
    source: StixObject


def to_stix(retracts: Named, text: str, maker: Maker) -> StixObject:
    """Sign a retraction of something that the maker's member said.

    Raises:
        PolicyError: no reason.
    """
    return paper.make(maker, "retraction", retracts.id, text, abstract="Retraction", retracts=retracts.record())


def from_stix(each: StixObject, author: Member) -> Retraction:
    """Read a retraction whose signature has been checked.

    Raises:
        FormatError: a retraction that does not say what a retraction says.
        PolicyError: it gives no reason.
    """
    record = extension.read(each, PAPER_EXTENSION, _SHAPE)
    retracts = Named.from_record(record["retracts"])
    if paper.about(each) != retracts.id:
        raise FormatError(f"{extension.name_of(each)} takes back something else than it names")
    return Retraction(each["id"], author, retracts, paper.text(each), extension.created(each), each)


def check(given: Retraction, author: Member, subject: Named) -> None:
    """Accept a retraction as the author's own, of exactly this version.

    Raises:
        PolicyError: somebody else's, or of something else.
    """
    if given.retracts != subject:
        raise PolicyError(f"retraction {given.id} takes back another object, or another version of it")
    if given.author != author:
        raise PolicyError(f"retraction {given.id} is by {given.author.name}; only {author.name} can take that back")


def of(subject: Named, author: Member, retractions: Iterable[Retraction]) -> Retraction | None:
    """The author's first retraction of this version; others' are nothing."""
    own = [each for each in retractions if each.retracts == subject and each.author == author]
    return min(own, key=lambda each: (each.created, each.id), default=None)
