"""A member really does to its log what THREATS.md lists, as log, witness and server; real gateways answer.

Every attack is tried with two members and with four, with a neutral witness and without.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from hostile_scenes import NOW_US, Watch
from pollwatch.clock import US_PER_S
from pollwatch.errors import ProofError, SignatureError, SplitError
from pollwatch.evidence import checkpoint, log, merkle, opened
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.log import Log
from pollwatch.evidence.manifest import Posted
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.note import Note, Signature
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.evidence.verify import verify_bytes
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.logs import knowing, monitoring, publishing
from pollwatch.node.logs.monitoring import State
from pollwatch.node.logs.watching import Checked, Verdict, check_peers
from pollwatch.sharing.peer import Peer


def check(watch: Watch, by: Membership) -> Checked:
    """One look at Cedar."""
    (checked,) = check_peers(by, watch.clock, ["Cedar"])
    return checked


def ask(watch: Watch, by: Membership, old: int, proof: merkle.Proof, signed: SignedCheckpoint) -> httpx.Response:
    """Cedar asks a witness, with whatever it likes to send."""
    with httpx.Client(base_url=by.me.address, trust_env=False, timeout=20) as client:
        return client.post("/witness/add-checkpoint", content=build_add_checkpoint(old, proof, signed))


def convicts(watch: Watch, checked: Checked) -> ForkProof:
    """The proof that a look left verifies alone, under a policy that knows Cedar's key, and names Cedar's log."""
    assert checked.verdict is Verdict.FORKED, checked
    assert checked.proof is not None
    policy = f"log {watch.cedar.me.log.vkey}\nquorum none\n".encode()
    assert verify_bytes(checked.proof.read_bytes(), policy).log == watch.cedar.me.log.name
    return ForkProof.parse(checked.proof.read_bytes())


def test_attack_1_different_logs_for_different_members(staged: Watch, tmp_path: Path) -> None:
    """Attack 1: Cedar has one log for Alder and one for the others, both cosigned; the first look convicts it."""
    for_alder, for_birch = staged.histories(tmp_path, 3, 5)
    assert ask(staged, staged.alder, 0, (), for_alder.signed).status_code == 200
    staged.lies.log(for_birch.folder)
    for other in staged.others:
        assert ask(staged, other, 0, (), for_birch.signed).status_code == 200
    proof = convicts(staged, check(staged, staged.alder))
    assert {proof.smaller.checkpoint, proof.larger.checkpoint} == {
        for_alder.signed.checkpoint,
        for_birch.signed.checkpoint,
    }
    # The others come to the very same proof, from what Alder cosigned: a fork has one proof, whoever finds it.
    for other in staged.others:
        assert convicts(staged, check(staged, other)) == proof


def test_attack_1_different_logs_that_nobody_cosigned(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack 1: Cedar asks nobody to cosign; Birch's seal carries what Birch saw, and convicts Cedar at Alder's."""
    for_birch, for_alder = watch.histories(tmp_path, 3, 5)
    watch.lies.log(for_birch.folder)
    monkeypatch.setattr(knowing, "remember", lambda *_what: None)  # else Birch's witness knows what Birch saw
    assert check(watch, watch.birch).verdict is Verdict.FIRST_SEEN
    publishing.publish(watch.birch, watch.clock)
    watch.lies.log(for_alder.folder)
    found = {each.member: each for each in monitoring.look(watch.alder, watch.clock)}
    assert found["Cedar"].state is State.FORKED
    assert found["Birch"].state is found["Alder"].state is State.FINE
    assert monitoring.exit_code(found.values()) == SplitError.exit_code
    assert found["Cedar"].proof is not None
    data = found["Cedar"].proof.read_bytes()
    proof = ForkProof.parse(data)
    assert {proof.smaller.checkpoint, proof.larger.checkpoint} == {
        for_birch.signed.checkpoint,
        for_alder.signed.checkpoint,
    }
    assert verify_bytes(data, watch.cedar.charter.policy(watch.cedar.me).encode()).kind == "fork-proof"
    _signed, own = log.open_reader(watch.alder.folder.public, watch.alder.me.log)
    assert data in list(own.entries(0, own.size))


