"""A machine inside calls the same place outside again and again, as a clock does and no human.

Malware asks its owner for orders every so often, give or take some share of the time so that it is no perfect clock.
Updates, mail and time are as regular, but many machines of an office ask the same place; and a place that is asked
from the first day that a machine is watched is its habit. What is told is: at least two hours of regular, small calls
by one or two machines. Only where the machine's habits were known before is it more than a hint.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.flowframes import WATCHED, flows, watched
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, due, grown, noted, sized
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import FLOW
from pollwatch.i18n import _

_LEAST_CALLS: Final = 12
_LEAST_SPAN_US: Final = 2 * 3_600 * US_PER_S
#: Calls closer together are one call.
_TOGETHER_US: Final = 10 * US_PER_S
_SHORTEST_US: Final = 20 * US_PER_S
_LONGEST_US: Final = 8 * 3_600 * US_PER_S
#: How far the middle half of the intervals may be from the middle one, and how different long and short ones are.
_LOOSE: Final = 0.25
_STRETCH: Final = 3.0
#: An order and its answer are small.
_MOST_SENT: Final = 20_000
#: So many machines that ask the same place make it a service.
_SHARED: Final = 3
_DAY_US: Final = 86_400 * US_PER_S
_KEPT_US: Final = 7 * _DAY_US
#: Name servers, time, addresses, management, logs, mail, push messages, VPN: regular by their nature.
_REGULAR: Final = (53, 67, 68, 110, 123, 143, 161, 162, 500, 514, 853, 993, 995, 4500, 5222, 5223, 5228, 6514)
_MOST_CALLS: Final = 120_000
_MOST_PLACES: Final = 60_000
_KEY: Final = ("src", "dst", "port")
_CALLS: Final = {
    "src": pl.String,
    "dst": pl.String,
    "port": pl.Int64,
    "sent": pl.Int64,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class Beacon:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.beacon",
            name="beacon",
            title="A machine calls the same outside place like a clock",
            severity=Severity.MEDIUM,
            description="A machine of the own network calls one outside address at regular intervals for hours, with "
            "little content, and hardly any other machine does.",
            techniques=("T1071",),
            tactics=("command-and-control",),
            falsepositives=(
                "A new device or program that asks its maker for news",
                "A monitor that watches an outside service",
            ),
            author="pollwatch",
            status="experimental",
            meaning="One of your computers reports somewhere at fixed intervals, as programs under foreign control do. "
            "Many honest programs do the same; the question is whether you know this one.",
            steps=(
                "Find out which computer it is, and what is at the address that it calls.",
                "If nobody knows the program, unplug the computer from the network, but leave it switched on.",
                "Ask your IT help to look at what runs on it.",
            ),
            path=__file__,
        ),
        (FLOW,),
        ("src_ip", "dest_ip", "dest_port"),
        (
            "an inside address calls one outside address and port 12 times in 2 hours or more, 20 s to 8 h apart",
            "half of the intervals are within 25 % of the middle one, and long ones at most 3 times the short ones",
            "less than 20 kB are sent each time, and fewer than 3 inside addresses call the place",
            "the first call is within the first day that the machine is watched: the finding is low",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "calls": pl.DataFrame(schema=_CALLS),
            "shared": pl.DataFrame(schema={"dst": pl.String, TIME: pl.Int64}),
            "hosts": pl.DataFrame(schema=WATCHED),
            "told": pl.DataFrame(
                schema={"src": pl.String, "dst": pl.String, "port": pl.Int64} | {"size": pl.Int64, TIME: pl.Int64}
            ),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's calls in, forget those of shared places, judge the rest."""
        calls, shared, hosts, told = (memory[name] for name in ("calls", "shared", "hosts", "told"))
        fresh = pl.DataFrame(schema=_CALLS)
        if seen is not None:
            frame = flows(seen).filter(
                "src_inside", ~pl.col("dst_inside"), ~pl.col("answer"), pl.col("port").is_not_null()
            )
            hosts = watched(hosts, frame, _MOST_PLACES)
            fresh = frame.filter(~pl.col("port").is_in(_REGULAR)).select(*_CALLS).join(shared, on="dst", how="anti")
            calls = pl.concat([calls, fresh])
            many = (
                calls.group_by("dst").agg(pl.col("src").n_unique(), pl.col(TIME).max()).filter(pl.col("src") >= _SHARED)
            )
            shared = grown(shared, many, _MOST_PLACES)
            since_us = None if watermark_us is None else watermark_us - _KEPT_US
            calls = bounded(calls.join(many, on="dst", how="anti", maintain_order="left"), _MOST_CALLS, since_us)
        kept = {"calls": calls, "shared": shared, "hosts": hosts, "told": told}
        if not len(calls) or (not done and not len(fresh)):
            return kept, []
        asked = calls if done else calls.join(fresh.select(_KEY).unique(), on=_KEY, how="semi", maintain_order="left")
        found = _judged(asked, hosts, told, done=done)
        news = [_detection(self.rule.info, mine) for _key, mine in found.group_by(_KEY, maintain_order=True)]
        return kept | {"told": noted(told, sized(found, _KEY), _KEY, _MOST_PLACES)}, news

    def samples(self) -> Samples:
        """A call every ten minutes, a fifth early or late; people's visits, a service that all ask, and mail."""
        line = (
            "@bsd@ gate kernel: [1.0] ACCEPT IN=lan OUT=wan SRC=10.0.0.66 DST=203.0.113.9 LEN=60 TTL=64 ID=1 PROTO=TCP "
            "SPT=40000 DPT=443 SYN"
        )
        other = line.replace("DST=203.0.113.9", "DST=198.51.100.9")
        jitter = [{"line": line, "every": 480 + (n * 97) % 240} for n in range(40)]
        visits = [{"line": line, "every": 11 + (n * n * n * 131) % 3_000} for n in range(40)]
        service = [
            {"line": other.replace("10.0.0.66", f"10.0.0.{machine}"), "every": 200}
            for _ in range(20)
            for machine in (7, 8, 9)
        ]
        return made(
            fire=[{"line": other, "times": 30, "every": 3_600}, *jitter],
            silent=[*visits, *service, {"line": line.replace("DPT=443", "DPT=993"), "times": 40, "every": 600}],
        )


