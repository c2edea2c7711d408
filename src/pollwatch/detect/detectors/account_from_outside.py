"""An account comes from outside for the first time, or wakes up after a long sleep somewhere else.

A stolen password is right at the first try: no failure comes before it. What gives it away is that an account that was
only ever used within the office comes from outside, or one that slept for weeks comes from a network that it never
came from. (``account_new_place`` asks for countries; this one does for accounts that never left the house.)
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded
from pollwatch.detect.places import network_of
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.places import INSIDE
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import AUTH
from pollwatch.i18n import _

_DAY_US: Final = 86_400_000_000
#: An account is known after so many log-ins over so long.
_LEAST: Final = 5
_KNOWN_US: Final = 2 * _DAY_US
#: So long a silence is a sleep.
_ASLEEP_US: Final = 30 * _DAY_US
_MOST: Final = 80_000

_USES: Final = {
    "user": pl.String,
    "network": pl.String,
    "inside": pl.Boolean,
    "since": pl.Int64,
    "count": pl.Int64,
    TIME: pl.Int64,
}


class AccountFromOutside:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.account_from_outside",
            name="account_from_outside",
            title="An account is used from somewhere it never came from",
            severity=Severity.MEDIUM,
            description="A log-in was accepted at once for an account that was used only inside until now, or that had "
            "not been used for a month and now comes from another network. Stolen passwords look like that.",
            techniques=("T1078",),
            tactics=("initial-access",),
            falsepositives=("The first day of working from home, or a new VPN", "A colleague back from a long leave"),
            author="pollwatch",
            status="experimental",
            meaning="Either the owner of the account works from another place than ever before, or somebody else has "
            "the password.",
            steps=(
                "Ask the owner of the account, by telephone, whether it was they.",
                "If not: end all sessions of the account, and change its password from a clean computer.",
                "Look at what the account did since, above all at files that were deleted or changed.",
            ),
            path=__file__,
        ),
        (AUTH, LogSource("authentication")),
        ("action", "user", "src_ip"),
        (
            "a log-in is accepted from outside for an account with 5 log-ins over 2 days, all from inside",
            "or from a new network for such an account after 30 days without one",
        ),
    )
    version = "1"

    def start(self) -> Memory:
        """Nobody known."""
        return {"uses": pl.DataFrame(schema=_USES)}

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Compare a batch's accepted log-ins with what was known before each."""
        del watermark_us, done
        uses = memory["uses"]
        logins = pl.DataFrame() if seen is None else _accepted(seen)
        if seen is None or not len(logins):
            return memory, []
        odd = _odd(uses, logins)
        news = [_detection(self.rule.info, each, seen) for each in odd.partition_by("user", maintain_order=True)]
        fresh = logins.select(
            "user", "network", "inside", since=TIME, count=pl.lit(1, pl.Int64), **{TIME: pl.col(TIME)}
        )
        both = pl.concat([uses, fresh.select(*_USES)]).group_by("user", "network", maintain_order=True)
        merged = both.agg(
            pl.col("inside").first(), pl.col("since").min(), pl.col("count").sum(), pl.col(TIME).max()
        ).select(*_USES)
        return {"uses": bounded(merged, _MOST)}, news

    def samples(self) -> Samples:
        """A week of log-ins within the office, then one from outside; and a week of working from everywhere."""
        line = "@bsd@ vote1 sshd[@n@]: Accepted password for clerk from {ip} port 50122 ssh2"
        inside, outside = line.format(ip="10.0.3.7"), line.format(ip="203.0.113.9")
        return made(
            fire=[{"line": inside, "times": 8, "every": 80_000}, outside],
            silent=[
                *({"line": each, "every": 40_000} for each in (inside, outside) * 8),
                {"line": inside.replace("clerk", "new"), "times": 3, "every": 9},
                outside.replace("clerk", "new"),
            ],
        )


def _accepted(seen: Seen) -> pl.DataFrame:
    """A batch's accepted log-ins of named accounts, in order of time."""
    rows = seen.rows_among("action", ["success"])
    frame = seen.frame("user", "src_ip", "hostname", rows=rows).drop_nulls(["user", "src_ip"])
    inside = pl.col("src_ip").str.contains(INSIDE)
    network = pl.when(inside).then(pl.lit("inside")).otherwise(network_of("src_ip"))
    return frame.with_columns(inside=inside, network=network).sort(TIME)


def _odd(uses: pl.DataFrame, logins: pl.DataFrame) -> pl.DataFrame:
    """The log-ins that do not go with what was known of their account before them."""
    before = uses.rename({TIME: "last"}).select("user", "network", "inside", "since", "count", "last")
    own = logins.select("user", "network", "inside", since=TIME, count=pl.lit(1, pl.Int64), last=TIME)
    events = logins.select("user", "network", "inside", TIME, PATH, NUMBER, "src_ip", "hostname").with_row_index("at")
    fresh = events.filter(
        ~pl.struct("user", "network").is_in(before.select(pl.struct("user", "network")).to_series().implode())
    )
    fresh = fresh.unique(["user", "network"], keep="first", maintain_order=True)
    if not len(fresh):
        return fresh
    past = fresh.join(pl.concat([before, own]), on="user", how="inner", suffix="_past")
    past = past.filter(pl.col("since") < pl.col(TIME), pl.col("network_past") != pl.col("network"))
    known = past.group_by("at").agg(
        count=pl.col("count").sum(),
        since=pl.col("since").min(),
        last=pl.col("last").filter(pl.col("last") < pl.col(TIME)).max(),
        inside_past=pl.col("inside_past").all(),
    )
    judged = fresh.join(known, on="at", how="inner").sort("at")
    known_well = (pl.col("count") >= _LEAST) & (pl.col(TIME) - pl.col("since") >= _KNOWN_US)
    from_outside = pl.col("inside_past") & ~pl.col("inside")
    awake = pl.col(TIME) - pl.col("last") >= _ASLEEP_US
    return judged.filter(known_well & (from_outside | awake)).with_columns(slept=pl.when(awake).then(pl.col("last")))


def _detection(info: RuleInfo, lines: pl.DataFrame, seen: Seen) -> Detection:
    user, addresses = str(lines["user"][0]), lines["src_ip"].unique(maintain_order=True).to_list()
    slept = lines["slept"].drop_nulls()
    words = (
        _("{user} logged in from {ip} at once, from a network that it never came from, after {days} days of silence")
        if len(slept)
        else _("{user} logged in from {ip} at once; until now it came only from inside")
    )
    days = max((lines[TIME] - lines["slept"]).drop_nulls().to_list(), default=0) // _DAY_US
    return detections.of_lines(
        info,
        lines,
        seen.batch.logsource,
        words.format(user=printable(user, 60), ip=printable(addresses[0], 60), days=days),
        actors=Actors(ip=tuple(addresses), user=(user,)),
        targets=detections.named(lines["hostname"]),
    )
