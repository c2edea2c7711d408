"""From a case's lines to a bundle that a stranger checks: nothing twice, nothing lost, no changed byte passes."""

from __future__ import annotations

import ast
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence_scenes import CLOCK, LINES, WITNESS, a_case, an_incident, cosign, exported, fetch, policy_of
from pollwatch.errors import EvidenceError, PollwatchError, ProofError, QuorumError, SignatureError
from pollwatch.events.detection import Severity
from pollwatch.events.lines import LineSet
from pollwatch.evidence import checkpoint, container, monitor, verify
from pollwatch.evidence.bundle import INDEX, SIGNATURE, Bundle, read_bundle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.seal import Seal
from pollwatch.node.evidence import bundling
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.sealing import CaseEvidence


def test_sealing_again_adds_nothing(tmp_path: Path) -> None:
    """Re-scanning the same input, in the same process or a later one, leaves both logs as they are."""
    incident = an_incident(range(1, 61))
    with a_case(tmp_path) as evidence:
        assert evidence.seal_incident(incident) == 3
        size = evidence.private.size
    with a_case(tmp_path) as evidence:
        assert evidence.seal_incident(incident) == 3
        assert evidence.seal_incident(replace(incident, status="acknowledged")) == 3
        assert evidence.private.size == size == 4
        assert evidence.seal_incident(replace(incident, severity=Severity.CRITICAL)) == 4
        assert evidence.latest_entry("inc-1") == 4


