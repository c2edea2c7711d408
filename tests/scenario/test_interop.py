"""Other people's readers accept our log, and ours accept what they write.

`tlog-scales` reads the log as files, `proofbundle` reads single proofs, and Go's own transparency-log library checks
both through a small program in ``tools/interop``. None of them shares code with us.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from proofbundle import checkpoint as their_checkpoint
from proofbundle import merkle as their_merkle
from proofbundle import tlogproof as their_tlogproof
from tlog_scales import backend, reader, signing, tiles, tlog, writer

from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError
from pollwatch.evidence import checkpoint, fsck, log
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log
from pollwatch.evidence.note import Signature
from pollwatch.evidence.tlogproof import TlogProof

CHECKER = Path(__file__).parents[2] / "tools" / "interop"
CLOCK = ManualClock(1_793_000_000_000_000)
KEYS = (
    Signer("a.example/shared", KeyType.ED25519, bytes(range(32))),
    Signer("a.example/shared", KeyType.MLDSA44, bytes(range(1, 33))),
)
WITNESSES = (
    Signer("b.example/witness", KeyType.COSIGNATURE, bytes(range(2, 34))),
    Signer("c.example/witness", KeyType.MLDSA44, bytes(range(3, 35))),
)
# A first tile that was partial once, a full second level, and partial tiles on three levels.
SIZES = (100, 65_536 + 300)
INDEXES = (0, 1, 99, 255, 256, 65_535, 65_536, SIZES[-1] - 1)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of ours with both of its keys' and two witnesses' signatures; its public folder."""
    folder = tmp_path_factory.mktemp("interop") / "log"
    with Log.open(folder, KEYS, CLOCK) as made:
        for start, end in zip((0, *SIZES), SIZES, strict=False):
            made.append([f"entry {number}".encode() for number in range(start, end)])
        at = made.signed.checkpoint
        made.add_cosignatures([checkpoint.sign(at, each, 1_793_000_001) for each in WITNESSES])
    return folder / "public"


def proof_of(public: Path, index: int) -> tuple[bytes, TlogProof]:
    """An entry, and its place as a tlog-proof."""
    signed, ours_reader = log.open_reader(public, KEYS[0].verifier)
    return ours_reader.entry(index), TlogProof(index, ours_reader.inclusion(index), signed)


def test_interop_tlog_scales_reads_our_log(ours: Path) -> None:
    """Its reader computes our root from our tiles, reads our entries, and checks every kind of signature we make."""
    their = reader.TilesReader(backend.LocalBackend(ours))
    at = their.get_checkpoint()
    assert at.size == SIZES[-1]
    assert their.calculate_root_hash() == at.root_hash
    for key in (*KEYS, *WITNESSES):
        at.verify(signing.Vkey.from_string(key.verifier.vkey))
    for index in INDEXES:
        entry = their.get_entry(index)
        assert entry == f"entry {index}".encode()
        their.get_inclusion_proof(index, at.size).check(tiles.leaf_hash(entry), at.root_hash)
        mine = proof_of(ours, index)[1]
        assert list(mine.proof) == their.get_inclusion_proof(index, at.size).node_hashes
    _signed, mine_reader = log.open_reader(ours, KEYS[0].verifier)
    for old in (1, 100, 256, 65_536):
        theirs = their.get_consistency_proof(old, at.size)
        assert tuple(theirs.node_hashes) == mine_reader.consistency(old)
        theirs.check(mine_reader.root(old), at.root_hash)


def test_interop_tlog_scales_refuses_what_we_changed(ours: Path) -> None:
    """Its checks are real: another key, another size or another leaf fails there as it does here."""
    their = reader.TilesReader(backend.LocalBackend(ours))
    at = their.get_checkpoint()
    stranger = Signer("a.example/shared", KeyType.ED25519, bytes(range(9, 41))).verifier.vkey
    with pytest.raises(RuntimeError):
        at.verify(signing.Vkey.from_string(stranger))
    with pytest.raises(tlog.InclusionProofInvalid):
        their.get_inclusion_proof(5, at.size).check(tiles.leaf_hash(b"another"), at.root_hash)


def test_interop_we_read_a_log_of_tlog_scales(tmp_path: Path) -> None:
    """A log that it wrote and signed checks out here, entry by entry."""
    root = tmp_path / "theirs"
    log_key = signing.PlainEd25519Signer("t.example/log", bytes(range(32)))
    quantum = signing.MLDSA44CosignatureSigner("t.example/log", bytes(range(32)))
    made = writer.TilesWriter.create(root, "t.example/log")
    for start, end in ((0, 70), (70, 700)):
        for number in range(start, end):
            made.add_leaf(f"leaf {number}".encode())
        made.commit([log_key, quantum])
    key = Signer("t.example/log", KeyType.ED25519, bytes(range(32))).verifier
    signed, mine = log.open_reader(root, key)
    fsck.check_all(mine, signed.checkpoint.root)
    assert mine.entry(699) == b"leaf 699"
    also = Signer("t.example/log", KeyType.MLDSA44, bytes(range(32))).verifier
    assert len(checkpoint.verify(signed, (key, also))) == 2


