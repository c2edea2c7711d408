"""Which detections are one thing that happened: one incident per attack, and nobody dragged in."""

from __future__ import annotations

import pytest

from incident_scenes import BROWSER, SQLMAP, Scene, incidents
from pollwatch.election.settings import parse_assets, parse_elections
from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import Incident


def visitors(scene: Scene, page: str = "/status", count: int = 60) -> None:
    """Ordinary people who use a page."""
    for n in range(count):
        scene.request(f"192.0.2.{n % 40 + 1}", n * 60, cs_uri_stem=page)


def of(found: list[Incident], actor: str) -> Incident:
    """The one incident that names an actor."""
    [one] = [each for each in found if actor in (*each.actors.ip, *each.actors.user)]
    return one


def test_3561_failures_are_one_incident() -> None:
    """A password guesser whose rule fires again and again, each time with more lines, is one incident."""
    scene = Scene("auth.log")
    lines = [scene.message("failure", n, src_ip="203.0.113.5", user="root") for n in range(3561)]
    for size in (20, 40, 80, 3561):
        scene.fire("guessing", lines[:size], techniques=("T1110.001",))
    [one] = scene.incidents()
    assert len(one.lines) == 3561
    assert one.rules[0].count == 3561
    assert [why for why in one.why if "fired" in why] == ["guessing fired on 3561 lines."]


def test_a_slow_attack_over_three_weeks_is_one_incident() -> None:
    """Six injected requests a day for three weeks, with an ordinary browser's name: one campaign, one incident."""
    scene = Scene()
    for day in range(21):
        scene.fire("SQL injection", [scene.request("203.0.113.9", day * 86_400 + n * 3_600) for n in range(6)])
    [one] = scene.incidents()
    assert len(one.lines) == 126
    assert len(one.phases) == 1


def test_the_quiet_source_belongs_to_the_loud_one() -> None:
    """1,500 tries on all fields from one address, six on one field from another: loud at the front, in by the back."""
    scene = Scene()
    visitors(scene)
    loud = [scene.request("203.0.113.9", 1_000 + n, cs_user_agent="A") for n in range(300)]
    quiet = [scene.request("203.0.113.201", 20_000 + n * 3_000, cs_user_agent="B") for n in range(6)]
    scene.fire("SQL injection", loud)
    scene.fire("SQL injection", quiet)
    [one] = scene.incidents()
    assert one.actors.ip == ("203.0.113.9", "203.0.113.201")
    assert len(one.lines) == 306


def test_the_same_tool_under_the_same_name_is_one_incident() -> None:
    """A tool that is spread over many addresses, each on another page, is one incident."""
    scene = Scene()
    visitors(scene)
    for n in range(8):
        lines = [
            scene.request(f"203.0.113.{n + 1}", n * 100 + k, cs_uri_stem=f"/p{n}", cs_user_agent=SQLMAP)
            for k in range(4)
        ]
        scene.fire("sqlmap", lines, tool="sqlmap")
    [one] = scene.incidents()
    assert len(one.actors.ip) == 8
    assert one.tools == ("sqlmap",)


def test_unrelated_sources_stay_separate() -> None:
    """Two scanners that share a word list, a browser's name and an hour have nothing to do with each other."""
    scene = Scene()
    visitors(scene)
    for ip in ("203.0.113.1", "198.51.100.1"):
        lines = [scene.request(ip, n, cs_uri_stem=f"/wp-{n}", sc_status=404) for n in range(30)]
        scene.fire("directory scan", lines, techniques=("T1595.003",))
    assert len(scene.incidents()) == 2


def test_guessers_of_root_need_not_know_of_each_other() -> None:
    """Every server on the internet is tried as root by strangers; a real account tried from two sides is one matter."""
    scene = Scene("auth.log")
    for ip, user in (
        ("203.0.113.1", "root"),
        ("203.0.113.2", "root"),
        ("203.0.113.3", "h.meijer"),
        ("203.0.113.4", "h.meijer"),
    ):
        scene.fire(
            "guessing", [scene.message("failure", n, src_ip=ip, user=user) for n in range(9)], techniques=("T1110.001",)
        )
    found = scene.incidents()
    assert sorted(each.actors.ip for each in found) == [
        ("203.0.113.1",),
        ("203.0.113.2",),
        ("203.0.113.3", "203.0.113.4"),
    ]


