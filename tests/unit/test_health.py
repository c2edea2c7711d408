"""Health for machines, the sign of life, and the units."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from pollwatch.clock import US_PER_S, ManualClock
from pollwatch.errors import ConfigError
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext
from pollwatch.incidents import liveness
from pollwatch.incidents.light import light
from pollwatch.incidents.livetables import LIVE_WATCH
from pollwatch.incidents.records import Case
from pollwatch.node.watch import heartbeat, units
from pollwatch.node.watch.health import Metrics
from pollwatch.node.watch.healthserver import HealthServer
from pollwatch.node.watch.hearing import Hearing
from pollwatch.node.watch.sources import SourceCounts
from pollwatch.sources.settings import Address, WatchedSource
from pollwatch.store.database import Database
from receiving import until

NOON_US = 1_795_694_400 * US_PER_S
HOSTILE = 'web"} 1\npollwatch_up 1\n# '


@pytest.fixture
def clock() -> ManualClock:
    """Noon."""
    return ManualClock(NOON_US)


@pytest.fixture
def case(tmp_path: Path, clock: ManualClock) -> Path:
    """A case with a watch that is at work, and a source that was heard just now."""
    with Case.open(tmp_path / "case", clock) as opened:
        (tmp_path / "case" / "live").mkdir(exist_ok=True)
        database = Database(opened.folder.database)
    with database.writing() as connection:
        connection.execute(
            sa.insert(LIVE_WATCH).values(id=1, process=7, started_us=NOON_US, beat_us=NOON_US, step=1, stopped_us=None)
        )
    _write(database, tmp_path / "case", clock, HOSTILE)
    database.close()
    return tmp_path / "case"


def _write(database: Database, case: Path, clock: ManualClock, name: str, silent_after_s: float = 60) -> None:
    source = WatchedSource(name, "files", ("/x",), silent_after_s=silent_after_s)
    counts = SourceCounts(database, clock, Hearing(case / "live", [source], clock))
    counts.begin({name: "files"})
    with database.writing() as connection:
        counts.write(connection, {name: 5})
    clock.advance(90)
    with database.writing() as connection:
        counts.write(connection, {name: 5})


def _asked(server: HealthServer, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(server.address.host, server.address.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def server(case: Path, clock: ManualClock) -> Iterator[HealthServer]:
    """Its health, served."""
    made = HealthServer(Address("127.0.0.1", 0), Metrics(case, clock))
    yield made
    made.close()


def test_a_source_that_says_nothing_any_more_is_told_to_machines_and_to_the_clerk(
    case: Path, server: HealthServer, clock: ManualClock
) -> None:
    """After its minute of silence: 503, a state in the metrics, and a light that is not green."""
    status, text = _asked(server, "/healthz")
    assert (status, '"state":"silent"' in text) == (503, True)
    found = liveness.read(case / "case.sqlite")
    assert found is not None
    lit = light([], [], blind=found.blind(clock.now_us()))
    assert (lit.state, "says nothing any more" in lit.sentence, "\n" in lit.sentence) == ("not-watching", True, False)


def test_a_watch_that_died_is_told(case: Path, server: HealthServer, clock: ManualClock) -> None:
    """No beat for half a minute: nobody is watching, whatever its sources said last; stopped in order, too."""
    clock.advance(31)
    assert "does not run any more" in _asked(server, "/healthz")[1]
    database = Database(case / "case.sqlite")
    with database.writing() as connection:
        connection.execute(sa.update(LIVE_WATCH).values(stopped_us=NOON_US))
    database.close()
    assert "was stopped" in _asked(server, "/healthz")[1]


def test_no_name_can_forge_a_metric(server: HealthServer) -> None:
    """A source whose name holds quotes and lines is one label's value, and adds no metric."""
    status, text = _asked(server, "/metrics")
    families = {each.name: each for each in text_string_to_metric_families(text)}
    assert status == 200
    assert [sample.value for sample in families["pollwatch_healthy"].samples] == [0.0]
    assert len(families["pollwatch_up"].samples) == 1
    states = {each.labels["state"]: each.value for each in families["pollwatch_source_state"].samples}
    assert (states["silent"], sum(states.values())) == (1.0, 1.0)
    assert {each.labels["source"] for each in families["pollwatch_source_state"].samples} == {HOSTILE}
    assert {each.labels["severity"] for each in families["pollwatch_incidents_open"].samples} >= {"info", "critical"}


def test_clients_that_hold_all_places_are_not_waited_for(server: HealthServer) -> None:
    """Forty connections that say nothing, an endless head, a path of nonsense: who asks after them is answered."""
    address = (server.address.host, server.address.port)
    held = [socket.create_connection(address, timeout=5) for _ in range(40)]
    held[0].sendall(b"GET /" + b"x" * 100_000)
    for each in held:
        each.close()

    def answered() -> bool:
        try:
            return _asked(server, "/%0d%0ax:y")[0] == 404
        except (http.client.HTTPException, OSError):
            return False

    until(answered)
    assert _asked(server, "/healthz")[0] == 503


def test_an_address_that_is_taken_is_named(server: HealthServer, case: Path, clock: ManualClock) -> None:
    """Two watches on one machine: the message says which setting to change."""
    with pytest.raises(ConfigError, match=r"health = .* in \[watch\]"):
        HealthServer(server.address, Metrics(case, clock))


@pytest.mark.parametrize(
    "fmt", ["syslog", "weblog", "weblog-json", "suricata", "fortigate", "cef", "leef", "jsonlines", "applog"]
)
def test_a_sign_of_life_is_read_in_the_source_s_own_format(tmp_path: Path, fmt: str) -> None:
    """In each format the line becomes an event that holds the word, so that the engine can hear it."""
    word = heartbeat.word_of(tmp_path)
    line = heartbeat.line(fmt, word, NOON_US)
    made, _definition = registry.by_name(fmt)
    parsed = made.parser(ParseContext("x", NOON_US)).parse(LineBlock("x", 1, [line.encode()], [line]))
    assert not parsed.quarantined
    assert [word in str(batch.table.to_pylist()) for batch in parsed.batches] == [True]
    assert heartbeat.word_of(tmp_path) == word


def test_the_units_are_what_systemd_takes(tmp_path: Path) -> None:
    """`systemd-analyze verify`, where there is one, finds nothing wrong, also where a folder's name has spaces."""
    program = tmp_path / "with space" / "pollwatch"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    for name, unit in (("pollwatch", units.watch(str(program))), ("pollwatch-receive", units.receive(str(program)))):
        assert {"Type=", "DynamicUser=yes", "ProtectSystem=strict"} <= {
            line if "=yes" in line or "strict" in line else line.partition("=")[0] + "=" for line in unit.splitlines()
        }
        (tmp_path / f"{name}.service").write_text(unit, "utf-8")
    if shutil.which("systemd-analyze") is not None:
        files = [str(path) for path in tmp_path.glob("*.service")]
        done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
        assert (done.returncode, [line for line in done.stderr.splitlines() if "pollwatch" in line]) == (0, [])
