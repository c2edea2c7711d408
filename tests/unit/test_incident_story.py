"""What came of it, how it is told, what to do, what cannot be known, and the clerk's light."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from incident_scenes import Scene, texts
from pollwatch.clock import US_PER_S, parse_rfc3339
from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Severity
from pollwatch.events.taxonomy import AUTH, WEB, WEB_ERROR
from pollwatch.incidents.attack import technique
from pollwatch.incidents.coverage import Telemetry, coverage
from pollwatch.incidents.grouping import Grouper
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.kinds import Kind, kind_of
from pollwatch.incidents.light import light
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.incidents.summary import in_zone, span_words

READ = ScannedInput("access.log", "00", 100, "combined", 10, 10, 0)


def one(scene: Scene) -> Incident:
    """The scene's only incident."""
    [found] = scene.incidents()
    return found


def injected(status: int, size: int = 900, severity: Severity = Severity.HIGH, count: int = 12) -> Scene:
    """An injection on a page that visitors use, all answered alike."""
    scene = Scene()
    for n in range(60):
        scene.request(f"192.0.2.{n}", n * 30, sc_bytes=800 + n)
    lines = [scene.request("203.0.113.9", 500 + n, sc_status=status, sc_bytes=size) for n in range(count)]
    scene.fire("SQL injection", lines, severity=severity)
    return scene


def test_attempts_that_all_failed_are_no_compromise() -> None:
    """However ugly the requests: when every one was refused, it is at most medium and the text says so."""
    found = one(injected(403, severity=Severity.CRITICAL))
    assert found.severity is Severity.MEDIUM
    assert "every attempt was refused" in found.summary


@pytest.mark.parametrize(("technique_id", "severity"), [("T1685.005", Severity.MEDIUM), ("T1110", Severity.LOW)])
def test_what_was_done_on_a_machine_is_more_than_a_try(technique_id: str, severity: Severity) -> None:
    """One emptied log stays as grave as its rule says; one guess is what every machine sees all day."""
    scene = Scene()
    line = scene.message("command", 5)
    windows = LogSource(product="windows", service="security")
    scene.fire("rule", [line], severity=Severity.MEDIUM, techniques=(technique_id,), logsource=windows)
    assert one(scene).severity is severity


def test_answers_that_say_nothing_leave_the_rules_word() -> None:
    """Answered like everybody else: not shown to have worked, not ruled out."""
    found = one(injected(200))
    assert found.severity is Severity.HIGH
    assert "cannot rule it out" in found.summary


def test_answers_far_larger_than_usual_are_data_taken() -> None:
    """An injected page that answers with 600 kB where others get 800 bytes gave something away."""
    scene = injected(200)
    big = scene.request("203.0.113.9", 600, sc_bytes=600_000)
    scene.fire("SQL injection", [big], severity=Severity.HIGH)
    found = one(scene)
    assert found.severity is Severity.CRITICAL
    assert any("600000 bytes" in why for why in found.why)
    assert big in {line.number for line in found.samples}
    assert "got through" in found.title


def test_an_odd_answer_is_a_reason_to_look_and_no_proof() -> None:
    """Two and a half thousand bytes where nobody else ever got nine hundred: said, shown, and not called a theft."""
    scene = injected(200)
    odd = scene.request("203.0.113.9", 600, sc_bytes=2_500)
    scene.fire("SQL injection", [odd], severity=Severity.HIGH)
    found = one(scene)
    assert found.severity is Severity.HIGH
    assert any("may be data" in why for why in found.why)
    assert odd in {line.number for line in found.samples}
    assert "cannot rule it out" in found.summary


def test_who_is_at_home_here_is_no_intruder() -> None:
    """A colleague behind an office's address mistypes, or another's guesses come from there: a log-in stays one."""
    scene = Scene("auth.log")
    scene.message("success", 0, src_ip="192.0.2.64", user="k.jansen")
    guesses = [scene.message("failure", 60 + n, src_ip="192.0.2.64", user="k.jansen") for n in range(30)]
    scene.message("success", 120, src_ip="192.0.2.64", user="k.jansen")
    scene.message("success", 130, src_ip="192.0.2.64", user="m.okafor")
    scene.fire("guessing", guesses, techniques=("T1110.001",))
    found = one(scene)
    assert found.severity is Severity.LOW
    assert any("its owner" in why for why in found.why)
    assert "it worked" not in found.summary


