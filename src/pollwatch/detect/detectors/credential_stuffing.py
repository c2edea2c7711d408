"""Passwords from elsewhere are tried: many accounts, each once or twice, from many addresses, each only a few times.

No address and no account stands out, so nothing that counts by either sees it. What stands out is the service: within
hours, many addresses fail there that were never let in to anything, each at accounts of its own, and more of them
than failed in the hours before. People who mistype are let in from the same address soon, or were before.

One of those addresses that *is* let in, to an account that never came from there, after failing at others, holds
somebody's password: that is told by itself, and high.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, grown, worth_telling
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.accounts import WORDLIST_ACCOUNTS
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import AUTH
from pollwatch.i18n import _

_HOUR_US: Final = 3_600 * US_PER_S
#: Tries within one span of this length are judged together.
_SPAN_US: Final = 6 * _HOUR_US
#: How long it is remembered who was let in, and how many failed.
_KNOWN_US: Final = 14 * 24 * _HOUR_US
_LEAST: Final = 15
_FEW: Final = 4
#: So many times the usual number of strangers make it unusual.
_TIMES: Final = 4
_MOST_TRIES: Final = 60_000
_MOST_KNOWN: Final = 60_000
_LONGEST: Final = 80

_TRIES: Final = {
    "host": pl.String,
    "ip": pl.String,
    "user": pl.String,
    "ok": pl.Boolean,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}
_KNOWN: Final = {"ip": pl.String, "user": pl.String, TIME: pl.Int64}
_SPANS: Final = {"host": pl.String, "span": pl.Int64, "strangers": pl.Int64, "told": pl.Int64, TIME: pl.Int64}


class CredentialStuffing:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.credential_stuffing",
            name="credential_stuffing",
            title="Passwords from elsewhere are tried on many accounts, from many addresses",
            severity=Severity.MEDIUM,
            description="Within hours many addresses that were never let in failed at one service, each a few times "
            "and at accounts of its own; together they tried many accounts.",
            techniques=("T1110.004",),
            tactics=("credential-access",),
            falsepositives=("An outage of the directory, after which everybody's programs fail for a while",),
            author="pollwatch",
            status="experimental",
            meaning="Somebody has a list of names and passwords, from a leak elsewhere, and tries which of them work "
            "here.",
            steps=(
                "Ask for a second factor at this service, or close it to other countries for a while.",
                "Have everybody whose account was tried choose a new password that they use nowhere else.",
                "Look whether one of these addresses was let in; those accounts come first.",
            ),
            path=__file__,
        ),
        (AUTH, LogSource("authentication")),
        ("action", "user", "src_ip"),
        (
            "15 addresses that were never let in fail at 15 accounts of one service within 6 hours, a few times each",
            "and they are 4 times as many as in an ordinary span before",
        ),
    )
    version = "1"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "tries": pl.DataFrame(schema=_TRIES),
            "known": pl.DataFrame(schema=_KNOWN),
            "spans": pl.DataFrame(schema=_SPANS),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take a batch's log-ins in; judge the spans that they fall into."""
        tries, known, spans = memory["tries"], memory["known"], memory["spans"]
        fresh = pl.DataFrame(schema=_TRIES) if seen is None else _tries(seen)
        if not done and not len(fresh):
            return memory, []
        since_us = None if watermark_us is None else watermark_us - _KNOWN_US
        tries = grown(tries, fresh, _MOST_TRIES, since_us)
        touched = (tries if done else fresh).select("host", span=pl.col(TIME) // _SPAN_US).unique(maintain_order=True)
        strange = _strangers(tries, known)
        judged = _judged(strange, touched, spans, done=done)
        news = [self._told(mine, tries, known) for mine in judged.partition_by("host", "span", maintain_order=True)]
        # A span's sources become known only when it can no longer matter who was let in first.
        let_in = tries.filter(pl.col("ok")).group_by("ip", "user", maintain_order=True).agg(pl.col(TIME).min())
        merged = pl.concat([known, let_in.select(*_KNOWN)]).group_by("ip", "user", maintain_order=True)
        known = bounded(merged.agg(pl.col(TIME).min()).select(*_KNOWN), _MOST_KNOWN)
        spans = _counted(spans, strange, touched, judged)
        return {"tries": tries, "known": known, "spans": spans}, [each for told in news for each in told]

    def samples(self) -> Samples:
        """Thirty addresses with two accounts each; and thirty people who mistype and are let in."""
        line = (
            "@bsd@ mx1 dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs):"
            " user=<p{user}@a.example>, "
            "method=PLAIN, rip=203.0.113.@n@, lip=10.0.0.5, TLS, session=<{user}>"
        )
        let_in = line.replace("Disconnected (auth failed, 1 attempts in 2 secs)", "Login")
        first, second = line.format(user="@n@"), line.format(user="x@n@")
        return made(
            fire=[{"line": first, "times": 30, "every": 200}, {"line": second, "times": 30, "every": 200}],
            silent=[
                {"line": first, "times": 30, "every": 100},
                {"line": let_in.format(user="@n@"), "times": 30, "every": 100},
                {"line": first.replace("p@n@", "same"), "times": 30, "every": 100},
            ],
        )

    def _told(self, mine: pl.DataFrame, tries: pl.DataFrame, known: pl.DataFrame) -> list[Detection]:
        """A span's detection, and one for those of its addresses that were let in."""
        host, span = mine["host"][0], mine["span"][0]
        words = _(
            "{ips} addresses that were never let in failed at {users} accounts of {host} within hours, a few times each"
        )
        said = words.format(
            ips=mine["ip"].n_unique(), users=mine["user"].n_unique(), host=printable(str(host or _("a service")), 60)
        )
        found = [_detection(self.rule.info, mine, said, Severity.MEDIUM)]
        won = _won(
            mine, tries.filter(pl.col("host").eq_missing(pl.lit(host)) & (pl.col(TIME) // _SPAN_US == span)), known
        )
        if len(won):
            before = mine.filter(pl.col("ip").is_in(won["ip"].implode())).select(*_TRIES)
            words = _("{user} was let in from {ip}, which had failed at other accounts and never was let in before")
            said = words.format(user=printable(str(won["user"][0]), 60), ip=printable(str(won["ip"][0]), 60))
            found.append(_detection(self.rule.info, pl.concat([before, won]), said, Severity.HIGH, succeeded=True))
        return found


def _tries(seen: Seen) -> pl.DataFrame:
    """A batch's log-ins of named accounts, refused or accepted."""
    rows = seen.rows_among("action", ["success", "failure", "invalid_user"])
    frame = seen.frame("action", "user", "src_ip", "hostname", "program", rows=rows).drop_nulls(["user", "src_ip"])
    # At remote log-in, and with names from word lists, strangers fail all day, everywhere.
    local = pl.col("user").cast(pl.String).str.extract(r"^([^@]*?)\d*(?:@.*)?$").str.to_lowercase()
    noise = pl.col("program").cast(pl.String).is_in(["sshd", "dropbear"]) | local.is_in(sorted(WORDLIST_ACCOUNTS))
    frame = frame.filter(~noise.fill_null(value=False))
    return frame.select(
        host=pl.col("hostname").cast(pl.String),
        ip=pl.col("src_ip").cast(pl.String),
        user=pl.col("user").cast(pl.String).str.head(_LONGEST),
        ok=pl.col("action").cast(pl.String) == "success",
        **{TIME: pl.col(TIME), PATH: pl.col(PATH), NUMBER: pl.col(NUMBER)},
    )


def _strangers(tries: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Failed tries of addresses that failed at more accounts than they were let in to, a few times each."""
    spans = tries.with_columns(span=pl.col(TIME) // _SPAN_US)
    at_home = pl.concat([known.select("ip", "user"), tries.filter(pl.col("ok")).select("ip", "user")]).unique()
    failed = spans.filter(~pl.col("ok")).join(at_home, on=["ip", "user"], how="anti")
    each = failed.group_by("host", "span", "ip").agg(count=pl.len(), at=pl.col("user").n_unique())
    few = each.filter(pl.col("count") <= _FEW * pl.col("at"), pl.col("at") <= 2 * _FEW)
    homes = at_home.group_by("ip").agg(homes=pl.len())
    few = few.join(homes, on="ip", how="left").filter(pl.col("homes").fill_null(0) < pl.col("at"))
    return failed.join(few.select("host", "span", "ip"), on=["host", "span", "ip"], how="semi", nulls_equal=True)


def _judged(strange: pl.DataFrame, touched: pl.DataFrame, spans: pl.DataFrame, *, done: bool) -> pl.DataFrame:
    """The strangers' tries in those of the touched spans that are to be reported."""
    now = strange.join(touched, on=["host", "span"], how="semi", nulls_equal=True)
    sums = now.group_by("host", "span", maintain_order=True).agg(
        ips=pl.col("ip").n_unique().cast(pl.Int64), users=pl.col("user").n_unique().cast(pl.Int64)
    )
    # Not of the span itself: what it had a moment ago is no past to compare it with.
    others = sums.select("host", "span").join(spans, on="host", how="inner", nulls_equal=True, suffix="_past")
    others = others.filter(pl.col("span_past") < pl.col("span"))
    usual = others.group_by("host", "span").agg(usual=pl.col("strangers").median())
    told = spans.select("host", "span", "told")
    loud = (
        sums.filter(pl.col("ips") >= _LEAST, pl.col("users") >= _LEAST)
        .join(usual, on=["host", "span"], how="left", nulls_equal=True)
        .join(told, on=["host", "span"], how="left", nulls_equal=True)
        .filter((pl.col("ips") >= _TIMES * pl.col("usual").fill_null(0)) | (pl.col("told").fill_null(0) > 0))
        .filter(worth_telling(pl.col("ips"), pl.col("told"), done=done))
    )
    return now.join(loud.select("host", "span"), on=["host", "span"], how="semi", nulls_equal=True)


def _counted(spans: pl.DataFrame, strange: pl.DataFrame, touched: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """How many strangers each span had, for what is usual later; and how many were told."""
    fresh = (
        strange.join(touched, on=["host", "span"], how="semi", nulls_equal=True)
        .group_by("host", "span", maintain_order=True)
        .agg(strangers=pl.col("ip").n_unique().cast(pl.Int64), **{TIME: pl.col(TIME).max()})
    )
    told = judged.group_by("host", "span").agg(now=pl.col("ip").n_unique().cast(pl.Int64))
    before = spans.select("host", "span", before=pl.col("told"))
    fresh = (
        fresh.join(told, on=["host", "span"], how="left", nulls_equal=True)
        .join(before, on=["host", "span"], how="left", nulls_equal=True)
        .with_columns(told=pl.coalesce("now", "before", pl.lit(0, pl.Int64)))
        .select(*_SPANS)
    )
    rest = spans.join(fresh, on=["host", "span"], how="anti", nulls_equal=True)
    return grown(rest, fresh, _MOST_KNOWN // 10)


def _won(mine: pl.DataFrame, tries: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Log-ins accepted from the span's strangers, to accounts new to them, after they failed at others."""
    let_in = tries.filter(pl.col("ok")).join(known, on=["ip", "user"], how="left", suffix="_known")
    let_in = let_in.filter(pl.col(f"{TIME}_known").is_null() | (pl.col(f"{TIME}_known") >= pl.col(TIME)))
    failed = mine.group_by("ip").agg(begin=pl.col(TIME).min(), tried=pl.col("user"))
    found = let_in.join(failed, on="ip", how="inner").filter(pl.col(TIME) > pl.col("begin"))
    return found.filter(pl.col("tried").list.n_unique() >= 2).select(*_TRIES) if len(found) else found.select(*_TRIES)


def _detection(
    info: RuleInfo, lines: pl.DataFrame, said: str, severity: Severity, *, succeeded: bool = False
) -> Detection:
    return detections.of_lines(
        info,
        lines,
        AUTH,
        said,
        actors=Actors(
            ip=tuple(lines["ip"].unique(maintain_order=True).to_list()),
            user=tuple(lines["user"].unique(maintain_order=True).to_list()),
        ),
        targets=detections.named(lines["host"]),
        severity=severity,
        succeeded=succeeded,
    )
