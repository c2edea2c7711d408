"""verify.html refuses what the CLI refuses, for the same reason: bundles and fork proofs."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from evidence_scenes import COSIGNED_S, QUANTUM, WITNESS
from pollwatch import canonical
from pollwatch.errors import EvidenceError
from pollwatch.evidence import checkpoint, verify
from pollwatch.evidence.bundle import SIGNATURE
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.documents import Digest, OpenedDocument, OpenedDocuments
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.merkle import Tree, leaf_hash, prefix_path
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.seal import Seal
from verify_page import LOG, Change, Desk, Sample, a_stamp, batch_with, flipped, line_with, policy_of, refused, resigned


def _renamed(old: str, new: str) -> Change:
    return lambda s: s.packed(lambda members: members.update({new: members.pop(old)}))


def _swap(name: str, old: bytes, new: bytes, **how: bool) -> Change:
    return lambda s: s.swapped(name, old, new, **how)


def _incident(**changes: object) -> Change:
    return lambda s: replace(s.bundle, incident=replace(s.bundle.incident, **changes)).to_bytes(s.signer)  # type: ignore[arg-type,type-var]


def _cosignature(s: Sample, signer: Signer) -> bytes:
    """A cosignature whose stated time was moved: the blob's eighth byte."""

    def change(members: dict[str, bytes]) -> None:
        name = "seal/shared.tlog-proof"
        lines = members[name].decode().split("\n")
        at = next(n for n, line in enumerate(lines) if line.startswith(f"— {signer.name} "))
        head, encoded = lines[at].rsplit(" ", 1)
        blob = bytearray(base64.b64decode(encoded))
        blob[11] ^= 1
        lines[at] = f"{head} {base64.b64encode(bytes(blob)).decode()}"
        members[name] = "\n".join(lines).encode()

    return s.packed(change)


def _weak_key(s: Sample) -> bytes:
    """keys.json names a log key of small order, under which anything 'verifies'."""
    body = b"\x01" + bytes([1]) + bytes(31)
    key = sha256(b"x\n" + body).digest()[:4].hex()
    weak = f"x+{key}+{base64.b64encode(body).decode()}"
    return s.packed(lambda members: members.update({"keys.json": canonical.dumps(_keys(weak))}))


def _keys(*log: str) -> dict[str, object]:
    return {"type": "keys", "version": 1, "log": list(log), "witnesses": []}


