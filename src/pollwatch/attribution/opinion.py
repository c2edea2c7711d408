"""An opinion: what a member thinks of a claim or of a draft statement. The respondent's objection is one.

An objection travels with what it objects to. Agreeing with a draft statement is signing it; disagreeing is dissent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pollwatch.attribution import extension
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.subject import Named, Subject
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members.member import Member
from pollwatch.stix.constants import CLAIM_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

_SHAPE: Final[dict[str, type]] = {"subject": dict, "denial": bool}
_DISAGREES: Final = frozenset({Stance.DISAGREE, Stance.STRONGLY_DISAGREE})


@dataclass(frozen=True, slots=True)
class Opinion:
    """A signed opinion, as it was read.

    Attributes:
        id: of the STIX object.
        author: who signed it.
        subject: what it is about.
        stance: agreement or not.
        denial: whether it is a respondent's objection.
        text: the author's words.
        created: when, as the author says.
        source: the signed object itself, unaltered.
    """

    id: str
    author: Member
    subject: Named
    stance: Stance
    denial: bool
    text: str
    created: str
    source: StixObject


def to_stix(subject: Subject, stance: Stance, text: str, maker: Maker) -> StixObject:
    """Sign an opinion; a respondent's disagreement is its denial.

    Raises:
        PolicyError: no text, or an author's opinion of its own claim or draft.
    """
    extension.check_text("an opinion", text)
    if subject.author.identity == maker.member.identity:
        raise PolicyError("what a member claimed or drafted is its opinion; it cannot add another")
    return maker.make(
        "opinion",
        f"{subject.name.id} {subject.name.digest} {maker.now_us}",
        explanation=text,
        opinion=stance.value,
        object_refs=[subject.name.id],
        extensions={
            CLAIM_EXTENSION: extension.made(
                subject=subject.name.record(), denial=is_denial(subject, maker.member, stance)
            )
        },
    )


def is_denial(subject: Subject, author: Member, stance: Stance) -> bool:
    """Whether this is a respondent saying that it was not so."""
    named = {each.identity for each in subject.respondents}
    return author.identity in named and stance in _DISAGREES


def from_stix(each: StixObject, author: Member) -> Opinion:
    """Read an opinion whose signature has been checked.

    Raises:
        FormatError: an opinion that does not say what an opinion says.
    """
    record = extension.read(each, CLAIM_EXTENSION, _SHAPE)
    subject = Named.from_record(record["subject"])
    if each.get("object_refs") != [subject.id]:
        raise FormatError(f"{extension.name_of(each)} is about something else than the subject it names")
    try:
        stance = Stance(str(each.get("opinion")))
    except ValueError as error:
        raise FormatError(f"{extension.name_of(each)}: {error}") from None
    text = str(each.get("explanation", ""))
    return Opinion(each["id"], author, subject, stance, record["denial"], text, extension.created(each), each)


def check(opinion: Opinion, subject: Subject) -> None:
    """Accept an opinion as being about exactly this subject, and a denial as a respondent's.

    Raises:
        PolicyError: it is about another one or another version of it, or plays a part that is not its author's.
    """
    if opinion.subject != subject.name:
        raise PolicyError(
            f"opinion {opinion.id} of {opinion.author.name} is about another object, or another version of it"
        )
    if opinion.author == subject.author:
        raise PolicyError(f"opinion {opinion.id} is its subject's own author's")
    if opinion.denial != is_denial(subject, opinion.author, opinion.stance):
        raise PolicyError(f"opinion {opinion.id}: only a respondent can deny, and its disagreement is its denial")
