"""Web requests that others have labelled: parameter values, and the Core Rule Set's own tests."""

from __future__ import annotations

import base64
import csv
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

import pyarrow as pa
import yaml
from accuracy_apart import reason
from accuracy_table import DATA, Measured, Row

from pollwatch.detect.engine import Engine
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Severity
from pollwatch.events.taxonomy import WEB

START_US = 1_793_000_000_000_000


def web_batch(requests: Sequence[dict[str, str | None]]) -> EventBatch:
    """Requests as the events that an access log would give: of a visitor each, one a minute."""
    n = len(requests)
    uris = [each["uri"] or "" for each in requests]
    columns = {
        "time_us": pa.array([START_US + 60_000_000 * at for at in range(n)], pa.int64()),
        "number": pa.array(range(1, n + 1), pa.int64()),
        "c-ip": pa.array([f"203.{at >> 16}.{at >> 8 & 255}.{at & 255}" for at in range(n)]),
        "cs-method": pa.array([each.get("method") or "GET" for each in requests]),
        "cs-uri": pa.array(uris),
        "cs-uri-stem": pa.array([uri.partition("?")[0] for uri in uris]),
        "cs-uri-query": pa.array([uri.partition("?")[2] if "?" in uri else None for uri in uris], pa.string()),
        "cs-user-agent": pa.array([each.get("agent") for each in requests], pa.string()),
        "cs-referer": pa.array([each.get("referer") for each in requests], pa.string()),
        "cs-host": pa.nulls(n, pa.string()),
        "cs-username": pa.nulls(n, pa.string()),
        "x-forwarded-for": pa.nulls(n, pa.string()),
        "sc-status": pa.array([404] * n, pa.int64()),
        "sc-bytes": pa.array([100] * n, pa.int64()),
    }
    return EventBatch(WEB, "bench", pa.table(columns))


def flagged(engine: Engine, requests: Sequence[dict[str, str | None]]) -> dict[int, list[str]]:
    """Which requests a rule or a detector of low or above fits, and which; none that needs several of a visitor."""
    hits: dict[int, list[str]] = defaultdict(list)
    matches = engine.match(web_batch(requests))
    for found in engine.step(engine.start(), matches, None, done=True)[1]:
        if found.rule_id.startswith("detector.") and found.severity >= Severity.LOW:
            for _path, number in found.lines:
                hits[number - 1].append(found.rule_id)
    for hit in matches.hits:
        rule = engine.rule(hit.rule_id)
        if rule is not None and rule.info.output and rule.info.severity >= Severity.LOW:
            for row in hit.rows.tolist():
                hits[row].append(rule.info.name)
    return hits


