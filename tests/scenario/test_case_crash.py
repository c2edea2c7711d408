"""A case is killed, cut off and lied to by its disk at every moment; nothing half-done is ever seen."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

import case_crash_worker
from case_scenes import open_case, scan
from pollwatch.incidents.records import Case
from pollwatch.store.database import Database
from pollwatch.store.disk import publish

WORKER = case_crash_worker.__file__
LOGS = case_crash_worker.LOGS


def _state(root: Path) -> tuple[object, ...]:
    """Everything that the case says, and each file that it keeps."""
    with open_case(root) as case:
        incidents = case.incidents()
        events = [(batch.path, row) for batch in case.events() for row in batch.table.to_pylist()]
        history = [case.history(each.id) for each in incidents]
        told = (case.inputs(), case.detections(), incidents, history, events, case.quarantine())
    files = sorted(path.relative_to(root).as_posix() for path in (root / "events").rglob("*") if path.is_file())
    return told, files


def _prepared(root: Path) -> Path:
    """A case with one scan, one state and one note."""
    with open_case(root) as case:
        ann, bob = scan(case, {"a.log": ["ann", "?", "bob"]}).incidents
        case.set_status(bob.id, "acknowledged", "eva", "calling them")
        case.add_note(ann.id, "eva", "seen before")
    return root


def _undisturbed(before: Path, after: Path) -> Path:
    shutil.copytree(before, after)
    case_crash_worker.scan(after)
    return after


def _kill_everywhere(before: Path, copies: Path, stride: int) -> list[Path]:
    copies.mkdir()
    command = [sys.executable, WORKER, str(before), str(copies), str(stride)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return sorted(copies.iterdir())


def test_kill_at_every_step_of_a_further_scan(tmp_path: Path) -> None:
    """SIGKILL between any two steps: the case is as before or as after, and scanning again ends as if undisturbed."""
    before = _prepared(tmp_path / "before")
    old, new = _state(before)[0], _state(_undisturbed(before, tmp_path / "after"))
    killed = _kill_everywhere(before, tmp_path / "killed", 4)
    seen = set()
    for root in killed:
        told = _state(root)[0]
        assert told in (old, new[0]), root.name
        seen.add(told == old)
        case_crash_worker.scan(root)
        assert _state(root) == new, root.name
    assert seen == {True, False}
    assert len(killed) > 15


def test_kill_at_every_step_of_the_first_scan(tmp_path: Path) -> None:
    """SIGKILL while the case itself is being made, its tables included, leaves something that the next scan can use."""
    case_crash_worker.scan(tmp_path / "after")
    new = _state(tmp_path / "after")
    killed = _kill_everywhere(tmp_path / "none", tmp_path / "killed", 9)
    for root in killed:
        case_crash_worker.scan(root)
        assert _state(root) == new, root.name
    assert len(killed) > 10


def test_kill_from_outside_at_any_moment(tmp_path: Path) -> None:
    """Kill -9 by somebody else, whenever it comes: opening works, and the next scan ends as if undisturbed."""
    before = _prepared(tmp_path / "before")
    new = _state(_undisturbed(before, tmp_path / "after"))
    for delay_ms in (0, 20, 50, 90):
        root = shutil.copytree(before, tmp_path / f"killed-{delay_ms}")
        with subprocess.Popen([sys.executable, WORKER, root], stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
            time.sleep(delay_ms / 1000)
            worker.kill()
        case_crash_worker.scan(root)
        assert _state(root) == new, delay_ms


@contextmanager
def _commit_breaks(monkeypatch: pytest.MonkeyPatch, *, kept: bool) -> Iterator[None]:
    """Every commit fails; what it should have kept is lost, or (the answer got lost) is there all the same."""
    writing = Database.writing

    @contextmanager
    def broken(self: Database) -> Iterator[sa.Connection]:
        with writing(self) as connection:
            yield connection
            if not kept:
                raise OSError("the disk is gone")
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", broken)
        yield


@contextmanager
def _publishing_breaks(monkeypatch: pytest.MonkeyPatch, *, kept: bool) -> Iterator[None]:
    """Every move of a finished file fails, before or after it was done."""

    def broken(incoming: Path, final: Path) -> None:
        if kept:
            publish(incoming, final)
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr("pollwatch.store.events.publish", broken)
        yield


def _set_status(case: Case) -> None:
    case.set_status(case.incidents()[0].id, "closed", "eva", "done")


def _scan_more(case: Case) -> None:
    scan(case, LOGS)


@pytest.mark.parametrize("kept", [False, True], ids=["failed-and-lost", "failed-but-persisted"])
@pytest.mark.parametrize("breaks", [_commit_breaks, _publishing_breaks], ids=["commit", "publish"])
@pytest.mark.parametrize("act", [_scan_more, _set_status], ids=["scan", "status"])
def test_every_write_broken_twice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Case], None],
    breaks: Callable[..., object],
    kept: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A write that fails and is lost, and one that fails although it was done: doing it again ends the same."""
    before = _prepared(tmp_path / "before")
    undisturbed = shutil.copytree(before, tmp_path / "undisturbed")
    with open_case(undisturbed) as case:
        act(case)
    new, old = _state(undisturbed), _state(before)
    with open_case(before) as case:
        with breaks(monkeypatch, kept=kept):  # type: ignore[attr-defined]
            if act is _scan_more or breaks is _commit_breaks:
                with pytest.raises(Exception, match="the disk is gone"):
                    act(case)
        assert _state(before)[0] in (old[0], new[0])
        act(case)
    assert _state(before) == new
