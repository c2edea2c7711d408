"""The EU's 23 threats against what logs show: per system, with reasons, and with what to switch on first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import commands
from pollwatch.canonical import loads_lenient
from pollwatch.election.assets import Asset, Assets
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.taxonomy import AUTH, WEB
from pollwatch.incidents.coverage import Telemetry, coverage
from pollwatch.incidents.exposure import exposure, remedies
from pollwatch.incidents.galaxies import cluster
from pollwatch.incidents.kinds import Kind
from pollwatch.incidents.signals import Signal, missing, remedy, shows, there
from pollwatch.incidents.threats import of_incident, threats
from pollwatch.node.case.surveying import survey

PORTAL = Asset("Voter portal", "Ms Okafor", "registration", hosts=("voters.example",))
RESULTS = Asset("Results", "Mr Silva", "results", hosts=("results.example",), paths=("*results*",))


def batch(source: LogSource, path: str = "x.log", **columns: list[str | int | None]) -> EventBatch:
    """Events with some columns."""
    count = len(next(iter(columns.values())))
    named = {name.replace("_", "-") if source == WEB else name: values for name, values in columns.items()}
    return EventBatch(source, path, pa.table({"time_us": pa.nulls(count, pa.int64()), "number": range(count), **named}))


def telemetry(*batches: EventBatch) -> Telemetry:
    """What some events say at all."""
    found = Telemetry()
    for each in batches:
        found.observe(each)
    return found


def test_each_threat_of_the_list_is_understood() -> None:
    """No threat of the installed list goes without a reading, and each kind of system is aimed at by some."""
    assert [each.name for each in threats()] == [value.value for value in cluster("election-guidelines")]
    assert len(threats()) == 23
    assert all(each.phase and each.system and each.assets for each in threats())
    for kind in ("registration", "results", "tabulation", "portal", "website", "email", "office", "party", "network"):
        assert any(each.concerns(kind) for each in threats()), kind


def test_nothing_is_seen_without_logs() -> None:
    """Without a single line, everything is "cannot be determined", each with a reason."""
    found = exposure(None, Telemetry())
    assert {each.state for each in found.verdicts} == {"unknown"}
    assert all(each.answer.startswith("cannot be determined: ") for each in found.verdicts)


def test_what_is_seen_is_said() -> None:
    """Requests show floods partly; with a firewall's connections, wholly."""
    web = batch(WEB, cs_host=["voters.example"], sc_bytes=[5])
    flow = batch(LogSource(category="firewall"), src_ip=["192.0.2.1"])
    flood = next(each for each in threats() if each.name.startswith("DoS or overload of voter registration"))
    partly = next(v for v in exposure(PORTAL, telemetry(web)).verdicts if v.threat == flood)
    assert partly.state == "partly"
    assert partly.lacking == (Signal.FLOWS,)
    assert "no firewall" in partly.answer
    wholly = next(v for v in exposure(PORTAL, telemetry(web, flow)).verdicts if v.threat == flood)
    assert (wholly.state, wholly.missing) == ("seen", ())


def test_windows_without_process_auditing_says_that_the_audit_policy_is_off() -> None:
    """Windows' log without a single start of a program is not "no log": a policy is off, and the remedy names it."""
    logs = telemetry(batch(LogSource(product="windows", service="security"), EventID=[4624]))
    assert not there(Signal.PROGRAMS, logs)
    assert missing(Signal.PROGRAMS, logs).startswith("audit policy is off")
    assert "Audit Process Creation" in remedy(Signal.PROGRAMS, logs)
    started = telemetry(batch(LogSource(product="windows", category="process_creation"), Image=["a.exe"]))
    assert there(Signal.PROGRAMS, started)


def test_what_a_cloud_service_keeps_is_one_thing_everywhere() -> None:
    """Duo's administration log is a cloud's; what Cisco's firewall says of itself is none, though the maker is one."""
    question = "Could it be seen what was done with accounts in cloud services?"
    for service, is_one in (("duo", True), ("asa", False)):
        logs = telemetry(batch(LogSource(product="cisco", service=service), message=["x"]))
        assert there(Signal.ACCOUNTABLE, logs) is is_one
        [answer] = [each for each in coverage(logs.events, logs) if each.question == question]
        assert answer.can_tell is is_one


@pytest.mark.parametrize("signal", Signal)
def test_each_signal_has_its_words(signal: Signal) -> None:
    """What shows, what is missing and what to do is said of each, and none is there without logs."""
    assert not there(signal, Telemetry())
    assert all((shows(signal), missing(signal, Telemetry()), remedy(signal, Telemetry())))


def test_lines_are_told_apart_by_the_system_that_they_name() -> None:
    """One log of two sites: each site has its own lines; lines that name none go by where the log lies."""
    web = batch(WEB, "logs/results.log", cs_host=["voters.example", "results.example", None])
    found = survey([web], Assets((PORTAL, RESULTS)))
    assert found[PORTAL].events == {WEB: 1}
    assert found[RESULTS].events == {WEB: 2}
    assert None not in found


def test_systems_without_any_log_are_told_too() -> None:
    """A system that nothing is logged of is in the result, and lines of no system are apart."""
    found = survey([batch(AUTH, hostname=["gate"], src_ip=["192.0.2.1"])], Assets((PORTAL,)))
    assert found[PORTAL].events == {}
    assert found[None].events == {AUTH: 1}


def test_what_helps_most_is_switched_on_first() -> None:
    """Of a results site without any log, its access log comes before its sensor."""
    logs = {RESULTS: telemetry(batch(AUTH, hostname=["x"], src_ip=["192.0.2.1"]))}
    todo = remedies([exposure(RESULTS, logs[RESULTS])], logs)
    words = [each.what for each in todo]
    assert words.index(remedy(Signal.FLOWS, logs[RESULTS])) < words.index(remedy(Signal.SENSOR, logs[RESULTS]))
    assert all(each.systems == ("Results",) for each in todo)


def test_an_incident_is_one_of_the_threats() -> None:
    """A flood at the results site is number 23; of an unknown system nothing is claimed."""
    assert 23 in [each.number for each in of_incident([Kind.FLOOD], [RESULTS])]
    assert not of_incident([Kind.FLOOD], [])
    assert not of_incident([Kind.OTHER], [PORTAL])


def test_the_command_says_so(tmp_path: Path) -> None:
    """``pollwatch coverage`` over a small log: as text and as JSON; logs and a case exclude each other."""
    log = tmp_path / "access.log"
    log.write_text('192.0.2.7 - - [03/Nov/2026:21:00:00 +0000] "GET / HTTP/1.1" 200 512 "-" "Mozilla/5.0"\n')
    told = commands.here("coverage", str(log)).stdout.decode()
    assert "cannot be determined" in told
    assert "Switch on first" in told
    document: dict[str, Any] = loads_lenient(commands.here("coverage", str(log), "--json").stdout)
    assert document["schema"] == "pollwatch.coverage/1"
    [system] = document["systems"]
    assert len(system["threats"]) == 23
    assert system["events"] == 1
    assert commands.here("coverage").returncode == 2
