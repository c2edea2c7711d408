"""A member really does to its log what THREATS.md lists, as log, witness and server; real gateways answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from hostile_scenes import NOW_US, Watch
from pollwatch.clock import US_PER_S
from pollwatch.errors import ProofError, SignatureError
from pollwatch.evidence import checkpoint, log, merkle, opened
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.log import Log
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.note import Signature
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.evidence.verify import verify_bytes
from pollwatch.node import publishing
from pollwatch.node.jointfolder import Membership
from pollwatch.node.watching import Checked, Verdict, check_peers
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


def test_attack_1_different_logs_for_different_members(watch: Watch, tmp_path: Path) -> None:
    """Attack 1: Cedar has one log for Alder and one for Birch, both cosigned; the first look at either convicts it."""
    for_alder, for_birch = watch.histories(tmp_path, 3, 5)
    assert ask(watch, watch.alder, 0, (), for_alder.signed).status_code == 200
    assert ask(watch, watch.birch, 0, (), for_birch.signed).status_code == 200
    watch.lies.log(for_birch.folder)
    proof = convicts(watch, check(watch, watch.alder))
    assert {proof.smaller.checkpoint, proof.larger.checkpoint} == {
        for_alder.signed.checkpoint,
        for_birch.signed.checkpoint,
    }
    # Birch comes to the very same proof, from what Alder cosigned: a fork has one proof, whoever finds it.
    assert convicts(watch, check(watch, watch.birch)) == proof


def test_attack_2_a_log_cut_short(watch: Watch, tmp_path: Path) -> None:
    """Attack 2: Cedar shows fewer entries than it signed before; when it goes on from there, it is convicted."""
    long, other = watch.histories(tmp_path, 6, 7)
    watch.lies.log(long.folder)
    assert check(watch, watch.alder).verdict is Verdict.FIRST_SEEN
    entries = list(long.reader().entries(0, 3))
    short = tmp_path / "short"
    signers = long._signers  # noqa: SLF001 - Cedar's own keys
    with Log.open(short, signers, watch.clock) as cut:
        cut.append(entries)
        watch.lies.log(short)
        back = check(watch, watch.alder)
        assert (back.verdict, back.size, back.before) == (Verdict.WENT_BACK, 3, 6)
        # To Birch, who never saw more, the short log is new; but as soon as it grows elsewhere, Alder has the proof.
        assert check(watch, watch.birch).verdict is Verdict.FIRST_SEEN
        cut.append(list(other.reader().entries(0, 4)))
    convicts(watch, check(watch, watch.alder))


def test_attack_2_a_rewritten_log(watch: Watch, tmp_path: Path) -> None:
    """Attack 2: Cedar rewrites its history; witnesses refuse it with 422, keep what it signed, and have the proof."""
    before, after = watch.histories(tmp_path, 4, 9)
    assert ask(watch, watch.alder, 0, (), before.signed).status_code == 200
    refused = ask(watch, watch.alder, 4, after.consistency(4), after.signed)
    assert refused.status_code == 422
    witness = watch.witness_of(watch.alder)
    (kept,) = witness.contradictions(watch.cedar.me.log.name)
    witness.close()
    assert kept.checkpoint == after.signed.checkpoint
    watch.lies.log(after.folder)
    convicts(watch, check(watch, watch.alder))


def test_attack_3_a_back_dated_checkpoint(watch: Watch, tmp_path: Path) -> None:
    """Attack 3: Cedar claims an old date for a new entry; cosignatures say when it was seen, and nothing earlier."""
    (late,) = watch.histories(tmp_path, 4)
    watch.clock.advance(3600)
    answer = ask(watch, watch.alder, 0, (), late.signed)
    line = Signature.parse(answer.text)
    stated = checkpoint.verify_line(late.signed.checkpoint, line, watch.alder.me.witness)
    assert stated == NOW_US // US_PER_S + 3600
    # The time is under the witness's signature: Cedar cannot turn it back.
    earlier = Signature(line.name, line.key_id, (stated - 3600).to_bytes(8, "big") + line.blob[8:])
    with pytest.raises(SignatureError, match="wrong"):
        checkpoint.verify_line(late.signed.checkpoint, earlier, watch.alder.me.witness)
    # Nor can it slip an entry under what was cosigned: the root would be another.
    with pytest.raises(ProofError):
        merkle.verify_inclusion(
            0, 4, merkle.leaf_hash(b"slipped in later"), late.inclusion(0), late.signed.checkpoint.root
        )


def test_attack_4_withheld_tiles_and_silence(watch: Watch, tmp_path: Path) -> None:
    """Attack 4: Cedar signs but withholds what it signed, then falls silent; neither is taken, both are told."""
    (log_of_cedar,) = watch.histories(tmp_path, 5)
    watch.lies.log(log_of_cedar.folder)
    watch.lies.answer("/log/tile", 404)
    withheld = check(watch, watch.alder)
    assert withheld.verdict is Verdict.DAMAGED
    assert "missing" in withheld.detail
    watch.lies.answer("/log/", 503)
    silent = check(watch, watch.alder)
    assert (silent.verdict, silent.size, silent.before) == (Verdict.UNREACHABLE, None, None)
    del watch.lies.told["/log/tile"]
    watch.lies.log(log_of_cedar.folder)
    assert check(watch, watch.alder).verdict is Verdict.FIRST_SEEN  # nothing of what was withheld had been believed
    watch.lies.answer("/log/", 404)
    assert check(watch, watch.alder).before == 5


def test_attack_5_a_refusal_is_no_veto(watch: Watch) -> None:
    """Attack 5: Cedar refuses, answers nonsense, or signs another state; Alder publishes all the same."""

    def other_state(_request: Request) -> Response:
        wrong = watch.cedar_signs(1, bytes(32)).checkpoint
        return Response(checkpoint.sign(wrong, watch.cedar.keys.outer.witness, 1).line)

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
            watch.lies.answer(path, *lie)
        else:
            watch.lies.told[path] = other_state
        published = publishing.publish(watch.alder, watch.clock)
        problems = {each.member: each.problem for each in published.cosignings}
        assert problems["Cedar"], name
        assert (problems["Birch"], published.grade) == ("", "quorum"), name
        assert published.size > before, name
        before = published.size
        signed, _tiles = log.open_reader(watch.alder.folder.public, watch.alder.me.log)
        assert not signed.note.by(watch.cedar.me.witness), name
        assert signed.note.by(watch.birch.me.witness), name


def test_attack_6_lies_about_sizes(watch: Watch, tmp_path: Path) -> None:
    """Attack 6: as log Cedar names wrong old sizes and sizes without entries; as witness it never agrees on one."""
    (true,) = watch.histories(tmp_path, 6)
    assert ask(watch, watch.alder, 0, (), true.signed).status_code == 200
    for old in (0, 1, 5):
        answer = ask(watch, watch.alder, old, true.consistency(old), true.signed)
        assert (answer.status_code, answer.headers["content-type"], answer.text) == (409, "text/x.tlog.size", "6\n")
    assert ask(watch, watch.alder, 7, (), true.signed).status_code == 400
    bloated = watch.cedar_signs(1000, true.signed.checkpoint.root)
    assert ask(watch, watch.alder, 6, true.consistency(3), bloated).status_code == 422
    watch.lies.log(true.folder)
    watch.lies.answer("/log/checkpoint", 200, bloated.to_bytes())
    assert check(watch, watch.alder).verdict is Verdict.DAMAGED
    sizes: Iterator[int] = iter(range(100))
    watch.lies.told["/witness/add-checkpoint"] = lambda _request: Response(
        f"{next(sizes)}\n", 409, media_type="text/x.tlog.size"
    )
    published = publishing.publish(watch.alder, watch.clock)
    problem = next(each.problem for each in published.cosignings if each.member == "Cedar")
    assert "409" in problem
    assert next(sizes) <= 4  # asked a few times, not for ever


def test_attack_7_replayed_checkpoints(watch: Watch, tmp_path: Path) -> None:
    """Attack 7: Cedar shows and submits states from earlier; no monitor and no witness takes a step back."""
    (log_of_cedar,) = watch.histories(tmp_path, 8)
    reader = log_of_cedar.reader()
    old = watch.cedar_signs(3, reader.root(3))
    assert ask(watch, watch.alder, 0, (), log_of_cedar.signed).status_code == 200
    assert ask(watch, watch.alder, 8, (), old).status_code == 400
    assert ask(watch, watch.alder, 3, (), old).status_code == 409
    witness = watch.witness_of(watch.alder)
    latest = witness.latest(watch.cedar.me.log.name)
    witness.close()
    assert latest is not None
    assert latest.checkpoint.size == 8
    watch.lies.log(log_of_cedar.folder)
    watch.lies.answer("/log/checkpoint", 200, old.to_bytes())
    watch.lies.answer("/log/tile", 200, b"".join(merkle.leaf_hash(each) for each in reader.entries(0, 3)))
    # Birch never saw Cedar's log: it knows from Alder's witness that there was more.
    for member in (watch.alder, watch.birch):
        back = check(watch, member)
        assert (back.verdict, back.size) == (Verdict.WENT_BACK, 3), back
        assert "8" in back.detail


def test_attack_25_a_witness_with_another_clock(watch: Watch) -> None:
    """Attack 25: Cedar cosigns with a time of its choice; a quorum is complete at the latest time that it needs."""
    path = "/witness/add-checkpoint"

    def back_dated(request: Request) -> Response:
        body = request._body  # noqa: SLF001 - read before the lie is told
        signed = SignedCheckpoint.parse(body.partition(b"\n\n")[2])
        return Response(checkpoint.sign(signed.checkpoint, watch.cedar.keys.outer.witness, 1).line)

    watch.lies.told[path] = back_dated
    publishing.publish(watch.alder, watch.clock)
    signed, _tiles = log.open_reader(watch.alder.folder.public, watch.alder.me.log)
    (at,) = checkpoint.verify(signed, (watch.birch.me.witness,))
    assert at.time_s == NOW_US // US_PER_S
    # Each time stands under its witness's own name; one honest clock in the quorum is enough against a slow one.
    names = "".join(
        f"witness {name} {each.me.witness.vkey}\n" for name, each in (("b", watch.birch), ("c", watch.cedar))
    )
    policy = Policy.parse(f"log {watch.alder.me.log.vkey}\n{names}group both all b c\nquorum both\n".encode())
    witnessed = opened.check_witnesses(signed, policy)
    assert witnessed.names["b"] == at.time_s
    assert witnessed.names.get("c", 1) == 1
    assert witnessed.quorum_s in {None, at.time_s}


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
    with Peer(watch.birch.me, watch.alder.charter) as peer:
        assert peer.checkpoint().checkpoint == signed.checkpoint
    assert base64.b64encode(tiles.root()) == base64.b64encode(signed.checkpoint.root)
