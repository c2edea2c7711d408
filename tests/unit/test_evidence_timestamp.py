"""Time-stamps by a real authority (openssl ts) on loopback: kept, exported, checked offline, and refused when wrong."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rfc3161_client import TimestampRequestBuilder

from pollwatch.cli.main import root
from pollwatch.clock import from_datetime
from pollwatch.errors import EvidenceError, PeerError, ProofError, SignatureError, StoreError
from pollwatch.evidence import timestamp, verify
from pollwatch.evidence.der import sort_certificates
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.timestamp import Authorities, Query, StampedCheckpoint, TimestampProof
from pollwatch.node.evidence import bundling, timestamping
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.sealing import CaseEvidence
from tsa_scenes import CLOCK, CONFIG, NEEDS_OPENSSL, Authority, certificates, running

pytestmark = NEEDS_OPENSSL


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority with a second's tolerance."""
    yield from running(tmp_path_factory.mktemp("tsa"), "Neutral", "accuracy = secs:1, millisecs:500")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """Another authority, which states no tolerance."""
    yield from running(tmp_path_factory.mktemp("tsa2"), "Other", "")


def a_case(folder: Path) -> Path:
    """A case with one sealed batch."""
    with CaseEvidence.open(folder, CLOCK) as evidence:
        evidence.seal_batch("access.log", 1, [b"one", b"two"])
        evidence.publish_seal()
    return folder


def bundle_of(case: Path, out: Path) -> tuple[bytes, bytes]:
    """A bundle of the batch's entry, and a policy that knows its log."""
    with CaseEvidence.open(case, CLOCK) as evidence:
        bundling.write(evidence, bundling.assemble(evidence, [0], CLOCK, "cover\n", Extras()), out)
        return out.read_bytes(), Policy((evidence.shared.verifier,), {}, {}, "none").to_bytes()


def test_a_stamped_bundle_is_graded_so(tmp_path: Path, authority: Authority, other: Authority) -> None:
    """Two authorities stamp the log, it grows, and a bundle proves offline by when its seal existed."""
    case = a_case(tmp_path / "case")
    start_us = CLOCK.now_us() - 2_000_000
    for each in (authority, other):
        timestamping.stamp(case, each.address, Authorities.parse(each.pem))
    with CaseEvidence.open(case, CLOCK) as evidence:
        evidence.publish_seal()
    timestamping.stamp(case, other.address)  # a later one adds nothing to what the first proves
    data, policy = bundle_of(case, tmp_path / "b.zip")
    nobody = verify.verify_bytes(data, policy)
    assert (nobody.grade, nobody.not_later_us) == ("asserted", None)
    assert any("2 time-stamps" in each.text for each in nobody.statements if each.weight == "said")
    one = verify.verify_bytes(data, policy, authority.pem)
    both = verify.verify_bytes(data, None, authority.pem + other.pem)
    assert (one.grade, both.grade) == ("timestamped", "timestamped")
    assert (len(one.grounds), len(both.grounds)) == (1, 2)
    assert "CN=Neutral clock" in one.grounds[0].text
    assert one.not_later_us is not None
    assert start_us <= one.not_later_us <= CLOCK.now_us() + 1_500_000
    assert any("Neutral clock" in each.text for each in one.statements if each.weight == "proven")
    stranger = certificates(tmp_path, "Stranger")
    assert verify.verify_bytes(data, policy, stranger).grade == "asserted"


def test_the_command_line_stamps_and_verifies(tmp_path: Path, authority: Authority) -> None:
    """``evidence timestamp`` keeps a token, and ``verify --tsa`` counts it, alone as well."""
    case = a_case(tmp_path / "case")
    (tmp_path / "root.pem").write_bytes(authority.pem)
    asked = ["evidence", "timestamp", "--case", str(case), "--tsa", authority.address]
    done = CliRunner().invoke(root, [*asked, "--trust", str(tmp_path / "root.pem")])
    assert done.exit_code == 0, done.output
    bundle_of(case, tmp_path / "b.zip")
    checked = ["verify", str(tmp_path / "b.zip"), "--tsa", str(tmp_path / "root.pem"), "--json"]
    report = json.loads(CliRunner().invoke(root, checked).stdout)
    assert report["grade"] == "timestamped"
    assert [each["grade"] for each in report["grounds"]] == ["timestamped"]
    assert verify.main([str(tmp_path / "b.zip"), "--tsa", str(tmp_path / "root.pem")]) == 0


def test_bad_authorities_leave_nothing(tmp_path: Path, authority: Authority, other: Authority) -> None:
    """A page, a flood, an error, an answer to another question, a foreign key, silence: each is said, none is kept."""
    case = a_case(tmp_path / "case")
    for path in ("/page", "/flood", "/broken"):
        with pytest.raises(PeerError):
            timestamping.stamp(case, authority.address + path)
    with pytest.raises(ProofError, match="other bytes"):
        timestamping.stamp(case, authority.address + "/old")
    with pytest.raises(SignatureError, match="no trusted authority"):
        timestamping.stamp(case, authority.address, Authorities.parse(other.pem))
    with pytest.raises(PeerError, match="cannot be reached"):
        timestamping.stamp(case, "http://127.0.0.1:9")
    assert not (case / "evidence" / "timestamps").exists()
    for pem in (b"", b"no certificate", (authority.folder / "tsa.pem").read_bytes()):
        with pytest.raises(SignatureError):
            Authorities.parse(pem)


