from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from backup_scenes import a_case, from_dump, go_on, told
from case_scenes import clock, open_case
from pollwatch.errors import EvidenceError, SplitError, StoreError, UsageError
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.witness import Witness
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.inboxquery import Question
from pollwatch.node.backup import checking, manifest, restoring, resuming, upgrading, vault
from pollwatch.node.backup.backing import Made, backup
from pollwatch.node.backup.manifest import File
from pollwatch.node.backup.sealedbox import SealedBox, make_key, read_key
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.store.migrations import HEAD

SCHEMAS = sorted((Path(__file__).parents[1] / "schemas").glob("*.sql"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Made]:
    """A case, and a folder with one backup of it."""
    root = tmp_path_factory.mktemp("backups")
    case = a_case(root / "case")
    return case, root / "kept", backup(case, root / "kept", clock())


def test_a_restored_case_is_the_case(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """Database, events and evidence come back as they were; a further backup of the same takes no room."""
    case, kept, first = made
    restored = restoring.restore(kept, tmp_path / "back")
    assert told(tmp_path / "back") == told(case)
    assert (restored.name, restored.checked.wrong) == (first.name, ())
    assert [(log.name, log.size, log.held) for log in restored.checked.logs] == [
        ("private", 3, False),
        ("shared", 1, False),
    ]
    assert checking.check(tmp_path / "back").logs[0].held
    again = backup(case, kept, clock())
    assert (again.written_bytes, again.name) == (0, f"{first.name}.2")
    assert restoring.restore(kept, tmp_path / "other", name=first.name, digest=first.digest).name == first.name


def test_a_restore_never_overwrites(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """Where a case or anything else is, nothing is written; an empty folder is no obstacle."""
    case, kept, _made = made
    before = told(case)
    with pytest.raises(StoreError, match="never overwrites"):
        restoring.restore(kept, case)
    assert told(case) == before
    (tmp_path / "empty").mkdir()
    restoring.restore(kept, tmp_path / "empty")
    with pytest.raises(StoreError, match="in the case"):
        backup(case, case / "backups", clock())


def test_an_archive_is_one_file_and_whole_or_not_there(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """Truncation: an archive that was cut anywhere is refused, and says so."""
    case, _kept, _made = made
    archive = tmp_path / "one.tar"
    backup(case, archive, clock(), archive=True)
    assert [path.name for path in tmp_path.iterdir()] == ["one.tar"]
    restoring.restore(archive, tmp_path / "back")
    assert told(tmp_path / "back") == told(case)
    whole = archive.read_bytes().rstrip(b"\0")  # what a tar file ends with says nothing
    for share in range(1, 8):
        (tmp_path / "cut.tar").write_bytes(whole[: len(whole) * share // 8])
        with pytest.raises(StoreError, match=r"cut short|no whole|no backup|missing"):
            restoring.restore(tmp_path / "cut.tar", tmp_path / "never")
    assert not (tmp_path / "never").exists()
    with pytest.raises(StoreError, match="there already"):
        backup(case, archive, clock(), archive=True)


def test_each_byte_of_a_backup_counts(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """Tampering: whichever file of a backup is altered, cut, swapped or removed, the restore is refused."""
    _case, kept, _made = made
    files = [path.relative_to(kept) for path in sorted(kept.rglob("*")) if path.is_file() and path.name != "lock"]
    for number, name in enumerate(files):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(kept, copy)
        stored = (copy / name).read_bytes()
        spoilt = (stored[:-1] + bytes([stored[-1] ^ 1]), stored[: len(stored) // 2], (kept / files[-2]).read_bytes())
        for data in spoilt:
            if data != stored and not (name.name == "pollwatch-backup" and data[:-1] == stored[:-1]):
                (copy / name).write_bytes(data)
                with pytest.raises(StoreError):
                    _restore_all(copy, tmp_path / "never")
        (copy / name).unlink()
        if name.parts[0] == "pieces":
            with pytest.raises(StoreError, match="missing"):
                _restore_all(copy, tmp_path / "never")
        shutil.rmtree(copy)
    assert not (tmp_path / "never").exists()


def _restore_all(place: Path, to: Path) -> None:
    with vault.reading(place, SealedBox(None)) as stored:
        names = stored.backups()
    for name in names:
        with vault.reading(place, SealedBox(None)) as stored:
            _name, found = restoring.read(stored, place, name, None)
            restoring.verify(stored, found)
    assert not to.exists()


def _forged(made: tuple[Path, Path, Made], root: Path, alter: Callable[[manifest.Manifest], manifest.Manifest]) -> Path:
    """The backup with another list, as somebody makes it who can write there."""
    _case, kept, first = made
    shutil.copytree(kept, root)
    for path in (root / "backups").iterdir():
        path.unlink()
    vault.Vault(vault.Folder(root), SealedBox(None), str(root)).write_list(first.name, alter(first.manifest).to_bytes())
    return root


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "case.sqlite", "", ".", "a//b", "nul\0"])
def test_a_list_that_leads_out_of_the_case_is_refused(made: tuple[Path, Path, Made], tmp_path: Path, path: str) -> None:
    """Path traversal: whoever can write to a backup cannot have a restore write elsewhere, or a file twice."""
    evil = File(path, 0, "", 0o600, ())
    forged = _forged(made, tmp_path / "forged", lambda m: msgspec.structs.replace(m, files=(*m.files, evil)))
    with pytest.raises(StoreError, match="altered"):
        restoring.restore(forged, tmp_path / "never")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["forged"]


def test_a_whole_but_altered_case_is_found_by_its_evidence(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """A forger rewrites pieces and list alike: the logs do not carry it, and a digest noted down elsewhere tells."""
    _case, kept, first = made
    with vault.reading(kept, SealedBox(None)) as stored:
        _name, found = restoring.read(stored, kept, first.name, None)
        target = [file for file in found.files if "tile/entries" in file.path and "private" in file.path][-1]
        data = bytearray(stored.get(target.pieces[0]))
    data[len(data) // 2] ^= 1
    forged = tmp_path / "forged"

    def alter(old: manifest.Manifest) -> manifest.Manifest:
        box = vault.Vault(vault.Folder(forged), SealedBox(None), "")
        name, _written = box.put(bytes(data))
        file = msgspec.structs.replace(target, sha256=SealedBox(None).name(bytes(data)), pieces=(name,))
        return msgspec.structs.replace(old, files=tuple(file if f.path == file.path else f for f in old.files))

    _forged(made, forged, alter)
    with pytest.raises(EvidenceError, match="does not check out"):
        restoring.restore(forged, tmp_path / "never")
    with pytest.raises(StoreError, match="not the one with this digest"):
        restoring.restore(forged, tmp_path / "never", digest=first.digest)
    assert not (tmp_path / "never").exists()


def test_an_encrypted_backup_opens_with_its_key_only(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """Without the key nothing can be read, not even which files are there; another key is told apart."""
    case, _kept, _made = made
    make_key(tmp_path / "key")
    make_key(tmp_path / "other")
    key = read_key(tmp_path / "key")
    backup(case, tmp_path / "kept", clock(), key=key)
    assert backup(case, tmp_path / "kept", clock(), key=key).written_bytes == 0
    plain = {SealedBox(None).name((case / "case.sqlite").read_bytes())}
    for path in (tmp_path / "kept").rglob("*"):
        if path.is_file():
            assert b"ann" not in path.read_bytes()
            assert path.name not in plain
    restoring.restore(tmp_path / "kept", tmp_path / "back", key=key)
    assert told(tmp_path / "back") == told(case)
    with pytest.raises(StoreError, match="is encrypted"):
        restoring.restore(tmp_path / "kept", tmp_path / "never")
    with pytest.raises(StoreError, match="not made with this key"):
        restoring.restore(tmp_path / "kept", tmp_path / "never", key=read_key(tmp_path / "other"))
    with pytest.raises(StoreError, match="there already"):
        make_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(StoreError, match="read by others"):
        read_key(tmp_path / "key")


def test_older_backups_go_and_take_along_what_only_they_needed(tmp_path: Path) -> None:
    """``keep`` leaves the latest backups whole, and none of the others' pieces."""
    case = a_case(tmp_path / "case")
    for turn in range(3):
        backup(case, tmp_path / "kept", clock(), keep=2)
        go_on(case, turn * 10)
    backup(case, tmp_path / "kept", clock(), keep=1)
    with vault.reading(tmp_path / "kept", SealedBox(None)) as stored:
        (name,) = stored.backups()
        _name, found = restoring.read(stored, tmp_path, name, None)
        restoring.verify(stored, found)
    assert {path.name for path in (tmp_path / "kept" / "pieces").glob("*/*")} == found.pieces


def test_a_backup_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    """Scans are committed and sealed, and states set, while backups are made: each restores to a case that is whole."""
    case = a_case(tmp_path / "case")
    done = threading.Event()

    def write() -> None:
        turn = 0
        while not done.is_set() and turn < 60:
            turn += 10
            go_on(case, turn)
            with open_case(case) as opened:
                opened.set_status(opened.incidents()[0].id, "acknowledged" if turn % 20 else "open", "eva")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        names = [backup(case, tmp_path / "kept", clock()).name for _ in range(4)]
    finally:
        done.set()
        writer.join()
    sizes = []
    for name in names:
        restored = restoring.restore(tmp_path / "kept", tmp_path / name, name=name)
        assert restored.checked.wrong == ()
        inputs, *_rest = told(tmp_path / name)
        assert isinstance(inputs, list)
        # What the case has was sealed before it had it.
        assert restored.checked.openable >= len(inputs)
        sizes.append(len(inputs))
    assert sizes == sorted(sizes)


def test_a_log_from_an_old_backup_signs_no_second_history(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """Rollback: the case went on after the backup. Restored, it signs nothing; shown what others saw, never again."""
    case, kept, first = made
    went_on = tmp_path / "went-on"
    shutil.copytree(case, went_on)
    go_on(went_on, 50)
    back = tmp_path / "back"
    restoring.restore(kept, back, name=first.name)
    with CaseEvidence.open(back, clock()) as evidence:
        with pytest.raises(StoreError, match="signs nothing before `pollwatch db resume`"):
            evidence.seal_batch("new.log", 1, [b"a line"])
        with pytest.raises(StoreError, match="signs nothing"):
            evidence.publish_seal()
    published = {
        log: (went_on / "evidence" / log / "public" / "checkpoint").read_bytes() for log in ("private", "shared")
    }
    for seen in published.values():
        with pytest.raises(SplitError, match="never sign again"):
            resuming.resume(back, [seen], "eva", "the disk died", clock())
    with pytest.raises(UsageError, match="say why"):
        resuming.resume(back, [], "eva", " ", clock())
    foreign = (a_case(tmp_path / "foreign") / "evidence" / "shared" / "public" / "checkpoint").read_bytes()
    with pytest.raises(EvidenceError, match="not signed by any key"):
        resuming.resume(back, [foreign], "eva", "the disk died", clock())
    with CaseEvidence.open(back, clock()) as evidence, pytest.raises(StoreError, match="signs nothing"):
        evidence.publish_seal()


def test_a_log_goes_on_where_nothing_was_signed_since(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """What others saw is within the backup, and somebody answers for the rest: the logs go on from where they were."""
    case, kept, first = made
    back = tmp_path / "back"
    restoring.restore(kept, back, name=first.name)
    seen = (case / "evidence" / "shared" / "public" / "checkpoint").read_bytes()
    (found,) = resuming.resume(back, [seen], "eva", "the machine was off", clock())
    assert (found.log, found.checkpoint.size) == ("shared", 1)
    assert b"the machine was off" in (back / "evidence" / resuming.RECORD).read_bytes()
    go_on(back, 70)
    assert [(log.size, log.held) for log in checking.check(back).logs] == [(4, False), (2, False)]
    with pytest.raises(UsageError, match="was resumed already"):
        resuming.resume(back, [], "eva", "again", clock())


def test_a_restored_witness_cosigns_nothing(tmp_path: Path) -> None:
    """Rollback of a witness: it would cosign a fork of somebody else's log, so it is held, too."""
    case = a_case(tmp_path / "case")
    (case / "joint" / "gateway").mkdir(parents=True)
    signer = Signer.generate("w.example/witness", KeyType.COSIGNATURE)
    Witness(case / "joint" / "gateway" / "witness.sqlite", [signer], clock()).close()
    backup(case, tmp_path / "kept", clock())
    done = restoring.restore(tmp_path / "kept", tmp_path / "back")
    assert done.held == ("evidence/private", "evidence/shared", "joint/gateway")
    with pytest.raises(StoreError, match="signs nothing"):
        Witness(tmp_path / "back" / "joint" / "gateway" / "witness.sqlite", [signer], clock())


def test_a_check_names_what_is_wrong(tmp_path: Path) -> None:
    """A lost or foreign Parquet file, a damaged database and a damaged log are each told by their name."""
    case = a_case(tmp_path / "case")
    assert checking.check(case).wrong == ()
    (file,) = (case / "events").glob("*/*.parquet")
    stored = file.read_bytes()
    file.write_bytes(stored[: len(stored) // 2])
    assert "cannot be read" in checking.check(case).wrong[0]
    file.unlink()
    with pytest.raises(StoreError, match="missing"):
        backup(case, tmp_path / "kept", clock())
    file.write_bytes(stored)
    with sqlite3.connect(case / "case.sqlite") as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("UPDATE event_files SET rows = rows + 1")
        database.execute("DELETE FROM incident_index")
    database.close()
    wrong = "; ".join(checking.check(case).wrong)
    assert "the case counts" in wrong
    assert "not in the inbox's index" in wrong
    tile = next((case / "evidence" / "private" / "public" / "tile").rglob("entries/**/*"))
    for path in (case / "evidence" / "private" / "public" / "tile" / "entries").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[::-1])
    assert tile.exists()
    assert checking.check(case).tampered


@pytest.mark.parametrize("dump", SCHEMAS, ids=lambda path: path.stem)
def test_cases_of_earlier_versions_are_brought_up_to_date(dump: Path, tmp_path: Path) -> None:
    """A case as each earlier schema wrote it: nothing is lost, the inbox has it, and it is kept as it was."""
    case = from_dump(tmp_path / "case", dump)
    before = _rows(case / "case.sqlite")
    tried = upgrading.upgrade(case, dry_run=True)
    assert (tried.before, tried.after, _rows(case / "case.sqlite")) == (dump.stem, HEAD, before)
    assert [path.name for path in case.iterdir()] == ["case.sqlite"]
    if tried.steps:
        _refuse_without_room(case)
    done = upgrading.upgrade(case)
    assert upgrading.upgrade(case).steps == ()
    with open_case(case) as opened:
        incidents = opened.incidents()
        ann = next(each for each in incidents if "ann" in each.actors.user)
        assert len(incidents) == 4
        assert [change.text for change in opened.history(ann.id)] == ["called the owner — naïve \u202e text"]
        assert sorted(each.status for each in incidents) == ["closed", "open", "open", "open"]
        (joined,) = [each for each in incidents if len(each.actors.user) == 2]
    with Inbox.open(case) as inbox:
        assert {row.id for row in inbox.page(Question()).rows} == {each.id for each in incidents}
        assert [row.id for row in inbox.page(Question(text="dan")).rows] == [joined.id]
        assert inbox.count(Question(actors=("ann",))) == 1
        assert inbox.facets(Question()).assets[0].incidents == 4
    if done.copy is not None:
        assert _rows(done.copy) == before


def _refuse_without_room(case: Path) -> None:
    before = _rows(case / "case.sqlite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pollwatch.store.database.shutil.disk_usage", lambda _path: SimpleNamespace(free=1000))
        with pytest.raises(StoreError, match="no room for a copy"):
            upgrading.upgrade(case)
    assert _rows(case / "case.sqlite") == before


def _rows(path: Path) -> list[str]:
    database = sqlite3.connect(path)
    try:
        return list(database.iterdump())
    finally:
        database.close()


def test_a_backup_of_an_earlier_version_is_restored_and_then_brought_up_to_date(tmp_path: Path) -> None:
    """Old archives stay of use: what an earlier schema wrote is checked as that, and brought up to date when opened."""
    case = from_dump(tmp_path / "case", SCHEMAS[0])
    made = backup(case, tmp_path / "old.tar", clock(), archive=True)
    assert made.manifest.schema == "0001"
    restored = restoring.restore(tmp_path / "old.tar", tmp_path / "back")
    assert restored.checked.schema == "0001"
    with open_case(tmp_path / "back") as opened:
        assert len(opened.incidents()) == 4
    assert checking.check(tmp_path / "back").schema == HEAD


def test_a_backup_of_a_newer_version_is_refused(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """What a later pollwatch wrote is not taken for something else."""
    forged = _forged(made, tmp_path / "forged", lambda m: msgspec.structs.replace(m, schema="9999"))
    with pytest.raises(StoreError, match="newer pollwatch"):
        restoring.restore(forged, tmp_path / "never")


def test_what_is_erased_is_gone_from_the_copy_of_before_an_upgrade(tmp_path: Path) -> None:
    """Erasure reaches the database that an upgrade kept beside the case."""
    case = from_dump(tmp_path / "case", SCHEMAS[0])
    copy = upgrading.upgrade(case).copy
    assert copy is not None
    with open_case(case) as opened:
        opened.erase({"b.log": [(1, 2)]})
    assert not copy.exists()


def test_backups_keep_to_their_folder(made: tuple[Path, Path, Made], tmp_path: Path) -> None:
    """A folder with other things in it is not made a place for backups, and nothing in it is touched."""
    case, _kept, _made = made
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"x")
    with pytest.raises(StoreError, match="holds other things"):
        backup(case, tmp_path / "photos", clock())
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["one.jpg"]
    for missing in (tmp_path / "nothing", tmp_path / "photos"):
        with pytest.raises(StoreError, match=r"no backup|not there"):
            restoring.restore(missing, tmp_path / "never")
