"""Bundles of a log whose key was changed: made before, between and after, for readers who know any of the keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from key_scenes import LIES, Scene, changed, policy, rotated
from pollwatch.errors import EvidenceError, RetiredKeyError, SignatureError
from pollwatch.evidence import checkpoint, rotation
from pollwatch.evidence.bundle import BundleKeys, read_bundle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keyhistory import KeyHistory
from pollwatch.evidence.keys import KeyType
from pollwatch.evidence.report import Report
from pollwatch.evidence.verify import verify_bytes


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The log, made once."""
    return rotated(tmp_path_factory.mktemp("rotated") / "case")


def shown(report: Report) -> list[str]:
    """The log's keys that a report names."""
    return [key.fingerprint for use, key in report.keys if use.startswith("log") and key.type is KeyType.ED25519]


@pytest.mark.parametrize("knows", [0, 1, 2])
@pytest.mark.parametrize("made", [0, 1, 2])
def test_every_reader_follows_to_its_own_key(scene: Scene, made: int, knows: int) -> None:
    """A bundle verifies for whoever knows a key up to its making, and one made before a change does for ever."""
    given = policy(scene, knows)
    if knows > made:
        # Nothing in an old file can lead to a key that nobody had seen yet; its reader keeps the old key too.
        with pytest.raises(SignatureError, match="not in the policy"):
            verify_bytes(scene.bundles[made], given)
        given = policy(scene, knows, made)
    report = verify_bytes(scene.bundles[made], given)
    assert report.grade == "quorum"
    assert shown(report) == [each.verifier.fingerprint for each in reversed(scene.signers[: made + 1])]


def test_without_a_policy_the_whole_chain_is_shown(scene: Scene) -> None:
    """All fingerprints, the newest first, and how often the key was changed."""
    report = verify_bytes(scene.bundles[2])
    assert shown(report) == [each.verifier.fingerprint for each in reversed(scene.signers)]
    assert any("was changed 2 times" in each.text for each in report.statements)
    assert read_bundle(scene.bundles[0]).history is None


def test_the_owner_may_have_pinned_the_next_key(scene: Scene) -> None:
    """Attack: a thief of the first key begins another chain; a policy with the owner's commitment refutes it."""
    links = scene.chain.links
    for number in range(3):
        verify_bytes(scene.bundles[2], policy(scene, number, pin=links[number].following))
        with pytest.raises(SignatureError, match="gave you with it"):
            verify_bytes(scene.bundles[2], policy(scene, number, pin=bytes(32)))


@pytest.mark.parametrize(("reason", "change"), LIES)
def test_every_failure_names_its_place(
    scene: Scene, reason: str, change: Callable[[Scene, KeyHistory], KeyHistory]
) -> None:
    """Attack: leave links out, put others in, other places, other checkpoints; the error says where it does not fit."""
    bad = changed(scene, lambda history: change(scene, history))
    for given in (None, policy(scene, 0), policy(scene, 2)):
        with pytest.raises(EvidenceError, match=reason) as error:
            verify_bytes(bad, given)
        assert "keys/history.json" in str(error.value)


def test_a_retired_key_makes_no_bundle(scene: Scene) -> None:
    """Attack: the first key is stolen after the change and seals something new, with the true history or without."""
    bundle = read_bundle(scene.bundles[2])
    place = bundle.seal.place
    late = Checkpoint(scene.chain.name, 100, bytes(32))
    forged = replace(bundle.seal, place=replace(place, signed=checkpoint.signed(late, scene.signers[:1])))
    keys = BundleKeys((scene.signers[0].verifier,))
    with pytest.raises(SignatureError, match="names other keys"):
        verify_bytes(replace(bundle, seal=forged, keys=keys).to_bytes(scene.signers[0]))
    # Even the owner, with the newest key, cannot make the oldest one sign what came later.
    with pytest.raises(RetiredKeyError, match="may have been stolen"):
        verify_bytes(replace(bundle, seal=forged).to_bytes(scene.signers[2]))
    alone = replace(bundle, seal=forged, keys=keys, history=None).to_bytes(scene.signers[0])
    with pytest.raises(SignatureError, match="not in the policy"):
        verify_bytes(alone, policy(scene, 2))


def test_a_history_is_read_back(scene: Scene) -> None:
    """What is written reads as the same, and nothing else does."""
    history = read_bundle(scene.bundles[2]).history
    assert history is not None
    data = history.to_bytes()
    assert KeyHistory.parse(data) == history
    for bad in (
        data + b"\n",
        data.replace(b'"growth"', b'"grown"'),
        data.replace(b'"place":["', b'"place":["0'),
        b"{}",
    ):
        with pytest.raises(EvidenceError):
            KeyHistory.parse(bad)
    with pytest.raises(EvidenceError, match="no link"):
        KeyHistory.parse(replace(history, links=(), places=()).to_bytes())
    assert rotation.posted(history.links[0]).kind == "key"
