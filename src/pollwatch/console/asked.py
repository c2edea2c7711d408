"""What an address of the inbox asks: its filters, read strictly, and written again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query

from pollwatch.clock import from_datetime
from pollwatch.console.access import Permission, Viewer
from pollwatch.console.services import RefusedError
from pollwatch.events.detection import Severity
from pollwatch.i18n import _
from pollwatch.incidents.inboxquery import SORTS, Question, Sort
from pollwatch.incidents.incident import Status
from pollwatch.incidents.workflow import STATUSES

#: What the inbox shows where nothing is said: what still wants somebody.
WAITING: Final[tuple[Status, ...]] = ("open", "acknowledged")
ALL: Final = "all"
GROUPS: Final = ("actor", "asset", "rule", "technique", "phase", "assignee")
_MANY: Final = 50

Values = Annotated[list[str], Query(max_length=_MANY)]
Text = Annotated[str, Query(max_length=300)]


@dataclass(frozen=True, slots=True)
class Asked:
    """One view of the inbox.

    Attributes:
        question: which incidents.
        sort: in which order.
        everything: whether states were not narrowed at all.
        since: the day from which on, as written; empty = any.
        until: the last day, as written; empty = any.
    """

    question: Question
    sort: Sort
    everything: bool
    since: str = ""
    until: str = ""

    def pairs(self) -> list[tuple[str, str]]:
        """As an address says it."""
        question = self.question
        found = [("severity", each.word) for each in question.severities]
        if self.everything:
            found.append(("status", ALL))
        elif question.statuses != WAITING:
            found += [("status", each) for each in question.statuses]
        for name, values in (
            ("assignee", [each or "-" for each in question.assignees]),
            ("asset", question.assets),
            ("rule", question.rules),
            ("technique", question.techniques),
            ("phase", question.phases),
            ("actor", question.actors),
        ):
            found += [(name, each) for each in values]
        found += [("q", question.text)] if question.text else []
        found += [("since", self.since)] if self.since else []
        found += [("until", self.until)] if self.until else []
        found += [("sort", self.sort)] if self.sort != "priority" else []
        return found

    def query(self, *more: tuple[str, str], without: Sequence[str] = ()) -> str:
        """The query part of an address of this view with more, or without some of it; begins with ``?``."""
        pairs = [pair for pair in self.pairs() if pair[0] not in without] + list(more)
        return "?" + urlencode(pairs, errors="replace") if pairs else "?"

    def has(self, name: str, value: str) -> bool:
        """Whether a filter is set."""
        return (name, value) in self.pairs()

    def toggled(self, name: str, value: str) -> str:
        """The query of this view with one filter set, or no longer set."""
        pairs = self.pairs()
        if name == "status":  # the usual ones are not written; what is shown is what is toggled
            pairs = [p for p in pairs if p != ("status", ALL)]
            states = STATUSES if self.everything else self.question.statuses
            shown = [("status", str(each)) for each in states]
            pairs = [p for p in pairs if p[0] != "status"] + shown
        pairs = [p for p in pairs if p != (name, value)] if (name, value) in pairs else [*pairs, (name, value)]
        return "?" + urlencode(pairs, errors="replace") if pairs else "?"


def asked(  # noqa: PLR0913, PLR0917 - one argument per filter of an address
    severity: Values = [],  # noqa: B006 - FastAPI copies it
    status: Values = [],  # noqa: B006
    assignee: Values = [],  # noqa: B006
    asset: Values = [],  # noqa: B006
    rule: Values = [],  # noqa: B006
    technique: Values = [],  # noqa: B006
    phase: Values = [],  # noqa: B006
    actor: Values = [],  # noqa: B006
    q: Text = "",
    since: Text = "",
    until: Text = "",
    sort: Text = "priority",
) -> Asked:
    """What an address asks; a dependency of the inbox's routes.

    Raises:
        RefusedError: a value that is none.
    """
    if sort not in SORTS:
        raise RefusedError(_("the inbox has no such order; choose one from its list"))
    order: Sort = sort
    everything = ALL in status
    statuses = tuple(each for each in STATUSES if each in status)
    try:
        severities = tuple(Severity.parse(each) for each in severity)
    except ValueError:
        raise RefusedError(_("there is no such severity; choose one from the list")) from None
    question = Question(
        severities=severities,
        statuses=() if everything else statuses or WAITING,
        assignees=tuple("" if each == "-" else each for each in assignee),
        assets=tuple(asset),
        rules=tuple(rule),
        techniques=tuple(technique),
        phases=tuple(phase),
        actors=tuple(actor),
        since_us=_day(since),
        until_us=_day(until, after=1),
        text=q.strip(),
    )
    return Asked(question, order, everything, since, until)


def narrowed(asked: Asked, viewer: Viewer) -> Asked:
    """The view for this viewer: who may not see names may not search for them either."""
    if viewer.may(Permission.LINES):
        return asked
    return replace(asked, question=replace(asked.question, text="", actors=()))


def _day(text: str, after: int = 0) -> int | None:
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text) + dt.timedelta(days=after)
    except (ValueError, OverflowError):
        raise RefusedError(_("a day is written 2026-11-03")) from None
    return from_datetime(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC))
