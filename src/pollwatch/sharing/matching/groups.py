"""What the inside node keeps of group runs besides its own set: who takes part, what came from whom, what was found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pollwatch import canonical
from pollwatch.sharing import database
from pollwatch.sharing.matching.messages import Step

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS groups (run TEXT PRIMARY KEY, paper BLOB NOT NULL, ended TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS parts (
    run TEXT NOT NULL, sender TEXT NOT NULL, step TEXT NOT NULL, paper BLOB NOT NULL, nonce BLOB NOT NULL,
    payload BLOB NOT NULL, PRIMARY KEY (run, sender, step)) STRICT;
CREATE TABLE IF NOT EXISTS cells (run TEXT PRIMARY KEY, owners BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS hits (
    run TEXT NOT NULL, place INTEGER NOT NULL, holders TEXT NOT NULL, PRIMARY KEY (run, place)) STRICT;
"""


class Groups:
    """Group runs of one member, in the file of its runs."""

    def __init__(self, folder: Path) -> None:
        """Use this folder."""
        self._path = folder / "groups.sqlite"

    def add(self, run: str, paper: bytes) -> None:
        """Keep a group; the same again changes nothing."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute("INSERT OR IGNORE INTO groups VALUES (?, ?, '')", (run, paper))

    def open(self) -> tuple[tuple[str, bytes], ...]:
        """Runs and papers of the groups that have not ended for us, oldest first."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute("SELECT run, paper FROM groups WHERE ended = '' ORDER BY rowid").fetchall()
        return tuple((run, bytes(paper)) for run, paper in rows)

    def latest(self) -> str:
        """The group that was kept last, ended or not; empty where there is none."""
        with database.opened(self._path, _SCHEMA) as opened:
            row = opened.execute("SELECT run FROM groups ORDER BY rowid DESC LIMIT 1").fetchone()
        return str(row[0]) if row else ""

    def paper(self, run: str) -> bytes | None:
        """A group's paper."""
        with database.opened(self._path, _SCHEMA) as opened:
            row = opened.execute("SELECT paper FROM groups WHERE run = ?", (run,)).fetchone()
        return bytes(row[0]) if row else None

    def end(self, run: str, how: str) -> None:
        """Note that a group ended for us; what came from others for it goes."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute("UPDATE groups SET ended = ? WHERE run = ?", (how, run))
            opened.execute("DELETE FROM parts WHERE run = ?", (run,))
            opened.execute("DELETE FROM cells WHERE run = ?", (run,))

    def keep(self, run: str, sender: str, step: Step, paper: bytes, nonce: bytes, payload: bytes) -> None:
        """Keep what came from somebody; the first counts."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute(
                "INSERT OR IGNORE INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                (run, sender, step.value, paper, nonce, payload),
            )

    def senders(self, run: str, step: Step) -> set[str]:
        """Whose part of a step is here."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute("SELECT sender FROM parts WHERE run = ? AND step = ?", (run, step.value)).fetchall()
        return {row[0] for row in rows}

    def part(self, run: str, sender: str, step: Step) -> tuple[bytes, bytes, bytes] | None:
        """Paper, nonce and payload of a part."""
        with database.opened(self._path, _SCHEMA) as opened:
            row = opened.execute(
                "SELECT paper, nonce, payload FROM parts WHERE run = ? AND sender = ? AND step = ?",
                (run, sender, step.value),
            ).fetchone()
        return (bytes(row[0]), bytes(row[1]), bytes(row[2])) if row else None

    def keep_owners(self, run: str, owners: bytes) -> None:
        """Keep which of our leaves lies in which bin."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute("INSERT OR REPLACE INTO cells VALUES (?, ?)", (run, owners))

    def owners(self, run: str) -> bytes:
        """Which of our leaves lies in which bin."""
        with database.opened(self._path, _SCHEMA) as opened:
            row = opened.execute("SELECT owners FROM cells WHERE run = ?", (run,)).fetchone()
        return bytes(row[0]) if row else b""

    def keep_hits(self, run: str, hits: Iterable[tuple[int, Iterable[str]]]) -> None:
        """Keep who holds which of our leaves."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.executemany(
                "INSERT OR REPLACE INTO hits VALUES (?, ?, ?)",
                [(run, place, canonical.compact(sorted(names))) for place, names in hits],
            )

    def hits(self, run: str) -> dict[int, tuple[str, ...]]:
        """Who holds which of our leaves, ourselves among them."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute("SELECT place, holders FROM hits WHERE run = ? ORDER BY place", (run,)).fetchall()
        return {place: tuple(canonical.loads(names.encode("utf-8"))) for place, names in rows}
