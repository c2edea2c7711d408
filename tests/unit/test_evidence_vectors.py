"""Other people's test vectors that no other module of ours goes through: tiles, transcript, weak keys, bundles."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, SignatureError
from pollwatch.evidence import checkpoint, fsck, merkle
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer, Verifier, key_id
from pollwatch.evidence.note import Signature
from pollwatch.evidence.request import parse_add_checkpoint
from pollwatch.evidence.tiles import TileReader
from pollwatch.evidence.witness import Witness

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason="no ../shared/vectors")
TESSERA = Verifier.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
CLOCK = ManualClock(1_793_000_000_000_000)


def tessera(size: int) -> tuple[SignedCheckpoint, TileReader]:
    """The recorded log at one of its sizes: the checkpoint checked, the tiles as files."""
    folder = VECTORS / "tessera-log" / "log"
    signed = checkpoint.open_checkpoint((folder / f"checkpoint.{size}").read_bytes(), TESSERA)
    return signed, TileReader(lambda path: (folder / path).read_bytes(), size)


@pytest.mark.parametrize("size", range(16))
def test_every_state_of_a_tessera_log(size: int) -> None:
    """Each of its sizes 0 to 15: our reader finds its root, its entries, and proves each of them and all growth."""
    signed, tiles = tessera(size)
    root = signed.checkpoint.root
    assert tiles.root() == root
    if size:
        fsck.check_all(tiles, root)
    for index in range(size):
        merkle.verify_inclusion(index, size, merkle.leaf_hash(tiles.entry(index)), tiles.inclusion(index), root)
    for old in range(1, size + 1):
        merkle.verify_consistency(old, size, tessera(old)[0].checkpoint.root, root, tiles.consistency(old))


def test_our_witness_follows_a_tessera_log() -> None:
    """A witness of ours cosigns every one of its states, one after the other."""
    from pollwatch.evidence.request import build_add_checkpoint

    mine = Witness(Path(":memory:"), [Signer.generate("w.example", KeyType.COSIGNATURE)], CLOCK, [TESSERA])
    old = 0
    for size in range(1, 16):
        signed, tiles = tessera(size)
        assert mine.add_checkpoint(build_add_checkpoint(old, tiles.consistency(old), signed)).status == 200
        old = size
    mine.close()


def test_a_sigsum_transcript_with_its_cosignatures() -> None:
    """Each accepted request of a real witness: its proof fits the leaves, its cosignature verifies; four in all."""
    transcript = json.loads((VECTORS / "sigsum" / "witness-transcript.json").read_text())
    log = Verifier.parse(transcript["log_vkey"])
    witness = Verifier(transcript["witness_name"], KeyType.COSIGNATURE, bytes.fromhex(transcript["witness_pub_hex"]))
    tree = merkle.Tree(merkle.leaf_hash(number.to_bytes(2, "big")) for number in range(300))
    verified = []
    for step in transcript["steps"]:
        if step["status"] != 200:
            continue
        request = parse_add_checkpoint(step["request"].encode())
        at = checkpoint.open_checkpoint(request.signed.to_bytes(), log).checkpoint
        assert at.root == tree.root(at.size)
        assert request.proof == tree.consistency(request.old, at.size)
        line = Signature.parse(step["body"])
        verified.append((at.size, checkpoint.verify_line(at, line, witness)))
        other = checkpoint.Checkpoint(at.origin, at.size + 1, at.root)
        with pytest.raises(SignatureError):
            checkpoint.verify_line(other, line, witness)
    assert [size for size, _time in verified] == [7, 256, 300, 300]


def edge_cases() -> list[dict[str, Any]]:
    """The Ed25519 edge cases."""
    return list(json.loads((VECTORS / "ed25519-cctv" / "ed25519vectors.json").read_text()))


def test_no_edge_case_enrols_a_key_under_which_strange_signatures_verify() -> None:
    """Attack 9: of 914 edge cases, those that the library accepts under a weak key need a key that we never enrol."""
    cases = edge_cases()
    assert len(cases) == 914
    weak_accepted, refused = 0, set()
    for case in cases:
        public, flags = bytes.fromhex(case["key"]), set(case["flags"] or ())
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(case["sig"]), case["msg"].encode())
            accepted = True
        except (InvalidSignature, ValueError):
            accepted = False
        is_weak = "low_order_A" in flags
        weak_accepted += accepted and is_weak
        if flags & {"low_order_A", "low_order_component_A", "non_canonical_A"}:
            with pytest.raises(SignatureError):
                Verifier("a.example/log", KeyType.ED25519, public)
            refused.add(public)
    assert weak_accepted == 122  # as ../shared/vectors/README.md counted
    assert len(refused) >= 14  # eight points of small order and six second spellings, and keys mixed with them


def test_every_way_to_enrol_refuses_every_weak_key() -> None:
    """Attack 9: the key comes as a vkey, in a policy, or as a cosigner's; no spelling gets in."""
    from pollwatch.evidence.policy import Policy

    weak = {bytes.fromhex(case["key"]) for case in edge_cases() if "low_order_A" in (case["flags"] or ())}
    for public in weak:
        for kind in (KeyType.ED25519, KeyType.COSIGNATURE):
            body = base64.b64encode(bytes([kind]) + public).decode()
            vkey = f"a.example+{key_id('a.example', kind, public).hex()}+{body}"
            with pytest.raises(SignatureError):
                Verifier.parse(vkey)
            for line in (f"log {vkey}", f"witness w {vkey}"):
                with pytest.raises(EvidenceError):
                    Policy.parse(f"{line}\nquorum none\n".encode())


