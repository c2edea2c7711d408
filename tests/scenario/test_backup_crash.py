"""Backup, restore and upgrade are killed at every moment: nothing is lost, and nothing half-done is taken for whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import backup_crash_worker
from backup_scenes import a_case, from_dump, go_on, told
from case_scenes import clock
from pollwatch.errors import StoreError
from pollwatch.node.backup import restoring, upgrading, vault
from pollwatch.node.backup.backing import backup
from pollwatch.node.backup.sealedbox import SealedBox
from pollwatch.store.migrations import HEAD

SCHEMA = Path(__file__).parents[1] / "schemas" / "0001.sql"
#: How many steps lie between two deaths; every step with ``POLLWATCH_ALL_FAULTS=1``.
STRIDE = 1 if os.environ.get("POLLWATCH_ALL_FAULTS") else 151


def _killed(action: str, root: Path, copies: Path, stride: int = STRIDE) -> Iterator[Path]:
    copies.mkdir()
    command = [sys.executable, backup_crash_worker.__file__, action, str(root), str(copies), str(stride)]
    done = subprocess.run(command, check=False, timeout=3000, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    left = sorted(copies.iterdir())
    assert len(left) > 1
    yield from left


def _whole(place: Path) -> list[str]:
    """The backups in a place; each is whole."""
    try:
        with vault.reading(place, SealedBox(None)) as stored:
            names = stored.backups()
            for name in names:
                _name, found = restoring.read(stored, place, name, None)
                restoring.verify(stored, found)
            return names
    except StoreError as error:
        assert "holds no backup" in str(error) or "not there" in str(error)  # noqa: PT017 - either is fine
        return []


def test_kill_at_every_step_of_a_backup(tmp_path: Path) -> None:
    """SIGKILL anywhere: the case is as it was, earlier backups are whole, a new one is whole or not there."""
    root = tmp_path / "root"
    a_case(root / "case")
    before = told(root / "case")
    first = backup(root / "case", root / "kept", clock()).name
    go_on(root / "case", 10)
    after = told(root / "case")
    for copy in _killed("backup", root, tmp_path / "copies"):
        names = _whole(copy / "kept")
        assert names[0] == first
        assert told(copy / "case") == after
        latest = backup(copy / "case", copy / "kept", clock()).name
        assert not (copy / "kept" / ".scratch").exists()
        assert not list((copy / "case").glob(".backup-*"))
        restoring.restore(copy / "kept", copy / "back", name=latest)
        assert told(copy / "back") == after
    restoring.restore(root / "kept", tmp_path / "first", name=first)
    assert told(tmp_path / "first") == before


def test_kill_at_every_step_of_an_archive(tmp_path: Path) -> None:
    """SIGKILL anywhere: the archive is not there, or it is whole."""
    root = tmp_path / "root"
    a_case(root / "case")
    for copy in _killed("archive", root, tmp_path / "copies"):
        assert len(_whole(copy / "one.tar")) == (copy / "one.tar").exists()
        (copy / "one.tar").unlink(missing_ok=True)
        backup(copy / "case", copy / "one.tar", clock(), archive=True)
        assert sorted(path.name for path in copy.iterdir()) == ["case", "one.tar"]


def test_kill_at_every_step_of_a_restore(tmp_path: Path) -> None:
    """SIGKILL anywhere: there is no case, or a whole one that signs nothing; restoring again does it all."""
    root = tmp_path / "root"
    case = a_case(tmp_path / "case")
    backup(case, root / "kept", clock())
    for copy in _killed("restore", root, tmp_path / "copies"):
        if not (copy / "back").exists():
            restoring.restore(copy / "kept", copy / "back")
            assert sorted(path.name for path in copy.iterdir()) == ["back", "kept"]
        assert told(copy / "back") == told(case)
        assert (copy / "back" / "evidence" / "private" / "held").exists()
        assert (copy / "back" / "evidence" / "shared" / "held").exists()


def test_kill_at_every_step_of_an_upgrade(tmp_path: Path) -> None:
    """SIGKILL anywhere: the case has its old schema or the new one, whole, and is brought up to date the next time."""
    root = tmp_path / "root"
    from_dump(root / "case", SCHEMA)
    for copy in _killed("upgrade", root, tmp_path / "copies", max(1, STRIDE // 5)):
        done = upgrading.upgrade(copy / "case")
        assert done.before in {"0001", HEAD}
        inputs, _detections, incidents, history, _events, _quarantine = told(copy / "case")
        assert isinstance(incidents, list)
        assert isinstance(history, list)
        assert (len(list(inputs)), len(incidents), sum(map(len, history))) == (3, 4, 3)  # type: ignore[call-overload]
        assert (copy / "case" / f"case.sqlite.before-{HEAD}").exists()


@pytest.mark.parametrize("action", ["backup", "restore"])
def test_two_at_once_do_not_mix(action: str, tmp_path: Path) -> None:
    """A second backup into the same folder, or restore to the same place, is told to wait instead of mixing in."""
    case = a_case(tmp_path / "case")
    backup(case, tmp_path / "kept", clock())
    script = (
        "import fcntl, os, sys, time; f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); fcntl.flock(f, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    lock = tmp_path / "kept" / "lock" if action == "backup" else tmp_path / "back.restoring.lock"
    with subprocess.Popen(
        [sys.executable, "-c", script, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        doing = {
            "backup": lambda: backup(case, tmp_path / "kept", clock()),
            "restore": lambda: restoring.restore(tmp_path / "kept", tmp_path / "back"),
        }
        with pytest.raises(StoreError, match="another"):
            doing[action]()
        assert holder.stdin is not None
        holder.stdin.close()
