"""Measures and what came of them, as signed papers in the file of a case."""

from __future__ import annotations

import pytest

import attribution_scenes as scenes
from attribution_scenes import Table
from pollwatch.attribution import measure, verify
from pollwatch.attribution.measure import Deed, Kind, Result, Taken
from pollwatch.attribution.subject import Named
from pollwatch.errors import FormatError, PolicyError
from pollwatch.stix.constants import PAPER_EXTENSION

BLOCK = Deed(Kind.BLOCK, "Ada Lovelace", "It came from one address.", digest="a" * 64)


def acted(table: Table, by: str = "Alder") -> measure.Measure:
    """A member blocks something."""
    made = table.say(measure.to_stix(Named.of(table.incident), BLOCK, table.maker(by, 10)))
    return measure.from_stix(made, table.member(by))


def taken(table: Table) -> Taken:
    """The one measure, as a stranger reads it."""
    (found,) = table.record().taken
    return found


def test_a_measure_is_told_with_who_decided_it_and_what_came_of_it() -> None:
    """In the words of the verifier, in the order in which it was said."""
    table = scenes.four()
    found = acted(table)
    for number, result in enumerate((Result.NO_ANSWER, Result.LIFTED)):
        table.say(measure.to_outcome(found, result, "So it was.", table.maker("Alder", 20 + number)))
    assert [each.result for each in taken(table).outcomes] == [Result.NO_ANSWER, Result.LIFTED]
    told = "\n".join(verify.told(table.record(), table.charter))
    assert "measure of Alder: block, decided by Ada Lovelace: It came from one address." in told
    assert "SHA-256 " + "a" * 64 in told
    assert told.index("no-answer") < told.index("lifted")


def test_only_whose_measure_it_is_says_what_came_of_it() -> None:
    """Attack: a rival declares a member's measure lifted, under its own signature."""
    table = scenes.four()
    found = acted(table)
    with pytest.raises(PolicyError, match="says what came of it"):
        measure.to_outcome(found, Result.LIFTED, "Nothing of it.", table.maker("Cedar", 20))
    forged = measure.to_outcome(found, Result.LIFTED, "Nothing of it.", table.maker("Alder", 20))
    theirs = measure.outcome_from_stix(forged, table.member("Cedar"))
    with pytest.raises(PolicyError, match="by Cedar"):
        measure.check(theirs, found)


def test_measures_about_nothing_and_of_unknown_kinds_are_refused() -> None:
    """Attack: a measure moved to another incident, or with a word that nobody knows."""
    table = scenes.four()
    made = measure.to_stix(
        Named("incident--00000000-0000-4000-8000-000000000000", "b" * 64), BLOCK, table.maker("Alder")
    )
    table.say(made)
    with pytest.raises(PolicyError, match="not here"):
        table.record()
    made["extensions"][PAPER_EXTENSION]["act"] = "missile"
    with pytest.raises(FormatError, match="none of"):
        measure.from_stix(made, table.member("Alder"))


@pytest.mark.parametrize(
    "changed",
    [{"decided_by": " "}, {"decided_by": "x" * 201}, {"digest": "no hash"}, {"text": ""}],
)
def test_a_measure_names_a_person_a_reason_and_a_real_hash(changed: dict[str, str]) -> None:
    """Nobody decided it, no reason, or a hash that is none: refused before it is signed."""
    fields = {"kind": Kind.ABUSE, "decided_by": "Ada", "text": "So.", "addressee": "", "digest": ""} | changed
    with pytest.raises(PolicyError):
        Deed(**fields)  # type: ignore[arg-type]
