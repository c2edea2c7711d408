"""Somebody looks for open doors, however slowly: tries at many ports of one machine, or one port of many machines.

Quick ones are also a correlation's business (``port_scan``, ``host_sweep``); this remembers two weeks. Only tries that
came to nothing count, so that who uses many services is no surveyor. From outside, that is the weather of the
internet; from inside, a machine that looks around is seldom at work for its owner.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.flowframes import flows
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, due, noted, sized
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import FLOW
from pollwatch.i18n import _

_LEAST: Final = 25
_SPAN_US: Final = 14 * 86_400 * US_PER_S
_MOST_TRIES: Final = 120_000
_MOST_TOLD: Final = 20_000
#: Names and places that machines ask all their neighbours for: NetBIOS, SSDP, mDNS, LLMNR, WS-Discovery.
_CHATTER: Final = (0, 67, 68, 137, 138, 1900, 3702, 5353, 5355)
_TRIES: Final = {
    "src": pl.String,
    "dst": pl.String,
    "port": pl.Int64,
    "src_inside": pl.Boolean,
    "dst_inside": pl.Boolean,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class DoorSurvey:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.door_survey",
            name="door_survey",
            title="Looking for open doors, one after another",
            severity=Severity.MEDIUM,
            description="One source tried many ports of one machine, or one port of many machines, and was refused or "
            "got no answer, perhaps only a few times a day.",
            techniques=("T1046", "T1595.001"),
            tactics=("discovery", "reconnaissance"),
            falsepositives=("Your own inventory of the network", "A security test that you ordered yourself"),
            author="pollwatch",
            status="experimental",
            meaning="Somebody is finding out which of your machines and services can be reached. From the internet "
            "that happens all day; from inside your own network it often follows a break-in.",
            steps=(
                "If the source is one of your own machines, find out who uses it and what runs on it.",
                "Ask whether anybody announced a test of the network.",
                "If nobody knows of it, unplug that machine from the network and call your IT help.",
            ),
            path=__file__,
        ),
        (FLOW,),
        ("src_ip", "dest_ip", "dest_port"),
        (
            "one address tries 25 different ports of one machine, or one port of 25 machines, within 14 days",
            "the tries are refused, or nothing comes back",
            "from inside to outside, only ports of one machine count",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "tries": pl.DataFrame(schema=_TRIES),
            "told": pl.DataFrame(schema={"src": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's vain tries in; judge who tried many doors."""
        tries, told = memory["tries"], memory["told"]
        fresh = pl.DataFrame(schema=_TRIES)
        if seen is not None:
            fresh = _vain(seen)
            since_us = None if watermark_us is None else watermark_us - _SPAN_US
            both = pl.concat([tries, fresh]).unique(["src", "dst", "port"], keep="first", maintain_order=True)
            tries = bounded(both, _MOST_TRIES, since_us)
        if not done and not len(fresh):
            return {"tries": tries, "told": told}, []
        found = _judged(tries, told, done=done)
        news = [
            _detection(self.rule.info, str(who), mine) for (who,), mine in found.group_by(["src"], maintain_order=True)
        ]
        return {"tries": tries, "told": noted(told, sized(found, ["src"]), ["src"], _MOST_TOLD)}, news

    def samples(self) -> Samples:
        """A machine inside that tries its neighbours over days; one that uses many, and a server's answers."""
        line = (
            "@bsd@ gate kernel: [1.0] DROP IN=lan OUT= SRC=10.0.0.66 DST=10.0.0.@n@ LEN=44 TTL=64 ID=1 PROTO=TCP "
            "SPT=40000 DPT=445 WINDOW=1024 SYN URGP=0"
        )
        used = line.replace("DROP", "ACCEPT")
        stray = (
            line.replace("SPT=40000", "SPT=443").replace("DST=10.0.0.@n@", "DST=10.0.0.7").replace("=445", "=5000@n@")
        )
        return made(
            fire=[{"line": line, "times": 40, "every": 7_200}],
            silent=[
                {"line": used, "times": 40, "every": 60},
                {"line": stray, "times": 9, "every": 60},
                {"line": line.replace("@n@", "5"), "times": 40, "every": 60},
            ],
        )


def _vain(seen: Seen) -> pl.DataFrame:
    """The tries of a batch that came to nothing, the first at each door."""
    frame = flows(seen).filter(pl.col("made") == pl.lit(value=False), ~pl.col("answer"), pl.col("port").is_not_null())
    return (
        frame.filter(~pl.col("port").is_in(_CHATTER))
        .unique(["src", "dst", "port"], keep="first", maintain_order=True)
        .select(*_TRIES)
    )


def _judged(tries: pl.DataFrame, told: pl.DataFrame, *, done: bool) -> pl.DataFrame:
    """The tries of those who are to be reported."""
    outward = pl.col("src_inside") & ~pl.col("dst_inside")
    deep = pl.len().over("src", "dst") >= _LEAST
    wide = (pl.len().over("src", "port") >= _LEAST) & ~outward
    many = tries.filter(deep | wide)
    wanted = due(sized(many, ["src"]), told, ["src"], done=done)
    return many.join(wanted, on="src", how="semi", maintain_order="left")


def _detection(info: RuleInfo, who: str, lines: pl.DataFrame) -> Detection:
    machines, ports = lines["dst"].n_unique(), lines["port"].n_unique()
    why = _(
        "{ip} tried doors and was refused or got no answer (machines: {machines}, ports: {ports}) within {span}"
    ).format(ip=printable(who, 60), ports=ports, machines=machines, span=detections.spanned(lines))
    return detections.of_lines(
        info,
        lines,
        FLOW,
        why,
        actors=Actors(ip=(who,)),
        targets=detections.named(lines["dst"]),
        severity=None if bool(lines["src_inside"][0]) else Severity.LOW,
    )
