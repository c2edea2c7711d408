from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from case_scenes import START_US, open_case, scan
from pollwatch.errors import UsageError
from pollwatch.events.batch import LogSource
from pollwatch.incidents.eventsql import EventSql
from pollwatch.store import queryprocess
from pollwatch.store.query import EventTable, Limits, ask, table_name
from pollwatch.store.querytalk import Request

HOSTILE = (
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_parquet('/**/*.parquet')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM read_csv('https://example.org/x.csv')",
    "SELECT * FROM secret",
    "SELECT getenv('HOME')",
    "COPY (SELECT 1) TO '{there}/out.csv'",
    "COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{there}/out.csv''')",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{there}/out.csv'",
    "WITH x AS (COPY (SELECT 1) TO '{there}/out.csv') SELECT * FROM x",
    "EXPORT DATABASE '{there}/all'",
    "ATTACH '{there}/other.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "CALL pragma_version()",
    "CREATE TABLE mine AS SELECT 1",
    "DROP VIEW webserver",
    "SELECT 1; COPY (SELECT 1) TO '{there}/out.csv'",
    "SELECT 1) TO '{there}/out.csv' --",
    "PREPARE p AS SELECT 1",
    "",
    "-- nothing",
    "SELECT '\0",
)


@pytest.fixture
def table(tmp_path: Path) -> EventTable:
    """Two files of one logsource; the second lacks columns that the first has, one with a name that breaks quotes."""
    rows = pa.table(
        {
            "time_us": pa.array([START_US, None], pa.int64()),
            "number": pa.array([1, 2], pa.int64()),
            "cs-uri-query": ["id=1", "x' OR 1"],
            'a"b\u2063': ["q", None],
        }
    )
    paths = [tmp_path / "it's.parquet", tmp_path / "b.parquet"]
    pq.write_table(rows, paths[0])
    pq.write_table(rows.select(["time_us", "number", "cs-uri-query"]), paths[1])
    return EventTable("webserver", LogSource("webserver"), {paths[0]: "o'neill.log", paths[1]: "b.log"}, 4)


def test_statements_that_reach_for_more_are_refused(table: EventTable, tmp_path: Path) -> None:
    """SQL injection by an analyst: no file, network, setting or second statement is reached, and nothing is written."""
    secret = pa.table({"x": [1]})  # the engine's Python module would find it by its name
    files = {str(path): name for path, name in table.files.items()}
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    connection = queryprocess.opened(Request("", 5, 256 << 20, 10, 1 << 20, {"webserver": files}))
    for template in HOSTILE:
        sql = template.replace("{there}", str(tmp_path)).replace("{file}", next(iter(files)).replace("'", "''"))
        with pytest.raises((duckdb.Error, ValueError)):
            queryprocess.answered(connection, Request(sql, 5, 256 << 20, 10, 1 << 20, {}))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert secret.num_rows == 1
    # The same connection still answers what may be asked.
    assert queryprocess.answered(connection, Request("FROM webserver", 5, 1, 10, 1 << 20, {})).truncated is False


def test_events_are_asked_in_a_process_of_their_own(table: EventTable) -> None:
    """Columns keep their names, absent ones are null, time and input are there, and what is too much is cut off."""
    answer = ask([table], "SELECT * FROM webserver ORDER BY input, number", Limits(rows=3))
    assert answer.columns == ("time", "input", "time_us", "number", "cs-uri-query", 'a"b\u2063')
    assert answer.rows == (
        ("2026-11-03T10:00:00", "b.log", START_US, 1, "id=1", None),
        (None, "b.log", None, 2, "x' OR 1", None),
        ("2026-11-03T10:00:00", "o'neill.log", START_US, 1, "id=1", "q"),
    )
    assert answer.truncated
    with pytest.raises(UsageError, match=r"(?s)nope.*tables: webserver"):
        ask([table], "SELECT nope FROM webserver")


def test_a_question_that_takes_too_much_costs_itself_only(table: EventTable) -> None:
    """Denial of service: endless recursion, a cross join without end and a hoard of memory end in a clear error."""
    endless = "WITH RECURSIVE x AS (SELECT 1 a UNION ALL SELECT a + 1 FROM x) SELECT count(*) FROM x"
    with pytest.raises(UsageError, match=r"longer than 1\.5 seconds|more memory"):
        ask([table], endless, Limits(seconds=1.5))
    with pytest.raises(UsageError, match=r"more memory|longer"):
        ask([table], "SELECT list(i) FROM range(1000000000) t(i)", Limits(seconds=20, memory_bytes=64 << 20))
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(UsageError, match="given up"):
        ask([table], "SELECT count(*) FROM range(10000000) a, range(10000000) b", Limits(seconds=60), stop)


def test_a_case_is_asked_by_logsource(tmp_path: Path) -> None:
    """Each logsource of a case is a table, over all of its inputs."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["ann", "?"], "b.log": ["bob"]})
    with EventSql.open(tmp_path / "case") as events:
        assert [(each.name, each.rows) for each in events.tables()] == [("application", 2)]
        answer = events.ask("SELECT input, who FROM application ORDER BY 1")
        assert answer.rows == (("a.log", "ann"), ("b.log", "bob"))


def test_tables_are_named_by_their_logsource() -> None:
    """Names are plain words, whatever a logsource is called."""
    assert table_name(LogSource("process_creation", "windows")) == "process_creation_windows"
    assert table_name(LogSource("", "linux", "auth")) == "linux_auth"
    assert table_name(LogSource('x"; DROP', "é", "")) == "x___drop__"
    assert table_name(LogSource()) == "events"
