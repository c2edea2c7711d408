"""Data that leaves, or orders that come, inside names that are asked for.

Whoever may ask for no web page may still ask for names: ``MZXW6YTBOI.tunnel.example`` carries ten letters to whoever
runs that domain. Such names are long, each is new, and there are very many under one domain. Content networks have
long names too, but the same ones again and again; blocklists are asked for addresses, whose names are short.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, due, noted, sized
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import DNS
from pollwatch.i18n import _

_LEAST: Final = 60
#: Letters in front of the domain, on average; of kinds of records that carry much, fewer.
_LONG: Final = 24
_LONG_OF_CARRIERS: Final = 12
_CARRIERS: Final = ("TXT", "NULL", "CNAME", "MX", "KEY", "SRV", "PRIVATE", "65399")
#: So many of all questions under the domain are for a name that was never asked for before.
_NEW: Final = 0.8
#: What many machines ask in this way is a service: reputation of files, telemetry.
_SHARED: Final = 3
_MUCH: Final = 20_000
_SPAN_US: Final = 14 * 86_400 * US_PER_S
_MOST_NAMES: Final = 120_000
_MOST_DOMAINS: Final = 60_000
_LONGEST_NAME: Final = 255
#: The part that somebody registers: two labels, or three where the second one is a country's usual sort of name.
_DOMAIN: Final = r"([^.]+\.(?:(?:com?|org?|net?|gov?|gob|govt|ac|edu|ed|lg|nom)\.[a-z]{2}|[^.]+))$"
#: Names of addresses, of the own network, and of services, whose length says nothing.
_OTHER: Final = r"(?:\.arpa|\.local|\.lan|\.home|\.internal|\.localdomain)$|^_"
_KEY: Final = ("src_ip", "domain")
_NAMES: Final = {
    "src_ip": pl.String,
    "domain": pl.String,
    "what": pl.UInt64,
    "letters": pl.Int64,
    "carrier": pl.Boolean,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class DnsTunnel:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.dns_tunnel",
            name="dns_tunnel",
            title="Names that carry data out",
            severity=Severity.MEDIUM,
            description="A machine asked for very many long names under one domain, each of them new: a way to carry "
            "data past a firewall.",
            techniques=("T1071.004", "T1048.003"),
            tactics=("command-and-control", "exfiltration"),
            falsepositives=(
                "Virus scanners and mail filters that look up fingerprints of files by name",
                "A resolver that asks for the whole office",
            ),
            author="pollwatch",
            status="experimental",
            meaning="One of your computers hides data in the names that it looks up. That is how data is carried out "
            "where everything else is blocked.",
            steps=(
                "Find out which computer it is, and who owns the domain.",
                "If it is not your virus scanner's or mail filter's, block the domain at your name server.",
                "Unplug the computer from the network, but leave it switched on, and call your IT help.",
            ),
            path=__file__,
        ),
        (DNS,),
        ("src_ip", "query"),
        (
            "one address asks for 60 different names under one registered domain within 14 days",
            "what stands before the domain has 24 letters on average; half are TXT, NULL or the like: 12",
            "80 % of its questions under the domain are for new names",
            "three addresses do so for the same domain, or it is little and of usual kinds: the finding is low",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        key = {"src_ip": pl.String, "domain": pl.String}
        return {
            "names": pl.DataFrame(schema=_NAMES),
            "asked": pl.DataFrame(schema=key | {"len": pl.Int64, TIME: pl.Int64}),
            "told": pl.DataFrame(schema=key | {"size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's long names in; judge the domains that have many."""
        names, asked, told = memory["names"], memory["asked"], memory["told"]
        fresh = names.clear()
        if seen is not None:
            fresh = _long(seen)
            since_us = None if watermark_us is None else watermark_us - _SPAN_US
            counts = fresh.group_by(_KEY, maintain_order=True).agg(pl.len().cast(pl.Int64), pl.col(TIME).max())
            summed = pl.concat([asked, counts.select(asked.columns)]).group_by(_KEY, maintain_order=True)
            asked = bounded(summed.agg(pl.col("len").sum(), pl.col(TIME).max()), _MOST_DOMAINS, since_us)
            both = pl.concat([names, fresh]).unique([*_KEY, "what"], keep="first", maintain_order=True)
            names = bounded(both, _MOST_NAMES, since_us)
        kept = {"names": names, "asked": asked, "told": told}
        if not done and not len(fresh):
            return kept, []
        found = _judged(names, asked, told, done=done)
        news = [_detection(self.rule.info, mine) for _key, mine in found.group_by(_KEY, maintain_order=True)]
        return kept | {"told": noted(told, sized(found, _KEY), _KEY, _MOST_DOMAINS)}, news

    def samples(self) -> Samples:
        """A tunnel of TXT questions; a content network's long names, again and again, and blocklists."""
        line = "@bsd@ ns1 dnsmasq[7]: query[TXT] mzxw6ytboi4dsmrqgi@n@.k5.example.net from 10.0.0.66"
        long = "@bsd@ ns1 dnsmasq[7]: query[A] edge-cache-of-the-nearest-city-@n@.cdn.example.com from 10.0.0.7"
        listed = "@bsd@ ns1 dnsmasq[7]: query[A] @n@.2.0.192.list.example.org from 10.0.0.25"
        again = [{"line": long, "times": 40, "every": 30} for _turn in range(4)]
        return made(
            fire=[{"line": line, "times": 100, "every": 5}],
            silent=[*again, {"line": listed, "times": 100, "every": 5}],
        )


