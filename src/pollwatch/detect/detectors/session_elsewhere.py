"""Somebody comes from a foreign page with a session already in the address: whoever made the link shares the session.

The rule ``session_fixation`` finds addresses that bring a session and a page that the visitor says to come from. Which
pages are the site's own, an access log often does not say. But its visitors do: most requests come from the site's own
pages, and from a partner's page many come that bring no session. So a page's site is foreign if hardly anything else
comes from there. That is judged an hour later, when the log has had time to show what is usual.

The visitor is the one who is deceived: who acts is the site with the link.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.columns import Rows
from pollwatch.detect.interface import PATH, Memory, Seen, bounded
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.places import INSIDE
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import WEB
from pollwatch.i18n import ngettext

#: The rule that finds what is judged here.
_RULE: Final = "session_fixation"
#: So many requests without a session from pages of a site show that it is the site itself, or a neighbour.
_USUAL: Final = 3
_WAIT_US: Final = 3_600 * US_PER_S
#: Of a batch so many requests are asked where they come from, spread over it: what is usual shows in these.
_ASKED: Final = 4_096
_MOST_SITES: Final = 20_000
_MOST_HELD: Final = 20_000
_LONGEST: Final = 120
_SITE: Final = r"^[Hh][Tt][Tt][Pp][Ss]?://(?:[^/?#@]*@)?(?:www\.)?([^/?#:]+|\[[^\]]*\])"

_HELD: Final = {
    "c-ip": pl.String,
    "site": pl.String,
    "cs-uri": pl.String,
    "cs-host": pl.String,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class SessionElsewhere:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.session_elsewhere",
            name="session_elsewhere",
            title="A link from a foreign page brought a session with it",
            severity=Severity.LOW,
            description="Somebody followed a link from another site that had a session id in it. Once the visitor logs "
            "in, whoever made the link is logged in, too, if the site takes sessions from addresses.",
            techniques=("T1566.002",),
            tactics=("initial-access",),
            falsepositives=("A partner that seldom sends visitors, and hands its own session over",),
            author="pollwatch",
            status="experimental",
            meaning="The link may be a trap: who logs in behind it shares the log-in with its maker.",
            steps=(
                "Ask the maker of the site whether it takes session ids from addresses, and have that switched off.",
                "Look at the page that the link was on; if it is a trap, have it taken down.",
                "End the sessions of those who came through the link.",
            ),
            path=__file__,
        ),
        (WEB,),
        ("c-ip", "cs-uri", "cs-referer"),
        (
            "a request brings a session id in its address and comes from a page of another site",
            "fewer than 3 requests without one came from that site, in the log until an hour later",
        ),
    )
    version = "1"

    def start(self) -> Memory:
        """Nothing seen."""
        sites = {"site": pl.String, "size": pl.Int64, TIME: pl.Int64}
        return {"held": pl.DataFrame(schema=_HELD), "sites": pl.DataFrame(schema=sites)}

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Learn where visitors come from; judge those held for an hour."""
        held, sites = memory["held"], memory["sites"]
        if seen is not None:
            rows = _found(seen)
            if len(rows):
                held = bounded(pl.concat([held, _brought(seen, rows)]), _MOST_HELD)
            both = pl.concat([sites, _usual(seen, rows).select(sites.columns).cast(sites.schema)])
            both = both.group_by("site", maintain_order=True).agg(pl.col("size").sum(), pl.col(TIME).max())
            sites = bounded(both, _MOST_SITES)
        if not len(held) or (not done and watermark_us is None):
            return {"held": held, "sites": sites}, []
        ripe = pl.lit(value=True) if done else pl.col(TIME) + _WAIT_US <= watermark_us
        usual = sites.filter(pl.col("size") >= _USUAL)
        odd = held.filter(ripe).join(usual, on="site", how="anti", maintain_order="left")
        news = [_detection(self.rule.info, mine) for mine in odd.partition_by("site", maintain_order=True)]
        return {"held": held.filter(~ripe), "sites": sites}, news

    def samples(self) -> Samples:
        """A trap on a foreign page; a site that keeps its sessions in addresses; a partner's page."""
        own, login = "https://vote.example/", "GET /login.php?PHPSESSID=4f2a9c1e77b0d3aa"
        visit = {"request": "GET /status", "referer": own, "every": 9}
        partner = "https://partner.example/"
        return made(
            fire=[*[visit] * 4, {"request": login, "referer": "https://elsewhere.example/win", "every": 9}, visit],
            silent=[
                {"request": login, "referer": own, "every": 9},
                *[visit] * 4,
                *[{"request": "GET /", "referer": partner, "every": 9}] * 4,
                {"request": login, "referer": partner, "ip": "198.51.100.9", "every": 9},
                {"request": login, "referer": "http://10.1.2.3/intranet", "ip": "198.51.100.10", "every": 9},
            ],
        )


def _found(seen: Seen) -> Rows:
    rows = [hit.rows for hit in seen.hits if hit.info.name == _RULE]
    return np.unique(np.concatenate(rows)) if rows else np.empty(0, np.int64)


def _brought(seen: Seen, rows: Rows) -> pl.DataFrame:
    """Requests that brought a session from a page of another site, as far as an address tells."""
    frame = seen.frame("c-ip", "cs-uri", "cs-host", "cs-referer", rows=rows)
    site = pl.col("cs-referer").str.extract(_SITE).str.to_lowercase()
    frame = frame.with_columns(site=site).drop_nulls(["c-ip", "site"])
    near = pl.col("site").str.contains(INSIDE) | pl.col("site").is_in(["localhost", "[::1]"])
    shortened = pl.col("cs-uri").str.slice(0, _LONGEST)
    return frame.filter(~near).with_columns(**{"cs-uri": shortened}).select(*_HELD)


def _usual(seen: Seen, without: Rows) -> pl.DataFrame:
    """From which sites the others come, by some requests spread over the batch."""
    every = max(1, len(seen.batch) // _ASKED)
    rows = np.setdiff1d(np.arange(0, len(seen.batch), every), without)
    frame = seen.frame("cs-referer", rows=rows)
    frame = frame.with_columns(site=pl.col("cs-referer").str.extract(_SITE).str.to_lowercase()).drop_nulls("site")
    return frame.group_by("site", maintain_order=True).agg(size=pl.len(), **{TIME: pl.col(TIME).max()})


def _detection(info: RuleInfo, lines: pl.DataFrame) -> Detection:
    site, visitors = str(lines["site"][0]), lines["c-ip"].n_unique()
    told = ngettext(
        "A visitor ({ip}) came from {site} with a session already in the address, for example: {example}",
        "{visitors} visitors, {ip} first, came from {site} with a session already in the address, such as: {example}",
        visitors,
    )
    why = told.format(
        visitors=visitors,
        ip=printable(str(lines["c-ip"][0]), 60),
        site=printable(site, 60),
        example=printable(str(lines["cs-uri"][0]), _LONGEST),
    )
    return detections.of_lines(
        info, lines, WEB, why, actors=Actors(domain=(site,)), targets=detections.named(lines["cs-host"])
    )
