"""One machine inside begins to go to many machines inside by the ways that administrators use.

Whoever owns one machine goes on to the next by remote desktop, file shares, remote management. So does every
administrator, every day, and from the same machine to the same machines. What counts is therefore the *first* way
from one machine to another: many of those within a day. A machine that was watched for a day before and did nothing
of the kind is the clearer case; where nothing is known of its habits, more is asked, and less is said.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.flowframes import WATCHED, flows, watched
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, noted, sized, worth_telling
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import FLOW
from pollwatch.i18n import _

#: SSH, RPC, file shares, remote desktop, VNC, Windows remote management.
_WAYS: Final = (22, 135, 445, 3389, 5900, 5985, 5986)
#: So many machines that it never went to, within a day; of a machine whose habits are not known, more.
_LEAST: Final = 6
_LEAST_UNKNOWN: Final = 10
_DAY_US: Final = 86_400 * US_PER_S
_MOST_PAIRS: Final = 150_000
_MOST_HOSTS: Final = 60_000
_PAIRS: Final = {
    "src": pl.String,
    "dst": pl.String,
    "port": pl.Int64,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class LateralMovement:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.lateral_movement",
            name="lateral_movement",
            title="One machine goes to many others by administrators' ways for the first time",
            severity=Severity.MEDIUM,
            description="A machine of the own network reached many others by remote desktop, file shares, remote "
            "management or SSH, none of which it had gone to before.",
            techniques=("T1021", "T1570"),
            tactics=("lateral-movement",),
            falsepositives=(
                "A new server for administration, backup or inventory",
                "A security test that you ordered yourself",
            ),
            author="pollwatch",
            status="experimental",
            meaning="One of your computers has begun to connect to many others the way administrators do. Somebody who "
            "broke in moves on like this.",
            steps=(
                "Find out which computer it is and ask its user and your administrators whether they did this.",
                "If nobody did, unplug it from the network, but leave it switched on.",
                "Ask your IT help to look at the computers that it reached.",
            ),
            path=__file__,
        ),
        (FLOW,),
        ("src_ip", "dest_ip", "dest_port"),
        (
            "one inside address reaches 6 inside machines within a day that it never went to",
            "on ports 22, 135, 445, 3389, 5900, 5985 or 5986",
            "nothing is known of its habits from the day before: 10 machines, and the finding is low",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "pairs": pl.DataFrame(schema=_PAIRS),
            "hosts": pl.DataFrame(schema=WATCHED),
            "told": pl.DataFrame(schema={"src": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's first ways in; judge who found many within a day."""
        del watermark_us  # a way that was known stays known, however long ago
        pairs, hosts, told = memory["pairs"], memory["hosts"], memory["told"]
        known = len(pairs)
        if seen is not None:
            frame = flows(seen).filter("src_inside", ~pl.col("answer"))
            hosts = watched(hosts, frame, _MOST_HOSTS)
            fresh = frame.filter(
                "dst_inside",
                pl.col("port").is_in(_WAYS),
                pl.col("made").fill_null(value=True),
                pl.col("src") != pl.col("dst"),
            ).select(*_PAIRS)
            both = pl.concat([pairs, fresh]).sort(TIME, maintain_order=True)
            pairs = bounded(both.unique(["src", "dst"], keep="first", maintain_order=True), _MOST_PAIRS)
        if not done and len(pairs) == known:
            return {"pairs": pairs, "hosts": hosts, "told": told}, []
        found = _judged(pairs, hosts, told, done=done)
        news = [
            _detection(self.rule.info, str(who), mine) for (who,), mine in found.group_by(["src"], maintain_order=True)
        ]
        told = noted(told, sized(found, ["src"]), ["src"], _MOST_HOSTS)
        return {"pairs": pairs, "hosts": hosts, "told": told}, news

    def samples(self) -> Samples:
        """A machine that goes to its neighbours after days of quiet; an administrator's, as on every day."""
        quiet = (
            "@bsd@ gate kernel: [1.0] ACCEPT IN=lan OUT=wan SRC=10.0.0.66 DST=198.51.100.9 LEN=60 TTL=64 ID=1 "
            "PROTO=TCP SPT=40000 DPT=443 SYN"
        )
        move = quiet.replace("DST=198.51.100.9", "DST=10.0.1.@n@").replace("DPT=443", "DPT=3389")
        return made(
            fire=[{"line": quiet, "times": 30, "every": 7_200}, {"line": move, "times": 8, "every": 300}],
            silent=[
                *(each for _day in range(3) for each in ({"line": move, "times": 5, "every": 17_280},)),
                {"line": move.replace("=3389", "=443"), "times": 40, "every": 60},
            ],
        )


def _judged(pairs: pl.DataFrame, hosts: pl.DataFrame, told: pl.DataFrame, *, done: bool) -> pl.DataFrame:
    """The first ways of those who are to be reported, ``watched`` for a day before or not."""
    ordered = pairs.sort("src", TIME, maintain_order=True).join(hosts.select("src", "since"), on="src", how="left")
    ordered = ordered.with_columns(
        watched=(pl.col(TIME) - pl.col("since").fill_null(pl.col(TIME))) >= _DAY_US,
    )
    # So many ways back, how long ago was it? Ways of a machine's first day are its habits, as far as anybody knows.
    back = pl.col(TIME).shift(_LEAST - 1).over("src")
    back_unknown = pl.col(TIME).shift(_LEAST_UNKNOWN - 1).over("src")
    settled = pl.col("watched") & pl.col("watched").shift(_LEAST - 1).over("src").fill_null(value=False)
    reached = pl.col(TIME) - pl.when(settled).then(back).otherwise(back_unknown) <= _DAY_US
    fired = ordered.with_columns(reached=reached.fill_null(value=False), settled=settled)
    wanted = (
        fired.filter("reached")
        .group_by("src")
        .agg(first=pl.col(TIME).min(), habits_known=pl.col("settled").any())
        .join(told, on="src", how="left", suffix="_told")
    )
    found = fired.join(wanted, on="src", how="inner", maintain_order="left").filter(
        pl.col(TIME) >= pl.col("first") - _DAY_US, pl.col("watched") | ~pl.col("habits_known")
    )
    return found.filter(worth_telling(pl.len().over("src"), pl.col("size"), done=done))


def _detection(info: RuleInfo, who: str, lines: pl.DataFrame) -> Detection:
    known = bool(lines["habits_known"][0])
    said = (
        _("{ip} reached {count} machines of the own network within {span} that it had never gone to, on port {ports}")
        if known
        else _(
            "{ip} reached {count} machines of the own network within {span}, on port {ports}; its habits are not known"
        )
    )
    ports = ", ".join(str(each) for each in sorted(lines["port"].unique().to_list()))
    why = said.format(ip=printable(who, 60), count=len(lines), span=detections.spanned(lines), ports=ports)
    return detections.of_lines(
        info,
        lines,
        FLOW,
        why,
        actors=Actors(ip=(who,)),
        targets=detections.named(lines["dst"]),
        severity=None if known else Severity.LOW,
    )
