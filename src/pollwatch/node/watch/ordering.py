"""In what order the records of several logs are looked at: by their time, so that a day's backlog is one day.

Each log is in order by itself, more or less. After a downtime all of them have a backlog, and whoever read one log to
its end before the next would take the second one's records for late. So of every log the next records are at hand
before any are taken, and those that begin first are taken first. A log with nothing more to read holds up nobody.

The watermark follows the slowest of the logs that still have something to read, an hour behind: until it has passed
a moment, records of it may come in any order. It never moves past the present, whatever time a host believes it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from pollwatch.node.watch.detecting import LATE_US
from pollwatch.node.watch.reading import Understood

Log = tuple[str, str]
"""Source and stream."""

#: Chunks of one log that are at hand; then it waits for the others.
MOST_AHEAD: Final = 2


@dataclass(slots=True)
class Ordering:
    """See the module.

    Attributes:
        watermark_us: nothing older is still expected; None before the first time.
    """

    watermark_us: int | None = None
    _waiting: dict[Log, deque[Understood]] = field(default_factory=dict)
    _reached: dict[Log, int] = field(default_factory=dict)

    def add(self, read: Understood) -> None:
        """Take the next records of a log."""
        self._waiting.setdefault(_log(read), deque()).append(read)

    def full(self) -> set[Log]:
        """Logs of which enough is at hand."""
        return {log for log, some in self._waiting.items() if len(some) >= MOST_AHEAD}

    def __len__(self) -> int:
        """How many chunks are at hand."""
        return sum(map(len, self._waiting.values()))

    def pending(self) -> Iterator[Understood]:
        """What is at hand, each log's in order."""
        for some in self._waiting.values():
            yield from some

    def take(self, most_lines: int, most_bytes: int, now_us: int, unread: Collection[Log] = ()) -> list[Understood]:
        """The records to look at next, those that begin first before the others.

        Args:
            most_lines: about so many; at least one chunk.
            most_bytes: about so many.
            now_us: the present.
            unread: logs with more to read: where nothing of one is at hand any more, the next of it may begin earlier
                than what is at hand of the others, and no more is taken.
        """
        taken: list[Understood] = []
        lines = size = 0
        while self._waiting and lines < most_lines and size < most_bytes:
            log = min(self._waiting, key=self._begins)
            some = self._waiting[log]
            read = some.popleft()
            taken.append(read)
            lines += read.lines
            size += len(read.chunk.raw)
            if read.last_us is not None:
                reached = min(read.last_us, now_us)
                self._reached[log] = max(reached, self._reached.get(log, reached))
            if not some:
                del self._waiting[log]
                if log in unread:
                    break
        self._move(taken)
        return taken

    def _begins(self, log: Log) -> tuple[int, Log]:
        """When the next records of a log begin; without a time, where the log stood."""
        first = self._waiting[log][0].first_us
        return (first if first is not None else self._reached.get(log, 0), log)

    def _move(self, taken: list[Understood]) -> None:
        """Move the watermark on behind what was taken."""
        reached = [self._reached[log] for log in map(_log, taken) if log in self._reached]
        if not reached:
            return
        behind = [self._begins(log)[0] for log in self._waiting]
        mark = min([max(reached), *behind]) - LATE_US
        self.watermark_us = mark if self.watermark_us is None else max(self.watermark_us, mark)


def _log(read: Understood) -> Log:
    return read.chunk.source, read.chunk.before.stream
