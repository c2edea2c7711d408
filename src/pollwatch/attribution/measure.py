"""A measure: what a member did about an incident or claim, who decided it, and what came of it. Both are signed.

The price of an attack is paid in measures that anybody can look up: an abuse report, a takedown request, a block list,
a package for a prosecutor, a fact sheet. The words stay neutral: a measure is no verdict, and whoever it is about is a
respondent. What was handed over is named by its hash; what came of it is said later, by the member that acted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from pollwatch.attribution import extension, paper
from pollwatch.attribution.subject import Named
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members.member import Member
from pollwatch.stix.constants import PAPER_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

_SHAPE: Final[dict[str, type]] = {"paper": str, "subject": dict, "act": str, "decided_by": str}
_OPTIONAL: Final[dict[str, type]] = {"addressee": str, "sha256": str}
_RESULT_SHAPE: Final[dict[str, type]] = {"paper": str, "measure": dict, "result": str}
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_NAME: Final = 200
_Word = TypeVar("_Word", bound=StrEnum)


class Kind(StrEnum):
    """What was done."""

    ABUSE = "abuse-report"
    TAKEDOWN = "takedown-request"
    BLOCK = "block"
    PROSECUTOR = "prosecutors-package"
    FACT_SHEET = "fact-sheet"
    OTHER = "other"


class Result(StrEnum):
    """What came of it."""

    ACTED = "acted"
    REFUSED = "refused"
    NO_ANSWER = "no-answer"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class Deed:
    """A measure, before it is signed.

    Attributes:
        kind: what was done.
        decided_by: the person who decided it.
        addressee: to whom it went; empty where it went to nobody (a block).
        digest: SHA-256 in hex of what was handed over; empty where nothing was.
        text: why, in the member's words.
    """

    kind: Kind
    decided_by: str
    text: str
    addressee: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            PolicyError: nobody decided it, a name is too long, a hash is none, or there is no reason.
        """
        if not self.decided_by.strip() or max(len(self.decided_by), len(self.addressee)) > _MAX_NAME:
            raise PolicyError(f"a measure names the person who decided it; names have up to {_MAX_NAME} characters")
        if self.digest and not _HASH.fullmatch(self.digest):
            raise PolicyError("what was handed over is named by its SHA-256, 64 hex digits")
        extension.check_text("a measure", self.text)


@dataclass(frozen=True, slots=True)
class Measure:
    """A signed measure, as it was read.

    Attributes:
        name: of the note, as signed.
        author: whose measure it is.
        subject: what it is about, in the version that was seen: an incident, claim or statement.
        deed: what was done.
        created: when, as its author says.
        source: the signed object itself, unaltered.
    """

    name: Named
    author: Member
    subject: Named
    deed: Deed
    created: str
    source: StixObject


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a measure, as its author says.

    Attributes:
        id: of the note.
        author: who says so.
        measure: which.
        result: what came of it.
        text: in the author's words.
        created: when, as its author says.
        source: the signed object itself, unaltered.
    """

    id: str
    author: Member
    measure: Named
    result: Result
    text: str
    created: str
    source: StixObject


@dataclass(frozen=True, slots=True)
class Taken:
    """A measure with what came of it, oldest first."""

    measure: Measure
    outcomes: tuple[Outcome, ...]


def to_stix(subject: Named, deed: Deed, maker: Maker) -> StixObject:
    """Sign a measure about an incident, claim or statement."""
    return paper.make(
        maker,
        "measure",
        subject.id,
        deed.text,
        abstract=f"Measure: {deed.kind}",
        subject=subject.record(),
        act=deed.kind.value,
        decided_by=deed.decided_by,
        addressee=deed.addressee,
        sha256=deed.digest,
    )


def from_stix(each: StixObject, author: Member) -> Measure:
    """Read a measure whose signature has been checked.

    Raises:
        FormatError: a measure that does not say what a measure says.
        PolicyError: it has no reason, or names nobody who decided it.
    """
    record = extension.read(each, PAPER_EXTENSION, _SHAPE, _OPTIONAL)
    subject = Named.from_record(record["subject"])
    if paper.about(each) != subject.id:
        raise FormatError(f"{extension.name_of(each)} is about something else than it names")
    kind = _word(each, Kind, record["act"])
    deed = Deed(kind, record["decided_by"], paper.text(each), record.get("addressee", ""), record.get("sha256", ""))
    return Measure(Named.of(each), author, subject, deed, extension.created(each), each)


def to_outcome(measure: Measure, result: Result, text: str, maker: Maker) -> StixObject:
    """Sign what came of a measure.

    Raises:
        PolicyError: it is another member's measure, or there are no words.
    """
    if measure.author.identity != maker.member.identity:
        raise PolicyError(f"{measure.name.id} is a measure of {measure.author.name}, who says what came of it")
    said = {"measure": measure.name.record(), "result": result.value}
    return paper.make(maker, "outcome", measure.name.id, text, abstract=f"Outcome: {result}", **said)


def outcome_from_stix(each: StixObject, author: Member) -> Outcome:
    """Read an outcome whose signature has been checked.

    Raises:
        FormatError: an outcome that does not say what an outcome says.
        PolicyError: it has no words.
    """
    record = extension.read(each, PAPER_EXTENSION, _RESULT_SHAPE)
    measure = Named.from_record(record["measure"])
    if paper.about(each) != measure.id:
        raise FormatError(f"{extension.name_of(each)} is about something else than it names")
    result = _word(each, Result, record["result"])
    return Outcome(each["id"], author, measure, result, paper.text(each), extension.created(each), each)


def check(given: Outcome, measure: Measure) -> None:
    """Accept what came of a measure as its author's word.

    Raises:
        PolicyError: it is another's, or about another version.
    """
    if (given.measure, given.author.identity) != (measure.name, measure.author.identity):
        raise PolicyError(f"outcome {given.id} is by {given.author.name}, about a measure of {measure.author.name}")


def _word(each: StixObject, words: type[_Word], text: str) -> _Word:
    try:
        return words(text)
    except ValueError:
        raise FormatError(f"{extension.name_of(each)}: {text[:40]!r} is none of {', '.join(words)}") from None
