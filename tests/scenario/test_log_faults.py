"""Every system call of a batch is broken, one at a time: EIO, ENOSPC, SIGKILL; then the log is opened again.

``strace`` does the breaking, so that SQLite's calls are broken like our own. An undisturbed run tells which calls there
are; each is then disturbed in a run of its own on a fresh copy of the log. The suite takes every eleventh of them, a
different residue per fault, half of the few that make a key, and two of those that change one.
``POLLWATCH_ALL_FAULTS=1`` takes all.
"""

from __future__ import annotations

import base64
import errno
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pytest

import log_crash_worker as worker
from pollwatch import durable
from pollwatch.errors import PollwatchError
from pollwatch.evidence import fsck, merkle
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.log import Log
from pollwatch.evidence.pending import PendingFiles
from pollwatch.evidence.signedstate import SignedState
from pollwatch.node.evidence import casekeys, rekeying
from pollwatch.node.evidence.casekeys import CaseKeys, Which
from pollwatch.node.evidence.sealing import CaseEvidence

CALLS = (
    "openat,mkdir,mkdirat,write,pwrite64,writev,pwritev,fsync,fdatasync,ftruncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir"
)
FAULTS = {"EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "SIGKILL": "signal=SIGKILL"}
ALL = bool(os.environ.get("POLLWATCH_ALL_FAULTS"))
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


@dataclass(frozen=True)
class Scene:
    """What is disturbed.

    Attributes:
        prepare: makes the folder as it was before.
        words: what the writer is told beside the folder.
        check: what must hold after the restart, given the folder, what the writer had said, and the folder before.
        share: without ``POLLWATCH_ALL_FAULTS``, one of so many calls is broken.
        reads: whether opening a file only to read it is broken as well.
    """

    prepare: Callable[[Path], None]
    words: tuple[str, ...]
    check: Callable[[Path, str, Path], None]
    share: int = 11
    reads: bool = True


@pytest.fixture(scope="module", autouse=True)
def _own_bytecode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled modules of our own, so that each run opens the same files and the n-th call is the n-th again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        log, case = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("first") / "case"
        a_case(case, "shared")
        for folder, word in ((log, "3"), (case, "shared")):
            subprocess.run([sys.executable, worker.__file__, str(folder), word], check=True, capture_output=True)
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


def a_log(folder: Path, entries: int) -> None:
    """A log with so many entries."""
    with Log.open(folder, [worker.SIGNER], worker.CLOCK) as log:
        log.append(worker.numbered(0, entries))


def a_case(case: Path, which: Which) -> None:
    """A case one of whose logs has committed to its next key."""
    with CaseEvidence.open(case, worker.CLOCK) as evidence:
        evidence.seal_batch("a.log", 1, [b"one", b"two"])
        evidence.publish_seal()
    rekeying.begin(case, which, worker.CLOCK)


def nothing(folder: Path) -> None:
    """The folder does not even exist."""
    assert not folder.exists()


def calls(folder: Path, scene: Scene, record: Path) -> list[Call]:
    """The calls of an undisturbed run that concern the log's folder or its acknowledgements."""
    done = writing(folder, scene.words, "-e", f"trace={CALLS}", "-o", str(record))
    assert done.returncode == 0, done.stderr
    counted: Counter[str] = Counter()
    found = []
    for line in record.read_text("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, arguments, _ = match.groups()
        counted[name] += 1
        if str(folder) in arguments and (scene.reads or "O_RDONLY" not in arguments):
            found.append(Call(name, counted[name], arguments))
    return found


def published(folder: Path) -> list[Checkpoint]:
    """What the world may have read before the restart."""
    path = folder / "public" / "checkpoint"
    return [open_checkpoint(path.read_bytes(), worker.SIGNER.verifier).checkpoint] if path.exists() else []


def check_log(folder: Path, said: str, before: Path) -> None:
    """After the restart: clean, nothing acknowledged lost, no fork, and the log goes on."""
    seen = [*published(before), *published(folder)]
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


def check_key(folder: Path, said: str, _before: Path) -> None:
    """After the restart: the key is there whole or not at all, there if that was said, and can be made if not."""
    path = folder / "a.key"
    assert path.exists() or not said
    for left in folder.glob(".tmp-*"):
        assert left.stat().st_mode & 0o077 == 0
    if not path.exists():
        folder.mkdir(exist_ok=True)
        worker.SIGNER.save(path)
    assert Signer.load(path).seed == worker.SIGNER.seed


def check_change(which: Which, case: Path, said: str, before: Path) -> None:
    """After the restart: the log signs with the old key or the new, goes on, and doing it again ends the change."""
    old, known = rekeying.show(before, which).chain, signed_by(before, which)
    secret = base64.b64encode(Signer.load(casekeys.placed(before / "evidence", which)).seed)
    shown = signed_by(case, which)
    with CaseEvidence.open(case, worker.CLOCK) as evidence:
        evidence.seal_batch("a.log", 3, [b"after"])
        evidence.publish_seal()
    chain = rekeying.show(case, which).chain
    assert len(chain.keys) in ((2,) if said else (1, 2))
    if not said:
        chain = rekeying.rotate(case, which, worker.CLOCK).chain
    assert chain.keys[0] == old.first
    assert len(chain.keys) in ((2,) if said else (2, 3))
    reader = fsck.check_log(case / "evidence" / which, chain)
    for each in (known, shown):
        assert reader.root(each.size) == each.root
    assert CaseKeys.load(case / "evidence").of(which)[0].verifier == chain.present
    left = [path for path in (case / "evidence").rglob("*") if path.is_file()]
    assert not any(secret in path.read_bytes() for path in left)
    assert said or not any(path.name.startswith(".tmp-") for path in left if path.parent.name in ("keys", "next"))


def signed_by(case: Path, which: Which) -> Checkpoint:
    """What the world may have read of a case's log, under whichever of its keys."""
    public = case / "evidence" / which / "public"
    return SignedCheckpoint.parse((public / "checkpoint").read_bytes()).checkpoint


#: The middle one fills tiles at two levels and removes partial tiles that were replaced. A key is made with ``link``,
#: which no batch needs.
SCENES = {
    "a new log": Scene(nothing, ("3",), check_log),
    "a grown log": Scene(partial(a_log, entries=250), ("530", "535", "540"), check_log),
    "a new key": Scene(nothing, (), check_key, 2),
    "a change of the shared log's key": Scene(
        partial(a_case, which="shared"), ("shared",), partial(check_change, "shared"), 61, reads=False
    ),
    "a change of the private log's key": Scene(
        partial(a_case, which="private"), ("private",), partial(check_change, "private"), 61, reads=False
    ),
}


#: The calls of each scene, once they were listed: they are the same whatever is done to one of them.
_CALLS: dict[str, list[Call]] = {}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SCENES)
def test_every_broken_call_is_survived(name: str, fault: str, tmp_path: Path) -> None:
    """Disk failure, full disk or death at any call: after restart nothing acknowledged is lost or forked."""
    if reason := _no_strace():
        pytest.skip(reason)
    scene, start = SCENES[name], tmp_path / "start"
    scene.prepare(start)

    def fresh() -> Path:
        folder = tmp_path / "log"
        shutil.rmtree(folder, ignore_errors=True)
        if start.exists():
            shutil.copytree(start, folder)
        return folder

    everything = _CALLS.get(name) or _CALLS.setdefault(name, calls(fresh(), scene, tmp_path / "record"))
    share = 1 if ALL else scene.share
    chosen = everything[list(FAULTS).index(fault) * 4 % share :: share]
    outcomes: Counter[int] = Counter()
    for call in chosen:
        folder = fresh()
        done = writing(
            folder, scene.words, "-e", f"inject={call.name}:{FAULTS[fault]}:when={call.number}", "-e",
            f"trace={call.name}", "-o", str(tmp_path / "record"),
        )  # fmt: skip
        record = (tmp_path / "record").read_text("utf-8", "replace")
        where = f"{fault} at {call.name} {call.number}: {call.text}"
        assert "INJECTED" in record or "SIGKILL" in record, f"nothing was injected: {where}; {done}"
        assert done.returncode in (0, 3, 137, -9), f"{where}: {done.stderr}"
        outcomes[done.returncode] += 1
        if fault == "EIO" and call.name in ("fsync", "fdatasync"):
            lose_unflushed(folder, record)
        try:
            scene.check(folder, done.stdout, start)
        except (PollwatchError, AssertionError) as error:
            raise AssertionError(f"{where} (writer ended with {done.returncode}: {done.stderr}): {error}") from error
    print(f"{name}: {fault} at {len(chosen)} of {len(everything)} calls; ends {dict(outcomes)}")  # noqa: T201 - asked for


def lose_unflushed(folder: Path, record: str) -> None:
    """What a flush that failed may mean: the file of our own that was to be flushed is empty after the power cut."""
    for path in re.findall(r"f(?:data)?sync\(\d+<([^>]*)>\) += -1 EIO .*INJECTED", record):
        lost = Path(path)
        if lost.is_file() and lost.is_relative_to(folder) and "public" in lost.parts:
            lost.write_bytes(b"")


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes three bytes at a time loses none of them."""
    real = os.write
    monkeypatch.setattr(durable.os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    with Log.open(tmp_path / "log", [worker.SIGNER], worker.CLOCK) as log:
        log.append(worker.numbered(0, 40))
    monkeypatch.undo()
    root = merkle.root_of(merkle.leaf_hashes(worker.numbered(0, 40)))
    check_log(tmp_path / "log", f"40 {root.hex()}\n", tmp_path / "nothing")


@pytest.mark.parametrize("place", ["files", "state"])
def test_failed_but_persisted(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The append raises although everything reached the disk: opening again finds it whole or not at all."""
    folder = tmp_path / "log"
    a_log(folder, 250)
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
    check_log(folder, "", tmp_path / "nothing")
