"""What is exported is valid STIX 2.1 to others, signed, stable, and says nothing of the victim."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stix_validator
from pollwatch import canonical
from pollwatch.attribution import claim as claims
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution import record as records
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.attribution.verify import verify_record
from pollwatch.errors import FormatError, PolicyError, SignatureError
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import ElectionContext, Incident, Phase
from pollwatch.members.charter import SignedCharter
from pollwatch.members.marking import Tlp
from pollwatch.stix import accept, bundle, constants, ids, objects, signature
from pollwatch.stix import incident as incidents
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker

_spec = importlib.util.spec_from_file_location("members_under_test", Path(__file__).with_name("test_members.py"))
assert _spec is not None
assert _spec.loader is not None
members = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(members)
ALDER, BIRCH, CHARTER = members.ALDER, members.BIRCH, members.CHARTER
T = members.T

INCIDENT = Incident(
    id="PW-1",
    title="t",
    severity=Severity.CRITICAL,
    status="acknowledged",
    summary="secret host",
    why=(),
    phases=(Phase("SQL injection", "T1190", "initial-access", T, T + 5_000_000, 5),),
    techniques=("T1190", "T1110.001"),
    tactics=(),
    tools=(),
    actors=Actors(ip=("192.0.2.1", "2001:DB8::1", "::ffff:192.0.2.9", "junk"), domain=("Evil.example", "a b'")),
    targets=("secret host",),
    first_us=T,
    last_us=T + 5_000_000,
    lines=LineSet.of("secret path", [1, 2]),
    samples=(),
    rules=(),
    advice=(),
    election=ElectionContext("", "", 3),
)


def maker(tlp: Tlp = Tlp.AMBER, now_us: int = T) -> Maker:
    """Alder's maker."""
    return Maker(ALDER, members.ALDER_KEY, b"s" * 32, tlp, now_us)


def released(tlp: Tlp = Tlp.AMBER) -> incidents.IncidentObjects:
    """The incident as Alder releases it."""
    leaf = Leaf("alder/private", 3, "00" * 32)
    return incidents.to_stix(INCIDENT, maker(tlp), objects.identity(ALDER, CHARTER), (leaf,))


def a_claim(finding: Finding = Finding.NAMED) -> tuple[list[constants.StixObject], constants.StixObject]:
    """A claim by Alder with everything that it refers to; and the claim."""
    named = finding is Finding.NAMED
    told = released()
    assertion = Assertion(
        told.incident["id"],
        finding,
        BIRCH if named else None,
        Likelihood.LIKELY if named else None,
        Confidence.LOW,
        "Why",
    )
    made, target = claims.to_stix(assertion, told.actor, maker())
    identities = [objects.identity(each, CHARTER) for each in CHARTER.members]
    extra = [] if target is None else [target]
    frame = [constants.CLAIM_DEFINITION, *identities, *extra]
    return bundle.order([*told.everything, *frame, made]), made


def denied() -> tuple[bytes, constants.StixObject]:
    """A record of Alder's claim and Birch's denial; and the denial."""
    everything, made = a_claim()
    claim = claims.from_stix(made, ALDER, CHARTER)
    other = Maker(BIRCH, members.BIRCH_KEY, b"b" * 32, Tlp.AMBER, T)
    denial = opinions.to_stix(claim.subject, Stance.STRONGLY_DISAGREE, "It was not us.", other)
    return bundle.write([*everything, denial]), denial


def test_other_peoples_validator_accepts_every_export(tmp_path: Path) -> None:
    """OASIS's validator, strict and with references enforced, finds no fault; it needs no network for that."""
    exports = {tlp.word: bundle.write(bundle.order(released(tlp).everything)) for tlp in Tlp if tlp is not Tlp.RED}
    exports |= {finding.value: bundle.write(a_claim(finding)[0]) for finding in Finding}
    exports["denied"] = denied()[0]
    stix_validator.accepts(tmp_path, exports)


def test_an_incident_tells_nothing_of_the_victim() -> None:
    """Neither targets nor file names nor the summary leave; odd actors are dropped, not passed on."""
    data = bundle.write(released().everything)
    assert b"secret" not in data
    assert b"junk" not in data
    values = {each["value"] for each in bundle.read(data) if "value" in each}
    assert values == {"192.0.2.1", "192.0.2.9", "2001:db8::1", "evil.example"}


def test_ids_are_stable_and_belong_to_their_owner() -> None:
    """The same incident has the same ids each time, another owner's secret gives others, versions keep `created`."""
    first, second = released(), released()
    assert bundle.write(first.everything) == bundle.write(second.everything)
    assert ids.stable_id(b"x" * 32, "incident", "PW-1") != first.incident["id"]
    later = replace(maker(now_us=T + 9_000_000), created={first.incident["id"]: first.incident["created"]})
    again = incidents.to_stix(INCIDENT, later, objects.identity(ALDER, CHARTER)).incident
    assert again["created"] == first.incident["created"] < again["modified"]


