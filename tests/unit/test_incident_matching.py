from __future__ import annotations

import numpy as np

from case_scenes import detections, incident
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.matching import match


def _incident(name: str, path: str, *numbers: int) -> Incident:
    lines = ["x"] * max(numbers)
    for number in numbers:
        lines[number - 1] = name
    (found,) = (each for each in detections(path, lines) if each.actors.user == (name,))
    return incident((name,), [found], {})


def test_an_incident_goes_on_from_the_one_it_shares_most_lines_with() -> None:
    """Overlap decides, not the id that grouping would give."""
    before = {"PW-old": LineSet.of("a", [1, 2, 3]), "PW-other": LineSet.of("a", [4])}
    (found,) = match(before, [_incident("ann", "a", 1, 2, 3, 4)])
    assert (found.id, found.continues, found.merged) == ("PW-old", True, ("PW-other",))


def test_an_incident_that_splits_keeps_its_id_with_its_larger_part() -> None:
    """The smaller part is new, and its id is not one that is in use."""
    large, small = _incident("ann", "a", 1, 2), _incident("bob", "a", 3)
    before = {small.id: LineSet.of("a", [1, 2, 3])}
    matched = match(before, [small, large])
    assert [(each.id, each.continues) for each in matched][1] == (small.id, True)
    assert matched[0].id != small.id
    assert not matched[0].continues
    assert len(matched[0].id) == len(small.id)


def test_ids_of_merged_incidents_are_not_given_again() -> None:
    """An id that people have in hand never comes to mean something else."""
    new = _incident("ann", "a", 1)
    (found,) = match({}, [new], frozenset({new.id}))
    assert found.id != new.id
    assert match({}, [new], frozenset({new.id}))[0].id == found.id


def test_the_same_numbers_in_another_input_are_other_lines() -> None:
    """Lines are told apart by input, not by number alone."""
    (found,) = match({"PW-old": LineSet.of("b", [1])}, [_incident("ann", "a", 1)])
    assert not found.continues


def test_thousands_of_incidents_are_matched_at_once() -> None:
    """Matching grows with the lines, not with the square of the incidents (a flood of small incidents)."""
    now = [_incident("ann", f"log-{index % 7}", index + 1) for index in range(300)]
    before = {f"PW-{index}": LineSet.of(f"log-{index % 7}", np.array([index + 1])) for index in range(300)}
    assert [each.id for each in match(before, now)] == list(before)
