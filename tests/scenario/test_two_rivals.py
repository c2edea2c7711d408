"""Two members who do not trust one another: real processes on loopback, real keys, and one of them cheats."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

import joint_scenes
from joint_scenes import trusting
from pollwatch import canonical
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.errors import EvidenceError, PeerError, PolicyError, UsageError
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.evidence import note as notes
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.manifest import Posted, parse_shared
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.verify import verify_bytes
from pollwatch.incidents.incident import ElectionContext, Incident, Phase
from pollwatch.members.delivery import NOTE_HEADER, Delivery
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.node.attribution import lookup
from pollwatch.node.attribution.attributing import Speaker
from pollwatch.node.charter import enrol, greeting, roster
from pollwatch.node.charter.greeting import Standing
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import rival, story
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.gateway import processes
from pollwatch.node.gateway.processes import GatewayProcess
from pollwatch.node.logs import publishing, watching
from pollwatch.node.logs.watching import Verdict
from pollwatch.node.sharing import joint, releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.ledger import Ledger
from pollwatch.stix import bundle, constants, ids, objects, signature

CLOCK = SystemClock()
DECISION = Decision("duty officer", "charter")
T = 1_793_700_000_000_000


def an_incident(name: str = "PW-1") -> Incident:
    """An incident with an actor, two phases, and things that must never leave."""
    return Incident(
        id=name,
        title="SQL injection against registry.internal",
        severity=Severity.HIGH,
        status="open",
        summary="about registry.internal",
        why=("the voter Jane Roe",),
        phases=(
            Phase("Scanning", "T1595", "reconnaissance", T, T + 60_000_000, 1),
            Phase("SQL injection", "T1190", "initial-access", T + 60_000_000, T + 90_000_000, 2),
        ),
        techniques=("T1595", "T1190"),
        tactics=("reconnaissance", "initial-access"),
        tools=("sqlmap",),
        actors=Actors(ip=("203.0.113.7", "2001:db8::7", "not an address"), user=("jane.roe",)),
        targets=("registry.internal",),
        first_us=T,
        last_us=T + 90_000_000,
        lines=LineSet.of("access.log", [1, 2, 3]),
        samples=(),
        rules=(),
        advice=(),
        election=ElectionContext("General election", "results-night", 1),
    )


class Tap:
    """A wire between members: forwards loopback TCP and keeps every byte that the client sent."""

    def __init__(self, port: int, to: int) -> None:
        """Listen on one port, forward to the other."""
        self.sent = bytearray()
        self._to = to
        self._server = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._server.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                with_suppressed_close(client)  # nobody is there: the client shall see that
                continue
            for source, target, keep in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(source, target, keep), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, keep: bool) -> None:  # noqa: FBT001 - a thread's argument
        try:
            while data := source.recv(65536):
                if keep:
                    self.sent += data
                target.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                with_suppressed_close(each)


def with_suppressed_close(each: socket.socket) -> None:
    """Close a socket that the other direction may have closed already."""
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@dataclass
class Pair:
    """Two members under one charter, their gateways running, and a tap on the wire to the second."""

    one: Membership
    two: Membership
    gateways: tuple[GatewayProcess, GatewayProcess]
    tap: Tap


@pytest.fixture
def pair(enrolled: Pair) -> Iterator[Pair]:
    """Both gateways running."""
    with processes.running(*enrolled.gateways):
        yield enrolled


@pytest.fixture
def receiver(enrolled: Pair) -> Iterator[Pair]:
    """Only the second gateway running."""
    with processes.running(enrolled.gateways[1]):
        yield enrolled


@pytest.fixture
def enrolled(tmp_path: Path) -> Iterator[Pair]:
    """Enrol both and sign the charter with both; nothing runs yet."""
    a, b = tmp_path / "a", tmp_path / "b"
    port_a, tapped, port_b = processes.free_ports(3)
    cards = [
        enrol.introduce(case, name, name.lower(), Role.MEMBER, f"http://127.0.0.1:{port}", CLOCK)
        for case, name, port in ((a, "Alder", port_a), (b, "Birch", tapped))
    ]
    terms = enrol.Terms("Watch", ("General election",), None, Tlp.AMBER, 86_400)
    drafted = enrol.begin(a, enrol.draft(cards, terms, CLOCK))
    complete = enrol.sign(b, drafted.to_bytes(), CLOCK).signed
    enrol.sign(a, complete.to_bytes(), CLOCK)
    one, two = Membership.open(a), Membership.open(b)
    trusting(one, two, clock=CLOCK)
    real = replace(two.me, address=f"http://127.0.0.1:{port_b}")
    gateways = (GatewayProcess(a, one.me), GatewayProcess(b, real))
    tap = Tap(tapped, port_b)
    yield Pair(one, two, gateways, tap)
    tap.close()


def verify_alone(path: Path) -> tuple[int, str]:
    """What a third party gets who runs the verifier and nothing else."""
    return processes.run_module("pollwatch.evidence.verify", str(path))


def test_the_whole_story_goes_as_it_must(tmp_path: Path) -> None:
    """Each step of the demo's joint half goes as told, every artefact checks out alone, and no process stays."""
    with CaseEvidence.open(tmp_path / "a", CLOCK) as evidence:
        evidence.seal_batch("access.log", 1, [b"one", b"two", b"three"])
    stage = story.Stage(tmp_path / "a", tmp_path / "b", tmp_path / "out", an_incident(), CLOCK, with_lines=False)
    steps = list(story.tell(stage))
    names = ["charter", "publish", "release", "claim", "denial", "rewrite", "verify", "record", "forgery"]
    assert [step.name for step in steps] == names
    assert [step.name for step in steps if not step.expected] == []
    assert verify_alone(stage.artefacts["fork"])[0] == 0
    assert verify_alone(stage.artefacts["bundle"])[0] == 0
    assert verify_alone(stage.artefacts["flipped"])[0] == 4
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in left


