"""What people do with incidents: states, notes, and the record of who did what when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from pollwatch.events.detection import Severity
from pollwatch.incidents.incident import Status

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
ChangeKind = Literal[
    "status", "note", "reopened", "merged", "joined", "split", "assigned", "excepted", "asked", "answered"
]

#: Who acts when a scan changes a state.
SCAN: Final = "pollwatch scan"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done to an incident. Changes are only ever added.

    Attributes:
        at_us: when.
        who: who did it, as they gave it; :data:`SCAN` for what a scan did.
        kind: ``reopened`` and ``merged`` come from a scan that found more, ``excepted`` from an exception that hid it
            or hides it no longer; all others are people's.
        status: the incident's state from then on.
        text: the reason, the note, the question or the answer; for ``assigned`` to whom (empty: to nobody); for
            ``merged`` and ``joined`` the id that is now part of this incident; for ``split`` the id of the other half;
            for ``excepted`` the number of the exception.
    """

    at_us: int
    who: str
    kind: ChangeKind
    status: Status
    text: str


def most_pressing(states: Iterable[Status]) -> Status:
    """The state of incidents that turned out to be one: whatever is still open for one of them stays open."""
    return min(states, key=STATUSES.index)


def after_growth(status: Status, before: Severity, now: Severity, *, grew: bool) -> Status:
    """The state of an incident after a scan found it again.

    A closed incident that goes on is open again. One that was marked false-positive (a monitoring robot, say)
    stays so while it merely goes on, and is open again when it becomes more severe: then it is something else.
    """
    if (status == "closed" and grew) or (status in ("closed", "false-positive") and now > before):
        return "open"
    return status
