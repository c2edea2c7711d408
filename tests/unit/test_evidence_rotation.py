"""Key rotation: a chain of keys, each committed to by the one before; thieves and liars get nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, ProofError, RetiredKeyError, SignatureError, SplitError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import fsck, keychain, rotation
from pollwatch.evidence import note as notes
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain, Link
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log, open_reader
from pollwatch.evidence.posted import Posted

NAME = "a.example/shared"
KEYS = [Signer(NAME, KeyType.ED25519, bytes([n]) * 32) for n in range(1, 7)]
KNOWN = KEYS[0].verifier
THIEF = Signer(NAME, KeyType.ED25519, b"t" * 32)


def made(links: int) -> list[bytes]:
    """A chain's notes; link ``n`` begins at size ``10 n + 1``."""
    found = [rotation.begin(KEYS[0], KEYS[1].verifier, 1)]
    for n in range(1, links):
        chain = keychain.follow(KNOWN, found)
        found.append(rotation.rotate(chain, KEYS[n - 1], KEYS[n], KEYS[n + 1].verifier, 10 * n + 1))
    return found


LINKS = made(4)
CHAIN = keychain.follow(KNOWN, LINKS)


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


def test_who_knows_a_later_key_knows_all_of_them() -> None:
    """A reader that got the second key from its owner follows to both sides: its link speaks for what came before."""
    for key in KEYS[:4]:
        assert keychain.follow(key.verifier, LINKS) == CHAIN
    # Attack: another past under the known key. That takes the known key's own signature.
    other = rotation.begin(THIEF, KEYS[1].verifier, 1)
    with pytest.raises(EvidenceError):
        keychain.follow(KEYS[1].verifier, [other, *LINKS[1:]])


def test_the_owner_may_pin_the_next_key() -> None:
    """Attack: a thief of a key that was never changed begins a chain of its own; the owner's commitment refutes it."""
    pinned = keychain.commitment(KEYS[1].verifier)
    assert keychain.follow(KNOWN, LINKS, pinned) == CHAIN
    assert keychain.follow(KNOWN, [], pinned) == KeyChain(KNOWN)
    thiefs = [rotation.begin(KEYS[0], THIEF.verifier, 1)]
    keychain.follow(KNOWN, thiefs)  # nothing but the commitment tells the two apart
    with pytest.raises(SignatureError, match="another next key"):
        keychain.follow(KNOWN, thiefs, pinned)


def test_a_chain_as_a_file() -> None:
    """What a log publishes beside its checkpoint is read back; anything else is refused."""
    data = keychain.to_file(LINKS)
    assert keychain.from_file(data) == tuple(LINKS)
    for wrong in (
        data + b" ",
        data.replace(b"key-chain", b"key-chains"),
        b"[]",
        b"\xff",
        data.replace(b"links", b"link"),
    ):
        with pytest.raises(ProofError):
            keychain.from_file(wrong)


@pytest.mark.parametrize("size", [11, 12, 31, 1000])
def test_a_stolen_old_key_signs_nothing_after_rotation(size: int) -> None:
    """Attack: the retired key is stolen and signs a longer log."""
    with pytest.raises(RetiredKeyError, match="stolen"):
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
    forged = Link(last.number + 1, THIEF.verifier, None, 50, bytes(32), last.digest)
    with pytest.raises(SignatureError, match="committed"):
        keychain.follow(KNOWN, [*LINKS, notes.sign_note(forged.text, (KEYS[3], THIEF)).to_bytes()])


@pytest.mark.parametrize("signers", [(3,), (4,), (4, 3), (3, 4, 0), (4, 3, 5)])
def test_a_link_is_signed_by_old_and_new_and_nobody_else(signers: tuple[int, ...]) -> None:
    """Attack: a rotation that one of the two keys did not agree to, or one note in two spellings."""
    good = Link.parse(notes.parse(rotation.rotate(CHAIN, KEYS[3], KEYS[4], KEYS[5].verifier, 50)).text)
    bad = notes.sign_note(good.text, [KEYS[n] for n in signers]).to_bytes()
    with pytest.raises(SignatureError, match="must be signed by"):
        keychain.follow(KNOWN, [*LINKS, bad])


