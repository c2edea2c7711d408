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
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import floorhttp
import numpy as np
import pyarrow as pa
from timing import timed

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
_PLACES: Final = 1000
_FILL: Final = Path(__file__).with_suffix(".sql")
_STATUSES: Final = ("open", "open", "open", "acknowledged", "closed", "false-positive")
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
        _make_incidents(database, incidents, inputs, min(events, _INPUT_LINES))
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


def _make_incidents(database: sqlite3.Connection, incidents: int, inputs: int, lines: int) -> None:
    triggers = database.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'incidents'"
    ).fetchall()
    step = (lines - 200) // _PLACES
    given = {"incidents": incidents, "inputs": inputs, "lines": lines, "start": _START_US, "step": step}
    for pragma in ("synchronous = OFF", "cache_size = -1000000", "foreign_keys = OFF", "temp_store = FILE"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("BEGIN")
    # What the triggers would write is written below, at once.
    for name, _statement in triggers:
        database.execute(f"DROP TRIGGER {name}")
    database.execute("CREATE TEMP TABLE places (number INTEGER PRIMARY KEY, numbers BLOB)")
    packed = ((n, pack(np.array([1, 8, 151]) + n * step)) for n in range(_PLACES))
    database.executemany("INSERT INTO places VALUES (?, ?)", packed)
    for statement in _FILL.read_text(encoding="utf-8").split(";\n\n"):
        database.execute(statement, given)
    for _name, statement in triggers:
        database.execute(statement)
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def measure(root: Path, turns: int) -> None:
    """Ask, and print how long it took."""
    rng = np.random.default_rng(7)
    with Inbox.open(root) as inbox, Case.open(root, SystemClock(), create=False) as case:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun, begun_cpu = monotonic_s(), time.process_time()
        total = inbox.count(Question())
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        spent = f"{monotonic_s() - begun:.1f} s, {time.process_time() - begun_cpu:.1f} s of CPU, {grown:.0f} MiB"
        print(f"the first question, which reads the columns: {spent}")
        ids = [f"PW-{each:010d}" for each in rng.integers(1, total + 1, turns)]
        for name, ask in _questions(inbox, case, ids):
            timed(name, turns, ask)
    floorhttp.measure(root, turns, ids)
    with EventSql.open(root) as events:
        since = _START_US + 50_000_000 * 10_000
        template = 'SELECT "c-ip", count(*) FROM webserver WHERE time_us BETWEEN {} AND {} GROUP BY 1 ORDER BY 2 DESC'
        sql = template.format(since, since + 3_600_000_000)
        timed("SQL: one hour, who asked most", 3, lambda _turn: events.ask(sql))


def _questions(inbox: Inbox, case: Case, ids: list[str]) -> Iterator[tuple[str, Callable[[int], object]]]:
    def severities(turn: int) -> Question:
        return Question(severities=(Severity(turn % 5),), statuses=(_STATUSES[turn % 6],))

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
    yield "page: words, a fifth of all", lambda turn: inbox.page(Question(text=("altered", "Altered")[turn % 2]))
    yield "counts of all properties", lambda _turn: inbox.facets(Question())
    yield "counts, filtered", lambda turn: inbox.facets(severities(turn))
    yield "incident: by id", lambda turn: case.incident(ids[turn])
    yield "incident: its history", lambda turn: case.history(ids[turn])
    yield "incident: related ones", lambda turn: inbox.related(ids[turn])
    yield "incident: events of its lines", lines
    yield "changes since", lambda turn: inbox.changes(turn * 1000, rows=100)
    yield "a state is set", lambda turn: case.set_status(ids[turn], _STATUSES[(turn + 2) % 6], "eva")

    def after(turn: int) -> object:
        case.add_note(ids[turn], "eva", "seen")
        begun = monotonic_s()
        inbox.page(Question())
        return monotonic_s() - begun

    yield "page: after a change", after


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
        if not (root / "case.sqlite").exists():
            make(root, given.incidents, given.events)
        print(f"{'':<36}{'median ms':>10}{'p95 ms':>10}{'CPU median':>10}{'CPU p95':>10}")
        measure(root, given.turns)
    finally:
        if given.keep is None:
            shutil.rmtree(root.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
