"""Cases with evidence, to back up: small ones, at any step of their life."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from case_scenes import clock, content, open_case, scan
from pollwatch.incidents.records import Case
from pollwatch.node.evidence.sealing import CaseEvidence

LINES = ["ann", "?", "bob", "ann!"]


def a_case(root: Path) -> Path:
    """A case with one sealed log, a state and a note."""
    with open_case(root) as case:
        ann, bob = scan(case, {"a.log": LINES}).incidents
        case.set_status(bob.id, "closed", "eva", "a robot")
        case.add_note(ann.id, "eva", "called the owner")
    seal(root, "a.log", LINES)
    return root


def seal(root: Path, path: str, lines: list[str]) -> None:
    """Seal the lines of a log and what was found in them, and publish that."""
    with open_case(root) as case, CaseEvidence.open(root, clock()) as evidence:
        evidence.seal_batch(path, 1, content(lines).splitlines())
        evidence.seal_incidents([each for each in case.incidents() if set(each.lines.by_path) <= {path}])
        evidence.publish_seal()


def go_on(root: Path, turn: int) -> None:
    """One more log is scanned and sealed: sealed first, as a watch does."""
    lines = [f"user{turn}", f"user{turn + 1}"]
    with open_case(root) as case, CaseEvidence.open(root, clock()) as evidence:
        evidence.seal_batch(f"{turn}.log", 1, content(lines).splitlines())
        scan(case, {f"{turn}.log": lines})
        evidence.publish_seal()


def told(root: Path) -> tuple[object, ...]:
    """Everything that a case says."""
    with Case.open(root, clock(), create=False) as case:
        incidents = case.incidents()
        events = [(batch.path, row) for batch in case.events() for row in batch.table.to_pylist()]
        history = [case.history(each.id) for each in incidents]
        return case.inputs(), case.detections(), incidents, history, events, case.quarantine()


def from_dump(root: Path, dump: Path) -> Path:
    """A case whose database is that of a dump, as an earlier pollwatch wrote it; its events are not there."""
    root.mkdir(parents=True)
    database = sqlite3.connect(root / "case.sqlite")
    database.executescript(dump.read_text(encoding="utf-8"))
    database.execute("DELETE FROM event_files")
    database.commit()
    database.close()
    return root


def dump(path: Path) -> str:
    """A case's database as statements that make it again; ``tests/schemas`` has one of each schema, never changed.

    What SQLite makes for itself for the index of words is left out: the words are in it.
    """
    database = sqlite3.connect(path)
    words = database.execute("SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%'").fetchall()
    own = {f"{name}{part}" for (name,) in words for part in ("", "_content", "_data", "_idx", "_config", "_docsize")}
    lines = []
    for line in database.iterdump():
        if line.startswith(("PRAGMA writable_schema", "INSERT INTO sqlite_master")):
            continue
        if any(f'"{name}"' in line[:60] or f"'{name}'" in line[:60] for name in own):
            continue
        lines.append(line)
    made = []
    for (name,) in words:
        (statement,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
        made.append(statement + ";")
        for row, text in database.execute(f"SELECT rowid, words FROM {name}"):  # noqa: S608 - our own table
            (quoted,) = database.execute("SELECT quote(?)", (text,)).fetchone()
            made.append(f"INSERT INTO {name}(rowid, words) VALUES({row},{quoted});")
    database.close()
    # Triggers come last in a dump; the index of words must be there before the first of them is used.
    return "\n".join([lines[0], *made, *lines[1:]]) + "\n"
