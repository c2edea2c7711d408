"""A floor at scale: a case of a million incidents and a hundred million events, and how long one waits for its pages.

Run: ``.venv/bin/python bench/floor.py`` (some 10 GB of disk, some 10 minutes, most of them for making the case; it is
removed at the end, ``--keep DIR`` keeps it for the next run). ``--incidents`` and ``--events`` make a smaller one.

The case is written straight into the real tables and Parquet files, in bounded memory. Of each question the median and
the 95th percentile are printed, in milliseconds; the goal is 200 at the 95th.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from pollwatch.clock import ManualClock, SystemClock, monotonic_s
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.detection import Severity
from pollwatch.incidents.eventsql import EventSql
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.inboxquery import SORTS, Question
from pollwatch.incidents.packing import pack
from pollwatch.incidents.records import Case
from pollwatch.incidents.scanned import ScannedInput

_WEB: Final = LogSource("webserver")
_START_US: Final = 1_790_000_000_000_000
_INPUT_LINES: Final = 1_000_000
_BATCH: Final = 65_536
_TOGETHER: Final = 10_000
_STATUSES: Final = ("open", "open", "open", "acknowledged", "closed", "false-positive")
_PHASES: Final = ("", "registration", "campaign", "voting", "results-night", "after")
_WORDS: Final = ("Passwords guessed", "Database asked through a form", "Page altered", "Doors looked", "Mail copied")
_GIB: Final = 1 << 30


def make(root: Path, incidents: int, events: int) -> None:
    """Make the case."""
    with Case.open(root, ManualClock(_START_US)) as case:
        inputs = max(1, events // _INPUT_LINES)
        begun = monotonic_s()
        _make_events(case, inputs, min(events, _INPUT_LINES))
        print(f"{events:,} events: {monotonic_s() - begun:.0f} s, {_size(root / 'events') / _GIB:.1f} GiB")
    begun = monotonic_s()
    with closing(sqlite3.connect(root / "case.sqlite", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        terms = _Terms(database)
        for at in range(0, incidents, _TOGETHER):
            database.execute("BEGIN")
            many = min(_TOGETHER, incidents - at)
            _make_incidents(terms, database, at, many, incidents, inputs, min(events, _INPUT_LINES))
            database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (root / "case.sqlite").stat().st_size
    print(f"{incidents:,} incidents: {monotonic_s() - begun:.0f} s, {size / _GIB:.1f} GiB")


def _make_events(case: Case, inputs: int, lines: int) -> None:
    rng = np.random.default_rng(1)
    addresses = pa.array([f"198.51.{n // 250 % 250}.{n % 250}" for n in range(20_000)])
    stems = pa.array([f"/page/{n}/{n * 7919 % 1000}.html" for n in range(5000)])
    queries = pa.array([f"id={n}&session={n * 104729:x}" for n in range(20_000)])
    agents = pa.array([f"Mozilla/5.0 (X11; rv:{n}.0) Gecko/20100101 Firefox/{n}.0" for n in range(300)])
    for at in range(inputs):
        path = f"/var/log/web/{at:04d}.log"
        with case.scanning() as intake:
            for first in range(1, lines + 1, _BATCH):
                many = min(_BATCH, lines + 1 - first)
                table = pa.table(
                    {
                        "time_us": pa.array(_START_US + (at * lines + np.arange(first, first + many)) * 10_000),
                        "number": pa.array(np.arange(first, first + many)),
                        "c-ip": addresses.take(pa.array(rng.integers(0, 20_000, many))),
                        "cs-method": pa.array(np.where(rng.random(many) < 0.1, "POST", "GET")),
                        "cs-uri-stem": stems.take(pa.array(rng.integers(0, 5000, many))),
                        "cs-uri-query": queries.take(pa.array(rng.integers(0, 20_000, many))),
                        "sc-status": pa.array(rng.choice([200, 200, 200, 304, 404, 500], many)),
                        "sc-bytes": pa.array(rng.integers(200, 60_000, many)),
                        "cs-user-agent": agents.take(pa.array(rng.integers(0, 300, many))),
                    }
                )
                intake.add_events(EventBatch(_WEB, path, table))
            spoken = (_START_US + at * lines * 10_000, _START_US + (at + 1) * lines * 10_000)
            scanned = ScannedInput(path, f"{at:064x}", lines * 200, "weblog", lines, lines, 0, *spoken)
            intake.commit([scanned], [], [])


def _make_incidents(
    terms: _Terms, database: sqlite3.Connection, first: int, many: int, total: int, inputs: int, lines: int
) -> None:
    """Some incidents, each with a detection, three lines and two samples, and what the inbox finds them by."""
    rng = np.random.default_rng(first + 2)
    draws = rng.integers(0, 1 << 30, (many, 12)).tolist()
    tables: dict[str, list[tuple[object, ...]]] = {name: [] for name in _INSERTS}
    for offset, d in enumerate(draws):
        number, at = first + offset + 1, (first + offset) * inputs // total
        line = 1 + d[0] % (lines - 200)
        when = _START_US + (at * lines + line) * 10_000
        severity, status = d[1] % 5, _STATUSES[d[2] % 6]
        ip, user = f"203.{d[3] % 250}.{d[4] % 250}.{d[5] % 20}", f"user{d[6] % 50_000}"
        asset, rule, technique = f"host{d[7] % 200}.example", f"rule-{d[8] % 60:02d}", f"T1{d[9] % 40:03d}"
        title = _WORDS[d[10] % 5]
        body = (
            f'{{"title":"{title}","summary":"{ip} tried {d[11] % 5000} times to get into {asset} as {user}, in vain.",'
            f'"why":["Rule {rule} fired on 3 lines of one address within a minute.","The account {user} was named."],'
            f'"phases":[{{"name":"{title}","technique":"{technique}","tactic":"credential-access",'
            f'"first_us":{when},"last_us":{when + 60_000_000},"lines":3}}],"techniques":["{technique}"],'
            f'"tactics":["credential-access"],"tools":[],"actors":{{"ip":["{ip}"],"user":["{user}"],"host":[],"domain":[]}},'
            f'"targets":["{asset}"],"rules":[{{"id":"{rule}","title":"Rule {rule}","count":3}}],'
            f'"advice":["Look at the account.","Call its owner."],'
            f'"election":{{"election":"vote","phase":"{_PHASES[d[2] % 5]}","priority":{1 + d[3] % 5}}}}}'
        )
        name = f"PW-{number:010d}"
        numbers = pack(np.array([line, line + 7, line + 150]))
        tables["incidents"].append((name, severity, status, when, when + 60_000_000, 3, body, when, when))
        tables["incident_lines"].append((name, at + 1, numbers))
        for position in range(2):
            text = f'{ip} - {user} [01/Nov/2026:10:00:00 +0000] "POST /login?next={position} HTTP/1.1" 401 532'
            tables["incident_samples"].append((name, at + 1, line + 7 * position, position, text))
        found = (
            f'{{"rule_id":"{rule}","title":"Rule {rule}","techniques":["{technique}"],"actors":{{"ip":["{ip}"],'
            f'"user":["{user}"],"host":[],"domain":[]}},"targets":["{asset}"],"why":"3 failures","logsource":'
            f'{{"category":"webserver","product":"","service":""}},"tool":"","succeeded":false,"meaning":"","steps":[]}}'
        )
        tables["detections"].append((f"{number:064x}", severity, when, when + 60_000_000, found))
        tables["detection_lines"].append((f"{number:064x}", at + 1, numbers))
        for kind, value in (("ip", ip), ("user", user), ("asset", asset), ("rule", rule), ("technique", technique)):
            tables["incident_keys"].append((terms.id_of(kind, value), number))
        tables["incident_text"].append((number, f"{name}\n{title}\n{ip}\n{user}\n{asset}\n{rule}\n{technique}"))
    for table, statement in _INSERTS.items():
        database.executemany(statement, tables[table])


_INSERTS: Final = {
    "incidents": "INSERT INTO incidents (id, severity, status, first_us, last_us, line_count, body, created_us,"
    " updated_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "incident_lines": "INSERT INTO incident_lines (incident_id, input_id, numbers) VALUES (?, ?, ?)",
    "incident_samples": "INSERT INTO incident_samples (incident_id, input_id, number, position, text)"
    " VALUES (?, ?, ?, ?, ?)",
    "detections": "INSERT INTO detections (id, severity, first_us, last_us, body) VALUES (?, ?, ?, ?, ?)",
    "detection_lines": "INSERT INTO detection_lines (detection_id, input_id, numbers) VALUES (?, ?, ?)",
    "incident_keys": "INSERT INTO incident_keys (term, number) VALUES (?, ?)",
    "incident_text": "INSERT INTO incident_text (rowid, words) VALUES (?, ?)",
}


class _Terms:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._known: dict[tuple[str, str], int] = {}

    def id_of(self, kind: str, value: str) -> int:
        found = self._known.get((kind, value))
        if found is None:
            found = self._known[kind, value] = len(self._known) + 1
            self._database.execute("INSERT INTO incident_terms VALUES (?, ?, ?, '')", (found, kind, value))
        return found


def measure(root: Path, turns: int) -> None:
    """Ask, and print how long it took."""
    rng = np.random.default_rng(7)
    with Inbox.open(root) as inbox, Case.open(root, SystemClock(), create=False) as case:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = monotonic_s()
        total = inbox.count(Question())
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"the first question, which reads the columns: {monotonic_s() - begun:.1f} s, {grown:.0f} MiB")
        ids = [f"PW-{each:010d}" for each in rng.integers(1, total + 1, turns)]
        for name, ask in _questions(inbox, case, ids):
            _timed(name, turns, ask)
    with EventSql.open(root) as events:
        sql = (
            "SELECT \"c-ip\", count(*) n FROM webserver WHERE time BETWEEN TIMESTAMP '2026-09-21 14:20:00'"
            " AND TIMESTAMP '2026-09-21 15:20:00' GROUP BY 1 ORDER BY n DESC LIMIT 10"
        )
        _timed("SQL: one hour, who asked most", 3, lambda _turn: events.ask(sql))


def _questions(inbox: Inbox, case: Case, ids: list[str]) -> Iterator[tuple[str, Callable[[int], object]]]:
    def severities(turn: int) -> Question:
        return Question(severities=(Severity(turn % 5),), statuses=(_STATUSES[turn % 6],))  # type: ignore[arg-type]

    def rare(turn: int) -> Question:
        return Question(
            statuses=("acknowledged",), assets=(f"host{turn}.example",), rules=("rule-07",), techniques=("T1011",)
        )

    cursors: dict[str, str | None] = {}

    def later(turn: int) -> object:
        sort = SORTS[turn % 3]
        page = inbox.page(Question(), sort, cursor=cursors.get(sort))
        cursors[sort] = page.next
        return page

    def lines(turn: int) -> object:
        return [batch.table.num_rows for batch in case.events_at(case.incident(ids[turn]).lines)]

    yield "page: the first", lambda turn: inbox.page(Question(), SORTS[turn % 3])
    yield "page: the next", later
    yield "page: severity and status", lambda turn: inbox.page(severities(turn), SORTS[turn % 3])
    yield "page: four filters, few incidents", lambda turn: inbox.page(rare(turn))
    yield (
        "page: one hour",
        lambda turn: inbox.page(
            Question(since_us=_START_US + turn * 3_600_000_000, until_us=_START_US + (turn + 1) * 3_600_000_000)
        ),
    )
    yield "page: an address", lambda turn: inbox.page(Question(actors=(f"203.{turn}.7.7",)))
    yield "page: words, few incidents", lambda turn: inbox.page(Question(text=f"203.7.{turn}"))
    yield "page: words, a fifth of all", lambda turn: inbox.page(Question(text=f"altered {'abcdefgh'[turn % 8]}"[:7]))
    yield "counts of all properties", lambda _turn: inbox.facets(Question())
    yield "counts, filtered", lambda turn: inbox.facets(severities(turn))
    yield "incident: by id", lambda turn: case.incident(ids[turn])
    yield "incident: its history", lambda turn: case.history(ids[turn])
    yield "incident: related ones", lambda turn: inbox.related(ids[turn])
    yield "incident: events of its lines", lines
    yield "changes since", lambda turn: inbox.changes(turn * 1000, rows=100)
    yield "a state is set", lambda turn: case.set_status(ids[turn], _STATUSES[(turn + 2) % 6], "eva")  # type: ignore[arg-type]

    def after(turn: int) -> object:
        case.add_note(ids[turn], "eva", "seen")
        begun = monotonic_s()
        inbox.page(Question())
        return monotonic_s() - begun

    yield "page: after a change", after


def _timed(name: str, turns: int, ask: Callable[[int], object]) -> None:
    took = []
    for turn in range(turns):
        begun = monotonic_s()
        answer = ask(turn)
        took.append(answer if isinstance(answer, float) else monotonic_s() - begun)
    median, high = np.percentile(np.array(took) * 1000, [50, 95])
    print(f"{name:<36} {median:9.1f} {high:9.1f}", flush=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    needed = given.incidents * 6000 + given.events * 60
    room = Path(given.keep.parent if given.keep else tempfile.gettempdir())
    if shutil.disk_usage(room).free < 2 * needed:
        raise SystemExit(f"this takes {needed / _GIB:.0f} GiB, and twice that should be free in {room}")
    root = given.keep or Path(tempfile.mkdtemp(prefix="pollwatch-floor-")) / "case"
    try:
        if not root.exists():
            make(root, given.incidents, given.events)
        print(f"{'':<36} {'median ms':>9} {'p95 ms':>9}")
        measure(root, given.turns)
    finally:
        if given.keep is None:
            shutil.rmtree(root.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
