"""Key rotation: a chain of keys, each committed to by the one before; thieves and liars get nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, ProofError, SignatureError, SplitError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import note as notes
from pollwatch.evidence import rotation
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log, open_reader
from pollwatch.evidence.posted import Posted
from pollwatch.evidence.rotation import Link

NAME = "a.example/shared"
KEYS = [Signer(NAME, KeyType.ED25519, bytes([n]) * 32) for n in range(1, 7)]
KNOWN = KEYS[0].verifier
THIEF = Signer(NAME, KeyType.ED25519, b"t" * 32)


def made(links: int) -> list[bytes]:
    """A chain's notes; link ``n`` begins at size ``10 n + 1``."""
    found = [rotation.begin(KEYS[0], KEYS[1].verifier, 1)]
    for n in range(1, links):
        chain = rotation.verify_chain(KNOWN, found)
        found.append(rotation.rotate(chain, KEYS[n - 1], KEYS[n], KEYS[n + 1].verifier, 10 * n + 1))
    return found


LINKS = made(4)
CHAIN = rotation.verify_chain(KNOWN, LINKS)


def signed(size: int, *signers: Signer, origin: str = NAME) -> SignedCheckpoint:
    """A checkpoint."""
    return checkpoints.signed(Checkpoint(origin, size, bytes(32)), signers)


def test_a_chain_leads_to_the_present_key() -> None:
    """Each size has its key, the first also what came before the first link."""
    assert CHAIN.present == KEYS[3].verifier
    at = {0: 0, 1: 0, 10: 0, 11: 1, 20: 1, 21: 2, 30: 2, 31: 3, 10**6: 3}
    assert {size: CHAIN.key_at(size) for size in at} == {size: KEYS[n].verifier for size, n in at.items()}
    for size, n in at.items():
        assert CHAIN.check(signed(size, KEYS[n])) == KEYS[n].verifier


def test_who_was_enrolled_later_follows_from_there() -> None:
    """A reader that got the second key from its owner needs no older link, and cannot judge older checkpoints."""
    later = rotation.verify_chain(KEYS[1].verifier, LINKS[1:])
    assert later.present == CHAIN.present
    with pytest.raises(SignatureError, match="before the first"):
        later.key_at(5)


@pytest.mark.parametrize("size", [11, 12, 31, 1000])
def test_a_stolen_old_key_signs_nothing_after_rotation(size: int) -> None:
    """Attack: the retired key is stolen and signs a longer log."""
    with pytest.raises(SignatureError, match="stolen"):
        CHAIN.check(signed(size, KEYS[0]))


def test_a_new_key_does_not_rewrite_the_past() -> None:
    """Attack: the present key signs a size that an older key signed."""
    with pytest.raises(SignatureError, match="does not sign that size"):
        CHAIN.check(signed(5, KEYS[3]))
    with pytest.raises(SignatureError, match="not signed by its key"):
        CHAIN.check(signed(5, THIEF))
    with pytest.raises(SignatureError, match="not of"):
        CHAIN.check(signed(5, Signer("b.example/shared", KeyType.ED25519, bytes(32)), origin="b.example/shared"))


def test_a_thief_of_the_present_key_cannot_change_it() -> None:
    """Attack: rotate a stolen key to one of the thief's own; the committed one is not his."""
    with pytest.raises(SignatureError, match="committed"):
        rotation.rotate(CHAIN, KEYS[3], THIEF, KEYS[5].verifier, 50)
    last = CHAIN.links[-1]
    forged = Link(last.number + 1, THIEF.verifier, 50, bytes(32), last.digest)
    with pytest.raises(SignatureError, match="committed"):
        rotation.verify_chain(KNOWN, [*LINKS, notes.sign_note(forged.text, (KEYS[3], THIEF)).to_bytes()])


@pytest.mark.parametrize("signers", [(3,), (4,), (3, 4, 0), (4, 3, 5)])
def test_a_link_is_signed_by_old_and_new_and_nobody_else(signers: tuple[int, ...]) -> None:
    """Attack: a rotation that one of the two keys did not agree to, or one note in two spellings."""
    good = Link.parse(notes.parse(rotation.rotate(CHAIN, KEYS[3], KEYS[4], KEYS[5].verifier, 50)).text)
    bad = notes.sign_note(good.text, [KEYS[n] for n in signers]).to_bytes()
    with pytest.raises(SignatureError, match="must be signed by"):
        rotation.verify_chain(KNOWN, [*LINKS, bad])


