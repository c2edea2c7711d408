"""The tiled log: layout, proofs, recovery, and every way in which it must refuse to sign."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.clock import ManualClock
from pollwatch.errors import PollwatchError, ProofError, SignatureError, StoreError
from pollwatch.evidence import fsck, log, merkle, tiles
from pollwatch.evidence.checkpoint import open_checkpoint
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.log import Log
from pollwatch.evidence.tiles import TileReader

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="no ../shared/vectors")
KEYS = (
    Signer("a.example/shared", KeyType.ED25519, bytes(range(32))),
    Signer("a.example/shared", KeyType.MLDSA44, bytes(range(1, 33))),
)
CLOCK = ManualClock(1_793_000_000_000_000)


def opened(folder: Path) -> Log:
    """The log of these tests."""
    return Log.open(folder, KEYS, CLOCK)


def numbered(start: int, end: int) -> list[bytes]:
    """Distinct entries."""
    return [f"entry {number}".encode() for number in range(start, end)]


@needs_vectors
def test_reads_a_real_log() -> None:
    """Every entry of a real Tessera log is proven into its checkpoint, at every size, from its own tiles."""
    key = Verifier.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
    public = VECTORS / "tessera-log" / "log"
    signed, reader = log.open_reader(public, key)
    assert reader.size == 15
    for size in range(1, 16):
        older = open_checkpoint((public / f"checkpoint.{size}").read_bytes(), key).checkpoint
        view = reader.resized(size)
        fsck.check_all(view, older.root)
        merkle.verify_consistency(size, 15, older.root, signed.checkpoint.root, reader.consistency(size))
        for index, entry in enumerate(view.entries(0, size)):
            merkle.verify_inclusion(index, size, merkle.leaf_hash(entry), view.inclusion(index), older.root)


def test_tile_paths_are_those_of_the_specification() -> None:
    """The examples of tlog-tiles: groups of three digits, and the tiles of a log of 70,000."""
    assert tiles.tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.entries_path(273, 112) == "tile/entries/273.p/112"
    assert tiles.tile_path(2, 0, 1) == "tile/2/000.p/1"
    assert [tiles.tile_width(level, index, 70000) for level, index in ((0, 272), (0, 273), (1, 1), (2, 0))] == [
        256,
        112,
        17,
        1,
    ]
    assert tiles.tile_width(1, 2, 70000) == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=256))
def test_entry_bundles_round_trip(entries: list[bytes]) -> None:
    """What is bundled comes back, and a cut-off bundle is refused."""
    data = tiles.encode_entries(entries)
    assert tiles.decode_entries(data, len(entries)) == tuple(entries)
    if data:
        with pytest.raises(ProofError):
            tiles.decode_entries(data[:-1], len(entries))


def test_grows_in_any_steps_like_a_tree_in_memory(tmp_path: Path) -> None:
    """Whatever the batches, roots and proofs equal those of a plain tree, and others can read the public folder."""
    everything = numbered(0, 1400)
    tree = merkle.Tree(merkle.leaf_hash(entry) for entry in everything)
    with opened(tmp_path / "log") as mine:
        for start, end in ((0, 1), (1, 1), (1, 200), (200, 256), (256, 300), (300, 1100), (1100, 1400)):
            assert mine.append(everything[start:end]) == range(start, end)
            assert mine.root == tree.root(end)
            signed, reader = log.open_reader(mine.public, mine.verifier)
            assert signed.checkpoint.root == mine.root
            fsck.check_all(reader, mine.root)
        assert mine.entry(1399) == b"entry 1399"
        for index in (0, 255, 256, 1023, 1399):
            assert mine.inclusion(index) == tree.inclusion(index)
        for old in (1, 255, 256, 257, 1024, 1399):
            assert mine.consistency(old) == tree.consistency(old)
        # Where a tile is full, its partial forerunners are gone; an older view still reads it.
        assert not (mine.public / "tile" / "0" / "000.p").exists()
        assert mine.reader().resized(7).root() == tree.root(7)
    with opened(tmp_path / "log") as again:
        assert (again.size, again.root) == (1400, tree.root())


def test_checkpoints_carry_both_signatures(tmp_path: Path) -> None:
    """The log signs with Ed25519 and cosigns with ML-DSA; late cosignatures are appended once."""
    from pollwatch.evidence import checkpoint

    with opened(tmp_path) as mine:
        mine.append([b"x"])
        assert len(checkpoint.verify(mine.signed, mine.verifiers)) == 2
        witness = Signer.generate("b.example/witness", KeyType.COSIGNATURE)
        line = checkpoint.sign(mine.signed.checkpoint, witness, 5)
        mine.add_cosignatures([line])
        mine.add_cosignatures([line])
        assert len(mine.signed.note.signatures) == 3
    with opened(tmp_path) as again:
        assert again.signed.note.by(witness.verifier) == (line,)


def test_late_cosignatures_are_kept_for_their_checkpoint(tmp_path: Path) -> None:
    """Witnesses may answer when the log has grown: their lines stay with the checkpoint that they are on."""
    from pollwatch.evidence import checkpoint

    first, second = (Signer.generate(f"w{n}.example", KeyType.COSIGNATURE) for n in range(2))
    with opened(tmp_path) as mine:
        seen = []
        for entry in (b"x", b"y", b"z"):
            mine.append([entry])
            seen.append(mine.signed)
        assert mine.cosigned(1) is None
        mine.add_cosignatures([checkpoint.sign(seen[0].checkpoint, first, 5)], seen[0])
        assert mine.signed == seen[2]
        for witness in (first, second):
            mine.add_cosignatures([checkpoint.sign(seen[1].checkpoint, witness, 6)], seen[1])
        mine.add_cosignatures([checkpoint.sign(seen[2].checkpoint, first, 7)])
        sizes = [best.checkpoint.size if (best := mine.cosigned(size)) else None for size in (1, 2, 3, 4)]
        assert sizes == [2, 2, 3, None]
        other = checkpoint.signed(type(seen[0].checkpoint)("a.example/shared", 1, bytes(32)), KEYS[:1])
        with pytest.raises(ProofError, match="did not sign"):
            mine.add_cosignatures([checkpoint.sign(other.checkpoint, first, 8)], other)


def test_witnesses_may_be_asked_again_and_again(tmp_path: Path) -> None:
    """A log that stands still is cosigned every five minutes: each witness's first line stays, and none fill it."""
    from pollwatch.evidence import checkpoint

    many = [Signer.generate(f"w{n}.example", KeyType.COSIGNATURE) for n in range(130)]
    with opened(tmp_path) as mine:
        mine.append([b"x"])
        at = mine.signed.checkpoint
        for time_s in range(200):
            mine.add_cosignatures([checkpoint.sign(at, many[0], 100 + time_s)])
        (line,) = mine.signed.note.by(many[0].verifier)
        assert checkpoint.verify_line(at, line, many[0].verifier) == 100
        mine.add_cosignatures([checkpoint.sign(at, each, 5) for each in many])
        assert len(mine.signed.note.signatures) == 128
        kept = mine.cosigned(1)
        assert kept is not None
        assert kept.note == mine.signed.note
    with opened(tmp_path) as again:
        assert again.signed.note == mine.signed.note


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """Attack or accident: two processes append to one log and fork it."""
    with opened(tmp_path), pytest.raises(StoreError, match="one writer"):
        opened(tmp_path)
    opened(tmp_path).close()


