"""However charters are drafted, changed and signed: none is taken up that the rule before it did not allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from member_scenes import Made, made
from pollwatch.errors import FormatError, PollwatchError, SplitError
from pollwatch.members import amendment, chain
from pollwatch.members.chain import Chain, Relation
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.members.rules import Amendment, Quorum

T = 1_793_700_000_000_000
_BLOCS = ("north", "south", "east")
#: Nine organisations in three blocs; members of a charter are drawn from them.
_POOL = tuple(made(f"M{place}", 8000 + place, _BLOCS[place % 3]) for place in range(9))
_BY_IDENTITY = {each.member.identity: each for each in _POOL}


@dataclass(frozen=True)
class Step:
    """One change that somebody may try, and who of the pool signs it."""

    members: frozenset[int]
    signers: frozenset[int]
    rule: Amendment | None
    observers: frozenset[int]


_INDEX = st.integers(0, len(_POOL) - 1)
_STEPS = st.builds(
    Step,
    st.frozensets(_INDEX, min_size=2, max_size=7),
    st.frozensets(_INDEX, max_size=9),
    st.none() | st.builds(Amendment, st.integers(0, 7), st.integers(1, 3)),
    st.frozensets(_INDEX, max_size=2),
)


def drafted(step: Step, previous: str, at_us: int) -> Charter | None:
    """The charter of a step, where there can be one."""
    chosen = sorted((_POOL[each] for each in step.members), key=lambda each: each.member.name)
    observers = {_POOL[each].member.identity for each in step.observers}
    members = tuple(
        replace(each.member, role=Role.OBSERVER) if each.member.identity in observers else each.member
        for each in chosen
    )
    voters = [each for each in members if each.role is Role.MEMBER]
    if not voters:
        return None
    rule = step.rule or Amendment.usual(len(voters), len({each.bloc for each in voters}))
    try:
        return Charter("W", members, (), Quorum(1, 1, 1), Tlp.AMBER, 0, at_us, previous, amendment=rule)
    except FormatError:
        return None


def allowed(before: Charter, after: Charter, signers: set[str]) -> bool:
    """The rule in its plainest words, counted anew: enough voters, of enough blocs, and everybody who is new."""
    voters = [each for each in before.members if each.role is Role.MEMBER]
    voted = [each for each in voters if each.identity in signers]
    enough = len(voted) >= (before.amendment.members or len(voters))
    spread = len({each.bloc for each in voted}) >= before.amendment.blocs
    known = {each.identity for each in before.members}
    return enough and spread and all(each.identity in signers for each in after.members if each.identity not in known)


def signed_by(charter: Charter, signers: Sequence[Made]) -> SignedCharter | None:
    """A charter with these signatures, whether they have a say or not; None without any."""
    notes = amendment.notes
    keys = [each.statement for each in signers]
    return SignedCharter(charter, notes.sign_note(charter.text, keys)) if keys else None


def first(members: frozenset[int]) -> Chain:
    """A first charter of these, signed by all."""
    charter = drafted(Step(members, members, None, frozenset()), "", T)
    assert charter is not None
    signed = signed_by(charter, [_BY_IDENTITY[each.identity] for each in charter.members])
    assert signed is not None
    return Chain((signed,))


@settings(max_examples=150, deadline=None)
@given(st.frozensets(_INDEX, min_size=2, max_size=6), st.lists(_STEPS, min_size=1, max_size=4))
def test_no_change_is_taken_up_that_the_rule_did_not_allow(start: frozenset[int], steps: list[Step]) -> None:
    """Attack 15: charters are changed again and again, signed by whoever likes; only what the rule allows holds."""
    held = first(start)
    held.verify()
    former: set[bytes] = set()
    for number, step in enumerate(steps, 1):
        before = held.last.charter
        after = drafted(step, before.digest, T + number * 1_000_000)
        if after is None or after == before:
            continue
        say = {each.identity for each in (*before.members, *after.members)}
        signers = [_POOL[each] for each in sorted(step.signers)]
        signed = signed_by(after, signers)
        if signed is None:
            continue
        back = {key.public for each in after.members for key in each.keys} & (
            former - {key.public for each in before.members for key in each.keys}
        )
        names = {each.member.identity for each in signers}
        right = not back and names <= say and allowed(before, after, names)
        grown = held.followed_by(signed)
        try:
            grown.verify()
        except PollwatchError:
            assert not right
            continue
        assert right
        assert Chain.parse(grown.to_bytes()) == grown
        former |= {key.public for each in before.members for key in each.keys}
        held = grown


@settings(max_examples=60, deadline=None)
@given(st.frozensets(_INDEX, min_size=2, max_size=7), st.data())
def test_two_changes_that_exclude_each_other_convict_somebody(start: frozenset[int], data: st.DataObject) -> None:
    """Attack 1, of charters: whatever majorities agree to two changes, at least one member's key signed both."""
    held = first(start)
    before = held.last.charter
    sides = []
    for offset in (1, 2):
        after = replace(before, previous=before.digest, reply_window_s=offset, effective_us=T + offset * 1_000_000)
        choice = data.draw(st.frozensets(st.sampled_from(sorted(start)), min_size=1))
        signed = signed_by(after, [_POOL[each] for each in sorted(choice)])
        assert signed is not None
        sides.append(held.followed_by(signed))
    left, right = sides
    if any(amendment.missing(before, each.last) for each in sides):
        return
    with pytest.raises(SplitError, match="exclude each other"):
        chain.check_not_split(left, right)
    found = chain.parting(left, right)
    assert found.before == before
    assert found.signed_both


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_chain_of_charters_has_one_spelling(data: st.DataObject) -> None:
    """Attack 12: bytes of a chain are cut, doubled or replaced; what still reads is written again as it was."""
    whole = _GROWN.to_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    changed = whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:]
    if changed == whole:
        return
    try:
        read = Chain.parse(changed)
        read.verify()
    except PollwatchError:
        return
    # A signature beyond those that are needed may be taken off; nothing else about a chain may change.
    assert read.to_bytes() == changed
    assert read.digests == _GROWN.digests[: len(read.digests)]


def _grown() -> Chain:
    held = first(frozenset({0, 1, 2}))
    after = replace(held.last.charter, previous=held.last.charter.digest, reply_window_s=60)
    signed = signed_by(after, [_POOL[0], _POOL[1], _POOL[2]])
    assert signed is not None
    return held.followed_by(signed)


_GROWN = _grown()


def test_relations_of_chains() -> None:
    """A chain knows whether another is the same, behind, ahead, another branch, or of another watch."""
    before = Chain(_GROWN.charters[:1])
    assert before.relation_of(_GROWN) is Relation.AHEAD
    assert _GROWN.relation_of(before) is Relation.BEHIND
    assert _GROWN.relation_of(_GROWN) is Relation.SAME
    assert _GROWN.relation_of(first(frozenset({3, 4}))) is Relation.STRANGE
