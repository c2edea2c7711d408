"""The checkpoints of other members' logs as they were seen: what a later one is held against."""

from __future__ import annotations

from pathlib import Path

from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.sharing import database

_KEPT = 64


class Views:
    """What one member saw of the others' logs."""

    def __init__(self, path: Path) -> None:
        """Use the record file at this path; it is made when needed."""
        self._path = path

    def add(self, signed: SignedCheckpoint, at_us: int) -> None:
        """Remember a checkpoint that was checked; the latest 64 of a log are kept."""
        checkpoint = signed.checkpoint
        with database.opened(self._path, database.RECORD) as opened:
            opened.execute(
                "INSERT INTO views (origin, size, at_us, note) VALUES (?, ?, ?, ?)",
                (checkpoint.origin, checkpoint.size, at_us, signed.to_bytes()),
            )
            opened.execute(
                "DELETE FROM views WHERE origin = ? AND number NOT IN"
                " (SELECT number FROM views WHERE origin = ? ORDER BY number DESC LIMIT ?)",
                (checkpoint.origin, checkpoint.origin, _KEPT),
            )

    def latest(self, origin: str) -> SignedCheckpoint | None:
        """The last one seen of a log."""
        found = self.all(origin)
        return found[-1] if found else None

    def all(self, origin: str) -> tuple[SignedCheckpoint, ...]:
        """All that are kept of a log, each text once, oldest first."""
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute("SELECT note FROM views WHERE origin = ? ORDER BY number", (origin,)).fetchall()
        parsed = [SignedCheckpoint.parse(row[0]) for row in rows]
        return tuple({each.checkpoint: each for each in parsed}.values())
