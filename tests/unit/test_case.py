from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from case_scenes import clock, detections, events, group, open_case, scan, scanned
from pollwatch.errors import StoreError
from pollwatch.events.detection import Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents.quarantine import KEPT_LINES, QuarantineCount
from pollwatch.incidents.records import Case
from pollwatch.incidents.workflow import SCAN


def test_a_scan_is_in_the_case_after_it_is_opened_again(tmp_path: Path) -> None:
    """Inputs, detections, incidents, events and quarantine survive the process."""
    lines = ["ann", "?", "ann!", "bob"]
    with open_case(tmp_path / "case") as case:
        kept = scan(case, {"a.log": lines})
    assert len(kept.new) == 2
    with open_case(tmp_path / "case") as case:
        assert case.inputs() == [scanned("a.log", lines)]
        assert case.knows(scanned("a.log", lines).digest)
        found = {each.rule_id + each.actors.user[0]: each for each in detections("a.log", lines)}
        assert {each.rule_id + each.actors.user[0]: each for each in case.detections()} == found
        assert case.incidents() == sorted(kept.incidents, key=lambda each: -each.severity)
        assert [row for batch in case.events() for row in batch.table["who"].to_pylist()] == ["ann", "ann!", "bob"]
        (at,) = case.events_at(LineSet.of("a.log", [2, 4]))
        assert at.table["number"].to_pylist() == [4]
        assert case.quarantine().counts == (QuarantineCount("a.log", "no actor", 1),)
        assert [(line.number, line.head) for line in case.quarantine("a.log").lines] == [(2, b"?")]
        assert case.quarantine("b.log").counts == ()


