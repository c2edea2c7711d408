"""Subtrees of a log's tree, and proofs that one belongs to a larger tree (draft-davidben-tls-merkle-tree-certs-05, 4).

A subtree ``[start, end)`` is valid where ``start`` is a multiple of the least power of two that is not below its size:
then its hash can be made from nodes of every larger tree. C2SP tlog-mirror sends such a proof with each package of
entries, so that a mirror can check and keep a package before the rest has come.
"""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.errors import ProofError
from pollwatch.evidence import merkle
from pollwatch.evidence.merkle import EMPTY_ROOT, HASH_BYTES, Proof, node_hash, split


def check_subtree(start: int, end: int, size: int) -> None:
    """Accept the ranges that are subtrees of a tree of ``size``; an empty range is one.

    Raises:
        ProofError: it is none.
    """
    if not 0 <= start <= end <= size:
        raise ProofError(f"[{start}, {end}) is no part of a tree of {size}")
    if end > start and start % (1 << (end - start - 1).bit_length()):
        raise ProofError(f"[{start}, {end}) is no subtree: its start is not a multiple of its rounded size")


def prove_subtree(start: int, end: int, size: int, subtree: merkle.Subtree) -> Proof:
    """What shows that ``[start, end)`` is part of the tree of ``size``, nearest hash first.

    Raises:
        ProofError: the range is no subtree.
    """
    check_subtree(start, end, size)
    if start == end:
        return ()
    proof: list[bytes] = []
    low, high, whole = 0, size, True
    while (low, high) != (start, end):
        middle = low + split(high - low)
        if end <= middle:
            proof.append(subtree(middle, high))
            high = middle
            continue
        proof.append(subtree(low, middle))
        if start < middle:
            # The subtree begins where this node does and reaches into its right half: go on with that rest.
            start, whole = middle, False
        low = middle
    if not whole:
        proof.append(subtree(start, end))
    return tuple(reversed(proof))


def verify_subtree(start: int, end: int, size: int, node: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the tree of ``size`` with this root holds the subtree ``[start, end)`` with the hash ``node``.

    Raises:
        ProofError: it does not, the range is no subtree, or the proof has the wrong length.
    """
    check_subtree(start, end, size)
    if start == end:
        # The empty subtree is part of every tree, and says nothing about it.
        if proof or node != EMPTY_ROOT:
            raise ProofError("an empty subtree has the empty tree's hash, and needs no proof")
        return
    # Without a proof nothing is hashed, and node and root are merely compared.
    if proof and any(len(each) != HASH_BYTES for each in (node, root, *proof)):
        raise ProofError("a hash of a subtree proof does not have 32 bytes")
    rest = list(proof)
    found = _climb((start, end), (0, size), node, rest)
    if rest:
        raise ProofError(f"the proof of subtree [{start}, {end}) is too long")
    if found != (node, root):
        raise ProofError(f"the subtree [{start}, {end}) is not part of the tree of size {size}")


def verify_subtree_inclusion(
    index: int, bounds: tuple[int, int], leaf: bytes, proof: Sequence[bytes], node: bytes
) -> None:
    """Check that a leaf hash stands at ``index`` of the log, within the subtree ``bounds`` with the hash ``node``.

    Raises:
        ProofError: it does not, or the range is no subtree.
    """
    start, end = bounds
    check_subtree(start, end, end)
    if not start <= index < end:
        raise ProofError(f"entry {index} is not in the subtree [{start}, {end})")
    merkle.verify_inclusion(index - start, end - start, leaf, proof, node)


def _climb(
    wanted: tuple[int, int], bounds: tuple[int, int], node: bytes | None, rest: list[bytes]
) -> tuple[bytes, bytes]:
    """The hashes of the wanted range and of all of ``bounds``; takes the proof's hashes from its end.

    ``node`` is the wanted range's own hash where it can be a node of the tree, else None: then the proof names it.
    """
    if wanted == bounds and node is not None:
        return node, node
    if not rest:
        raise ProofError("the proof of a subtree is too short")
    sibling = rest.pop()
    if wanted == bounds:
        return sibling, sibling
    (start, end), (low, high) = wanted, bounds
    middle = low + split(high - low)
    if end <= middle:
        part, left = _climb(wanted, (low, middle), node, rest)
        return part, node_hash(left, sibling)
    if start >= middle:
        part, right = _climb(wanted, (middle, high), node, rest)
        return part, node_hash(sibling, right)
    part, right = _climb((middle, end), (middle, high), None, rest)
    return node_hash(sibling, part), node_hash(sibling, right)