def test_a_large_page_that_is_large_for_all_proves_nothing() -> None:
    """A download that everybody gets whole is no theft when an attacker gets it too."""
    scene = Scene()
    for n in range(60):
        scene.request(f"192.0.2.{n}", n, sc_bytes=600_000)
    scene.fire("SQL injection", [scene.request("203.0.113.9", 70 + n, sc_bytes=600_000) for n in range(9)])
    assert one(scene).severity is Severity.MEDIUM


def test_a_log_in_right_after_guesses_is_a_success_even_if_no_rule_says_so() -> None:
    """Refusals, then an accepted password within the hour: high, with the accepted line among the samples."""
    scene = Scene("auth.log")
    guesses = [scene.message("failure", n, src_ip="203.0.113.5", user="k.jansen") for n in range(30)]
    accepted = scene.message("success", 40, src_ip="203.0.113.5", user="k.jansen")
    scene.fire("guessing", guesses, techniques=("T1110.001",))
    found = one(scene)
    assert found.severity is Severity.HIGH
    assert accepted in {line.number for line in found.samples}
    assert accepted in {number for _, number in found.lines}
    assert "Lock the account" in " ".join(found.advice)
    assert "after password guessing" in found.title


def test_guesses_that_failed_stay_medium() -> None:
    """Guessing alone, however long, is no break-in."""
    scene = Scene("auth.log")
    lines = [scene.message("failure", n, src_ip="203.0.113.5", user="root") for n in range(500)]
    scene.fire("guessing", lines, techniques=("T1110.001",), severity=Severity.HIGH)
    assert one(scene).severity is Severity.MEDIUM


def test_a_web_shell_that_answers_is_critical() -> None:
    """What worked and runs code is critical; the card says not to wipe."""
    scene = Scene()
    lines = [scene.request("203.0.113.5", n, cs_uri_stem="/uploads/x.php") for n in range(3)]
    scene.fire("web shell", lines, techniques=("T1505.003",), succeeded=True, severity=Severity.HIGH)
    found = one(scene)
    assert found.severity is Severity.CRITICAL
    assert any("Do not wipe" in step for step in found.advice)
    assert found.advice[0].startswith("Call ")


def test_the_gravest_rule_says_what_to_do_first() -> None:
    """A rule's own steps replace those for its kind; whom to call and what to keep stay around them."""
    scene = Scene()
    lines = [scene.request("203.0.113.5", n, cs_uri_stem="/uploads/x.php") for n in range(3)]
    own: dict[str, object] = {"meaning": "The uploads are open.", "steps": ("Close the uploads.", "Tell the maker.")}
    scene.fire("probe", lines[:1], severity=Severity.LOW, steps=("Shrug.",))
    scene.fire("upload", lines, techniques=("T1505.003",), succeeded=True, severity=Severity.HIGH, **own)
    found = one(scene)
    assert found.advice[1:3] == ("Close the uploads.", "Tell the maker.")
    assert found.advice[0].startswith("Call ")
    assert "Do not wipe" in found.advice[3]
    assert "The uploads are open." in found.why


def test_research_scanners_stay_low() -> None:
    """A scanner of the whole internet that only probes is nobody's emergency."""
    scene = Scene()
    lines = [scene.request("198.51.100.9", n, sc_status=404) for n in range(3)]
    scene.fire("scanner", lines, techniques=("T1595",), tool="zgrab", severity=Severity.MEDIUM)
    found = one(scene)
    assert found.severity is Severity.LOW
    assert "Nothing needs to be done now" in found.advice[0]