TAMPERED: dict[str, tuple[Change, str]] = {
    "a flipped byte of a line": (
        flipped(b"lines/00000000.json{", 100),
        r"member lines/00000000\.json does not fit its ch",
    ),
    "a changed date in the container": (
        flipped(b"PK\x03\x04", 12),
        r"container was changed at byte 12 \(at member README",
    ),
    "a changed attribute in the table": (
        flipped(b"PK\x01\x02", 38),
        r"container was changed at byte \d+ \(in the table",
    ),
    "bytes at the end": (lambda s: s.data + b"\0", r"container was changed at byte \d+ \(in the table"),
    "cut off": (lambda s: s.data[:300], r"member at byte 0 is cut off"),
    "cut off at the table": (lambda s: s.data[:-1], r"container was changed at byte \d+ \(in the table"),
    "another file": (lambda s: b"GIF89a" + s.data, r"neither a bundle nor a fork proof"),
    "a member added": (
        lambda s: s.packed(lambda m: m.update({"extra.txt": b"x"}), index=False),
        r"member extra\.txt is not what index\.json lists",
    ),
    "a member left out": (
        lambda s: s.packed(_without_claim, index=False),
        r"member attachments/claim\.json is listed in index\.json but missing",
    ),
    "a member changed": (_swap("README.txt", b"inc-1", b"inc-2", index=False), r"member README\.txt is not what index"),
    "an index repaired without the key": (
        _swap("README.txt", b"inc-1", b"inc-2", sign=False),
        r"signature of .* is wrong",
    ),
    "an unknown member, signed": (lambda s: s.packed(lambda m: m.update({"x/y": b""})), r"member x/y is unknown"),
    "an entry under another name": (
        _renamed("private/00000000.entry.json", "private/0.entry.json"),
        r"member private/0\.proof\.json is missing",
    ),
    "no keys": (lambda s: s.packed(_without_keys), r"member keys\.json is missing"),
    "a weak key": (_weak_key, r"small order"),
    "a key with another id": (_swap("keys.json", b'"log":["', b'"log":["x'), r"id does not fit"),
    "a key of the wrong kind first": (
        lambda s: s.packed(lambda m: m.update({"keys.json": canonical.dumps(_keys(WITNESS.verifier.vkey))})),
        r"keys\.json: the log's first key must be of type 01",
    ),
    "JSON with a space": (_swap("seal/opening.json", b":", b": "), r"seal/opening\.json: .*canonical form"),
    "a key of JSON twice": (
        _swap("seal/opening.json", b'"version":1', b'"version":1,"version":1'),
        r"seal/opening\.json.*twice",
    ),
    "broken JSON": (_swap("seal/opening.json", b"{", b"["), r"seal/opening\.json.*not valid JSON"),
    "an unknown field": (_swap("keys.json", b'"type"', b'"aaa":1,"type"'), r"canonical|unknown field"),
    "a missing field": (
        _swap("incident/opening.json", b'"entry":3,', b""),
        r"incident/opening\.json: field 'entry' is missing",
    ),
    "upper-case hex": (
        _swap("incident/opening.json", b'"content_salt":"', b'"content_salt":"F'),
        r"'content_salt' is not 16 bytes in lower",
    ),
    "base64 with another spelling": (
        lambda s: s.packed(lambda m: m.update({"lines/00000000.json": _loose_base64(m["lines/00000000.json"])})),
        r"lines/00000000\.json: a line is not (canonical )?base64",
    ),
    "a size with a plus": (
        _swap("seal/shared.tlog-proof", b"index 0\n", b"index +0\n"),
        r"index '\+0' is not a plain decimal",
    ),
    "another index": (_swap("seal/shared.tlog-proof", b"index 0\n", b"index 1\n"), r"entry 1 is not in a tree of 1"),
    "a hash too many": (
        _swap("seal/shared.tlog-proof", b"index 0\n", b"index 0\n" + base64.b64encode(bytes(32)) + b"\n"),
        r"entry 0.* too long",
    ),
    "the log's signature moved to another size": (
        lambda s: s.packed(_other_size),
        r"signature of .* is wrong",
    ),
    "a witness's time moved": (lambda s: _cosignature(s, WITNESS), r"signature of b\.example/witness .* is wrong"),
    "a post-quantum witness's time moved": (
        lambda s: _cosignature(s, QUANTUM),
        r"signature of c\.example/witness .* is wrong",
    ),
    "another seal": (
        lambda s: replace(s.bundle, seal=replace(s.bundle.seal, data=Seal(1, bytes(32)).to_bytes())).to_bytes(s.signer),
        r"inclusion proof of entry 0 does not lead to the root",
    ),
    "another blinding": (
        lambda s: replace(
            s.bundle, seal=replace(s.bundle.seal, opening=replace(s.bundle.seal.opening, blind=bytes(32)))
        ).to_bytes(s.signer),
        r"opening does not belong to the seal",
    ),
    "another entry": (
        lambda s: s.packed(lambda m: m.update({"private/00000000.entry.json": m["private/00000001.entry.json"]})),
        r"inclusion proof of entry 0 does not lead to the root",
    ),
    "another line": (line_with(raw=b"forged"), r"lines of entry 0: a line, its number or its salt"),
    "another salt": (line_with(salt=bytes(16)), r"lines of entry 0: a line, its number or its salt"),
    "another number": (line_with(number=2), r"too short|too long"),
    "a line less": (lambda s: batch_with(lines=s.bundle.batches[0].lines[1:])(s), r"(too short|too long)"),
    "lines in another order": (
        lambda s: batch_with(lines=s.bundle.batches[0].lines[::-1])(s),
        r"lines of entry 0: not in ascending",
    ),
    "a line beyond the batch": (line_with(number=9_000), r"(ascending|in the tree of 20)"),
    "another source": (batch_with(source="other.log"), r"lines of entry 0: the input's name"),
    "lines of an incident": (
        batch_with(entry=3),
        r"lines: entry 3 of the private log is no batch, or is not in the bundle",
    ),
    "lines without their entry": (
        lambda s: resigned(entries=s.bundle.entries[1:])(s),
        r"lines of a batch whose log entry is not",
    ),
    "another incident": (_incident(content=b'{"id":"other"}'), r"incident/content\.json is not what was sealed"),
    "other references": (
        lambda s: _incident(references=s.bundle.incident.references.replace(b"[3,5]", b"[3,6]"))(s),  # type: ignore[union-attr]
        r"incident/references\.json is not what was sealed",
    ),
    "an index signature without its newline": (
        lambda s: s.packed(_cut_signature, index=False),
        r"member index\.sig is .*not in its only form",
    ),
    "a time-stamp of another entry": (
        lambda s: s.packed(lambda m: m.update({"attachments/timestamp-x.json": a_stamp(s, 9)})),
        r"timestamp-x\.json: the time-stamp is of entry 9, and not of this file's seal",
    ),
    "documents of a batch": (
        lambda s: s.packed(lambda m: m.update({"documents/00000000.json": _documents(0)})),
        r"documents: entry 0 of the private log is no",
    ),
    "the incident of a batch": (_incident(entry=0), r"incident: entry 0 of the private log is no incident"),
}


def _cut_signature(members: dict[str, bytes]) -> None:
    members[SIGNATURE] = members[SIGNATURE].removesuffix(b"\n")


def _documents(entry: int) -> bytes:
    shown = OpenedDocument(0, bytes(16), Digest(bytes(32), 1))
    return OpenedDocuments(entry, (shown,), ()).to_bytes()


