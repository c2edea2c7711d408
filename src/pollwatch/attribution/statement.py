"""A statement: what several members say together about claims, incidents or answers, word for word.

It begins as one member's signed draft (a STIX ``report``), is sent to all, and is signed by agreeing with exactly that
draft (:mod:`pollwatch.attribution.opinion`): a changed word is another draft with another hash, and nobody's signature
moves along. It closes at a time that stands in the draft: nobody can hold it up by waiting.
:mod:`pollwatch.attribution.tally` counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pollwatch.attribution import extension
from pollwatch.attribution.claim import LAYER, Claim
from pollwatch.attribution.subject import Named, Subject
from pollwatch.clock import parse_rfc3339
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members.member import Member
from pollwatch.stix import ids
from pollwatch.stix.constants import STATEMENT_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

MAX_ABOUT: Final = 100
_MAX_TITLE: Final = 200
_SHAPE: Final[dict[str, type]] = {"about": list, "closes": str, "layer": str}
_OPTIONAL: Final[dict[str, type]] = {"respondents": list, "replaces": dict}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a statement says, before it is signed.

    Attributes:
        title: one line.
        text: the words; they stay as they are.
        about: the claims, incidents or inquiries that it is about, each in the version that was seen.
        respondents: the members that any of them names; they count for nothing in this statement.
        closes_us: until when members sign, dissent or abstain.
        replaces: the draft that this one revises; None for the first.
    """

    title: str
    text: str
    about: tuple[Named, ...]
    respondents: tuple[Member, ...]
    closes_us: int
    replaces: Named | None = None

    def __post_init__(self) -> None:
        """Check what can be.

        Raises:
            PolicyError: no words, nothing that it is about, or a time that no STIX timestamp says.
        """
        extension.check_text("a statement", self.text)
        if not self.title.strip() or len(self.title) > _MAX_TITLE or not self.title.isprintable():
            raise PolicyError(f"a statement has a title of one line and at most {_MAX_TITLE} characters")
        if not 1 <= len(self.about) <= MAX_ABOUT or len({each.id for each in self.about}) != len(self.about):
            raise PolicyError(f"a statement is about 1 to {MAX_ABOUT} claims or incidents, each once")
        if self.closes_us % 1000:
            raise PolicyError("a statement closes at a time in whole milliseconds")


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed draft, as it was read.

    Attributes:
        name: of the report, as signed.
        drafter: who signed it first.
        draft: what it says.
        created: when, as the drafter says.
        source: the signed object itself, unaltered.
    """

    name: Named
    drafter: Member
    draft: Draft
    created: str
    source: StixObject

    @property
    def subject(self) -> Subject:
        """The statement, as opinions are about it."""
        return Subject(self.name, self.drafter, self.draft.respondents)


def to_stix(draft: Draft, maker: Maker) -> StixObject:
    """Sign a draft as the first.

    Raises:
        PolicyError: it closes before it begins.
    """
    if draft.closes_us // 1000 <= maker.now_us // 1000:
        raise PolicyError("a statement closes later than it is drafted; others need time to answer")
    return maker.make(
        "report",
        f"statement {draft.title} {maker.now_us}",
        name=draft.title,
        description=draft.text,
        report_types=["threat-actor"],
        published=ids.timestamp(maker.now_us),
        object_refs=[each.id for each in draft.about],
        extensions={
            STATEMENT_EXTENSION: extension.made(
                about=[each.record() for each in draft.about],
                closes=ids.timestamp(draft.closes_us),
                layer=LAYER,
                respondents=[each.name for each in draft.respondents],
                replaces=None if draft.replaces is None else draft.replaces.record(),
            )
        },
    )


def is_statement(each: StixObject) -> bool:
    """Whether an object says that it is a statement; other reports describe incidents."""
    return each.get("type") == "report" and extension.has(each, STATEMENT_EXTENSION)


def from_stix(each: StixObject, drafter: Member, members: Iterable[Member]) -> Statement:
    """Read a statement whose signature has been checked.

    Args:
        each: the object.
        drafter: who signed it.
        members: those of the charter.

    Raises:
        FormatError: a statement that does not say what a statement says.
        PolicyError: fields that cannot be, or contradict one another.
    """
    what = extension.name_of(each)
    record = extension.read(each, STATEMENT_EXTENSION, _SHAPE, _OPTIONAL)
    known = {member.name: member for member in members}
    try:
        respondents = tuple(known[name] for name in record.get("respondents", ()))
        closes_us = parse_rfc3339(record["closes"])
    except (KeyError, TypeError):
        raise FormatError(f"{what}: its respondents are no members of the charter") from None
    except ValueError as error:
        raise FormatError(f"{what}: {error}") from None
    draft = Draft(
        str(each.get("name", "")),
        str(each.get("description", "")),
        tuple(Named.from_record(name) for name in record["about"]),
        respondents,
        closes_us,
        Named.from_record(record["replaces"]) if "replaces" in record else None,
    )
    consistent = (
        record["layer"] == LAYER
        and record["closes"] == ids.timestamp(closes_us)
        and each.get("object_refs") == [name.id for name in draft.about]
        and [member.name for member in respondents] == sorted({member.name for member in respondents})
    )
    if not consistent:
        raise PolicyError(f"{what} says one thing in its report and another in its extension")
    return Statement(Named.of(each), drafter, draft, extension.created(each), each)


def respondents_of(claims: Iterable[Claim]) -> tuple[Member, ...]:
    """The members that any of these claims names, by name."""
    named = {each.assertion.respondent for each in claims} - {None}
    return tuple(sorted((each for each in named if each is not None), key=lambda member: member.name))


def check(statement: Statement, claims: Iterable[Claim]) -> None:
    """Accept a statement that leaves out no respondent of the claims that it is about.

    Otherwise a member that is named could count for itself.

    Raises:
        PolicyError: a claim is another version than the one it names, or its respondents are others.
    """
    named = {each.id: each for each in statement.draft.about}
    about = [each for each in claims if each.id in named]
    for each in about:
        if named[each.id] != each.name:
            raise PolicyError(f"statement {statement.name.id} is about another version of claim {each.id}")
    if respondents_of(about) != statement.draft.respondents:
        raise PolicyError(f"statement {statement.name.id} does not name the respondents of the claims it is about")