def test_what_leaves_is_what_the_ledger_says_and_nothing_else(receiver: Pair) -> None:
    """Captured egress equals the ledger byte for byte; nothing of the victim's is in it; the receipt is kept."""
    prepared = releasing.prepare_incident(receiver.one, an_incident(), None, CLOCK)
    again = releasing.prepare_incident(receiver.one, an_incident(), None, CLOCK)
    assert prepared.body == again.body  # the preview is what leaves
    sent = releasing.release(receiver.one, prepared, receiver.two.me, DECISION, CLOCK)
    assert not sent.problem
    (recorded,) = Ledger(receiver.one.folder.record).all("Birch")
    _head, _empty, body = bytes(receiver.tap.sent).partition(b"\r\n\r\n")
    assert body == recorded.release.body == prepared.body
    assert recorded.receipt
    (mail,) = Mailbox(receiver.two.folder.mailbox, CLOCK).all()
    assert mail.body == body
    for secret in (b"registry.internal", b"Jane Roe", b"jane.roe", b"access.log"):
        assert secret not in bytes(receiver.tap.sent)
    assert releasing.release(receiver.one, prepared, receiver.two.me, DECISION, CLOCK).again
    assert len(Ledger(receiver.one.folder.record).all()) == 1


def test_a_denial_travels_unaltered_and_both_logs_have_it(pair: Pair, tmp_path: Path) -> None:
    """A claim and its denial are sealed in both logs; the export holds the denial's very bytes and checks out alone."""
    claim_id, denial = claim_and_deny(pair)
    record = lookup.record_of(pair.one, claim_id)
    (exported,) = [each for each in bundle.read(record) if each["type"] == "opinion"]
    assert exported == denial
    path = tmp_path / "record.json"
    path.write_bytes(record)
    charter = str(pair.one.folder.charter)
    code, said = processes.run_module("pollwatch.attribution.verify", str(path), "--charter", charter)
    assert code == 0, said
    assert "denial by the respondent" in said
    path.write_bytes(record.replace(b"never did", b"often did"))
    assert processes.run_module("pollwatch.attribution.verify", str(path), "--charter", charter)[0] == 4
    for case in (pair.one.folder.case, pair.two.folder.case):
        with CaseEvidence.open(case, CLOCK) as evidence:
            entries = [parse_shared(each) for each in evidence.shared.reader().entries(0, evidence.shared.size)]
        posted = {each.subject: each for each in entries if isinstance(each, Posted)}
        assert posted[claim_id].kind == "claim"
        assert posted[denial["id"]].digest == hashlib.sha256(canonical.dumps(denial)).digest()


