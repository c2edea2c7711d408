from __future__ import annotations

import sqlite3
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
