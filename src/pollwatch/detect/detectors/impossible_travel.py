"""One account is used in two places between which nobody can travel in the time: two people use it.

Where the service says the places in degrees, the way and the time are measured; else two countries within an hour do.
An account that changed between the same two countries before, on another day, has a VPN; a network that several
accounts share is one, or an office. Providers of mobile telephones say wrong places, but hardly another country.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded
from pollwatch.detect.places import accepted, apart_km
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import AUTH, AUTHENTICATION
from pollwatch.i18n import _

_HOUR_US: Final = 3_600 * US_PER_S
#: Nobody travels faster; and places less far apart are no evidence.
_FASTEST_KM_H: Final = 1_000
_LEAST_KM: Final = 500
#: Where places are not known: two countries within this time.
_SOON_US: Final = _HOUR_US
#: A change between two countries that happened this long ago is a habit.
_HABIT_US: Final = 24 * _HOUR_US
#: What happened longer ago than the longest flight is no longer looked at.
_LONGEST_US: Final = 24 * _HOUR_US
_SHARED: Final = 4
_MOST: Final = 60_000

_LAST: Final = {
    "user": pl.String,
    "country": pl.String,
    "network": pl.String,
    "place": pl.String,
    "src_ip": pl.String,
    "hostname": pl.String,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}
_PAIRS: Final = {"user": pl.String, "pair": pl.String, TIME: pl.Int64}
_NETWORKS: Final = {"network": pl.String, "user": pl.String, TIME: pl.Int64}


class ImpossibleTravel:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.impossible_travel",
            name="impossible_travel",
            title="One account in two places between which nobody can travel in the time",
            severity=Severity.MEDIUM,
            description="The same account logged in from two places that are too far apart for the time between. "
            "Two people use it, and one of them should not.",
            techniques=("T1078",),
            tactics=("initial-access",),
            falsepositives=("A VPN that is used for the first time", "An account that several people share"),
            author="pollwatch",
            status="experimental",
            meaning="Two people use this account at the same time. If its owner does not share it, somebody else has "
            "the password.",
            steps=(
                "Ask the owner of the account, by telephone, which of the two log-ins was theirs.",
                "End all sessions of the account, and change its password from a clean computer.",
                "Look at what was done from the other address.",
            ),
            path=__file__,
        ),
        (AUTH, LogSource(AUTHENTICATION)),
        ("action", "user", "src_ip"),
        (
            "two accepted log-ins of one account come from two countries",
            "their places are 500 km or more apart and need more than 1000 km/h (not known: less than an hour apart)",
            "the account did not change between these countries a day or longer before",
            "fewer than 4 accounts use the networks",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "last": pl.DataFrame(schema=_LAST),
            "pairs": pl.DataFrame(schema=_PAIRS),
            "networks": pl.DataFrame(schema=_NETWORKS),
        }

    def step(
        self,
        memory: Memory,
        seen: Seen | None,
        watermark_us: int | None,  # noqa: ARG002 - the last log-in of an account is kept whatever the time
        *,
        done: bool,  # noqa: ARG002 - each pair of log-ins is told at once
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's accepted log-ins in; say which come too soon after another."""
        fresh = None if seen is None else accepted(seen)
        if fresh is None or not len(fresh):
            return memory, []
        fresh = fresh.select(*_LAST)
        ways = _ways(memory["last"], fresh)
        networks = pl.concat([memory["networks"], fresh.select(*_NETWORKS)]).unique(["network", "user"], keep="first")
        pairs = pl.concat([memory["pairs"], ways.select(*_PAIRS)]).group_by("user", "pair").agg(pl.col(TIME).min())
        shared = networks.group_by("network").agg(pl.col("user").n_unique()).filter(pl.col("user") >= _SHARED)
        told = (
            _impossible(ways)
            .join(pairs, on=["user", "pair"], suffix="_habit", maintain_order="left")
            .filter(pl.col(TIME) - pl.col(f"{TIME}_habit") < _HABIT_US)
            .join(shared, on="network", how="anti", maintain_order="left")
            .join(shared, left_on="network_past", right_on="network", how="anti", maintain_order="left")
            .unique(["user", "pair"], keep="first", maintain_order=True)
        )
        out = [_detection(self.rule.info, way) for way in told.iter_rows(named=True)]
        last = pl.concat([memory["last"], fresh]).sort(TIME, maintain_order=True).unique("user", keep="last")
        kept = {
            "last": bounded(last.select(*_LAST), _MOST),
            "pairs": bounded(pairs.select(*_PAIRS), _MOST),
            "networks": bounded(networks, _MOST),
        }
        return kept, out

    def samples(self) -> Samples:
        """An account here and far away within minutes; one that flew, one that has a VPN each day, one at home."""
        here, there = ("192.0.2.10", "DE", 50.1, 8.7), ("203.0.113.66", "BR", -23.5, -46.6)
        return made(
            fire=[{"line": _line("clerk", *here), "times": 3, "every": 3_600}, _line("clerk", *there)],
            silent=[
                {"line": _line("flyer", *here), "every": 50_000},
                {"line": _line("flyer", *there), "every": 50_000},
                *({"line": _line("home", "192.0.2.30", "DE", 50.1 + n / 9, 8.7), "every": 60} for n in range(5)),
                {"line": _line("near", "192.0.2.40", "DE", 50.7, 6.1), "every": 60},
                {"line": _line("near", "192.0.2.41", "BE", 50.6, 5.6), "every": 60},
            ],
        )


