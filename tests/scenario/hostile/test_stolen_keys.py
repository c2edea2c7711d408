"""Attack 9, after rotation: Cedar changes its log's key, and a thief who has the old one really uses it, over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx

from hostile_scenes import Watch
from pollwatch.errors import SplitError
from pollwatch.evidence import checkpoint, keychain, log, merkle, note, rotation
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keychain import Link
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.manifest import KeyMisuse, Posted, parse_shared
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.evidence.verify import verify_bytes
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rekeying
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.logs import monitoring, publishing
from pollwatch.node.logs.watching import Checked, Verdict, check_peers


@dataclass
class Theft:
    """What the thief of Cedar's first keys has.

    Attributes:
        key: the key of Cedar's shared log, before it was changed.
        entries: the shared log as it was then; everybody can read it.
        root: its root.
        new: the key that Cedar has now, which the thief has not.
    """

    key: Signer
    entries: list[bytes]
    root: bytes
    new: Signer

    def grown(self, *more: bytes) -> tuple[merkle.Tree, SignedCheckpoint]:
        """Cedar's log with entries of the thief's, signed by the old key."""
        tree = merkle.Tree(merkle.leaf_hashes([*self.entries, *more]))
        at = Checkpoint(self.key.name, len(self.entries) + len(more), tree.root())
        return tree, checkpoint.signed(at, [self.key])


def shared(member: Membership) -> list[bytes]:
    """A member's shared log."""
    _signed, reader = log.open_reader(member.folder.public, member.me.log)
    return list(reader.entries(0, reader.size))


def stolen(watch: Watch) -> Theft:
    """Cedar publishes, is robbed, changes its key, and publishes again; everybody cosigns both."""
    case = watch.cedar.folder.case
    first = publishing.publish(watch.cedar, watch.clock)
    key, entries = CaseKeys.load(case / "evidence").shared, shared(watch.cedar)
    rekeying.rotate(case, "shared", watch.clock)
    again = publishing.publish(watch.cedar, watch.clock)
    assert [each.problem for each in (*first.cosignings, *first.mirrors, *again.cosignings, *again.mirrors)] == [""] * (
        4 * len(watch.cedar.peers)
    )
    return Theft(key, entries, bytes.fromhex(first.root), CaseKeys.load(case / "evidence").shared)


def look(watch: Watch, by: Membership) -> Checked:
    """One look at Cedar."""
    (checked,) = check_peers(by, watch.clock, ["Cedar"])
    return checked


def post(member: Membership, path: str, body: bytes) -> httpx.Response:
    """The thief sends something to a gateway; nobody asks who it is."""
    with httpx.Client(base_url=member.me.address, trust_env=False, timeout=20) as client:
        return client.post(path, content=body)


def proven(watch: Watch, by: Membership, checked: Checked) -> KeyMisuse:
    """The proof verifies alone, for whoever knows the key in the charter, and is filed in the watcher's shared log."""
    assert checked.verdict is Verdict.KEY_MISUSED, checked
    assert checked.proof is not None
    data = checked.proof.read_bytes()
    report = verify_bytes(data, watch.cedar.charter.policy(watch.cedar.me).encode())
    assert (report.kind, report.log) == ("key-misuse", watch.cedar.me.log.name)
    assert data in shared(by)
    misuse = parse_shared(data)
    assert isinstance(misuse, KeyMisuse)
    return misuse


def test_everybody_follows_a_changed_key(staged: Watch) -> None:
    """Cedar's log is cosigned, mirrored, read and found sound across two changes, by those who know its first key."""
    stolen(staged)
    for member in (staged.alder, *staged.others):
        assert look(staged, member).verdict is Verdict.FIRST_SEEN
    rekeying.rotate(staged.cedar.folder.case, "shared", staged.clock)
    assert not any(each.problem for each in publishing.publish(staged.cedar, staged.clock).cosignings)
    for member in (staged.alder, *staged.others):
        assert look(staged, member).verdict is Verdict.GROWN
    for member in (staged.alder, *staged.others, staged.cedar):
        states = {each.member: each.state for each in monitoring.look(member, staged.clock)}
        assert set(states.values()) <= {"fine"} | {"unreachable"}, states
    links = keychain.from_file((staged.cedar.folder.public / "keys").read_bytes())
    assert len(links) == 3
    address = f"{staged.alder.me.address}/mirror/{staged.cedar.me.log.name}"
    mirrored = httpx.get(f"{address}/keys", trust_env=False)
    assert keychain.from_file(mirrored.content) == links
    chain = staged.cedar.me.known_log.follow(links)
    copy = chain.open(httpx.get(f"{address}/checkpoint", trust_env=False).content)
    assert chain.check(copy) == chain.present


