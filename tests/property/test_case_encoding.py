from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from case_scenes import open_case, scanned
from pollwatch.errors import StoreError
from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import ElectionContext, Incident, Phase, RawLine, RuleCount
from pollwatch.incidents.packing import pack, unpack

NUMBERS = st.lists(st.integers(0, 2**62), unique=True, max_size=50).map(lambda n: np.array(sorted(n), dtype=np.int64))
HOSTILE = st.text(st.characters(), max_size=20)  # lone surrogates, NUL, escapes and all
TEXTS = st.lists(HOSTILE, max_size=3).map(tuple)
TIMES = st.none() | st.integers(-(2**50), 2**52)
LINES = st.lists(st.integers(1, 2**40), min_size=1, max_size=20).map(lambda numbers: LineSet.of("a.log", numbers))
ACTORS = st.builds(Actors, ip=TEXTS, user=TEXTS, host=TEXTS, domain=TEXTS)
SEVERITIES = st.sampled_from(list(Severity))

DETECTIONS = st.builds(
    Detection,
    rule_id=HOSTILE,
    title=HOSTILE,
    severity=SEVERITIES,
    techniques=TEXTS,
    actors=ACTORS,
    targets=TEXTS,
    first_us=TIMES,
    last_us=TIMES,
    lines=LINES,
    why=HOSTILE,
    logsource=st.builds(LogSource, HOSTILE, HOSTILE, HOSTILE),
    tool=HOSTILE,
    succeeded=st.booleans(),
)
INCIDENTS = st.builds(
    Incident,
    id=st.text("ABCDEF234567", min_size=4, max_size=8),
    title=HOSTILE,
    severity=SEVERITIES,
    status=st.just("open"),
    summary=HOSTILE,
    why=TEXTS,
    phases=st.lists(st.builds(Phase, HOSTILE, HOSTILE, HOSTILE, TIMES, TIMES, st.integers(0, 99)), max_size=2).map(
        tuple
    ),
    techniques=TEXTS,
    tactics=TEXTS,
    tools=TEXTS,
    actors=ACTORS,
    targets=TEXTS,
    first_us=TIMES,
    last_us=TIMES,
    lines=LINES,
    samples=st.lists(
        st.builds(RawLine, st.just("a.log"), st.integers(1, 2**40), st.text(max_size=20)),
        max_size=3,
        unique_by=lambda raw: raw.number,
    ).map(tuple),
    rules=st.lists(st.builds(RuleCount, HOSTILE, HOSTILE, st.integers(0, 99)), max_size=2).map(tuple),
    advice=TEXTS,
    election=st.builds(ElectionContext, HOSTILE, HOSTILE, st.integers(1, 5)),
)


@given(NUMBERS)
def test_line_numbers_round_trip(numbers: np.ndarray) -> None:
    """Any sorted, distinct numbers come back from their blob."""
    assert np.array_equal(unpack(pack(numbers)), numbers)


def test_a_flood_is_a_small_blob() -> None:
    """A million consecutive lines take about a kilobyte."""
    assert len(pack(np.arange(1, 1_000_001))) < 1500


@given(st.binary(max_size=40))
def test_a_damaged_blob_is_an_error_of_ours(blob: bytes) -> None:
    """Whatever stands where a blob should be: numbers or a StoreError, never a crash."""
    with suppress(StoreError):
        unpack(blob)


@pytest.mark.filterwarnings("error")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DETECTIONS, max_size=3), INCIDENTS)
def test_detections_and_incidents_survive_whatever_attackers_write(
    tmp_path_factory: pytest.TempPathFactory, detections: list[Detection], incident: Incident
) -> None:
    """Hostile text (control characters, NUL, lone surrogates) comes back exactly; nothing is lost or joined wrongly."""
    with open_case(tmp_path_factory.mktemp("case") / "case") as case:
        case.add_scan([scanned("a.log", ["ann"])], detections, [incident])
        assert case.incidents() == [incident]
        found = case.detections()
        assert all(each in detections for each in found)
        ids = {(d.rule_id, d.logsource, d.actors, d.targets, d.tool, tuple(d.lines)) for d in detections}
        assert len(found) == len(ids)
