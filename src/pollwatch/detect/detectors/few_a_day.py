"""A few attacks a day, for days: too few to stand out in any hour, all by one source.

What an attack is, the rules say; this only counts on how many different days one address made one. The injection into
Illinois' voter database went on for three weeks before anybody saw it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, due, noted
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import WEB
from pollwatch.i18n import _

_DAY_US: Final = 86_400_000_000
#: On so many different days, with so many attacks in all, not all of them the same.
_DAYS: Final = 3
_ATTACKS: Final = 6
_KINDS: Final = 2
#: Of one address's day, no more are remembered.
_A_DAY: Final = 25
_SPAN_US: Final = 60 * _DAY_US
_MOST: Final = 120_000
_MOST_TOLD: Final = 20_000
_LONGEST: Final = 120
#: What is done to get in or to run something; looking around is none of it.
_TACTICS: Final = frozenset({"initial-access", "execution", "persistence", "collection", "exfiltration"})

_TRIES: Final = {
    "c-ip": pl.String,
    "day": pl.Int64,
    "what": pl.UInt64,
    "cs-uri": pl.String,
    "cs-host": pl.String,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class FewADay:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.few_a_day",
            name="few_a_day",
            title="A few attacks a day, for days, from one source",
            severity=Severity.MEDIUM,
            description="One source attacks on several days, each day so little that it does not stand out. That is "
            "somebody with patience, who means this site.",
            techniques=("T1190",),
            tactics=("initial-access",),
            falsepositives=("A monitor of your own that tries attacks on purpose, every day",),
            author="pollwatch",
            status="experimental",
            meaning="Somebody has been trying to get into this site for days and takes care not to be seen. People who "
            "are that patient come back.",
            steps=(
                "Find out whether any of the attacks worked: look for answers that are larger than usual.",
                "Give the address and the days to your web provider and ask for the logs before the first of them.",
                "Ask the members of the joint watch whether they have seen the same address.",
            ),
            path=__file__,
        ),
        (WEB,),
        ("c-ip", "cs-uri"),
        (
            "rules find attacks of one address on three different days within 60 days",
            "six attacks in all, of which not all are the same request",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "tries": pl.DataFrame(schema=_TRIES),
            "told": pl.DataFrame(schema={"c-ip": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take in what rules found in a batch; judge who comes back."""
        tries, told = memory["tries"], memory["told"]
        fresh = pl.DataFrame(schema=_TRIES) if seen is None else _attacks(seen)
        if len(fresh):
            since_us = None if watermark_us is None else watermark_us - _SPAN_US
            both = pl.concat([tries, fresh]).group_by(["c-ip", "day"], maintain_order=True).head(_A_DAY)
            tries = bounded(both.select(*_TRIES), _MOST, since_us)
        if not done and not len(fresh):
            return {"tries": tries, "told": told}, []
        days = tries.group_by("c-ip", maintain_order=True).agg(
            size=pl.col("day").n_unique().cast(pl.Int64),
            attacks=pl.len(),
            kinds=pl.col("what").n_unique(),
            **{TIME: pl.col(TIME).max()},
        )
        days = days.filter(pl.col("size") >= _DAYS, pl.col("attacks") >= _ATTACKS, pl.col("kinds") >= _KINDS)
        days = due(days, told, ["c-ip"], done=done)
        found = tries.join(days, on="c-ip", how="semi", maintain_order="left")
        news = [_detection(self.rule.info, mine) for _who, mine in found.group_by(["c-ip"], maintain_order=True)]
        return {"tries": tries, "told": noted(told, days, ["c-ip"], _MOST_TOLD)}, news

    def samples(self) -> Samples:
        """Two injections a day for a week; a busy hour of them; a visitor who searches every day."""
        attack = "GET /search?q=1%27%20UNION%20SELECT%20{n},name%20FROM%20voters--"
        return made(
            fire=[{"request": attack.format(n=at), "every": 43_000} for at in range(14)],
            silent=[
                *({"request": attack.format(n=at), "every": 300} for at in range(14)),
                *({"request": f"GET /search?q=street+{at}", "ip": "198.51.100.7", "every": 43_000} for at in range(14)),
            ],
        )


def _attacks(seen: Seen) -> pl.DataFrame:
    """The rows in which rules found an attack."""
    found = [
        hit.rows for hit in seen.hits if _TACTICS.intersection(hit.info.tactics) and hit.info.severity > Severity.INFO
    ]
    if not found:
        return pl.DataFrame(schema=_TRIES)
    frame = seen.frame("c-ip", "cs-uri", "cs-host", rows=np.unique(np.concatenate(found)))
    return (
        frame.filter(pl.col("c-ip").is_not_null())
        .with_columns(
            day=pl.col(TIME) // _DAY_US,
            what=pl.col("cs-uri").fill_null("").hash(seed=0),
            **{"cs-uri": pl.col("cs-uri").str.slice(0, _LONGEST)},
        )
        .select(*_TRIES)
    )


def _detection(info: RuleInfo, lines: pl.DataFrame) -> Detection:
    who = str(lines["c-ip"][0])
    why = _("{ip} attacked on {days} days within {span}, a few times a day, for example: {example}").format(
        ip=printable(who, 60),
        days=lines["day"].n_unique(),
        span=detections.spanned(lines),
        example=printable(str(lines["cs-uri"][-1]), _LONGEST),
    )
    return detections.of_lines(
        info,
        lines,
        WEB,
        why,
        actors=Actors(ip=(who,)),
        targets=detections.named(lines["cs-host"]),
    )