def httpparams(engine: Engine) -> Measured:
    """Parameter values, each as a value in a request line."""
    with (DATA / "httpparams" / "payload_train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    hits = flagged(engine, [{"uri": "/app/page?q=" + quote_plus(row["payload"])} for row in rows])
    total, found = Counter(row["attack_type"] for row in rows), Counter(rows[row]["attack_type"] for row in hits)
    attacks, attacked = total.total() - total["norm"], found.total() - found["norm"]
    wrong = [row for row, each in enumerate(rows) if (row in hits) == (each["attack_type"] == "norm")]
    return Measured(
        "httpparams",
        "values of the train part, flagged at low or above as a value in a request line.",
        [
            Row("all attacks", attacked, attacks, ">= 98"),
            *(Row(kind, found[kind], count) for kind, count in total.most_common() if kind != "norm"),
            Row("honest values (false alarms)", found["norm"], total["norm"], "<= 0.2"),
        ],
        [f"{rows[row]['attack_type']}: {rows[row]['payload'][:150]!r} {hits.get(row, '')}" for row in wrong],
    )


#: A request line's path with nothing in it, and headers that only say that a test is running.
PLAIN_URI = re.compile(r"/?(?:get|post|put)?/?\w*/?(?:index\.\w+)?")
PLAIN_URI_OF_FORM = re.compile(r"/?[\w./-]*")
PLAIN_AGENT = re.compile(
    r"OWASP CRS|OWASP ModSecurity Core Rule Set|ModSecurity CRS|^Mozilla/[45]\.0 \([\w;:., /+()-]*$"
)
PLAIN_REFERER = re.compile(r"(?:https?://)?[\w.:-]*/?")
#: Headers that say nothing of what is tested, or that a log has.
EVERYDAY = frozenset(
    {
        "host",
        "user-agent",
        "referer",
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "cache-control",
        "content-length",
    }
)
REQUEST_FAMILY = re.compile(r"REQUEST-9(?:11|13|2[01]|3[0-4]|4[1-4])-")


@dataclass(frozen=True, slots=True)
class Case:
    """One request of the Core Rule Set's own tests.

    Attributes:
        family: the rules under test.
        attack: some rule must fire; else one must not, which is not the same as harmless.
        logged: something in request line, user agent or referer is out of the ordinary, so that a log can show it.
    """

    family: str
    rule: str
    attack: bool
    logged: bool
    request: dict[str, str | None]


def raw_request(encoded: str) -> dict[str, object]:
    """Request line and headers of a request that the corpus keeps as bytes."""
    head, _, body = base64.b64decode(encoded).decode("latin-1").replace("\r\n", "\n").partition("\n\n")
    first, *rest = head.split("\n")
    method, _, target = first.partition(" ")
    headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    uri = re.sub(r"\sHTTP/[\d.]+\s*$", "", target)
    return {"method": method, "uri": uri or "/", "headers": headers, "data": body.strip()}


def crs_cases() -> Iterator[Case]:
    """Every request of the families that look at requests."""
    for path in sorted((DATA / "coreruleset-tests").rglob("9*.yaml")):
        if not REQUEST_FAMILY.match(path.parent.name):
            continue
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for test in document.get("tests", ()):
            for stage in test.get("stages", ()):
                given = stage.get("input", {})
                if given.get("encoded_request"):
                    given = raw_request(given["encoded_request"])
                expected = stage.get("output", {}).get("log", {})
                headers = {str(k).lower(): str(v) for k, v in (given.get("headers") or {}).items()}
                uri, agent, referer = str(given.get("uri", "/")), headers.get("user-agent"), headers.get("referer")
                request = {"uri": uri, "method": str(given.get("method", "GET")), "agent": agent, "referer": referer}
                attack = bool(expected.get("expect_ids") or expected.get("match_regex"))
                yield Case(
                    path.parent.name,
                    path.stem,
                    attack,
                    visible(request, elsewhere=bool(given.get("data")) or bool(set(headers) - EVERYDAY)),
                    request,
                )


def visible(request: dict[str, str | None], *, elsewhere: bool) -> bool:
    """Whether a log holds what a test is about.

    Where the request has a body, or headers that no log has (Range, cookies), words and numbers in the address are
    taken for decoration.
    """
    stem, _, query = str(request["uri"]).partition("?")
    path = (PLAIN_URI_OF_FORM if elsewhere else PLAIN_URI).fullmatch(stem)
    plain = path and (not query or (elsewhere and re.fullmatch(r"[\w=&.-]*", query)))
    agent, referer = request["agent"], request["referer"]
    quiet = (agent is None or PLAIN_AGENT.search(agent)) and (referer is None or PLAIN_REFERER.fullmatch(referer))
    return not (plain and quiet)


def held_back(case: Case) -> bool:
    """Whether a test's file belongs to the quarter that was not looked at while the grammars were written."""
    return zlib.crc32(case.rule.encode()) % 4 == 1


def coreruleset(engine: Engine) -> Measured:
    """Requests of the Core Rule Set's own tests; those whose attack is in a body or header no log has, apart."""
    every_case = list(crs_cases())
    attacks = {tuple(case.request.values()) for case in every_case if case.attack}
    # What one test must not fire on, another often must: such a request is no look-alike.
    cases = [case for case in every_case if case.attack or tuple(case.request.values()) not in attacks]
    hits = flagged(engine, [case.request for case in cases])
    total, found, misses = Counter[tuple[str, str]](), Counter[tuple[str, str]](), list[str]()
    misses_apart: list[str] = []
    for number, case in enumerate(cases):
        kind = "not logged" if not case.logged else "attack" if case.attack else "look-alike"
        key = case.family, kind if case.attack or case.logged else "plain"
        total[key] += 1
        found[key] += number in hits
        why = reason(case.request, hits[number]) if kind == "look-alike" and number in hits else ""
        if why:
            misses_apart.append(f"{case.rule} (apart: {why}) {case.request} {hits[number]}")
            continue
        if (number in hits) != (kind == "attack") and kind != "not logged":
            misses.append(f"{case.rule} {kind} {case.request} {hits.get(number, '')}")
    apart = [(n in hits, case) for n, case in enumerate(cases) if case.logged and held_back(case)]
    families = sorted({family for family, _ in total})

    def row(name: str, kind: str, wanted: Sequence[str], goal: str = "") -> Row:
        keys = [key for key in total if key[1] == kind and key[0] in wanted]
        return Row(name, sum(found[key] for key in keys), sum(total[key] for key in keys), goal)

    all_alike = row("", "look-alike", families)
    return Measured(
        "coreruleset-tests",
        "requests as an access log shows them (method, address, user agent, referer), flagged at low or above.",
        [
            row("logged attacks", "attack", families, ">= 90"),
            *(row(f"... {family}", "attack", [family]) for family in families),
            Row(
                "... of the quarter of the tests that was looked at last, in a list of misses",
                sum(hit for hit, case in apart if case.attack),
                sum(case.attack for _hit, case in apart),
            ),
            row("look-alikes, all (flagged)", "look-alike", families),
            Row("... of them apart: an attack of another kind, named below", len(misses_apart), len(misses_apart)),
            Row(
                "look-alikes that hold no attack (false alarms)",
                all_alike.found - len(misses_apart),
                all_alike.total - len(misses_apart),
                "<= 3",
            ),
            row("plain requests (false alarms)", "plain", families),
            row("attacks in a body or header that no log has", "not logged", families),
        ],
        misses,
        misses_apart,
    )
