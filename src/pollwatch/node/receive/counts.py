"""What receivers count, for whoever watches them: kept in a file beside the spool, written whole, read by the watch.

The counters go on where they stood when the receiving process is restarted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from pollwatch.store.disk import publish

NAME: Final = "receiving.json"


class Counts(msgspec.Struct):
    """Of one source; all but the last four only grow.

    Attributes:
        lines: written to the spool.
        bytes: of these.
        lost: messages that the kernel dropped since nobody took them in time (UDP).
        cut: messages that were too long, and lost their end.
        refused: connections and requests that were turned away: too many, no token, no certificate, malformed.
        connected: connections that were taken.
        again: batches that came a second time, and were not written again.
        last_us: when the last line came; 0 = never.
        open: connections at this moment.
        waiting: whether senders have to wait, since the spool is full.
        listening: where; empty while it does not.
        trouble: why it does not; empty when it does.
    """

    lines: int = 0
    bytes: int = 0
    lost: int = 0
    cut: int = 0
    refused: int = 0
    connected: int = 0
    again: int = 0
    last_us: int = 0
    open: int = 0
    waiting: bool = False
    listening: str = ""
    trouble: str = ""


class _File(msgspec.Struct):
    schema: str
    process: int
    at_us: int
    sources: dict[str, Counts]


@dataclass(slots=True)
class Counting:
    """The counts of all sources of one process, and their file."""

    path: Path
    sources: dict[str, Counts] = field(default_factory=dict)

    def of(self, source: str) -> Counts:
        """A source's counts; they begin where the last process left them."""
        if not self.sources:
            self.sources = read(self.path)[1]
        found = self.sources.setdefault(source, Counts())
        found.open, found.waiting, found.listening, found.trouble = 0, False, "", ""
        return found

    def write(self, process: int, now_us: int) -> None:
        """Write all of it; a full disk is borne, the next time may do."""
        aside = self.path.with_name(self.path.name + ".new")
        try:
            aside.write_bytes(msgspec.json.encode(_File("pollwatch.receiving/1", process, now_us, self.sources)))
            publish(aside, self.path)
        except OSError:
            return


def read(path: Path) -> tuple[int, dict[str, Counts]]:
    """When the counts were written last (0: never), and those of each source."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError):
        return 0, {}
    return found.at_us, found.sources
