"""What a watch groups from: what is held of it is bounded, whole incidents go, and what is held takes little."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from tests.case_scenes import START_US, clock
from tests.incident_scenes import texts

from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.taxonomy import WEB
from pollwatch.incidents.held import Alike
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.livefolding import Changes
from pollwatch.incidents.livegrouping import LiveGrouping, Setting
from pollwatch.incidents.livestep import Step
from pollwatch.incidents.records import Case

_HOUR_US = 3_600_000_000
_LOGS = ("portal.log", "results.log")


class Office:
    """A watched office with two logs: attackers come, one after the other."""

    def __init__(self, case: Case, **bounds: int) -> None:
        """Nothing happened yet."""
        self._case, self.live, self._bounds = case, case.watching(), bounds
        self.grouping = LiveGrouping(self.live, Setting(), clock(), **bounds)
        self._read = {self.live.admit("web", log, 0, log).name: 0 for log in _LOGS}
        self._steps = 0
        self._seen: list[EventBatch] = []

    def attacked(self, hour: float, ip: str, rules: Sequence[str] = ("injection",), requests: int = 1) -> None:
        """An address sends some requests to each log, on which each rule fires."""
        at_us = START_US + int(hour * _HOUR_US)
        lines = {log: range(read + 1, read + requests + 1) for log, read in self._read.items()}
        self._read = {log: numbers[-1] for log, numbers in lines.items()}
        fired = [_fired(rule, ip, at_us, lines) for rule in rules]
        self._steps += 1
        changes = Changes({f"{self._steps}-{each.rule_id}": each for each in fired})
        self.live.commit(Step(self._steps, (), (), (), changes))
        seen = [_events(log, numbers, ip, at_us) for log, numbers in lines.items()]
        self.grouping.observe(seen)
        self._seen += seen
        assert self.grouping.change(changes)
        self.grouping.regroup(texts)

    def restarted(self) -> None:
        """Another process groups from now on, from what the case has."""
        self.grouping = LiveGrouping(self.live, Setting(), clock(), **self._bounds)
        self.grouping.load()
        self.grouping.observe(self._seen)

    def told(self) -> list[Incident]:
        """The incidents of the case, the earliest first."""
        return sorted(self._case.incidents(), key=lambda each: each.first_us or 0)


def _fired(rule: str, ip: str, at_us: int, lines: dict[str, range]) -> Detection:
    numbers = LineSet.union(LineSet.of(log, numbers) for log, numbers in lines.items())
    why = f"{ip} sent {rule} on {len(numbers)} lines."
    actors = Actors(ip=(ip,))
    return Detection(rule, rule, Severity.MEDIUM, ("T1190",), actors, ("portal",), at_us, at_us, numbers, why, WEB)


def _events(log: str, numbers: range, ip: str, at_us: int) -> EventBatch:
    count = len(numbers)
    table = {
        "time_us": pa.array([at_us] * count, pa.int64()),
        "number": pa.array(numbers, pa.int64()),
        "c-ip": [ip] * count,
        "cs-uri-stem": [f"/{ip}"] * count,
        "sc-status": pa.array([404] * count, pa.int64()),
    }
    return EventBatch(WEB, log, pa.table(table))


def _lines(incident: Incident) -> list[int]:
    assert len({tuple(numbers) for numbers in incident.lines.by_path.values()}) == 1
    return list(incident.lines.by_path[_LOGS[0]])


def test_what_was_quiet_for_longest_is_let_go_and_stays_in_the_case(tmp_path: Path) -> None:
    """Ever new attackers: no more detections are held than may be, and everyone's incident is told, with its lines."""
    with Case.open(tmp_path, clock()) as case:
        office = Office(case, most=6)
        for day in range(20):
            office.attacked(24 * day, f"203.0.113.{day}", ("injection", "scanner"))
            assert len(office.grouping) <= 6
        assert [each.actors.ip for each in office.told()] == [(f"203.0.113.{day}",) for day in range(20)]
        assert [_lines(each) for each in office.told()] == [[day + 1] for day in range(20)]


def test_so_are_those_with_too_many_lines(tmp_path: Path) -> None:
    """Lines have a bound of their own: few detections of many lines take as much room as many of few."""
    with Case.open(tmp_path, clock()) as case:
        office = Office(case, most_lines=100)
        for day in range(6):
            office.attacked(24 * day, f"203.0.113.{day}", requests=20)
        assert len(office.grouping) == 2
        assert [len(each.lines) for each in office.told()] == [40] * 6


@pytest.mark.parametrize("restarts", [False, True])
def test_whoever_is_held_goes_on_and_whoever_was_let_go_begins_anew(tmp_path: Path, *, restarts: bool) -> None:
    """An attacker who comes back is told in the same incident while it is held, later in a new one.

    What the earlier one tells stays there: the new one does not claim its lines, though they are of the same address.
    """
    with Case.open(tmp_path, clock()) as case:
        office = Office(case, most=2)
        for hour, name in enumerate("12132"):  # at the fourth, the second was quiet for longest
            office.attacked(hour, f"203.0.113.{name}")
            if restarts:
                office.restarted()
        assert [(each.actors.ip[0][-1], _lines(each)) for each in office.told()] == [
            ("1", [1, 3]), ("2", [2]), ("3", [4]), ("2", [5]),
        ]  # fmt: skip


def test_an_incident_that_is_told_as_before_is_not_written_again(tmp_path: Path) -> None:
    """Only what is told differently: the case of a watch is not rewritten with every attacker."""
    with Case.open(tmp_path, clock()) as case:
        office = Office(case)
        office.attacked(0, "203.0.113.1")
        office.attacked(24, "203.0.113.2")
        regrouped = office.grouping.regroup(texts)
        assert regrouped.incidents == ()
        office.grouping.change(Changes({"more": _fired("scanner", "203.0.113.2", START_US, {_LOGS[0]: range(2, 3)})}))
        assert [each.actors.ip for each in office.grouping.regroup(texts).incidents] == [("203.0.113.2",)]


def test_what_is_held_is_whole_and_shares_what_is_equal() -> None:
    """Detections come from another process, each with copies of its own of what its rule says."""
    alike = Alike()
    fired = [_fired("injection", ip, START_US, {_LOGS[0]: range(1, 4)}) for ip in ("203.0.113.1", "203.0.113.2")]
    one, other = (alike.held(pickle.loads(pickle.dumps(each))) for each in fired)  # noqa: S301 - what was just pickled
    assert [one.whole(), other.whole()] == fired
    assert one.line_count == 3
    for shared in ("rule_id", "title", "techniques", "targets", "logsource"):
        assert getattr(one.detection, shared) is getattr(other.detection, shared)
    assert one.numbers[0][0] is other.numbers[0][0]


def test_what_is_known_to_be_alike_is_bounded() -> None:
    """Targets are the attacker's to write: a new one with each request must not be kept for good."""
    alike = Alike(most=10)
    for at in range(200):
        alike.held(_fired(f"rule {at}", "203.0.113.1", START_US, {_LOGS[0]: range(1, 2)}))
        assert len(alike) <= 10
