"""The inbox: pages, counts and single incidents out of a case of any size, without reading the others.

Laws:

- A page costs the same wherever it is and whatever is asked, with a million incidents in the case.
- Counts are exact, for the same moment as the page beside them.
- Going from page to page, an incident that did not change is shown once, however others come and go meanwhile.
- :meth:`Inbox.changes` tells of each incident that changed since, in the order in which they last did; what it told
  once it tells no more, and nothing is left out, also across restarts.

Safe for several threads. The first question reads the columns (:mod:`pollwatch.incidents.columns`); keep it open.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
import sqlalchemy as sa

from pollwatch.errors import UsageError
from pollwatch.events.detection import Severity
from pollwatch.i18n import _
from pollwatch.incidents import columns, indexing
from pollwatch.incidents.columns import Columns, Ints, Mask
from pollwatch.incidents.inboxquery import MOST_ROWS, Place, Question, Sort, from_cursor, match_expression, to_cursor
from pollwatch.incidents.inboxrows import Changes, InboxRow, Related, read_changes, read_rows, related
from pollwatch.incidents.inboxtables import TEXT
from pollwatch.incidents.workflow import STATUSES
from pollwatch.store.database import Database, Holding
from pollwatch.store.folder import CaseFolder

_COUNTED: Final = ("severities", "statuses", "assignees", "phases", "assets", "rules", "techniques")
#: A facet shows so many values at most, the most frequent first.
_MOST_VALUES: Final = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some incidents in the order asked for.

    Attributes:
        rows: at most as many as were asked for.
        next: the cursor of the page after this; None = this is the last one.
        total: how many incidents the question has in all.
    """

    rows: tuple[InboxRow, ...]
    next: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many incidents have a value; ``label`` is what to call it where it is not its own name (rules)."""

    value: str
    label: str
    incidents: int


@dataclass(frozen=True, slots=True)
class Facets:
    """For each property the values that incidents have, with how many, as the question's other properties narrow it.

    Severities and statuses are all there, in their own order; of the others the most frequent values.
    """

    severities: tuple[Count, ...]
    statuses: tuple[Count, ...]
    assignees: tuple[Count, ...]
    phases: tuple[Count, ...]
    assets: tuple[Count, ...]
    rules: tuple[Count, ...]
    techniques: tuple[Count, ...]


class Inbox(Holding):
    """The inbox of one case. Use :meth:`open`, and close it (or use ``with``)."""

    def __init__(self, database: Database) -> None:
        """Take over an open database; :meth:`open` is what callers use."""
        super().__init__(database)
        self._lock = threading.Lock()
        self._columns: Columns | None = None
        self._searched: tuple[str, int, Ints] = ("", -1, np.zeros(0, dtype=np.int64))

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open the inbox of the case in a folder.

        Raises:
            StoreError: there is no case, or it was written by a newer pollwatch.
        """
        folder = CaseFolder(root)
        folder.prepare(create=False)
        return cls(Database(folder.database))

    def page(self, question: Question, sort: Sort = "priority", *, rows: int = 50, cursor: str | None = None) -> Page:
        """One page of incidents.

        Args:
            question: which.
            sort: ``priority`` as the election calendar has it, then severity, then the earliest first; ``severity``,
                then priority, then the latest first; ``newest`` by the latest line.
            rows: how many at most, up to :data:`MOST_ROWS`.
            cursor: of the page before; None = the first page.

        Raises:
            UsageError: the cursor is none of this question, or ``rows`` is out of range.
            StoreError: the case cannot be read.
        """
        if not 0 < rows <= MOST_ROWS:
            raise UsageError(_("a page has 1 to {most} incidents").format(most=MOST_ROWS))
        place = None if cursor is None else from_cursor(cursor, question, sort)
        with self._database.reading() as connection:
            now = self._now(connection)
            mask = self._mask(connection, now, question)
            total = int(np.count_nonzero(mask))
            ranks = now.ranks(sort)
            if place is not None:
                mask &= (ranks > place.rank) | ((ranks == place.rank) & (now.rows["number"] > place.number))
            at = _smallest(ranks, np.flatnonzero(mask), rows + 1)
            numbers: list[int] = now.rows["number"][at[:rows]].tolist()
            found = read_rows(connection, numbers)
        last = None if at.size <= rows else Place(int(ranks[at[rows - 1]]), numbers[-1])
        return Page(found, None if last is None else to_cursor(last, question, sort), total)

    def warm(self) -> None:
        """Read what the first question would have to read.

        Raises:
            StoreError: the case cannot be read.
        """
        with self._database.reading() as connection:
            self._now(connection)

    def count(self, question: Question) -> int:
        """How many incidents there are.

        Raises:
            StoreError: the case cannot be read.
        """
        with self._database.reading() as connection:
            return int(np.count_nonzero(self._mask(connection, self._now(connection), question)))

    def facets(self, question: Question) -> Facets:
        """How many incidents there would be for each value of each property.

        Raises:
            StoreError: the case cannot be read.
        """
        with self._database.reading() as connection:
            now = self._now(connection)
            masks = self._masks(connection, now, question)
        whole = _all_of(masks)
        of = {name: _all_of(masks, but=name) if name in masks else whole for name in _COUNTED}
        severity = _bins(now, "severity", of["severities"], len(Severity))
        status = _bins(now, "status", of["statuses"], len(STATUSES))
        return Facets(
            severities=tuple(Count(each.word, "", severity[each]) for each in reversed(Severity)),
            statuses=tuple(Count(each, "", count) for each, count in zip(STATUSES, status, strict=True)),
            assignees=_named(now, "assignee", of["assignees"]),
            phases=_named(now, "phase", of["phases"]),
            assets=_termed(now, "asset", of["assets"]),
            rules=_termed(now, "rule", of["rules"]),
            techniques=_termed(now, "technique", of["techniques"]),
        )

    def counts(self, of: Literal["asset", "rule", "technique"], question: Question) -> Mapping[str, int]:
        """How many incidents have each value, of all values that any has; :meth:`facets` tells the most frequent only.

        Raises:
            StoreError: the case cannot be read.
        """
        with self._database.reading() as connection:
            now = self._now(connection)
            terms = now.terms[of]
            found = terms.counts(self._mask(connection, now, question)).tolist()
        return {value: count for value, count in zip(terms.values, found, strict=True) if count}

    def related(self, incident_id: str, *, rows: int = 20) -> tuple[Related, ...]:
        """Other incidents with an actor or a target in common, those with the rarest in common first.

        Raises:
            StoreError: no such incident, or the case cannot be read.
        """
        with self._database.reading() as connection:
            return related(connection, incident_id, rows)

    def changes(self, after: int, *, rows: int = MOST_ROWS) -> Changes:
        """Which incidents changed after a sequence number; ``after`` 0 tells of all.

        Raises:
            StoreError: the case cannot be read.
        """
        with self._database.reading() as connection:
            return read_changes(connection, after, rows)

    def latest(self) -> int:
        """The sequence number of the last change; 0 in a case without incidents."""
        with self._database.reading() as connection:
            return int(connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM incident_changes").scalar_one())

    def _now(self, connection: sa.Connection) -> Columns:
        with self._lock:
            known = self._columns
            found = columns.load(connection) if known is None else columns.refreshed(known, connection)
            # A thread whose view of the case is older than another's must not take the columns back.
            if known is None or found.seq > known.seq:
                self._columns = found
            return found

    def _mask(self, connection: sa.Connection, now: Columns, question: Question) -> Mask:
        """Which incidents a question means."""
        return _all_of(self._masks(connection, now, question))

    def _masks(self, connection: sa.Connection, now: Columns, question: Question) -> dict[str, Mask]:
        """The same, as far as each of the question's properties says; in ``""`` what is no property with counts."""
        rows = now.rows
        rest: Mask = rows["here"].copy()
        if question.since_us is not None:
            rest &= rows["timed"] & (rows["last_us"] >= question.since_us)
        if question.until_us is not None:
            rest &= rows["timed"] & (rows["first_us"] < question.until_us)
        if question.actors:
            rest &= _at(now, _having(connection, indexing.ACTOR_KINDS, question.actors))
        if question.text:
            rest &= _at(now, self._search(connection, question.text, now.seq))
        masks = {"": rest}
        for name, field, wanted, codes in (
            ("severities", "severity", [int(each) for each in question.severities], len(Severity)),
            ("statuses", "status", [STATUSES.index(each) for each in question.statuses], len(STATUSES)),
            ("assignees", "assignee", _codes(now, "assignee", question.assignees), len(now.names["assignee"])),
            ("phases", "phase", _codes(now, "phase", question.phases), len(now.names["phase"])),
        ):
            if getattr(question, name):
                chosen = np.zeros(codes, dtype=bool)
                chosen[wanted] = True
                masks[name] = chosen[rows[field]]
        for name, kind, fits in (
            ("assets", "asset", {indexing.clipped(each) for each in question.assets}.__contains__),
            ("rules", "rule", {indexing.clipped(each) for each in question.rules}.__contains__),
            ("techniques", "technique", _technique(question.techniques)),
        ):
            if getattr(question, name):
                masks[name] = now.terms[kind].mask(fits, now.size)
        return masks

    def _search(self, connection: sa.Connection, text: str, seq: int) -> Ints:
        """The numbers of incidents with these words, or with this very term: a flood names more than it has words."""
        searched = self._searched
        if searched[:2] == (text, seq):
            return searched[2]
        expression = match_expression(text)
        found = np.zeros(0, dtype=np.int64)
        if expression:
            query = f"SELECT group_concat(rowid) FROM {TEXT} WHERE {TEXT} MATCH ?"  # noqa: S608 - our own words
            found = columns.numbers_of(connection, query, (expression,))
        exact = _having(connection, (*indexing.ACTOR_KINDS, "asset"), (text.strip(),))
        found = np.union1d(found, exact)
        self._searched = (text, seq, found)
        return found


def _all_of(masks: Mapping[str, Mask], but: str | None = None) -> Mask:
    whole = masks[""].copy()
    for name, mask in masks.items():
        if name not in {"", but}:
            whole &= mask
    return whole


def _codes(now: Columns, field: str, wanted: Iterable[str]) -> list[int]:
    """The codes of names; those that nobody has are left out."""
    known = {name: code for code, name in enumerate(now.names[field])}
    return [known[name] for name in wanted if name in known]


def _technique(wanted: Sequence[str]) -> Callable[[str], bool]:
    whole, beginnings = frozenset(wanted), tuple(f"{each}." for each in wanted)
    return lambda value: value in whole or value.startswith(beginnings)


def _having(connection: sa.Connection, kinds: Sequence[str], values: Iterable[str]) -> Ints:
    """The numbers of incidents with any of these terms."""
    parts = [np.zeros(0, dtype=np.int64)]
    for value in values:
        for term in indexing.term_ids(connection, kinds, value):
            query = "SELECT group_concat(number) FROM incident_keys WHERE term = ?"
            parts.append(columns.numbers_of(connection, query, (term,)))
    return np.unique(np.concatenate(parts))


def _at(now: Columns, numbers: Ints) -> Mask:
    mask = np.zeros(now.size, dtype=bool)
    mask[now.positions(numbers)] = True
    return mask


def _smallest(ranks: Ints, at: Ints, many: int) -> Ints:
    """Of some positions those with the smallest ranks, in order; of equals the first."""
    if at.size > many:
        ranked = ranks[at]
        bound = np.partition(ranked, many - 1)[many - 1]
        below = at[ranked < bound]
        at = np.concatenate([below, at[ranked == bound][: many - below.size]])
    return at[np.argsort(ranks[at], kind="stable")]


def _bins(now: Columns, field: str, mask: Mask, bins: int) -> list[int]:
    counts: list[int] = np.bincount(now.rows[field][mask], minlength=bins).tolist()
    return counts


def _named(now: Columns, field: str, mask: Mask) -> tuple[Count, ...]:
    names = now.names[field]
    return _most(names, [""] * len(names), _bins(now, field, mask, len(names)))


def _termed(now: Columns, kind: str, mask: Mask) -> tuple[Count, ...]:
    terms = now.terms[kind]
    return _most(terms.values, terms.labels, terms.counts(mask).tolist())


def _most(values: Sequence[str], labels: Sequence[str], counts: Sequence[int]) -> tuple[Count, ...]:
    found = [Count(*each) for each in zip(values, labels, counts, strict=True) if each[2]]
    found.sort(key=lambda each: (-each.incidents, each.value))
    return tuple(found[:_MOST_VALUES])
