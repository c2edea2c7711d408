"""The desk of incidents over a case: the inbox reads, the case and its work-flow write, the evidence proves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pollwatch.clock import Clock
from pollwatch.config import Config
from pollwatch.console.desks.incidents import File, SealedAs, Told
from pollwatch.console.services import NotThereError
from pollwatch.errors import StoreError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.composing import Part
from pollwatch.incidents.exceptions import DAY_US, Scope, TuningException
from pollwatch.incidents.inbox import Facets, Inbox, Page
from pollwatch.incidents.inboxquery import Question, Sort
from pollwatch.incidents.incident import Incident, Status
from pollwatch.incidents.records import Case
from pollwatch.incidents.tuningdesk import Preview
from pollwatch.node.case import rereading
from pollwatch.node.evidence import bundling
from pollwatch.node.evidence.openings import Openings
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.sharing import joint

#: A page names so many sealed batches and relatives.
_MOST_BATCHES: Final = 12
_MOST_RELATED: Final = 12
#: So many incidents are moved, joined or taken out together.
MOST_TOGETHER: Final = 200


class FloorIncidents:
    """See :class:`pollwatch.console.desks.incidents.IncidentDesk`."""

    def __init__(self, case: Case, inbox: Inbox, clock: Clock, settings: Callable[[], Config]) -> None:
        """Sit at the desk of this case."""
        self._settings = settings
        self._case = case
        self._inbox = inbox
        self._clock = clock

    def page(self, question: Question, sort: Sort, rows: int, cursor: str | None) -> Page:
        """Some incidents."""
        return self._inbox.page(question, sort, rows=rows, cursor=cursor)

    def facets(self, question: Question) -> Facets:
        """How many there are of each kind."""
        return self._inbox.facets(question)

    def told(self, name: str) -> Told:
        """One incident."""
        with there():
            incident = self._case.incident(name)
            history = tuple(self._case.history(incident.id))
            assignee = self._case.triage().assignee(incident.id)
            related = self._inbox.related(incident.id, rows=_MOST_RELATED)
        exceptions = tuple(self._case.tuning().about(incident.id))
        return Told(incident, assignee, history, related, exceptions, self._sealed(incident))

    def some(self, names: Sequence[str]) -> list[Incident]:
        """Several incidents, in the order given."""
        with there():
            return [self._case.incident(each) for each in _few(names)]

    def set_status(self, names: Sequence[str], status: Status, who: str, reason: str) -> None:
        """Move incidents to another state."""
        with there():
            for each in _few(names):
                self._case.set_status(each, status, who, reason)

    def assign(self, names: Sequence[str], assignee: str, who: str) -> None:
        """Say who works on incidents; empty = nobody."""
        with there():
            for each in _few(names):
                self._case.triage().assign(each, assignee, who)

    def note(self, name: str, who: str, text: str) -> None:
        """Write a note."""
        if not text.strip():
            raise UsageError(_("an empty note says nothing; write what you found or did"))
        with there():
            self._case.add_note(name, who, text.strip())

    def merge(self, names: Sequence[str], who: str, reason: str) -> str:
        """Make incidents one; its id."""
        with there():
            return self._case.triage().merge(_few(names), who, reason).id

    def split(self, name: str, part: Part, who: str, reason: str) -> str:
        """Make an incident two; the id of the new one."""
        with there():
            return self._case.triage().split(name, part, who, reason, self._settings().assets)[1].id

    def preview(self, scope: Scope) -> Preview:
        """What an exception would have hidden."""
        return self._case.tuning().preview(scope)

    def make_exception(self, scope: Scope, who: str, reason: str, days: int, name: str) -> TuningException:
        """Make an exception from an incident, for so many days."""
        with there():
            return self._case.tuning().make(scope, who, reason, self._clock.now_us() + days * DAY_US, name)

    def end_exception(self, number: int, who: str) -> TuningException:
        """End an exception."""
        with there():
            return self._case.tuning().end(number, who)

    def exceptions(self) -> list[TuningException]:
        """All exceptions, the newest first."""
        return self._case.tuning().all()

    def bundle(self, name: str) -> File:
        """The evidence of an incident, for anybody to check; without its lines where an original is gone."""
        with there():
            incident = self._case.incident(name)
        travelling = joint.travelling(self._root, incident.id)
        extras = bundling.Extras(travelling.attachments, (), travelling.policy)
        fetch = rereading.Rereader(rereading.find_file)
        # A bundle is written to a file by the one writer that there is; it is small, and gone at the end.
        with tempfile.TemporaryDirectory(prefix="pollwatch-bundle-") as folder:
            out = Path(folder) / "bundle.zip"
            with CaseEvidence.open(self._root, self._clock) as evidence:
                bundling.export(evidence, incident, out, self._clock, fetch, extras)
            return File(f"{incident.id}.zip", "application/zip", out.read_bytes())

    @property
    def _root(self) -> Path:
        return self._case.folder.root

    def _sealed(self, incident: Incident) -> SealedAs:
        """What the log holds of it, read beside whoever seals: without the log itself, which that one has open."""
        path = self._case.folder.evidence / "openings.sqlite"
        if not path.exists():
            return SealedAs("", None, (), 0)
        with closing(Openings(path)) as openings:
            entry = openings.latest_incident(incident.id)
            holding = [
                (each.path, each.first_number, each.lines, each.entry)
                for name, numbers in sorted(incident.lines.by_path.items())
                for each in openings.batches_of(name)
                if numbers.searchsorted(each.first_number) < numbers.searchsorted(each.first_number + each.lines)
            ]
        holding.sort(key=lambda each: each[3])
        return SealedAs("private", entry, tuple(holding[:_MOST_BATCHES]), max(len(holding) - _MOST_BATCHES, 0))


@contextmanager
def there() -> Iterator[None]:
    """What the case does not know is not there; what it cannot read is another matter."""
    try:
        yield
    except StoreError as error:
        text = str(error)
        if text.startswith(("no incident", "several incidents", "no exception")):
            raise NotThereError(printable(text, 300)) from error
        raise


def _few(names: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(names))
    if not 0 < len(found) <= MOST_TOGETHER:
        raise UsageError(_("choose incidents first, up to {n} at a time").format(n=MOST_TOGETHER))
    return found
