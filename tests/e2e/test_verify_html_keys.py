"""verify.html and logs whose key was changed: it follows the chain, and refuses, as the CLI does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from key_scenes import LIES, Scene, changed, policy, rotated
from pollwatch.errors import EvidenceError
from pollwatch.evidence import checkpoint, monitor, verify
from pollwatch.evidence.bundle import BundleKeys, read_bundle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keyhistory import KeyHistory
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.misuse import KeyMisuse
from verify_page import Desk


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The log, made once."""
    return rotated(tmp_path_factory.mktemp("rotated") / "case")


def both_refuse(desk: Desk, data: bytes, given: bytes | None, reason: str) -> str:
    """Command line and page refuse a file for the same reason; gives what the page says."""
    with pytest.raises(EvidenceError, match=reason):
        verify.verify_bytes(data, given)
    found = desk.check(data, given)
    assert found["verdict"] == "bad"
    assert re.search(reason, found["reason"]), found["reason"]
    return found["reason"]


@pytest.mark.parametrize("knows", [0, 1, 2])
@pytest.mark.parametrize("made", [0, 1, 2])
def test_every_reader_follows_to_its_own_key(desk: Desk, scene: Scene, made: int, knows: int) -> None:
    """A bundle fits for whoever knows a key up to its making; grade and keys are the command line's."""
    given = policy(scene, knows)
    if knows > made:
        both_refuse(desk, scene.bundles[made], given, "not in the policy")
        given = policy(scene, knows, made)
    report, found = verify.verify_bytes(scene.bundles[made], given), desk.check(scene.bundles[made], given)
    assert (found["verdict"], found["grade"]) == ("fits", report.grade)
    assert report.grade == "quorum"
    told = found["text"].replace(" ", "")
    places = [told.index(key.fingerprint) for _use, key in report.keys if key.type is KeyType.ED25519]
    assert len(places) == made + 1
    assert places == sorted(places)


def test_the_changes_are_told(desk: Desk, scene: Scene) -> None:
    """How often the key was changed; a log that never changed its key says nothing of the kind."""
    told = f"Changes of the key of {scene.chain.name}, which are in the log, each key having named the one after it: 2."
    assert told in desk.check(scene.bundles[2])["text"]
    assert "Changes of the key" not in desk.check(scene.bundles[0])["text"]


@pytest.mark.parametrize(("reason", "change"), LIES)
def test_lies_about_the_chain_fail_for_the_cli_s_reason(
    desk: Desk, scene: Scene, reason: str, change: Callable[[Scene, KeyHistory], KeyHistory]
) -> None:
    """Attack: leave links out, put others in, other places, other checkpoints; both name the same place."""
    bad = changed(scene, lambda history: change(scene, history))
    for given in (None, policy(scene, 0)):
        assert both_refuse(desk, bad, given, reason).startswith("keys/history.json: ")


def test_the_owner_may_have_pinned_the_next_key(desk: Desk, scene: Scene) -> None:
    """Attack: a thief of a key begins another chain; the commitment in the reader's policy refutes it."""
    for number, link in enumerate(scene.chain.links):
        assert desk.check(scene.bundles[2], policy(scene, number, pin=link.following))["verdict"] == "fits"
        both_refuse(desk, scene.bundles[2], policy(scene, number, pin=bytes(32)), "gave you with it")
    twice = policy(scene, 0, pin=bytes(32)) + f"# next {scene.chain.name} {'11' * 32}\n".encode()
    with pytest.raises(EvidenceError, match="two next keys"):
        verify.verify_bytes(scene.bundles[2], twice)
    assert desk.check(scene.bundles[2], twice)["verdict"] == "badPolicy"


def test_a_retired_key_makes_no_bundle(desk: Desk, scene: Scene) -> None:
    """Attack: a stolen first key seals something new, under its own name, or under the true chain of keys."""
    bundle = read_bundle(scene.bundles[2])
    late = Checkpoint(scene.chain.name, 100, bytes(32))
    place = replace(bundle.seal.place, signed=checkpoint.signed(late, scene.signers[:1]))
    forged, keys = replace(bundle.seal, place=place), BundleKeys((scene.signers[0].verifier,))
    own = replace(bundle, seal=forged, keys=keys).to_bytes(scene.signers[0])
    both_refuse(desk, own, None, "keys.json names other keys")
    both_refuse(desk, replace(bundle, seal=forged).to_bytes(scene.signers[2]), None, "may have been stolen")
    alone = replace(bundle, seal=forged, keys=keys, history=None).to_bytes(scene.signers[0])
    both_refuse(desk, alone, policy(scene, 2), "not in the policy")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_forks_under_any_key_are_told(desk: Desk, scene: Scene, number: int) -> None:
    """Attack: a log with changed keys signs two histories under one of them; fewer keys than it takes are refused."""
    size = scene.chain.links[number].from_size if number else 1
    first, second = (
        checkpoint.signed(Checkpoint(scene.chain.name, size, bytes([n]) * 32), [scene.signers[number]]) for n in (1, 2)
    )
    proof = monitor.find_fork(scene.chain, first, second)
    assert proof is not None
    for known in range(number + 1):
        given = policy(scene, known)
        assert verify.verify_bytes(proof.to_bytes(), given).kind == "fork-proof"
        assert desk.check(proof.to_bytes(), given)["verdict"] == "forkFits"
    wrong = [replace(proof, log=Signer.generate(scene.chain.name).verifier)]
    wrong += [replace(proof, keys=keys) for keys in (proof.keys[:-1], scene.chain.notes) if keys != proof.keys]
    for lie in wrong:
        both_refuse(desk, lie.to_bytes(), None, "signed by|only form|not in the chain|fit together")


def test_a_misused_key_is_not_called_bad_evidence(desk: Desk, scene: Scene) -> None:
    """The page does not check such a proof: it says so, and never that the file is not to be relied on."""
    late = Checkpoint(scene.chain.name, 100, bytes(32))
    data = KeyMisuse.of_checkpoint(scene.chain, checkpoint.signed(late, scene.signers[:1])).to_bytes()
    assert verify.verify_bytes(data).kind == "key-misuse"
    found = desk.check(data)
    assert found["verdict"] == "partial"
    assert "Use pollwatch verify" in found["text"]