def test_scanning_the_same_again_adds_nothing(tmp_path: Path) -> None:
    """The same content counts once: rescanned, copied under another name, or twice in one scan."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["ann", "bob"]})
        before = (case.inputs(), case.detections(), case.incidents(), list(case.events()))
        again = scan(case, {"a.log": ["ann", "bob"], "copy.log": ["ann", "bob"]})
        assert (again.new, again.grown, again.merged) == ((), (), {})
        assert (case.inputs(), case.detections(), case.incidents(), list(case.events())) == before
        scan(case, {"x.log": ["eve"], "y.log": ["eve"]})
        assert [each.path for each in case.inputs()] == ["a.log", "x.log"]


def test_one_step_without_admission_is_idempotent_too(tmp_path: Path) -> None:
    """``add_scan`` called twice with the same leaves the case as after the first; another name for it is resolved."""
    lines = ["ann", "ann"]
    found = detections("a.log", lines)
    with open_case(tmp_path / "case") as case:
        for path in ("a.log", "a.log", "copy.log"):
            renamed = detections(path, lines)
            kept = case.add_scan([scanned(path, lines)], renamed, group(renamed, {}), [events(path, lines)])
            assert kept.incidents[0].lines == LineSet.of("a.log", [1, 2])
        assert case.detections() == found
        assert len(case.incidents()) == 1
        with pytest.raises(StoreError, match="another input of this name"):
            case.add_scan([scanned("a.log", ["eve"])], [], [])


def test_a_further_input_extends_an_incident_and_keeps_its_workflow(tmp_path: Path) -> None:
    """An incident that grows keeps id, state, notes and the lines it showed."""
    with open_case(tmp_path / "case") as case:
        (incident_id,) = scan(case, {"a.log": ["ann"]}).new
        case.set_status(incident_id, "acknowledged", "eva", "looking")
        case.add_note(incident_id, "eva", "called the hoster")
        kept = scan(case, {"b.log": ["bob", "ann"]})
        assert kept.grown == (incident_id,)
        assert len(kept.new) == 1
        grown = case.incident(incident_id)
        assert grown.status == "acknowledged"
        assert list(grown.lines) == [("a.log", 1), ("b.log", 2)]
        assert [(line.path, line.number) for line in grown.samples] == [("a.log", 1), ("b.log", 2)]
        assert [(c.kind, c.who, c.status, c.text) for c in case.history(incident_id)] == [
            ("status", "eva", "acknowledged", "looking"),
            ("note", "eva", "acknowledged", "called the hoster"),
        ]


def test_a_closed_incident_that_goes_on_is_open_again(tmp_path: Path) -> None:
    """Closing does not hide what comes later; an unrelated scan does not open it."""
    with open_case(tmp_path / "case") as case:
        (incident_id,) = scan(case, {"a.log": ["ann"]}).new
        case.set_status(incident_id, "closed", "eva", "blocked")
        scan(case, {"b.log": ["bob"]})
        assert case.incident(incident_id).status == "closed"
        scan(case, {"c.log": ["?", "ann"]})
        assert case.incident(incident_id).status == "open"
        last = case.history(incident_id)[-1]
        assert (last.kind, last.who, last.status) == ("reopened", SCAN, "open")


def test_a_false_positive_stays_so_until_it_becomes_something_else(tmp_path: Path) -> None:
    """A monitoring robot may go on; when it logs in, it is open again."""
    with open_case(tmp_path / "case") as case:
        (incident_id,) = scan(case, {"a.log": ["ann"]}).new
        case.set_status(incident_id, "false-positive", "eva")
        scan(case, {"b.log": ["?", "ann"]})
        assert case.incident(incident_id).status == "false-positive"
        scan(case, {"c.log": ["ann!"]})
        assert case.incident(incident_id).status == "open"


def test_two_incidents_that_turn_out_to_be_one(tmp_path: Path) -> None:
    """The larger goes on, the other's id still leads there, both histories are kept, and what was open stays open."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["ann", "ann", "bob"]})
        ann, bob = sorted(case.incidents(), key=lambda each: -len(each.lines))
        case.set_status(ann.id, "closed", "eva")
        case.add_note(bob.id, "eva", "strange")
        kept = scan(case, {"b.log": ["ann+bob"]})
        assert kept.merged == {bob.id: ann.id}
        assert [each.id for each in case.incidents()] == [ann.id]
        assert case.incident(bob.id) == case.incident(ann.id)
        assert case.incident(ann.id).status == "open"
        assert len(case.incident(ann.id).lines) == 4
        assert [change.kind for change in case.history(bob.id)] == ["status", "note", "merged"]
        scan(case, {"c.log": ["bob", "cid"]})
        assert case.incident(bob.id).id == ann.id


def test_a_log_that_has_grown_takes_the_place_of_its_shorter_self(tmp_path: Path) -> None:
    """Scanning a live log day after day counts each line once and keeps the incident's state."""
    with open_case(tmp_path / "case") as case:
        (incident_id,) = scan(case, {"a.log": ["ann", "?"]}).new
        case.set_status(incident_id, "acknowledged", "eva")
        kept = scan(case, {"a.log": ["ann", "?", "ann", "?"]})
        assert (kept.new, kept.grown) == ((), (incident_id,))
        assert case.inputs() == [scanned("a.log", ["ann", "?", "ann", "?"])]
        assert len(case.detections()) == 1
        assert case.incident(incident_id).status == "acknowledged"
        assert case.quarantine().counts == (QuarantineCount("a.log", "no actor", 2),)
        assert sum(map(len, case.events())) == 2
        assert len(list((tmp_path / "case" / "events").rglob("*.parquet"))) == 1
        assert case.knows(scanned("a.log", ["ann", "?"]).digest)
        scan(case, {"old-backup.log": ["ann", "?"]})
        assert len(case.inputs()) == 1