def test_a_witness_knows_what_its_monitor_read(watch: Watch, tmp_path: Path) -> None:
    """Attack 1: Cedar shows a log to Alder's monitor, and asks Alder's witness for another, or for an older state."""
    shown, other = watch.histories(tmp_path, 6, 6)
    watch.lies.log(shown.folder)
    assert check(watch, watch.alder).verdict is Verdict.FIRST_SEEN
    witness = watch.witness_of(watch.alder)
    latest = witness.latest(shown.origin)
    witness.close()
    assert latest is not None
    assert latest.checkpoint == shown.signed.checkpoint
    assert len(checkpoint.verify(latest, (watch.alder.me.witness, watch.cedar.me.log))) == 2
    assert ask(watch, watch.alder, 0, (), other.signed).status_code == 409
    assert ask(watch, watch.alder, 6, (), other.signed).status_code == 422
    older = watch.cedar_signs(3, shown.reader().root(3))
    assert ask(watch, watch.alder, 3, (), older).status_code == 409
    # Asked as a log asks, it cosigns as ever.
    assert ask(watch, watch.alder, 6, (), shown.signed).status_code == 200
    convicts(watch, check(watch, watch.alder))


def test_a_seal_that_makes_up_what_a_log_signed(watch: Watch, tmp_path: Path) -> None:
    """Attack: Cedar puts a state of Birch's log into its seal that Birch never signed; Cedar is told of, not Birch."""
    key = Signer.load(watch.birch.folder.case / "evidence" / "keys" / "shared.key")
    at = Checkpoint(key.name, 2, bytes(32))
    for number, forger in enumerate((Signer.generate(key.name), key)):
        line = checkpoint.sign(at, forger)
        signed = SignedCheckpoint(at, Note(at.text, (replace(line, key_id=key.verifier.id),)))
        with CaseEvidence.open(watch.cedar.folder.case, watch.clock) as evidence:
            evidence.publish_seal([signed])
        found = {each.member: each for each in monitoring.look(watch.alder, watch.clock)}
        if number:
            # What Birch's own key signed is another matter: there, Birch lies.
            assert found["Birch"].state is State.FORKED
        else:
            assert (found["Cedar"].state, found["Birch"].state) == (State.LIED, State.FINE)
            assert "Birch" in found["Cedar"].detail


def test_a_seal_says_nothing_against_what_fits(watch: Watch, tmp_path: Path) -> None:
    """Honest growth between two looks accuses nobody, whoever looked first."""
    (log_of_cedar,) = watch.histories(tmp_path, 3)
    watch.lies.log(log_of_cedar.folder)
    for member in (watch.birch, watch.alder):
        assert check(watch, member).verdict is Verdict.FIRST_SEEN
        publishing.publish(member, watch.clock)
        with Log.open(log_of_cedar.folder, log_of_cedar._signers, watch.clock) as again:  # noqa: SLF001 - Cedar's own keys
            again.append([Posted.of("policy", member.me.name, b"x").to_bytes()])
    for member in (watch.alder, watch.birch):
        states = {each.member: each.state for each in monitoring.look(member, watch.clock)}
        assert not {State.FORKED, State.LIED} & set(states.values()), states


def test_attack_2_a_log_cut_short(staged: Watch, tmp_path: Path) -> None:
    """Attack 2: Cedar shows fewer entries than it signed before; when it goes on from there, it is convicted."""
    long, other = staged.histories(tmp_path, 6, 7)
    staged.lies.log(long.folder)
    assert check(staged, staged.alder).verdict is Verdict.FIRST_SEEN
    entries = list(long.reader().entries(0, 3))
    short = tmp_path / "short"
    signers = long._signers  # noqa: SLF001 - Cedar's own keys
    with Log.open(short, signers, staged.clock) as cut:
        cut.append(entries)
        staged.lies.log(short)
        back = check(staged, staged.alder)
        assert (back.verdict, back.size, back.before) == (Verdict.WENT_BACK, 3, 6)
        # Others, who never saw more, hear it from Alder's witness, which knows what Alder read.
        for each in staged.others:
            back = check(staged, each)
            assert (back.verdict, back.size, back.before) == (Verdict.WENT_BACK, 3, None)
        cut.append(list(other.reader().entries(0, 4)))
    convicts(staged, check(staged, staged.alder))


def test_attack_2_a_rewritten_log(staged: Watch, tmp_path: Path) -> None:
    """Attack 2: Cedar rewrites its history; witnesses refuse it with 422, keep what it signed, and have the proof."""
    before, after = staged.histories(tmp_path, 4, 9)
    assert ask(staged, staged.alder, 0, (), before.signed).status_code == 200
    refused = ask(staged, staged.alder, 4, after.consistency(4), after.signed)
    assert refused.status_code == 422
    witness = staged.witness_of(staged.alder)
    (kept,) = witness.contradictions(staged.cedar.me.log.name)
    witness.close()
    assert kept.checkpoint == after.signed.checkpoint
    staged.lies.log(after.folder)
    convicts(staged, check(staged, staged.alder))


