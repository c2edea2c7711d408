"""Merkle trees of RFC 6962 / RFC 9162 section 2.1: roots, and proofs of inclusion and of consistency.

Proofs are made from a function that gives the hash of any range ``[start, end)`` the proof needs, so that the same
code serves a tree in memory and a log of tiles on disk. Verification needs nothing but the proof.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import chain
from struct import iter_unpack
from typing import TypeAlias

from pollwatch.errors import ProofError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_PROOF = 63

Proof: TypeAlias = tuple[bytes, ...]
Subtree: TypeAlias = Callable[[int, int], bytes]
"""Hash of the entries ``[start, end)``; only asked for ranges whose parts are complete subtrees of the tree."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """:func:`leaf_hash` of each; for many at once."""
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree in memory that only grows; keeps each complete node, 64 bytes a leaf."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        """Start with these leaf hashes (32 bytes each)."""
        self._levels: list[list[bytes]] = [[]]
        self.extend(leaves)

    @classmethod
    def of_levels(cls, levels: Iterable[bytes]) -> Tree:
        """A tree of which each level is known, as :func:`levels_of` has them, from the leaf hashes up."""
        tree = cls()
        tree._levels = [list(chain.from_iterable(iter_unpack(f"{HASH_BYTES}s", each))) for each in levels]
        return tree

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaf hashes and complete what they complete."""
        self._levels[0].extend(leaves)
        level = 0
        while len(self._levels[level]) > 1:
            below = self._levels[level]
            if level + 1 == len(self._levels):
                self._levels.append([])
            above = self._levels[level + 1]
            first = 2 * len(above)
            pairs = zip(below[first::2], below[first + 1 :: 2], strict=False)
            above.extend([sha256(b"\x01" + left + right).digest() for left, right in pairs])
            level += 1

    def subtree(self, start: int, end: int) -> bytes:
        """Hash of the leaves ``[start, end)``, where ``start`` is a multiple of the next power of two."""
        level = (end - start - 1).bit_length()
        if end - start == 1 << level and start % (1 << level) == 0:
            return self._levels[level][start >> level]
        middle = start + split(end - start)
        return node_hash(self.subtree(start, middle), self.subtree(middle, end))

    def root(self, size: int | None = None) -> bytes:
        """Root of the first ``size`` leaves, or of all."""
        end = self.size if size is None else size
        if not 0 <= end <= self.size:
            raise ProofError(f"the tree has {self.size} leaves, not {end}")
        return self.subtree(0, end) if end else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> Proof:
        """Proof that leaf ``index`` is in the first ``size`` leaves (default all)."""
        end = self.size if size is None else size
        if end > self.size:
            raise ProofError(f"the tree has {self.size} leaves, not {end}")
        return prove_inclusion(index, end, self.subtree)

    def consistency(self, old: int, new: int | None = None) -> Proof:
        """Proof that the first ``old`` leaves are unchanged in the first ``new`` (default all)."""
        end = self.size if new is None else new
        if end > self.size:
            raise ProofError(f"the tree has {self.size} leaves, not {end}")
        return prove_consistency(old, end, self.subtree)


def split(size: int) -> int:
    """The largest power of two below ``size`` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Root of a list of leaf hashes."""
    return Tree(leaves).root()


def levels_of(leaves: bytes) -> tuple[bytes, ...]:
    """Each level's complete nodes, one after the other: the leaf hashes, their parents, and so on up to one node.

    Args:
        leaves: leaf hashes, one after the other, as a tile holds them; at least one.
    """
    levels = [leaves]
    while len(leaves) >= 2 * HASH_BYTES:
        pairs = range(0, len(leaves) - HASH_BYTES, 2 * HASH_BYTES)
        leaves = b"".join([sha256(b"\x01" + leaves[at : at + 2 * HASH_BYTES]).digest() for at in pairs])
        levels.append(leaves)
    return tuple(levels)


def prove_inclusion(index: int, size: int, subtree: Subtree) -> Proof:
    """PATH(index, D[size]), RFC 9162 section 2.1.3.1, nearest hash first.

    Raises:
        ProofError: the index is not in the tree.
    """
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    return tuple(reversed(proof))


def prove_consistency(old: int, new: int, subtree: Subtree) -> Proof:
    """PROOF(old, D[new]), RFC 9162 section 2.1.4.1; empty for ``old`` = 0 and for equal sizes.

    Raises:
        ProofError: the old tree is larger than the new.
    """
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {old} cannot have grown into one of {new}")
    if old in (0, new):
        return ()
    proof: list[bytes] = []
    start, end, whole = 0, new, True
    while end != old:
        middle = start + split(end - start)
        if old <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(subtree(start, end))
    return tuple(reversed(proof))


