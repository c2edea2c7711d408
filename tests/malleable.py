"""Changed copies of everything that is signed or proven, and a count of what became of them.

Used by the suite with a slice, and by ``bench/malleability.py`` with all. Every mutation comes from a seeded
generator, so that a finding can be made again from its number.

What signed-note itself leaves open is not held against us: the order of signature lines, and lines by keys that the
reader does not know. Both change no statement; a bundle's signed index refuses them all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path

import accusations
from hostile_scenes import an_incident
from mutator import Mutator
from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, ProofError
from pollwatch.events.lines import LineSet
from pollwatch.evidence import checkpoint, keychain, merkle, note
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keyhistory import KeyHistory
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.manifest import Batch, PrivateEntry
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.openedlines import OpenedBatch
from pollwatch.evidence.request import parse_add_checkpoint
from pollwatch.evidence.tlogproof import TlogProof
from pollwatch.evidence.verify import verify_bytes
from pollwatch.evidence.witness import Witness
from pollwatch.node.evidence import bundling, rekeying
from pollwatch.node.evidence.sealing import CaseEvidence

LOG = Signer("m.example/shared", KeyType.ED25519, bytes(range(32)))
COSIGNERS = (
    Signer("n.example/witness", KeyType.COSIGNATURE, bytes(range(1, 33))),
    Signer("o.example/witness", KeyType.MLDSA44, bytes(range(2, 34))),
)
CLOCK = ManualClock(1_793_700_000_000_000)
Accept = Callable[[bytes], object]
"""What a subject's bytes state, having checked everything; raises EvidenceError where they state nothing."""


@dataclass(frozen=True)
class Subject:
    """One thing that somebody could try to change without anybody's seeing it.

    Attributes:
        name: for the report.
        data: the original.
        accept: the reader and verifier.
        open_lines: its signature lines may stand in any order, and unknown ones beside them (signed-note says so).
    """

    name: str
    data: bytes
    accept: Accept
    open_lines: bool = False


@dataclass
class Count:
    """What became of the mutations of one subject."""

    refused: int = 0
    another_statement: int = 0
    open_lines: int = 0
    malleable: list[bytes] = field(default_factory=list)


def subjects(folder: Path) -> list[Subject]:
    """Notes, checkpoints, proofs, requests, accusations and bundles, made by the real code."""
    tree = merkle.Tree(merkle.leaf_hash(bytes([each])) for each in range(100))
    other = merkle.Tree(merkle.leaf_hash(bytes([each, 1])) for each in range(100))
    at, forged = Checkpoint(LOG.name, 100, tree.root()), Checkpoint(LOG.name, 100, other.root())
    bare, cosigned = checkpoint.signed(at, [LOG]), checkpoint.signed(at, [LOG, *COSIGNERS], 1_793_700_000)
    proof = TlogProof(37, tree.inclusion(37), bare)
    first, second = sorted((bare, checkpoint.signed(forged, [LOG])), key=lambda each: each.checkpoint.root)
    old = Checkpoint(LOG.name, 41, other.root(41))
    path = merkle.prefix_path(41, 100, tree.subtree)
    request = f"old 41\n{''.join(encoded(each) for each in tree.consistency(41))}\n".encode() + bare.to_bytes()
    text = "an accusation\n\n\u2014 which looks like a signature\nlast line\n"
    return [
        Subject(
            "note",
            note.sign_note(text, [LOG]).to_bytes(),
            lambda data: note.open_note(data, LOG.verifier),
            open_lines=True,
        ),
        Subject("checkpoint", bare.to_bytes(), _checkpoint, open_lines=True),
        Subject("cosigned checkpoint", cosigned.to_bytes(), _cosigned, open_lines=True),
        Subject("tlog-proof", proof.to_bytes(), _tlog_proof, open_lines=True),
        Subject("inclusion proof", b"".join(tree.inclusion(37)), lambda data: _inclusion(data, at)),
        Subject("consistency proof", b"".join(tree.consistency(41)), lambda data: _consistency(data, tree)),
        Subject("witness request", request, _request, open_lines=True),
        Subject("fork proof, one size", ForkProof(LOG.verifier, first, second, ()).to_bytes(), _fork),
        Subject(
            "fork proof, two sizes",
            ForkProof(LOG.verifier, checkpoint.signed(old, [LOG]), bare, path).to_bytes(),
            _fork,
        ),
        *_bundle(folder),
        *_keys(folder),
        *_accusations(),
    ]


