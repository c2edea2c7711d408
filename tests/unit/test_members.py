"""Keys, members, the charter, and TLP markings."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from pollwatch import canonical
from pollwatch.errors import FormatError, PolicyError, SignatureError
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.policy import Policy
from pollwatch.members import document
from pollwatch.members.charter import Charter, SignedCharter, difference
from pollwatch.members.keys import MemberKeys, handle_of
from pollwatch.members.marking import Tlp, check_release
from pollwatch.members.member import Member, Role, make_card, read_card
from pollwatch.members.rules import MatchingRules, Quorum

T = 1_793_700_000_000_000


def a_member(name: str, port: int = 8001) -> tuple[Member, Signer]:
    """A member and its statement key."""
    handle = handle_of(name)
    uses = ("shared", "statement", "gateway", "request")
    log, statement, gateway, request = (Signer.generate(f"{handle}/{use}") for use in uses)
    witness = Signer.generate(f"{handle}/witness", KeyType.COSIGNATURE)
    address = f"http://127.0.0.1:{port}"
    identity = f"identity--{uuid.uuid4()}"
    keys = (log.verifier, witness.verifier, statement.verifier, gateway.verifier, request.verifier)
    return Member(name, handle, Role.MEMBER, address, identity, *keys), statement


ALDER, ALDER_KEY = a_member("Alder")
BIRCH, BIRCH_KEY = a_member("Birch", 8002)
CHARTER = Charter("Watch", (ALDER, BIRCH), ("General election",), Quorum(2, 2, 1), Tlp.AMBER, 86_400, T)


def test_a_charter_is_in_force_when_all_have_signed() -> None:
    """One signature of two is not enough; the message says whose is missing."""
    signed = SignedCharter.begin(CHARTER, ALDER_KEY)
    with pytest.raises(PolicyError, match="Birch"):
        signed.check_complete()
    signed = signed.signing(BIRCH_KEY)
    signed.check_complete()
    assert SignedCharter.parse(signed.to_bytes()) == signed
    assert signed.signing(BIRCH_KEY) == signed


def test_a_strangers_signature_voids_a_charter() -> None:
    """Attack: a key that nobody agreed on signs along."""
    with pytest.raises(SignatureError, match="no member's key"):
        SignedCharter.begin(CHARTER, Signer.generate("alder/statement"))
    stranger = Signer.generate("cedar/statement")
    forged = document.sign("charter", CHARTER.record(), (ALDER_KEY, stranger))
    with pytest.raises(SignatureError, match="no member's"):
        SignedCharter.parse(forged)


def test_any_changed_byte_of_a_charter_is_refused() -> None:
    """Attack: a quorum or an address is changed after signing."""
    data = SignedCharter.begin(CHARTER, ALDER_KEY).signing(BIRCH_KEY).to_bytes()
    for place in range(0, len(data), 7):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises((SignatureError, FormatError, PolicyError)):
            SignedCharter.parse(changed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"members": (ALDER, replace(BIRCH, log=ALDER.log))}, "same key"),
        ({"members": (ALDER, replace(BIRCH, identity=ALDER.identity))}, "same identity"),
        ({"members": (ALDER, replace(BIRCH, address=ALDER.address))}, "same address"),
        ({"members": (BIRCH, ALDER)}, "by name"),
        ({"members": (ALDER,)}, "2 to 100"),
        ({"quorum": Quorum(3, 2, 1)}, "cannot be reached"),
        ({"quorum": Quorum(2, 3, 1)}, "cannot be reached"),
        ({"quorum": Quorum(2, 2, 2)}, "cosign"),
        ({"releasers": 3}, "release"),
        ({"matching": MatchingRules(auditor="Cedar")}, "audit"),
        ({"members": (ALDER, replace(BIRCH, bloc="alder"))}, "cannot be reached"),
    ],
)
def test_a_charter_that_cannot_work_is_refused(change: dict[str, object], words: str) -> None:
    """Attack 9 and 15: shared keys and identities, and quorums that one bloc could fill alone or nobody could."""
    with pytest.raises(FormatError, match=words):
        replace(CHARTER, **change)


def test_two_charters_differ_in_named_fields() -> None:
    """Who holds another charter is told what differs, member by member."""
    other = replace(CHARTER, members=(ALDER, replace(BIRCH, bloc="other")), reply_window_s=1)
    assert difference(CHARTER, CHARTER) == ()
    assert difference(CHARTER, other) == (
        "members[Birch].bloc: 'birch' here, 'other' there",
        "reply_window_s: 86400 here, 1 there",
    )


def test_the_policy_of_a_member_is_read_by_the_verifier() -> None:
    """The C2SP policy made from a charter names the member's log and asks for the others' cosignatures."""
    policy = Policy.parse(CHARTER.policy(ALDER).encode())
    assert policy.logs == (ALDER.log,)
    assert list(policy.witnesses.values()) == [BIRCH.witness]
    assert not policy.is_met(())
    assert policy.is_met(tuple(policy.witnesses))


def test_members_are_found_by_name_or_key() -> None:
    """A member is named as people write it; an unknown one gets the list of those there are."""
    assert CHARTER.member("aLDER") == ALDER
    with pytest.raises(PolicyError, match="Alder, Birch"):
        CHARTER.member("Cedar")


@pytest.mark.parametrize(
    "change",
    [
        {"address": "ftp://x"},
        {"address": "http://x/"},
        {"address": "http://user@x"},
        {"address": "http://x:0"},
        {"name": " "},
        {"name": "a\x1b[31m"},
        {"identity": "identity--1"},
        {"log": ALDER.witness},
    ],
)
def test_an_impossible_member_is_refused(change: dict[str, object]) -> None:
    """Names that would play tricks on a terminal, and addresses and keys of the wrong kind, do not get in."""
    with pytest.raises(FormatError):
        replace(ALDER, **change)


def test_a_card_is_signed_by_its_owner() -> None:
    """Attack: somebody introduces a member with another address."""
    card = make_card(ALDER, ALDER_KEY)
    assert read_card(card) == ALDER
    moved = document.sign("member", replace(ALDER, address="http://evil.example").record(), (BIRCH_KEY,))
    with pytest.raises(SignatureError):
        read_card(moved)
    with pytest.raises(SignatureError):
        read_card(document.sign("charter", ALDER.record(), (ALDER_KEY,)))


def test_keys_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    """Key files have mode 0600, are never overwritten, and are refused when others can read them."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    keys = MemberKeys.create(inner, outer, "alder")
    assert MemberKeys.load(inner, outer) == keys
    assert {path.stat().st_mode & 0o777 for path in (*inner.iterdir(), *outer.iterdir())} == {0o600}
    assert keys.id_secret.hex() not in repr(keys)
    with pytest.raises(SignatureError, match="never overwritten"):
        MemberKeys.create(inner, outer, "alder")
    (inner / "statement.key").chmod(0o640)
    with pytest.raises(SignatureError, match="read by others"):
        MemberKeys.load(inner, outer)