def test_distributed_guessing_of_one_account_is_one_incident() -> None:
    """Forty addresses, three tries each, one account: one rule counts over addresses; one incident."""
    scene = Scene("auth.log")
    lines = [scene.message("failure", n * 9, src_ip=f"203.0.113.{n % 40}", user="clerk") for n in range(120)]
    scene.fire("distributed guessing", lines, techniques=("T1110.003",))
    scene.fire("guessing", [n for n in lines if n % 40 == 3], techniques=("T1110.001",), severity=Severity.LOW)
    [one] = scene.incidents()
    assert len(one.lines) == 120
    assert len(one.actors.ip) == 40


def test_the_owner_who_mistyped_is_not_counted_among_the_attackers() -> None:
    """The account's owner, let in from that address before, fails once while forty strangers guess: not named."""
    scene = Scene("auth.log")
    scene.message("success", 0, src_ip="192.0.2.64", user="clerk")
    lines = [scene.message("failure", 600 + n * 9, src_ip=f"203.0.113.{n % 40}", user="clerk") for n in range(120)]
    slip = scene.message("failure", 700, src_ip="192.0.2.64", user="clerk")
    scene.fire("distributed guessing", [*lines, slip], techniques=("T1110.001",))
    [one] = scene.incidents()
    assert "192.0.2.64" not in one.actors.ip
    assert len(one.actors.ip) == 40
    assert {number for _, number in one.lines} == set(lines)
    assert one.severity is Severity.MEDIUM


def test_the_one_of_many_who_got_in_makes_it_a_break_in() -> None:
    """Forty addresses guess, one of them is let in: the incident of all is high and shows that line."""
    scene = Scene("auth.log")
    lines = [scene.message("failure", n * 9, src_ip=f"203.0.113.{n % 40}", user="clerk") for n in range(120)]
    accepted = scene.message("success", 1_100, src_ip="203.0.113.7", user="clerk")
    scene.fire("distributed guessing", lines, techniques=("T1110.001",))
    [one] = scene.incidents()
    assert one.severity is Severity.HIGH
    assert accepted in {line.number for line in one.samples}


def test_a_flood_swallows_no_intrusion() -> None:
    """An intruder whose requests are counted into the flood at poll close still has an incident of his own."""
    scene = Scene()
    lines = [scene.request(f"198.51.100.{n % 50}", n * 0.1) for n in range(2_000)]
    shell = [scene.request("198.51.100.7", 50 + n, cs_uri_stem="/uploads/x.php") for n in range(5)]
    scene.fire("flood", [*lines, *shell], techniques=("T1498",), severity=Severity.HIGH)
    scene.fire("web shell", shell, techniques=("T1505.003",), severity=Severity.HIGH, succeeded=True)
    found = scene.incidents()
    assert len(found) == 2
    one = next(each for each in found if "T1505.003" in each.techniques)
    assert set(shell) <= {number for _, number in one.lines}
    assert one.severity is Severity.CRITICAL
    assert found[0] is one


def test_flooders_of_one_target_are_one_flood() -> None:
    """Twenty addresses that each send more than people do, at the same site in the same hour."""
    scene = Scene()
    for ip in range(20):
        lines = [scene.request(f"198.51.100.{ip}", ip * 4 + n * 0.1) for n in range(100)]
        scene.fire("flood", lines, techniques=("T1499.002",))
    [one] = scene.incidents()
    assert len(one.lines) == 2_000


def test_account_without_an_address() -> None:
    """Where the log names an account only, that is the actor."""
    scene = Scene("auth.log")
    lines = [scene.message("command", n, ruser="k.jansen", program="sudo") for n in range(3)]
    scene.fire("sudo to a shell", lines, actors=Actors(user=("k.jansen",)), techniques=("T1548.003",))
    [one] = scene.incidents()
    assert one.actors.user == ("k.jansen",)
    assert "k.jansen" in one.title


