"""An account is used from a country that it never came from: how a stolen password shows at its first use.

No failure comes before it: whoever has the password needs one try. What is known of an account is the countries,
networks and programs of its accepted log-ins. A new country tells only of accounts that are known for a while and stay
in few places. Networks that several accounts share are an office or a VPN, and tell nothing.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, due, grown, noted, sized
from pollwatch.detect.places import accepted
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import AUTH, AUTHENTICATION
from pollwatch.i18n import _

#: An account is known after so many log-ins over so long.
_LEAST: Final = 5
_KNOWN_US: Final = 48 * 3_600 * US_PER_S
#: Who comes from more countries than these travels.
_TRAVELLER: Final = 3
#: As many accounts make a network one that is shared.
_SHARED: Final = 4
_MOST_USES: Final = 120_000
_MOST_NEWS: Final = 20_000

_KEY: Final = ("user", "country")
_FOUND: Final = {"user": pl.String, "country": pl.String, "home": pl.String, "before": pl.Int64, "known": pl.Boolean}
_USES: Final = {
    "user": pl.String,
    "country": pl.String,
    "network": pl.String,
    "agent": pl.String,
    "since": pl.Int64,
    "count": pl.Int64,
    TIME: pl.Int64,
}
_NEWS: Final = {
    "user": pl.String,
    "country": pl.String,
    "src_ip": pl.String,
    "hostname": pl.String,
    "home": pl.String,
    "before": pl.Int64,
    "known": pl.Boolean,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class AccountNewPlace:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.account_new_place",
            name="account_new_place",
            title="An account is used from a country that it never came from",
            severity=Severity.MEDIUM,
            description="A log-in was accepted from a country that the account never came from, though it is known "
            "for days and comes from few places. A stolen password looks like that at its first use.",
            techniques=("T1078",),
            tactics=("initial-access",),
            falsepositives=("A journey", "A VPN, or an address that moved to another country"),
            author="pollwatch",
            status="experimental",
            meaning="Either the owner of the account is abroad, or somebody else has its password.",
            steps=(
                "Ask the owner of the account, by telephone, whether they were abroad.",
                "If not: end all sessions of the account, and change its password from a clean computer.",
                "Look at what the account did since.",
            ),
            path=__file__,
        ),
        (AUTH, LogSource(AUTHENTICATION)),
        ("action", "user", "src_ip"),
        (
            "a log-in is accepted from a country that the account never came from",
            "the account is known by 5 accepted log-ins over 2 days, from at most 3 countries",
            "fewer than 4 accounts use the same network",
            "low where the account comes with a program that it used before, else medium",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "uses": pl.DataFrame(schema=_USES),
            "news": pl.DataFrame(schema=_NEWS),
            "told": pl.DataFrame(schema={"user": pl.String, "country": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self,
        memory: Memory,
        seen: Seen | None,
        watermark_us: int | None,  # noqa: ARG002 - what an account is known by does not age
        *,
        done: bool,
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's accepted log-ins in; say which came from a new country."""
        uses, news, told = memory["uses"], memory["news"], memory["told"]
        fresh = None if seen is None else accepted(seen)
        if fresh is not None and len(fresh):
            first = _first_uses(uses, fresh)
            keys = pl.concat([news.select(*_KEY, "home", "before", "known"), first]).unique(_KEY, keep="first")
            lines = fresh.join(keys, on=_KEY, how="inner", maintain_order="left")
            news = grown(news, lines, _MOST_NEWS)
            uses = _learned(uses, fresh)
        telling = due(sized(news, _KEY), told, _KEY, done=done)
        found = news.join(telling, on=_KEY, how="semi", maintain_order="left").group_by(_KEY, maintain_order=True)
        out = [_detection(self.rule.info, lines) for _key, lines in found]
        return {"uses": uses, "news": news, "told": noted(told, telling, _KEY, _MOST_NEWS)}, out

    def samples(self) -> Samples:
        """An account at home for days, then abroad; a traveller, a new account, and an office that shares a VPN."""
        home = {"line": _line("clerk", "192.0.2.10", "DE"), "times": 14, "every": 21_600}
        return made(
            fire=[home, {"line": _line("clerk", "203.0.113.66", "NL", "Firefox"), "times": 3, "every": 60}],
            silent=[
                _line("guest", "203.0.113.70", "NL"),
                *({"line": _line("rover", f"192.0.2.{n}", c), "every": 86_400} for n, c in enumerate(_ROUTE)),
                _line("rover", "203.0.113.80", "SE"),
                *({"line": _line(f"u{n}", "192.0.2.10", "DE"), "times": 6, "every": 43_200} for n in range(5)),
                *(_line(f"u{n}", "203.0.113.9", "NL") for n in range(5)),
            ],
        )


