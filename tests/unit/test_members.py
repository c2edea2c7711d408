"""Keys, members, the charter, and TLP markings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from member_scenes import made
from pollwatch import canonical
from pollwatch.errors import FormatError, PolicyError, SignatureError
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.policy import Policy
from pollwatch.members import document
from pollwatch.members.card import make_card, read_card
from pollwatch.members.charter import Charter, SignedCharter, difference
from pollwatch.members.keys import MemberKeys
from pollwatch.members.marking import Tlp, check_release
from pollwatch.members.rules import Amendment, MatchingRules, Quorum

T = 1_793_700_000_000_000


ALDER_MADE, BIRCH_MADE = made("Alder"), made("Birch", 8002)
ALDER, ALDER_KEY = ALDER_MADE.member, ALDER_MADE.statement
BIRCH, BIRCH_KEY = BIRCH_MADE.member, BIRCH_MADE.statement
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


def test_a_card_shows_that_its_owner_has_every_key() -> None:
    """Attack 9: somebody introduces a member with another address, or with a key that is not its own."""
    card = ALDER_MADE.card
    assert read_card(card) == ALDER
    keys = ALDER_MADE.keys
    for use in keys:
        others = {**keys, use: BIRCH_MADE.keys[use]}
        with pytest.raises(SignatureError, match="each of its own keys"):
            make_card(ALDER, others.values(), T)
        stolen = replace(ALDER, **{use: BIRCH_MADE.keys[use].verifier})
        forged = document.sign("member", stolen.record(), (keys["gateway"], keys["request"]))
        with pytest.raises(SignatureError):
            read_card(forged)
        lines = card.decode().splitlines(keepends=True)
        unsigned = "".join(line for line in lines if not line.startswith(f"\u2014 alder/{use} "))
        with pytest.raises(SignatureError, match="not by each key once"):
            read_card(unsigned.encode())
    with pytest.raises(SignatureError, match="wrong"):
        read_card(card.replace(b"127.0.0.1:8001", b"127.0.0.1:8009"))
    with pytest.raises(SignatureError):
        read_card(document.sign("charter", ALDER.record(), (ALDER_KEY,)))


def test_a_card_is_not_another_cards_signatures() -> None:
    """Attack 9: the proof of possession of the witness's key is taken from an earlier card of the same member."""
    moved = replace(ALDER, address="http://127.0.0.1:8009")
    new, old = (make_card(each, ALDER_MADE.keys.values(), T).decode() for each in (moved, ALDER))
    lines = {text: text.splitlines(keepends=True) for text in (new, old)}
    place = next(number for number, line in enumerate(lines[new]) if line.startswith("\u2014 alder/witness "))
    assert read_card(new.encode()) == moved
    with pytest.raises(SignatureError, match="wrong"):
        read_card("".join((*lines[new][:place], lines[old][place], *lines[new][place + 1 :])).encode())


def test_names_in_other_scripts_make_keys_of_different_names() -> None:
    """Two commissions that write their names in Cyrillic and in Hebrew can sign one charter."""
    names = ("Центральна виборча комісія", "ועדת הבחירות", "المفوضية العليا")
    members = tuple(sorted((made(name, 8001 + n).member for n, name in enumerate(names)), key=lambda each: each.name))
    assert replace(CHARTER, members=members, quorum=Quorum(3, 2, 1)).members == members
    assert made("Alder Commission").member.log.name == "alder-commission/log"


def test_nothing_of_an_exercise_is_real() -> None:
    """An exercise has keys of its own: no real charter, card or document takes them, and none is taken there."""
    one, two = made("Alder", exercise=True), made("Birch", 8002, exercise=True)
    assert read_card(one.card) == one.member
    drill = replace(CHARTER, members=(one.member, two.member), exercise=True)
    signed = SignedCharter.begin(drill, one.statement).signing(two.statement)
    signed.check_complete()
    assert SignedCharter.parse(signed.to_bytes()) == signed
    assert signed.to_bytes().startswith(b"pollwatch/exercise/charter/v1\n")
    for members, exercise in (((one.member, BIRCH), True), ((one.member, two.member), False), ((ALDER, BIRCH), True)):
        with pytest.raises(FormatError, match="exercise"):
            replace(CHARTER, members=members, exercise=exercise)
    with pytest.raises(FormatError, match="mixes"):
        replace(one.member, log=ALDER.log)
    said = document.sign("delivery", {"a": 1}, (one.statement,))
    as_real = said.replace(b"exercise/", b"", 1)
    for data, key in ((said, ALDER_KEY), (as_real, one.statement), (as_real, ALDER_KEY)):
        with pytest.raises(SignatureError):
            document.open_signed("delivery", data, key.verifier)
    with pytest.raises(SignatureError, match="real ones"):
        document.sign("delivery", {}, (one.statement, ALDER_KEY))
    # One key under two names is its owner's own fault; even then no text of the exercise is one of the real watch.
    renamed = Signer(ALDER_KEY.name, ALDER_KEY.type, one.statement.seed)
    line = said.decode().rpartition("\n\n")[2]
    moved = f"{as_real.decode().rpartition(chr(10) * 2)[0]}\n\n{line}".replace("exercise.alder", "alder")
    with pytest.raises(SignatureError):
        document.open_signed("delivery", moved.encode(), renamed.verifier)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Amendment(2, 2), "more than half"),
        (Amendment(5, 2), "more than half"),
        (Amendment(3, 1), "two blocs"),
        (Amendment(3, 4), "more than half"),
    ],
)
def test_no_minority_and_no_bloc_may_change_a_charter_alone(rule: Amendment, words: str) -> None:
    """Attack 15: a rule by which half of the members, or those of one bloc, could change the rules."""
    members = tuple(
        made(name, 8000 + place, bloc).member for place, (name, bloc) in enumerate(("Aa", "Bb", "Cb", "Dc"))
    )
    charter = replace(CHARTER, members=members, quorum=Quorum(2, 2, 1), amendment=Amendment(3, 2))
    assert charter.amendment.needed(4) == 3
    with pytest.raises(FormatError, match=words):
        replace(charter, amendment=rule)


def test_the_usual_rule_of_amendment_always_fits() -> None:
    """Whatever the number of members and blocs, two thirds from two blocs can be reached and are more than half."""
    for voters in range(1, 101):
        for blocs in range(1, voters + 1):
            rule = Amendment.usual(voters, blocs)
            rule.check(voters, blocs)
            assert 3 * rule.needed(voters) >= 2 * voters


@pytest.mark.parametrize(
    ("blocs", "cosigners"),
    [("ab", 1), ("abc", 1), ("abcd", 2), ("abcde", 3), ("aabcdef", 4), ("aabb", 1), ("aabcd", 1), ("aaaa", 1)],
)
def test_the_usual_quorum_survives_a_lying_bloc(blocs: str, cosigners: int) -> None:
    """From four members on, two quorums share an honest member, and need none of the largest bloc; else it is one."""
    assert Quorum.usual_cosigners(blocs) == cosigners
    largest = max(map(blocs.count, blocs))
    if len(blocs) >= 4 and cosigners > 1:
        assert cosigners <= len(blocs) - 1 - largest  # the honest among the others suffice
        assert 2 * (cosigners + 1) - len(blocs) > largest  # owner and cosigners twice: more in common than can lie


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