def _long(seen: Seen) -> pl.DataFrame:
    """The questions of a batch for names that may carry something."""
    frame = seen.frame("src_ip", "query", "record_type").filter(
        pl.col("src_ip").is_not_null(), pl.col("query").str.len_bytes() > _LONG_OF_CARRIERS
    )
    asked = pl.col("query").str.to_lowercase().str.slice(0, _LONGEST_NAME).str.strip_chars_end(".")
    return (
        frame.with_columns(query=asked)
        .filter(~pl.col("query").str.contains(_OTHER))
        .with_columns(
            domain=pl.col("query").str.extract(_DOMAIN),
            what=pl.col("query").hash(seed=0),
            carrier=pl.col("record_type").str.to_uppercase().is_in(_CARRIERS).fill_null(value=False),
        )
        .drop_nulls("domain")
        .with_columns(letters=(pl.col("query").str.len_bytes() - pl.col("domain").str.len_bytes() - 1).cast(pl.Int64))
        .filter(pl.col("letters") >= _LONG_OF_CARRIERS)
        .select(*_NAMES)
    )


def _judged(names: pl.DataFrame, asked: pl.DataFrame, told: pl.DataFrame, *, done: bool) -> pl.DataFrame:
    """The names under domains that are to be reported, ``faint`` or not."""
    many = names.filter(pl.len().over(_KEY) >= _LEAST)
    share = pl.col("carrier").mean()
    wanted = (
        many.group_by(_KEY, maintain_order=True)
        .agg(size=pl.len(), letters=pl.col("letters").mean(), all=pl.col("letters").sum(), carriers=share)
        .with_columns(asking=pl.len().over("domain"))
        .filter(
            (pl.col("letters") >= _LONG) | ((pl.col("carriers") >= 0.5) & (pl.col("letters") >= _LONG_OF_CARRIERS)),
        )
        .join(asked, on=_KEY, how="left")
        .filter(pl.col("size") >= _NEW * pl.col("len").fill_null(0))
        .pipe(due, told, _KEY, done=done)
        .select(
            *_KEY,
            "all",
            faint=(pl.col("asking") >= _SHARED) | ((pl.col("carriers") < 0.3) & (pl.col("all") < _MUCH)),
        )
    )
    return many.join(wanted, on=_KEY, how="inner", maintain_order="left")


def _detection(info: RuleInfo, lines: pl.DataFrame) -> Detection:
    who, domain = str(lines["src_ip"][0]), str(lines["domain"][0])
    why = _(
        "{ip} asked for {count} different long names under {domain} within {span}, {letters} letters in all"
    ).format(
        ip=printable(who, 60),
        count=len(lines),
        domain=printable(domain, 100),
        span=detections.spanned(lines),
        letters=lines["all"][0],
    )
    return detections.of_lines(
        info,
        lines,
        DNS,
        why,
        actors=Actors(ip=(who,), domain=(domain,)),
        targets=(who,),
        severity=Severity.LOW if bool(lines["faint"][0]) else None,
    )
