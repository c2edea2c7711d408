"""What a verification found, in plain statements: what is proven, what is only said, and what nothing here proves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pollwatch.canonical import Json
from pollwatch.clock import rfc3339
from pollwatch.evidence.keys import EXERCISE, Verifier
from pollwatch.i18n import _

Weight = Literal["proven", "said", "not-proven"]
Grade = Literal["asserted", "quorum", "cross-bloc", "timestamped"]
STAMPED = "timestamp-"
"""How the names of a bundle's attachments begin that hold a time-stamp."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence and its weight. May hold names from the file: make it inert for what you write it to."""

    weight: Weight
    text: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """A checked time-stamp.

    Attributes:
        authority: the subject of the certificate that signed it (RFC 4514).
        time_us: when, as the authority says.
        latest_us: the same with the authority's own tolerance added.
    """

    authority: str
    time_us: int
    latest_us: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What raised the grade, and to what. May hold names from the file or the policy."""

    grade: Grade
    text: str


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field that is shown of a line that is not.

    Attributes:
        path: the input.
        line: the record's number in it.
        name: the field's.
        value: its bytes; None: the line was sealed as having no such field.
    """

    path: str
    line: int
    name: str
    value: bytes | None

    @property
    def text(self) -> str | None:
        """The value as text; bytes that are none are spelt out."""
        return None if self.value is None else self.value.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a verification that found nothing wrong.

    Attributes:
        kind: what the file is.
        grade: the highest that was reached. ``asserted``: the owner's own word, unchanged since; ``quorum``: enough
            witnesses of the reader's policy saw it too; ``cross-bloc``: a quorum, and a rival bloc is part of it;
            ``timestamped``: an authority that the reader trusts stamped it, whoever else did or did not see it. A fork
            proof needs no witnesses.
        log: the log's origin.
        keys: the keys that the result rests on, with what each is for.
        not_later_us: the earliest time by which a quorum had seen it, or an authority stamped it; None without both.
        statements: for people, in reading order.
        grounds: all that raised the grade; empty for ``asserted``.
        fields: what is shown of lines that are not shown themselves.
    """

    kind: Literal["bundle", "fork-proof", "key-misuse"]
    grade: Grade
    log: str
    keys: tuple[tuple[str, Verifier], ...]
    not_later_us: int | None
    statements: tuple[Statement, ...]
    grounds: tuple[Ground, ...] = ()
    fields: tuple[ShownField, ...] = ()

    def document(self) -> dict[str, Json]:
        """The report as JSON for other tools."""
        return {
            "schema": "pollwatch.verify/1",
            "kind": self.kind,
            "grade": self.grade,
            "grounds": [{"grade": each.grade, "text": each.text} for each in self.grounds],
            "log": self.log,
            "exercise": self.log.startswith(EXERCISE),
            "keys": [{"use": use, "name": key.name, "fingerprint": key.fingerprint} for use, key in self.keys],
            "not_later_us": self.not_later_us,
            "fields": [
                {"input": each.path, "line": each.line, "name": each.name, "value": each.text} for each in self.fields
            ],
            "statements": [{"weight": each.weight, "text": each.text} for each in self.statements],
        }

    def lines(self) -> Iterable[str]:
        """The report as text, line by line, not yet inert."""
        if self.log.startswith(EXERCISE):
            yield _("EXERCISE: nothing in it is real")
        yield _("Grade: {grade}").format(grade=self.grade)
        for each in self.grounds:
            yield f"  {each.grade}: {each.text}"
        headings = {"proven": _("Proven"), "said": _("Only said"), "not-proven": _("Not proven")}
        for weight, heading in headings.items():
            chosen = [each.text for each in self.statements if each.weight == weight]
            if chosen:
                yield f"{heading}:"
                yield from (f"  - {text}" for text in chosen)
        yield _("Keys (compare them with their owners, by telephone):")
        for use, key in self.keys:
            yield f"  - {use} {key.name}: {key.fingerprint}"


def shown_time(us: int) -> str:
    """RFC 3339, or the bare number where a signer states an absurd time."""
    try:
        return rfc3339(us) or ""
    except (OverflowError, ValueError):
        return f"{us} us"