def claim_and_deny(pair: Pair) -> tuple[str, constants.StixObject]:
    """A releases and claims; B denies; A takes the denial in."""
    prepared = releasing.prepare_incident(pair.one, an_incident(), None, CLOCK)
    releasing.release(pair.one, prepared, pair.two.me, DECISION, CLOCK)
    incident = lookup.incident_object_id(pair.one, "PW-1")
    statement = Assertion(
        incident, Finding.NAMED, pair.two.me, Likelihood.LIKELY, Confidence.LOW, "The addresses are theirs."
    )
    spoken = Speaker(pair.one, DECISION, CLOCK).claim(statement)
    joint.take_in(pair.two, CLOCK)
    answer = Speaker(pair.two, DECISION, CLOCK).opine(spoken.id, Stance.STRONGLY_DISAGREE, "We never did this.")
    assert not any(each.problem for each in (*spoken.sent, *answer.sent))
    joint.take_in(pair.one, CLOCK)
    (judged,) = lookup.all_judged(pair.one)
    (denial,) = judged.denials
    return spoken.id, denial.source


def test_a_member_that_rewrites_its_log_is_caught(pair: Pair, tmp_path: Path) -> None:
    """Attack 2: B drops the claim against it from its log; A finds the fork, and anybody can check the proof."""
    claim_and_deny(pair)
    for each in (pair.one, pair.two):
        assert publishing.publish(each, CLOCK).grade == "quorum"
        (checked,) = watching.check_peers(each, CLOCK)
        assert checked.verdict is Verdict.FIRST_SEEN
    evidence = pair.two.folder.case / "evidence"
    for not_yet_in_place in (False, False, True):  # one that goes on takes back nothing that was sealed since
        if not_yet_in_place:
            (evidence / "shared").rename(evidence / "shared-other")
        assert rival.rewrite(pair.two.folder.case, without_claims, CLOCK) == 1
        (refusal,) = publishing.publish(pair.two, CLOCK).cosignings
        assert "422" in refusal.problem
    (checked,) = watching.check_peers(pair.one, CLOCK)
    assert checked.verdict is Verdict.FORKED
    assert checked.proof is not None
    assert verify_alone(checked.proof)[0] == 0
    with CaseEvidence.open(pair.one.folder.case, CLOCK) as evidence:
        last = parse_shared(evidence.shared.entry(evidence.shared.size - 1))
    assert last == ForkProof.parse(checked.proof.read_bytes())
    refuse_invented_proofs(pair, checked.proof, tmp_path)


def without_claims(entry: object) -> bytes | None:
    """Another entry where a claim was."""
    return Posted.of("policy", "x", b"x").to_bytes() if isinstance(entry, Posted) and entry.kind == "claim" else None


def refuse_invented_proofs(pair: Pair, real: Path, tmp_path: Path) -> None:
    """Neither an honest log's two states, nor a checkpoint under another key, nor a changed path convict anybody."""
    honest = ForkProof.parse(real.read_bytes())
    with CaseEvidence.open(pair.one.folder.case, CLOCK) as evidence:
        small = evidence.shared.signed
        evidence.publish_seal()
        large, key = evidence.shared.signed, evidence.shared.verifier
        path = evidence.shared.consistency(small.checkpoint.size)
    stranger = Signer.generate(honest.log.name)
    forged = SignedCheckpoint.parse(notes.sign_note(honest.larger.note.text, (stranger,)).to_bytes())
    invented = {
        "grown.json": ForkProof(key, small, large, path),
        "foreign-key.json": replace(honest, larger=forged),
        "other-path.json": replace(honest, path=honest.path[::-1]),
        "same.json": replace(honest, larger=honest.smaller),
    }
    for name, proof in invented.items():
        with pytest.raises(EvidenceError):
            verify_bytes(proof.to_bytes())
        (tmp_path / name).write_bytes(proof.to_bytes())
    assert verify_alone(tmp_path / "grown.json")[0] == 4