def test_links_that_do_not_fit_are_refused() -> None:
    """Gaps, repeats, another order, an unknown beginning, no progress, the wrong present key, the same key again."""
    for wrong in (LINKS[:1] + LINKS[2:], [LINKS[0], LINKS[0]], [LINKS[0], LINKS[2], LINKS[1]], []):
        with pytest.raises(ProofError):
            rotation.verify_chain(KNOWN, wrong)
    for known in (THIEF.verifier, KEYS[1].verifier):
        with pytest.raises(SignatureError, match="not the known one"):
            rotation.verify_chain(known, LINKS)
    with pytest.raises(ProofError, match="begins at size"):
        rotation.rotate(CHAIN, KEYS[3], KEYS[4], KEYS[5].verifier, 31)
    with pytest.raises(SignatureError, match="present key"):
        rotation.rotate(CHAIN, KEYS[2], KEYS[4], KEYS[5].verifier, 50)
    for following in (KEYS[0].verifier, Signer.generate("b.example").verifier):
        with pytest.raises(SignatureError, match="same name"):
            rotation.begin(KEYS[0], following)
    with pytest.raises(SignatureError, match="type 01"):
        rotation.begin(KEYS[0], Signer.generate(NAME, KeyType.MLDSA44).verifier)


def test_two_successions_are_a_split() -> None:
    """Attack: the owner shows different keys to different readers; the two links prove it."""
    rotation.same_chain(CHAIN, rotation.verify_chain(KNOWN, LINKS[:2]))
    short = rotation.verify_chain(KNOWN, LINKS[:3])
    other = rotation.rotate(short, KEYS[2], KEYS[3], THIEF.verifier, 31)
    with pytest.raises(SplitError, match="two keys number 3"):
        rotation.same_chain(CHAIN, rotation.verify_chain(KNOWN, [*LINKS[:3], other]))


def test_the_log_itself_carries_its_keys() -> None:
    """Links are found among other entries, and must stand where they say."""
    other = Posted.of("key", "mirror", b"something else").to_bytes()
    entries = dict.fromkeys(range(40), other) | {
        10 * n: rotation.posted(link).to_bytes() for n, link in enumerate(LINKS)
    }
    assert rotation.from_entries(KNOWN, sorted(entries.items())) == CHAIN
    assert rotation.from_entries(KNOWN, [(0, other), (1, b"{}")]) is None
    with pytest.raises(ProofError, match="is entry 4"):
        rotation.from_entries(KNOWN, [(4, entries[0])])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 3), st.data())
def test_no_changed_byte_verifies(which: int, data: st.DataObject) -> None:
    """Attack: change any byte of any link; it fails by a declared error, or says the very same."""
    link = bytearray(LINKS[which])
    at = data.draw(st.integers(0, len(link) - 1))
    link[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EvidenceError):
        rotation.verify_chain(KNOWN, [*LINKS[:which], bytes(link), *LINKS[which + 1 :]])


def test_a_log_changes_its_key(tmp_path: Path) -> None:
    """The whole course on disk: commit, grow, change, grow; every checkpoint fits its key, a crash between included."""
    seen = []
    with Log.open(tmp_path, KEYS[:1], ManualClock(0)) as log:
        first = rotation.begin(KEYS[0], KEYS[1].verifier, log.size + 1)
        log.append([rotation.posted(first).to_bytes()])
        seen.append(log.signed)
        log.append([b"before"])
        seen.append(log.signed)
        link = rotation.rotate(rotation.verify_chain(KNOWN, [first]), KEYS[0], KEYS[1], KEYS[2].verifier, log.size + 1)
    with pytest.raises(SignatureError):
        Log.open(tmp_path, KEYS[1:2], ManualClock(0))
    with Log.open(tmp_path, KEYS[1:2], ManualClock(0), former=[KNOWN]) as log:
        # Nothing was appended yet: what the old key signed is not signed again by the new one.
        assert log.signed == seen[-1]
        log.append([rotation.posted(link).to_bytes()])
        seen.append(log.signed)
    with Log.open(tmp_path, KEYS[1:2], ManualClock(0)) as log:
        log.append([b"after"])
        seen.append(log.signed)
    _signed, reader = open_reader(tmp_path / "public", KEYS[1].verifier)
    chain = rotation.from_entries(KNOWN, enumerate(reader.entries(0, reader.size)))
    assert chain is not None
    assert [chain.check(each) for each in seen] == [KEYS[n].verifier for n in (0, 0, 1, 1)]
    with pytest.raises(SignatureError, match="stolen"):
        chain.check(signed(reader.size, KEYS[0]))
