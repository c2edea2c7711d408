"""Merging, splitting, assigning and asking, and that later scans respect them. The world is that of ``case_scenes``."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from case_scenes import START_US, open_case, scan
from pollwatch.election.assets import Asset, Assets
from pollwatch.errors import StoreError, UsageError
from pollwatch.events.lines import LineSet
from pollwatch.incidents import rows, tables
from pollwatch.incidents.composing import Part, joined
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.records import Case
from pollwatch.incidents.regroup import write_incidents


def by_user(case: Case) -> dict[str, Incident]:
    """Each incident under its actors' names."""
    return {"+".join(sorted(each.actors.user)): each for each in case.incidents()}


def test_a_merge_is_one_incident_under_both_ids(tmp_path: Path) -> None:
    """Two become one with all lines, actors and history; the other id finds it, and who did it is written down."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann", "bob", "bob"]})
        ann, bob = by_user(case)["ann"], by_user(case)["bob"]
        case.add_note(bob.id, "eve", "looks like ann")
        case.triage().merge([ann.id, bob.id], "ada", "same desk")
        [one] = case.incidents()
        assert one.id == ann.id
        assert one.lines == ann.lines | bob.lines
        assert set(one.actors.user) == {"ann", "bob"}
        assert case.incident(bob.id) == one
        told = [(each.kind, each.who, each.text) for each in case.history(ann.id)]
        assert ("joined", "ada", bob.id) in told
        assert ("note", "eve", "looks like ann") in told
        assert ("note", "ada", "same desk") in told


def test_a_merge_survives_whatever_is_scanned_later(tmp_path: Path) -> None:
    """Grouping finds two again, grown by new lines of either; the case keeps one, and it grows."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann", "bob", "cyd"]})
        ann, bob = by_user(case)["ann"], by_user(case)["bob"]
        case.triage().merge([ann.id, bob.id], "ada")
        regrouped = scan(case, {"b.log": ["bob", "bob", "dan"], "c.log": ["ann"]})
        assert set(by_user(case)) == {"ann+bob", "cyd", "dan"}
        one = case.incident(bob.id)
        assert one.id == ann.id
        assert len(one.lines) == 5
        assert ann.id in regrouped.grown
        scan(case, {"d.log": ["eve"]})
        assert len(case.incident(ann.id).lines) == 5


def test_what_is_not_grouped_again_stays_in_a_merged_incident(tmp_path: Path) -> None:
    """A watch regroups what is recent only: what a merged incident had besides is not lost."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann", "bob"]})
        ann, bob = by_user(case)["ann"], by_user(case)["bob"]
        case.triage().merge([ann.id, bob.id], "ada")
        with case.scanning() as intake:
            intake.commit((), (), [bob])
        assert case.incident(ann.id).lines == ann.lines | bob.lines


def test_a_split_goes_on_in_both_halves(tmp_path: Path) -> None:
    """What an actor did becomes an incident of its own, and what the same actor does later goes there."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann+bob", "ann", "bob", "bob"]})
        [whole] = case.incidents()
        assets = Assets((Asset("Voter portal", "the office", "registration", hosts=("portal",)),))
        stays, goes = case.triage().split(whole.id, Part(actors=("bob",)), "ada", "two people", assets)
        assert stays.id == whole.id
        assert goes.id != whole.id
        assert stays.lines == LineSet.of("a.log", [2])
        assert goes.lines == LineSet.of("a.log", [1, 3, 4])
        assert set(stays.actors.user) == {"ann"}
        scan(case, {"b.log": ["bob", "ann", "ann"]})
        assert len(case.incident(goes.id).lines) == 4
        assert len(case.incident(whole.id).lines) == 3
        assert "Voter portal" in case.incident(goes.id).title  # as the settings call it, later too
        assert ("split", "ada", goes.id) in [(each.kind, each.who, each.text) for each in case.history(whole.id)]


def test_what_is_said_against_somebody_is_read_without_the_rest_of_the_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines on which an incident's own rules fired are as all detections tell; none of another day is read."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann+bob", "ann", "bob", "bob"], "b.log": ["eve", "", "", "eve"]})
        case.triage().split(by_user(case)["ann+bob"].id, Part(actors=("bob",)), "ada")
        with case._database.writing() as connection:  # noqa: SLF001 - eve comes a day later
            connection.exec_driver_sql("UPDATE detections SET first_us = 9e15, last_us = 9e15 WHERE body LIKE '%eve%'")
        every = case.detections()
        read: list[object] = []
        told = rows._detection  # noqa: SLF001 - what is read is counted
        monkeypatch.setattr(rows, "_detection", lambda *given: (read.append(given), told(*given))[1])
        for incident in case.incidents():
            if "eve" not in incident.actors.user:
                rules = {each.id for each in incident.rules}
                fired = LineSet.union([each.lines for each in every if each.rule_id in rules])
                read.clear()
                assert case.accused(incident) == fired & incident.lines
                assert len(read) == sum("eve" not in each.actors.user for each in every) < len(every)


