"""Witnesses cosign only growth, whatever a log tries; forks become proofs that anybody can check."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, ProofError, SignatureError
from pollwatch.evidence import checkpoint, merkle, monitor
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.request import build_add_checkpoint, parse_add_checkpoint
from pollwatch.evidence.tiles import TileReader, encode_entries, entries_path, tile_path
from pollwatch.evidence.witness import Witness
from pollwatch.evidence.witnessanswer import Conflict, Cosigned, Refused, Response, parse_response

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="no ../shared/vectors")
LOG = Signer("b.example/shared", KeyType.ED25519, bytes(range(32)))
KEYS = (
    Signer("a.example/witness", KeyType.COSIGNATURE, bytes(range(1, 33))),
    Signer("a.example/witness", KeyType.MLDSA44, bytes(range(2, 34))),
)
CLOCK = ManualClock(1_793_000_000_000_000)


def tree_of(count: int, salt: str = "") -> merkle.Tree:
    """A tree of distinct entries; another salt is another history."""
    return merkle.Tree(merkle.leaf_hash(f"{salt}{number}".encode()) for number in range(count))


def signed(tree: merkle.Tree, size: int | None = None, signer: Signer = LOG) -> SignedCheckpoint:
    """What the log says about its tree."""
    end = tree.size if size is None else size
    return checkpoint.signed(Checkpoint("b.example/shared", end, tree.root(end)), [signer])


def tiles_of(count: int, salt: str = "") -> TileReader:
    """The tiles of ``tree_of`` (up to 256 entries), as a peer would serve them."""
    entries = [f"{salt}{number}".encode() for number in range(count)]
    files = {
        tile_path(0, 0, count): b"".join(merkle.leaf_hash(entry) for entry in entries),
        entries_path(0, count): encode_entries(entries),
    }
    return TileReader(files.__getitem__, count)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """A witness that knows one log."""
    return Witness(tmp_path / "witness.sqlite", KEYS, CLOCK, [LOG.verifier])


@needs_vectors
def test_agrees_with_a_real_witness(tmp_path: Path) -> None:
    """The recorded exchange with a Go witness gets the same statuses, but for one where the specification differs."""
    transcript = json.loads((VECTORS / "sigsum" / "witness-transcript.json").read_text())
    mine = Witness(tmp_path / "w", KEYS, CLOCK, [Verifier.parse(transcript["log_vkey"])])
    for step in transcript["steps"]:
        answer = mine.add_checkpoint(step["request"].encode())
        # The old size is compared first (409); that witness looks at the proof first (400).
        expected = 409 if step["desc"].startswith("old 0, nonempty proof") else step["status"]
        assert (step["desc"], answer.status) == (step["desc"], expected)
        if answer.status == 409:
            assert (answer.content_type, answer.body) == ("text/x.tlog.size", b"300\n")
    mine.close()


def test_cosigns_growth_and_remembers_it(tmp_path: Path, witness: Witness) -> None:
    """First contact, growth, refresh: each cosigned with both keys, and remembered by a restarted witness."""
    tree = tree_of(9)
    for old, new in ((0, 4), (4, 9), (9, 9)):
        sent = signed(tree, new)
        answer = witness.add_checkpoint(build_add_checkpoint(old, tree.consistency(old, new), sent))
        assert answer.status == 200
        outcome = parse_response(answer, sent, witness.verifiers)
        assert isinstance(outcome, Cosigned)
        assert len(outcome.lines) == 2
        times = [each.time_s for each in checkpoint.verify(sent.adding(outcome.lines), witness.verifiers)]
        assert times == [1_793_000_000, 1_793_000_000]
    witness.close()
    again = Witness(tmp_path / "witness.sqlite", KEYS, CLOCK, [LOG.verifier])
    latest = again.latest("b.example/shared")
    assert latest is not None
    assert latest.checkpoint.size == 9
    shown = again.monitoring(sha256(b"b.example/shared").hexdigest())
    assert (shown.status, shown.body) == (200, latest.to_bytes())
    assert again.monitoring("00" * 32).status == 404
    again.close()


def test_statuses(witness: Witness) -> None:
    """Every refusal has the status that the specification gives it."""
    tree, other = tree_of(20), tree_of(20, "forged")

    def ask(old: int, sent: SignedCheckpoint, proof: merkle.Proof = ()) -> Response:
        return witness.add_checkpoint(build_add_checkpoint(old, proof, sent))

    assert ask(0, signed(tree, 5), (bytes(32),)).status == 422  # a proof where none can be
    empty = checkpoint.signed(Checkpoint("b.example/shared", 0, bytes(32)), [LOG])
    assert ask(0, empty).status == 422
    assert ask(0, signed(tree, 5)).status == 200
    assert ask(0, signed(tree, 8)) == Response(409, "text/x.tlog.size", b"5\n")
    assert ask(5, signed(other, 5)).status == 422  # another root of the same size
    assert ask(5, signed(other, 9), other.consistency(5, 9)).status == 422  # rewritten
    assert ask(5, signed(tree, 9), tree.consistency(4, 9)).status == 422  # wrong proof
    assert ask(9, signed(tree, 5)).status == 400
    stranger = checkpoint.signed(Checkpoint("c.example/log", 1, bytes(32)), [Signer.generate("c.example/log")])
    assert ask(0, stranger).status == 404
    assert ask(5, signed(tree, 9, Signer.generate("b.example/shared"))).status == 403
    good = signed(tree, 9)
    bad = replace(good.note.signatures[0], blob=bytes(64))
    assert ask(5, SignedCheckpoint(good.checkpoint, replace(good.note, signatures=(bad,)))).status == 403
    assert witness.add_checkpoint(b"nonsense").status == 400
    assert ask(5, signed(tree, 9), (bytes(32),) * 64).status == 400
    assert [each.checkpoint.size for each in witness.contradictions("b.example/shared")] == [5, 0, 5, 9, 9]
    witness.close()


def test_two_requests_at_once_cannot_both_win(tmp_path: Path) -> None:
    """Attack: two histories are sent to two processes of one witness at the same moment."""
    tree, other = tree_of(9), tree_of(9, "forged")
    first = Witness(tmp_path / "w", KEYS, CLOCK, [LOG.verifier])
    second = Witness(tmp_path / "w", KEYS, CLOCK, [LOG.verifier])
    assert first.add_checkpoint(build_add_checkpoint(0, (), signed(tree))).status == 200
    assert second.add_checkpoint(build_add_checkpoint(0, (), signed(other))).status == 409
    # Even past the reading of the state, the compare-and-swap stands in the way.
    assert not second._swap("b.example/shared", None, signed(other))  # noqa: SLF001 - the race needs to start past the reading
    assert not second._swap("b.example/shared", signed(other), signed(other))  # noqa: SLF001 - the race needs to start past the reading
    first.close()
    second.close()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_arbitrary_requests_get_an_answer(body: bytes) -> None:
    """No bytes crash a witness, and what parses is written back the same."""
    mine = Witness(Path(":memory:"), KEYS, CLOCK, [LOG.verifier])
    for data in (body, b"old 1\n\n" + body, body + signed(tree_of(2)).to_bytes()):
        assert mine.add_checkpoint(data).status in {400, 403, 404}
        try:
            request = parse_add_checkpoint(data)
        except EvidenceError:
            continue
        assert build_add_checkpoint(request.old, request.proof, request.signed) == data
    mine.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(409, "text/x.tlog.size", b"7\n"), Conflict(7)),
        (Response(409, "text/x.tlog.size; charset=utf-8", b"7\n"), Conflict(7)),
        (Response(409, "text/x.tlog.size", b"+7\n"), Refused(409, "the witness named no usable size")),
        (Response(409, "text/plain", b""), Refused(409, "")),
        (Response(429, "text/plain", b"slow down"), Refused(429, "slow down")),
        (Response(500, "", b"\xff\xfe" * 300), Refused(500, "\ufffd" * 200)),
    ],
)
def test_client_survives_what_witnesses_answer(answer: Response, expected: object) -> None:
    """Answers of other implementations, and of hostile ones, become an outcome."""
    assert parse_response(answer, signed(tree_of(2)), [KEYS[0].verifier]) == expected


def test_client_refuses_wrong_cosignatures() -> None:
    """Attack: a witness answers 200 with someone else's, a wrong, or no signature."""
    sent, key = signed(tree_of(2)), KEYS[0]
    other = checkpoint.sign(signed(tree_of(3)).checkpoint, key, 1).line
    foreign = checkpoint.sign(sent.checkpoint, Signer.generate("x", KeyType.COSIGNATURE), 1).line
    for body in (b"", b"hello\n", b"\xff\n", other.encode(), foreign.encode()):
        with pytest.raises(SignatureError):
            parse_response(Response(200, "text/plain", body), sent, [key.verifier])


