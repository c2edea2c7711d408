"""The store of indicators: one SQLite file of the inside node, which only ever grows.

Reports, retractions and decisions are added and never changed, so that who said what, and who decided what on that
ground, can be shown later. Where an indicator stands follows from them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pollwatch import canonical
from pollwatch.errors import PolicyError
from pollwatch.events.observable import Kind, Observable
from pollwatch.members.marking import Tlp
from pollwatch.sharing import database
from pollwatch.sharing.indicators.indicator import Act, Decision, Indicator, Origin, Report, Source, indicator_id

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS indicators (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL, first_us INTEGER NOT NULL,
    UNIQUE (kind, value)) STRICT;
CREATE TABLE IF NOT EXISTS reports (
    number INTEGER PRIMARY KEY AUTOINCREMENT, indicator TEXT NOT NULL REFERENCES indicators, source TEXT NOT NULL,
    origin TEXT NOT NULL, bloc TEXT NOT NULL, signed INTEGER NOT NULL, object_id TEXT NOT NULL, version TEXT NOT NULL,
    sha256 TEXT NOT NULL, tlp TEXT NOT NULL, observed_us INTEGER NOT NULL, until_us INTEGER,
    received_us INTEGER NOT NULL, confidence INTEGER, text TEXT NOT NULL, seen INTEGER NOT NULL,
    warnings TEXT NOT NULL,
    UNIQUE (indicator, source, origin, object_id, sha256)) STRICT;
CREATE INDEX IF NOT EXISTS reports_of ON reports (indicator);
CREATE INDEX IF NOT EXISTS reports_named ON reports (object_id, source);
CREATE TABLE IF NOT EXISTS retractions (
    source TEXT NOT NULL, object_id TEXT NOT NULL, at_us INTEGER NOT NULL, sha256 TEXT NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (source, object_id)) STRICT;
CREATE TABLE IF NOT EXISTS decisions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, indicator TEXT NOT NULL REFERENCES indicators, act TEXT NOT NULL,
    who TEXT NOT NULL, reason TEXT NOT NULL, at_us INTEGER NOT NULL, entry INTEGER, warnings TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS decisions_of ON decisions (indicator);
CREATE TABLE IF NOT EXISTS hunts (
    indicator TEXT NOT NULL REFERENCES indicators, at_us INTEGER NOT NULL, lines INTEGER NOT NULL,
    entry INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS hunts_of ON hunts (indicator);
CREATE TRIGGER IF NOT EXISTS reports_stay BEFORE UPDATE ON reports
    BEGIN SELECT RAISE(ABORT, 'a report is never changed; its source supersedes or retracts it'); END;
CREATE TRIGGER IF NOT EXISTS reports_remain BEFORE DELETE ON reports
    BEGIN SELECT RAISE(ABORT, 'a report is never removed'); END;
CREATE TRIGGER IF NOT EXISTS decisions_stay BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed; decide again'); END;
CREATE TRIGGER IF NOT EXISTS decisions_remain BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'a decision is never removed'); END;
"""
#: All reports, each with when it was taken back or superseded by a later version of its object.
_REPORTS: Final = """
SELECT r.indicator, r.source, r.origin, r.bloc, r.signed, r.object_id, r.version, r.sha256, r.tlp, r.observed_us,
    r.until_us, r.received_us, r.confidence, r.text, r.seen, r.warnings,
    coalesce(t.at_us, (
        SELECT min(n.received_us) FROM reports n WHERE n.source = r.source AND n.object_id = r.object_id
        AND n.origin = r.origin AND n.version > r.version))
FROM reports r LEFT JOIN retractions t USING (source, object_id)
"""
_INSERT: Final = """
INSERT OR IGNORE INTO reports (indicator, source, origin, bloc, signed, object_id, version, sha256, tlp, observed_us,
    until_us, received_us, confidence, text, seen, warnings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Reported:
    """A report with the warning lists that name what it is about."""

    report: Report
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding reports.

    Attributes:
        fresh: ids of indicators that were not known before.
        again: ids of known ones about which something new was said.
        moved: ids of those from which a later version of an object moved away, to name something else.
        unchanged: how many reports said what was known already.
    """

    fresh: tuple[str, ...]
    again: tuple[str, ...]
    moved: tuple[str, ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class Retraction:
    """That a source took an object back.

    Attributes:
        source: its name.
        object_id: what it took back.
        at_us: when that reached us.
        sha256: of the retraction as it was signed, in hex; empty where it came unsigned.
        reason: the source's words.
    """

    source: str
    object_id: str
    at_us: int
    sha256: str
    reason: str


class IndicatorStore:
    """The indicators of one member. Safe to use from several processes."""

    def __init__(self, path: Path) -> None:
        """Use the file at this path; it is made when needed."""
        self._path = path

    def add(self, reported: Iterable[Reported]) -> Added:
        """Keep what was reported; the same report twice is kept once."""
        fresh: dict[str, None] = {}
        again: dict[str, None] = {}
        kept: list[Report] = []
        unchanged = 0
        with database.opened(self._path, _SCHEMA) as opened:
            for each in reported:
                identifier = indicator_id(each.report.observable)
                made = opened.execute(
                    "INSERT OR IGNORE INTO indicators VALUES (?, ?, ?, ?)",
                    (identifier, *_named(each.report.observable), each.report.received_us),
                )
                if made.rowcount:
                    fresh[identifier] = None
                if not _insert(opened, identifier, each):
                    unchanged += 1
                    continue
                if identifier not in fresh:
                    again[identifier] = None
                kept.append(each.report)
            moved = dict.fromkeys(left for report in kept for left in _left(opened, report))
        return Added(tuple(fresh), tuple(again), tuple(moved), unchanged)

    def retract(self, retraction: Retraction) -> tuple[str, ...]:
        """Note that a source took an object back; for good, also if a report of it comes later.

        Returns:
            The ids of the indicators that rested on it, the first time; nothing when asked again.
        """
        with database.opened(self._path, _SCHEMA) as opened:
            values = (retraction.source, retraction.object_id, retraction.at_us, retraction.sha256, retraction.reason)
            if not opened.execute("INSERT OR IGNORE INTO retractions VALUES (?, ?, ?, ?, ?)", values).rowcount:
                return ()
            rows = opened.execute(
                "SELECT DISTINCT indicator FROM reports WHERE source = ? AND object_id = ?",
                (retraction.source, retraction.object_id),
            )
            return tuple(row[0] for row in rows)

    def named(self, object_id: str) -> tuple[str, ...]:
        """The ids of the indicators that an object of this id is or was about, whoever its source."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute("SELECT DISTINCT indicator FROM reports WHERE object_id = ?", (object_id,))
            return tuple(row[0] for row in rows)

    def retractions(self) -> tuple[Retraction, ...]:
        """Every retraction that reached us, oldest first."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute(
                "SELECT source, object_id, at_us, sha256, reason FROM retractions ORDER BY at_us, object_id"
            ).fetchall()
        return tuple(Retraction(*row) for row in rows)

    def decide(self, ids: Iterable[str], decision: Decision) -> None:
        """Keep one decision about some indicators."""
        values = (
            decision.act.value, decision.who, decision.reason, decision.at_us, decision.entry,
            canonical.compact(list(decision.warnings)),
        )  # fmt: skip
        with database.opened(self._path, _SCHEMA) as opened:
            opened.executemany(
                "INSERT INTO decisions (indicator, act, who, reason, at_us, entry, warnings)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(identifier, *values) for identifier in ids],
            )

    def hunted(self, lines: Mapping[str, int], at_us: int, entry: int | None) -> None:
        """Note that the past was searched for some indicators.

        Args:
            lines: how many lines name each, by its id.
            at_us: when.
            entry: place of the entry in the private log.
        """
        with database.opened(self._path, _SCHEMA) as opened:
            opened.executemany(
                "INSERT INTO hunts VALUES (?, ?, ?, ?)",
                [(identifier, at_us, count, entry) for identifier, count in lines.items()],
            )

    def unhunted(self) -> tuple[str, ...]:
        """The ids of the indicators for which the past was not searched since they were last accepted."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute(
                "SELECT indicator FROM decisions d WHERE act = ? AND number = ("
                " SELECT max(number) FROM decisions WHERE indicator = d.indicator AND act IN (?, ?, ?))"
                " AND NOT EXISTS (SELECT 1 FROM hunts h WHERE h.indicator = d.indicator AND h.at_us >= d.at_us)",
                (Act.ACCEPT.value, Act.ACCEPT.value, Act.REJECT.value, Act.SUSPEND.value),
            ).fetchall()
        return tuple(row[0] for row in rows)

    def all(self) -> tuple[Indicator, ...]:
        """Every indicator, in the order in which they came."""
        with database.opened(self._path, _SCHEMA) as opened:
            return tuple(_assembled(opened, None))

    def of(self, ids: Sequence[str]) -> tuple[Indicator, ...]:
        """The indicators with these ids, in the order in which they came; unknown ids are left out."""
        found: list[Indicator] = []
        with database.opened(self._path, _SCHEMA) as opened:
            for at in range(0, len(ids), _BATCH):
                found += _assembled(opened, ids[at : at + _BATCH])
        return tuple(found)

    def get(self, name: str) -> Indicator:
        """An indicator by its id, the beginning of it, or the value it is about.

        Raises:
            PolicyError: there is none, or several fit.
        """
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute(
                "SELECT id FROM indicators WHERE value = ? OR (length(?) > 4 AND substr(id, 1, length(?)) = upper(?))",
                (name, name, name, name),
            ).fetchall()
        if len(rows) != 1:
            problem = "several indicators fit" if rows else "no indicator is"
            raise PolicyError(f"{problem} {name[:80]!r}; see: pollwatch indicators list")
        return self.of([rows[0][0]])[0]

    def released(self, before_us: int) -> tuple[Indicator, ...]:
        """The indicators that an analyst of ours has released for sharing and matching.

        Args:
            before_us: only those that were released at this time or before, and have not ended by it.

        Returns:
            Each with ``release`` (who, when, entry in the private log) set.
        """
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute("SELECT DISTINCT indicator FROM decisions WHERE act = ?", (Act.RELEASE.value,))
            ids = [row[0] for row in rows]
        return tuple(
            each
            for each in self.of(ids)
            if each.released_us is not None
            and each.released_us <= before_us
            and each.standing_reports
            and (each.until_us is None or each.until_us > before_us)
        )


def _named(observable: Observable) -> tuple[str, str]:
    return observable.kind.value, observable.value


def _left(opened: sqlite3.Connection, report: Report) -> list[str]:
    """The indicators that earlier versions of a report's object were about, and this one is not."""
    named = (report.source.name, report.object_id, report.version)
    rows = opened.execute(
        "SELECT DISTINCT indicator FROM reports WHERE source = ? AND object_id = ? AND version < ? AND indicator"
        " NOT IN (SELECT indicator FROM reports WHERE source = ? AND object_id = ? AND version = ?)",
        (*named, *named),
    )
    return [row[0] for row in rows]


