"""The inbox's columns in memory: a few bytes an incident, so that any filter, order and count is a pass over arrays.

A million incidents are some 100 MB and seconds to read; asking them is milliseconds, whatever is asked together with
whatever. An index per filter could not promise that: two filters that are each common and together rare would walk
all rows. Columns are immutable; :func:`refreshed` makes new ones from what changed since.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from pollwatch.errors import StoreError
from pollwatch.incidents.inboxquery import Sort
from pollwatch.incidents.workflow import STATUSES

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Terms that are held in memory too: there are few of each kind, and each is in many incidents.
HELD_KINDS: Final = ("asset", "rule", "technique")

_ROW: Final = np.dtype(
    [
        ("number", "i8"),
        ("first_us", "i8"),
        ("last_us", "i8"),
        ("timed", "?"),
        ("assignee", "i4"),
        ("phase", "i4"),
        ("severity", "i1"),
        ("status", "i1"),
        ("priority", "i1"),
        ("here", "?"),
    ]
)
_NAMES: Final = tuple(_ROW.names or ())
_TIME_BITS: Final = 56
_LATEST_US: Final = (1 << _TIME_BITS) - 1
_TOGETHER: Final = 500
_STATUS: Final = " ".join(f"WHEN '{status}' THEN {code}" for code, status in enumerate(STATUSES))
_CODED: Final = ("assignee", "phase")
#: What each field of :data:`_ROW` is; times and priorities within what a rank has room for, names as they are.
_PARTS: Final[Mapping[str, str]] = {
    "number": "x.number",
    "first_us": f"min(max(coalesce(x.first_us, 0), 0), {_LATEST_US})",
    "last_us": f"min(max(coalesce(x.last_us, 0), 0), {_LATEST_US})",
    "timed": "x.first_us IS NOT NULL",
    "assignee": "x.assignee",
    "phase": "x.phase",
    "severity": "min(max(x.severity, 0), 7)",
    "status": f"CASE x.status {_STATUS} END",
    "priority": "min(max(x.priority, 0), 7)",
    "here": "1",
}
_TIMES: Final = ("first_us", "last_us")
_WIDE: Final = ("number", *_TIMES)
#: Fields of few values, with how many they have at most.
_SMALL: Final[Mapping[str, int]] = {"timed": 2, "severity": 8, "status": len(STATUSES), "priority": 8}
_FIELDS: Final = ", ".join(_PARTS[name] for name in _NAMES)


@dataclass(frozen=True, slots=True)
class Terms:
    """One kind of term: which incidents have which.

    Attributes:
        ids: the terms' ids in the case, ascending; the place in it is a term's code.
        values: by code.
        labels: what to call them, by code; empty = as they are.
        owners: positions of incidents, one for each pair of incident and term.
        codes: the term of each pair.
    """

    ids: Ints
    values: Sequence[str]
    labels: Sequence[str]
    owners: Ints
    codes: Ints

    def mask(self, wanted: Callable[[str], bool], size: int) -> Mask:
        """Which incidents have any of the wanted terms."""
        chosen = np.fromiter(map(wanted, self.values), dtype=bool, count=len(self.values))
        found = np.zeros(size, dtype=bool)
        found[self.owners[chosen[self.codes]]] = True
        return found

    def counts(self, mask: Mask) -> Ints:
        """How many of some incidents have each term, by code."""
        return np.bincount(self.codes[mask[self.owners]], minlength=len(self.values))


@dataclass(frozen=True, slots=True)
class Columns:
    """All incidents at one moment, in order of their numbers; those that were removed are not ``here``.

    Attributes:
        seq: the last change that is in it.
        rows: by name a column with one value per incident; ``timed`` says whether its times are known.
        names: what codes of ``assignee`` and ``phase`` stand for.
        terms: by kind.
    """

    seq: int
    rows: Mapping[str, npt.NDArray[Any]]
    names: Mapping[str, Sequence[str]]
    terms: Mapping[str, Terms]
    _ranks: dict[Sort, Ints] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """How many incidents, those that were removed included."""
        return int(self.rows["number"].size)

    def positions(self, numbers: Ints) -> Ints:
        """Where these numbers stand; those that are not here are left out."""
        known = self.rows["number"]
        at = known.searchsorted(numbers)
        within = at < known.size
        at, numbers = at[within], numbers[within]
        found: Ints = at[known[at] == numbers]
        return found

    def ranks(self, sort: Sort) -> Ints:
        """What to order by, smallest first; of equals the smaller number comes first."""
        found = self._ranks.get(sort)
        if found is None:
            found = self._ranks[sort] = self._ranked(sort)
        return found

    def _ranked(self, sort: Sort) -> Ints:
        first_us: Ints = self.rows["first_us"]
        grave: Ints = 4 - self.rows["severity"].astype(np.int64)
        pressing: Ints = self.rows["priority"].astype(np.int64)
        latest_first: Ints = _LATEST_US - self.rows["last_us"]
        if sort == "priority":
            return (pressing << (_TIME_BITS + 3)) | (grave << _TIME_BITS) | first_us
        if sort == "severity":
            return (grave << (_TIME_BITS + 3)) | (pressing << _TIME_BITS) | latest_first
        return latest_first


def load(connection: sa.Connection) -> Columns:
    """Read everything, in one view of the case."""
    seq = connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM incident_changes").scalar_one()
    try:
        names = {name: _distinct(connection, name) for name in _CODED}
        rows = _load_rows(connection, names)
    except sqlite3.Error as error:
        raise StoreError(f"the inbox cannot be read: {error}; is the case damaged?") from error
    terms = {kind: _load_terms(connection, kind, rows["number"]) for kind in HELD_KINDS}
    return Columns(int(seq), rows, names, terms)


def _distinct(connection: sa.Connection, column: str) -> list[str]:
    """The values of a column that has few; an index is asked for each next one where there is one."""
    found = _plain(connection, f"SELECT DISTINCT {column} FROM incident_index")  # noqa: S608 - our own words
    return [value for (value,) in found]


def _load_rows(connection: sa.Connection, names: Mapping[str, Sequence[str]]) -> dict[str, npt.NDArray[Any]]:
    """All rows, column by column: each is one text of numbers, which is read many times faster than a row each.

    What has few values stands in one number: writing numbers as text is most of the work.
    """
    parts, sizes, given = dict(_PARTS), dict(_SMALL), list[str]()
    parts |= {name: f"ifnull(x.{name}, 0)" for name in _TIMES}  # brought within limits below, all at once
    for name in _CODED:
        sizes[name] = max(1, len(names[name]))
        cases = " ".join(f"WHEN ? THEN {code}" for code in range(len(names[name])))
        parts[name] = f"CASE x.{name} {cases} END" if cases else "0"
        given += names[name]
    packed, weight = list[str](), 1
    for name in (*_CODED, *_SMALL):
        packed.append(f"({parts[name]}) * {weight}")
        weight *= sizes[name]
    lists = ", ".join(f"group_concat({each})" for each in (*(parts[name] for name in _WIDE), " + ".join(packed)))
    query = f"SELECT {lists} FROM incident_index x"  # noqa: S608 - our own words
    *wide, together = map(_listed, _plain(connection, query, given).fetchone())
    rows = dict(zip(_WIDE, wide, strict=True))
    if len({values.size for values in (*wide, together)}) != 1:
        raise StoreError("the inbox cannot be read: some incidents have no state; is the case damaged?")
    rows |= {name: np.clip(rows[name], 0, _LATEST_US) for name in _TIMES}
    for name in (*_CODED, *_SMALL):
        together, rows[name] = np.divmod(together, sizes[name])
    order = np.argsort(rows["number"], kind="stable")  # as a rule they come in order
    rows["here"] = np.ones(order.size, dtype=bool)
    return {name: np.ascontiguousarray(rows[name][order], dtype=_ROW[name]) for name in _NAMES}


def refreshed(columns: Columns, connection: sa.Connection) -> Columns:
    """The columns with what changed since; the same ones where nothing did."""
    query = (
        f"SELECT c.seq, c.number, {_FIELDS} FROM incident_changes c"  # noqa: S608 - our own words
        " LEFT JOIN incident_index x ON x.number = c.number WHERE c.seq > ? ORDER BY c.number"
    )
    changed = connection.exec_driver_sql(query, (columns.seq,)).all()
    if not changed:
        return columns
    codes = _Codes(columns.names)
    now = codes.records(row[2:] for row in changed if row[2] is not None)
    numbers = np.fromiter((row[1] for row in changed), dtype=np.int64)
    rows = _patched(columns, numbers, now)
    if rows is None:
        return load(connection)
    moved = Columns(max(row[0] for row in changed), rows, codes.names(), columns.terms)
    touched = np.zeros(moved.size, dtype=bool)
    touched[moved.positions(numbers)] = True
    pairs = _pairs(connection, now["number"])
    return Columns(
        moved.seq,
        rows,
        moved.names,
        {kind: _patched_terms(connection, kind, moved, touched, pairs) for kind in HELD_KINDS},
    )


def _patched(columns: Columns, changed: Ints, now: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]] | None:
    """The columns with these changed rows; None where one belongs between those that are known."""
    known = columns.rows["number"]
    last = int(known[-1]) if known.size else 0
    fresh, stayed = now[now["number"] > last], now[now["number"] <= last]
    at = columns.positions(stayed["number"])
    if at.size != stayed.size:
        return None
    rows = {name: np.concatenate([columns.rows[name], fresh[name]]) for name in _NAMES}
    rows["here"][columns.positions(changed)] = False
    for name in _NAMES:
        rows[name][at] = stayed[name]
    return rows


class _Codes:
    """Numbers for names, in order of appearance."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._codes = {field: {name: code for code, name in enumerate(each)} for field, each in names.items()}

    def names(self) -> dict[str, list[str]]:
        return {field: list(codes) for field, codes in self._codes.items()}

    def records(self, rows: Iterable[Sequence[Any]]) -> npt.NDArray[Any]:
        """Records of rows of :data:`_FIELDS`."""
        return np.fromiter(self._tuples(rows), dtype=_ROW)

    def _tuples(self, rows: Iterable[Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
        assignees, phases = self._codes["assignee"], self._codes["phase"]
        for number, first, last, timed, assignee, phase, *rest in rows:
            who = assignees.setdefault(assignee, len(assignees))
            yield (number, first, last, timed, who, phases.setdefault(phase, len(phases)), *rest)


def _plain(connection: sa.Connection, query: str, given: Sequence[object] = ()) -> sqlite3.Cursor:
    """Rows as plain tuples: of a million rows, wrapping them would take longer than reading them."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - as ``Database`` makes them
    return driver.execute(query, given)


def numbers_of(connection: sa.Connection, query: str, given: Sequence[object]) -> Ints:
    """The numbers that a query gives as one text (``group_concat``): a row each would take ten times longer."""
    return _listed(connection.exec_driver_sql(query, tuple(given)).scalar_one())


def _listed(text: str | None) -> Ints:
    return np.fromstring(text, np.int64, sep=",") if text else np.zeros(0, dtype=np.int64)


def _load_terms(connection: sa.Connection, kind: str, numbers: Ints) -> Terms:
    found = connection.exec_driver_sql(
        "SELECT id, value, label FROM incident_terms WHERE kind = ? ORDER BY id", (kind,)
    ).all()
    # In this order of tables each term's incidents are one stretch of the index; as one text each, they are read fast.
    query = (
        "SELECT t.id, group_concat(k.number) FROM incident_terms t CROSS JOIN incident_keys k ON k.term = t.id"
        " WHERE t.kind = ? GROUP BY t.id"
    )
    owners = {term: _listed(text) for term, text in connection.exec_driver_sql(query, (kind,))}
    ids = np.fromiter((row.id for row in found), dtype=np.int64)
    terms = np.fromiter(owners, dtype=np.int64)
    many = np.fromiter((each.size for each in owners.values()), dtype=np.int64)
    nothing = np.zeros(0, dtype=np.int64)
    return Terms(
        ids,
        [row.value for row in found],
        [row.label for row in found],
        _places(numbers, np.concatenate([nothing, *owners.values()])),
        np.repeat(ids.searchsorted(terms), many),
    )


def _places(numbers: Ints, wanted: Ints) -> Ints:
    """Where these numbers stand among all, or would stand; where none is missing there is nothing to search."""
    first = int(numbers[0]) if numbers.size else 0
    if numbers.size and int(numbers[-1]) - first == numbers.size - 1:
        return np.clip(wanted - first, 0, numbers.size)
    return numbers.searchsorted(wanted)


def _pairs(connection: sa.Connection, numbers: Ints) -> npt.NDArray[np.int64]:
    """``(number, term)`` of some incidents, a row each."""
    found: list[tuple[int, int]] = []
    wanted: list[int] = numbers.tolist()
    for at in range(0, len(wanted), _TOGETHER):
        some = tuple(wanted[at : at + _TOGETHER])
        marks = ", ".join("?" * len(some))
        query = f"SELECT number, term FROM incident_keys WHERE number IN ({marks})"  # noqa: S608 - only marks
        found += [(number, term) for number, term in connection.exec_driver_sql(query, some)]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _patched_terms(
    connection: sa.Connection, kind: str, columns: Columns, touched: Mask, pairs: npt.NDArray[np.int64]
) -> Terms:
    before = columns.terms[kind]
    last = int(before.ids[-1]) if before.ids.size else 0
    query = "SELECT id, value, label FROM incident_terms WHERE id > ? AND kind = ? ORDER BY id"
    fresh = connection.exec_driver_sql(query, (last, kind)).all()
    ids = np.concatenate([before.ids, np.fromiter((row.id for row in fresh), dtype=np.int64)])
    mine = pairs[np.isin(pairs[:, 1], ids)]
    stay = ~touched[before.owners]
    return Terms(
        ids,
        [*before.values, *(row.value for row in fresh)],
        [*before.labels, *(row.label for row in fresh)],
        np.concatenate([before.owners[stay], columns.rows["number"].searchsorted(mine[:, 0])]),
        np.concatenate([before.codes[stay], ids.searchsorted(mine[:, 1])]),
    )