def test_links_that_do_not_fit_are_refused() -> None:
    """Gaps, repeats, another order, an unknown beginning, no progress, the wrong present key, the same key again."""
    for wrong in (LINKS[:1] + LINKS[2:], [LINKS[0], LINKS[0]], [LINKS[0], LINKS[2], LINKS[1]], LINKS[1:], LINKS * 40):
        with pytest.raises(ProofError):
            keychain.follow(KNOWN, wrong)
    for known in (THIEF.verifier, KEYS[4].verifier):
        with pytest.raises(SignatureError, match="not in the chain"):
            keychain.follow(known, LINKS)
    with pytest.raises(ProofError, match="no next key"):
        rotation.rotate(KeyChain(KNOWN), KEYS[0], KEYS[1], KEYS[2].verifier, 50)
    with pytest.raises(ProofError, match="begins at size"):
        rotation.rotate(CHAIN, KEYS[3], KEYS[4], KEYS[5].verifier, 31)
    with pytest.raises(SignatureError, match="present key"):
        rotation.rotate(CHAIN, KEYS[2], KEYS[4], KEYS[5].verifier, 50)
    for following in (KEYS[0].verifier, Signer.generate("b.example").verifier):
        with pytest.raises(SignatureError, match="same name"):
            rotation.begin(KEYS[0], following, 1)
    with pytest.raises(SignatureError, match="type 01"):
        rotation.begin(KEYS[0], Signer.generate(NAME, KeyType.MLDSA44).verifier, 1)


def test_two_successions_are_a_split() -> None:
    """Attack: the owner shows different keys to different readers; the two links prove it."""
    keychain.merged(CHAIN, keychain.follow(KNOWN, LINKS[:2]))
    short = keychain.follow(KNOWN, LINKS[:3])
    other = rotation.rotate(short, KEYS[2], KEYS[3], THIEF.verifier, 31)
    with pytest.raises(SplitError, match="two keys number 3"):
        keychain.merged(CHAIN, keychain.follow(KNOWN, [*LINKS[:3], other]))


def test_the_log_itself_carries_its_keys() -> None:
    """Links are found among other entries, and must stand where they say."""
    other = Posted.of("key", "mirror", b"something else").to_bytes()
    entries = dict.fromkeys(range(40), other) | {
        10 * n: rotation.posted(link).to_bytes() for n, link in enumerate(LINKS)
    }
    assert rotation.from_entries(KNOWN, sorted(entries.items())) == CHAIN
    assert rotation.from_entries(KNOWN, [(0, other), (1, b"{}")]) == KeyChain(KNOWN)
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
        keychain.follow(KNOWN, [*LINKS[:which], bytes(link), *LINKS[which + 1 :]])


QUANTUM = [Signer(NAME, KeyType.MLDSA44, bytes([n]) * 32) for n in range(1, 4)]
CLOCK = ManualClock(1_793_000_000_000_000)


def commit(log: Log) -> None:
    """Begin the chain of a log that signs with the first keys."""
    first = rotation.begin(KEYS[0], KEYS[1].verifier, log.size + 1, QUANTUM[0].verifier)
    log.append([rotation.posted(first).to_bytes()])


def change(log: Log, to: int) -> None:
    """Change the keys of a log to those of this number."""
    following = KEYS[to + 1].verifier
    link = rotation.rotate(log.chain, log.signer, KEYS[to], following, log.size + 1, QUANTUM[to].verifier)
    log.append([rotation.posted(link).to_bytes()])


