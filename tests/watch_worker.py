"""Watches in forked processes that share one loaded rule set, and kills them there.

``python watch_worker.py ROOT STRIDE`` watches ROOT/logs (first halves of logs) into ROOT/before. Then the logs grow to
what ROOT/grown holds, and are watched into copies of that case: ROOT/undisturbed, and over and over ROOT/killed-N,
killed (SIGKILL) at the N-th step and then brought to its end. A step is anything that touches the disk, as in
``case_crash_worker``. It prints how many steps there were.
"""

from __future__ import annotations

import os
import shutil
import sys
from itertools import count
from pathlib import Path

import alembic.command  # noqa: F401 - imported here once, not in each forked process

from case_crash_worker import kill_at
from pollwatch.clock import SystemClock
from pollwatch.config import Config
from pollwatch.detect.engine import Engine
from pollwatch.node.watch import daemon
from pollwatch.node.watch.setup import Plan, WatchRequest
from pollwatch.node.watch.telling import Teller
from pollwatch.sources.settings import WatchedSource

ENGINE = Engine.load()


class Ready(Plan):
    """A plan whose rules are loaded."""

    def engine(self) -> Engine:
        """The rules."""
        return ENGINE


def plan(case: Path, logs: Path) -> Plan:
    """Follow all logs of a folder into a case."""
    clock = SystemClock()
    sources = tuple(WatchedSource(each.stem, "files", (str(each),)) for each in sorted(logs.glob("*.log")))
    return Ready(WatchRequest(case), Config(), clock, sources)


def watch(case: Path, logs: Path, *, quiet: bool = True) -> int:
    """Watch until everything that is there is in the case."""
    clock = SystemClock()
    return daemon.watch(plan(case, logs), clock, Teller(clock, quiet=quiet), once=True)


def forked(case: Path, logs: Path, step: int | None = None) -> bool:
    """Watch in a forked process that is killed at a step; whether it came to that."""
    child = os.fork()
    if child == 0:
        if step is not None:
            kill_at(step)
        os._exit(watch(case, logs))
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status):
        raise SystemExit(f"the watch failed at step {step}")
    return os.WIFSIGNALED(status)


def main() -> None:
    """See the module."""
    root, stride = Path(sys.argv[1]), int(sys.argv[2])
    logs = root / "logs"
    forked(root / "before", logs)
    for grown in (root / "grown").iterdir():
        with (logs / grown.name).open("ab") as log:
            log.write(grown.read_bytes()[log.tell() :])
    shutil.copytree(root / "before", root / "undisturbed")
    forked(root / "undisturbed", logs)
    for step in count(1, stride):
        case = shutil.copytree(root / "before", root / f"killed-{step:04d}")
        if not forked(case, logs, step):
            print(step)  # noqa: T201 - told to the test
            return
        forked(case, logs)


if __name__ == "__main__":
    main()
