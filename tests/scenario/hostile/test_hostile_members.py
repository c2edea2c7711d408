"""A member really floods, enrols bad keys, and writes into others' terminals; real gateways answer over HTTP."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

import joint_scenes
from hostile_scenes import NOW_US, Watch, an_incident
from pollwatch.cli.main import root
from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, FormatError, SignatureError
from pollwatch.evidence import note as notes
from pollwatch.evidence.keys import KeyType, Signer, Verifier, key_id
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.members import document
from pollwatch.members.card import make_card, read_card
from pollwatch.members.delivery import NOTE_HEADER, Delivery
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role
from pollwatch.node.charter import enrol
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.sharing import releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing import inbox
from pollwatch.sharing.inbox import Mailbox
from pollwatch.stix import bundle, constants

ESCAPE = "\x1b[2J\x1b]0;owned\x07\u202e"


def test_attack_8_a_flood_of_checkpoints(watch: Watch, tmp_path: Path) -> None:
    """Attack 8: Cedar sends a flood of contradicting checkpoints; 64 are kept as evidence, and no more."""
    (log,) = watch.histories(tmp_path, 3)
    with httpx.Client(base_url=watch.alder.me.address, trust_env=False, timeout=20) as client:

        def post(body: bytes) -> int:
            return client.post("/witness/add-checkpoint", content=body).status_code

        assert post(build_add_checkpoint(0, (), log.signed)) == 200
        for number in range(80):
            lie = watch.cedar_signs(3, hashlib.sha256(str(number).encode()).digest())
            assert post(build_add_checkpoint(3, (), lie)) in {422, 429}
        assert post(b"x" * (1 << 18)) == 413
        assert post(build_add_checkpoint(3, (), log.signed)) in {200, 429}
    witness = watch.witness_of(watch.alder)
    assert 1 <= len(witness.contradictions(log.origin)) <= 64
    witness.close()


def test_attack_8_a_flooded_inbox(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack 8: Cedar delivers without end; it fills its own share of Alder's mailbox, gets 429; Birch's is free."""
    monkeypatch.setattr(inbox, "MAX_WAITING", 2)
    decision = Decision("operator", "none")
    sent = []
    for number in range(4):
        prepared = releasing.prepare_incident(watch.cedar, an_incident(f"PW-{number}"), None, watch.clock)
        sent.append(releasing.release(watch.cedar, prepared, watch.alder.me, decision, watch.clock).problem)
    assert sent[:2] == ["", ""]
    assert all("429" in each for each in sent[2:])
    prepared = releasing.prepare_incident(watch.birch, an_incident("PW-9"), None, watch.clock)
    assert not releasing.release(watch.birch, prepared, watch.alder.me, decision, watch.clock).problem
    waiting = Mailbox(watch.alder.folder.mailbox, watch.clock).waiting()
    assert sorted(each.sender for each in waiting) == ["Birch", "Cedar", "Cedar"]


def weak_vkey(name: str) -> str:
    """A verifier key whose point has order 1: any signature verifies under it somewhere."""
    public = (1).to_bytes(32, "little")
    body = base64.b64encode(bytes([KeyType.ED25519]) + public).decode()
    return f"{name}+{key_id(name, KeyType.ED25519, public).hex()}+{body}"


def test_attack_9_a_weak_key(watch: Watch) -> None:
    """Attack 9: Cedar names a key of small order, under which it could deny everything; no charter takes it."""
    record = watch.cedar.me.record()
    for what in ("log_key", "statement_key", "gateway_key", "request_key"):
        with pytest.raises(SignatureError):
            Member.from_record({**record, what: weak_vkey(str(record[what]).partition("+")[0])})
    card = watch.cedar.folder.card.read_bytes()
    weak = card.replace(watch.cedar.me.log.vkey.encode(), weak_vkey(watch.cedar.me.log.name).encode())
    assert weak != card
    with pytest.raises((SignatureError, FormatError)):
        enrol.draft([watch.alder.folder.card.read_bytes(), weak], terms(), watch.clock)


