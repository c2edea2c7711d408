"""Reports: the chart's geometry, and text that stays text in Markdown."""

import datetime as dt
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.clock import UTC, parse_rfc3339
from pollwatch.election.settings import parse_elections
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import ElectionContext, Incident, Phase, RawLine
from pollwatch.incidents.light import light
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.report.case import CaseReport, actor_names
from pollwatch.report.html import html_report
from pollwatch.report.markdown import code, markdown_report
from pollwatch.report.navigator import navigator_layer
from pollwatch.report.timeline import LEFT, WIDTH, timeline

NIGHT = parse_rfc3339("2026-11-03T20:30:00Z")
CALENDAR = parse_elections(
    [
        {
            "name": "Municipal election",
            "jurisdiction": "Alder",
            "zone": "Europe/Amsterdam",
            "polls_open": dt.datetime(2026, 11, 3, 7, 30, tzinfo=UTC),
            "polls_close": dt.datetime(2026, 11, 3, 20, 0, tzinfo=UTC),
        }
    ],
    "test",
)


def incident(number: int, first_us: int | None, last_us: int | None, text: str = "x") -> Incident:
    """An incident of one phase."""
    return Incident(
        id=f"PW-{number}",
        title=f"Incident {text}",
        severity=Severity.HIGH,
        status="open",
        summary=text,
        why=(text,),
        phases=(Phase("Guessing", "T1110", "credential-access", first_us, last_us, 3),),
        techniques=("T1110", "T1078"),
        tactics=("credential-access",),
        tools=(),
        actors=Actors(ip=tuple(f"203.0.113.{n}" for n in range(number))),
        targets=(),
        first_us=first_us,
        last_us=last_us,
        lines=LineSet.of("a.log", [1, 2, 3]),
        samples=(RawLine("a.log", 1, text),),
        rules=(),
        advice=("Call.",),
        election=ElectionContext("Municipal election", "results-night", 1),
    )


def case(*incidents: Incident) -> CaseReport:
    """A case of those incidents."""
    scanned = ScannedInput("a.log", "0" * 64, 1, "weblog", 3, 3, 0)
    return CaseReport(
        "Week", "Alder", NIGHT, light(incidents, (scanned,)), incidents, (scanned,), (), CALENDAR, "case", UTC
    )


def test_timeline_places_bars_over_the_calendar() -> None:
    """Bars lie in order within the chart, and the night of the results is behind those that fell in it."""
    chart = timeline(case(incident(1, NIGHT, NIGHT + 3_600_000_000), incident(2, NIGHT - 86_400_000_000, NIGHT)))
    assert chart is not None
    assert [bar.id for bar in chart.bars] == ["PW-2", "PW-1"]
    assert all(LEFT <= bar.x <= bar.x + bar.width <= WIDTH for bar in chart.bars)
    night = next(band for band in chart.bands if band.phase == "results-night")
    assert night.hot
    assert night.x <= chart.bars[1].x + chart.bars[1].width
    assert chart.ticks


def test_timeline_without_times() -> None:
    """Incidents whose log has no times are listed, but there is nothing to draw."""
    assert timeline(case(incident(1, None, None))) is None


def test_one_moment_is_still_a_chart() -> None:
    """An attack of a single line has a bar that can be seen."""
    chart = timeline(case(incident(1, NIGHT, NIGHT)))
    assert chart is not None
    assert chart.bars[0].width >= 6


def test_actor_names_are_cut() -> None:
    """A flood of many addresses names a few and counts the rest."""
    assert actor_names(incident(10, NIGHT, NIGHT), 3) == ["203.0.113.0", "203.0.113.1", "203.0.113.2", "+7"]


@given(st.text(max_size=80))
def test_code_span_cannot_be_left(text: str) -> None:
    """Markdown injection: no run of backticks in a log line ends the code span that holds it."""
    span = code(text)
    fence = span[: len(span) - len(span.lstrip("`"))]
    inner = span[len(fence) : -len(fence)]
    assert span.endswith(fence)
    assert fence not in inner.replace("`" * (len(fence) + 1), "")
    assert "\n" not in span


def test_markdown_is_inert() -> None:
    """Links, HTML and headings in attacker-written text stay text."""
    text = "# [x](javascript:1) <script>alert(1)</script> | ``` "
    report = markdown_report(case(incident(1, NIGHT, NIGHT, text)))
    outside = "\n".join(line for line in report.splitlines() if "`a.log:1`" not in line)
    assert "<script>" not in outside
    assert "](javascript" not in outside


def test_navigator_layer() -> None:
    """Each technique once, with the worst severity as its score."""
    layer = navigator_layer(case(incident(1, NIGHT, NIGHT), incident(2, NIGHT, NIGHT)))
    assert layer["domain"] == "enterprise-attack"
    techniques = layer["techniques"]
    assert isinstance(techniques, list)
    assert [each["techniqueID"] for each in techniques if isinstance(each, dict)] == ["T1078", "T1110"]
    assert all(each["score"] == 4 for each in techniques if isinstance(each, dict))


def test_each_form_of_an_exercises_report_says_so() -> None:
    """A report that is printed, pasted into a ticket, or loaded into a map of techniques still is of an exercise."""
    real = case(incident(1, NIGHT, NIGHT))
    drill, words = replace(real, exercise=True), "EXERCISE: nothing in it is real"
    for made in (html_report, markdown_report, lambda each: str(navigator_layer(each)["name"])):
        assert words in made(drill)
        assert "EXERCISE" not in made(real)
    assert markdown_report(drill).startswith(f"**{words}")
    assert markdown_report(drill).count("EXERCISE") == 3