def prove_subset(indexes: Iterable[int], size: int, subtree: Subtree) -> Proof:
    """One proof for several leaves of one tree: the hashes of all largest subtrees without any of them, left to right.

    Raises:
        ProofError: an index is not in the tree.
    """
    wanted = sorted(set(indexes))
    if not wanted or wanted[0] < 0 or wanted[-1] >= size:
        raise ProofError(f"leaves to prove must be in the tree of {size}, and at least one")
    proof: list[bytes] = []

    def walk(start: int, end: int) -> None:
        if bisect_left(wanted, start) == bisect_left(wanted, end):
            proof.append(subtree(start, end))
        elif end - start > 1:
            middle = start + split(end - start)
            walk(start, middle)
            walk(middle, end)

    walk(0, size)
    return tuple(proof)


def root_from_subset(leaves: Mapping[int, bytes], size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a subset proof leads to; ``leaves`` maps index to leaf hash.

    Raises:
        ProofError: an index is not in the tree, or the proof has the wrong length.
    """
    wanted = sorted(leaves)
    if not wanted or wanted[0] < 0 or wanted[-1] >= size:
        raise ProofError(f"leaves to prove must be in the tree of {size}, and at least one")
    _check_hashes((*leaves.values(), *proof))
    rest = iter(proof)

    def walk(start: int, end: int) -> bytes:
        if bisect_left(wanted, start) == bisect_left(wanted, end):
            given = next(rest, None)
            if given is None:
                raise ProofError("the proof of several leaves is too short")
            return given
        if end - start == 1:
            return leaves[start]
        middle = start + split(end - start)
        return node_hash(walk(start, middle), walk(middle, end))

    root = walk(0, size)
    if next(rest, None) is not None:
        raise ProofError("the proof of several leaves is too long")
    return root


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf hash stands at ``index`` in the tree of ``size`` with this root (RFC 9162, 2.1.3.2).

    Raises:
        ProofError: it does not, or the proof has the wrong length.
    """
    if root_from_inclusion(index, size, leaf, proof) != root:
        raise ProofError(f"inclusion proof of entry {index} does not lead to the root of size {size}")


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to.

    Raises:
        ProofError: the index is not in the tree, or the proof has the wrong length.
    """
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size}")
    _check_hashes((leaf, *proof))
    fn, sn, root = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise ProofError(f"inclusion proof of entry {index} is too long")
        if fn & 1 or fn == sn:
            root = node_hash(sibling, root)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError(f"inclusion proof of entry {index} is too short")
    return root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of ``new`` begins with the tree of ``old`` (RFC 9162, 2.1.4.2).

    Anything is consistent with the empty tree, so that there is nothing to prove: ``old`` = 0 is refused here, and
    callers decide (tlog-witness accepts it with an empty proof).

    Raises:
        ProofError: it does not, or the proof has the wrong length.
    """
    if not 0 < old <= new:
        raise ProofError(f"a consistency proof from {old} to {new} makes no sense")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError(f"two roots of size {old} differ, or a proof was given where none is needed")
        return
    # A power of two is a complete subtree of the new tree: its root starts the path, so the proof leaves it out.
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    _check_hashes((old_root, new_root, *path))
    if _climb(old - 1, new - 1, path) != (old_root, new_root):
        raise ProofError(f"size {new} is not consistent with size {old}: the log was rewritten, or the proof is wrong")


def prefix_path(old: int, new: int, subtree: Subtree) -> Proof:
    """What shows, from the tree of ``new`` alone, which root its first ``old`` entries have.

    It is the consistency proof with the leading hash always spelt out. Against a signed checkpoint of size ``old`` with
    another root it proves that the log was rewritten, and nobody needs the lost entries for it.

    Raises:
        ProofError: sizes that make no sense.
    """
    if not 0 < old < new:
        raise ProofError(f"a prefix of {old} of a tree of {new} makes no sense")
    proof = prove_consistency(old, new, subtree)
    return proof if old & (old - 1) else (subtree(0, old), *proof)


def roots_from_prefix(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of the first ``old`` and of all ``new`` entries that a prefix path leads to.

    Raises:
        ProofError: sizes that make no sense, or a path of the wrong length.
    """
    if not 0 < old < new:
        raise ProofError(f"a prefix of {old} of a tree of {new} makes no sense")
    _check_hashes(path)
    return _climb(old - 1, new - 1, path)


def _climb(fn: int, sn: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The old and the new root that a consistency path leads to."""
    if not path:
        raise ProofError("consistency proof is empty")
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise ProofError("consistency proof is too long")
        if fn & 1 or fn == sn:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("consistency proof is too short")
    return first, second


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofError("a hash in a Merkle proof does not have 32 bytes")
