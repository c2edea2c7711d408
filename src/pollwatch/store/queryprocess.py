"""The process in which one SQL question runs: reads the request from stdin, writes the answer to stdout, ends.

See :mod:`pollwatch.store.query` for what it may do. The statement is somebody else's; everything before
:func:`_confine` is ours.
"""

from __future__ import annotations

import datetime as dt
import os
import resource
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pollwatch.store.querytalk import Reply, Request, Value

if TYPE_CHECKING:
    import duckdb

#: What Python and the engine's code take of the address space, beside what the engine may use.
_OWN_BYTES: Final = 3 << 30
_THREADS: Final = 2
#: Beyond, JSON's readers lose digits.
_MOST_INTEGER: Final = 1 << 53
_MOST_CHARACTERS: Final = 20_000
#: The column with the name of a row's file; a name that no log has.
_FILE: Final = "\u2063file"


def main() -> None:
    """See the module."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    sys.stdout.buffer.write(msgspec.json.encode(_answer(request)))


def _answer(request: Request) -> Reply:
    try:
        import duckdb  # noqa: PLC0415 - heavy; only here
    except ImportError:
        return Reply(error="SQL over events needs DuckDB; `pip install 'pollwatch[console]'` brings it")
    try:
        connection = opened(request)
        _confine(request)
        return answered(connection, request)
    except (duckdb.OutOfMemoryException, MemoryError):
        return Reply(error="the question needs more memory than it may have; narrow it")
    except (duckdb.Error, ValueError, RuntimeError) as error:
        return Reply(error=str(error)[:2000])


def opened(request: Request) -> duckdb.DuckDBPyConnection:
    """An engine in memory that sees the listed files, through views, and nothing else."""
    import duckdb  # noqa: PLC0415

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
        "temp_directory": "",
        "threads": str(_THREADS),
        "memory_limit": f"{request.memory_bytes}B",
    }
    connection = duckdb.connect(":memory:", config=config)
    files = [path for table in request.tables.values() for path in table]
    connection.execute(f"SET allowed_paths = {_list(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET TimeZone = 'UTC'")
    for name, table in request.tables.items():
        connection.execute(_view(name, table))
    connection.execute("SET lock_configuration = true")
    return connection


def _view(name: str, files: Mapping[str, str]) -> str:
    """A view over files; each has the columns that any of them has, before them its time and its input."""
    paths, inputs = _list(files), _list(files.values())
    return (
        f"CREATE VIEW {_name(name)} AS SELECT make_timestamp(time_us) AS time,"  # noqa: S608 - quoted
        f" MAP({paths}, {inputs})[{_name(_FILE)}] AS input, * EXCLUDE ({_name(_FILE)})"
        f" FROM read_parquet({paths}, union_by_name = true, filename = {_text(_FILE)})"
    )


def _confine(request: Request) -> None:
    """Give up what the statement must not have."""
    with suppress(OSError):  # not Linux, or not allowed: the other limits stand
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    seconds = int(request.seconds) + 1
    # The parent kills at the deadline; where it died before that, this ends the process all the same.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds * _THREADS, seconds * _THREADS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (request.memory_bytes + _OWN_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.setpriority(os.PRIO_PROCESS, 0, 10)


def answered(connection: duckdb.DuckDBPyConnection, request: Request) -> Reply:
    """The rows of the statement.

    Raises:
        ValueError: it is no single SELECT.
        duckdb.Error: the engine does not understand it, or does not allow it.
    """
    _check(request.sql)
    # A relation of the statement, not the statement with words around it: nothing can break out of it.
    return _rows(connection.sql(request.sql), request.rows, request.bytes)


def _check(sql: str) -> None:
    """One statement, and it reads.

    Raises:
        ValueError: something else.
    """
    import duckdb  # noqa: PLC0415

    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise ValueError(f"write one statement; these are {len(statements)}")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise ValueError("only SELECT is allowed here: nothing can be changed, loaded or written")


def _rows(relation: duckdb.DuckDBPyRelation, most_rows: int, most_bytes: int) -> Reply:
    found = relation.limit(most_rows + 1).fetchall()
    rows: list[list[Value]] = []
    size = 0
    for row in found:
        rows.append([_value(each) for each in row])
        size += sum(len(each) if isinstance(each, str) else 8 for each in rows[-1])
        if size > most_bytes:
            break
    return Reply(
        list(relation.columns),
        [str(each) for each in relation.types],
        rows[:most_rows],
        len(rows) > most_rows or len(rows) < len(found),
    )


def _value(value: object) -> Value:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -_MOST_INTEGER <= value <= _MOST_INTEGER:
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has no NaN and no infinity
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value[: _MOST_CHARACTERS // 2].hex()
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


if __name__ == "__main__":
    main()