def test_oversized_entries_change_nothing(tmp_path: Path) -> None:
    """An entry over 65,535 bytes is refused and the log goes on."""
    with opened(tmp_path) as mine:
        with pytest.raises(ProofError, match="65535"):
            mine.append([b"ok", bytes(65_536)])
        assert mine.size == 0
        mine.append([bytes(65_535)])


def test_another_key_cannot_continue_a_log(tmp_path: Path) -> None:
    """Attack: sign on under another name, or publish with a key that never signed it."""
    opened(tmp_path).close()
    with pytest.raises(SignatureError):
        Log.open(tmp_path, [Signer.generate("evil.example/shared")], CLOCK)
    with pytest.raises(SignatureError):
        Log.open(tmp_path, [Signer.generate("a.example/shared")], CLOCK)


def filled(folder: Path, count: int = 300) -> Path:
    """A closed log with entries."""
    with opened(folder) as mine:
        mine.append(numbered(0, count))
    return folder


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
@pytest.mark.parametrize("kind", ["flipped", "lost", "short"])
def test_damaged_tiles_stop_the_signing(tmp_path: Path, path: str, kind: str) -> None:
    """A tile write that failed, or bit rot: the log sees it on opening and refuses to sign."""
    target = filled(tmp_path) / "public" / path
    data = target.read_bytes()
    if kind == "lost":
        target.unlink()
    else:
        target.write_bytes(bytes([data[0], data[1], data[2] ^ 1]) + data[3:] if kind == "flipped" else data[:-1])
    with pytest.raises(ProofError):
        opened(tmp_path)


