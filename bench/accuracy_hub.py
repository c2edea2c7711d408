"""Logs that others have recorded: the tests of CrowdSec's hub, and a day of guessing at one machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from accuracy_table import DATA, Measured, Row

from pollwatch.events.detection import Severity
from pollwatch.incidents.incident import Incident
from pollwatch.node.case.scan import ScanOptions, scan
from pollwatch.sources.files import expand

HUB = DATA / "crowdsecurity-hub" / ".tests"
#: Products whose logs we do not claim to read: other programs' own layouts (see ``docs/reference/formats.md``).
OTHERS = re.compile(
    r"(?i)amavis|apereo|baserow|charon|couchdb|cowrie|endlessh|fireflyiii|gitlab|hestiacp|k8s|magento|nextcloud|ntfy"
    r"|rocketchat|sabnzbd|sshesame|teleport|thehive|smb-|laurel|apiscp"
)
SOURCES = re.compile(r'Sources\["([^"]+)"\]\.IP')


@dataclass(frozen=True, slots=True)
class Case:
    """One of the hub's tests.

    Attributes:
        sources: addresses that its scenarios name; none where it expects that no scenario fires.
        ours: of a product whose format we claim to read.
    """

    name: str
    log: Path
    sources: frozenset[str]
    scenarios: tuple[str, ...]
    ours: bool


def cases() -> list[Case]:
    """Every test that has a log and runs a scenario; those that only parse (``scenarios: [""]``) say nothing of it."""
    found = []
    for config in sorted(HUB.glob("*/config.yaml")):
        said = yaml.safe_load(config.read_text(encoding="utf-8"))
        log = config.with_name(said.get("log_file") or "missing")
        asserted = config.with_name("scenario.assert")
        if not log.exists() or not any(said.get("scenarios") or ()):
            continue
        text = asserted.read_text(encoding="utf-8") if asserted.exists() else ""
        fired = tuple(sorted(set(re.findall(r'GetScenario\(\) == "([^"]+)"', text))))
        name = config.parent.name
        found.append(Case(name, log, frozenset(SOURCES.findall(text)), fired, not OTHERS.search(name)))
    return found


def incidents(log: Path) -> tuple[Incident, ...]:
    """What a scan of one file shows by default."""
    files, _missing = expand([str(log)])
    return tuple(each for each in scan(files, ScanOptions()).incidents if each.severity >= Severity.LOW)


def crowdsecurity() -> Measured:
    """The hub's tests with a scenario: does an incident name each source that the test names?"""
    found = total = others_found = others = quiet = benign = 0
    misses = []
    for case in cases():
        named = {ip: each.severity for each in incidents(case.log) for ip in (*each.actors.ip, *each.actors.user)}
        if not case.sources:
            loud = sorted(ip for ip, severity in named.items() if severity >= Severity.MEDIUM)
            benign += 1
            quiet += bool(loud)
            misses += [f"{case.name}: expects nothing, raised {loud}"] if loud else []
            continue
        # An IPv4 address written as IPv6 is that address.
        right = {each.removeprefix("::ffff:") for each in case.sources} <= named.keys()
        if case.ours:
            found, total = found + right, total + 1
        else:
            others_found, others = others_found + right, others + 1
        if not right:
            kind = "" if case.ours else " (a product of another format)"
            misses.append(f"{case.name}{kind}: {sorted(case.sources - named.keys())} {list(case.scenarios)}")
    return Measured(
        "crowdsecurity-hub",
        "tests with a scenario: incidents of low or above name every source that the test names.",
        [
            Row("tests of products whose format we read", found, total, ">= 90"),
            Row("tests of other products", others_found, others),
            Row("tests that expect nothing (medium or above raised)", quiet, benign, "<= 0"),
        ],
        misses,
    )


def elastic() -> Measured:
    """One attacker who got in, and one owner who must not be accused."""
    shown = incidents(DATA / "elastic-auth" / "auth.log")
    guesser = [each for each in shown if "24.151.103.17" in each.actors.ip and each.severity >= Severity.HIGH]
    owner = [each for each in shown if "85.245.107.41" in each.actors.ip]
    return Measured(
        "elastic-auth",
        "a day of guessing: the one that got in is one high incident, the owner is in none.",
        [
            Row("incidents of 24.151.103.17", len(guesser), 1, ">= 100"),
            Row("incidents of the owner", len(owner), 1, "<= 0"),
        ],
    )
