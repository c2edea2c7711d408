"""Proofs of a misused key, and of forks across a change of keys: what the readers take, and all that they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from accusations import NAME, SIGNERS, chain, fork, signed, two_changes, used_after_its_time, used_before_its_time
from pollwatch import canonical
from pollwatch.canonical import Json
from pollwatch.errors import EvidenceError, ProofError, SignatureError
from pollwatch.evidence import checkpoint
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.verify import verify_bytes

MADE: dict[str, Callable[[], KeyMisuse | ForkProof]] = {
    "a key after its time": used_after_its_time,
    "a key before its time": used_before_its_time,
    "two changes": two_changes,
    "a fork under the third key": fork,
    "a fork across a change": lambda: fork(15),
}


@pytest.mark.parametrize("name", MADE)
def test_a_proof_convinces_whoever_knows_a_key_that_it_shows(name: str) -> None:
    """It is read as it was written, verifies alone, and for each reader who knows a key in it; for nobody else."""
    proof = MADE[name]()
    data = proof.to_bytes()
    assert type(proof).parse(data) == proof
    assert verify_bytes(data).kind == ("fork-proof" if isinstance(proof, ForkProof) else "key-misuse")
    for key in proof.chain.keys:
        assert verify_bytes(data, Policy((key,), {}, {}, "none").to_bytes()).log == NAME
    with pytest.raises(SignatureError, match="not in the policy"):
        verify_bytes(data, Policy((Signer.generate(NAME).verifier,), {}, {}, "none").to_bytes())


def test_no_honest_log_is_accused() -> None:
    """Attack: a member accuses a log that did nothing: its key of that size signed, or nobody of it did."""
    for size, signer in ((1, 0), (9, 0), (10, 1), (19, 1), (20, 2), (2**40, 2)):
        with pytest.raises(ProofError, match="no key that does not sign its size"):
            KeyMisuse.of_checkpoint(chain(), signed(size, signer))
    stranger = checkpoint.signed(Checkpoint(NAME, 15, bytes(32)), [Signer.generate(NAME)])
    with pytest.raises(ProofError, match="no key that does not sign its size"):
        KeyMisuse.of_checkpoint(chain(), stranger)
    with pytest.raises(ProofError, match="do not contradict each other"):
        KeyMisuse.of_chains(chain(), chain())


LATE, TWICE = used_after_its_time(), two_changes()
VOID: dict[str, tuple[KeyMisuse, str]] = {
    "signed by the key of its size": (replace(LATE, checkpoint=signed(15, 1)), "key of its size: no misuse"),
    "signed by a stranger": (
        replace(LATE, checkpoint=checkpoint.signed(Checkpoint(NAME, 15, bytes(32)), [SIGNERS[4]])),
        "not signed by its key",
    ),
    "of another log": (
        replace(LATE, checkpoint=checkpoint.signed(Checkpoint("x/shared", 15, bytes(32)), [SIGNERS[0]])),
        "is of log",
    ),
    "with a cosignature": (
        replace(
            LATE,
            checkpoint=signed(15, 0).adding(
                [checkpoint.sign(Checkpoint(NAME, 15, bytes(32)), Signer("w", KeyType.COSIGNATURE, bytes(32)), 9)]
            ),
        ),
        "one signature, and no more",
    ),
    "with more keys than it takes": (replace(LATE, keys=chain().notes), "no more keys than it takes"),
    "with fewer keys than it takes": (replace(LATE, keys=LATE.keys[:1]), "no misuse|not signed"),
    "without keys": (replace(LATE, keys=()), "not in their only form"),
    "without the first key": (replace(LATE, keys=LATE.keys[1:]), "begins with link 1"),
    "named by another key of its own": (replace(LATE, log=SIGNERS[1].verifier), "not in their only form"),
    "named by a key that is not its own": (replace(LATE, log=SIGNERS[4].verifier), "not in the chain"),
    "the same change twice": (replace(TWICE, link=TWICE.keys[-1]), "the same, of different numbers, or in the wrong"),
    "the other way round": (
        replace(TWICE, keys=(*TWICE.keys[:-1], TWICE.link or b""), link=TWICE.keys[-1]),
        "in the wrong order",
    ),
    "a change of another number": (replace(TWICE, link=TWICE.keys[0]), "key link|does not follow|not follow"),
    "both at once": (replace(TWICE, checkpoint=signed(15, 0)), "by a checkpoint or by a link"),
    "neither": (replace(TWICE, link=None), "by a checkpoint or by a link"),
}


@pytest.mark.parametrize("name", VOID)
def test_void_accusations_are_refused(name: str) -> None:
    """Attack: accuse a log with a proof that shows nothing, or shows it in a second way."""
    proof, reason = VOID[name]
    with pytest.raises(EvidenceError, match=reason):
        proof.verify()
    with pytest.raises(EvidenceError):
        verify_bytes(proof.to_bytes())


FORK, GROWN = fork(), fork(15)
NO_FORK: dict[str, tuple[ForkProof, str]] = {
    "without keys": (replace(FORK, keys=()), "not signed by its key"),
    "a key too few": (replace(FORK, keys=FORK.keys[:-1]), "not signed by its key|may have been stolen"),
    "a key too many": (replace(FORK, smaller=signed(15, 1), larger=signed(16, 1)), "only form"),
    "one key alone": (
        ForkProof(SIGNERS[0].verifier, signed(5, 0), signed(5, 0, b"\1" * 32), (), chain().notes[:1]),
        "only form",
    ),
    "another first key": (replace(FORK, log=SIGNERS[1].verifier), "only form"),
    "the smaller one by a retired key": (
        replace(GROWN, smaller=signed(15, 0, GROWN.smaller.checkpoint.root)),
        "may have been stolen",
    ),
    "another path": (replace(GROWN, path=(bytes(32), *GROWN.path[1:])), "path does not belong"),
    "a path too short": (replace(GROWN, path=GROWN.path[:-1]), "too short"),
}


@pytest.mark.parametrize("name", NO_FORK)
def test_void_forks_across_a_change_are_refused(name: str) -> None:
    """Attack: invent a fork of a log with changed keys, by keys that do not sign these sizes."""
    proof, reason = NO_FORK[name]
    with pytest.raises(EvidenceError, match=reason):
        proof.verify()
    with pytest.raises(EvidenceError):
        verify_bytes(proof.to_bytes())


FORMS: tuple[tuple[str, Json], ...] = (
    ("version", 2), ("type", "fork-proof"), ("log", "x"), ("log", 1), ("keys", "x"), ("keys", [1]),
    ("keys", ["SURROGATE"]), ("checkpoint", "x"), ("checkpoint", 1), ("link", 1), ("link", "SURROGATE"), ("more", 1),
)  # fmt: skip


@pytest.mark.parametrize(("field", "value"), FORMS)
def test_malformed_proofs_are_refused(field: str, value: Json) -> None:
    """Attack: a proof with something else in a field, or with one field more."""
    written = canonical.loads(LATE.to_bytes())
    assert isinstance(written, dict)
    with pytest.raises(EvidenceError):
        verify_bytes(canonical.dumps(written | {field: value}).replace(b"SURROGATE", b"\\ud800"))


def test_a_fork_proof_has_keys_or_none() -> None:
    """Attack: an empty list of keys, or keys in a proof of the first version: a second spelling of the same proof."""
    written = canonical.loads(FORK.to_bytes())
    assert isinstance(written, dict)
    for change in ({"keys": []}, {"version": 1}):
        with pytest.raises(EvidenceError):
            ForkProof.parse(canonical.dumps(written | change))
    del written["keys"]
    with pytest.raises(EvidenceError):
        ForkProof.parse(canonical.dumps(written))


def test_size_limits() -> None:
    """Attack: a proof of a megabyte is refused before it is parsed."""
    padding = b" " * (1 << 20)
    for reader in (KeyMisuse.parse, ForkProof.parse):
        with pytest.raises(EvidenceError, match="limit"):
            reader(LATE.to_bytes() + padding)
