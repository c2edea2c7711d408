"""A page answers far larger than it ever does: more leaves than the page is made to show.

Each page is measured against its own past: how large its answers are, and how much they vary. A search page that
answers 2 KB for everyone and 900 KB for one visitor has given out something else than a search result.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, due, grown, noted
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.detect.webtraffic import is_part
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import WEB
from pollwatch.i18n import _

#: An answer of so many bytes, so many times the page's usual (as powers of two), after so many usual ones.
_LARGE_BYTES: Final = 100_000
_DOUBLINGS: Final = 3.0
_KNOWN: Final = 30
#: And so many times as far from the usual as answers of this page mostly are.
_SPREADS: Final = 6.0
#: All large answers to one address together.
_LEAST_BYTES: Final = 300_000
#: A page of which more answers than this are large is simply one that has grown.
_RARE: Final = 0.02
_MOST_PAGES: Final = 60_000
_MOST_LARGE: Final = 60_000
_MOST_TOLD: Final = 20_000
_DECAY: Final = 10_000
_LONGEST: Final = 100

_PAGES: Final = {"page": pl.UInt64, "n": pl.Float64, "mean": pl.Float64, "spread": pl.Float64, TIME: pl.Int64}
_LARGE: Final = {
    "c-ip": pl.String,
    "page": pl.UInt64,
    "cs-uri-stem": pl.String,
    "cs-host": pl.String,
    "bytes": pl.Int64,
    "usual": pl.Float64,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class UnusualSize:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.unusual_size",
            name="unusual_size",
            title="A page gave one visitor far more than it gives anyone",
            severity=Severity.MEDIUM,
            description="The answers of one page to one source were many times larger than that page's answers ever "
            "are. That is how a register looks when it leaves through a page that was made to show one line of it.",
            techniques=("T1567", "T1213"),
            tactics=("exfiltration", "collection"),
            falsepositives=(
                "A page that lists everything when it is asked for nothing",
                "A document that was replaced by a larger one for one day",
            ),
            author="pollwatch",
            status="experimental",
            meaning="More data left through this page than it is made to show. Somebody may have taken a part of your "
            "register.",
            steps=(
                "Open the same address yourself, from a safe machine, and look at what it shows.",
                "If it shows people's data, ask your web provider to close the page until it is mended.",
                "Keep the logs and note the size: it says how much may have been taken.",
            ),
            path=__file__,
        ),
        (WEB,),
        ("c-ip", "cs-uri-stem", "sc-status", "sc-bytes"),
        (
            "a page answers with at least 100,000 bytes and eight times its usual, and rarely varies so much",
            "thirty usual answers of it were seen",
            "such answers to one address come to 300,000 bytes",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "pages": pl.DataFrame(schema=_PAGES),
            "large": pl.DataFrame(schema=_LARGE),
            "told": pl.DataFrame(schema={"c-ip": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Measure a batch's answers against each page's past, then let them be part of it."""
        del watermark_us
        pages, large, told = memory["pages"], memory["large"], memory["told"]
        fresh = pl.DataFrame(schema=_LARGE)
        if seen is not None:
            pages, fresh = _measured(pages, seen)
            large = grown(large, fresh, _MOST_LARGE)
        if not done and not len(fresh):
            return {"pages": pages, "large": large, "told": told}, []
        sizes = large.group_by("c-ip", maintain_order=True).agg(
            size=pl.col("bytes").sum(), **{TIME: pl.col(TIME).max()}
        )
        sizes = due(sizes.filter(pl.col("size") >= _LEAST_BYTES), told, ["c-ip"], done=done)
        found = large.join(sizes, on="c-ip", how="semi", maintain_order="left")
        news = [_detection(self.rule.info, mine) for _who, mine in found.group_by(["c-ip"], maintain_order=True)]
        return {"pages": pages, "large": large, "told": noted(told, sizes, ["c-ip"], _MOST_TOLD)}, news

    def samples(self) -> Samples:
        """One search in hundreds that gives out everything; downloads that are large for everybody."""
        usual = {"request": "GET /search?q=a@n@", "ip": "198.51.100.@n@", "times": 120, "every": 20, "bytes": 2_200}
        return made(
            fire=[usual, {"request": "GET /search?q=%", "ip": "203.0.113.9", "bytes": 900_000}, usual],
            silent=[
                usual,
                {"request": "GET /guide.pdf", "ip": "198.51.100.@n@", "times": 60, "every": 20, "bytes": 900_000},
                {"request": "GET /search?q=b", "ip": "203.0.113.9", "bytes": 9_000, "times": 20},
                {"request": "GET /never-seen-before", "ip": "203.0.113.9", "bytes": 900_000, "times": 3},
            ],
        )