def test_what_is_told_for_the_record_opens_no_incident() -> None:
    """Sigma's informational level (a log-in was accepted) is no case; a named robot is worth a note."""
    scene = Scene()
    scene.fire("log-in accepted", [scene.request("198.51.100.9", 1)], severity=Severity.INFO, succeeded=True)
    assert scene.incidents() == []
    scene.fire("robot", [scene.request("198.51.100.8", 1)], severity=Severity.INFO, tool="zgrab")
    assert one(scene).severity is Severity.INFO


def test_a_slowed_visitor_is_no_flood_and_a_flood_is_not_small() -> None:
    """Forty refusals to one busy visitor need nobody; thousands in minutes do, with all that the flooders sent."""
    busy, flooded = Scene(), Scene()
    lines = [busy.request("192.0.2.1", n, sc_status=503) for n in range(40)]
    busy.fire("slowed", lines, techniques=("T1499",), severity=Severity.LOW, logsource=WEB_ERROR)
    assert one(busy).severity is Severity.INFO
    for ip in ("198.51.100.1", "198.51.100.2"):
        answered = [flooded.request(ip, n * 0.1) for n in range(400)]
        refused = [flooded.request(ip, 40 + n * 0.1, sc_status=503) for n in range(400)]
        assert answered
        flooded.fire("slowed", refused, techniques=("T1499",), severity=Severity.LOW)
    passer_by = [flooded.request("192.0.2.9", n, sc_status=503) for n in range(8)]
    flooded.fire("slowed", passer_by, techniques=("T1499",), severity=Severity.LOW, logsource=WEB_ERROR)
    flood, bystander = flooded.incidents()
    assert flood.severity is Severity.MEDIUM
    assert len(flood.lines) == 1_600
    assert flood.actors.ip == ("198.51.100.1", "198.51.100.2")
    assert (bystander.severity, bystander.actors.ip) == (Severity.INFO, ("192.0.2.9",))


def test_a_few_brief_guesses_are_background_noise() -> None:
    """Six tries as root within a minute, all refused: every server sees that all day."""
    scene = Scene("auth.log")
    lines = [scene.message("failure", n, src_ip="203.0.113.5", user="root") for n in range(6)]
    scene.fire("guessing", lines, techniques=("T1110.001",))
    assert one(scene).severity is Severity.LOW
    patient = Scene("auth.log")
    lines = [patient.message("failure", n * 9_000, src_ip="203.0.113.5", user="root") for n in range(6)]
    patient.fire("guessing", lines, techniques=("T1110.001",))
    assert one(patient).severity is Severity.MEDIUM


def test_many_ways_of_probing_are_more_than_each() -> None:
    """Low by low by low from one source is medium."""
    scene = Scene()
    for attack in ("T1595.002", "T1595.003", "T1592"):
        scene.fire(
            attack, [scene.request("203.0.113.9", n) for n in range(8)], techniques=(attack,), severity=Severity.LOW
        )
    assert one(scene).severity is Severity.MEDIUM


def test_alternating_techniques_are_few_phases() -> None:
    """A scanner that alternates between two techniques a hundred times shows two steps, in order, with counts."""
    scene = Scene()
    for n in range(200):
        attack = ("T1595.002", "T1190")[n % 2]
        scene.fire(attack, [scene.request("203.0.113.9", n * 40_000)], techniques=(attack,))
    found = one(scene)
    assert [(phase.technique, phase.lines) for phase in found.phases] == [("T1595.002", 100), ("T1190", 100)]
    assert found.phases[0].name == "Vulnerability Scanning"
    assert found.tactics == ("reconnaissance", "initial-access")


def test_a_technique_that_comes_back_is_a_step_of_its_own() -> None:
    """Scan, break-in, and half a day later another scan: three steps."""
    scene = Scene()
    for hour, attack in ((0, "T1595.002"), (1, "T1190"), (12, "T1595.002")):
        scene.fire(attack, [scene.request("203.0.113.9", hour * 3600)], techniques=(attack,))
    assert [phase.technique for phase in one(scene).phases] == ["T1595.002", "T1190", "T1595.002"]


