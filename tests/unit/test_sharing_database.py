from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pollwatch.errors import StoreError
from pollwatch.sharing import database


def test_what_was_only_begun_or_is_older_is_made_whole(tmp_path: Path) -> None:
    """A file in which a table and a trigger are missing (killed in between, or of an earlier version) gets both."""
    path = tmp_path / "record.sqlite"
    with database.opened(path, database.RECORD):
        pass
    with closing(sqlite3.connect(path)) as file:
        file.executescript("DROP TRIGGER disclosures_remain; DROP TABLE views;")
    with database.opened(path, database.RECORD) as opened:
        opened.execute("INSERT INTO views (origin, size, at_us, note) VALUES ('a', 1, 1, x'00')")
        opened.execute("INSERT INTO disclosures VALUES (1, 1, 'a', 'b', 'c', 'd', 'e', 'f', 'g', x'00', x'00', 1)")
    with pytest.raises(StoreError, match="only ever added to"), database.opened(path, database.RECORD) as opened:
        opened.execute("DELETE FROM disclosures")


def test_a_piece_of_work_opens_each_file_once(tmp_path: Path) -> None:
    """What a transaction wrote stands for everybody at its end, and others may write before the work ends."""
    path = tmp_path / "record.sqlite"
    add = "INSERT INTO views (origin, size, at_us, note) VALUES (?, 1, 1, x'00')"
    with database.kept_open():
        with database.opened(path, database.RECORD) as first:
            first.execute(add, ("a",))
        with closing(sqlite3.connect(path, timeout=0)) as other, other:
            assert other.execute("SELECT origin FROM views").fetchall() == [("a",)]
            other.execute(add, ("b",))
        with database.kept_open(), database.opened(path, database.RECORD) as second:
            assert second is first
            assert second.execute("SELECT origin FROM views ORDER BY number").fetchall() == [("a",), ("b",)]
        with pytest.raises(StoreError, match="syntax error"):
            _write_and_fail(path, add)
        with database.opened(path, database.RECORD) as third:
            assert third is not first
            assert third.execute("SELECT count(*) FROM views").fetchone() == (2,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        third.execute("SELECT 1")
    assert [each.name for each in tmp_path.iterdir()] == ["record.sqlite"]


def _write_and_fail(path: Path, add: str) -> None:
    with database.opened(path, database.RECORD) as failed:
        failed.execute(add, ("c",))
        failed.execute("no SQL")


def test_threads_share_no_connection(tmp_path: Path) -> None:
    """A thread that is no part of the piece of work opens the file for itself."""
    path = tmp_path / "record.sqlite"

    def other() -> sqlite3.Connection:
        with database.opened(path, database.RECORD) as found:
            return found

    with database.kept_open():
        with database.opened(path, database.RECORD) as ours:
            pass
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(other).result() is not ours