def _measured(pages: pl.DataFrame, seen: Seen) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pages' past with this batch in it, and its answers that are far larger than usual."""
    rows = seen.rows_where("sc-status", 200, 207)
    if not len(rows):
        return pages, pl.DataFrame(schema=_LARGE)
    frame = seen.frame("cs-uri-stem", "sc-bytes", rows=rows).with_columns(at=pl.Series(rows))
    size = pl.col("sc-bytes").cast(pl.Int64, strict=False)
    frame = frame.with_columns(bytes=size, page=pl.col("cs-uri-stem").hash(seed=0)).filter(
        pl.col("bytes") > 0, pl.col("page").is_not_null()
    )
    frame = frame.with_columns(doublings=pl.col("bytes").cast(pl.Float64).log(2))
    here = frame.group_by("page", maintain_order=True).agg(
        n=pl.len().cast(pl.Float64),
        mean=pl.col("doublings").median(),
        spread=(pl.col("doublings") - pl.col("doublings").median()).abs().mean(),
        **{TIME: pl.col(TIME).max()},
    )
    joined = here.join(pages, on="page", how="left", suffix="_past").with_columns(
        pl.col("n_past", "mean_past", "spread_past").fill_null(0.0)
    )
    total = pl.col("n") + pl.col("n_past")
    joined = joined.select(
        "page",
        mean=(pl.col("mean") * pl.col("n") + pl.col("mean_past") * pl.col("n_past")) / total,
        spread=(pl.col("spread") * pl.col("n") + pl.col("spread_past") * pl.col("n_past")) / total,
        n=pl.min_horizontal(total, pl.lit(float(_DECAY))),
        **{TIME: pl.col(TIME)},
    ).select(*_PAGES)
    fresh = _too_large(frame, joined, seen)
    return grown(pages.join(joined, on="page", how="anti"), joined, _MOST_PAGES), fresh


def _too_large(frame: pl.DataFrame, pages: pl.DataFrame, seen: Seen) -> pl.DataFrame:
    large = frame.filter(pl.col("bytes") >= _LARGE_BYTES, ~is_part())
    if not len(large):
        return pl.DataFrame(schema=_LARGE)
    large = large.join(pages.select("page", "n", "mean", "spread"), on="page", how="left", maintain_order="left")
    beyond = pl.col("doublings") - pl.col("mean")
    large = large.filter(pl.col("n") >= _KNOWN, beyond >= _DOUBLINGS, beyond >= _SPREADS * pl.col("spread")).filter(
        pl.len().over("page") <= 1 + _RARE * pl.col("n")
    )
    who = seen.frame("c-ip", "cs-host", rows=large["at"].to_numpy()).select("c-ip", "cs-host")
    large = large.hstack(who).filter(pl.col("c-ip").is_not_null())
    return large.with_columns(usual=pl.lit(2.0).pow(pl.col("mean"))).select(*_LARGE)


def _detection(info: RuleInfo, lines: pl.DataFrame) -> Detection:
    who, most = str(lines["c-ip"][0]), lines.sort("bytes")[-1]
    why = _("{page} answered {ip} with {bytes} bytes; it usually answers with {usual}").format(
        page=printable(most["cs-uri-stem"][0], _LONGEST),
        ip=printable(who, 60),
        bytes=most["bytes"][0],
        usual=round(most["usual"][0]),
    )
    return detections.of_lines(
        info,
        lines,
        WEB,
        why,
        actors=Actors(ip=(who,)),
        targets=detections.named(lines["cs-host"]),
    )