def test_rotated_logs_hand_their_names_on(tmp_path: Path) -> None:
    """``a.log`` grows, becomes ``a.log.1``, and another ``a.log`` begins: no line is counted twice or mixed up."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["ann"], "a.log.1": ["bob"]})
        scan(case, {"a.log": ["cid"], "a.log.1": ["ann", "ann"], "a.log.2": ["bob", "bob"]})
        assert {each.path: each.lines for each in case.inputs()} == {"a.log": 1, "a.log.1": 2, "a.log.2": 2}
        assert sorted(len(each.lines) for each in case.incidents()) == [1, 2, 2]


def test_another_log_of_the_same_name_gets_its_own(tmp_path: Path) -> None:
    """Two hosts' ``auth.log`` are two inputs, and a line of one is never taken for a line of the other."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"auth.log": ["ann"]})
        scan(case, {"auth.log": ["bob"]})
        first, second = (each.path for each in case.inputs())
        assert first == "auth.log"
        assert second.startswith("auth.log@")
        assert sorted(str(list(each.lines)) for each in case.incidents()) == [
            "[('auth.log', 1)]",
            f"[('{second}', 1)]",
        ]


def test_an_input_that_is_cut_off_while_it_is_read_adds_nothing(tmp_path: Path) -> None:
    """A log truncated between the two looks at it (log wiping) is an error that says so; the case is as before."""
    with open_case(tmp_path / "case") as case, case.scanning() as intake:
        digest = intake.digest()
        digest.update(b"ann\nann\n")
        intake.admit("a.log", digest)
        with pytest.raises(StoreError, match="cut off or replaced"):
            intake.commit([scanned("a.log", ["ann"])], [], [])
    with open_case(tmp_path / "case") as case:
        assert case.inputs() == []


def test_a_log_that_grows_while_it_is_read_is_known_by_both_contents(tmp_path: Path) -> None:
    """Lines that come in between the two looks at a live log are in, and neither content is scanned again."""
    with open_case(tmp_path / "case") as case:
        with case.scanning() as intake:
            digest = intake.digest()
            digest.update(b"ann\n")
            assert intake.admit("a.log", digest) == "a.log"
            intake.commit([scanned("a.log", ["ann", "ann"])], [], [])
        assert case.knows(scanned("a.log", ["ann"]).digest)
        assert case.knows(scanned("a.log", ["ann", "ann"]).digest)


def test_incidents_are_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    """A unique beginning is enough; an ambiguous or wrong one names what is near."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["ann", "bob"]})
        first, second = (each.id for each in case.incidents())
        assert case.incident(first[:8]).id == first
        with pytest.raises(StoreError, match="several incidents begin with 'PW-'"):
            case.incident("PW-")
        with pytest.raises(StoreError, match=f"near it: .*{second}"):
            case.incident(second[:-1] + "Z")
        with pytest.raises(StoreError, match="no incident ''"):
            case.incident("")


def test_incidents_are_chosen_by_severity_and_state(tmp_path: Path) -> None:
    """Filters leave out what is less severe or in another state."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["ann", "bob!"]})
        severe = case.incidents(min_severity=Severity.HIGH)
        assert [each.actors.user for each in severe] == [("bob",)]
        case.set_status(severe[0].id, "closed", "eva")
        assert [each.actors.user for each in case.incidents(status="open")] == [("ann",)]


def test_setting_the_same_state_again_is_no_change(tmp_path: Path) -> None:
    """The history tells what happened, not how often somebody clicked."""
    with open_case(tmp_path / "case") as case:
        (incident_id,) = scan(case, {"a.log": ["ann"]}).new
        for _ in range(2):
            case.set_status(incident_id, "closed", "eva")
        assert len(case.history(incident_id)) == 1
        with pytest.raises(StoreError, match="empty note"):
            case.add_note(incident_id, "eva", " ")