def _judged(calls: pl.DataFrame, hosts: pl.DataFrame, told: pl.DataFrame, *, done: bool) -> pl.DataFrame:
    """The calls of clocks that are to be reported."""
    ordered = calls.filter(pl.len().over(_KEY) >= _LEAST_CALLS).sort(*_KEY, TIME, maintain_order=True)
    single = ordered.filter((pl.col(TIME).diff().over(_KEY) >= _TOGETHER_US).fill_null(value=True))
    gaps = single.with_columns(gap=pl.col(TIME).diff().over(_KEY))
    gap = pl.col("gap")
    clocks = (
        gaps.group_by(_KEY, maintain_order=True)
        .agg(
            size=pl.len(),
            first=pl.col(TIME).min(),
            long=pl.col(TIME).max() - pl.col(TIME).min(),
            middle=gap.median(),
            off=(gap - gap.median()).abs().median(),
            short_gap=gap.quantile(0.1),
            long_gap=gap.quantile(0.9),
            sent=pl.col("sent").median(),
        )
        .filter(
            pl.col("size") >= _LEAST_CALLS,
            pl.col("long") >= _LEAST_SPAN_US,
            pl.col("middle").is_between(_SHORTEST_US, _LONGEST_US),
            pl.col("off") <= _LOOSE * pl.col("middle"),
            pl.col("long_gap") <= _STRETCH * pl.col("short_gap"),
            pl.col("sent").fill_null(0) <= _MOST_SENT,
        )
        .pipe(due, told, _KEY, done=done)
        .join(hosts.select("src", "since"), on="src", how="left")
        .select(*_KEY, "middle", known=pl.col("first") - pl.col("since").fill_null(pl.col("first")) >= _DAY_US)
    )
    return single.join(clocks, on=_KEY, how="inner", maintain_order="left")


def _detection(info: RuleInfo, lines: pl.DataFrame) -> Detection:
    src, dst, port = (lines[name][0] for name in _KEY)
    why = _("{ip} called {target}, port {port}, {count} times within {span}, about every {minutes} minutes").format(
        ip=printable(str(src), 60),
        target=printable(str(dst), 60),
        port=port,
        count=len(lines),
        span=detections.spanned(lines),
        minutes=f"{lines['middle'][0] / (60 * US_PER_S):.1f}",
    )
    return detections.of_lines(
        info,
        lines,
        FLOW,
        why,
        actors=Actors(ip=(str(dst),)),
        targets=(str(src),),
        severity=None if bool(lines["known"][0]) else Severity.LOW,
    )
