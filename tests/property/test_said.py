"""Whatever hostile members do to what was said: nobody signs unasked, nothing in time is hidden, no word changes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attribution_scenes import T, Table, four, read
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution import retraction, statement
from pollwatch.attribution.claim import Claim
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.statement import Draft, Statement
from pollwatch.attribution.tally import Part
from pollwatch.errors import PollwatchError
from pollwatch.members.member import Role
from pollwatch.members.rules import Quorum
from pollwatch.stix import signature
from pollwatch.stix.constants import StixObject

CLOSES_S = 86_400
NAMES = ("Birch", "Cedar", "Dogwood")
ACTS = ("replay", "reorder", "reword", "forge", "re-sign", "backdate", "turn", "move", "swap", "withhold", "strip")
SIGNS = {Stance.AGREE, Stance.STRONGLY_AGREE}

honest = st.tuples(
    st.just("say"), st.sampled_from(NAMES), st.sampled_from(list(Stance)), st.sampled_from((60, 3_600, CLOSES_S + 60))
)
hostile = st.tuples(st.just("attack"), st.sampled_from(ACTS), st.integers(0, 50), st.sampled_from(("Alder", *NAMES)))


class Held:
    """What an honest member holds: it takes a delivery whole, or not at all."""

    def __init__(self, table: Table) -> None:
        """Nothing yet."""
        self.table = table
        self.objects: dict[str, StixObject] = {}

    def take(self, delivery: Sequence[StixObject]) -> bool:
        """Take in what checks out; gives whether it did."""
        found = self.objects | {signature.digest(each): each for each in delivery}
        try:
            read(list(found.values()), self.table.charter)
        except PollwatchError:
            return False
        self.objects = found
        return True


def a_case() -> tuple[Table, Claim, Statement]:
    """Alder claims that it was Cedar, drafts a statement about that, and takes the claim back later."""
    table = four()
    claim = table.claim("Alder", "Cedar")
    draft = Draft(
        "Finding", "The addresses were Cedar's.", (claim.name,), (table.member("Cedar"),), T + CLOSES_S * 10**6
    )
    made = table.say(statement.to_stix(draft, table.maker("Alder")))
    return table, claim, statement.from_stix(made, table.member("Alder"), table.charter.members)


def attacked(table: Table, act: str, at: int, by: str) -> list[StixObject]:  # noqa: C901 - one case an act
    """A delivery of everything that was said, after one hostile act on one of its objects."""
    sent = copy.deepcopy(table.everything())
    said = [number for number, each in enumerate(sent) if each["id"] in {one["id"] for one in table.said}]
    place = said[at % len(said)]
    target: dict[str, Any] = sent[place]
    text = next(name for name in ("explanation", "description", "content") if name in target)
    match act:
        case "replay":
            sent.append(target)
        case "reorder":
            sent.reverse()
        case "reword":
            target[text] += " Not."
        case "forge":
            target["created_by_ref"] = table.member(by).identity
        case "re-sign" if target["type"] == "opinion" and target["created_by_ref"] == table.member(by).identity:
            pass  # an author that says more under its own key has said it
        case "re-sign":
            sent[place] = signature.sign({**target, text: "Another text."}, table.key(by))
        case "backdate":
            target["created"] = target["modified"] = "2026-01-01T00:00:00.000Z"
        case "turn" if target["type"] == "opinion":
            target["opinion"] = "agree"
        case "move" if target["type"] == "opinion":
            target["object_refs"] = [table.incident["id"]]
        case "swap":
            target["extensions"] = sent[said[(at + 1) % len(said)]]["extensions"]
        case "strip":
            del target["extensions"]
        case _:
            del sent[place]
    return sent


@settings(max_examples=40, deadline=None)
@example(steps=[("attack", "re-sign", 0, "Alder")], takes_back=1)
@example(steps=[("attack", "re-sign", 1, "Alder")], takes_back=0)
@given(steps=st.lists(honest | hostile, min_size=1, max_size=12), takes_back=st.sampled_from((0, 1)))
def test_no_sequence_of_hostile_acts_changes_who_said_what(steps: list[tuple[Any, ...]], takes_back: int) -> None:
    """Replay, reorder, withhold, alter, forge, backdate, swap: who signed, dissented, denied is as it was said."""
    table, claim, drafted = a_case()
    held = Held(table)
    assert held.take(table.everything())
    truly: dict[str, list[tuple[Stance, int]]] = {}
    for number, step in enumerate(steps):
        if step[0] == "attack":
            held.take(attacked(table, *step[1:]))
            continue
        _say, name, stance, after_s = step
        subject = claim.subject if name == "Cedar" else drafted.subject
        table.say(opinions.to_stix(subject, stance, f"Reason {number}.", table.maker(name, after_s + number)))
        truly.setdefault(name, []).append((stance, after_s))
        assert held.take(table.everything())
    if takes_back:
        table.say(retraction.to_stix(claim.name, "Planted.", table.maker("Alder", CLOSES_S)))
        assert held.take(table.everything())
        held.take(attacked(table, "withhold", len(table.said) - 1, "Alder"))
    record = read(list(held.objects.values()), table.charter)
    signed = {signature.digest(each) for each in table.said}
    (judged,) = (each for each in record.judged if each.claim.name == claim.name)
    assert (judged.retraction is not None) == bool(takes_back)
    assert {signature.digest(each.source) for each in judged.opinions} <= signed
    denials = [
        stance for stance, _after in truly.get("Cedar", ()) if stance in {Stance.DISAGREE, Stance.STRONGLY_DISAGREE}
    ]
    assert sorted(each.stance for each in judged.denials) == sorted(denials)
    (tally,) = (each for each in record.tallies if each.statement.name == drafted.name)
    assert tally.statement.draft == drafted.draft
    # Alder can write its own words anew under the same id: a thing of its own, in which nobody else has a part.
    assert not any(each.opinions for each in record.judged if each is not judged)
    for other in (each for each in record.tallies if each is not tally):
        assert other.of(Part.SIGNED) == (table.member("Alder"),)
        assert not any(voice.said for voice in other.voices)
    for voice in tally.voices:
        assert {signature.digest(each.source) for each in voice.said} <= signed
        words = truly.get(voice.member.name, []) if voice.member.name != "Cedar" else []
        assert sorted(each.stance for each in voice.said) == sorted(stance for stance, _after in words)
        in_time = {stance for stance, after in words if after < CLOSES_S}
        if voice.member.name == "Alder":
            assert voice.part is Part.SIGNED
        elif voice.member.name != "Cedar":
            assert (voice.part is Part.SIGNED) == bool(in_time & SIGNS)
            assert (voice.part is Part.UNREACHED) == (not in_time)


@pytest.mark.parametrize("act", ACTS)
def test_each_hostile_act_is_one(act: str) -> None:
    """Each act of the sequences really is made: what is delivered is not what was said."""
    table, _claim, drafted = a_case()
    table.say(opinions.to_stix(drafted.subject, Stance.DISAGREE, "No.", table.maker("Birch", 60)))
    assert attacked(table, act, 2, "Dogwood") != table.everything()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_quorums_over_blocs_hold_for_any_charter(data: st.DataObject) -> None:
    """Adopted where enough members of enough blocs signed in time, the respondent and observers not among them."""
    blocs = data.draw(st.lists(st.sampled_from("nsew"), min_size=3, max_size=7))
    names = [f"Member{number}" for number in range(len(blocs))]
    roles = [
        Role.MEMBER,
        *(data.draw(st.sampled_from((Role.MEMBER, Role.MEMBER, Role.OBSERVER))) for _each in names[1:]),
    ]
    voting = [bloc for bloc, role in zip(blocs, roles, strict=True) if role is Role.MEMBER]
    needed = data.draw(st.integers(1, len(voting)))
    needed_blocs = data.draw(st.integers(1, len(set(voting))))
    table = Table(list(zip(names, blocs, strict=True)), Quorum(needed, needed_blocs, 0), roles)
    claim = table.claim(names[0], names[-1])
    draft = Draft("Finding", "So.", (claim.name,), (table.member(names[-1]),), T + CLOSES_S * 10**6)
    made = table.say(statement.to_stix(draft, table.maker(names[0])))
    drafted = statement.from_stix(made, table.member(names[0]), table.charter.members)
    signers = {0}
    for number in range(1, len(names)):
        stance, after_s = data.draw(st.sampled_from([None, *Stance])), data.draw(st.sampled_from((60, CLOSES_S + 60)))
        if stance is not None:
            table.say(opinions.to_stix(drafted.subject, stance, "Why.", table.maker(names[number], after_s)))
            if stance in SIGNS and after_s < CLOSES_S and roles[number] is Role.MEMBER and number != len(names) - 1:
                signers.add(number)
    (tally,) = table.record().tallies
    assert {each.name for each in tally.of(Part.SIGNED)} == {names[number] for number in signers}
    enough = len(signers) >= needed and len({blocs[number] for number in signers}) >= needed_blocs
    assert tally.adopted == enough
