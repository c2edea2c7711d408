"""Every system call of a batch is broken, one at a time: EIO, ENOSPC, SIGKILL; then the log is opened again.

``strace`` does the breaking, so that SQLite's calls are broken like our own. An undisturbed run tells which calls there
are; each is then disturbed in a run of its own on a fresh copy of the log. The suite takes every eleventh of them, a
different residue per fault, and half of the few that make a key; ``POLLWATCH_ALL_FAULTS=1`` takes all (672 of them, six
minutes).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import log_crash_worker as worker
from pollwatch.errors import PollwatchError
from pollwatch.evidence import durable, fsck, merkle
from pollwatch.evidence.checkpoint import Checkpoint, open_checkpoint
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.log import Log
from pollwatch.evidence.pending import PendingFiles
from pollwatch.evidence.signedstate import SignedState

CALLS = (
    "openat,mkdir,mkdirat,write,pwrite64,writev,pwritev,fsync,fdatasync,ftruncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir"
)
FAULTS = {"EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "SIGKILL": "signal=SIGKILL"}
STRIDE = 1 if os.environ.get("POLLWATCH_ALL_FAULTS") else 11
#: name -> entries before, and the sizes that the disturbed writer appends up to. The middle one fills tiles at two
#: levels, the last removes partial tiles that were replaced. A key is made with ``link``, which no batch needs.
SCENES: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "a new log": (None, ("3",)),
    "a grown log": (250, ("530", "535", "540")),
    "a new key": (None, ()),
}
_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (.*)$")


@cache
def _no_strace() -> str:
    """Why strace cannot be used here; empty where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "strace may not trace here (ptrace is forbidden)"


@dataclass(frozen=True)
class Call:
    """A system call of the undisturbed run: the ``number``-th of its kind in the process."""

    name: str
    number: int
    text: str


@pytest.fixture(scope="module", autouse=True)
def _own_bytecode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled modules of our own, so that each run opens the same files and the n-th call is the n-th again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        subprocess.run([sys.executable, worker.__file__, str(tmp_path_factory.mktemp("first")), "3"], check=True)
        yield


