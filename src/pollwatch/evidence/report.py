"""What a verification found, in plain statements: what is proven, what is only said, and what nothing here proves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pollwatch.canonical import Json
from pollwatch.evidence.keys import Verifier
from pollwatch.i18n import _

Weight = Literal["proven", "said", "not-proven"]
Grade = Literal["asserted", "quorum"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence and its weight. May hold names from the file: make it inert for what you write it to."""

    weight: Weight
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a verification that found nothing wrong.

    Attributes:
        kind: what the file is.
        grade: ``asserted``: the owner's own word, unchanged since; ``quorum``: enough witnesses of the reader's policy
            saw it too. A fork proof needs no witnesses: its grade says whether the reader knows the log.
        log: the log's origin.
        keys: the keys that the result rests on, with what each is for.
        not_later_us: the time by which the quorum had seen it; None without one.
        statements: for people, in reading order.
    """

    kind: Literal["bundle", "fork-proof"]
    grade: Grade
    log: str
    keys: tuple[tuple[str, Verifier], ...]
    not_later_us: int | None
    statements: tuple[Statement, ...]

    def document(self) -> dict[str, Json]:
        """The report as JSON for other tools."""
        return {
            "schema": "pollwatch.verify/1",
            "kind": self.kind,
            "grade": self.grade,
            "log": self.log,
            "keys": [{"use": use, "name": key.name, "fingerprint": key.fingerprint} for use, key in self.keys],
            "not_later_us": self.not_later_us,
            "statements": [{"weight": each.weight, "text": each.text} for each in self.statements],
        }

    def lines(self) -> Iterable[str]:
        """The report as text, line by line, not yet inert."""
        yield _("Grade: {grade}").format(grade=self.grade)
        headings = {"proven": _("Proven"), "said": _("Only said"), "not-proven": _("Not proven")}
        for weight, heading in headings.items():
            chosen = [each.text for each in self.statements if each.weight == weight]
            if chosen:
                yield f"{heading}:"
                yield from (f"  - {text}" for text in chosen)
        yield _("Keys (compare them with their owners, by telephone):")
        for use, key in self.keys:
            yield f"  - {use} {key.name}: {key.fingerprint}"