def test_attack_3_a_back_dated_checkpoint(staged: Watch, tmp_path: Path) -> None:
    """Attack 3: Cedar claims an old date for a new entry; cosignatures say when it was seen, and nothing earlier."""
    (late,) = staged.histories(tmp_path, 4)
    staged.clock.advance(3600)
    answer = ask(staged, staged.alder, 0, (), late.signed)
    line = Signature.parse(answer.text)
    stated = checkpoint.verify_line(late.signed.checkpoint, line, staged.alder.me.witness)
    assert stated == NOW_US // US_PER_S + 3600
    # The time is under the witness's signature: Cedar cannot turn it back.
    earlier = Signature(line.name, line.key_id, (stated - 3600).to_bytes(8, "big") + line.blob[8:])
    with pytest.raises(SignatureError, match="wrong"):
        checkpoint.verify_line(late.signed.checkpoint, earlier, staged.alder.me.witness)
    # Nor can it slip an entry under what was cosigned: the root would be another.
    with pytest.raises(ProofError):
        merkle.verify_inclusion(
            0, 4, merkle.leaf_hash(b"slipped in later"), late.inclusion(0), late.signed.checkpoint.root
        )


def test_attack_4_withheld_tiles_and_silence(staged: Watch, tmp_path: Path) -> None:
    """Attack 4: Cedar signs but withholds what it signed, then falls silent; neither is taken, both are told."""
    (log_of_cedar,) = staged.histories(tmp_path, 5)
    staged.lies.log(log_of_cedar.folder)
    staged.lies.answer("/log/tile", 404)
    withheld = check(staged, staged.alder)
    assert withheld.verdict is Verdict.DAMAGED
    assert "missing" in withheld.detail
    staged.lies.answer("/log/", 503)
    silent = check(staged, staged.alder)
    assert (silent.verdict, silent.size, silent.before) == (Verdict.UNREACHABLE, None, None)
    del staged.lies.told["/log/tile"]
    staged.lies.log(log_of_cedar.folder)
    assert check(staged, staged.alder).verdict is Verdict.FIRST_SEEN  # nothing of what was withheld had been believed
    staged.lies.answer("/log/", 404)
    assert check(staged, staged.alder).before == 5


def test_attack_5_a_refusal_is_no_veto(staged: Watch) -> None:
    """Attack 5: Cedar refuses, answers nonsense, or signs another state; Alder publishes all the same."""

    def other_state(_request: Request) -> Response:
        wrong = staged.cedar_signs(1, bytes(32)).checkpoint
        return Response(checkpoint.sign(wrong, staged.cedar.keys.outer.witness, 1).line)

    lies: list[tuple[str, object]] = [
        ("refused", (403, b"never\n")),
        ("nonsense", (200, b"\xff\xfe\n")),
        ("nothing", (200, b"")),
        ("broken", (500, b"")),
        ("another state", other_state),
    ]
    path, before = "/witness/add-checkpoint", 0
    for name, lie in lies:
        if isinstance(lie, tuple):
            staged.lies.answer(path, *lie)
        else:
            staged.lies.told[path] = other_state
        published = publishing.publish(staged.alder, staged.clock)
        problems = {each.member: each.problem for each in published.cosignings}
        assert problems["Cedar"], name
        assert not any(problem for member, problem in problems.items() if member != "Cedar"), name
        assert published.grade == ("quorum" if staged.others else "asserted"), name
        assert published.size > before, name
        before = published.size
        signed, _tiles = log.open_reader(staged.alder.folder.public, staged.alder.me.log)
        assert not signed.note.by(staged.cedar.me.witness), name
        assert all(signed.note.by(other.me.witness) for other in staged.others), name


def test_attack_6_lies_about_sizes(staged: Watch, tmp_path: Path) -> None:
    """Attack 6: as log Cedar names wrong old sizes and sizes without entries; as witness it never agrees on one."""
    (true,) = staged.histories(tmp_path, 6)
    assert ask(staged, staged.alder, 0, (), true.signed).status_code == 200
    for old in (0, 1, 5):
        answer = ask(staged, staged.alder, old, true.consistency(old), true.signed)
        assert (answer.status_code, answer.headers["content-type"], answer.text) == (409, "text/x.tlog.size", "6\n")
    assert ask(staged, staged.alder, 7, (), true.signed).status_code == 400
    bloated = staged.cedar_signs(1000, true.signed.checkpoint.root)
    assert ask(staged, staged.alder, 6, true.consistency(3), bloated).status_code == 422
    staged.lies.log(true.folder)
    staged.lies.answer("/log/checkpoint", 200, bloated.to_bytes())
    assert check(staged, staged.alder).verdict is Verdict.DAMAGED
    sizes: Iterator[int] = iter(range(100))
    staged.lies.told["/witness/add-checkpoint"] = lambda _request: Response(
        f"{next(sizes)}\n", 409, media_type="text/x.tlog.size"
    )
    published = publishing.publish(staged.alder, staged.clock)
    problem = next(each.problem for each in published.cosignings if each.member == "Cedar")
    assert "409" in problem
    assert next(sizes) <= 4  # asked a few times, not for ever


