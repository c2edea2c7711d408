"""Somebody guesses addresses: pages that are not there and that no ordinary visitor of the site asks for.

No tool is named and no list of names is known here. Every site has dead links; many visitors meet the same ones.
Who looks for hidden pages meets many that nobody else meets. So what counts is the number of *different* missing
pages that are a visitor's alone, however slowly: within two weeks, not within minutes.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, due, grown, noted, sized
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.detect.webtraffic import is_part, is_referred, is_robot
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import WEB
from pollwatch.i18n import _

#: As many different pages that are missing for nobody else make a guesser; of a robot that says it is one, more:
#: it knows the addresses of a site that has moved.
_LEAST: Final = 25
_LEAST_OF_ROBOTS: Final = 200
#: And at least this share of what it asked for since it was noticed.
_SHARE: Final = 0.3
#: Who misses no more than this is an ordinary visitor; what two of those miss is a dead link.
_LIGHT: Final = 5
_DEAD: Final = 2
_SPAN_US: Final = 14 * 86_400 * US_PER_S
_MOST_MISSES: Final = 120_000
_MOST_VISITORS: Final = 40_000
#: Refused or missing; 401 is a log-in, 408 and 429 are about time.
_MISSING: Final = (400, 403, 404, 405, 406, 410, 421)

_MISSES: Final = {
    "c-ip": pl.String,
    "what": pl.UInt64,
    "cs-uri-stem": pl.String,
    "cs-host": pl.String,
    "robot": pl.Boolean,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}
_LONGEST: Final = 100


class ForcedBrowsing:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.forced_browsing",
            name="forced_browsing",
            title="Guessing addresses that no ordinary visitor asks for",
            severity=Severity.MEDIUM,
            description="One source asked for many different pages that are not there or not allowed, and that no "
            "ordinary visitor of the site asks for, perhaps only a few a day. It looks for hidden pages.",
            techniques=("T1595.003",),
            tactics=("reconnaissance",),
            falsepositives=(
                "A search engine after the site was moved, if it does not say that it is one",
                "A security test that you ordered yourself",
            ),
            author="pollwatch",
            status="experimental",
            meaning="A program is looking for pages that you never published: forgotten copies, administration, "
            "configuration. By itself that does no harm; what it found matters.",
            steps=(
                "Look at which of its requests were answered with a page (status 200).",
                "Ask your web provider to remove whatever should not be public.",
                "If an administration page was found, limit it to your own network.",
            ),
            path=__file__,
        ),
        (WEB,),
        ("c-ip", "cs-uri-stem", "sc-status"),
        (
            "one address meets 25 different pages within 14 days that are missing or refused (a declared robot: 200)",
            "no two ordinary visitors met those pages as missing",
            "they are at least 30 % of what the address asks for",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "misses": pl.DataFrame(schema=_MISSES),
            "asked": pl.DataFrame(schema={"c-ip": pl.String, "len": pl.Int64, TIME: pl.Int64}),
            "told": pl.DataFrame(schema={"c-ip": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's missing pages in; judge who met many."""
        misses, asked, told = memory["misses"], memory["asked"], memory["told"]
        fresh = pl.DataFrame(schema=_MISSES)
        if seen is not None:
            fresh = _missed(seen)
            since_us = None if watermark_us is None else watermark_us - _SPAN_US
            fresh = fresh.join(misses, on=["c-ip", "what"], how="anti", maintain_order="left")
            if len(fresh):
                misses = grown(misses, fresh, _MOST_MISSES, since_us)
            asked = _asked(asked, misses, seen)
        if not done and not len(fresh):
            return {"misses": misses, "asked": asked, "told": told}, []
        found = self._judged(misses, asked, told, done=done)
        news = [_detection(self.rule.info, who, mine) for (who,), mine in found.group_by(["c-ip"], maintain_order=True)]
        told = noted(told, sized(found, ["c-ip"]), ["c-ip"], _MOST_VISITORS)
        return {"misses": misses, "asked": asked, "told": told}, news

    def _judged(self, misses: pl.DataFrame, asked: pl.DataFrame, told: pl.DataFrame, *, done: bool) -> pl.DataFrame:
        """The misses of those who are to be reported."""
        many = misses.filter(pl.len().over("c-ip") >= _LEAST)
        if not len(many):
            return many
        light = misses.filter(pl.len().over("c-ip") <= _LIGHT)
        dead = light.group_by("what").len().filter(pl.col("len") >= _DEAD)
        own = many.join(dead, on="what", how="anti", maintain_order="left")
        sizes = own.group_by("c-ip").agg(size=pl.len(), robot=pl.col("robot").all())
        least = pl.when("robot").then(_LEAST_OF_ROBOTS).otherwise(_LEAST)
        many_of_all = pl.col("size") >= _SHARE * pl.col("len").fill_null(0)
        wanted = sizes.join(asked, on="c-ip", how="left").filter(pl.col("size") >= least, many_of_all)
        wanted = due(wanted, told, ["c-ip"], done=done)
        return own.join(wanted, on="c-ip", how="semi", maintain_order="left")

    def samples(self) -> Samples:
        """A slow guesser among visitors; visitors who meet a site's dead links, and a robot that says it is one."""
        dead = [
            {"request": f"GET /old/{page}", "status": 404, "ip": f"198.51.100.{visitor}", "every": 60}
            for page in range(40)
            for visitor in (page, page + 1)
        ]
        robot = "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://robot.example/)"
        return made(
            fire=[
                *dead,
                {"request": "GET /guess-@n@", "status": 404, "ip": "203.0.113.9", "times": 40, "every": 7_200},
            ],
            silent=[
                *dead,
                *(
                    {"request": f"GET /old/{page}", "status": 404, "ip": "203.0.113.9", "every": 7}
                    for page in range(40)
                ),
                {"request": "GET /2019/@n@", "status": 404, "agent": robot, "times": 60, "every": 600},
            ],
        )