@pytest.mark.parametrize("name", ["staging-rekor-v2.txt", "a.dsse.staging-rekor-v2.txt"])
def test_a_bundle_of_a_public_log(name: str) -> None:
    """A Rekor v2 bundle: inclusion, the entry's own digest of the artefact, and the key id on the log's signature."""
    bundle = json.loads((VECTORS / "rekor-v2" / f"{name}.sigstore.json").read_text())
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    proof = entry["inclusionProof"]
    envelope = proof["checkpoint"]["envelope"].encode()
    signed = SignedCheckpoint.parse(envelope)
    assert signed.to_bytes() == envelope
    at = signed.checkpoint
    assert (at.size, at.root) == (int(proof["treeSize"]), base64.b64decode(proof["rootHash"]))
    leaf = merkle.leaf_hash(base64.b64decode(entry["canonicalizedBody"]))
    hashes = [base64.b64decode(each) for each in proof["hashes"]]
    merkle.verify_inclusion(int(proof["logIndex"]), at.size, leaf, hashes, at.root)
    for wrong in (int(proof["logIndex"]) - 1, at.size):
        with pytest.raises(EvidenceError):
            merkle.verify_inclusion(wrong, at.size, leaf, hashes, at.root)
    # The log's line is named by the first four bytes of the log id that the bundle states.
    own = [line for line in signed.note.signatures if line.name == at.origin]
    assert [line.key_id for line in own] == [base64.b64decode(entry["logId"]["keyId"])[:4]]
    # Cosignatures of type 04: time and signature; the time is one in which the witness existed.
    for line in signed.note.signatures:
        if line.name != at.origin:
            assert len(line.blob) == 72
            assert 1_700_000_000 < int.from_bytes(line.blob[:8], "big") < 1_800_000_000


def test_a_rekor_entry_commits_to_the_file_it_is_about() -> None:
    """The artefact's digest stands in the entry that the inclusion proof is for."""
    bundle = json.loads((VECTORS / "rekor-v2" / "staging-rekor-v2.txt.sigstore.json").read_text())
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    digest = base64.b64decode(body["spec"]["hashedRekordV002"]["data"]["digest"])
    assert sha256((VECTORS / "rekor-v2" / "staging-rekor-v2.txt").read_bytes()).digest() == digest
