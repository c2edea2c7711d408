"""A flood from many addresses, told from a crowd by what it does, compared with the site's own past.

On a deadline day ten times as many people come, and they do what people do: they look at several pages, their browsers
fetch pictures and styles, links bring them. A flood is many requests that leave out what people do. Each minute is
compared with the quiet ones before and after it; mere number never suffices. Who alone sends a tenth of a busy minute
is not one of many, and does not count: a scan of the site is no flood, and makes none of the visitors beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from pollwatch.detect import detections
from pollwatch.detect.columns import Rows
from pollwatch.detect.interface import PATH, Memory, Seen, grown
from pollwatch.detect.observations import NO_TIME, filled_times
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.detect.webtraffic import is_part, is_referred
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.taxonomy import WEB
from pollwatch.i18n import _

_MINUTE_US: Final = 60_000_000
#: A minute is busy with so many requests and so many times those of a quiet one; without a past, with more.
_BUSY: Final = 300
_TIMES: Final = 6
_BUSY_WITHOUT_PAST: Final = 1_000
_PAST_MINUTES: Final = 10
#: So much must speak against a crowd; without a past to compare with, more.
_SIGNS: Final = 2.5
_SIGNS_WITHOUT_PAST: Final = 3.0
_VISITORS: Final = 20
#: Who sends so many in a minute, and one of so many of its requests, is no part of a crowd or a flood.
_ALONE: Final = 100
_ALONE_OF: Final = 10
_REQUESTS: Final = 1_000
#: Busy minutes no further apart are one flood.
_PAUSE_US: Final = 30 * _MINUTE_US
#: Of a batch so many requests are looked at to know what is usual; of busy minutes all.
_LOOKED_AT: Final = 4_000
_MOST_MINUTES: Final = 40_000
_MOST_LINES: Final = 250_000
_MOST_TOLD: Final = 1_000
_MOST_NAMED: Final = 200

_COUNTS: Final = (
    "n",
    "looked",
    "pages",
    "parts",
    "referred",
    "failed",
    "top",
    "asked",
    "fresh",
    "agent",
    "visitors",
    "alike",
)
_COLUMNS: Final = ("c-ip", "cs-host", "cs-uri-stem", "cs-uri-query", "cs-referer", "cs-user-agent", "sc-status")
#: So many requests together show what a minute looks like; fewer wait until their minute is over for so long.
_ENOUGH: Final = 4_000
_SLACK_US: Final = 5_000_000
_LONGEST: Final = 200
_REQUESTED: Final = {
    **dict.fromkeys(_COLUMNS[:-1], pl.String),
    "sc-status": pl.Int64,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}
_MINUTES: Final = {TIME: pl.Int64, **dict.fromkeys(_COUNTS, pl.Int64)}
_LINES: Final = {TIME: pl.Int64, "c-ip": pl.String, "cs-host": pl.String, PATH: pl.String, NUMBER: pl.Int64}
#: What is usual where a log holds nothing but the flood.
_ASSUMED: Final = {"parts": 0.3, "referred": 0.3, "failed": 0.02, "top": 0.5, "asked": 0.2, "agent": 0.3}


class CrowdOrFlood:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.crowd_or_flood",
            name="crowd_or_flood",
            title="Many sources flood the site and do not behave as visitors do",
            severity=Severity.MEDIUM,
            description="Far more requests than usual came from many addresses, and they leave out what people's "
            "browsers do: that is a flood, not a crowd.",
            techniques=("T1499.002",),
            tactics=("impact",),
            falsepositives=(
                "An app or a display of your own that many run and that began to ask too often",
                "A load test that you ordered yourself",
            ),
            author="pollwatch",
            status="experimental",
            meaning="Somebody tries to make the site unreachable. Votes and results are not touched by that; but while "
            "everybody looks at the flood, something else may be going on.",
            steps=(
                "Call your web provider or its flood protection, and give them the hours and the addresses.",
                "Look at what a block would hit before you order it: visitors may be among them.",
                "Look through the other incidents of the same hours: a flood may be a smokescreen.",
                "Say publicly where results can be read meanwhile.",
            ),
            path=__file__,
        ),
        (WEB,),
        ("c-ip", "cs-uri-stem", "sc-status"),
        (
            "300 requests within a minute, six times as many as in a quiet minute of the same log, from 20 addresses",
            "several speak against a crowd: no pictures or styles, no referring pages, one page only, ever new queries",
            "... or errors, one program, the same number of requests from everyone; each compared with quiet minutes",
        ),
    )
    version = "2"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "minutes": pl.DataFrame(schema=_MINUTES),
            "lines": pl.DataFrame(schema=_LINES),
            "told": pl.DataFrame(schema={TIME: pl.Int64, "size": pl.Int64}),
            "waiting": pl.DataFrame(schema=_REQUESTED),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Count a batch's minutes; judge the busy ones."""
        del watermark_us
        minutes, lines, told = memory["minutes"], memory["lines"], memory["told"]
        waiting, looked = _together(memory["waiting"], seen, done=done)
        fresh, suspects = _counted(looked, _usual(minutes))
        minutes = grown(minutes, fresh, _MOST_MINUTES) if len(fresh) else minutes
        busy = len(suspects) > 0
        if busy:
            lines = grown(lines, suspects, _MOST_LINES)
        news: list[Detection] = []
        if busy or done:
            for begin_us, end_us, count, signs in _floods(minutes):
                before = told.filter(pl.col(TIME) == begin_us)["size"].max() or 0
                mine = lines.filter(pl.col(TIME).is_between(begin_us, end_us, closed="left"))
                grew = count > before if done else count >= 2 * before  # type: ignore[operator]
                if grew and mine["c-ip"].n_unique() >= _VISITORS:
                    news.append(_detection(self.rule.info, mine, count, signs))
                    now = pl.DataFrame({TIME: [begin_us], "size": [count]})
                    told = grown(told.filter(pl.col(TIME) != begin_us), now, _MOST_TOLD)
        return {"minutes": minutes, "lines": lines, "told": told, "waiting": waiting}, news

    def samples(self) -> Samples:
        """An evening of visitors with a flood in it; with twelve times as many visitors; with a scan by one of them."""
        return made(
            fire=[*_evening(1), *_flood(), *_evening(1)],
            silent=[*_evening(1), *_evening(12), *_scan(), *_evening(1)],
        )