def test_a_split_is_heeded_where_only_one_half_is_grouped_again(tmp_path: Path) -> None:
    """A watch regroups what is recent: what the split actor does then goes to their half, and nothing is lost."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann+bob", "ann", "bob"]})
        [whole] = case.incidents()
        _stays, goes = case.triage().split(whole.id, Part(actors=("bob",)), "ada")
        with case._database.writing() as connection:  # noqa: SLF001 - as a watch does
            ids = {row.path: row.id for row in connection.execute(sa.select(tables.INPUTS))}
            write_incidents(connection, [whole], ids, START_US, over={whole.id})
        assert case.incident(goes.id).lines == goes.lines
        assert set(by_user(case)) == {"ann", "ann+bob"}


def test_halves_can_be_one_again(tmp_path: Path) -> None:
    """A split that is merged again is over: later scans do not split any more."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann+bob", "ann", "bob"]})
        [whole] = case.incidents()
        _stays, goes = case.triage().split(whole.id, Part(actors=("bob",)), "ada")
        case.triage().merge([whole.id, goes.id], "ada")
        scan(case, {"b.log": ["bob"]})
        [one] = case.incidents()
        assert one.id == whole.id
        assert len(one.lines) == 4


def test_a_split_of_a_merge_takes_it_apart(tmp_path: Path) -> None:
    """Decisions are heeded in the order in which they were made."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann", "bob"]})
        ann, bob = by_user(case)["ann"], by_user(case)["bob"]
        case.triage().merge([ann.id, bob.id], "ada")
        _stays, goes = case.triage().split(ann.id, Part(actors=("bob",)), "ada")
        scan(case, {"b.log": ["ann", "bob"]})
        assert set(case.incident(ann.id).actors.user) == {"ann"}
        assert set(case.incident(goes.id).actors.user) == {"bob"}
        assert len(case.incidents()) == 2


def test_a_split_must_leave_two_halves(tmp_path: Path) -> None:
    """All of it or nothing of it is no half; the case stays as it was."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann", "ann"]})
        [whole] = case.incidents()
        for part in (Part(actors=("ann",)), Part(actors=("nobody",)), Part(rules=("seen",))):
            with pytest.raises(UsageError, match="one half empty"):
                case.triage().split(whole.id, part, "ada")
        assert case.incidents() == [whole]
        assert case.history(whole.id) == []


def test_merging_needs_two(tmp_path: Path) -> None:
    """One incident, or one under two names, is refused; so is one that is not there."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann", "bob"]})
        ann, bob = by_user(case)["ann"], by_user(case)["bob"]
        case.triage().merge([ann.id, bob.id], "ada")
        with pytest.raises(UsageError, match="name two"):
            case.triage().merge([ann.id, bob.id], "ada")
        with pytest.raises(StoreError, match="no incident"):
            case.triage().merge([ann.id, "PW-nowhere"], "ada")


def test_a_merge_of_closed_incidents_stays_closed(tmp_path: Path) -> None:
    """That it has more lines now is no news: people put them there. What is open for one of them stays open."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann", "bob", "cyd"]})
        ann, bob, cyd = (by_user(case)[name] for name in ("ann", "bob", "cyd"))
        for each in (ann, bob):
            case.set_status(each.id, "closed", "ada")
        assert case.triage().merge([ann.id, bob.id], "ada").status == "closed"
        assert case.triage().merge([ann.id, cyd.id], "ada").status == "open"


def test_joining_takes_the_gravest_word_and_all_facts() -> None:
    """Titles, steps and rules of several incidents as one; rules that fired in both are counted together."""
    from case_scenes import detections, group

    texts = {("a.log", 1): "ann", ("a.log", 2): "bob!"}
    one, two = group(detections("a.log", ["ann", "bob!"]), texts)
    both = joined([one, two])
    assert both.id == one.id
    assert both.severity == two.severity
    assert both.rules[0].count == one.rules[0].count + two.rules[0].count
    assert both.phases[0].lines == 2
    assert len(both.phases) == 1
    assert {sample.text for sample in both.samples} == {"ann", "bob!"}


def test_who_works_on_it_is_known_and_written_down_once(tmp_path: Path) -> None:
    """Assigning twice is assigning once; nobody is a name too."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann"]})
        [found] = case.incidents()
        for name in ("ada", "ada", ""):
            case.triage().assign(found.id, name, "lea")
        assert case.triage().assignee(found.id) == ""
        assert [(each.kind, each.text) for each in case.history(found.id)] == [("assigned", "ada"), ("assigned", "")]


def test_a_question_waits_until_it_is_answered(tmp_path: Path) -> None:
    """Who asks sees who was told and the answer; the incident's history has both; the first answer counts."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann"]})
        [found] = case.incidents()
        asked = case.asking().ask("cleo", "Is this us?", ["Lea (lead)"], found.id)
        assert [each.id for each in case.asking().waiting()] == [asked.id]
        assert asked.told == ("Lea (lead)",)
        case.asking().answer(asked.id, "lea", "Yes, our own test.")
        assert case.asking().answer(asked.id, "eve", "No!").answer == "Yes, our own test."
        assert case.asking().waiting() == []
        assert [each.answer for each in case.asking().of("cleo")] == ["Yes, our own test."]
        assert [each.kind for each in case.history(found.id)] == ["asked", "answered"]


def test_one_person_cannot_bury_the_questions_of_others(tmp_path: Path) -> None:
    """A stuck key: after twenty open questions of one person, the telephone is named instead."""
    with open_case(tmp_path) as case:
        scan(case, {"a.log": ["ann"]})
        for _turn in range(20):
            case.asking().ask("cleo", "", ())
        with pytest.raises(UsageError, match="telephone"):
            case.asking().ask("cleo", "", ())
        case.asking().ask("dora", "", ())