def test_attack_9_a_stolen_key_after_rotation_is_refused(staged: Watch) -> None:
    """Attack 9: the thief signs a longer log; each witness says that this key may be stolen, keeps it, and tells."""
    theft = stolen(staged)
    tree, forged = theft.grown(*(Posted.of("policy", f"{n}", b"thief").to_bytes() for n in range(3)))
    size = len(theft.entries)
    for member in (staged.alder, *staged.others):
        for old, proof in ((size, tree.consistency(size)), (0, ())):
            answer = post(member, "/witness/add-checkpoint", build_add_checkpoint(old, proof, forged))
            assert (answer.status_code, "may have been stolen" in answer.text) == (403, True)
        assert post(member, "/mirror/add-checkpoint", build_add_checkpoint(0, (), forged)).status_code in {401, 403}
        misuse = proven(staged, member, look(staged, member))
        assert misuse.checkpoint is not None
        assert misuse.checkpoint == forged
    found = monitoring.look(staged.alder, staged.clock)
    assert monitoring.exit_code(found) == SplitError.exit_code
    assert {each.member: each.state for each in found}["Cedar"] == "misused"
    # The log itself goes on all the same: what its new key signs is cosigned.
    assert not any(each.problem for each in publishing.publish(staged.cedar, staged.clock).cosignings)


def test_attack_9_a_thief_in_the_owners_place_is_told_from_it(staged: Watch, tmp_path: Path) -> None:
    """Attack 9: the thief answers at Cedar's address with its own continuation; nobody takes it for Cedar's log."""
    theft = stolen(staged)
    for member in (staged.alder, *staged.others):
        assert look(staged, member).verdict is Verdict.FIRST_SEEN
    with log.Log.open(tmp_path / "thief", [theft.key], staged.clock) as theirs:
        theirs.append(theft.entries)
        theirs.append([Posted.of("policy", f"{n}", b"thief").to_bytes() for n in range(9)])
    (tmp_path / "thief" / "public" / "keys").unlink()  # as if they had never been changed
    staged.lies.log(tmp_path / "thief")
    for member in (staged.alder, *staged.others):
        proven(staged, member, look(staged, member))


def test_attack_9_a_thief_cannot_rotate(staged: Watch) -> None:
    """Attack 9: the thief changes the key to one of its own, before or after Cedar does; no witness follows."""
    chain = log.read_keys(staged.cedar.folder.public, staged.cedar.me.log)
    key = CaseKeys.load(staged.cedar.folder.case / "evidence").shared
    mine, after = (Signer.generate(key.name) for _each in range(2))
    begun = rotation.begin(key, mine.verifier, 5)
    linked = Link(1, mine.verifier, None, 9, bytes(32), chain.links[0].digest)
    changed = note.sign_note(linked.text, (key, mine)).to_bytes()
    followed = rotation.rotate(keychain.follow(key.verifier, [begun]), key, mine, after.verifier, 9)
    for member in (staged.alder, *staged.others):
        for links in ([begun], [begun, followed], [*chain.notes, changed]):
            answer = post(member, "/witness/add-keys", keychain.to_file(links))
            assert answer.status_code == 403, answer.text
            assert "stolen" in answer.text
    stolen(staged)  # Cedar itself can


def test_attack_9_a_thief_rewrites_what_the_old_key_signed(staged: Watch) -> None:
    """Attack 9: the thief signs another past, of a size that the old key really signed; that is a fork, and shows."""
    theft = stolen(staged)
    other = [*theft.entries[:-1], Posted.of("policy", "past", b"another").to_bytes()]
    tree = merkle.Tree(merkle.leaf_hashes(other))
    forged = checkpoint.signed(Checkpoint(theft.key.name, len(other), tree.root()), [theft.key])
    member = staged.alder
    answer = post(member, "/witness/add-checkpoint", build_add_checkpoint(len(other), (), forged))
    assert answer.status_code in {409, 422}
    assert look(staged, member).verdict is Verdict.FIRST_SEEN
    witness = staged.witness_of(member)
    last = witness.latest(theft.key.name)
    witness.close()
    assert last is not None
    answer = post(member, "/witness/add-checkpoint", build_add_checkpoint(last.checkpoint.size, (), forged))
    assert answer.status_code in {400, 422}
    staged.lies.answer("/log/checkpoint", 200, forged.to_bytes())
    checked = look(staged, member)
    assert checked.verdict is Verdict.FORKED, checked
    assert checked.proof is not None
    data = checked.proof.read_bytes()
    proof = ForkProof.parse(data)
    assert len(proof.keys) == 2
    assert verify_bytes(data, staged.cedar.charter.policy(staged.cedar.me).encode()).kind == "fork-proof"
    assert data in shared(member)


def test_attack_9_an_owner_with_two_successors(staged: Watch) -> None:
    """Attack 9: Cedar tells Alder of another change than its log holds; its keys signed both, and that convicts it."""
    theft = stolen(staged)
    chain = log.read_keys(staged.cedar.folder.public, staged.cedar.me.log)
    true = chain.links[1]
    other = Link(1, true.verifier, None, true.from_size, bytes(32), true.previous)
    signed = note.sign_note(other.text, (theft.key, theft.new)).to_bytes()
    answer = post(staged.alder, "/witness/add-keys", keychain.to_file([chain.notes[0], signed]))
    assert answer.status_code == 422
    misuse = proven(staged, staged.alder, look(staged, staged.alder))
    assert misuse.link is not None
    assert {misuse.keys[-1], misuse.link} == {chain.notes[1], signed}
