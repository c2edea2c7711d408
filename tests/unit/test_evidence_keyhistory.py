"""Bundles of a log whose key was changed: made before, between and after, for readers who know any of the keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, RetiredKeyError, SignatureError
from pollwatch.events.lines import LineSet
from pollwatch.evidence import checkpoint, note, rotation
from pollwatch.evidence.bundle import BundleKeys, read_bundle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keychain import KeyChain, Link
from pollwatch.evidence.keyhistory import KeyHistory
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.report import Report
from pollwatch.evidence.verify import verify_bytes
from pollwatch.node import bundling, rekeying
from pollwatch.node.bundling import Extras
from pollwatch.node.casekeys import CaseKeys
from pollwatch.node.sealing import CaseEvidence

CLOCK = ManualClock(1_793_000_000_000_000)
LINES = [b"one", b"two", b"three"]
WITNESS = Signer("w.example/witness", KeyType.COSIGNATURE, bytes(range(32)))


@dataclass(frozen=True)
class Scene:
    """A case whose shared log has had three keys.

    Attributes:
        bundles: of the same line, made under the first key, the second and the third.
        chain: its keys.
        signers: all of them, as only a thief of all would have them.
    """

    bundles: tuple[bytes, ...]
    chain: KeyChain
    signers: tuple[Signer, ...]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """One line sealed and cosigned before the first change; the cosigned checkpoint stays the one that is shown."""
    case = tmp_path_factory.mktemp("rotated") / "case"
    with CaseEvidence.open(case, CLOCK) as evidence:
        evidence.seal_batch("a.log", 1, LINES)
        evidence.publish_seal()
        at = evidence.shared.signed.checkpoint
        evidence.shared.add_cosignatures([checkpoint.sign(at, WITNESS, 1_793_000_000)])
    rekeying.begin(case, "shared", CLOCK)
    bundles, signers = [], []
    for number in range(3):
        if number:
            rekeying.rotate(case, "shared", CLOCK)
        signers.append(CaseKeys.load(case / "evidence").shared)
        with CaseEvidence.open(case, CLOCK) as evidence:
            evidence.publish_seal()
            out, extras = case / f"{number}.zip", Extras(witnesses=(WITNESS.verifier,))
            bundling.export_lines(evidence, LineSet.of("a.log", [2]), out, CLOCK, raw, extras)
            chain = evidence.shared.chain
        bundles.append((case / f"{number}.zip").read_bytes())
    return Scene(tuple(bundles), chain, tuple(signers))


def raw(_path: str, first: int, count: int) -> list[bytes]:
    """The input again."""
    return LINES[first - 1 : first - 1 + count]


def policy(scene: Scene, *keys: int, pin: bytes | None = None) -> bytes:
    """What a reader knows who was given these keys, and the witness."""
    following = {} if pin is None else {scene.chain.name: pin}
    logs = tuple(scene.signers[number].verifier for number in keys)
    return Policy(logs, {"w": WITNESS.verifier}, {}, "w", following=following).to_bytes()


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


def changed(scene: Scene, change: Callable[[KeyHistory], KeyHistory], signer: int = 2) -> bytes:
    """The last bundle with another history, signed again by whoever does that."""
    bundle = read_bundle(scene.bundles[2])
    assert bundle.history is not None
    return replace(bundle, history=change(bundle.history)).to_bytes(scene.signers[signer])


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("begins with link 1", lambda _s, h: replace(h, links=h.links[1:], places=h.places[1:])),
        ("one is missing", lambda _s, h: replace(h, links=h.links[::2], places=h.places[::2])),
        ("not signed by its key", lambda _s, h: replace(h, links=h.links[:2], places=h.places[:2])),
        ("link 1 is not entry", lambda _s, h: replace(h, places=(h.places[0], h.places[2], h.places[1]))),
        ("link 0 is not entry", lambda _s, h: replace(h, places=((), *h.places[1:]))),
        ("proof is too short", lambda _s, h: replace(h, growth=h.growth[:-1])),
        ("not consistent", lambda _s, h: replace(h, growth=(bytes(32), *h.growth[1:]))),
        ("may have been stolen", lambda s, h: replace(h, signed=checkpoint.signed(h.signed.checkpoint, s.signers[:1]))),
        ("no other", lambda s, h: replace(h, signed=checkpoint.signed(h.signed.checkpoint, s.signers))),
        ("not of", lambda s, h: replace(h, signed=checkpoint.signed(Checkpoint("x", 9, bytes(32)), s.signers))),
        ("not the one that .* committed to", lambda s, h: replace(h, links=(*h.links[:2], thiefs(s)))),
        ("must be signed by", lambda s, h: replace(h, links=(h.links[0], unsigned(s, h), h.links[2]))),
    ],
)  # fmt: skip
def test_every_failure_names_its_place(
    scene: Scene, reason: str, change: Callable[[Scene, KeyHistory], KeyHistory]
) -> None:
    """Attack: leave links out, put others in, other places, other checkpoints; the error says where it does not fit."""
    bad = changed(scene, lambda history: change(scene, history))
    for given in (None, policy(scene, 0), policy(scene, 2)):
        with pytest.raises(EvidenceError, match=reason) as error:
            verify_bytes(bad, given)
        assert "keys/history.json" in str(error.value)


def thiefs(scene: Scene) -> bytes:
    """A link by a thief of the first two keys, which does not have the third."""
    thief = Signer(scene.chain.name, KeyType.ED25519, b"t" * 32)
    before = scene.chain.links[1]
    link = Link(2, thief.verifier, None, scene.chain.links[2].from_size, bytes(32), before.digest)
    return note.sign_note(link.text, (scene.signers[1], thief)).to_bytes()


def unsigned(scene: Scene, history: KeyHistory) -> bytes:
    """A link without the old key's signature."""
    return note.sign_note(note.parse(history.links[1]).text, (scene.signers[1],)).to_bytes()


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