def test_documents_are_strict() -> None:
    """Fields that are unknown, missing or mistyped are refused; a bool is no number."""
    for value in ({}, {"a": 1, "b": 2}, {"a": "1"}, {"a": True}, [], None):
        with pytest.raises(FormatError):
            document.fields(value, "it", {"a": int})
    assert document.fields({"a": 1}, "it", {"a": int}) == {"a": 1}
    loose = canonical.pretty(CHARTER.record())
    with pytest.raises((FormatError, SignatureError)):
        document.read("charter", loose.encode())


def test_markings_dominate() -> None:
    """A whole is at least as strict as its parts; no marking and TLP:RED are refused."""
    assert check_release(Tlp.AMBER, [("a", Tlp.CLEAR), ("b", Tlp.AMBER)]) is Tlp.AMBER
    for whole, part in ((Tlp.GREEN, Tlp.AMBER), (Tlp.AMBER, Tlp.AMBER_STRICT), (Tlp.AMBER, None)):
        with pytest.raises(PolicyError):
            check_release(whole, [("a", part)])
    for whole in (None, Tlp.RED):
        with pytest.raises(PolicyError):
            check_release(whole, [])
    assert [Tlp.parse(each.label) for each in Tlp] == list(Tlp)
    with pytest.raises(PolicyError, match="white"):
        Tlp.parse("white")


@pytest.mark.parametrize(
    "rule", [{"epoch_s": 1}, {"items": 0}, {"threshold": 1}, {"blocs": 4}, {"audit_permille": 1001}]
)
def test_matching_rules_have_bounds(rule: dict[str, int]) -> None:
    """A budget without end, or a threshold of one, is no rule; what is written is what is read."""
    with pytest.raises(FormatError, match=next(iter(rule))):
        MatchingRules(**rule)
    record = MatchingRules().record()
    assert MatchingRules.from_record(record) == MatchingRules()
    with pytest.raises(FormatError, match="unknown"):
        MatchingRules.from_record({**record, "more": 1})
