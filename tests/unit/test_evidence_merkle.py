"""Merkle trees against RFC 6962 vectors and against a tree written the slow, obvious way."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.checkpoint import SignedCheckpoint

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors" / "merkle-rfc6962-json"
REKOR = VECTORS.parent / "rekor-v2"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="no ../shared/vectors")


def obvious_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + obvious_root(leaves[:k]) + obvious_root(leaves[k:])).digest()


def leaves_of(count: int) -> list[bytes]:
    """Leaf hashes of some entries."""
    return [merkle.leaf_hash(str(number).encode()) for number in range(count)]


def cases(kind: str) -> list[Any]:
    """The vector files of one kind."""
    return [pytest.param(path, id=str(path.relative_to(VECTORS))) for path in sorted(VECTORS.glob(f"{kind}/**/*.json"))]


def hashes(values: list[str] | None) -> list[bytes]:
    """Decoded hashes."""
    return [base64.b64decode(value) for value in values or []]


@needs_vectors
@pytest.mark.parametrize("path", cases("inclusion"))
def test_inclusion_vector(path: Path) -> None:
    """Each inclusion vector passes or fails as it says."""
    case = json.loads(path.read_text())
    arguments = (case["leafIdx"], case["treeSize"])
    leaf, root = (base64.b64decode(case[key] or "") for key in ("leafHash", "root"))
    if case["wantErr"]:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(*arguments, leaf, hashes(case["proof"]), root)
    else:
        merkle.verify_inclusion(*arguments, leaf, hashes(case["proof"]), root)


@needs_vectors
@pytest.mark.parametrize("path", cases("consistency"))
def test_consistency_vector(path: Path) -> None:
    """Each consistency vector passes or fails as it says."""
    case = json.loads(path.read_text())
    roots = [base64.b64decode(case[key] or "") for key in ("root1", "root2")]
    if case["wantErr"]:
        with pytest.raises(ProofError):
            merkle.verify_consistency(case["size1"], case["size2"], *roots, hashes(case["proof"]))
    else:
        merkle.verify_consistency(case["size1"], case["size2"], *roots, hashes(case["proof"]))


@pytest.mark.skipif(not REKOR.exists(), reason="no ../shared/vectors")
@pytest.mark.parametrize("path", sorted(REKOR.glob("*.json")), ids=lambda path: path.name)
def test_inclusion_in_a_public_log(path: Path) -> None:
    """Inclusion proofs that a public log (Rekor v2) gave lead to the root of its checkpoint."""
    for entry in json.loads(path.read_text())["verificationMaterial"]["tlogEntries"]:
        proof = entry["inclusionProof"]
        signed = SignedCheckpoint.parse(proof["checkpoint"]["envelope"].encode()).checkpoint
        leaf = merkle.leaf_hash(base64.b64decode(entry["canonicalizedBody"]))
        merkle.verify_inclusion(int(proof["logIndex"]), signed.size, leaf, hashes(proof["hashes"]), signed.root)


def test_roots_and_proofs_of_all_small_trees() -> None:
    """Every root, inclusion proof and consistency proof up to 20 leaves is right, whatever the tree's later growth."""
    leaves = leaves_of(20)
    tree = merkle.Tree()
    for size in range(21):
        tree = merkle.Tree(leaves[:7])
        tree.extend(leaves[7:])
        root = tree.root(size)
        assert root == obvious_root(leaves[:size])
        for index in range(size):
            merkle.verify_inclusion(index, size, leaves[index], tree.inclusion(index, size), root)
        for old in range(1, size + 1):
            merkle.verify_consistency(old, size, tree.root(old), root, tree.consistency(old, size))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 600), st.data())
def test_a_changed_proof_is_refused(size: int, data: st.DataObject) -> None:
    """Changing, dropping or adding a hash, or naming another index, voids an inclusion proof."""
    leaves = leaves_of(size)
    tree = merkle.Tree(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof, root = tree.inclusion(index), tree.root()
    merkle.verify_inclusion(index, size, leaves[index], proof, root)
    wrong: list[tuple[int, tuple[bytes, ...]]] = [(index, (*proof, bytes(32))), (size, proof), (-1, proof)]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
        wrong += [(index, proof[:-1]), (index, (*proof[:place], flipped, *proof[place + 1 :])), (index ^ 1, proof)]
    for other, altered in wrong:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(other, size, leaves[index], altered, root)


def test_a_rewritten_tree_has_no_consistency_proof() -> None:
    """Attack: an owner swaps an early entry; no proof that its new tree can make fits the old root."""
    old = merkle.Tree(leaves_of(11))
    forged = merkle.Tree([bytes(32), *leaves_of(30)[1:]])
    with pytest.raises(ProofError):
        merkle.verify_consistency(11, 30, old.root(), forged.root(), forged.consistency(11))


def test_impossible_requests_are_refused() -> None:
    """Asking for entries or sizes that are not there raises instead of answering nonsense."""
    tree = merkle.Tree(leaves_of(3))
    for ask in (lambda: tree.inclusion(3), lambda: tree.root(4), lambda: tree.consistency(3, 2)):
        with pytest.raises(ProofError):
            ask()
    assert merkle.Tree().root() == merkle.EMPTY_ROOT
    assert tree.consistency(0) == ()