def test_quarantine_is_bounded_and_its_counts_are_exact(tmp_path: Path) -> None:
    """A flood of garbage fills neither memory nor disk, and is counted to the last line."""
    with open_case(tmp_path / "case") as case:
        with case.scanning() as intake:
            for number in range(1, 5001):
                intake.add_quarantined("a.log", number, "noise" if number % 2 else f"reason {number}", b"x" * 10_000)
            lines = ["ann"] * 5000
            intake.commit([scanned("a.log", lines)], [], [])
        found = case.quarantine()
        assert sum(each.count for each in found.counts) == 5000
        assert next(each.count for each in found.counts if each.reason == "noise") == 2500
        assert len(found.counts) <= 202
        assert len(found.lines) <= KEPT_LINES * 2 + 200
        assert max(len(each.head) for each in found.lines) == 400


def test_no_case_is_made_where_none_was_asked_for(tmp_path: Path) -> None:
    """Looking into a folder that is no case says how to make one, and leaves the disk alone."""
    with pytest.raises(StoreError, match="pollwatch scan PATH"):
        Case.open(tmp_path / "none", clock(), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_never_becomes_a_case(tmp_path: Path) -> None:
    """Cleaning up happens inside a case, so pollwatch takes no folder that holds anything of somebody else's."""
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(StoreError, match=r"thesis\.odt"):
        Case.open(tmp_path, clock())
    (tmp_path / "thesis.odt").unlink()
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "mine.parquet").write_text("x")
    with pytest.raises(StoreError, match="events but no case"):
        Case.open(tmp_path, clock())


def test_a_case_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """Logs are personal data: nobody else on the machine can enter the folder."""
    open_case(tmp_path / "case").close()
    assert (tmp_path / "case").stat().st_mode & 0o077 == 0


def test_a_finding_about_an_unknown_input_is_refused(tmp_path: Path) -> None:
    """Lines of an input that is not in the case cannot be stored; nothing is."""
    with open_case(tmp_path / "case") as case:
        found = detections("b.log", ["ann"])
        with pytest.raises(StoreError, match=r"b\.log is named by a finding"):
            case.add_scan([scanned("a.log", ["ann"])], found, [])
        assert case.inputs() == []


def test_people_work_on_while_a_scan_runs(tmp_path: Path) -> None:
    """A state that is set between a scan's start and its commit is kept by the commit."""
    with open_case(tmp_path / "case") as case:
        (incident_id,) = scan(case, {"a.log": ["ann"]}).new
        with case.scanning() as intake:
            found = [*intake.detections(), *detections("b.log", ["bob", "ann"])]
            case.set_status(incident_id, "acknowledged", "eva", "meanwhile")
            intake.commit([scanned("b.log", ["bob", "ann"])], found, group(found, {}))
        assert case.incident(incident_id).status == "acknowledged"
        assert len(case.incident(incident_id).lines) == 2


def test_two_scans_of_one_case_take_turns(tmp_path: Path) -> None:
    """A second scan waits for the first and sees what it found: nothing is lost, nothing counted twice."""
    with open_case(tmp_path / "case") as first, ThreadPoolExecutor(1) as pool:
        with first.scanning() as intake:

            def second() -> None:
                with open_case(tmp_path / "case") as case:
                    scan(case, {"a.log": ["ann"], "b.log": ["bob", "ann"]})

            waiting = pool.submit(second)
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
            found = detections("a.log", ["ann"])
            intake.commit([scanned("a.log", ["ann"])], found, group(found, {}))
        waiting.result(60)
        assert [each.path for each in first.inputs()] == ["a.log", "b.log"]
        assert sorted(len(each.lines) for each in first.incidents()) == [1, 2]


def test_earlier_events_are_there_to_group_with(tmp_path: Path) -> None:
    """A further scan sees the events of earlier ones, but not those of an input that it reads again, grown."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["ann"], "b.log": ["bob"]})
        with case.scanning() as intake:
            digest = intake.digest()
            digest.update(b"ann\nann\n")
            assert intake.admit("a.log", digest) == "a.log"
            assert [batch.path for batch in intake.events()] == ["b.log"]
            assert [list(each.lines) for each in intake.detections()] == [[("b.log", 1)]]
