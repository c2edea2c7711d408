"""Scans into a case in a process of its own, and is killed there.

``python case_crash_worker.py CASE`` scans once and says so; somebody else may kill it at any moment.
``python case_crash_worker.py CASE COPIES`` does the scan over and over, each time in a fresh copy of CASE and in a
forked process that kills itself (SIGKILL) at its first, second, third ... step; prints how many steps there were.
A step is anything that touches the disk: a file opened, made, renamed or removed, an fsync, a statement of SQL.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path

import alembic.command  # noqa: F401 - imported here once, not in each forked process
import sqlalchemy as sa
from sqlalchemy import event

import case_scenes

#: What the disturbed scan reads: one log that has grown, and one that shows that two incidents are one.
LOGS = {"a.log": ["ann", "?", "bob", "ann!"], "b.log": ["cid", "ann+bob"]}
DISK = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "fcntl.flock", "sqlite3.connect"}


def scan(root: Path) -> None:
    """The scan that is disturbed."""
    with case_scenes.open_case(root) as case:
        case_scenes.scan(case, LOGS)


def kill_at(step: int) -> None:
    """Kill this process at its n-th step from here."""
    steps = iter(range(1, step))

    def tick(*_: object) -> None:
        if next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(lambda name, _arguments: tick() if name in DISK else None)
    for name in ("before_cursor_execute", "commit"):
        event.listen(sa.Engine, name, tick)
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        tick()
        fsync(descriptor)

    os.fsync = counted


def disturb(root: Path, copies: Path, stride: int) -> int:
    """The scan, killed at every n-th step; returns how many steps it has."""
    for step in count(1, stride):
        copy = copies / f"killed-at-{step:04d}"
        if root.exists():
            shutil.copytree(root, copy)
        child = os.fork()
        if child == 0:
            kill_at(step)
            scan(copy)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            shutil.rmtree(copy)
            if os.waitstatus_to_exitcode(status):
                raise SystemExit(f"the scan failed at step {step}")
            return step
    raise AssertionError


def main() -> None:
    """See the module."""
    root, *copies = sys.argv[1:]
    if copies:
        print(disturb(Path(root), Path(copies[0]), int(copies[1])))  # noqa: T201 - told to the test
        return
    print("ready", flush=True)  # noqa: T201 - told to the test
    scan(Path(root))
    print("done", flush=True)  # noqa: T201 - told to the test


if __name__ == "__main__":
    main()
