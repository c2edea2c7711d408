"""Records are missing from the middle of a Windows event log.

Windows numbers the events of a channel one by one. In a log that was copied or exported whole, numbers follow one
another; where single ones are missing between long unbroken stretches, somebody took records out. A filtered export
lacks numbers everywhere, and a log that overwrote itself at its beginning: neither is a gap of that kind. Two files of
one channel may lie months apart, so only numbers within one file count.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext

#: As many records without a gap on each side make a stretch unbroken.
_STRETCH: Final = 200
#: More gaps than this, or a smaller share of the numbers, and the export was filtered.
_MOST_GAPS: Final = 5
_SHARE: Final = 0.9
#: Records are written out of order by no more than this.
_LATE_US: Final = 3_600 * US_PER_S
_MOST_STRETCHES: Final = 100_000
_MOST_TOLD: Final = 5_000
_WINDOWS: Final = LogSource(product="windows")
_KEY: Final = (PATH, "Channel", "Computer")

_STRETCHES: Final = {
    **dict.fromkeys(_KEY, pl.String),
    "first": pl.Int64,
    "last": pl.Int64,
    "first_line": pl.Int64,
    "last_line": pl.Int64,
    "first_us": pl.Int64,
    TIME: pl.Int64,
}
_TOLD: Final = {**dict.fromkeys(_KEY, pl.String), "last": pl.Int64, TIME: pl.Int64}


class RecordGaps:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.record_gaps",
            name="record_gaps",
            title="Records are missing from the middle of a Windows log",
            severity=Severity.MEDIUM,
            description="The numbers of a log's records jump in the middle of a stretch that is otherwise unbroken. "
            "Windows leaves no number out: records were removed, or could not be read.",
            techniques=("T1685.005",),
            tactics=("defense-impairment",),
            falsepositives=(
                "A part of the file is damaged; then reading it says so too",
                "An export that leaves out very few kinds of events",
            ),
            author="pollwatch",
            status="experimental",
            meaning="Pages were torn out of this machine's diary, and only those. Somebody knew which ones.",
            steps=(
                "Keep the machine as it is, and copy the log again to see whether the same numbers are missing.",
                "Look for the same time in the logs of other machines and of the firewall.",
                "Ask who was logged in as an administrator since then.",
            ),
            path=__file__,
        ),
        (_WINDOWS,),
        ("EventRecordID", "Channel"),
        (
            "record numbers of one channel, computer and file jump between two unbroken stretches of 200 or more",
            "no more than 5 times, and nine in ten numbers are there: the export was not filtered",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {"stretches": pl.DataFrame(schema=_STRETCHES), "told": pl.DataFrame(schema=_TOLD)}

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's record numbers in; say which are missing once they can no longer come."""
        stretches, told = memory["stretches"], memory["told"]
        if seen is not None:
            stretches = bounded(_joined(pl.concat([stretches, _single(seen)])), _MOST_STRETCHES)
        if not done and watermark_us is None:
            return {"stretches": stretches, "told": told}, []
        found = _gaps(stretches).join(told, on=[*_KEY, "last"], how="anti", maintain_order="left")
        if not done:
            found = found.filter(pl.col("after_us") < (watermark_us or 0) - _LATE_US)
        news = [_detection(self.rule.info, gaps) for _key, gaps in found.group_by(_KEY, maintain_order=True)]
        told = pl.concat([told, found.select(*_TOLD)]).tail(_MOST_TOLD)
        return {"stretches": stretches, "told": told}, news

    def samples(self) -> Samples:
        """Three records taken out of six hundred; a filtered export; a log that is whole, newest first."""

        def lines(numbers: list[int], channel: str = "Security") -> list[str]:
            return [
                f'{{"TimeCreated":"@iso@","EventID":4624,"Channel":"{channel}","Computer":"dc1","EventRecordID":{n}}}'
                for n in numbers
            ]

        return made(
            fire=lines([n for n in range(1_000, 1_600) if n not in {1_300, 1_301, 1_305}]),
            silent=[
                *lines(list(range(1, 900, 3))),
                *lines(list(range(900, 300, -1)), "System"),
                *lines([n for n in range(100) if n != 90], "Application"),
            ],
        )


def _single(seen: Seen) -> pl.DataFrame:
    """Each record of a batch as a stretch of one."""
    frame = seen.frame("EventRecordID", "Channel", "Computer")
    number, line, time = pl.col("EventRecordID").cast(pl.Int64, strict=False), pl.col(NUMBER), pl.col(TIME)
    return (
        frame.with_columns(number=number, Computer=pl.col("Computer").fill_null(""))
        .drop_nulls(["number", "Channel"])
        .select(
            *_KEY,
            first=pl.col("number"),
            last=pl.col("number"),
            first_line=line,
            last_line=line,
            first_us=time,
            **{TIME: time},
        )
    )


def _joined(stretches: pl.DataFrame) -> pl.DataFrame:
    """Stretches that follow one another or overlap, as one."""
    ordered = stretches.sort(*_KEY, "first", maintain_order=True)
    so_far = pl.col("last").cum_max().over(_KEY).shift(1).over(_KEY)
    begins = (pl.col("first") > so_far + 1).fill_null(value=True)
    return (
        ordered.with_columns(stretch=begins.cum_sum())
        .group_by(*_KEY, "stretch", maintain_order=True)
        .agg(
            pl.col("first").first(),
            pl.col("last").max(),
            pl.col("first_line").first(),
            pl.col("last_line").sort_by("last").last(),
            pl.col("first_us").first(),
            pl.col(TIME).sort_by("last").last(),
        )
        .select(*_STRETCHES)
    )


def _gaps(stretches: pl.DataFrame) -> pl.DataFrame:
    """Where records are missing in logs that are otherwise whole: the record before, and the one after."""
    size = pl.col("last") - pl.col("first") + 1
    following = {
        "next": pl.col("first").shift(-1).over(_KEY),
        "after": pl.col("first_line").shift(-1).over(_KEY),
        "after_us": pl.col("first_us").shift(-1).over(_KEY),
    }
    whole = (
        (size.sum().over(_KEY) >= _SHARE * (pl.col("last").max().over(_KEY) - pl.col("first").min().over(_KEY) + 1))
        & (pl.len().over(_KEY) <= _MOST_GAPS + 1)
        & (size.first().over(_KEY) >= _STRETCH)
        & (size.last().over(_KEY) >= _STRETCH)
    )
    return stretches.filter(whole).with_columns(**following).drop_nulls("next")


def _detection(info: RuleInfo, gaps: pl.DataFrame) -> Detection:
    missing = sum(gaps["next"] - gaps["last"] - 1)
    channel, computer = (printable(str(gaps[name][0]), 80) for name in ("Channel", "Computer"))
    said = ngettext(
        "in the log {channel} of {computer}, {n} record is missing between number {before} and {after}",
        "in the log {channel} of {computer}, {n} records are missing between number {before} and {after}",
        missing,
    )
    why = said.format(
        channel=channel,
        computer=computer or _("a machine that it does not name"),
        n=missing,
        before=gaps["last"][0],
        after=gaps["next"][-1],
    )
    before = gaps.select(PATH, TIME, pl.col("last_line").alias(NUMBER))
    after = gaps.select(PATH, pl.col("after_us").alias(TIME), pl.col("after").alias(NUMBER))
    lines = pl.concat([before, after]).sort(NUMBER)
    return detections.of_lines(info, lines, _WINDOWS, why, actors=Actors(), targets=gaps["Computer"].unique().to_list())