def test_a_log_changes_its_key(tmp_path: Path) -> None:
    """The whole course on disk: commit, grow, change, grow; every checkpoint is signed by the keys of its size."""
    seen = []
    with Log.open(tmp_path, [KEYS[0], QUANTUM[0]], CLOCK) as log:
        log.append([b"first"])
        assert log.chain == KeyChain(KNOWN)
        commit(log)
        seen.append(log.signed)
        log.append([b"before"])
        seen.append(log.signed)
    with Log.open(tmp_path, [KEYS[0], QUANTUM[0], KEYS[1], QUANTUM[1]], CLOCK) as log:
        # All keys are at hand, and what the old ones signed is not signed again by the new.
        assert log.signed == seen[-1]
        assert log.verifiers == (KNOWN, QUANTUM[0].verifier)
        change(log, 1)
        assert log.verifiers == (KEYS[1].verifier, QUANTUM[1].verifier)
        seen.append(log.signed)
    with pytest.raises(SignatureError, match="put that key in its place"):
        Log.open(tmp_path, [KEYS[0], QUANTUM[0]], CLOCK)
    with Log.open(tmp_path, [KEYS[1], QUANTUM[1]], CLOCK) as log:
        log.append([b"after"])
        seen.append(log.signed)
        chain = log.chain
    for known in (*chain.keys, chain):
        at, reader = open_reader(tmp_path / "public", known)
        assert at == seen[-1]
        assert fsck.check_log(tmp_path, known).size == reader.size == 5
    assert rotation.from_entries(KNOWN, enumerate(reader.entries(0, reader.size))) == chain
    rotation.check_places(chain, reader)
    assert [chain.check(each) for each in seen] == [KEYS[n].verifier for n in (0, 0, 1, 1)]
    assert [
        len(checkpoints.verify(each, [QUANTUM[n].verifier])) for each, n in zip(seen, (0, 0, 1, 1), strict=True)
    ] == [1] * 4
    with pytest.raises(RetiredKeyError, match="stolen"):
        chain.check(signed(reader.size, KEYS[0]))


def test_a_log_takes_no_link_that_does_not_fit(tmp_path: Path) -> None:
    """Attack: append a link of a thief, of another place, or to a key that is not at hand; nothing changes."""
    with Log.open(tmp_path, [KEYS[0], KEYS[1], QUANTUM[0], QUANTUM[1]], CLOCK) as log:
        commit(log)
        before = log.checkpoint()
        elsewhere = rotation.rotate(log.chain, KEYS[0], KEYS[1], KEYS[2].verifier, log.size + 1)
        thiefs = Link(1, THIEF.verifier, None, log.size + 1, bytes(32), log.chain.links[0].digest)
        for bad in (elsewhere, notes.sign_note(thiefs.text, (KEYS[0], THIEF)).to_bytes(), log.chain.notes[0]):
            with pytest.raises(EvidenceError):
                log.append([b"innocent", rotation.posted(bad).to_bytes()])
        assert (log.checkpoint(), log.size) == (before, 1)
    with Log.open(tmp_path, [KEYS[0], QUANTUM[0]], CLOCK) as log:
        link = rotation.rotate(log.chain, KEYS[0], KEYS[1], KEYS[2].verifier, log.size + 1)
        with pytest.raises(SignatureError, match="not among those given"):
            log.append([rotation.posted(link).to_bytes()])
        assert log.append([b"goes on"]) == range(1, 2)


def test_fsck_compares_the_keys(tmp_path: Path) -> None:
    """A keys file that was cut, changed or removed is named; opening the log writes it anew."""
    keys = [KEYS[0], QUANTUM[0], KEYS[1], QUANTUM[1]]
    with Log.open(tmp_path, keys, CLOCK) as log:
        commit(log)
        change(log, 1)
        links = log.chain.notes
    path = tmp_path / "public" / "keys"
    whole = path.read_bytes()
    for wrong in (keychain.to_file(links[:1]), keychain.to_file([]), None):
        path.unlink() if wrong is None else path.write_bytes(wrong)
        with pytest.raises(ProofError, match="keys"):
            fsck.check_log(tmp_path, KNOWN)
        with Log.open(tmp_path, keys, CLOCK) as log:
            assert path.read_bytes() == whole
        fsck.check_log(tmp_path, KNOWN)


def test_links_belong_where_they_say(tmp_path: Path) -> None:
    """Attack: tell some readers of a change of keys that the log itself does not contain."""
    with Log.open(tmp_path, [KEYS[0], QUANTUM[0]], CLOCK) as log:
        commit(log)
        link = rotation.rotate(log.chain, KEYS[0], KEYS[1], KEYS[2].verifier, log.size + 1)
        log.append([b"something else"])
        told = keychain.follow(KNOWN, [*log.chain.notes, link])
        with pytest.raises(ProofError, match="for some and not for others"):
            rotation.check_places(told, log.reader())
        rotation.check_places(told, log.reader().resized(1))  # so small a log cannot have it yet