def test_attack_7_replayed_checkpoints(staged: Watch, tmp_path: Path) -> None:
    """Attack 7: Cedar shows and submits states from earlier; no monitor and no witness takes a step back."""
    (log_of_cedar,) = staged.histories(tmp_path, 8)
    reader = log_of_cedar.reader()
    old = staged.cedar_signs(3, reader.root(3))
    assert ask(staged, staged.alder, 0, (), log_of_cedar.signed).status_code == 200
    assert ask(staged, staged.alder, 8, (), old).status_code == 400
    assert ask(staged, staged.alder, 3, (), old).status_code == 409
    witness = staged.witness_of(staged.alder)
    latest = witness.latest(staged.cedar.me.log.name)
    witness.close()
    assert latest is not None
    assert latest.checkpoint.size == 8
    staged.lies.log(log_of_cedar.folder)
    staged.lies.answer("/log/checkpoint", 200, old.to_bytes())
    staged.lies.answer("/log/tile", 200, b"".join(merkle.leaf_hash(each) for each in reader.entries(0, 3)))
    # The others never saw Cedar's log: they know from Alder's witness that there was more.
    for member in (staged.alder, *staged.others):
        back = check(staged, member)
        assert (back.verdict, back.size) == (Verdict.WENT_BACK, 3), back
        assert "8" in back.detail


def test_attack_25_a_witness_with_another_clock(staged: Watch) -> None:
    """Attack 25: Cedar cosigns with a time of its choice; a quorum is complete at the latest time that it needs."""
    path = "/witness/add-checkpoint"

    def back_dated(request: Request) -> Response:
        body = request._body  # noqa: SLF001 - read before the lie is told
        signed = SignedCheckpoint.parse(body.partition(b"\n\n")[2])
        return Response(checkpoint.sign(signed.checkpoint, staged.cedar.keys.outer.witness, 1).line)

    staged.lies.told[path] = back_dated
    publishing.publish(staged.alder, staged.clock)
    signed, _tiles = log.open_reader(staged.alder.folder.public, staged.alder.me.log)
    (lie,) = checkpoint.verify(signed, (staged.cedar.me.witness,))
    assert lie.time_s == 1
    # Each time stands under its witness's own name; one honest clock in the quorum is enough against a slow one.
    everybody = (staged.cedar, *staged.others)
    names = [f"w{number}" for number in range(len(everybody))]
    lines = [f"witness {name} {each.me.witness.vkey}" for name, each in zip(names, everybody, strict=True)]
    words = (f"log {staged.alder.me.log.vkey}", *lines, f"group all all {' '.join(names)}", "quorum all")
    witnessed = opened.check_witnesses(signed, Policy.parse("".join(f"{line}\n" for line in words).encode()))
    honest = dict.fromkeys(names[1:], NOW_US // US_PER_S)
    assert witnessed.names == {"w0": 1, **honest}
    # With nobody but the liar to ask, its time is all there is, and the reader sees whose it is.
    assert witnessed.quorum_s == max(witnessed.names.values())


def test_a_witness_answer_cannot_be_moved_to_another_log(watch: Watch, tmp_path: Path) -> None:
    """Attack 10 on logs: Cedar asks a witness to cosign in Birch's name, and serves Birch's checkpoint as its own."""
    publishing.publish(watch.birch, watch.clock)
    signed, tiles = log.open_reader(watch.birch.folder.public, watch.birch.me.log)
    key = watch.histories(tmp_path, 1)[0]._signers[0]  # noqa: SLF001 - Cedar's own key
    forged = checkpoint.signed(signed.checkpoint, [])
    line = Signature(signed.checkpoint.origin, key.verifier.id, key.sign(signed.checkpoint.text.encode()))
    assert ask(watch, watch.alder, 0, (), forged.adding([line])).status_code == 403
    watch.lies.answer("/log/checkpoint", 200, signed.to_bytes())
    found = check(watch, watch.alder)
    assert found.verdict is Verdict.UNREACHABLE
    assert "not of" in found.detail
    with Peer(watch.alder.way_to(watch.birch.me, watch.clock)) as peer:
        assert peer.checkpoint().checkpoint == signed.checkpoint
    assert base64.b64encode(tiles.root()) == base64.b64encode(signed.checkpoint.root)
