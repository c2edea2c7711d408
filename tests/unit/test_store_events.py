from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pollwatch.errors import StoreError
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.store.events import EventReader, EventWriter, folder_name, remove_leftovers

WEB = LogSource("webserver")
AUTH = LogSource("", "linux", "auth")


def _batch(first: int, count: int, logsource: LogSource = WEB, **columns: list[object]) -> EventBatch:
    numbers = pa.array(range(first, first + count), pa.int64())
    fields = {"time_us": pa.nulls(count, pa.int64()), "number": numbers} | {k: pa.array(v) for k, v in columns.items()}
    return EventBatch(logsource, "a.log", pa.table(fields))


def _written(root: Path, *batches: EventBatch, digest: str = "d1") -> EventReader:
    writer = EventWriter(root)
    for batch in batches:
        writer.add(batch)
    files = writer.publish("a.log", digest)
    writer.discard()
    return EventReader(root, "a.log", files)


def _rows(batches: list[EventBatch]) -> list[dict[str, object]]:
    return [row for batch in batches for row in batch.table.to_pylist()]


def test_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Columns, nulls, empty texts and order survive; each logsource has its own folder."""
    web = _batch(1, 3, **{"c-ip": ["192.0.2.1", None, ""]})
    auth = _batch(4, 2, AUTH, user=["root", "\x1b[31m"])
    reader = _written(tmp_path, web, auth)
    found = list(reader.batches())
    assert {batch.logsource for batch in found} == {WEB, AUTH}
    assert sorted(_rows(found), key=lambda row: row["number"]) == _rows([web, auth])
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet")) == [
        "_-linux-auth/d1-0000.parquet",
        "webserver-_-_/d1-0000.parquet",
    ]


def test_a_column_that_appears_later_is_null_before(tmp_path: Path) -> None:
    """An input whose batches gain and lose columns is read with all of them, in order."""
    reader = _written(
        tmp_path,
        _batch(1, 70_000),
        _batch(70_001, 70_000, extra=["x"] * 70_000),
        _batch(140_001, 70_000),
    )
    batches = list(reader.batches())
    numbers = [row for batch in batches for row in batch.table["number"].to_pylist()]
    assert numbers == list(range(1, 210_001))
    last = batches[-1].table
    assert last["extra"].null_count == last.num_rows


def test_columns_that_differ_in_type_become_text(tmp_path: Path) -> None:
    """A field that is a number here and a word there loses neither."""
    reader = _written(tmp_path, _batch(1, 2, status=[200, None]), _batch(3, 1, status=["weird"]))
    assert [row["status"] for row in _rows(list(reader.batches()))] == ["200", None, "weird"]


def test_events_are_found_by_their_line_numbers(tmp_path: Path) -> None:
    """Only the wanted lines come back, also from several row groups; numbers without an event give nothing."""
    reader = _written(tmp_path, *(_batch(first, 30_000) for first in range(1, 180_001, 30_000)))
    wanted = np.array([2, 65_536, 65_537, 150_000, 999_999], dtype=np.int64)
    assert [row["number"] for row in _rows(list(reader.at(wanted)))] == [2, 65_536, 65_537, 150_000]


def test_the_same_content_makes_the_same_files(tmp_path: Path) -> None:
    """Writing an input twice is writing it once: same names, same bytes."""
    _written(tmp_path, _batch(1, 10))
    first = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    _written(tmp_path, _batch(1, 10))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == first


def test_what_is_not_listed_is_removed(tmp_path: Path) -> None:
    """Leftovers of a writer that died go, whole or half; files that the case lists stay."""
    _written(tmp_path, _batch(1, 1), digest="kept")
    _written(tmp_path, _batch(1, 1), digest="left")
    EventWriter(tmp_path).add(_batch(1, 70_000))
    remove_leftovers(tmp_path, ["webserver-_-_/kept-0000.parquet"])
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["kept-0000.parquet"]


def test_hostile_logsource_names_stay_inside_the_folder() -> None:
    """A logsource that a log names itself cannot climb out of the case (path traversal)."""
    assert folder_name(LogSource("../../etc", "/", "x\0")).startswith("other-")
    assert folder_name(LogSource("a", "b-c", "")) != folder_name(LogSource("a-b", "c", ""))


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    """Reading says which file it was and what to do."""
    reader = _written(tmp_path, _batch(1, 10))
    (file,) = tmp_path.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(StoreError, match=r"d1-0000\.parquet"):
        list(reader.batches())
    file.unlink()
    with pytest.raises(StoreError, match="missing"):
        list(reader.batches())