def test_an_intruders_session_belongs_to_the_intrusion() -> None:
    """Guesses, the right one, PAM without an address, sudo, a new account: one incident with all its lines."""
    scene = Scene("auth.log")
    guesses = [
        scene.message("failure", n * 9_000, src_ip="203.0.113.214", user="h.meijer", pid=100 + n) for n in range(12)
    ]
    start = 12 * 9_000
    accepted = scene.message("success", start, src_ip="203.0.113.214", user="h.meijer", pid=500)
    opened = scene.message("session_opened", start, user="h.meijer", pid=500)
    sudo = scene.message("command", start + 60, ruser="h.meijer", user="root", program="sudo")
    added = scene.message(None, start + 61, program="useradd", user="sys.backup2", pid=777)  # type: ignore[arg-type]
    other = scene.message("command", start + 90, ruser="k.jansen", user="root", program="sudo")
    closed = scene.message("session_closed", start + 300, user="h.meijer", pid=500)
    later = scene.message("command", start + 9_000, ruser="h.meijer", user="root", program="sudo")
    scene.fire("slow guessing", guesses, techniques=("T1110.001",))
    scene.fire(
        "log-in after failures", [*guesses, accepted], techniques=("T1078",), severity=Severity.HIGH, succeeded=True
    )
    scene.fire("account added", [added], actors=Actors(user=("sys.backup2",)), techniques=("T1136.001",))
    [one] = scene.incidents()
    numbers = {number for _, number in one.lines}
    assert numbers == {*guesses, accepted, opened, sudo, added, closed}
    assert not numbers & {other, later}
    assert [phase.technique for phase in one.phases] == ["T1110.001", "T1078", "T1136.001"]
    assert ("auth.log", accepted) in {(line.path, line.number) for line in one.samples}


def test_an_account_that_is_at_work_itself_keeps_its_session() -> None:
    """If the owner was let in from elsewhere just before, the two cannot be told apart, and sudo is not claimed."""
    scene = Scene("auth.log")
    scene.message("success", 0, src_ip="192.0.2.64", user="h.meijer", pid=40)
    guesses = [
        scene.message("failure", 600 + n, src_ip="203.0.113.214", user="h.meijer", pid=100 + n) for n in range(12)
    ]
    accepted = scene.message("success", 700, src_ip="203.0.113.214", user="h.meijer", pid=500)
    sudo = scene.message("command", 760, ruser="h.meijer", user="root", program="sudo")
    scene.fire("log-in after failures", [*guesses, accepted], techniques=("T1078",), succeeded=True)
    [one] = scene.incidents()
    assert sudo not in {number for _, number in one.lines}


def test_harmless_looking_lines_of_a_scanner_belong_to_it() -> None:
    """Pages that the scanner found (200), its look around before and its messages in the error log are claimed."""
    scene, errors = Scene(), Scene("error.log")
    before = [scene.request("203.0.113.9", n * 300, cs_uri_stem=f"/page{n}", cs_user_agent="X") for n in range(3)]
    hits = [
        scene.request("203.0.113.9", 1_500 + n, cs_uri_stem=f"/p{n}", sc_status=404, cs_user_agent="X")
        for n in range(50)
    ]
    found = [scene.request("203.0.113.9", 1_520 + n, cs_uri_stem=f"/q{n}", cs_user_agent="X") for n in range(10)]
    innocent = [scene.request("192.0.2.1", 1_510 + n, cs_uri_stem="/") for n in range(10)]
    noted = [errors.request("203.0.113.9", 1_530 + n, sc_status=None) for n in range(4)]
    scene.fire("directory scan", hits, techniques=("T1595.003",))
    [one] = incidents([scene, errors])
    assert {("access.log", n) for n in (*before, *hits, *found)} | {("error.log", n) for n in noted} == set(one.lines)
    assert not set(innocent) & {n for path, n in one.lines if path == "access.log"}
    assert any("look harmless" in why for why in one.why)


def test_one_bad_request_from_an_office_drags_nobody_in() -> None:
    """Behind a shared address with one browser for all, a single injected request stays a single line."""
    scene = Scene()
    for n in range(2_000):
        scene.request("192.0.2.64", n * 20, cs_uri_stem=f"/page{n % 30}", cs_user_agent=BROWSER)
    bad = scene.request("192.0.2.64", 20_000, cs_uri_stem="/search", cs_user_agent=BROWSER)
    scene.fire("SQL injection", [bad], severity=Severity.HIGH)
    [one] = scene.incidents()
    assert list(one.lines) == [("access.log", bad)]


def test_a_tool_behind_an_office_is_claimed_by_its_own_name() -> None:
    """Behind the same shared address, another user agent's lines are another visitor's."""
    scene = Scene()
    for n in range(2_000):
        scene.request("192.0.2.64", n * 20, cs_user_agent=BROWSER)
    bad = [scene.request("192.0.2.64", 20_000 + n, cs_user_agent=SQLMAP) for n in range(40)]
    scene.fire("SQL injection", bad[:30])
    [one] = scene.incidents()
    assert {n for _, n in one.lines} == set(bad)


def test_low_incidents_claim_nothing() -> None:
    """A robot that tripped over a low rule does not have its visit turned into an incident."""
    scene = Scene()
    lines = [scene.request("192.0.2.31", n * 60, cs_user_agent="robot") for n in range(50)]
    scene.fire("odd request", lines[:2], severity=Severity.LOW, techniques=("T1595",))
    [one] = scene.incidents()
    assert len(one.lines) == 2