def test_growth_is_no_fork() -> None:
    """An honest log cannot be accused: no proof is made, and an invented one is refused."""
    tree = tree_of(100)
    log = LOG.verifier
    for old, new in ((1, 100), (64, 100), (99, 100), (100, 100), (0, 100)):
        small, large = signed(tree, old), signed(tree, new)
        assert monitor.find_fork(log, large, small, tiles_of(100)) is None
        path = merkle.prefix_path(old, new, tree.subtree) if 0 < old < new else ()
        with pytest.raises(ProofError):
            ForkProof(log, small, large, path).verify()


@pytest.mark.parametrize("old", [1, 5, 8, 64, 70])
def test_a_rewritten_log_is_caught(old: int) -> None:
    """Attack: the log rewrites its history and goes on; two checkpoints and the new tiles prove it."""
    first, second = signed(tree_of(old)), signed(tree_of(70, "forged"))
    proof = monitor.find_fork(LOG.verifier, first, second, tiles_of(70, "forged"))
    assert proof is not None
    again = ForkProof.parse(proof.to_bytes())
    assert again == proof
    again.verify()
    # Whoever makes it, it is the same proof.
    assert monitor.find_fork(LOG.verifier, second, first, tiles_of(70, "forged")) == proof


def test_invented_fork_proofs_are_refused() -> None:
    """Attack: accuse an honest log with one's own key, other tiles, swapped or equal checkpoints."""
    tree = tree_of(70)
    small, large = signed(tree, 5), signed(tree, 70)
    evil = Signer.generate("b.example/shared")
    path = merkle.prefix_path(5, 70, tree.subtree)
    lie = signed(tree_of(70, "forged"), 5, evil)
    for proof in (
        ForkProof(LOG.verifier, lie, large, path),
        ForkProof(LOG.verifier, large, small, path),
        ForkProof(LOG.verifier, small, small, ()),
        ForkProof(LOG.verifier, small, large, path[:-1]),
        ForkProof(LOG.verifier, small, large, (bytes(32), *path[1:])),
        ForkProof(Signer.generate("other").verifier, small, large, path),
    ):
        with pytest.raises(EvidenceError):
            proof.verify()
    with pytest.raises(SignatureError):
        monitor.find_fork(LOG.verifier, lie, large, tiles_of(70))


def test_tiles_that_do_not_belong_to_the_checkpoint_prove_nothing() -> None:
    """Attack on the monitor: nonsense tiles must not make an honest log look forked, nor a forked one honest."""
    first, second = signed(tree_of(5)), signed(tree_of(70, "forged"))
    for reader in (tiles_of(70), None, tiles_of(60, "forged")):
        with pytest.raises(ProofError):
            monitor.find_fork(LOG.verifier, first, second, reader)


FORK = monitor.find_fork(LOG.verifier, signed(tree_of(3)), signed(tree_of(3, "forged")))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_fork_proof_is_refused(data: st.DataObject) -> None:
    """Non-malleability: no changed byte leaves a fork proof that verifies against the log's key."""
    assert FORK is not None
    whole = FORK.to_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    with pytest.raises(EvidenceError):
        ForkProof.parse(changed).verify()
