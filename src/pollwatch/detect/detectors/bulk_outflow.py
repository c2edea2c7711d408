"""A machine inside gives one outside address far more than it ever gave any.

Crowds take much from a website, each of them little; a backup takes much every night. Theft is much to *one* address,
and new. What a machine gave to the one that took most, day by day, is its own baseline. Where there is no earlier
day, only a very large amount is told, and only as a hint.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.flowframes import flows
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, due, grown, noted
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import FLOW
from pollwatch.i18n import _

_LEAST: Final = 100_000_000
_TIMES: Final = 10
_LEAST_UNKNOWN: Final = 1_000_000_000
_DAY_US: Final = 86_400 * US_PER_S
_KEPT_US: Final = 21 * _DAY_US
#: A flow that is shown among the lines.
_LARGE: Final = 100_000
_MOST_DAYS: Final = 150_000
_MOST_LARGE: Final = 60_000
_KEY: Final = ("host", "other", "day")
_LINE: Final = {TIME: pl.Int64, PATH: pl.String, NUMBER: pl.Int64}
_DAYS: Final = {"host": pl.String, "other": pl.String, "day": pl.Int64, "size": pl.Int64, **_LINE}


class BulkOutflow:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.bulk_outflow",
            name="bulk_outflow",
            title="Far more data left a machine for one address than ever before",
            severity=Severity.MEDIUM,
            description="A machine of the own network gave one outside address at least ten times as much on one day "
            "as it gave any address on any earlier day.",
            techniques=("T1048", "T1567"),
            tactics=("exfiltration",),
            falsepositives=(
                "The first backup to a new place",
                "Somebody who sends a large file, a film or a recording",
            ),
            author="pollwatch",
            status="experimental",
            meaning="An unusual amount of data left one of your computers for a single place. It may be a backup or a "
            "video, or a copy of your records.",
            steps=(
                "Ask who uses that computer what was sent.",
                "Find out what is at the address; a cloud storage that nobody uses is a bad sign.",
                "If nobody can explain it, take the computer off the network and note which data it can reach.",
            ),
            path=__file__,
        ),
        (FLOW,),
        ("src_ip", "dest_ip"),
        (
            "an inside address gives one outside address 100 MB within a day (UTC)",
            "that is ten times as much as any address got from it on any earlier day",
            "there is no earlier day: 1 GB, and the finding is low",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        large = {"host": pl.String, "other": pl.String, "day": pl.Int64, **_LINE}
        told = {"host": pl.String, "other": pl.String, "day": pl.Int64, "size": pl.Int64, TIME: pl.Int64}
        return {
            "days": pl.DataFrame(schema=_DAYS),
            "large": pl.DataFrame(schema=large),
            "told": pl.DataFrame(schema=told),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Add a batch's flows up; judge the days that grew."""
        days, large, told = memory["days"], memory["large"], memory["told"]
        fresh = days.clear()
        if seen is not None:
            fresh = _given(seen)
            since_us = None if watermark_us is None else watermark_us - _KEPT_US
            added = (
                pl.concat([days, fresh])
                .group_by(_KEY, maintain_order=True)
                .agg(pl.col("size").sum(), pl.col(TIME).max(), pl.col(PATH).first(), pl.col(NUMBER).first())
            )
            days = bounded(added.select(*_DAYS), _MOST_DAYS, since_us)
            large = grown(large, fresh.filter(pl.col("size") >= _LARGE).select(large.columns), _MOST_LARGE, since_us)
        if not done and not len(fresh):
            return {"days": days, "large": large, "told": told}, []
        found = _judged(days, told, done=done)
        news = [_detection(self.rule.info, day, large) for day in found.iter_rows(named=True)]
        return {"days": days, "large": large, "told": noted(told, found, _KEY, _MOST_DAYS // 8)}, news

    def samples(self) -> Samples:
        """Two quiet days and then 300 MB to one address; a crowd that takes as much, and a backup every night."""

        def flow(host: str, other: str, size: int) -> str:
            return (
                f'{{"timestamp":"@iso@","flow_id":@n@,"event_type":"flow","src_ip":"{host}","src_port":40000,'
                f'"dest_ip":"{other}","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{{"pkts_toserver":90,'
                f'"pkts_toclient":90,"bytes_toserver":{size},"bytes_toclient":9000,"state":"closed"}}}}'
            )

        quiet = {"line": flow("10.0.0.66", "198.51.100.7", 2_000_000), "times": 24, "every": 7_200}
        backup = {"line": flow("10.0.0.5", "198.51.100.8", 400_000_000), "times": 3, "every": 86_400}
        crowd = [{"line": flow("10.0.0.66", f"203.0.113.{n}", 5_000_000), "every": 60} for n in range(1, 100)]
        theft = {"line": flow("10.0.0.66", "203.0.113.9", 60_000_000), "times": 5, "every": 600}
        return made(fire=[quiet, theft], silent=[quiet, *crowd, backup])


def _given(seen: Seen) -> pl.DataFrame:
    """What inside machines gave to outside addresses, flow by flow, whoever opened it."""
    frame = flows(seen)
    parts = [
        frame.filter("src_inside", ~pl.col("dst_inside")).select(host="src", other="dst", size="sent", **_kept()),
        frame.filter("dst_inside", ~pl.col("src_inside")).select(host="dst", other="src", size="received", **_kept()),
    ]
    return (
        pl.concat(parts)
        .filter(pl.col("size") > 0)
        .with_columns(day=pl.col(TIME) // _DAY_US)
        .sort(TIME, NUMBER, maintain_order=True)
        .select(*_DAYS)
    )


def _kept() -> dict[str, pl.Expr]:
    return {name: pl.col(name) for name in _LINE}


def _judged(days: pl.DataFrame, told: pl.DataFrame, *, done: bool) -> pl.DataFrame:
    """The days on which one address got far more than any before, with what was the most before."""
    wide = days.filter(pl.col("size") >= _LEAST)
    if not len(wide):
        return wide.with_columns(most=pl.lit(None, pl.Int64))
    most = days.group_by("host", "day").agg(most=pl.col("size").max())
    earlier = (
        wide.select("host", "day")
        .unique()
        .join(most, on="host", suffix="_before")
        .filter(pl.col("day_before") < pl.col("day"))
    )
    before = earlier.group_by("host", "day").agg(pl.col("most").max())
    return (
        wide.join(before, on=["host", "day"], how="left", maintain_order="left")
        .filter(
            pl.when(pl.col("most").is_null())
            .then(pl.col("size") >= _LEAST_UNKNOWN)
            .otherwise(pl.col("size") >= _TIMES * pl.col("most")),
        )
        .pipe(due, told, _KEY, done=done)
        .select(*_DAYS, "most")
    )


def _detection(info: RuleInfo, day: dict[str, object], large: pl.DataFrame) -> Detection:
    host, other, most = str(day["host"]), str(day["other"]), day["most"]
    lines = large.filter(pl.col("host") == host, pl.col("other") == other, pl.col("day") == day["day"])
    if not len(lines):  # many small flows: the last one stands for them
        lines = pl.DataFrame({name: [day[name]] for name in _LINE}, schema=_LINE)
    said = (
        _("{ip} gave {size} MB to {target} on one day; the most that any address got on an earlier day was {most} MB")
        if most is not None
        else _("{ip} gave {size} MB to {target} on one day; there is no earlier day to compare")
    )
    why = said.format(
        ip=printable(host, 60),
        target=printable(other, 60),
        size=f"{int(str(day['size'])) / 1e6:.0f}",
        most="" if most is None else f"{int(str(most)) / 1e6:.1f}",
    )
    return detections.of_lines(
        info,
        lines,
        FLOW,
        why,
        actors=Actors(ip=(other,)),
        targets=(host,),
        severity=Severity.LOW if most is None else None,
    )