def _without_claim(members: dict[str, bytes]) -> None:
    del members["attachments/claim.json"]


def _without_keys(members: dict[str, bytes]) -> None:
    del members["keys.json"]


def _other_size(members: dict[str, bytes]) -> None:
    name = "seal/shared.tlog-proof"
    members[name] = re.sub(rb"(/shared\n)1\n", rb"\g<1>2\n", members[name], count=1)


def _loose_base64(lines: bytes) -> bytes:
    """The same bytes in base64, in a spelling with other unused bits."""
    document = canonical.loads(lines)
    raw = b"ab"
    assert base64.b64decode("YWJ=") == base64.b64decode("YWI=") == raw
    document["lines"][0]["raw"] = "YWJ="
    return canonical.dumps(document)


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_bundles_fail_for_the_cli_s_reason(name: str, desk: Desk, sample: Sample) -> None:
    """Attack: each way to change a bundle, by an outsider or by its owner; page and CLI name the same place."""
    make, reason = TAMPERED[name]
    refused(desk, sample, make, reason)


def a_fork(small: int = 5, large: int = 8) -> ForkProof:
    """A log that rewrote its past between two sizes."""
    told = Tree(leaf_hash(bytes([n])) for n in range(small))
    real = Tree(leaf_hash(bytes([n + 1])) for n in range(large))
    first = checkpoint.signed(Checkpoint(LOG.name, small, told.root()), [LOG])
    second = checkpoint.signed(Checkpoint(LOG.name, large, real.root()), [LOG])
    path = prefix_path(small, large, real.subtree) if small != large else ()
    first, second = sorted((first, second), key=lambda each: (each.checkpoint.size, each.checkpoint.root))
    return ForkProof(LOG.verifier, first, second, path)


def a_grown_log() -> ForkProof:
    """A log that did nothing wrong."""
    tree = Tree(leaf_hash(bytes([n])) for n in range(8))
    small, large = (checkpoint.signed(Checkpoint(LOG.name, n, tree.root(n)), [LOG]) for n in (5, 8))
    return ForkProof(LOG.verifier, small, large, prefix_path(5, 8, tree.subtree))


FORKS: dict[str, tuple[Callable[[], ForkProof], str | None]] = {
    "two sizes": (a_fork, None),
    "a power of two": (lambda: a_fork(4, 7), None),
    "one size": (lambda: a_fork(5, 5), None),
    "a log that grew": (a_grown_log, r"grew out of the smaller one"),
    "the same twice": (lambda: replace(a_fork(), larger=a_fork().smaller), r"the same, or in the wrong order"),
    "the wrong order": (lambda: replace(a_fork(), smaller=a_fork().larger, larger=a_fork().smaller), r"wrong order"),
    "a path that leads elsewhere": (
        lambda: replace(a_fork(), path=(bytes(32), *a_fork().path[1:])),
        r"path does not belong to the larger checkpoint",
    ),
    "a path too short": (lambda: replace(a_fork(), path=a_fork().path[:-1]), r"too short"),
    "a path too long": (lambda: replace(a_fork(), path=(*a_fork().path, bytes(32))), r"too long"),
    "a path for one size": (lambda: replace(a_fork(5, 5), path=(bytes(32),)), r"two roots of one size need no path"),
    "another log": (
        lambda: replace(a_fork(), log=replace(LOG, name="x").verifier),
        r"checkpoint is of log .b\.example",
    ),
    "another key": (lambda: replace(a_fork(), log=replace(LOG, seed=bytes(32)).verifier), r"not signed by its key"),
}


@pytest.mark.parametrize("name", FORKS)
def test_fork_proofs(name: str, desk: Desk) -> None:
    """Attack: a log with two histories is caught; a member that invents a fork of another's log is refused."""
    make, reason = FORKS[name]
    data = make().to_bytes()
    found = desk.check(data, name="fork.json")
    if reason is None:
        verify.verify_bytes(data)
        assert found["verdict"] == "forkFits"
        assert "b.example/shared signed two histories" in found["text"]
        assert desk.check(data, policy_of(LOG.verifier))["verdict"] == "forkFits"
        assert "not in the policy" in desk.check(data, policy_of(Signer.generate("x").verifier))["reason"]
    else:
        with pytest.raises(EvidenceError, match=reason):
            verify.verify_bytes(data)
        assert found["verdict"] == "bad"
        assert re.search(reason, found["reason"]), found["reason"]


def test_a_fork_proof_has_one_spelling(desk: Desk) -> None:
    """Attack: other keys' lines in a fork proof, room for anything that nobody checks."""
    proof = a_fork()
    added = checkpoint.sign(proof.smaller.checkpoint, WITNESS, COSIGNED_S)
    found = desk.check(replace(proof, smaller=proof.smaller.adding([added])).to_bytes())
    assert (found["verdict"], found["code"]) == ("bad", "bare")
