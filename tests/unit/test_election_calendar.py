"""The election calendar: phases, time zones, jurisdictions and what is looked at first."""

from __future__ import annotations

import datetime as dt
import tomllib

import pytest

from pollwatch.clock import parse_rfc3339
from pollwatch.election.calendar import Calendar
from pollwatch.election.settings import parse_elections
from pollwatch.election.vocabulary import CRITICAL_PHASES, PHASES, URGENCY
from pollwatch.errors import ConfigError
from pollwatch.events.detection import Severity


def calendar(text: str) -> Calendar:
    """The calendar of a TOML text."""
    return parse_elections(tomllib.loads(text)["election"], "pollwatch.toml")


COUNTY = calendar(
    """
[[election]]
name = "General election 2026"
jurisdiction = "Riverbend"
zone = "America/Chicago"
day = 2026-11-03
polls_open = 07:00:00
polls_close = 19:00:00
registration_deadline = 2026-10-05
early_voting = 2026-10-19
certification = 2026-11-24
"""
)


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        ("2026-01-15T12:00:00Z", "preparation"),
        ("2026-07-01T12:00:00Z", "registration"),
        ("2026-09-20T12:00:00Z", "registration"),
        ("2026-10-05T23:00:00Z", "registration-deadline"),
        ("2026-10-06T04:59:59Z", "registration-deadline"),
        ("2026-10-06T05:00:00Z", "campaign"),
        ("2026-10-25T12:00:00Z", "early-voting"),
        ("2026-11-03T15:00:00Z", "election-day"),
        ("2026-11-04T00:59:59Z", "election-day"),
        ("2026-11-04T01:00:00Z", "results-night"),
        ("2026-11-05T12:00:00Z", "canvass"),
        ("2026-11-22T12:00:00Z", "certification"),
        ("2026-12-15T12:00:00Z", "aftermath"),
    ],
)
def test_phases_follow_from_the_dates_in_the_zone_of_the_election(moment: str, phase: str) -> None:
    """Known dates and rules of thumb give each moment of the cycle its phase; polls close at local time."""
    span = COUNTY.phase_at(parse_rfc3339(moment))
    assert span is not None
    assert span.phase == phase


def test_outside_of_all_phases_there_is_none() -> None:
    """Two years before there is no phase, and without a time there is none either."""
    assert COUNTY.phase_at(parse_rfc3339("2024-01-01T00:00:00Z")) is None
    assert COUNTY.phase_at(None) is None
    assert Calendar().phase_at(0) is None


def test_only_election_day_is_needed() -> None:
    """A name and a day give a usable calendar that has no gap between election day and its aftermath."""
    small = calendar('[[election]]\nname = "Council"\nday = 2026-03-18\nzone = "Europe/Amsterdam"\n')
    spans = {span.phase: span for span in small.spans}
    assert set(spans) == set(PHASES) - {"registration-deadline", "early-voting"}
    for earlier, later in (("election-day", "results-night"), ("results-night", "canvass"),
                           ("canvass", "certification"), ("certification", "aftermath")):  # fmt: skip
        assert spans[earlier].end_us == spans[later].start_us
    assert spans["election-day"].start_us == parse_rfc3339("2026-03-17T23:00:00Z")


def test_phases_can_differ_per_jurisdiction() -> None:
    """A written phase of one jurisdiction stands beside the derived ones and is found only for its own place."""
    both = calendar(
        """
[[election]]
name = "General"
zone = "UTC"
day = 2026-11-03
[[election.phase]]
name = "early-voting"
jurisdiction = "Northern district"
start = 2026-10-10
end = 2026-10-31
"""
    )
    us = parse_rfc3339("2026-10-15T12:00:00Z")
    north, south = both.phase_at(us, "Northern district"), both.phase_at(us, "Southern district")
    assert north is not None
    assert north.phase == "early-voting"
    assert south is not None
    assert south.phase == "registration"


def test_a_written_phase_replaces_the_derived_one() -> None:
    """What the office writes counts, also where it contradicts the rule of thumb."""
    one = calendar(
        '[[election]]\nname = "G"\nday = 2026-11-03\n[[election.phase]]\nname = "campaign"\n'
        "start = 2026-10-20\nend = 2026-11-02\n"
    )
    campaigns = [span for span in one.spans if span.phase == "campaign"]
    assert len(campaigns) == 1
    assert campaigns[0].start_us == parse_rfc3339("2026-10-20T00:00:00Z")