def encoded(digest: bytes) -> str:
    """A hash as its line."""
    import base64

    return base64.b64encode(digest).decode() + "\n"


def _checkpoint(data: bytes) -> object:
    return checkpoint.open_checkpoint(data, LOG.verifier).checkpoint


def _cosigned(data: bytes) -> object:
    signed = checkpoint.open_checkpoint(data, LOG.verifier)
    return signed.checkpoint, checkpoint.verify(signed, [each.verifier for each in COSIGNERS])


def _tlog_proof(data: bytes) -> object:
    proof = TlogProof.parse(data)
    proof.verify(bytes([37]))
    checkpoint.open_checkpoint(proof.signed.to_bytes(), LOG.verifier)
    return proof.index, proof.signed.checkpoint


def _hashes(data: bytes) -> tuple[bytes, ...]:
    if len(data) % merkle.HASH_BYTES:
        raise ProofError("not whole hashes")
    return tuple(data[start : start + merkle.HASH_BYTES] for start in range(0, len(data), merkle.HASH_BYTES))


def _inclusion(data: bytes, at: Checkpoint) -> object:
    merkle.verify_inclusion(37, at.size, merkle.leaf_hash(bytes([37])), _hashes(data), at.root)
    return True


def _consistency(data: bytes, tree: merkle.Tree) -> object:
    merkle.verify_consistency(41, 100, tree.root(41), tree.root(), _hashes(data))
    return True


def _request(data: bytes) -> object:
    request = parse_add_checkpoint(data)
    checkpoint.open_checkpoint(request.signed.to_bytes(), LOG.verifier)
    tree = merkle.Tree(merkle.leaf_hash(bytes([each])) for each in range(100))
    new = request.signed.checkpoint
    merkle.verify_consistency(request.old, new.size, tree.root(request.old), new.root, request.proof)
    return request.old, new


def _fork(data: bytes) -> object:
    proof = ForkProof.parse(data)
    if proof.log != LOG.verifier:
        raise ProofError("another log's fork")
    proof.verify()
    return proof.smaller.checkpoint, proof.larger.checkpoint


def _bundle(folder: Path) -> list[Subject]:
    """A bundle; and its lines and fields alone, as if the index's signature did not guard them."""
    lines = [b"one", b"two"]
    fields: dict[str, list[bytes | None]] = {"ip": [b"192.0.2.7", None], "user": [b"anna", b"bert"]}
    with CaseEvidence.open(folder, CLOCK) as evidence:
        evidence.seal_batch("access.log", 1, lines, fields=fields)
        evidence.publish_seal()
        bundling.export(evidence, an_incident("PW-1"), folder / "b.zip", CLOCK, lambda *_batch: lines, None)
        policy = f"log {evidence.shared.verifier.vkey}\nquorum none\n".encode()
        entries: dict[int, PrivateEntry] = {0: Batch.parse(evidence.private.entry(0))}
        (batch,) = evidence.openings.batches_of("access.log")
        sealed = evidence.salted_lines(batch, lines)
        whole, parts = sealed.open(0, 1, [1, 2]), sealed.open(0, 1, [1, 2], ["ip"])
    return [
        Subject("bundle", (folder / "b.zip").read_bytes(), lambda data: verify_bytes(data, policy)),
        Subject("opened lines", whole.to_bytes(), lambda data: _lines(data, entries)),
        Subject("opened fields", parts.to_bytes(), lambda data: _lines(data, entries)),
    ]


