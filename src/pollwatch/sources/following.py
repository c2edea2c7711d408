r"""Files, patterns and folders that grow: every record exactly once, in order, whatever happens to the files.

Everything that comes in live is a followed file: an office's own logs, and the spool into which receivers write.

Law: let a reader commit :meth:`Followed.positions` together with what it made of all chunks given so far. Killed at any
moment and begun again with any set of positions it ever committed, it gets exactly the records that follow. That holds
over renaming, copying and truncating (``copytruncate``), compressing, removing while open, and inodes that are given to
another file; it asks that rotated files stay until they are read, and that no two files of one log begin with the same
bytes throughout. What was lost nevertheless (a file that was overwritten) is told by :meth:`Followed.notices`.

Records are lines. What spans lines (XML, binary Windows logs) is no stream: it is scanned, not followed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.clock import monotonic_s
from pollwatch.sources.changes import Changes
from pollwatch.sources.finding import Watched, find, folders
from pollwatch.sources.followed_file import Chunk, ReplacedError
from pollwatch.sources.followed_log import FollowedLog, Notice
from pollwatch.sources.position import Position

__all__ = ["Chunk", "FollowOptions", "Followed", "Notice", "Position", "Watched"]

_LOOKS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """How to follow.

    Attributes:
        patience_s: how long the last record of a file may lack its line end before it is taken as it is.
        rescan_s: how often, at least, folders are listed to see new and rotated files.
        poll_s: how often to look where the file system tells nothing of changes (NFS, SMB, FUSE).
        polling: look at intervals everywhere.
    """

    patience_s: float = 30.0
    rescan_s: float = 0.5
    poll_s: float = 0.25
    polling: bool = False


class Followed:
    """Several sources, each of one or more logs. Not safe for several threads, :meth:`wake` aside."""

    def __init__(
        self,
        sources: Sequence[Watched],
        options: FollowOptions | None = None,
        now_s: Callable[[], float] = monotonic_s,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            sources: their names differ.
            options: how to follow.
            now_s: monotonic seconds.
        """
        self._sources = {each.name: each for each in sources}
        self._options = options or FollowOptions()
        self._now_s = now_s
        self._logs: dict[tuple[str, str], FollowedLog] = {}
        self._resumed: dict[tuple[str, str], list[Position]] = {}
        self._complaints: dict[str, str] = {}
        self._looked_s: float | None = None
        self._turn = 0
        self._unread: set[tuple[str, str]] = set()
        self._folders: set[str] = set()
        self._changes = Changes(self._options.poll_s, polling=self._options.polling)

    def resume(self, positions: Iterable[Position]) -> None:
        """Go on from these; before the first :meth:`read`. Those of sources that are not followed any more are kept."""
        for position in positions:
            self._resumed.setdefault((position.source, position.stream), []).append(position)

    def read(self, max_bytes: int, without: Collection[tuple[str, str]] = ()) -> list[Chunk]:
        """What came since the last call, up to about so many bytes; each log in turn, so that none starves another.

        Empty where nothing came; then :meth:`wait`. A single record may be larger than asked for (up to 8 MiB).

        Args:
            max_bytes: about so many; of any one log at most 1 MiB a chunk.
            without: logs, by source and stream, that have to wait.
        """
        now_s = self._now_s()
        if self._looked_s is None or now_s - self._looked_s >= self._options.rescan_s or self._changes.take():
            self._look(now_s)
        chunks: list[Chunk] = []
        left, looks = max_bytes, _LOOKS_AT_ONCE
        logs = [log for key, log in self._logs.items() if key not in without]
        waiting = logs[self._turn % len(logs) :] + logs[: self._turn % len(logs)] if logs else []
        self._turn += 1
        self._unread = set(self._logs)
        while waiting and left > 0:
            share = max(1, left // len(waiting))
            still = []
            for log in waiting:
                try:
                    chunk = log.read(min(share, left), now_s, self._options.patience_s)
                except ReplacedError:
                    looks -= 1
                    if looks:
                        self._look(now_s)
                        still.append(log)
                    continue
                if chunk is not None:
                    chunks.append(chunk)
                    left -= len(chunk.raw)
                    still.append(log)
                else:
                    self._unread.discard((log.source, log.stream))
                if left <= 0:
                    break
            waiting = still
        return chunks

    def unread(self) -> Collection[tuple[str, str]]:
        """Logs, by source and stream, that the last :meth:`read` did not read to their end."""
        return frozenset(self._unread)

    def positions(self) -> tuple[Position, ...]:
        """Where reading stands: all that has to be committed with what came of the chunks given so far.

        Commit them as a whole, in place of the earlier ones; also when no chunk came (that a log was met is a fact).
        """
        found = [position for log in self._logs.values() for position in log.positions()]
        found += [position for several in self._resumed.values() for position in several]
        return tuple(found)

    def notices(self) -> list[Notice]:
        """What a person should know, since the last call."""
        told = [notice for log in self._logs.values() for notice in log.notices()]
        for path, why in self._complaints.items():
            told.append(Notice("unreadable", "", path, 0, why))
        self._complaints.clear()
        return told

    def lag_bytes(self) -> dict[str, int]:
        """Bytes that wait to be read, by source."""
        lag = dict.fromkeys(self._sources, 0)
        for log in self._logs.values():
            lag[log.source] += log.lag_bytes()
        return lag

    def wait(self, timeout_s: float) -> bool:
        """Wait until something may have come, :meth:`wake` was called, or so many seconds have passed.

        Returns:
            Whether it was something else than the time.
        """
        return self._changes.wait(self._folders, timeout_s)

    def wake(self) -> None:
        """End a :meth:`wait`, from another thread or a signal's handler."""
        self._changes.wake()

    def close(self) -> None:
        """Let go of everything."""
        for log in self._logs.values():
            log.close()
        self._changes.close()

    def _look(self, now_s: float) -> None:
        self._looked_s = now_s
        self._folders = {folder for each in self._sources.values() for folder in folders(each)}
        for source in self._sources.values():
            logs = find(source, self._complaints)
            for stream in {*logs, *(stream for name, stream in (*self._logs, *self._resumed) if name == source.name)}:
                key = (source.name, stream)
                if key not in self._logs:
                    resumed = self._resumed.pop(key, [])
                    self._logs[key] = FollowedLog(source, stream, resumed)
                self._logs[key].look(logs.get(stream, []), now_s)