def _missed(seen: Seen) -> pl.DataFrame:
    """The missing pages of a batch, the first of each visitor's each."""
    rows = seen.rows_where("sc-status", 400, 422)
    if not len(rows):
        return pl.DataFrame(schema=_MISSES)
    frame = seen.frame("c-ip", "cs-uri-stem", "cs-host", "cs-user-agent", "cs-referer", "sc-status", rows=rows)
    stem = pl.col("cs-uri-stem")
    return (
        frame.filter(pl.col("sc-status").cast(pl.Int64, strict=False).is_in(_MISSING), pl.col("c-ip").is_not_null())
        .filter(~(is_part() & is_referred()))
        .with_columns(
            what=stem.hash(seed=0),
            robot=is_robot(),
            **{"cs-uri-stem": stem.str.slice(0, _LONGEST)},
        )
        .drop_nulls("what")
        .unique(["c-ip", "what"], keep="first", maintain_order=True)
        .select(*_MISSES)
    )


def _asked(asked: pl.DataFrame, misses: pl.DataFrame, seen: Seen) -> pl.DataFrame:
    """How much those who missed more than ordinary visitors do have asked for since then."""
    noticed = misses.group_by("c-ip").agg(pl.len(), pl.col(TIME).max()).filter(pl.col("len") > _LIGHT)
    if not len(noticed):
        return asked
    counts = seen.counts("c-ip").join(noticed.select("c-ip", TIME), on="c-ip", how="inner")
    both = pl.concat([asked, counts.select(asked.columns).cast(asked.schema)])
    summed = both.group_by("c-ip", maintain_order=True).agg(pl.col("len").sum(), pl.col(TIME).max())
    return bounded(summed, _MOST_VISITORS)


def _detection(info: RuleInfo, who: object, lines: pl.DataFrame) -> Detection:
    robot = bool(lines["robot"].all())
    why = _(
        "{ip} asked for {count} different pages within {span} that are not there or not allowed, and that no ordinary "
        "visitor asks for, for example: {example}"
    ).format(
        ip=printable(str(who), 60),
        count=len(lines),
        span=detections.spanned(lines),
        example=printable(str(lines["cs-uri-stem"][-1]), _LONGEST),
    )
    return detections.of_lines(
        info,
        lines,
        WEB,
        why,
        actors=Actors(ip=(str(who),)),
        targets=detections.named(lines["cs-host"]),
        severity=Severity.LOW if robot else None,
    )