def test_detections_without_times_are_kept() -> None:
    """A log without times still gives its incident."""
    scene = Scene()
    lines = [scene.request("203.0.113.9", 0) for _ in range(3)]
    scene.fire("SQL injection", lines, first_us=None, last_us=None)
    [one] = scene.incidents()
    assert one.first_us is None
    assert len(one.lines) == 3
    assert "unknown time" in one.summary


def test_detections_of_earlier_scans_have_no_rows_here() -> None:
    """A case hands over detections whose inputs are not read again; they group, without claiming or text."""
    scene = Scene()
    scene.fire("SQL injection", [scene.request("203.0.113.9", 5)], lines=LineSet.of("earlier.log", [7, 8]))
    [one] = incidents([], scene.detections)
    assert list(one.lines) == [("earlier.log", 7), ("earlier.log", 8)]


def test_nothing_gives_nothing() -> None:
    """No detection, no incident, and fetch is not asked."""
    assert Scene().incidents() == []


def test_the_same_scan_gives_the_same_id_and_growth_keeps_it() -> None:
    """An id rests on how the incident begins: it survives a second scan, another folder and further lines."""

    def scan(path: str, size: int) -> str:
        scene = Scene(path)
        lines = [scene.request("203.0.113.9", n) for n in range(size)]
        scene.fire("first", lines[:3])
        scene.fire("second", lines[2:])
        return scene.incidents()[0].id

    assert scan("/a/access.log", 9) == scan("/a/access.log", 9) == scan("/b/access.log.1", 90)
    assert scan("/a/access.log", 9).startswith("PW-")


def test_a_copy_of_a_log_does_not_share_an_id() -> None:
    """Two incidents never have one id."""
    one, copy = Scene("a.log"), Scene("b.log")
    for scene in (one, copy):
        scene.fire("sudo", [scene.message("command", 5, ruser="x")], actors=Actors(user=("x",)), targets=(scene.path,))
    found = incidents([one, copy])
    assert len({each.id for each in found}) == len(found)


def test_the_calendar_and_the_asset_set_the_priority_and_the_order() -> None:
    """On results night the lesser incident on the results system comes before the graver one elsewhere."""
    calendar = parse_elections([{"name": "General", "day": "2026-10-20", "polls_close": "2026-10-20T12:00:00"}])
    assets = parse_assets([
        {"name": "Results", "owner": "Ms Okafor", "kind": "results", "appears_as": ["results.example"]},
        {"name": "Shop", "kind": "party", "appears_as": ["shop.example"], "critical_phases": ["campaign"]},
    ])  # fmt: skip
    scene = Scene()
    for ip, host, severity in (
        ("203.0.113.1", "results.example", Severity.MEDIUM),
        ("203.0.113.2", "shop.example", Severity.MEDIUM),
    ):
        scene.fire("SQL injection", [scene.request(ip, 60 + n, cs_host=host) for n in range(5)], severity=severity)
    first, second = scene.incidents(calendar=calendar, assets=assets)
    assert (first.election.phase, first.election.priority, first.election.election) == ("results-night", 2, "General")
    assert second.election.priority == 3
    assert "Results" in first.title
    assert "Ms Okafor" in first.advice[0]


@pytest.mark.parametrize("order", [1, -1])
def test_actor_that_did_most_is_named_first(order: int) -> None:
    """The actors of an incident are in order of what they did."""
    scene = Scene()
    visitors(scene)
    for ip, size in [("203.0.113.1", 5), ("203.0.113.2", 50)][::order]:
        scene.fire("SQL injection", [scene.request(ip, n) for n in range(size)])
    [one] = scene.incidents()
    assert one.actors.ip == ("203.0.113.2", "203.0.113.1")


def test_an_intrusion_on_a_windows_machine_is_one_incident() -> None:
    """Under a person's name, a service's and nobody's, within minutes on one machine: one chain. Hours apart: two."""
    scene = Scene()
    windows = LogSource(product="windows", service="security")
    steps = (("clerk", 0, "T1059.001"), ("", 60, "T1003.001"), ("svc", 120, "T1685.005"), ("", 20_000, "T1490"))
    for user, second, technique in steps:
        line = scene.message("command", second)
        actors = Actors(user=(user,) if user else ())
        scene.fire(f"rule {technique}", [line], actors=actors, techniques=(technique,), logsource=windows)
    found = sorted(len(each.techniques) for each in scene.incidents())
    assert found == [1, 3]