def test_a_log_that_was_cut_short_is_caught_by_the_mirror(pair: Pair) -> None:
    """Attack 2: B shows a shorter log with another history; A's mirror of the longer one proves the fork."""
    publishing.publish(pair.two, CLOCK)
    publishing.publish(pair.two, CLOCK)
    watching.check_peers(pair.one, CLOCK)
    evidence = pair.two.folder.case / "evidence"
    signers = [Signer.load(evidence / "keys" / f"{name}.key") for name in ("shared", "shared-mldsa")]
    (evidence / "shared").rename(evidence / "shared-before")
    from pollwatch.evidence.log import Log

    with Log.open(evidence / "shared", signers, CLOCK) as log:
        log.append([Posted.of("policy", "x", b"x").to_bytes()])
    rival.show(pair.two.folder.case, CLOCK)
    (checked,) = watching.check_peers(pair.one, CLOCK)
    assert checked.verdict is Verdict.FORKED
    assert checked.proof is not None
    assert verify_alone(checked.proof)[0] == 0


def test_a_member_with_one_log_for_each_of_two_others_is_caught(tmp_path: Path) -> None:
    """Attack 1: C has one log for B and another for A; A asks B what it cosigned, and has the proof."""
    cases = [tmp_path / name for name in ("a", "b", "c")]
    ports = processes.free_ports(3)
    cards = [
        enrol.introduce(case, case.name.upper(), case.name, Role.MEMBER, f"http://127.0.0.1:{port}", CLOCK)
        for case, port in zip(cases, ports, strict=True)
    ]
    signed = enrol.begin(cases[0], enrol.draft(cards, enrol.Terms("Watch", (), None, Tlp.AMBER, 0), CLOCK))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), CLOCK).signed
    a, b, c = (Membership.open(case) for case in cases)
    with processes.running(GatewayProcess(b.folder.case, b.me), GatewayProcess(c.folder.case, c.me)):
        to_a, to_b = publishing.publish(c, CLOCK).cosignings
        assert (bool(to_a.problem), to_b.problem) == (True, "")
        rival.rewrite(c.folder.case, lambda _entry: Posted.of("policy", "x", b"x").to_bytes(), CLOCK)
        (checked,) = watching.check_peers(a, CLOCK, ["C"])
    assert checked.verdict is Verdict.FORKED
    assert checked.proof is not None
    verify_bytes(checked.proof.read_bytes())


def test_hostile_posts_are_refused_and_nothing_of_them_is_kept(receiver: Pair) -> None:
    """Attacks 10, 12, 19: posts in another's name, unsigned, changed, malformed, deep, huge, unmarked, unaddressed."""
    good = releasing.prepare_incident(receiver.one, an_incident(), None, CLOCK).body
    address = receiver.gateways[1]._member.address  # noqa: SLF001 - the real address, past the tap
    with joint_scenes.client(receiver.one, receiver.two.me, CLOCK, address) as client:
        for name, (body, header, expected) in hostile(receiver, good).items():
            headers = {NOTE_HEADER: header} if header else {}
            status = client.post("/inbox", content=body, headers=headers).status_code
            assert status == expected, name
        for path in (
            "/log/../keys/shared.key",
            "/log/%2e%2e/state.sqlite",
            "/log/tile/0/../../x",
            "/evidence",
            "/log/",
        ):
            assert client.get(path).status_code in {403, 404}, path
        assert client.post("/witness/add-checkpoint", content=b"x" * (1 << 18)).status_code == 413
        assert client.post("/witness/add-checkpoint", content=b"old -1\n\nx").status_code == 400
        assert client.get("/charter").status_code == 200
    assert Mailbox(receiver.two.folder.mailbox, CLOCK).all() == ()


