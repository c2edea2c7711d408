from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from pollwatch import cache
from pollwatch.console.accounts import tables as accounttables
from pollwatch.errors import StoreError
from pollwatch.incidents import decisiontables, inboxtables, livetables, saved, tables
from pollwatch.notify import tables as notifytables
from pollwatch.store import migrations
from pollwatch.store.database import METADATA, Database


def test_the_migrations_make_exactly_the_declared_tables(tmp_path: Path) -> None:
    """No drift: a database made by the migrations differs in nothing from the tables that the stations declare."""
    stations = (
        tables.INPUTS,
        inboxtables.INDEX,
        decisiontables.MERGES,
        saved.SAVED,
        livetables.LIVE_INPUTS,
        accounttables.ACCOUNTS,
        notifytables.ALARMS,
    )
    assert all(each.metadata is METADATA for each in stations)
    database = Database(tmp_path / "case.sqlite")
    with database.reading() as connection:
        opts = {"compare_type": True, "render_as_batch": True, "include_name": _is_ours}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, METADATA) == []
    database.close()


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """All but the index of words, whose tables SQLite makes for itself."""
    return kind != "table" or not str(name).startswith(inboxtables.TEXT)


def test_the_known_revisions_are_those_that_are_shipped() -> None:
    """KNOWN lists each migration file, oldest first, so that opening needs no Alembic to tell old from new."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    shipped = ScriptDirectory.from_config(config)
    assert tuple(each.revision for each in reversed(list(shipped.walk_revisions()))) == migrations.KNOWN
    assert shipped.get_current_head() == migrations.HEAD


def test_a_database_of_a_newer_pollwatch_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Opening what a later version wrote says what to do, and changes nothing."""
    path = tmp_path / "case.sqlite"
    Database(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(StoreError, match=r"newer pollwatch \(schema 9999"):
        Database(path)
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    raw.close()


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    """Somebody else's SQLite file never becomes a case."""
    path = tmp_path / "case.sqlite"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE theirs (x)")
    raw.close()
    with pytest.raises(StoreError, match="none of pollwatch"):
        Database(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Garbage under the database's name is an error that names the file."""
    path = tmp_path / "case.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"case\.sqlite"):
        Database(path)


def test_what_is_committed_is_in_wal_mode_and_durable(tmp_path: Path) -> None:
    """The pragmas that the laws of the store rest on are in force on each connection."""
    database = Database(tmp_path / "case.sqlite")
    with database.reading() as connection:
        values = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                  ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}  # fmt: skip
    database.close()
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 60_000}


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Whatever a block wrote before it raised is not there; the error comes through."""
    database = Database(tmp_path / "case.sqlite")

    def write_and_fail() -> None:
        with database.writing() as connection:
            connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
            connection.execute(sa.insert(tables.INCIDENT_ALIASES).values(alias="x", incident_id="y"))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    with database.reading() as connection:
        assert connection.execute(sa.select(tables.INCIDENT_ALIASES)).all() == []
    database.close()


def test_a_migration_that_is_cut_short_leaves_no_half_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed and lost: what stops in the middle of the first migration is as if it had never begun."""
    path = tmp_path / "case.sqlite"

    def upgrade_then_die(connection: sa.Connection) -> None:
        migrations.upgrade(connection)
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("pollwatch.store.database.begin", lambda _raw: None)
        patch.setattr("pollwatch.store.database.upgrade", upgrade_then_die)
        with pytest.raises(OSError, match="power cut"):
            Database(path)
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    raw.close()
    Database(path).close()


def test_several_processes_open_a_new_case_at_the_same_moment(tmp_path: Path) -> None:
    """All of them succeed, and the tables are made once."""
    script = (
        "import sys; from pathlib import Path; from pollwatch.store.database import Database;"
        "Database(Path(sys.argv[1])).close()"
    )
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", script, tmp_path / "case.sqlite"]) for _ in range(4)
    ]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]


def test_a_new_database_that_is_cut_short_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed and lost: a new file has all tables or none, and it is in WAL mode like any other."""
    path = tmp_path / "case.sqlite"

    def begin_and_die(raw: sqlite3.Connection) -> None:
        def die(_status: int, left: int, _all: int) -> None:
            if left < 5:
                raise OSError("power cut")

        with closing(sqlite3.connect(":memory:")) as source:
            migrations.begin(source)
            source.backup(raw, pages=1, progress=die)

    with monkeypatch.context() as patch:
        patch.setattr("pollwatch.store.database.begin", begin_and_die)
        with pytest.raises(OSError, match="power cut"):
            Database(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    Database(path).close()
    assert path.read_bytes()[18:20] == b"\x02\x02"


def test_a_kept_schema_is_that_of_the_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one process kept is what the next one begins with, whole; where it is damaged, it is made again."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(cache, "of_user", lambda part: cache.Cache(tmp_path, part))

    def begun() -> list[tuple[str, str]]:
        migrations._empty.cache_clear()  # noqa: SLF001 - as in another process
        with closing(sqlite3.connect(":memory:")) as raw:
            migrations.begin(raw)
            return raw.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()

    made = begun()
    (kept,) = (tmp_path / "schemas").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_made", None)
        assert begun() == made
    kept.write_bytes(kept.read_bytes()[:-1])
    assert begun() == made
    migrations._empty.cache_clear()  # noqa: SLF001 - others have a cache of their own
