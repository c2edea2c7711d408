"""How well the shipped rules tell attacks from visits, measured on open corpora in ``../shared/data``.

    .venv/bin/python bench/accuracy.py [httpparams|coreruleset|crowdsecurity|elastic ...] [--misses N]

Prints one table per corpus. Nothing is learned from the corpora, and none of them is part of the project.
"""

from __future__ import annotations

import base64
import csv
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

import pyarrow as pa
import yaml

from pollwatch.detect.engine import Engine
from pollwatch.events.batch import EventBatch
from pollwatch.events.block import LineBlock
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.taxonomy import WEB
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
NOW_US = 1_780_000_000_000_000
BLOCK = 50_000
#: Folders of the hub's tests that are about remote log-in and web servers.
HUB = re.compile(
    r"^(?!endlessh|sshesame|apache-guacamole|magento|litespeed-admin|tcpudp)"  # other programs' own logs
    r".*(?:ssh|nginx|apache2?[-_]|http|modsec|CVE-20(?!23-4911)|spring4shell|traefik|caddy|litespeed|haproxy|bunkerweb|envoy|pam-|cve_|zoneminder|vmware|sap-)"
)


def web_batch(requests: Sequence[dict[str, str | None]]) -> EventBatch:
    """Requests as the events that an access log would give."""
    n = len(requests)
    uris = [each["uri"] or "" for each in requests]
    columns = {
        "time_us": pa.nulls(n, pa.int64()),
        "number": pa.array(range(1, n + 1), pa.int64()),
        "c-ip": pa.array(["203.0.113.66"] * n),
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
    """Which requests a rule of low or above fits by itself, and which rules."""
    hits: dict[int, list[str]] = defaultdict(list)
    for hit in engine.match(web_batch(requests)).hits:
        rule = engine.rule(hit.rule_id)
        if rule is not None and rule.info.output and rule.info.severity >= Severity.LOW:
            for row in hit.rows.tolist():
                hits[row].append(rule.info.name)
    return hits


def httpparams(engine: Engine, misses: int) -> None:
    """Parameter values, each as a value in a request line."""
    with (DATA / "httpparams" / "payload_train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    hits = flagged(engine, [{"uri": "/app/page?q=" + quote_plus(row["payload"])} for row in rows])
    total, found = Counter(row["attack_type"] for row in rows), Counter(rows[row]["attack_type"] for row in hits)
    print("\nhttpparams: values flagged at low or above")
    for kind, count in total.most_common():
        print(f"  {kind:16} {found[kind]:6} of {count:6}  {100 * found[kind] / count:6.2f} %")
    shown = Counter[str]()
    for number, row in enumerate(rows):
        kind = row["attack_type"]
        if (number in hits) == (kind == "norm") and shown[kind] < misses:
            shown[kind] += 1
            print(f"    {kind}: {row['payload'][:150]!r} {hits.get(number, '')}")


#: A request line's path with nothing in it, and headers that only say that a test is running.
PLAIN_URI = re.compile(r"/?(?:get|post|put)?/?\w*/?(?:index\.\w+)?")
PLAIN_URI_OF_FORM = re.compile(r"/?[\w./-]*")
PLAIN_AGENT = re.compile(
    r"OWASP CRS|OWASP ModSecurity Core Rule Set|ModSecurity CRS|^Mozilla/[45]\.0 \([\w;:., /+()-]*$"
)
PLAIN_REFERER = re.compile(r"(?:https?://)?[\w.:-]*/?")
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
                yield Case(path.parent.name, path.stem, attack, visible(request, body=bool(given.get("data"))), request)


def visible(request: dict[str, str | None], *, body: bool) -> bool:
    """Whether a log holds what a test is about.

    With a body, words and numbers in the address are taken for decoration.
    """
    stem, _, query = str(request["uri"]).partition("?")
    path = (PLAIN_URI_OF_FORM if body else PLAIN_URI).fullmatch(stem)
    plain = path and (not query or (body and re.fullmatch(r"[\w=&.-]*", query)))
    agent, referer = request["agent"], request["referer"]
    quiet = (agent is None or PLAIN_AGENT.search(agent)) and (referer is None or PLAIN_REFERER.fullmatch(referer))
    return not (plain and quiet)


def coreruleset(engine: Engine, misses: int) -> None:
    """Requests of the Core Rule Set's own tests; those whose attack is in a body or header no log has, apart."""
    every_case = list(crs_cases())
    attacks = {tuple(case.request.values()) for case in every_case if case.attack}
    # What one test must not fire on, another often must: such a request is no look-alike.
    cases = [case for case in every_case if case.attack or tuple(case.request.values()) not in attacks]
    hits = flagged(engine, [case.request for case in cases])
    total, found, shown = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for number, case in enumerate(cases):
        kind = "not logged" if not case.logged else "attack" if case.attack else "look-alike"
        key = case.family, kind if case.attack or case.logged else "plain"
        total[key] += 1
        found[key] += number in hits
        wrong = (number in hits) != (kind == "attack") and kind != "not logged"
        if wrong and shown[key] < misses:
            shown[key] += 1
            print(f"    {case.rule} {kind} {case.request} {hits.get(number, '')}"[:300])
    kinds = ("attack", "look-alike", "not logged", "plain")
    print("\ncoreruleset-tests, flagged at low or above: logged attacks | look-alikes | attacks not logged | plain")
    for family in sorted({family for family, _ in total}):
        print(f"  {family:45}" + " |".join(f"{found[family, k]:5} of {total[family, k]:4}" for k in kinds))
    for kind in kinds:
        some = sum(found[key] for key in total if key[1] == kind)
        every = sum(total[key] for key in total if key[1] == kind)
        print(f"  {kind:45} {some:4} of {every:4}  {100 * some / max(every, 1):.1f} %")


def scan(engine: Engine, path: Path) -> list[Detection]:
    """All detections in one log file."""
    raw = path.read_bytes().splitlines()
    text = [line.decode("utf-8", "replace") for line in raw]
    sample = [line for line in text if line.strip()][:200]
    best, parser = 0.0, None
    for framing in ("lines", "json"):
        verdict = registry.detect(sample, framing)
        if verdict.format is not None and verdict.scores[0][1] > best:
            best, parser = verdict.scores[0][1], verdict.format.parser(ParseContext(str(path), NOW_US))
    if parser is None:
        return []
    state, found = engine.start(), []
    for start in range(0, len(raw), BLOCK):
        block = LineBlock(path.name, start + 1, raw[start : start + BLOCK], text[start : start + BLOCK])
        for batch in parser.parse(block).batches:
            state, some = engine.step(state, engine.match(batch), None)
            found += some
    return found + engine.step(state, None, None, done=True)[1]


def crowdsecurity(engine: Engine, misses: int) -> None:
    """The hub's tests for remote log-in and web servers: is the source that the assertion names also named by us?"""
    good, bad = 0, []
    for folder in sorted((DATA / "crowdsecurity-hub" / ".tests").iterdir()):
        assertion = folder / "scenario.assert"
        if not HUB.search(folder.name) or not assertion.exists():
            continue
        text = assertion.read_text(encoding="utf-8")
        wanted = set(re.findall(r'"([0-9a-fA-F.:]+)" in results\[\d+\]\.Overflow\.GetSources', text))
        if not wanted:
            continue
        named: set[str] = set()
        for log in sorted(folder.glob("*.log")):
            for detection in scan(engine, log):
                if detection.severity >= Severity.LOW:
                    named |= set(detection.actors.ip)
        good += len(wanted & named)
        scenarios = sorted(set(re.findall(r'GetScenario\(\) == "([^"]+)"', text)))
        bad += [f"{folder.name}: {source} {scenarios}" for source in sorted(wanted - named)]
    print(f"\ncrowdsecurity-hub (remote log-in, web servers): {good} of {good + len(bad)} sources named")
    for line in bad[: max(misses, 60)]:
        print(f"    missed {line}"[:200])


def elastic(engine: Engine, misses: int) -> None:  # noqa: ARG001 - the same shape as the others
    """One attacker who got in, and one owner who must not be accused."""
    print("\nelastic-auth: detections of low or above")
    found = [each for each in scan(engine, DATA / "elastic-auth" / "auth.log") if each.severity >= Severity.LOW]
    for address in ("24.151.103.17", "85.245.107.41"):
        mine = [each for each in found if address in each.actors.ip]
        print(f"  {address}: {[(each.severity.word, each.title, len(each.lines)) for each in mine]}")
    print(f"  all: {Counter((each.severity.word, each.title) for each in found).most_common()}")


def main() -> None:
    """Measure what is asked for, or everything."""
    arguments = sys.argv[1:]
    misses = int(arguments[arguments.index("--misses") + 1]) if "--misses" in arguments else 0
    parts = {"httpparams": httpparams, "coreruleset": coreruleset, "crowdsecurity": crowdsecurity, "elastic": elastic}
    engine = Engine.load()
    for name, part in parts.items():
        if name in arguments or not any(each in parts for each in arguments):
            part(engine, misses)


if __name__ == "__main__":
    main()
