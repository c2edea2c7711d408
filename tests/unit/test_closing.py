"""How claims end, who may say so, and what each member's record says of it afterwards."""

from __future__ import annotations

import pytest

import attribution_scenes as scenes
from attribution_scenes import Table
from pollwatch.attribution import closing, opinion, retraction, track
from pollwatch.attribution.claim import Claim
from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.record import Judged
from pollwatch.attribution.scale import Stance
from pollwatch.errors import FormatError, PolicyError
from pollwatch.stix.constants import PAPER_EXTENSION


def close(table: Table, by: str, claim: Claim, outcome: Outcome, after_s: int) -> None:
    """A member says how a claim ended."""
    table.say(closing.to_stix(claim.name, outcome, "We looked.", table.maker(by, after_s)))


def judged(table: Table) -> Judged:
    """The one claim, as a stranger reads it."""
    (found,) = table.record().judged
    return found


def test_enough_members_of_enough_blocs_close_a_claim() -> None:
    """Three of four from two blocs; two of one bloc and their opposite word are not enough."""
    table = scenes.four()
    claim = table.claim("Alder", "Dogwood")
    close(table, "Alder", claim, Outcome.UPHELD, 10)
    close(table, "Birch", claim, Outcome.UPHELD, 20)
    assert judged(table).outcome == "open"
    close(table, "Cedar", claim, Outcome.REFUTED, 30)
    assert judged(table).outcome == "open"
    close(table, "Cedar", claim, Outcome.UPHELD, 40)
    ended = judged(table)
    assert ended.outcome == "upheld"
    assert [each.name for each in ended.ending.by] == ["Alder", "Birch", "Cedar"]
    assert len(ended.ending.said) == 4


def test_the_respondent_closes_nothing_and_regains_its_standing_when_others_settle() -> None:
    """Attack: the accused counts itself into the quorum that clears it; its word is heard and not counted."""
    table = scenes.four()
    claim = table.claim("Alder", "Dogwood")
    for number, name in enumerate(("Alder", "Birch", "Cedar")):
        close(table, name, claim, Outcome.UPHELD, 10 + number)
    for number, name in enumerate(("Dogwood", "Birch", "Cedar")):
        close(table, name, claim, Outcome.SETTLED, 20 + number)
    assert judged(table).outcome == "open"
    assert track.tracks([judged(table)], table.charter.members)[3].against == 1
    close(table, "Alder", claim, Outcome.SETTLED, 30)
    assert judged(table).outcome == "settled"
    last = track.tracks([judged(table)], table.charter.members)[3]
    assert (last.against, last.named) == (0, {"settled": 1})


def test_a_claim_that_was_taken_back_is_closed_by_that() -> None:
    """Whatever others said of how it ended: its claimant's retraction ends it."""
    table = scenes.four()
    claim = table.claim("Alder", "Dogwood")
    table.say(retraction.to_stix(claim.name, "We were wrong.", table.maker("Alder", 5)))
    close(table, "Birch", claim, Outcome.UPHELD, 10)
    assert judged(table).outcome == "retracted"


def test_with_two_members_nobody_closes_alone() -> None:
    """The accused is the only other member: claim and denial stand side by side until the claimant takes it back."""
    table = scenes.two()
    claim = table.claim("Alder", "Birch")
    close(table, "Alder", claim, Outcome.UPHELD, 10)
    close(table, "Birch", claim, Outcome.REFUTED, 20)
    assert judged(table).outcome == "open"


def test_records_count_claims_and_opinions_by_how_they_ended() -> None:
    """Who claimed what was upheld, who agreed and who did not; a denial is no opinion that can be wrong."""
    table = scenes.four()
    claim = table.claim("Alder", "Dogwood")
    for name, stance in (("Birch", Stance.DISAGREE), ("Cedar", Stance.AGREE), ("Dogwood", Stance.STRONGLY_DISAGREE)):
        table.say(opinion.to_stix(claim.subject, stance, "So we think.", table.maker(name, 5)))
    for number, name in enumerate(("Alder", "Birch", "Cedar")):
        close(table, name, claim, Outcome.UPHELD, 10 + number)
    alder, birch, cedar, dogwood = track.tracks([judged(table)], table.charter.members)
    assert (alder.claims, alder.against) == ({"upheld": 1}, 0)
    assert [(each.right, each.wrong) for each in (birch, cedar, dogwood)] == [(0, 1), (1, 0), (0, 0)]
    assert dogwood.against == 1


def test_a_closing_of_something_else_is_refused() -> None:
    """Attack: a closing moved to another claim, or with a word that nobody knows."""
    table = scenes.four()
    claim = table.claim("Alder", "Dogwood")
    maker = table.maker("Birch", 9)
    made = closing.to_stix(claim.name, Outcome.UPHELD, "So.", maker)
    table.said.clear()
    table.say(made)
    with pytest.raises(PolicyError, match="not here"):
        table.record()
    made["extensions"][PAPER_EXTENSION]["outcome"] = "guilty"
    with pytest.raises(FormatError, match="none of"):
        closing.from_stix(made, table.member("Birch"))