def test_fsck_finds_damage_that_the_edge_does_not_show(tmp_path: Path) -> None:
    """A changed entry far from the edge is named by the full check."""
    public = filled(tmp_path, 600) / "public"
    target = public / "tile" / "entries" / "000"
    target.write_bytes(target.read_bytes().replace(b"entry 7", b"entry 8", 1))
    signed, reader = log.open_reader(public, KEYS[0].verifier)
    with pytest.raises(ProofError, match="tile/entries/000"):
        fsck.check_all(reader, signed.checkpoint.root)


def test_fsck_checks_the_signed_state_beside_the_writer(tmp_path: Path) -> None:
    """A full check reads state and checkpoint of an open log, and sees a state from a backup and one of another log."""
    filled(tmp_path, 300)
    shutil.copy(tmp_path / "state.sqlite", tmp_path / "backup")
    with opened(tmp_path) as mine:
        mine.append([b"later"])
        assert fsck.check_log(tmp_path, KEYS[0].verifier).root() == mine.root
    assert fsck.check_log(tmp_path, KEYS[0].verifier).size == 301
    shutil.copy(tmp_path / "backup", tmp_path / "state.sqlite")
    with pytest.raises(ProofError, match="backup"):
        fsck.check_log(tmp_path, KEYS[0].verifier)
    other = sqlite3.connect(tmp_path / "state.sqlite")
    other.execute("UPDATE signed SET origin = 'b.example/shared'")
    other.commit()
    other.close()
    with pytest.raises(SignatureError, match="not that of"):
        fsck.check_log(tmp_path, KEYS[0].verifier)
    (tmp_path / "state.sqlite").unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        fsck.check_log(tmp_path, KEYS[0].verifier)


def test_partial_tiles_go_when_the_full_one_has_stood_for_an_append(tmp_path: Path) -> None:
    """Whoever read the checkpoint before still finds its partial tiles; what a crash left is swept on opening."""
    with opened(tmp_path) as mine:
        mine.append(numbered(0, 250))
        older, public = mine.reader(), mine.public
        mine.append(numbered(250, 300))
        assert (public / "tile" / "0" / "000.p" / "250").exists()
        mine.append(numbered(300, 301))
        assert not (public / "tile" / "0" / "000.p").exists()
        assert not (public / "tile" / "entries" / "000.p").exists()
        assert TileReader(older.fetch, 250).root() == older.root()
        mine.append(numbered(301, 520))
        (public / "tile" / "0" / ".tmp-left").write_bytes(b"half")
        assert (public / "tile" / "0" / "001.p").exists()
    with opened(tmp_path) as again:
        assert not (public / "tile" / "0" / "001.p").exists()
        assert not (public / "tile" / "0" / ".tmp-left").exists()
        fsck.check_all(again.reader(), again.root)


def test_a_restored_state_database_stops_the_signing(tmp_path: Path) -> None:
    """Accident that looks like an attack: the state is restored from a backup and the log would fork itself."""
    filled(tmp_path, 3)
    shutil.copy(tmp_path / "state.sqlite", tmp_path / "backup")
    with opened(tmp_path) as mine:
        mine.append([b"later"])
    shutil.copy(tmp_path / "backup", tmp_path / "state.sqlite")
    with pytest.raises(ProofError, match="backup"):
        opened(tmp_path)
    (tmp_path / "state.sqlite").unlink()
    with pytest.raises(ProofError, match="lost its signed state"):
        opened(tmp_path)