def hostile(pair: Pair, good: bytes) -> dict[str, tuple[bytes, str, int]]:
    """Name to body, delivery note and the answer it deserves."""
    parts = list(bundle.read(good))
    main = next(each for each in parts if each["type"] == "incident")
    rest = [each for each in parts if each is not main]
    stolen = {**main, "created_by_ref": pair.two.me.identity}
    by_stranger = signature.sign({**main, "created_by_ref": pair.two.me.identity}, Signer.generate("birch/statement"))
    bare = {key: value for key, value in main.items() if key != "extensions"}
    unmarked = signature.sign({k: v for k, v in bare.items() if k != "object_marking_refs"}, pair.one.keys.statement)
    strict = {**bare, "object_marking_refs": [constants.marking_id(Tlp.AMBER_STRICT)]}
    nobody = signature.sign({**bare, "created_by_ref": f"identity--{uuid.uuid4()}"}, pair.one.keys.statement)
    wrong_sco = objects.observable("ipv4-addr", "192.0.2.1", Tlp.AMBER) | {"value": "192.0.2.2"}
    bodies = {
        "in another's name": (bundle.write([*rest, stolen]), 403),
        "in another's name, own key": (bundle.write([*rest, by_stranger]), 403),
        "unsigned": (bundle.write([*rest, bare]), 403),
        "changed": (bundle.write([*rest, {**main, "name": "harmless"}]), 403),
        "by nobody": (bundle.write([*rest, nobody]), 403),
        "unmarked": (bundle.write([*rest, unmarked]), 403),
        "marked stricter": (bundle.write([*rest, signature.sign(strict, pair.one.keys.statement)]), 403),
        "address that is another": (bundle.write([*rest, main, wrong_sco]), 400),
        "strange type": (bundle.write([{**bare, "type": "malware", "id": f"malware--{uuid.uuid4()}"}]), 400),
        "no JSON": (b"\xff\xfe{", 400),
        "no bundle": (b'{"type":"bundle"}', 400),
        "deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
        "very deep": (b"[" * 200_000 + b"]" * 200_000, 400),
        "NaN": (b'{"type":"bundle","id":NaN}', 400),
        "duplicate keys": (good.replace(b'{"id":"bundle', b'{"id":"x","id":"bundle', 1), 400),
        "re-laid out": (canonical.pretty(json.loads(good)).encode(), 400),
        "lone surrogate": (b'{"type":"bundle","id":"\\ud800","objects":[1]}', 400),
        "endless number": (b'{"type":"bundle","id":' + b"9" * 10_000 + b"}", 400),
        "nothing of the sender": (bundle.write([constants.PROJECT]), 403),
    }
    cases = {name: (body, note_for(pair, body), status) for name, (body, status) in bodies.items()}
    huge = b" " * (bundle.MAX_BYTES + 1)
    return cases | {
        "huge": (huge, note_for(pair, huge), 413),
        "without note": (good, "", 400),
        "another body": (good, note_for(pair, b"other"), 403),
        "to another": (good, note_for(pair, good, receiver="Alder"), 403),
        "note by a stranger": (good, note_for(pair, good, signer=Signer.generate("alder/statement")), 403),
        "note in B's name": (good, note_for(pair, good, sender="Birch"), 403),
        "note that is no base64": (good, "***", 400),
        "note that is a charter": (good, "cG9sbHdhdGNo", 403),
    }


def note_for(
    pair: Pair, body: bytes, receiver: str = "Birch", sender: str = "Alder", signer: Signer | None = None
) -> str:
    """A delivery note for a body; right unless told otherwise."""
    digest = hashlib.sha256(body).hexdigest()
    delivery = Delivery(pair.one.charter.digest, sender, receiver, digest, Tlp.AMBER, CLOCK.now_us())
    return delivery.to_header(signer or pair.one.keys.statement)


