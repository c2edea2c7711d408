"""How well the shipped rules tell attacks from visits, measured on open corpora in ``../shared/data``.

    .venv/bin/python bench/accuracy.py [httpparams|coreruleset|crowdsecurity|elastic ...] [--misses N]

Prints one table per corpus. Nothing is learned from the corpora, and none of them is part of the project.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
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


def crs_requests() -> Iterator[tuple[str, bool, dict[str, str | None]]]:
    """``(rule family, attack?, request)`` of tests whose request line or headers carry what they test."""
    for path in sorted((DATA / "coreruleset-tests").rglob("9*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for test in document.get("tests", ()):
            for stage in test.get("stages", ()):
                request = stage.get("input", {})
                expected = stage.get("output", {}).get("log", {})
                headers = {str(k).lower(): str(v) for k, v in (request.get("headers") or {}).items()}
                uri = str(request.get("uri", "/"))
                if request.get("data") or request.get("encoded_request") or "cookie" in headers:
                    continue
                agent, referer = headers.get("user-agent"), headers.get("referer")
                if (
                    "?" not in uri
                    and uri.count("/") < 2
                    and (agent is None or "OWASP CRS" in agent)
                    and referer is None
                ):
                    continue
                yield path.parent.name, bool(expected.get("expect_ids")), {
                    "uri": uri, "method": str(request.get("method", "GET")), "agent": agent, "referer": referer
                }  # fmt: skip


def coreruleset(engine: Engine, misses: int) -> None:
    """Requests of the Core Rule Set's own tests. A negative test only says that one rule must not fire."""
    cases = [case for case in crs_requests() if re.search(r"-9(?:13|30|31|32|33|34|41|42|43|44)-", case[0])]
    hits = flagged(engine, [request for _, _, request in cases])
    total, found = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    shown = Counter[tuple[str, bool]]()
    for number, (family, attack, request) in enumerate(cases):
        total[family, attack] += 1
        found[family, attack] += number in hits
        if (number in hits) != attack and shown[family, attack] < misses:
            shown[family, attack] += 1
            print(f"    {family} {'missed' if attack else 'flagged'}: {request} {hits.get(number, '')}"[:260])
    print("\ncoreruleset-tests: request line and headers, flagged at low or above (attacks | harmless look-alikes)")
    for family in sorted({family for family, _ in total}):
        bad, good = total[family, True], total[family, False]
        print(f"  {family:45} {found[family, True]:4} of {bad:4}  | {found[family, False]:4} of {good:4}")
    for attack in (True, False):
        parts = [(found[key], total[key]) for key in total if key[1] == attack]
        some, every = sum(part[0] for part in parts), sum(part[1] for part in parts)
        print(
            f"  {'attacks' if attack else 'look-alikes':45} {some:4} of {every:4}  {100 * some / max(every, 1):.1f} %"
        )


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