def _evening(times: int) -> list[dict[str, object]]:
    """Twelve minutes of visitors, each with pages, a style and a picture."""
    steps = ("/", "/style.css", "/logo.png", "/results", "/results/county", "/map.js", "/faq", "/photo.jpg")
    return [
        {
            "request": f"GET {steps[at % 8]}",
            "ip": f"198.51.{at // 8 % 100}.{times}",
            "referer": "-" if at % 8 == 0 else "https://vote.example/",
            "every": 2.5 / times,
        }
        for at in range(288 * times)
    ]


def _flood() -> list[dict[str, object]]:
    """Two minutes of 3,000 requests from 100 addresses for one page."""
    return [
        {"request": f"GET /?{at * 7919 % 99991}x", "ip": f"203.0.113.{at % 100}", "status": 503 if at % 2 else 200,
         "every": 0.04}
        for at in range(3_000)
    ]  # fmt: skip


def _scan() -> list[dict[str, object]]:
    """Three minutes in which one address tries 3,000 values on one page, among 40 visitors with readers of news."""
    visits = [
        {"request": "GET /feed", "ip": f"198.51.100.{at % 40}", "referer": "-", "every": 0.05} for at in range(120)
    ]
    asked = [
        {
            "request": f"GET /item?id={at * 7919 % 99991}",
            "ip": "192.0.2.66",
            "referer": "-",
            "status": 500,
            "every": 0.05,
        }
        for at in range(3_000)
    ]
    return [row for at, row in enumerate(asked) for row in ([row, visits[at // 25]] if at % 25 == 0 else [row])]


def _usual(minutes: pl.DataFrame) -> float | None:
    """Requests in a quiet minute; None where too few are known."""
    per = minutes.group_by(TIME).agg(pl.col("n").sum())
    quarter = per["n"].quantile(0.25) if len(per) >= _PAST_MINUTES else None
    return None if quarter is None else max(float(quarter), 1.0)


@dataclass(frozen=True, slots=True)
class _Requests:
    """Some requests: the minute of each, and a way to look at some of them."""

    minute: npt.NDArray[np.int64]
    take: Callable[[Rows], pl.DataFrame]


def _together(waiting: pl.DataFrame, seen: Seen | None, *, done: bool) -> tuple[pl.DataFrame, _Requests]:
    """Requests that wait for the rest of their minute, and those that are looked at now.

    What a minute looks like is seen in all of it: who looks at five requests finds that all of them ask for one page. A
    watch brings few at a time; a scan brings so many that nothing has to wait, and nothing is copied.
    """
    if seen is not None and not len(waiting) and len(seen.batch) >= _ENOUGH:
        times = filled_times(seen.batch.table)
        timed = np.flatnonzero(times != NO_TIME)
        return waiting, _Requests(times[timed] // _MINUTE_US, lambda rows: seen.frame(*_COLUMNS, rows=timed[rows]))
    held = waiting if seen is None else pl.concat([waiting, _requested(seen)])
    over = pl.col(TIME) // _MINUTE_US * _MINUTE_US + _MINUTE_US + _SLACK_US <= pl.col(TIME).max()
    now = held if done or len(held) >= _ENOUGH else held.filter(over)
    left = held.clear() if len(now) == len(held) else held.filter(~over)
    return left, _Requests(now[TIME].to_numpy() // _MINUTE_US, lambda rows: now[rows])


def _requested(seen: Seen) -> pl.DataFrame:
    """What must be known of a batch's requests; of texts so much as tells them apart."""
    frame = seen.frame(*_COLUMNS)
    status = pl.col("sc-status").cast(pl.Int64, strict=False)
    texts = [pl.col(name).cast(pl.String).str.slice(0, _LONGEST) for name in _COLUMNS if name != "sc-status"]
    return frame.select(*texts, status, TIME, PATH, pl.col(NUMBER).cast(pl.Int64)).select(*_REQUESTED)


def _counted(requests: _Requests, usual: float | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The minutes of some requests, and those of busy ones that may be a flood's."""
    minute = requests.minute
    if not len(minute):
        return pl.DataFrame(schema=_MINUTES), pl.DataFrame(schema=_LINES)
    known, inverse, counts = np.unique(minute, return_inverse=True, return_counts=True)
    least = _BUSY_WITHOUT_PAST if usual is None else max(_BUSY, _TIMES * usual)
    busy = np.flatnonzero((counts >= least)[inverse])
    looked = np.union1d(np.arange(len(minute))[:: max(1, len(minute) // _LOOKED_AT)], busy)
    frame = requests.take(looked).with_columns(minute=pl.Series(minute[looked]), row=pl.Series(looked))
    status = pl.col("sc-status").cast(pl.Int64, strict=False)
    frame = frame.with_columns(
        part=is_part(),
        referred=is_referred(),
        failed=((status >= 500) | status.is_in([408, 429, 499])).fill_null(value=False),
    )
    suspects = frame.filter(pl.col("row").is_in(pl.Series(busy).implode())) if len(busy) else frame.clear()
    alone = _alone(suspects)
    suspects = suspects.filter(~(pl.col("part") | pl.col("referred")).any().over("c-ip"))
    if len(alone):
        counts[np.searchsorted(known, alone["minute"].to_numpy())] -= alone["len"].to_numpy()
        frame = frame.join(alone.explode("c-ip"), on=("minute", "c-ip"), how="anti")
    page, query = ~pl.col("part"), pl.col("cs-uri-query")
    sums = frame.group_by("minute").agg(
        looked=pl.len(),
        pages=page.sum(),
        parts=pl.col("part").sum(),
        referred=pl.col("referred").sum(),
        failed=pl.col("failed").sum(),
        asked=(query.is_not_null() & page).sum(),
        fresh=query.filter(page).drop_nulls().n_unique(),
        visitors=pl.col("c-ip").n_unique(),
    )
    each = frame.group_by("minute", "c-ip").agg(pl.len()).group_by("minute", "len").agg(alike=pl.len())
    each = each.filter(pl.col("len") >= 3).group_by("minute").agg(pl.col("alike").max())
    for name, top in (
        ("top", _most(frame.filter(page), "cs-uri-stem")),
        ("agent", _most(frame, "cs-user-agent")),
        ("alike", each),
    ):
        sums = sums.join(top.rename({top.columns[1]: name}), on="minute", how="left")
    totals = pl.DataFrame({"minute": known, "n": counts}).join(sums, on="minute", how="left").fill_null(0)
    found = totals.with_columns((pl.col("minute") * _MINUTE_US).alias(TIME)).select(*_MINUTES)
    return found, suspects.select(*_LINES)


def _alone(frame: pl.DataFrame) -> pl.DataFrame:
    """Of busy minutes: who alone sends much of them, and how much together."""
    each = frame.group_by("minute", "c-ip").agg(pl.len()).with_columns(all=pl.col("len").sum().over("minute"))
    much = (pl.col("len") >= _ALONE) & (pl.col("len") * _ALONE_OF >= pl.col("all"))
    return each.filter(much).group_by("minute").agg("c-ip", pl.col("len").sum().cast(pl.Int64))


def _most(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """How often each minute's most frequent value occurs."""
    return frame.group_by("minute", column).agg(pl.len()).group_by("minute").agg(pl.col("len").max())


def _floods(minutes: pl.DataFrame) -> list[tuple[int, int, int, list[str]]]:
    """Busy times that are no crowd: begin, end, requests, and what speaks against a crowd."""
    usual = _usual(minutes)
    per = minutes.group_by(TIME).agg(pl.col(*_COUNTS).sum()).sort(TIME)
    least = _BUSY_WITHOUT_PAST if usual is None else max(_BUSY, _TIMES * usual)
    hot = per.filter(pl.col("n") >= least)
    if not len(hot):
        return []
    quiet = _shares(per.filter(pl.col("n") <= 3 * usual)) if usual is not None else _ASSUMED
    # Minute by minute, since a crowd may come at the same hour: together they would look half like one.
    needed = _SIGNS_WITHOUT_PAST if usual is None else _SIGNS
    hot = hot.filter(
        pl.Series([_unlike(_shares(hot[at]), quiet)[0] >= needed for at in range(len(hot))], dtype=pl.Boolean)
    )
    episode = (pl.col(TIME).diff().fill_null(0) > _PAUSE_US).cum_sum()
    found = []
    for _at, part in hot.with_columns(at=episode).group_by(["at"], maintain_order=True):
        count, times = int(part["n"].sum()), part[TIME].to_list()
        if count >= _REQUESTS:
            found.append((min(times), max(times) + _MINUTE_US, count, _unlike(_shares(part), quiet)[1]))
    return found


def _shares(minutes: pl.DataFrame) -> dict[str, float]:
    """What share of requests, pages, queries or visitors something is."""
    total = {name: float(minutes[name].sum()) for name in _COUNTS}
    of = dict.fromkeys(("parts", "referred", "failed", "agent"), "looked")
    of |= {"top": "pages", "asked": "pages", "fresh": "asked", "alike": "visitors"}
    return {name: total[name] / total[whole] if total[whole] else 0.0 for name, whole in of.items()}


def _unlike(now: dict[str, float], usual: dict[str, float]) -> tuple[float, list[str]]:
    """How much speaks against a crowd, and what."""
    signs = [
        (1.0, _("hardly any fetch pictures or styles"), usual["parts"] >= 0.15 and now["parts"] <= usual["parts"] / 4),
        (1.0, _("hardly any come by a link"), usual["referred"] >= 0.15 and now["referred"] <= usual["referred"] / 4),
        (0.5, _("most are answered with errors"), now["failed"] >= 0.3 and now["failed"] >= 3 * usual["failed"]),
        (1.0, _("nearly all ask for one page"), now["top"] >= 0.7 and now["top"] >= 1.3 * usual["top"]),
        (1.0, _("each asks with a query of its own"),
         now["asked"] >= 0.5 and now["fresh"] >= 0.8 and now["asked"] >= 2 * usual["asked"]),
        (1.0, _("one program sends nearly all"), now["agent"] >= 0.8 and now["agent"] >= 2 * usual["agent"]),
        (1.0, _("nearly all send the same number of requests"), now["alike"] >= 0.8),
    ]  # fmt: skip
    speaking = [(weight, words) for weight, words, holds in signs if holds]
    return sum(weight for weight, _words in speaking), [words for _weight, words in speaking]


def _detection(info: RuleInfo, lines: pl.DataFrame, count: int, signs: list[str]) -> Detection:
    ranked = lines.group_by("c-ip", maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    why = _("{count} requests from {sources} addresses within {span}, unlike visitors: {signs}").format(
        count=count, sources=len(ranked), span=detections.spanned(lines), signs="; ".join(signs)
    )
    return detections.of_lines(
        info,
        lines,
        WEB,
        why,
        actors=Actors(ip=tuple(sorted(ranked["c-ip"].drop_nulls().head(_MOST_NAMED).to_list()))),
        targets=detections.named(lines["cs-host"]),
    )