def test_attack_9_a_shared_or_foreign_key(watch: Watch) -> None:
    """Attack 9: Cedar enrols Alder's key as its own, or one key for two uses; the charter says whose and refuses."""
    alder, cedar = watch.alder.me, watch.cedar.me
    keys = {each.verifier: each for each in keys_of(watch.cedar)}
    statement = watch.cedar.keys.statement
    relabelled = Verifier("cedar/shared", KeyType.ED25519, alder.log.public)
    stolen = replace(cedar, log=relabelled)
    both = replace(cedar, log=Verifier("cedar/shared", KeyType.ED25519, statement.verifier.public))
    honest = watch.alder.folder.card.read_bytes()
    with pytest.raises(SignatureError, match="each of its own keys"):
        make_card(stolen, keys.values(), NOW_US)
    # Whatever program made it: lines of keys that it has, and what it may call a signature of the one it has not.
    text = document.text_of("member", stolen.record())
    lines = [notes.sign(text, keys.get(each, statement)) for each in stolen.keys if each != stolen.witness]
    forged = [replace(line, name=key.name, key_id=key.id) for line, key in zip(lines, stolen.keys, strict=False)]
    with pytest.raises(SignatureError):
        enrol.draft([honest, notes.Note(text, tuple(forged)).to_bytes()], terms(), watch.clock)
    twice = Signer("cedar/shared", KeyType.ED25519, statement.seed)
    signers = [twice if each.verifier == cedar.log else each for each in keys.values()]
    with pytest.raises(FormatError, match="the same"):
        enrol.draft([honest, make_card(both, signers, NOW_US)], terms(), watch.clock)
    with pytest.raises(SignatureError):
        make_card(alder, keys.values(), NOW_US)  # a card in another's name needs that member's keys
    with pytest.raises(EvidenceError):
        read_card(honest.replace(b"Alder", b"Cedar"))


def keys_of(member: Membership) -> tuple[Signer, ...]:
    """Every key of a member, its log's included."""
    keys = member.keys
    return (evidence_key(member), keys.outer.witness, keys.statement, keys.outer.gateway, keys.request)


def evidence_key(member: Membership) -> Signer:
    """The key of a member's shared log."""
    return Signer.load(member.folder.case / "evidence" / "keys" / "shared.key")


def terms() -> enrol.Terms:
    """Terms of a charter among these."""
    return enrol.Terms("Other", (), None, Tlp.AMBER, 0)


def test_attack_20_escapes_in_what_a_member_answers(watch: Watch) -> None:
    """Attack 20: Cedar answers with terminal escapes and bidirectional marks; none reaches the operator's terminal."""
    for status in (403, 200):
        watch.lies.answer("/witness/", status, ESCAPE.encode())
        watch.lies.answer("/log/", status, f"{ESCAPE}\n\n\u2014 {ESCAPE} AAAA\n".encode())
        for words in (("members", "publish"), ("members", "check"), ("members", "check", "--json")):
            done = CliRunner().invoke(root, [*words, "--case", str(watch.alder.folder.case)])
            assert "Cedar" in done.output
            assert not set(ESCAPE) & set("\x1b\x07\u202e") & set(done.output), words


def test_attack_20_escapes_in_a_name(tmp_path: Path) -> None:
    """Attack 20: a member whose name would write on the screen cannot introduce itself."""
    for name in (ESCAPE, "Cedar\nAlder", " Cedar", "\u202ercedC", ""):
        with pytest.raises(FormatError):
            enrol.introduce(tmp_path / "x", name, "c", Role.MEMBER, "http://127.0.0.1:1", ManualClock(NOW_US))


def test_attack_10_a_note_in_another_members_name(watch: Watch) -> None:
    """Attack 10: Cedar delivers under Birch's name with its own key; the gateway refuses before reading the body."""
    body = bundle.write([constants.PROJECT])
    digest = hashlib.sha256(body).hexdigest()
    delivery = Delivery(watch.cedar.charter.digest, "Birch", "Alder", digest, Tlp.AMBER, watch.clock.now_us())
    with joint_scenes.client(watch.cedar, watch.alder.me, watch.clock) as client:
        for signer in (watch.cedar.keys.statement, Signer.generate("birch/statement")):
            answer = client.post("/inbox", content=body, headers={NOTE_HEADER: delivery.to_header(signer)})
            assert answer.status_code == 403
        text = notes.sign_note("hello\n", (watch.cedar.keys.statement,)).to_bytes()
        stray = client.post("/inbox", content=body, headers={NOTE_HEADER: base64.b64encode(text).decode()})
        assert stray.status_code in {400, 403}
    assert Mailbox(watch.alder.folder.mailbox, watch.clock).all() == ()