def test_publishing_that_was_cut_short_is_made_up_for(tmp_path: Path) -> None:
    """A crash after the swap and before publishing: opening publishes the signed state."""
    filled(tmp_path, 3)
    older = (tmp_path / "public" / "checkpoint").read_bytes()
    with opened(tmp_path) as mine:
        mine.append([b"later"])
        root = mine.root
    (tmp_path / "public" / "checkpoint").write_bytes(older)
    with opened(tmp_path) as again:
        assert (again.size, again.root) == (4, root)
    assert open_checkpoint((tmp_path / "public" / "checkpoint").read_bytes(), KEYS[0].verifier).checkpoint.size == 4


def test_tiles_of_an_append_that_never_finished_are_overwritten(tmp_path: Path) -> None:
    """A crash before the swap leaves tiles of entries that were never acknowledged; they count for nothing."""
    filled(tmp_path, 250)
    state = (tmp_path / "state.sqlite").read_bytes()
    published = (tmp_path / "public" / "checkpoint").read_bytes()
    kept = {path: path.read_bytes() for path in (tmp_path / "public").rglob("*") if path.is_file()}
    with opened(tmp_path) as mine:
        mine.append([b"lost"] * 300)
    (tmp_path / "state.sqlite").write_bytes(state)
    for path, data in kept.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "public" / "checkpoint").write_bytes(published)
    with opened(tmp_path) as again:
        assert again.size == 250
        again.append([b"kept"] * 300)
        fsck.check_all(again.reader(), again.root)
        assert again.entry(250) == b"kept"


def test_a_state_that_another_writer_moved_is_not_overwritten(tmp_path: Path) -> None:
    """Attack: move the signed state behind the writer's back; the compare-and-swap sees it."""
    with opened(tmp_path) as mine:
        mine.append([b"x"])
        other = sqlite3.connect(tmp_path / "state.sqlite")
        other.execute("UPDATE signed SET size = 2")
        other.commit()
        other.close()
        with pytest.raises(PollwatchError, match="another writer"):
            mine.append([b"y"])


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush fails with EIO: the append raises, the log closes itself, and opening it finds what was acknowledged."""
    from pollwatch import durable

    filled(tmp_path, 10)

    def broken(_path: Path) -> None:
        raise OSError(5, "Input/output error")

    mine = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(durable, "sync_path", broken)
        with pytest.raises(StoreError, match="open it again"):
            mine.append([b"x"])
    with pytest.raises(StoreError, match="closed"):
        mine.append([b"x"])
    with opened(tmp_path) as again:
        assert again.size == 10


WRITER = """
import sys
from pathlib import Path
from pollwatch.clock import SystemClock
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log
log = Log.open(Path(sys.argv[1]), [Signer("a.example/shared", KeyType.ED25519, bytes(range(32)))], SystemClock())
while True:
    first = log.size
    log.append([f"entry {n}".encode() for n in range(first, first + 1 + first % 37)])
    sys.stdout.write(f"{log.size} {log.root.hex()}\\n")
    sys.stdout.flush()
"""


def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """SIGKILL at arbitrary moments: after each restart all acknowledged entries are there and history only grew."""
    acknowledged = [(0, merkle.EMPTY_ROOT)]
    for turn in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(3 + 5 * turn):
                size, root = process.stdout.readline().split()
                acknowledged.append((int(size), bytes.fromhex(root)))
            process.send_signal(signal.SIGKILL)
            rest = (line.split() for line in process.stdout if line.endswith("\n"))
            acknowledged.extend((int(size), bytes.fromhex(root)) for size, root in rest)
        with Log.open(tmp_path, KEYS[:1], CLOCK) as mine:
            fsck.check_all(mine.reader(), mine.root)
            assert mine.size >= acknowledged[-1][0]
            assert list(mine.reader().entries(0, mine.size)) == numbered(0, mine.size)
            for size, known in acknowledged:
                assert mine.reader().root(size) == known


def test_a_reader_never_believes_a_missing_or_short_tile() -> None:
    """A peer that serves nothing, or nonsense, gets an error, not an answer."""

    def nothing(path: str) -> bytes:
        raise FileNotFoundError(path)

    for fetch in (nothing, lambda _path: b"short"):
        with pytest.raises(ProofError):
            TileReader(fetch, 5).root()
        with pytest.raises(ProofError):
            TileReader(fetch, 5).entry(2)
    with pytest.raises(ProofError):
        TileReader(nothing, 5).entry(5)