def test_samples_are_few_and_hold_the_first_of_each_rule() -> None:
    """At most twelve raw lines, the first of each rule among them, and their text is what fetch gave."""
    scene = Scene()
    firsts = []
    for rule in "abc":
        lines = [scene.request("203.0.113.9", n) for n in range(40)]
        firsts.append(lines[0])
        scene.fire(rule, lines)
    samples = one(scene).samples
    assert len(samples) == 12
    assert set(firsts) <= {line.number for line in samples}
    assert samples[0].text == f"raw access.log {samples[0].number}"


def test_a_line_that_cannot_be_read_again_is_left_out() -> None:
    """A file that was rotated away between the passes costs its samples, not the incident."""
    scene = injected(200)
    with Grouper() as grouper:
        grouper.add(scene.detections)
        [found] = grouper.finish(lambda _wanted: {})
    assert found.samples == ()
    assert len(found.lines) == 12


def test_what_attackers_write_is_inert_in_sentences() -> None:
    """An account name with escape sequences and text that looks like a placeholder stays text."""
    scene = Scene("auth.log")
    name = "\x1b[31m{place}\u202e<b>"
    scene.fire("odd account", [scene.message("command", 1, ruser=name, user=name)], techniques=("T1548.003",))
    found = one(scene)
    for text in (found.title, found.summary, *found.why, *found.advice):
        assert "\x1b" not in text
        assert "\u202e" not in text


@pytest.mark.parametrize(("attack", "name", "tactic"), [
    ("T1110.001", "Password Guessing", "credential-access"),
    ("T1078", "Valid Accounts", "initial-access"),
    ("T1190", "Exploit Public-Facing Application", "initial-access"),
    ("T1505.003", "Web Shell", "persistence"),
    ("t1595.003", "Wordlist Scanning", "reconnaissance"),
])  # fmt: skip
def test_techniques_have_their_official_names(attack: str, name: str, tactic: str) -> None:
    """Names and tactics come from the ATT&CK data that is installed."""
    assert (technique(attack).name, technique(attack).tactic) == (name, tactic)


@pytest.mark.parametrize(("old", "new"), [
    ("T1562.001", "T1685"), ("T1562.002", "T1685.001"), ("T1070.001", "T1685.005"), ("T1562.004", "T1686"),
])  # fmt: skip
def test_what_attack_19_renumbered_is_one_technique_under_both_ids(old: str, new: str) -> None:
    """Rules of this year and data of last year name impaired defences alike, with a tactic and a name."""
    assert technique(old) == technique(new)
    assert technique(new).id == new
    assert technique(new).tactic
    assert technique(new).name != new


def test_revoked_techniques_are_followed_and_unknown_ones_kept() -> None:
    """T1100 became T1505.003; an id from the future is its own name."""
    assert technique("T1100").id == "T1505.003"
    assert technique("T9999") == replace(technique("T9999"), name="T9999", tactics=())
    assert kind_of("T1100") is Kind.SHELL
    assert kind_of("T9999") is Kind.OTHER


def test_coverage_says_what_cannot_be_determined() -> None:
    """Without any log every answer is that it cannot be determined, and says what is missing."""
    answers = coverage(set())
    assert all(answer.answer.startswith("cannot be determined: ") and answer.missing for answer in answers)
    assert not any(answer.can_tell for answer in answers)


def test_coverage_of_a_web_log_without_sizes_and_hosts() -> None:
    """What the columns leave open is said, not only what the logs leave open."""
    scene = Scene()
    scene.request("192.0.2.1", 1, sc_bytes=None, cs_host=None)
    telemetry = Telemetry()
    for batch in scene.batches():
        telemetry.observe(batch)
    answers = {answer.question: answer for answer in coverage({WEB}, telemetry)}
    assert answers["Could an attack on a web site be seen?"].answer == "yes"
    assert "size" in answers["Could it be seen whether an attack on a web site took data?"].missing
    assert "host name" in answers["Is it known which of several web sites was meant?"].missing
    assert "auth" in answers["Could password guessing and log-ins to servers be seen?"].missing
    full = {answer.question: answer for answer in coverage({WEB, AUTH, WEB_ERROR})}
    assert full["Could password guessing and log-ins to servers be seen?"].missing == ""


