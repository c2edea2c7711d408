"""Subtrees: the published vectors, and every subtree of every small tree."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle, subtree

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors" / "merkle-rfc6962-json"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="no ../shared/vectors")


def vectors(kind: str) -> list[dict[str, Any]]:
    """All vectors of a kind."""
    return [json.loads(path.read_text()) for path in sorted((VECTORS / kind).rglob("*.json"))]


def decoded(vector: dict[str, Any], key: str) -> bytes:
    """A hash of a vector."""
    return base64.b64decode(vector[key])


def proof_of(vector: dict[str, Any]) -> list[bytes]:
    """The proof of a vector."""
    return [base64.b64decode(each) for each in vector["proof"] or ()]


@needs_vectors
def test_agrees_with_the_consistency_vectors() -> None:
    """All 118 published subtree consistency vectors are accepted or refused as they say."""
    cases = vectors("subtreeconsistency")
    assert len(cases) == 118
    for case in cases:
        arguments = (case["start"], case["end"], case["size"], decoded(case, "root1"), proof_of(case))
        if case["wantErr"]:
            with pytest.raises(ProofError):
                subtree.verify_subtree(*arguments, decoded(case, "root2"))
        else:
            subtree.verify_subtree(*arguments, decoded(case, "root2"))


@needs_vectors
def test_agrees_with_the_inclusion_vectors() -> None:
    """All 204 published subtree inclusion vectors are accepted or refused as they say."""
    cases = vectors("subtreeinclusion")
    assert len(cases) == 204
    for case in cases:
        bounds = (case["start"], case["end"])
        arguments = (case["leafIdx"], bounds, decoded(case, "leafHash"), proof_of(case), decoded(case, "root"))
        if case["wantErr"]:
            with pytest.raises(ProofError):
                subtree.verify_subtree_inclusion(*arguments)
        else:
            subtree.verify_subtree_inclusion(*arguments)


def test_every_subtree_of_small_trees_is_proven_and_nothing_else() -> None:
    """Each subtree of trees up to 20 verifies; with another node, root, or one hash more or less it does not."""
    for size in range(1, 21):
        tree = merkle.Tree(merkle.leaf_hash(bytes([each])) for each in range(size))
        for start in range(size):
            for end in range(start + 1, size + 1):
                if start % (1 << (end - start - 1).bit_length()):
                    with pytest.raises(ProofError):
                        subtree.prove_subtree(start, end, size, tree.subtree)
                    continue
                node, root = tree.subtree(start, end), tree.root()
                proof = subtree.prove_subtree(start, end, size, tree.subtree)
                subtree.verify_subtree(start, end, size, node, proof, root)
                wrong = bytes(32)
                for bad in ((wrong, proof, root), (node, proof, wrong), (node, (*proof, wrong), root)):
                    with pytest.raises(ProofError):
                        subtree.verify_subtree(start, end, size, *bad)
                if proof:
                    with pytest.raises(ProofError):
                        subtree.verify_subtree(start, end, size, node, proof[1:], root)


def test_a_prefix_proof_is_the_consistency_proof() -> None:
    """Subtrees that begin the log have the consistency proof of RFC 9162."""
    tree = merkle.Tree(merkle.leaf_hash(bytes([each])) for each in range(19))
    for old in range(1, 19):
        assert subtree.prove_subtree(0, old, 19, tree.subtree) == tree.consistency(old)