def _line(user: str, ip: str, country: str, north: float, east: float) -> str:
    """An accepted log-in, as Entra reports it."""
    return (
        f'{{"id":"@n@","createdDateTime":"@iso@","userPrincipalName":"{user}@county.example","appId":"a",'
        f'"appDisplayName":"Mail","ipAddress":"{ip}","status":{{"errorCode":0}},"location":{{"countryOrRegion":'
        f'"{country}","geoCoordinates":{{"latitude":{north},"longitude":{east}}}}}}}'
    )


def _ways(last: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Each log-in of an account with the one before it, where the two come from different countries."""
    both = pl.concat([last.with_columns(new=pl.lit(value=False)), fresh.with_columns(new=pl.lit(value=True))])
    past = [pl.col(name).shift(1).over("user").alias(f"{name}_past") for name in _LAST if name != "user"]
    turned = pl.max_horizontal("country", "country_past"), pl.min_horizontal("country", "country_past")
    return (
        both.sort(TIME, maintain_order=True)
        .with_columns(past)
        .filter("new", pl.col("country") != pl.col("country_past"))
        .with_columns(pair=pl.concat_str(turned, separator="-"), took=pl.col(TIME) - pl.col(f"{TIME}_past"))
    )


def _impossible(ways: pl.DataFrame) -> pl.DataFrame:
    """Those that nobody can have travelled."""
    hours = pl.max_horizontal(pl.col("took") / _HOUR_US, pl.lit(0.01))
    far = (pl.col("km") >= _LEAST_KM) & (pl.col("km") / hours > _FASTEST_KM_H)
    soon = pl.col("km").is_null() & (pl.col("took") < _SOON_US)
    measured = ways.with_columns(km=apart_km(pl.col("place"), pl.col("place_past")))
    return measured.filter(pl.col("took") <= _LONGEST_US, far | soon)


def _detection(info: RuleInfo, way: dict[str, object]) -> Detection:
    user = str(way["user"])
    lines = pl.DataFrame(
        {name: [way[f"{name}_past"], way[name]] for name in (PATH, NUMBER, TIME)},
        schema={PATH: pl.String, NUMBER: pl.Int64, TIME: pl.Int64},
    )
    why = _(
        "{user} logged in from {before} ({first}) and {span} later from {country} ({ip}); nobody travels so fast"
    ).format(
        user=printable(user, 80),
        before=printable(str(way["country_past"]), 8),
        first=printable(str(way["src_ip_past"]), 60),
        span=detections.spanned(lines),
        country=printable(str(way["country"]), 8),
        ip=printable(str(way["src_ip"]), 60),
    )
    # Which of the two is the owner, the log does not say; the later one is looked at first.
    return detections.of_lines(
        info,
        lines,
        AUTH,
        why,
        actors=Actors(ip=(str(way["src_ip"]),), user=(user,)),
        targets=[str(way["hostname"] or "")],
    )