def writing(folder: Path, sizes: tuple[str, ...], *strace: str) -> subprocess.CompletedProcess[str]:
    """Run the writer under strace."""
    command = [
        "strace",
        "-f",
        "-qq",
        "-y",
        *strace,
        sys.executable,
        worker.__file__,
        str(folder),
        *sizes,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def prepared(folder: Path, entries: int | None) -> Path:
    """A log as it was before; the folder is absent for a new one."""
    if entries is not None:
        with Log.open(folder, [worker.SIGNER], worker.CLOCK) as log:
            log.append(worker.numbered(0, entries))
    return folder


def calls(folder: Path, sizes: tuple[str, ...], record: Path) -> list[Call]:
    """The calls of an undisturbed run that concern the log's folder or its acknowledgements."""
    done = writing(folder, sizes, "-e", f"trace={CALLS}", "-o", str(record))
    assert done.returncode == 0, done.stderr
    counted: Counter[str] = Counter()
    found = []
    for line in record.read_text("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, arguments, _ = match.groups()
        counted[name] += 1
        if str(folder) in arguments:
            found.append(Call(name, counted[name], arguments))
    return found


def published(folder: Path) -> list[Checkpoint]:
    """What the world may have read before the restart."""
    path = folder / "public" / "checkpoint"
    return [open_checkpoint(path.read_bytes(), worker.SIGNER.verifier).checkpoint] if path.exists() else []


def check_after(folder: Path, said: str, before: list[Checkpoint]) -> None:
    """After the restart: clean, nothing acknowledged lost, no fork, and the log goes on."""
    seen = [*before, *published(folder)]
    acknowledged = [line.split() for line in said.splitlines()]
    with Log.open(folder, [worker.SIGNER], worker.CLOCK) as log:
        fsck.check_all(log.reader(), log.root)
        assert list(log.reader().entries(0, log.size)) == worker.numbered(0, log.size)
        known = [(int(size), bytes.fromhex(root)) for size, root in acknowledged]
        known += [(each.size, each.root) for each in seen]
        for size, root in known:
            assert size <= log.size
            assert log.reader().root(size) == root
        log.append(worker.numbered(log.size, log.size + 300))
        fsck.check_all(log.reader(), log.root)
        for size, root in known:
            if 0 < size < log.size:
                merkle.verify_consistency(size, log.size, root, log.root, log.consistency(size))
        assert published(folder)[0] == log.signed.checkpoint


def check_key_after(folder: Path, said: str) -> None:
    """After the restart: the key is there whole or not at all, there if that was said, and can be made if not."""
    path = folder / "a.key"
    assert path.exists() or not said
    for left in folder.glob(".tmp-*"):
        assert left.stat().st_mode & 0o077 == 0
    if not path.exists():
        folder.mkdir(exist_ok=True)
        worker.SIGNER.save(path)
    assert Signer.load(path).seed == worker.SIGNER.seed


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scene", SCENES)
def test_every_broken_call_is_survived(scene: str, fault: str, tmp_path: Path) -> None:
    """Disk failure, full disk or death at any call of a batch: after restart nothing acknowledged is lost or forked."""
    if reason := _no_strace():
        pytest.skip(reason)
    entries, sizes = SCENES[scene]
    start = prepared(tmp_path / "start", entries)
    before = published(start)

    def fresh() -> Path:
        folder = tmp_path / "log"
        shutil.rmtree(folder, ignore_errors=True)
        if start.exists():
            shutil.copytree(start, folder)
        return folder

    everything = calls(fresh(), sizes, tmp_path / "record")
    stride = STRIDE if sizes else min(STRIDE, 2)
    chosen = everything[list(FAULTS).index(fault) * 4 % stride :: stride]
    outcomes: Counter[int] = Counter()
    for call in chosen:
        folder = fresh()
        done = writing(
            folder, sizes, "-e", f"inject={call.name}:{FAULTS[fault]}:when={call.number}", "-e", f"trace={call.name}",
            "-o", str(tmp_path / "record"),
        )  # fmt: skip
        record = (tmp_path / "record").read_text("utf-8", "replace")
        where = f"{fault} at {call.name} {call.number}: {call.text}"
        assert "INJECTED" in record or "SIGKILL" in record, f"nothing was injected: {where}; {done}"
        assert done.returncode in (0, 3, 137, -9), f"{where}: {done.stderr}"
        outcomes[done.returncode] += 1
        if fault == "EIO" and call.name in ("fsync", "fdatasync"):
            lose_unflushed(folder, record)
        try:
            if sizes:
                check_after(folder, done.stdout, before)
            else:
                check_key_after(folder, done.stdout)
        except (PollwatchError, AssertionError) as error:
            raise AssertionError(f"{where} (writer ended with {done.returncode}: {done.stderr}): {error}") from error
    print(f"{scene}: {fault} at {len(chosen)} of {len(everything)} calls; ends {dict(outcomes)}")  # noqa: T201 - asked for


def lose_unflushed(folder: Path, record: str) -> None:
    """What a flush that failed may mean: the file of our own that was to be flushed is empty after the power cut."""
    for path in re.findall(r"f(?:data)?sync\(\d+<([^>]*)>\) += -1 EIO .*INJECTED", record):
        lost = Path(path)
        if lost.is_file() and lost.is_relative_to(folder / "public"):
            lost.write_bytes(b"")


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes three bytes at a time loses none of them."""
    real = os.write
    monkeypatch.setattr(durable.os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    with Log.open(tmp_path / "log", [worker.SIGNER], worker.CLOCK) as log:
        log.append(worker.numbered(0, 40))
    monkeypatch.undo()
    check_after(tmp_path / "log", f"40 {merkle.root_of(merkle.leaf_hashes(worker.numbered(0, 40))).hex()}\n", [])


@pytest.mark.parametrize("place", ["files", "state"])
def test_failed_but_persisted(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The append raises although everything reached the disk: opening again finds it whole or not at all."""
    folder = prepared(tmp_path / "log", 250)
    log = Log.open(folder, [worker.SIGNER], worker.CLOCK)
    owner, name = (PendingFiles, "flush") if place == "files" else (SignedState, "advance")
    real = getattr(owner, name)

    def failing(*arguments: object) -> None:
        real(*arguments)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(owner, name, failing)
    with pytest.raises(PollwatchError, match="open it again"):
        log.append(worker.numbered(250, 600))
    monkeypatch.undo()
    with Log.open(folder, [worker.SIGNER], worker.CLOCK) as again:
        assert again.size == (250 if place == "files" else 600)
    check_after(folder, "", [])