def test_observables_have_the_ids_that_the_standard_prescribes() -> None:
    """An address has the same id in everybody's STIX; this one is what OASIS's own library gives."""
    made = objects.address("177.60.40.7", Tlp.CLEAR)
    assert made is not None
    assert made["id"] == "ipv4-addr--dc63603e-e634-5357-b239-d4b562bc5445"


def test_a_signature_covers_every_byte_but_no_layout() -> None:
    """Attack 11: a changed field does not verify; an object that was only re-ordered does."""
    signed = released().incident
    signature.verify(json.loads(canonical.pretty(signed)), ALDER.statement)
    for key in ("name", "description", "modified", "created_by_ref"):
        with pytest.raises(SignatureError):
            signature.verify({**signed, key: "x"}, ALDER.statement)
    with pytest.raises(SignatureError):
        signature.verify({**signed, "x_more": 1}, ALDER.statement)
    with pytest.raises(SignatureError):
        signature.verify(signed, BIRCH.statement)
    with pytest.raises(SignatureError, match="not signed"):
        signature.verify({key: value for key, value in signed.items() if key != "extensions"}, ALDER.statement)


def test_a_record_of_claim_and_denial_checks_out_alone() -> None:
    """The auditor's check accepts what was signed, and names claim, respondent and denial."""
    data, denial = denied()
    signed = SignedCharter.begin(CHARTER, members.ALDER_KEY).signing(members.BIRCH_KEY)
    (judged,) = verify_record(data, signed).judged
    assert judged.claim.assertion.respondent == BIRCH
    assert [each.source for each in judged.denials] == [denial]
    with pytest.raises(SignatureError):
        verify_record(data, SignedCharter.begin(CHARTER, members.ALDER_KEY))
    with pytest.raises(SignatureError):
        verify_record(data.replace(b"not us", b"us ..."), signed)


def test_an_opinion_cannot_be_moved_to_another_claim() -> None:
    """Attack 24: a denial of one claim is shown with another, or without any."""
    _data, denial = denied()
    other, made = a_claim(Finding.UNKNOWN)
    for objects_shown in ([*other, denial], [each for each in other if each is not made] + [denial]):
        accept.check(objects_shown, CHARTER)
        with pytest.raises(PolicyError):
            records.read(objects_shown, CHARTER)


def test_nobody_denies_for_another() -> None:
    """A claimant cannot add an opinion to its own claim, nor call one a denial."""
    claim = claims.from_stix(a_claim()[1], ALDER, CHARTER)
    with pytest.raises(PolicyError):
        opinions.to_stix(claim.subject, Stance.AGREE, "sure", maker())
    with pytest.raises(PolicyError, match="reasons"):
        opinions.to_stix(claim.subject, Stance.AGREE, " ", Maker(BIRCH, members.BIRCH_KEY, b"b" * 32, Tlp.AMBER, T))


def test_a_claim_says_one_thing_only() -> None:
    """A claim whose relationship points elsewhere than its words say is refused, signed or not."""
    made = a_claim()[1]
    for change in ({"target_ref": ALDER.identity}, {"confidence": 95}, {"source_ref": made["target_ref"]}):
        with pytest.raises(PolicyError, match="one thing"):
            claims.from_stix({**made, **change}, ALDER, CHARTER)
    with pytest.raises(PolicyError):
        Assertion("incident--x", Finding.NAMED, None, None, Confidence.LOW, "why")
    with pytest.raises(PolicyError):
        Assertion("incident--x", Finding.UNKNOWN, None, Likelihood.LIKELY, Confidence.LOW, "why")


def test_known_constants_cannot_be_redefined() -> None:
    """Attack 19: a marking or an identity is sent along with another meaning."""
    weaker = {**constants.marking(Tlp.AMBER), "name": "TLP:CLEAR"}
    with pytest.raises(SignatureError):
        accept.check([weaker], CHARTER)
    with pytest.raises(SignatureError):
        accept.check([{**objects.identity(BIRCH, CHARTER), "name": "Alder"}], CHARTER)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_no_bundle(data: bytes) -> None:
    """Whatever comes, reading ends in a FormatError and nothing else."""
    with pytest.raises(FormatError):
        bundle.read(data)


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_arbitrary_objects_never_pass(value: object) -> None:
    """JSON of any shape where an object should be ends in one of our errors."""
    try:
        data = canonical.dumps({"type": "bundle", "id": "bundle--x", "objects": [value]})
    except FormatError:
        return
    with pytest.raises(FormatError):
        bundle.read(data)


def test_the_auditors_part_reaches_no_engine() -> None:
    """Attribution's verifier imports no engine, database, web framework or network library."""
    script = "import sys, pollwatch.attribution.verify as v; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"pyarrow", "polars", "numpy", "sqlalchemy", "starlette", "uvicorn", "httpx", "sigma", "jinja2", "rich"}
    assert not heavy & set(loaded)