def _insert(opened: sqlite3.Connection, identifier: str, each: Reported) -> bool:
    report = each.report
    values = (
        identifier, report.source.name, report.source.origin.value, report.source.bloc, report.signed,
        report.object_id, report.version, report.sha256, report.tlp.word, report.observed_us, report.until_us,
        report.received_us, report.confidence, report.text, report.seen, canonical.compact(list(each.warnings)),
    )  # fmt: skip
    return bool(opened.execute(_INSERT, values).rowcount)


def _assembled(opened: sqlite3.Connection, ids: Sequence[str] | None) -> Iterator[Indicator]:
    """Indicators with their reports and decisions: all of them, or those of some ids."""
    marks = "" if ids is None else f"({', '.join('?' * len(ids))})"
    chosen = () if ids is None else tuple(ids)
    where = "" if ids is None else f" WHERE id IN {marks}"
    named = opened.execute(
        f"SELECT id, kind, value, first_us FROM indicators{where} ORDER BY first_us, rowid",  # noqa: S608 - our words
        chosen,
    ).fetchall()
    observables = {row[0]: Observable(Kind(row[1]), row[2]) for row in named}
    reports: dict[str, list[Report]] = {}
    warnings: dict[str, tuple[str, ...]] = {}
    where = "" if ids is None else f" WHERE r.indicator IN {marks}"
    for row in opened.execute(f"{_REPORTS}{where} ORDER BY r.number", chosen):
        reports.setdefault(row[0], []).append(_report(observables[row[0]], row))
        warnings[row[0]] = tuple(json.loads(row[15]))
    decisions: dict[str, list[Decision]] = {}
    where = "" if ids is None else f" WHERE indicator IN {marks}"
    for indicator, act, who, reason, at_us, entry, lists in opened.execute(
        f"SELECT indicator, act, who, reason, at_us, entry, warnings FROM decisions{where}"  # noqa: S608 - our words
        " ORDER BY number",
        chosen,
    ):
        made = Decision(Act(act), who, reason, at_us, entry, tuple(json.loads(lists)))
        decisions.setdefault(indicator, []).append(made)
    for identifier, _kind, _value, first_us in named:
        yield Indicator(
            identifier,
            observables[identifier],
            first_us,
            tuple(reports.get(identifier, ())),
            tuple(decisions.get(identifier, ())),
            warnings.get(identifier, ()),
        )


def _report(observable: Observable, row: tuple[Any, ...]) -> Report:
    _indicator, source, origin, bloc, signed, object_id, version, sha256, tlp, *rest = row
    observed_us, until_us, received_us, confidence, text, seen, _warnings, gone_us = rest
    return Report(
        observable,
        Source(source, Origin(origin), bloc),
        bool(signed),
        object_id,
        version,
        sha256,
        Tlp.parse(tlp),
        observed_us,
        until_us,
        received_us,
        confidence,
        text,
        bool(seen),
        gone_us,
    )