def _keys(folder: Path) -> list[Subject]:
    """The keys of a log that were changed twice: as the log publishes them, and in a bundle that was made since."""
    case = folder / "rotated"
    rekeying.begin(_sealed(case), "shared", CLOCK)
    for _each in range(2):
        rekeying.rotate(case, "shared", CLOCK)
    with CaseEvidence.open(case, CLOCK) as evidence:
        shown = LineSet.of("access.log", [1])
        bundle = bundling.export_lines(evidence, shown, folder / "c.zip", CLOCK, lambda *_batch: [b"one"])
        first = evidence.shared.chain.first
        links, seal = evidence.shared.chain.notes, bundle.seal.place.signed.checkpoint
    history, policy = bundle.history, f"log {first.vkey}\nquorum none\n".encode()
    if history is None:
        raise AssertionError("a bundle of a changed key without its history")
    return [
        Subject("key chain", keychain.to_file(links), lambda data: keychain.follow(first, keychain.from_file(data))),
        Subject("key history", history.to_bytes(), lambda data: _history(data, seal)),
        Subject("bundle of a changed key", (folder / "c.zip").read_bytes(), lambda data: verify_bytes(data, policy)),
    ]


def _accusations() -> list[Subject]:
    """Proofs against a log whose key was changed, for somebody who knows its first key; its keys, for a witness."""
    made: dict[str, ForkProof | KeyMisuse] = {
        "key used after its time": accusations.used_after_its_time(),
        "key used before its time": accusations.used_before_its_time(),
        "two changes of a key": accusations.two_changes(),
        "fork under a changed key": accusations.fork(),
        "fork across a change of keys": accusations.fork(15),
    }
    found = [Subject(name, each.to_bytes(), _accused) for name, each in made.items()]
    return [*found, Subject("keys told to a witness", keychain.to_file(accusations.chain().notes), _told)]


def _accused(data: bytes) -> object:
    kind = ForkProof if b'"fork-proof"' in data else KeyMisuse
    proof = kind.parse(data)
    if proof.log != accusations.SIGNERS[0].verifier:
        raise ProofError("another log's")
    proof.verify()
    if isinstance(proof, ForkProof):
        return proof.smaller.checkpoint, proof.larger.checkpoint
    return proof.checkpoint and proof.checkpoint.checkpoint, proof.link, proof.keys


@cache
def _witness() -> Witness:
    """One that lives in memory as long as the process."""
    return Witness(Path(":memory:"), COSIGNERS[:1], CLOCK, [accusations.SIGNERS[0].verifier])


def _told(data: bytes) -> object:
    answer = _witness().add_keys(data)
    if answer.status != HTTPStatus.OK:
        raise ProofError(answer.body.decode())
    return keychain.follow(accusations.SIGNERS[0].verifier, keychain.from_file(data)).links


def _sealed(case: Path) -> Path:
    with CaseEvidence.open(case, CLOCK) as evidence:
        evidence.seal_batch("access.log", 1, [b"one"])
    return case


def _history(data: bytes, seal: Checkpoint) -> object:
    history = KeyHistory.parse(data)
    chain = history.check()
    history.check_growth(seal)
    return chain.links, history.signed.checkpoint


def _lines(data: bytes, entries: Mapping[int, PrivateEntry]) -> object:
    opened = OpenedBatch.parse(data)
    opened.check(entries)
    lines = [(each.number, each.raw) for each in opened.lines]
    return lines, [(each.number, field.name, field.value) for each in opened.parts for field in each.shown]


def only_open_lines(before: bytes, after: bytes) -> bool:
    """Whether nothing changed but the order of signature lines, and lines by unknown keys beside them."""
    old, new = (Counter(data.decode().split("\n")) for data in (before, after))
    added = [note.Signature.parse(line) for line in (new - old).elements() if line.startswith("\u2014 ")]
    known = [each.verifier for each in (LOG, *COSIGNERS)]
    return not old - new and len(added) == (new - old).total() and not any(a.is_by(k) for a in added for k in known)


def run(subject: Subject, count: int, seed: int) -> Count:
    """Try this many changed copies; none may state what the original states.

    Raises:
        Exception: whatever a reader raised besides the declared EvidenceError.
    """
    original, mutate, found = subject.accept(subject.data), Mutator(seed), Count()
    done = 0
    while done < count:
        changed = mutate(subject.data)
        if changed == subject.data:
            continue
        done += 1
        try:
            stated = subject.accept(changed)
        except EvidenceError:
            found.refused += 1
            continue
        if stated != original:
            found.another_statement += 1
        elif subject.open_lines and only_open_lines(subject.data, changed):
            found.open_lines += 1
        else:
            found.malleable.append(changed)
    return found