def test_the_light_is_never_green_when_nobody_watches() -> None:
    """No input, an empty input, lines that nobody understood: not watching, whatever else is quiet."""
    assert light([], []).state == "not-watching"
    assert light([], [replace(READ, lines=0, parsed=0)]).state == "not-watching"
    assert light([], [READ, replace(READ, path="b", lines=0, parsed=0)]).state == "not-watching"
    assert light([], [replace(READ, parsed=0, quarantined=10)]).state == "not-watching"
    assert light([], [replace(READ, parsed=3, quarantined=7)]).state == "not-watching"
    assert light([], [READ], coverage(set())).state == "not-watching"
    assert light([], [READ], coverage({WEB})).state == "normal"


def test_the_light_follows_the_gravest_open_incident() -> None:
    """High calls, medium looks, low is normal; what was closed no longer counts."""
    high, medium = one(injected(200)), one(injected(403))
    low = replace(medium, severity=Severity.LOW)
    assert light([high, medium], [READ]).state == "call-now"
    assert light([medium, low], [READ]).state == "look-now"
    assert light([low], [READ]).state == "normal"
    assert "1 small matter" in light([low], [READ]).sentence
    assert light([replace(high, status="false-positive"), low], [READ]).state == "normal"
    assert light([high], []).state == "call-now"


def test_samples_are_fetched_in_one_go() -> None:
    """However many incidents: fetch is called once, because each call reads the files again."""
    scene = Scene()
    for n in range(5):
        scene.fire("x", [scene.request(f"203.0.113.{n}", n)])
    calls = []
    with Grouper() as grouper:
        grouper.add(scene.detections)
        found = grouper.finish(lambda wanted: calls.append(len(wanted)) or texts(wanted))
    assert len(found) == 5
    assert calls == [5]


def test_a_summary_names_days_and_clock_times_as_people_write_them() -> None:
    """The day stands once where it is the same, in UTC, and never as a machine's time stamp."""
    assert span_words(1_793_736_395_000_000, 1_793_738_098_000_000) == ("between 2026-11-03 20:06:35 and 20:34:58 UTC")
    assert span_words(1_793_736_395_000_000, 1_793_824_498_000_000) == (
        "between 2026-11-03 20:06:35 and 2026-11-04 20:34:58 UTC"
    )
    assert span_words(1_793_736_395_000_000, 1_793_736_395_000_000) == "at 2026-11-03 20:06:35 UTC"
    assert span_words(None, None) == "at an unknown time"


def test_a_page_tells_the_span_in_the_zone_of_its_reader() -> None:
    """A summary is kept in UTC; midnight elsewhere and the end of summer time come out right."""
    berlin = ZoneInfo("Europe/Berlin")
    evening = parse_rfc3339("2026-11-03T22:30:00Z")
    for first_us, last_us, shown in (
        (evening, evening, "2026-11-03 23:30:00 CET"),
        (evening, evening + 60 * US_PER_S, "2026-11-03 23:30:00 and 23:31:00 CET"),
        (evening, evening + 3600 * US_PER_S, "2026-11-03 23:30:00 and 2026-11-04 00:30:00 CET"),
        (evening - 30 * 86_400 * US_PER_S, evening, "2026-10-05 00:30:00 CEST and 2026-11-03 23:30:00 CET"),
    ):
        kept = f"Now {span_words(first_us, last_us)}, 2026-11-03 22:30:00 UTC was the time."
        told = in_zone(kept, first_us, last_us, berlin)
        assert shown in told
        assert told.endswith(", 2026-11-03 22:30:00 UTC was the time.")
        assert in_zone("of an older version", first_us, last_us, berlin) == "of an older version"
    assert in_zone("at an unknown time", None, None, berlin) == "at an unknown time"