_ROUTE: Final = ("DE", "FR", "ES", "IT", "DE", "FR", "ES")


def _line(user: str, ip: str, country: str, agent: str = "Edge") -> str:
    """An accepted log-in, as Entra reports it."""
    return (
        f'{{"id":"@n@","createdDateTime":"@iso@","userPrincipalName":"{user}@county.example","appId":"a",'
        f'"appDisplayName":"Mail","ipAddress":"{ip}","userAgent":"{agent}/1","status":{{"errorCode":0}},'
        f'"location":{{"countryOrRegion":"{country}"}}}}'
    )


def _first_uses(uses: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Accounts and countries that come together for the first time, where that tells something."""
    known = uses.group_by("user").agg(
        pl.col("count").sum(), pl.col("since").min(), countries=pl.col("country").n_unique()
    )
    first = (
        fresh.with_columns(earlier=pl.int_range(pl.len()).over("user"), start=pl.col(TIME).min().over("user"))
        .unique(_KEY, keep="first", maintain_order=True)
        .with_columns(nth=pl.int_range(pl.len()).over("user"))
        .join(uses.select(_KEY).unique(), on=_KEY, how="anti", maintain_order="left")
        .join(known, on="user", how="left", maintain_order="left")
        .with_columns(
            before=(pl.col("earlier") + pl.col("count").fill_null(0)).cast(pl.Int64),
            known_us=pl.col(TIME) - pl.min_horizontal("start", "since"),
        )
        .filter(
            pl.col("before") >= _LEAST,
            pl.col("known_us") >= _KNOWN_US,
            pl.max_horizontal("nth", "countries") <= _TRAVELLER,
        )
    )
    if not len(first):
        return pl.DataFrame(schema=_FOUND)
    both = pl.concat([uses.select("user", "country", "network", "agent", at="since"), _as_uses(fresh)])
    shared = both.group_by("network").agg(pl.col("user").n_unique()).filter(pl.col("user") >= _SHARED)
    first = first.join(shared, on="network", how="anti", maintain_order="left")
    past = (
        first.select(*_KEY, "agent", when=TIME)
        .join(both, on="user", suffix="_past")
        .filter(pl.col("at") < pl.col("when"))
    )
    homes = past.group_by(_KEY).agg(
        home=pl.col("country_past").unique().sort().str.join(", "),
        known=(pl.col("agent_past") == pl.col("agent")).any().fill_null(value=False),
    )
    return first.join(homes, on=_KEY, how="left").select(
        *_KEY, "home", "before", known=pl.col("known").fill_null(value=False)
    )


def _as_uses(fresh: pl.DataFrame) -> pl.DataFrame:
    return fresh.select("user", "country", "network", "agent", at=TIME)


def _learned(uses: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """What is known of accounts, with a batch's log-ins."""
    new = fresh.with_columns(since=TIME, count=pl.lit(1, pl.Int64)).select(*_USES)
    both = pl.concat([uses, new])
    merged = both.group_by("user", "country", "network", "agent", maintain_order=True).agg(
        pl.col("since").min(), pl.col("count").sum(), pl.col(TIME).max()
    )
    return bounded(merged, _MOST_USES)


def _detection(info: RuleInfo, lines: pl.DataFrame) -> Detection:
    user, country = str(lines["user"][0]), str(lines["country"][0])
    addresses = lines["src_ip"].unique(maintain_order=True).to_list()
    why = _(
        "{user} logged in from {country} ({ip}); the {before} log-ins before that came from {home}, and this account "
        "never came from there"
    ).format(
        user=printable(user, 80),
        country=printable(country, 8),
        ip=printable(str(addresses[0]), 60),
        before=lines["before"][0],
        home=printable(str(lines["home"][0] or "?"), 40),
    )
    return detections.of_lines(
        info,
        lines,
        AUTH,
        why,
        actors=Actors(ip=tuple(addresses), user=(user,)),
        targets=detections.named(lines["hostname"]),
        severity=Severity.LOW if bool(lines["known"][0]) else None,
    )