def test_the_most_urgent_phase_speaks_for_a_span() -> None:
    """A slow attack that runs from the campaign into results night is looked at as one of results night."""
    span = COUNTY.phase_during(parse_rfc3339("2026-10-10T00:00:00Z"), parse_rfc3339("2026-11-04T03:00:00Z"))
    assert span is not None
    assert span.phase == "results-night"


def test_results_night_outranks_three_months_before() -> None:
    """The same incident on the results system is dropped-everything on the night and can wait in August."""
    assert COUNTY.priority("results", "results-night", Severity.HIGH) == 1
    assert COUNTY.priority("results", "preparation", Severity.HIGH) == 3
    assert COUNTY.priority("party", "results-night", Severity.HIGH) == 2


@pytest.mark.parametrize("kind", [*CRITICAL_PHASES, "", "unheard-of"])
def test_priority_is_monotonic_and_quiet(kind: str) -> None:
    """More severe is never looked at later, and info and low never reach the top of the list."""
    for phase in ("", *PHASES):
        ranks = [COUNTY.priority(kind, phase, severity) for severity in Severity]
        assert ranks == sorted(ranks, reverse=True)
        assert all(1 <= rank <= 5 for rank in ranks)
        assert ranks[0] == 5
        assert ranks[1] >= 4


def test_an_assets_own_critical_phases_replace_those_of_its_kind() -> None:
    """An office may say that its mail server is critical during certification."""
    assert COUNTY.priority("email", "certification", Severity.HIGH) == 3
    assert COUNTY.priority("email", "certification", Severity.HIGH, {"certification"}) == 1


def test_every_phase_has_a_place_in_the_order_of_urgency() -> None:
    """The two orders hold the same words."""
    assert sorted(URGENCY) == sorted(PHASES)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("day = 2026-11-03", "name is missing"),
        ('name = "G"', "day is missing"),
        ('name = "G"\nday = 2026-11-03\npolls_closed = 20:00:00',
         "polls_closed is no setting; did you mean 'polls_close'?"),
        ('name = "G"\nday = 2026-11-03\nzone = "Europe/Amsterdm"', "is no time zone"),
        ('name = "G"\nday = "soon"', "day must be a date"),
        ('name = "G"\nday = 2026-11-03\nregistration_deadline = 2026-11-09', "after the polls have closed"),
        ('name = "G"\nday = 2026-11-03\ncertification = 2026-10-09', "before the polls open"),
        ('name = "G"\nday = 2026-11-03\npolls_open = "7 am"', "polls_open must be a date"),
        ('name = "G"\nday = 2026-11-03\n[[election.phase]]\nname = "election-nigth"\nstart = 2026-11-03',
         "'election-nigth' is not known; did you mean"),
        ('name = "G"\nday = 2026-11-03\n[[election.phase]]\nname = "canvass"\nstart = 2026-11-03', "end is missing"),
        ('name = "G"\nday = 2026-11-03\n[[election.phase]]\nname = "canvass"\nstart = 2026-11-09\nend = 2026-11-04',
         "end must lie after start"),
        ('name = "G"\nday = 2026-11-03\nphase = "x"', "phase must be written as"),
        ("name = 3\nday = 2026-11-03", "name must be a text"),
    ],
)  # fmt: skip
def test_mistakes_are_named(text: str, says: str) -> None:
    """An error names the file, the table, the key and the nearest valid word."""
    with pytest.raises(ConfigError) as error:
        calendar(f"[[election]]\n{text}\n")
    assert says in str(error.value)
    assert "pollwatch.toml: [[election]] 1" in str(error.value)


def test_two_elections_need_two_names() -> None:
    """The same election twice is a mistake."""
    with pytest.raises(ConfigError, match="stands twice"):
        parse_elections([{"name": "G", "day": dt.date(2026, 11, 3)}] * 2, "x.toml")


def test_polls_may_close_past_midnight_and_be_written_as_moments() -> None:
    """A closing time before the opening time means the next day; full date-times carry election day themselves."""
    late = calendar('[[election]]\nname = "G"\nday = 2026-11-03\npolls_open = "09:00"\npolls_close = "00:30"\n')
    assert late.elections[0].polls_close_us == parse_rfc3339("2026-11-04T00:30:00Z")
    full = calendar('[[election]]\nname = "G"\npolls_close = 2026-11-03T22:00:00+01:00\nzone = "Europe/Paris"\n')
    assert full.elections[0].polls_close_us == parse_rfc3339("2026-11-03T21:00:00Z")
