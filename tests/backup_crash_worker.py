"""Backs up, restores or upgrades in forked processes, each killed (SIGKILL) at its first, second, third ... step.

``python backup_crash_worker.py ACTION ROOT COPIES STRIDE`` does it in a fresh copy of ROOT for every n-th step, until
one comes to its end; see ``case_crash_worker`` for what a step is.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import alembic.command  # noqa: F401 - imported here once, not in each forked process

from case_crash_worker import kill_at
from case_scenes import clock
from pollwatch.node.backup import restoring, upgrading
from pollwatch.node.backup.backing import backup

ACTIONS: dict[str, Callable[[Path], object]] = {
    "backup": lambda root: backup(root / "case", root / "kept", clock()),
    "archive": lambda root: backup(root / "case", root / "one.tar", clock(), archive=True),
    "restore": lambda root: restoring.restore(root / "kept", root / "back"),
    "upgrade": lambda root: upgrading.upgrade(root / "case"),
}


def disturb(action: str, root: Path, copies: Path, stride: int) -> int:
    """The action, killed at every n-th step; returns how many steps it has."""
    for step in count(1, stride):
        copy = copies / f"killed-at-{step:04d}"
        shutil.copytree(root, copy)
        child = os.fork()
        if child == 0:
            kill_at(step)
            ACTIONS[action](copy)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            shutil.rmtree(copy)
            if os.waitstatus_to_exitcode(status):
                raise SystemExit(f"{action} failed at step {step}")
            return step
    raise AssertionError


if __name__ == "__main__":
    print(disturb(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))  # noqa: T201 - told to the test