def test_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    """Keys and openings can be read by nobody else, and what others read holds no line, path or incident."""
    with a_case(tmp_path) as evidence:
        evidence.seal_incident(an_incident([1]))
        evidence.publish_seal()
    for path in (*(tmp_path / "evidence" / "keys").iterdir(), tmp_path / "evidence" / "openings.sqlite"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = b"".join(p.read_bytes() for p in (tmp_path / "evidence" / "shared" / "public").rglob("*") if p.is_file())
    sealed = b"".join(p.read_bytes() for p in (tmp_path / "evidence" / "private" / "public").rglob("*") if p.is_file())
    for secret in (b"192.0.2.7", b"access.log", b"guess"):
        assert secret not in shown + sealed
    assert b"inc-1" not in shown


def test_seals_tell_nothing_by_their_size(tmp_path: Path) -> None:
    """Attack: learn from the shared log when and how much a member recorded. Every seal has the same length."""
    with CaseEvidence.open(tmp_path, CLOCK) as evidence:
        evidence.publish_seal()
        evidence.publish_seal()
        evidence.seal_batch("a", 1, LINES)
        evidence.publish_seal(
            [checkpoint.signed(Checkpoint(f"r{n}", n**9, bytes(32)), [Signer.generate(f"r{n}")]) for n in range(12)]
        )
        entries = [evidence.shared.entry(index) for index in range(3)]
    assert len({len(entry) for entry in entries}) == 1
    seals = [Seal.parse(entry) for entry in entries]
    assert len({seal.commitment for seal in seals}) == 3
    assert len(seals[2].rivals) == 12


def test_an_incident_of_unsealed_lines_is_refused(tmp_path: Path) -> None:
    """What was never sealed cannot be committed to; the message names the line."""
    with a_case(tmp_path) as evidence, pytest.raises(ProofError, match=r"line 61 of access\.log"):
        evidence.seal_incident(an_incident([60, 61]))


def test_a_crash_between_keeping_and_noting_is_settled(tmp_path: Path) -> None:
    """A crash after the append and before its index was noted: the next opening finds the entry in the log."""
    with a_case(tmp_path) as evidence:
        incident = an_incident([1, 2])
        evidence.seal_incident(incident)
        evidence.publish_seal()
        for table in ("batches", "incidents", "seals"):
            evidence.openings._db.execute(f"UPDATE {table} SET entry = NULL")  # noqa: S608, SLF001 - forges the crash
        evidence.openings._db.execute(  # noqa: SLF001 - and one that never reached the log
            "INSERT INTO batches (digest, path, first_number, lines, seed, fields, manifest)"
            " VALUES (x'00', 'p', 1, 1, x'', x'', x'')"
        )
    with a_case(tmp_path) as evidence:
        assert evidence.private.size == 4
        assert evidence.seal_incident(incident) == 3
        assert evidence.openings.batches_of("p") == ()
        assert evidence.openings.seal_covering(4) is not None


def test_a_lost_key_is_said_not_replaced(tmp_path: Path) -> None:
    """A case whose log exists but whose key is gone must never go on under a fresh key."""
    a_case(tmp_path).close()
    (tmp_path / "evidence" / "keys" / "shared.key").unlink()
    with pytest.raises(SignatureError, match=r"shared\.key"):
        CaseEvidence.open(tmp_path, CLOCK)


def test_a_bundle_verifies_and_says_what_it_proves(tmp_path: Path) -> None:
    """Without a policy it is the owner's word; with the reader's policy the witness's time counts."""
    made = exported(tmp_path, attachments={"claim.json": b"{}"}, witnesses=(WITNESS.verifier,))
    out, policy, bundle = made.path, made.policy, made.bundle
    assert [len(batch.lines) for batch in bundle.batches] == [3, 4]
    assert read_bundle(out.read_bytes()) == bundle
    alone = verify.verify_file(out)
    assert (alone.kind, alone.grade, alone.not_later_us) == ("bundle", "asserted", None)
    trusted = verify.verify_file(out, policy)
    assert (trusted.grade, trusted.not_later_us) == ("quorum", 1_793_740_000_000_000)
    proven = " ".join(each.text for each in trusted.statements if each.weight == "proven")
    for word in ("inc-1", "7 log lines", "2026-11-03T21:06:40Z", "quorum"):
        assert word in proven
    assert any("left out" in each.text for each in trusted.statements if each.weight == "not-proven")
    # Ordinary tools open it.
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert "README.txt" in archive.namelist()


def test_a_refusing_witness_lowers_the_grade_and_nothing_else(tmp_path: Path) -> None:
    """Attack: a rival refuses to cosign, to veto. The bundle still verifies, graded as the owner's word."""
    out = tmp_path / "b.zip"
    with a_case(tmp_path / "case") as evidence:
        bundling.export(evidence, an_incident([1]), out, CLOCK, fetch)
        assert verify.verify_file(out, policy_of(evidence)).grade == "asserted"
        # A later cosignature raises it: the log has only grown since.
        cosign(evidence)
        evidence.publish_seal()
        bundling.export(evidence, an_incident([1]), out, CLOCK, fetch)
        assert verify.verify_file(out, policy_of(evidence)).grade == "quorum"


def test_foreign_logs_and_broken_policies_are_refused(tmp_path: Path) -> None:
    """Attack: a bundle from a log made for the occasion; the reader's policy does not know its key."""
    made = exported(tmp_path)
    out, policy = made.path, made.policy
    other = Policy((Signer.generate("other").verifier,), {}, {}, "none").to_bytes()
    with pytest.raises(SignatureError, match="not in the policy"):
        verify.verify_file(out, other)
    for broken in (b"quorum nobody\n", b"log x\nquorum none\n", b"", policy + b"quorum none\n", b"quorum none\n"):
        with pytest.raises(EvidenceError):
            verify.verify_file(out, broken)


def test_policy_groups_count_each_key_once() -> None:
    """Groups nest, thresholds hold, and a key or member that would count twice is refused."""
    keys = [Signer.generate(f"w{n}", KeyType.COSIGNATURE).verifier for n in range(3)]
    log = Signer.generate("log").verifier.vkey
    head = f"log {log}\n" + "".join(f"witness w{n} {key.vkey}\n" for n, key in enumerate(keys))
    policy = Policy.parse((head + "group two 2 w0 w1\ngroup all all two w2\nquorum all\n").encode())
    assert policy.is_met(["w0", "w1", "w2"])
    assert not policy.is_met(["w0", "w2"])
    assert Policy.parse(policy.to_bytes()) == policy
    for bad in (
        "group g 2 w0 w0\nquorum g\n",
        "group g 3 w0 w1\nquorum g\n",
        "group g 1 w0\ngroup h 1 w0\nquorum h\n",
        "group g any nobody\nquorum g\n",
        f"witness again {keys[0].vkey}\nquorum none\n",
        "witness w0 x\nquorum none\n",
    ):
        with pytest.raises((QuorumError, SignatureError)):
            Policy.parse((head + bad).encode())


def test_a_line_is_shown_alone(tmp_path: Path) -> None:
    """Two lines of different batches are proven; no other line, no incident, and no number of lines of it is shown."""
    out = tmp_path / "b.zip"
    with a_case(tmp_path / "case") as evidence:
        evidence.seal_incident(an_incident([3, 25]))
        bundling.export_lines(evidence, LineSet.of("access.log", [3, 25]), out, CLOCK, fetch)
        for wrong in (LineSet.of("access.log", [61]), LineSet.of("other.log", [1]), LineSet({})):
            with pytest.raises(ProofError):
                bundling.export_lines(evidence, wrong, out, CLOCK, fetch)
    shown = read_bundle(out.read_bytes())
    assert [line.raw for batch in shown.batches for line in batch.lines] == [LINES[2], LINES[24]]
    assert b"inc-1" not in b"".join(container.unpack(out.read_bytes()).values())
    assert any("2 log lines" in each.text for each in verify.verify_file(out).statements if each.weight == "proven")


def test_an_input_that_changed_cannot_be_exported(tmp_path: Path) -> None:
    """The original was edited or cut off since it was sealed: the export says which records no longer fit."""
    with a_case(tmp_path) as evidence:
        incident = an_incident([3])
        evidence.seal_incident(incident)
        for again in (lambda *_: [*LINES[:19], b"edited"], lambda *_: LINES[:5]):
            with pytest.raises(ProofError, match=r"access\.log"):
                bundling.export(evidence, incident, tmp_path / "b.zip", CLOCK, again)
        bundling.export(evidence, incident, tmp_path / "b.zip", CLOCK, None)
    report = verify.verify_file(tmp_path / "b.zip")
    assert not any("log lines" in each.text for each in report.statements)


def test_of_a_huge_incident_a_spread_of_lines_is_shown(tmp_path: Path) -> None:
    """At most the allowed number of lines is shown, the first and the last among them; all are committed to."""
    with a_case(tmp_path) as evidence:
        incident = an_incident(range(1, 61))
        bundle = bundling.export(evidence, incident, tmp_path / "b.zip", CLOCK, fetch, Extras(max_lines=7))
    numbers = [line.number for batch in bundle.batches for line in batch.lines]
    assert (len(numbers), numbers[0], numbers[-1]) == (7, 1, 60)
    assert any("it has 60 lines" in each.text for each in verify.verify_file(tmp_path / "b.zip").statements)


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    """Attack: change any one byte of the bundle, contents or container; it never verifies, and the place is named."""
    made = exported(tmp_path)
    out, policy = made.path, made.policy
    data = out.read_bytes()
    step = max(1, len(data) // 1500)
    header = {place for place in range(len(data)) if data[place : place + 2] == b"PK"}
    places = {
        *range(0, len(data), step),
        *(p + n for p in header for n in range(46)),
        *range(len(data) - 200, len(data)),
    }
    for place in sorted(place for place in places if place < len(data)):
        changed = data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
        with pytest.raises(EvidenceError):
            verify.verify_bytes(changed, policy)
    for cut in (1, 22, len(data) // 2):
        with pytest.raises(EvidenceError):
            verify.verify_bytes(data[:-cut], policy)
    for added in (data + b"\0", b"\0" + data, data + data):
        with pytest.raises(EvidenceError):
            verify.verify_bytes(added, policy)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A bundle and its policy."""
    made = exported(tmp_path_factory.mktemp("bundle"))
    return made.path.read_bytes(), made.policy


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_forger_who_fixes_all_checksums_still_fails(sample: tuple[bytes, bytes], data: st.DataObject) -> None:
    """Attack: change a member's content and repair the container and the index's digests; the signature stands."""
    from pollwatch import canonical

    members = container.unpack(sample[0])
    name = data.draw(st.sampled_from(sorted(set(members) - {SIGNATURE})))
    place = data.draw(st.integers(0, len(members[name]) - 1))
    forged = members[name][:place] + bytes([members[name][place] ^ data.draw(st.integers(1, 255))])
    members[name] = forged + members[name][place + 1 :]
    if name != INDEX:
        index = canonical.loads(members[INDEX])
        index["members"][name] = sha256(members[name]).hexdigest()
        members[INDEX] = canonical.dumps(index)
    with pytest.raises(PollwatchError):
        verify.verify_bytes(container.pack(members), sample[1])


def test_the_owner_cannot_lie_about_lines_either(tmp_path: Path) -> None:
    """Attack: the owner itself re-signs a bundle with other lines, numbers or incident; the sealed roots stand."""
    made = exported(tmp_path)
    policy, bundle, signer = made.policy, made.bundle, made.signer
    batch, incident = bundle.batches[0], bundle.incident
    assert incident is not None
    line = batch.lines[0]

    def with_lines(*lines: object) -> Bundle:
        return replace(bundle, batches=(replace(batch, lines=lines), *bundle.batches[1:]))

    lies = {
        "another text": with_lines(replace(line, raw=b"forged"), *batch.lines[1:]),
        "another number": with_lines(replace(line, number=2), *batch.lines[1:]),
        "a line less": with_lines(*batch.lines[1:]),
        "another source": replace(bundle, batches=(replace(batch, source="other.log"), *bundle.batches[1:])),
        "another batch": replace(bundle, batches=(replace(batch, entry=2), *bundle.batches[1:])),
        "no entry": replace(bundle, entries=bundle.entries[1:]),
        "another incident": replace(bundle, incident=replace(incident, content=b'{"id":"other"}')),
        "other references": replace(
            bundle, incident=replace(incident, references=incident.references.replace(b"[3,5]", b"[3,6]"))
        ),
        "another entry": replace(
            bundle, entries=(replace(bundle.entries[0], data=bundle.entries[1].data), *bundle.entries[1:])
        ),
        "another blinding": replace(
            bundle, seal=replace(bundle.seal, opening=replace(bundle.seal.opening, blind=bytes(32)))
        ),
        "another seal": replace(bundle, seal=replace(bundle.seal, data=Seal(1, bytes(32)).to_bytes())),
        "another place": replace(bundle, seal=replace(bundle.seal, place=replace(bundle.seal.place, index=1))),
    }
    with pytest.raises(ProofError, match="twice"):
        replace(bundle, batches=(batch, batch)).to_bytes(signer)
    verify.verify_bytes(bundle.to_bytes(signer), policy)
    for name, lie in lies.items():
        with pytest.raises(EvidenceError):
            raise AssertionError(name, verify.verify_bytes(lie.to_bytes(signer), policy))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a//b", "a b", "", "é", "a\\b", ".hidden"])
def test_names_that_escape_are_refused(name: str) -> None:
    """Attack: a member name that writes elsewhere when somebody unpacks the bundle."""
    with pytest.raises(ProofError):
        container.pack({name: b""})


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_crash_the_verifier(data: bytes) -> None:
    """Whatever is handed to the verifier is refused with an error of ours."""
    for given_bytes in (data, b"PK\x03\x04" + data, b"{" + data, container.pack({"a": data})):
        with pytest.raises(EvidenceError):
            verify.verify_bytes(given_bytes)


def test_a_fork_proof_is_accepted_by_the_same_verifier(tmp_path: Path) -> None:
    """A log that signed two histories: the proof verifies, unless the reader's policy knows another log."""
    log = Signer.generate("b.example/shared")
    first, second = (checkpoint.signed(Checkpoint(log.name, 3, bytes([n]) * 32), [log]) for n in (1, 2))
    proof = monitor.find_fork(log.verifier, first, second)
    assert proof is not None
    path = tmp_path / "fork.json"
    path.write_bytes(proof.to_bytes())
    knows = Policy((log.verifier,), {}, {}, "none").to_bytes()
    assert verify.verify_file(path, knows).kind == "fork-proof"
    with pytest.raises(SignatureError, match="not in the policy"):
        verify.verify_file(path, Policy((WITNESS_LOG.verifier,), {}, {}, "none").to_bytes())


WITNESS_LOG = Signer.generate("c.example/shared")


def test_the_audited_part_works_alone(tmp_path: Path) -> None:
    """``python -m pollwatch.evidence.verify`` answers 0 and 4, and loads no engine, database, web or network module."""
    made = exported(tmp_path)
    out, policy = made.path, made.policy
    (tmp_path / "policy").write_bytes(policy)
    command = [sys.executable, "-m", "pollwatch.evidence.verify", str(out), "--policy", str(tmp_path / "policy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Grade: quorum" in done.stdout
    out.write_bytes(out.read_bytes().replace(b"README", b"REEDME", 1))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "Does not verify" in done.stderr


ALONE = """
import sys
from pollwatch.evidence import verify
assert verify.main(sys.argv[1:]) == 0
tops = {name.partition(".")[0] for name in sys.modules}
print(sorted(top for top in tops - sys.stdlib_module_names if not top.startswith("_")))
print([name for name in ("socket", "ssl", "asyncio", "urllib.request", "sqlite3") if name in sys.modules])
"""


def test_the_audited_part_needs_three_libraries(tmp_path: Path) -> None:
    """Having checked a bundle, a process has loaded cryptography, rfc8785 and rfc3161-client, and no network."""
    made = exported(tmp_path)
    (tmp_path / "policy").write_bytes(made.policy)
    command = [sys.executable, "-c", ALONE, str(made.path), "--policy", str(tmp_path / "policy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded, network = done.stdout.splitlines()[-2:]
    # typing_extensions comes with cryptography on Python 3.11 and 3.12; rfc3161-client only where there are stamps.
    extra = set(ast.literal_eval(loaded)) - {"cryptography", "pollwatch", "rfc8785"}
    assert extra <= {"typing_extensions", "rfc3161_client"}
    assert network == "[]"