def test_a_node_that_was_killed_knows_everything_after_its_restart(receiver: Pair) -> None:
    """A gateway that dies with SIGKILL has its mail and its witness state when it comes back, and is not fooled."""
    prepared = releasing.prepare_incident(receiver.one, an_incident(), None, CLOCK)
    publishing.publish(receiver.one, CLOCK)
    releasing.release(receiver.one, prepared, receiver.two.me, DECISION, CLOCK)
    receiver.gateways[1].kill()
    lost = releasing.prepare_incident(receiver.one, an_incident("PW-2"), None, CLOCK)
    sent = releasing.release(receiver.one, lost, receiver.two.me, DECISION, CLOCK)
    assert "Birch" in sent.problem
    assert not sent.disclosure.receipt
    assert publishing.publish(receiver.one, CLOCK).grade == "asserted"  # silence is no veto
    receiver.gateways[1].start()
    receiver.gateways[1].wait()
    (retried,) = releasing.retry(receiver.one, CLOCK)
    assert retried.disclosure.receipt
    assert retried.disclosure.number == sent.disclosure.number
    assert [each.kinds["incident"] for each in joint.take_in(receiver.two, CLOCK)] == [1, 1]
    rival.rewrite(receiver.one.folder.case, lambda _entry: Posted.of("policy", "y", b"y").to_bytes(), CLOCK)
    (refusal,) = publishing.publish(receiver.one, CLOCK).cosignings
    assert "422" in refusal.problem


def test_members_with_different_charters_refuse_each_other_with_the_difference(receiver: Pair) -> None:
    """A node that holds another charter is refused; the message says what differs, and a file keeps it until agreed."""
    other = replace(receiver.one.charter, reply_window_s=1)
    prepared = releasing.prepare_incident(receiver.one, an_incident(), None, CLOCK)
    deviant = replace(receiver.one, charter=other)
    with pytest.raises(PolicyError, match="reply_window_s: 1 here, 86400 there"):
        releasing.release(deviant, prepared, receiver.two.me, DECISION, CLOCK)
    shown = next(each for each in roster.lines(receiver.one) if each.member == receiver.two.me)
    assert shown.refused is not None
    assert "reply_window_s: 1 here, 86400 there" in shown.refused.read_text()
    assert f"another charter: {shown.refused}" in shown.sentence
    assert [each.standing for each in greeting.greet(receiver.one, CLOCK)] == [Standing.SAME]
    assert not shown.refused.exists()
    assert Mailbox(receiver.two.folder.mailbox, CLOCK).all() == ()


def test_a_peer_that_floods_or_lies_is_named_and_survived(enrolled: Pair) -> None:
    """Attack 12: an endless or senseless answer ends in an error that names the member, not in a hang."""
    from pollwatch.sharing.peer import Peer

    def answer(request: httpx.Request) -> httpx.Response:
        flood = itertools.repeat(b"x" * 65536) if request.url.path.endswith("checkpoint") else iter([b"junk"])
        return httpx.Response(200, content=flood)

    with Peer(enrolled.one.way_to(enrolled.two.me, CLOCK), httpx.MockTransport(answer)) as peer:
        with pytest.raises(PeerError, match="Birch"):
            peer.checkpoint()
        with pytest.raises(PeerError, match="Birch"):
            peer.charter()


def test_the_command_line_carries_the_joint_watch(receiver: Pair) -> None:
    """The verbs work on a member's folder as its users type them."""

    def pollwatch(*arguments: str) -> Result:
        return CliRunner().invoke(root, [*arguments, "--case", str(receiver.one.folder.case)])

    prepared = releasing.prepare_incident(receiver.one, an_incident(), None, CLOCK)
    releasing.release(receiver.one, prepared, receiver.two.me, DECISION, CLOCK)
    assert json.loads(pollwatch("members", "publish", "--json").stdout)["grade"] == "quorum"
    checked = json.loads(pollwatch("members", "check", "--json").stdout)
    assert checked["members"][0]["verdict"] == "first-seen"
    (listed,) = json.loads(pollwatch("disclosures", "--to", "birch", "--json").stdout)["disclosures"]
    assert listed["sha256"] == prepared.sha256
    incident = lookup.incident_object_id(receiver.one, "PW-1")
    done = pollwatch(
        "claim", incident, "--respondent", "unknown", "--confidence", "high", "--text", "no trace", "--json"
    )
    claimed = json.loads(done.stdout)
    assert ids.kind_of(claimed["id"]) == "relationship"
    listed = json.loads(pollwatch("opinion", "--json").stdout)["claims"]
    assert [each["respondent"] for each in listed] == ["unknown"]
    refused = pollwatch("opinion", claimed["id"], "--deny", "--text", "no")
    assert isinstance(refused.exception, UsageError)
    assert "only the respondent can deny" in str(refused.exception)
