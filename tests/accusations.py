"""Proofs against a log whose key was changed twice, made from nothing but its keys: the last one is a thief's, too."""

from __future__ import annotations

from pollwatch.evidence import checkpoint, keychain, merkle, rotation
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.monitor import ForkProof

NAME = "r.example/shared"
SIGNERS = tuple(Signer(NAME, KeyType.ED25519, bytes(range(start, start + 32))) for start in range(60, 65))
SIZES = (2, 10, 20)
"""From which size each of the first three keys signs."""


def chain(last: int = 3) -> KeyChain:
    """The log's keys, and the commitment of the third one to ``SIGNERS[last]``."""
    following = (1, 2, last)
    links = [rotation.begin(SIGNERS[0], SIGNERS[1].verifier, SIZES[0])]
    for number in (1, 2):
        so_far = keychain.follow(SIGNERS[0].verifier, links)
        old, new, after = SIGNERS[number - 1], SIGNERS[number], SIGNERS[following[number]]
        links.append(rotation.rotate(so_far, old, new, after.verifier, SIZES[number]))
    return keychain.follow(SIGNERS[0].verifier, links)


def signed(size: int, signer: int, root: bytes = bytes(32)) -> SignedCheckpoint:
    """A checkpoint under one of the keys."""
    return checkpoint.signed(Checkpoint(NAME, size, root), [SIGNERS[signer]])


def used_after_its_time() -> KeyMisuse:
    """The first key signs a size that the second one signs."""
    return KeyMisuse.of_checkpoint(chain(), signed(15, 0))


def used_before_its_time() -> KeyMisuse:
    """The third key signs a size that the second one signs."""
    return KeyMisuse.of_checkpoint(chain(), signed(15, 2))


def two_changes() -> KeyMisuse:
    """The second key hands over to the third in two ways."""
    return KeyMisuse.of_chains(chain(), chain(4))


def fork(size: int = 25) -> ForkProof:
    """The third key signs two histories, or the second and the third one each."""
    trees = [merkle.Tree(merkle.leaf_hash(bytes([each, history])) for each in range(25)) for history in (0, 1)]
    larger = signed(25, 2, trees[0].root())
    if size == 25:  # both of one size
        smaller, larger = sorted((larger, signed(25, 2, trees[1].root())), key=lambda each: each.checkpoint.root)
        return ForkProof(SIGNERS[0].verifier, smaller, larger, (), chain().notes)
    smaller = signed(size, 1, trees[1].root(size))
    path = merkle.prefix_path(size, 25, trees[0].subtree)
    return ForkProof(SIGNERS[0].verifier, smaller, larger, path, chain().notes)
