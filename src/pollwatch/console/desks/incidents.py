"""What the analyst's pages ask: incidents to look at, and what is done about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pollwatch.incidents.composing import Part
from pollwatch.incidents.exceptions import Scope, TuningException
from pollwatch.incidents.inbox import Facets, Page
from pollwatch.incidents.inboxquery import Question, Sort
from pollwatch.incidents.inboxrows import Related
from pollwatch.incidents.incident import Incident, Status
from pollwatch.incidents.tuningdesk import Preview
from pollwatch.incidents.workflow import Change


@dataclass(frozen=True, slots=True)
class SealedAs:
    """What the case's log holds of an incident.

    Attributes:
        log: the private log's name.
        entry: where it stands there as it was last sealed; None = not yet.
        batches: sealed batches that hold its lines: input, first record, how many records, entry.
        more: how many further batches there are.
    """

    log: str
    entry: int | None
    batches: tuple[tuple[str, int, int, int], ...]
    more: int


@dataclass(frozen=True, slots=True)
class File:
    """A file to download."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """One incident and all that hangs on it.

    Attributes:
        incident: as the case has it.
        assignee: who works on it; empty = nobody.
        history: what was done, oldest first.
        related: others with an actor or a target in common.
        exceptions: made from it or hiding it, the newest first.
        sealed: what the log holds of it.
    """

    incident: Incident
    assignee: str
    history: tuple[Change, ...]
    related: tuple[Related, ...]
    exceptions: tuple[TuningException, ...]
    sealed: SealedAs


class IncidentDesk(Protocol):
    """Incidents. What names an incident may be an id that was merged into another.

    Every method raises ``NotThereError`` where it names an incident that is not there, and ``UsageError`` for what
    cannot be done as it was said.
    """

    def page(self, question: Question, sort: Sort, rows: int, cursor: str | None) -> Page:
        """Some incidents."""
        ...

    def facets(self, question: Question) -> Facets:
        """How many there are of each kind."""
        ...

    def told(self, name: str) -> Told:
        """One incident."""
        ...

    def some(self, names: Sequence[str]) -> list[Incident]:
        """Several incidents, in the order given."""
        ...

    def set_status(self, names: Sequence[str], status: Status, who: str, reason: str) -> None:
        """Move incidents to another state."""
        ...

    def assign(self, names: Sequence[str], assignee: str, who: str) -> None:
        """Say who works on incidents; empty = nobody."""
        ...

    def note(self, name: str, who: str, text: str) -> None:
        """Write a note."""
        ...

    def merge(self, names: Sequence[str], who: str, reason: str) -> str:
        """Make incidents one; its id."""
        ...

    def split(self, name: str, part: Part, who: str, reason: str) -> str:
        """Make an incident two; the id of the new one."""
        ...

    def preview(self, scope: Scope) -> Preview:
        """What an exception would have hidden."""
        ...

    def make_exception(self, scope: Scope, who: str, reason: str, days: int, name: str) -> TuningException:
        """Make an exception from an incident, for so many days."""
        ...

    def end_exception(self, number: int, who: str) -> TuningException:
        """End an exception."""
        ...

    def exceptions(self) -> list[TuningException]:
        """All exceptions, the newest first."""
        ...

    def bundle(self, name: str) -> File:
        """The evidence of an incident, for anybody to check."""
        ...
