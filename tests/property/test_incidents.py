"""What holds for all incidents, whatever is detected and in whatever order it arrives."""

from __future__ import annotations

from dataclasses import replace
from random import Random  # noqa: TID251 - hypothesis seeds it

import hypothesis.strategies as st
from hypothesis import given, settings

from incident_scenes import HOUR, NOON, Scene, incidents
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.taxonomy import WEB
from pollwatch.incidents.incident import Incident

LINES = 60
TECHNIQUES = ("T1190", "T1110.001", "T1595.002", "T1505.003", "T1498", "")
IPS = tuple(f"203.0.113.{n}" for n in range(5))


def scene() -> Scene:
    """A log of sixty lines by five addresses."""
    made = Scene()
    for n in range(LINES):
        made.request(IPS[n % 5], n * 100, sc_status=(200, 404)[n % 2], cs_uri_stem=f"/{n % 3}")
    return made


@st.composite
def detections(draw: st.DrawFn) -> Detection:
    """Any detection on some of these lines."""
    technique = draw(st.sampled_from(TECHNIQUES))
    numbers = draw(st.sets(st.integers(1, LINES), min_size=1, max_size=12))
    first = NOON + draw(st.integers(0, 40 * 24)) * HOUR
    timed = draw(st.booleans())
    return Detection(
        rule_id=draw(st.sampled_from("abcd")), title="t", severity=draw(st.sampled_from(Severity)),
        techniques=(technique,) if technique else (),
        actors=Actors(
            ip=tuple(sorted(draw(st.sets(st.sampled_from(IPS), max_size=3)))),
            user=tuple(sorted(draw(st.sets(st.sampled_from(("root", "k.jansen")), max_size=1)))),
        ),
        targets=draw(st.sampled_from(((), ("portal.example",), ("srv1",)))),
        first_us=first if timed else None, last_us=first + draw(st.integers(0, 5)) * HOUR if timed else None,
        lines=LineSet.of("access.log", numbers), why="because", logsource=WEB,
        tool=draw(st.sampled_from(("", "sqlmap"))), succeeded=draw(st.booleans()),
    )  # fmt: skip


def told(found: list[Incident]) -> list[object]:
    """Incidents as values that can be compared."""
    return [(replace(each, lines=LineSet({})), list(each.lines)) for each in found]


@st.composite
def alike(draw: st.DrawFn) -> list[Detection]:
    """Detections of which several agree in all but one thing or two: then their order decides who is first."""
    found = draw(st.lists(detections(), max_size=8))
    for one in found[:2]:
        other = draw(detections())
        names = draw(st.sets(st.sampled_from(("severity", "techniques", "tool", "succeeded", "targets", "lines"))))
        found.append(replace(one, **{name: getattr(other, name) for name in names}))
    return found


@settings(max_examples=30, deadline=None)
@given(alike(), st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(found: list[Detection], chance: Random) -> None:
    """Detections come batch by batch and late; the incidents are the same in any order."""
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert told(incidents([scene()], found)) == told(incidents([scene()], shuffled))


@settings(max_examples=30, deadline=None)
@given(st.lists(detections(), max_size=12))
def test_every_line_of_every_detection_is_in_exactly_one_incident(found: list[Detection]) -> None:
    """Nothing that was detected is lost, and nothing is told twice; what is only for the record is left out."""
    owned = [line for each in incidents([scene()], found) for line in each.lines]
    assert len(owned) == len(set(owned))
    told_of = [each for each in found if each.severity > Severity.INFO or each.tool]
    assert {line for each in told_of for line in each.lines} <= set(owned)


@settings(max_examples=30, deadline=None)
@given(st.lists(detections(), max_size=8), st.sets(st.integers(1, LINES), min_size=1))
def test_a_flood_changes_no_other_incident(found: list[Detection], numbers: set[int]) -> None:
    """With a flood over any lines, every other incident keeps its id, severity and at least its own lines."""
    found = [d for d in found if d.techniques != ("T1498",)]
    flood = Detection(
        "flood", "Flood", Severity.HIGH, ("T1498",), Actors(ip=IPS), ("portal.example",), NOON, NOON + HOUR,
        LineSet.of("access.log", numbers), "A flood.", WEB,
    )  # fmt: skip
    before = {each.id: each for each in incidents([scene()], found)}
    after = {each.id: each for each in incidents([scene()], [*found, flood])}
    for name, each in before.items():
        assert after[name].severity == each.severity
        assert after[name].title == each.title
        assert set(each.lines) == set(after[name].lines)


@settings(max_examples=30, deadline=None)
@given(st.lists(detections(), max_size=10))
def test_ids_are_distinct_and_the_order_is_by_what_matters(found: list[Detection]) -> None:
    """No two incidents share an id; the first of the list is the one to look at first."""
    made = incidents([scene()], found)
    assert len({each.id for each in made}) == len(made)
    ranks = [(each.election.priority, -each.severity) for each in made]
    assert ranks == sorted(ranks)
