"""An inquiry: a formal question from one member to another, its answer, and what a missing answer is worth.

Both are STIX notes. The question says by when an answer is expected; the answer names the very question. A silence can
be told from a question that never arrived by the receipt of the asked member's gateway, which names the question's
hash; and an answer that was given from one that was not by the answerer's own shared log, where it stands first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pollwatch.attribution import extension, paper
from pollwatch.attribution.subject import Named
from pollwatch.clock import parse_rfc3339
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members.member import Member
from pollwatch.members.roll import Names
from pollwatch.stix import ids
from pollwatch.stix.constants import PAPER_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

_QUESTION_SHAPE: Final[dict[str, type]] = {"paper": str, "asked": str, "reply_by": str}
_ANSWER_SHAPE: Final[dict[str, type]] = {"paper": str, "inquiry": dict}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A signed question, as it was read.

    Attributes:
        name: of the note, as signed.
        asker: who asks.
        asked: who is asked.
        about: STIX id of the incident or claim that it is about; of the asked member's identity where it is about none.
        text: the question.
        reply_by_us: until when an answer is expected.
        created: when, as the asker says.
        source: the signed object itself, unaltered.
    """

    name: Named
    asker: Member
    asked: Member
    about: str
    text: str
    reply_by_us: int
    created: str
    source: StixObject


@dataclass(frozen=True, slots=True)
class Answer:
    """A signed answer, as it was read.

    Attributes:
        id: of the note.
        author: who answers.
        inquiry: the question, in the version that was received.
        text: the answer.
        created: when, as its author says.
        source: the signed object itself, unaltered.
    """

    id: str
    author: Member
    inquiry: Named
    text: str
    created: str
    source: StixObject


def ask(asked: Member, about: str, text: str, reply_by_us: int, maker: Maker) -> StixObject:
    """Sign a question.

    Args:
        asked: who is asked.
        about: STIX id of what it is about; empty = nothing that was shared.
        text: the question.
        reply_by_us: until when an answer is expected, in whole milliseconds.
        maker: makes the asker's objects.

    Raises:
        PolicyError: no words, no time to answer, or a question to oneself.
    """
    if asked.identity == maker.member.identity:
        raise PolicyError("a member does not ask itself")
    if reply_by_us % 1000 or reply_by_us <= maker.now_us:
        raise PolicyError("an inquiry leaves time to answer, to a whole millisecond")
    reply_by = ids.timestamp(reply_by_us)
    words = f"Inquiry to {asked.name}"
    return paper.make(
        maker, "inquiry", about or asked.identity, text, abstract=words, asked=asked.name, reply_by=reply_by
    )


def answer(inquiry: Inquiry, text: str, maker: Maker) -> StixObject:
    """Sign an answer.

    Raises:
        PolicyError: no words, or not the member that was asked.
    """
    if inquiry.asked.identity != maker.member.identity:
        raise PolicyError(f"the inquiry {inquiry.name.id} asks {inquiry.asked.name}")
    words, named = f"Answer to {inquiry.asker.name}", inquiry.name
    return paper.make(maker, "answer", named.id, text, abstract=words, inquiry=named.record())


def inquiry_from_stix(each: StixObject, asker: Member, names: Names) -> Inquiry:
    """Read a question whose signature has been checked.

    Raises:
        FormatError: an inquiry that does not say what an inquiry says.
        PolicyError: it asks nobody in the charter, or its own author.
    """
    record = extension.read(each, PAPER_EXTENSION, _QUESTION_SHAPE)
    asked = names.member(record["asked"])
    try:
        reply_by_us = parse_rfc3339(record["reply_by"])
    except ValueError as error:
        raise FormatError(f"{extension.name_of(each)}: {error}") from None
    about = paper.about(each)
    if asked == asker or ids.timestamp(reply_by_us) != record["reply_by"] or asked.name != record["asked"]:
        raise PolicyError(f"{extension.name_of(each)} asks its own author, or says it in another form than ours")
    text, created = paper.text(each), extension.created(each)
    return Inquiry(Named.of(each), asker, asked, about, text, reply_by_us, created, each)


def answer_from_stix(each: StixObject, author: Member) -> Answer:
    """Read an answer whose signature has been checked.

    Raises:
        FormatError: an answer that does not say what an answer says.
        PolicyError: it has no words.
    """
    record = extension.read(each, PAPER_EXTENSION, _ANSWER_SHAPE)
    inquiry = Named.from_record(record["inquiry"])
    if paper.about(each) != inquiry.id:
        raise FormatError(f"{extension.name_of(each)} answers something else than the inquiry it names")
    return Answer(each["id"], author, inquiry, paper.text(each), extension.created(each), each)


def check(given: Answer, inquiry: Inquiry) -> None:
    """Accept an answer as the asked member's, to exactly this question.

    Raises:
        PolicyError: it is another's, or answers another question or another version of it.
    """
    if given.inquiry != inquiry.name:
        raise PolicyError(f"answer {given.id} of {given.author.name} is to another inquiry, or another version of it")
    if given.author != inquiry.asked:
        raise PolicyError(f"answer {given.id} is by {given.author.name}, and {inquiry.asked.name} was asked")
