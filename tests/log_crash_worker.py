"""A log's writer in a process and thread of its own, for tests that disturb its system calls.

``python log_crash_worker.py LOG SIZE...`` opens the log and appends up to each SIZE; after each append returned it says
so on stdout (size and root). Without a SIZE it makes a key. ``python log_crash_worker.py CASE shared`` (or ``private``)
changes the key of that log of the case, and says how many it has had. Ends with 0; with 3 where the program said no by
its own error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from pollwatch import durable
from pollwatch.clock import ManualClock
from pollwatch.errors import PollwatchError
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log

SIGNER = Signer("a.example/shared", KeyType.ED25519, bytes(range(32)))
CLOCK = ManualClock(1_793_000_000_000_000)
LOGS: dict[str, Literal["shared", "private"]] = {"shared": "shared", "private": "private"}


def numbered(start: int, end: int) -> list[bytes]:
    """Distinct entries."""
    return [f"entry {number}".encode() for number in range(start, end)]


def change_key(case: Path, which: str) -> int:
    """Put the next key of a log in the present one's place; says how many keys the log has had then."""
    from pollwatch.node.evidence import rekeying  # what appends alone opens fewer files

    # strace counts calls by thread: here, too, the writer's own flushes everything.
    Log.open.__func__.__kwdefaults__["sync_threads"] = 1  # type: ignore[attr-defined]
    return len(rekeying.rotate(case, LOGS[which], CLOCK).chain.keys)


def main() -> None:
    """See the module."""
    folder, *sizes = sys.argv[1:]
    try:
        if not sizes:
            durable.make_folder(Path(folder))
            SIGNER.save(Path(folder) / "a.key")
            os.write(1, b"saved\n")
            return
        if sizes[0] in LOGS:
            os.write(1, f"{change_key(Path(folder), sizes[0])}\n".encode())
            return
        with Log.open(Path(folder), [SIGNER], CLOCK, sync_threads=1) as log:
            for size in map(int, sizes):
                log.append(numbered(log.size, size))
                # Not through a pipe that somebody closes, nor a buffer that a SIGKILL empties.
                os.write(1, f"{log.size} {log.root.hex()}\n".encode())
    except (PollwatchError, OSError) as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        raise SystemExit(3) from None


if __name__ == "__main__":
    main()
