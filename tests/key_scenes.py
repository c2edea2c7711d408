"""A log whose key was changed twice: its bundles, its readers, and those who lie about its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pollwatch.clock import ManualClock
from pollwatch.events.lines import LineSet
from pollwatch.evidence import checkpoint, note
from pollwatch.evidence.bundle import read_bundle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keychain import KeyChain, Link
from pollwatch.evidence.keyhistory import KeyHistory
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.policy import Policy
from pollwatch.node.evidence import bundling, rekeying
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.evidence.sealing import CaseEvidence

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


def rotated(case: Path) -> Scene:
    """One line sealed and cosigned before the first change; the cosigned checkpoint stays the one that is shown."""
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


def changed(scene: Scene, change: Callable[[KeyHistory], KeyHistory], signer: int = 2) -> bytes:
    """The last bundle with another history, signed again by whoever does that."""
    bundle = read_bundle(scene.bundles[2])
    assert bundle.history is not None
    return replace(bundle, history=change(bundle.history)).to_bytes(scene.signers[signer])


def thiefs(scene: Scene) -> bytes:
    """A link by a thief of the first two keys, which does not have the third."""
    thief = Signer(scene.chain.name, KeyType.ED25519, b"t" * 32)
    before = scene.chain.links[1]
    link = Link(2, thief.verifier, None, scene.chain.links[2].from_size, bytes(32), before.digest)
    return note.sign_note(link.text, (scene.signers[1], thief)).to_bytes()


def unsigned(scene: Scene, history: KeyHistory) -> bytes:
    """A link without the old key's signature."""
    return note.sign_note(note.parse(history.links[1]).text, (scene.signers[1],)).to_bytes()


#: What somebody does to the history of keys, and why it is refused.
LIES: tuple[tuple[str, Callable[[Scene, KeyHistory], KeyHistory]], ...] = (
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
)  # fmt: skip
