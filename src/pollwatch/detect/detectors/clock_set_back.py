"""The clock of a Windows machine was set back: later records of a log carry earlier times.

Windows numbers the events of a channel in the order in which it writes them. Where a higher number has a time that
lies minutes before that of the number before it, the clock was moved in between, and times of that machine cannot be
compared with those of others. Programs deliver events late by seconds, not by so much.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.detect.why import span
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.i18n import _

#: A step back of less is a delayed delivery.
_LEAST_US: Final = 15 * 60 * US_PER_S
#: Between the two records lie no more numbers than this: a log that was emptied begins anew.
_MOST_BETWEEN: Final = 1_000
#: Logs whose events are written when they happen; others collect first and write later.
_CHANNELS: Final = ("Security", "System", "Application", "Microsoft-Windows-Sysmon/Operational")
_MOST_LOGS: Final = 20_000
_WINDOWS: Final = LogSource(product="windows")
_KEY: Final = (PATH, "Channel", "Computer")

#: Of each log the record with the lowest and the one with the highest number so far.
_ENDS: Final = {**dict.fromkeys(_KEY, pl.String), "record": pl.Int64, TIME: pl.Int64, NUMBER: pl.Int64}


class ClockSetBack:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.clock_set_back",
            name="clock_set_back",
            title="The clock of a Windows machine was set back",
            severity=Severity.LOW,
            description="Records that a machine wrote later carry earlier times. Its clock was set back in between, "
            "so what its logs say about when things happened cannot be trusted.",
            techniques=("T1070.006",),
            tactics=("stealth",),
            falsepositives=(
                "A machine whose clock ran ahead and was put right",
                "A virtual machine that was taken back to an earlier state",
            ),
            author="pollwatch",
            status="experimental",
            meaning="For some time this machine lived in another hour than the others. That may be a flat battery, or "
            "somebody who wants to look as if it happened at another time.",
            steps=(
                "Ask who set the clock, and why.",
                "Compare with the logs of other machines before you write a time into a report.",
            ),
            path=__file__,
        ),
        (_WINDOWS,),
        ("EventRecordID", "Channel"),
        (
            "in one file, channel and computer a record is 15 minutes or more older than the one numbered before it",
            "among Security, System, Application and Sysmon",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {"ends": pl.DataFrame(schema=_ENDS)}

    def step(
        self,
        memory: Memory,
        seen: Seen | None,
        watermark_us: int | None,  # noqa: ARG002 - a step is seen when it is met
        *,
        done: bool,  # noqa: ARG002
    ) -> tuple[Memory, list[Detection]]:
        """Compare a batch's records with each other and with those at the ends of what came before."""
        if seen is None:
            return memory, []
        number = pl.col("EventRecordID").cast(pl.Int64, strict=False)
        fresh = (
            seen.frame("EventRecordID", "Channel", "Computer")
            .filter(pl.col("Channel").is_in(_CHANNELS))
            .with_columns(record=number, Computer=pl.col("Computer").fill_null(""))
            .drop_nulls("record")
            .select(*_ENDS)
        )
        both = pl.concat([memory["ends"], fresh]).unique([*_KEY, "record"], keep="first", maintain_order=True)
        ordered = both.sort(*_KEY, "record", maintain_order=True)
        steps = ordered.with_columns(
            earlier=pl.col(TIME).shift(1).over(_KEY),
            before=pl.col(NUMBER).shift(1).over(_KEY),
            between=pl.col("record").diff().over(_KEY),
        ).filter(pl.col("earlier") - pl.col(TIME) >= _LEAST_US, pl.col("between") <= _MOST_BETWEEN)
        ends = pl.concat([ordered.group_by(_KEY, maintain_order=True).first().select(*_ENDS),
                          ordered.group_by(_KEY, maintain_order=True).last().select(*_ENDS)])  # fmt: skip
        ends = ends.unique([*_KEY, "record"], maintain_order=True).sort(TIME, maintain_order=True).tail(_MOST_LOGS)
        new = steps.filter(pl.struct(PATH, NUMBER).is_in(fresh.select(pl.struct(PATH, NUMBER)).to_series().implode()))
        return {"ends": ends}, [
            _detection(self.rule.info, mine) for _key, mine in new.group_by(_KEY, maintain_order=True)
        ]

    def samples(self) -> Samples:
        """A clock set back by an hour; events delivered seconds late, and a log that begins anew."""

        def line(record: int, every: float) -> dict[str, object]:
            own = f'"Channel":"Security","Computer":"dc1","EventRecordID":{record}'
            return {"line": f'{{"TimeCreated":"@iso@","EventID":4624,{own}}}', "every": every}

        return made(
            fire=[*(line(n, 60) for n in range(100, 170)), line(171, -3_600), *(line(n, 60) for n in range(172, 200))],
            silent=[*(line(n, 60) for n in range(5_000, 5_060)), line(5_060, -5), *(line(n, 60) for n in range(1, 30))],
        )


def _detection(info: RuleInfo, steps: pl.DataFrame) -> Detection:
    computer = printable(str(steps["Computer"][0]), 80)
    back_us = int((steps["earlier"] - steps[TIME]).to_numpy().max())
    why = _("the clock of {computer} was set back by {span}").format(
        computer=computer or _("a machine that is not named"), span=span(0, back_us)
    )
    before = steps.select(PATH, pl.col("earlier").alias(TIME), pl.col("before").alias(NUMBER))
    lines = pl.concat([before, steps.select(PATH, TIME, NUMBER)]).unique([PATH, NUMBER]).sort(NUMBER)
    return detections.of_lines(
        info, lines, _WINDOWS, why, actors=Actors(), targets=steps["Computer"].unique().to_list()
    )