@pytest.mark.parametrize("index", INDEXES)
def test_interop_proofbundle_accepts_our_proofs(ours: Path, index: int) -> None:
    """Its verifier takes our tlog-proof with the log's key and both witnesses, and refuses another entry."""
    entry, proof = proof_of(ours, index)
    keys = [each.verifier.vkey for each in WITNESSES]
    text = proof.to_bytes().decode()
    log_key = KEYS[0].verifier.vkey
    result = their_tlogproof.verify_tlog_proof(
        text, entry, log_key, keys, threshold=2, expected_origin="a.example/shared"
    )
    assert result["ok"], result
    assert (result["index"], result["tree_size"]) == (index, SIZES[-1])
    assert not their_tlogproof.verify_tlog_proof(text, entry + b"x", log_key, keys, threshold=2)["ok"]


def test_interop_proofbundle_accepts_our_cosignatures_and_growth(ours: Path) -> None:
    """It reads the time in each of our cosignatures, and our consistency proofs."""
    signed, mine = log.open_reader(ours, KEYS[0].verifier)
    for witness in WITNESSES:
        result = their_checkpoint.verify_cosignature(signed.to_bytes().decode(), witness.verifier.vkey)
        assert (result["ok"], result["timestamp"]) == (True, 1_793_000_001), result
    for old in (1, 100, 65_536):
        roots = mine.root(old), signed.checkpoint.root
        assert their_merkle.verify_consistency(old, SIZES[-1], list(mine.consistency(old)), *roots)


def test_interop_we_accept_what_proofbundle_signs() -> None:
    """A checkpoint and a cosignature that it made verify here, under the key ids that it computed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    root = sha256(b"anything").digest()
    keys: list[Any] = [Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2)]
    note = their_checkpoint.sign_checkpoint("p.example/log", 12, root, keys[0], "p.example/log")
    note = their_checkpoint.cosign_checkpoint(note, keys[1], "q.example/witness", 1_793_000_000)
    mine = Signer("p.example/log", KeyType.ED25519, bytes([1] * 32)).verifier
    witness = Signer("q.example/witness", KeyType.COSIGNATURE, bytes([2] * 32)).verifier
    assert their_checkpoint.vkey("p.example/log", mine.public) == mine.vkey
    signed = checkpoint.open_checkpoint(note.encode(), mine)
    assert signed.checkpoint.root == root
    assert [each.time_s for each in checkpoint.verify(signed, (witness,))] == [1_793_000_000]


@pytest.fixture(scope="module")
def go_checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go checker, built."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go")
    target = tmp_path_factory.mktemp("go") / "interop"
    done = subprocess.run(
        [go, "build", "-o", str(target), "."],
        cwd=CHECKER,
        env={**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if "golang.org/x/mod" in done.stderr and ("dial tcp" in done.stderr or "lookup" in done.stderr):
        pytest.skip("no Go: its module golang.org/x/mod cannot be fetched")
    assert done.returncode == 0, done.stderr
    return target


def run_go(checker: Path, public: Path, vkey: str) -> subprocess.CompletedProcess[str]:
    """Have the Go checker read a log and prove entries."""
    words = [str(checker), str(public), vkey, *map(str, INDEXES)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.timeout(300)
def test_interop_go_reads_our_log(ours: Path, go_checker: Path, tmp_path: Path) -> None:
    """Go's library opens our note, authenticates our tiles and proves entries and growth; it refuses changed ones."""
    signed, _mine = log.open_reader(ours, KEYS[0].verifier)
    done = run_go(go_checker, ours, KEYS[0].verifier.vkey)
    assert done.returncode == 0, done.stderr
    root = base64.b64encode(signed.checkpoint.root).decode()
    assert done.stdout == f"a.example/shared {SIZES[-1]} {root} {len(INDEXES)} proven\n"
    stranger = Signer("a.example/shared", KeyType.ED25519, bytes(range(9, 41))).verifier.vkey
    assert run_go(go_checker, ours, stranger).returncode != 0
    changed = tmp_path / "changed"
    shutil.copytree(ours, changed)
    tile = changed / "tile" / "0" / "000"
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    assert run_go(go_checker, changed, KEYS[0].verifier.vkey).returncode != 0


def test_interop_a_line_that_others_ignore_is_ignored_here(ours: Path) -> None:
    """A signature of a kind that nobody here knows voids nothing; a known key's wrong one voids the checkpoint."""
    signed, _mine = log.open_reader(ours, KEYS[0].verifier)
    future = signed.adding([Signature("x.example", b"\1\2\3\4", b"a kind of the future")])
    assert checkpoint.open_checkpoint(future.to_bytes(), KEYS[0].verifier).checkpoint == signed.checkpoint
    text = future.to_bytes().decode()
    assert their_checkpoint.verify_checkpoint(text, KEYS[0].verifier.vkey)["ok"]
    bad = Signature(KEYS[0].name, KEYS[0].verifier.id, bytes(64))
    with pytest.raises(EvidenceError):
        checkpoint.open_checkpoint(SignedCheckpoint.parse(signed.to_bytes()).adding([bad]).to_bytes(), KEYS[0].verifier)