def test_a_time_stamp_of_something_else_is_refused(tmp_path: Path, authority: Authority) -> None:
    """Attack 25: a real token over another checkpoint, another log's, or another entry does not date a bundle."""
    case, foreign = a_case(tmp_path / "case"), a_case(tmp_path / "foreign")
    for each in (case, foreign):
        timestamping.stamp(each, authority.address)
    bundle_of(case, tmp_path / "b.zip")
    with CaseEvidence.open(foreign, CLOCK) as evidence:
        theirs = timestamping.attachments(evidence.shared, 0)["timestamp-1.json"]
    with CaseEvidence.open(case, CLOCK) as evidence:
        proof = TimestampProof.parse(timestamping.attachments(evidence.shared, 0)["timestamp-1.json"])
        evidence.publish_seal()
        now = evidence.shared.chain.bare(evidence.shared.signed).to_bytes()
        wrong = {
            "another log": theirs,
            "another checkpoint": replace(proof, stamped=replace(proof.stamped, note=now)).to_bytes(),
            "another entry": replace(proof, index=1).to_bytes(),
            "no token": replace(proof, stamped=replace(proof.stamped, token=b"x")).to_bytes(),
            "cosigned": replace(proof, stamped=replace(proof.stamped, note=evidence.shared.checkpoint())).to_bytes(),
            "no document": b"{}",
        }
        good = bundling.assemble(evidence, [0], CLOCK, "cover\n", Extras())
        for name, data in wrong.items():
            bad = replace(good, attachments={"timestamp-1.json": data})
            with pytest.raises(EvidenceError):
                verify.verify_bytes(bad.to_bytes(evidence.shared_signer), None, authority.pem)
            assert name
    kept = next((case / "evidence" / "timestamps").iterdir())
    kept.write_bytes(b"{}")
    with CaseEvidence.open(case, CLOCK) as evidence, pytest.raises(StoreError, match="damaged"):
        timestamping.attachments(evidence.shared, 0)


def test_documents_read_back(authority: Authority) -> None:
    """Kept and exported forms are read as they were written; the stated time is that of the token."""
    query = Query.of(b"note\n")
    token = authority.reply(query.data)
    stamped = StampedCheckpoint(b"note\n", token)
    assert StampedCheckpoint.parse(stamped.to_bytes()) == stamped
    proof = TimestampProof(3, (bytes(32),), stamped)
    assert TimestampProof.parse(proof.to_bytes()) == proof
    stamp = Authorities.parse(authority.pem).check(token, b"note\n", query.nonce)
    assert stamp.latest_us - stamp.time_us == 1_500_000
    assert timestamp.check_answer(token, b"note\n", query.nonce) == stamp.time_us
    assert abs(stamp.time_us - from_datetime(dt.datetime.fromtimestamp(CLOCK.now_us() / 1e6, dt.UTC))) < 120_000_000
    with pytest.raises(SignatureError):
        Authorities.parse(authority.pem).check(token, b"note\n", (query.nonce or 0) + 1)
    with pytest.raises(ProofError):
        timestamp.check_answer(token, b"note\n", (query.nonce or 0) + 1)


def test_a_token_that_vouches_for_itself_is_refused(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Attack 25: a member makes its own authority, self-signed, and the token brings the certificate along."""
    folder = tmp_path_factory.mktemp("forger")
    now = dt.datetime.fromtimestamp(CLOCK.now_us() // 1_000_000, dt.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Neutral clock")])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=1)).add_extension(usage, critical=True)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    for file in ("root.pem", "tsa.pem"):
        (folder / file).write_bytes(pem)
    (folder / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "serial").write_text("01\n")
    (folder / "ts.conf").write_text(CONFIG.format(folder=folder, accuracy="", digest="sha256"))
    token = Authority("", pem, folder).reply(Query.of(b"note\n").data)
    with pytest.raises(SignatureError):
        Authorities.parse(authority.pem).check(token, b"note\n")
    with pytest.raises(SignatureError):
        Authorities.parse(authority.pem + (authority.folder / "tsa.pem").read_bytes()).check(token, b"note\n")


def test_a_token_without_certificates_needs_the_readers(authority: Authority) -> None:
    """Some authorities leave their certificate out: it then comes from the reader, and another one does not do."""
    asked = TimestampRequestBuilder().data(b"note\n").cert_request(cert_request=False).build()
    token = authority.reply(asked.as_bytes())
    with pytest.raises(SignatureError, match="neither"):
        Authorities.parse(authority.pem).check(token, b"note\n")
    own = (authority.folder / "tsa.pem").read_bytes()
    stamp = Authorities.parse(authority.pem + own).check(token, b"note\n", asked.nonce)
    assert stamp.authority == "CN=Neutral clock"


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200))
def test_sorting_certificates_changes_nothing_else(data: bytes) -> None:
    """Bytes that are no token come back as they are, whatever lengths they claim."""
    for each in (data, b"\x30\x80" + data, b"\x30" + bytes([min(len(data), 127)]) + data):
        assert sorted(sort_certificates(each)) == sorted(each)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_token_never_says_another_time(authority: Authority, data: st.DataObject) -> None:
    """No changed byte of a token makes it fail in an undeclared way, or say another time."""
    if authority.address not in TOKENS:
        TOKENS[authority.address] = authority.reply(Query.of(b"note\n").data)
    token = TOKENS[authority.address]
    trusted = Authorities.parse(authority.pem)
    honest = trusted.check(token, b"note\n")
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + bytes([token[place] ^ data.draw(st.integers(1, 255))]) + token[place + 1 :]
    try:
        assert trusted.check(changed, b"note\n") == honest
    except EvidenceError:
        return


TOKENS: dict[str, bytes] = {}
