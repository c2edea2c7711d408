"""An access key is made, and soon used from where nobody of the office ever was.

Who has broken into a cloud account makes a key and takes it along: it goes on working when the password is changed. The
log names the key when it is made and whenever it is used. That it is used from another network than it was made in is
common, since keys are made for programs elsewhere; that nobody acted from that network before is not.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.detect import detections
from pollwatch.detect.interface import PATH, Memory, Seen, bounded, due, grown, noted, sized
from pollwatch.detect.places import network_of
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME, LogSource, encoded
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.i18n import _

_AWS: Final = LogSource(product="aws", service="cloudtrail")
_MADE: Final = "responseElements.accessKey.accessKeyId"
#: A key that is used elsewhere after this time was not taken along by whoever made it.
_SOON_US: Final = 7 * 86_400 * US_PER_S
#: What networks an account has is known after this time.
_KNOWN_US: Final = 86_400 * US_PER_S
_MOST: Final = 60_000

_KEYS: Final = {
    "key": pl.String,
    "maker": pl.String,
    "made_in": pl.String,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}
_USES: Final = {
    "key": pl.String,
    "src_ip": pl.String,
    "user": pl.String,
    "maker": pl.String,
    "strange": pl.Boolean,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class KeyElsewhere:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.key_elsewhere",
            name="key_elsewhere",
            title="A new access key is used from where nobody of the office ever was",
            severity=Severity.MEDIUM,
            description="An access key was made and is used from a network from which nobody acted before. Whoever "
            "breaks into a cloud account makes such a key and takes it along.",
            techniques=("T1098.001", "T1078.004"),
            tactics=("persistence", "initial-access"),
            falsepositives=("A key for a program that runs elsewhere", "A provider that starts to work for the office"),
            author="pollwatch",
            status="experimental",
            meaning="Somebody outside may hold a key to the office's cloud that works whatever passwords are changed.",
            steps=(
                "Ask the account that made the key, by telephone, what it is for.",
                "Switch the key off until that is clear.",
                "Look at everything that was done with it.",
            ),
            path=__file__,
        ),
        (_AWS,),
        ("norm.device", "norm.ip"),
        (
            "an access key is used within 7 days of being made, from another network than its maker's",
            "medium where nobody acted from that network before, over a day of log or more; else low",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "keys": pl.DataFrame(schema=_KEYS),
            "networks": pl.DataFrame(schema={"network": pl.String, TIME: pl.Int64}),
            "uses": pl.DataFrame(schema=_USES),
            "told": pl.DataFrame(schema={"key": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self,
        memory: Memory,
        seen: Seen | None,
        watermark_us: int | None,  # noqa: ARG002 - keys are few
        *,
        done: bool,
    ) -> tuple[Memory, list[Detection]]:
        """Take in which keys were made and which used."""
        keys, networks, uses, told = (memory[name] for name in ("keys", "networks", "uses", "told"))
        if seen is not None:
            keys = grown(keys, _made(seen), _MOST)
            fresh = _acting(seen)
            seen_first = (
                pl.concat([networks, fresh.select("network", TIME)]).group_by("network").agg(pl.col(TIME).min())
            )
            networks = bounded(seen_first, _MOST)
            uses = grown(uses, _elsewhere(keys, fresh, networks), _MOST)
        telling = due(sized(uses, ["key"]), told, ["key"], done=done)
        found = uses.join(telling, on="key", how="semi", maintain_order="left").group_by("key", maintain_order=True)
        out = [_detection(self.rule.info, lines, keys) for _key, lines in found]
        told = noted(told, telling, ["key"], _MOST)
        return {"keys": keys, "networks": networks, "uses": uses, "told": told}, out

    def samples(self) -> Samples:
        """A key made at the office and used elsewhere the same hour; one that is used where it was made."""
        office = {"line": _line("ListBuckets", "192.0.2.10", "AKIAOFFICE"), "times": 30, "every": 7_200}
        making = _line("CreateAccessKey", "192.0.2.10", "AKIAOFFICE", made_key="AKIANEW")
        return made(
            fire=[office, making, {"line": _line("ListUsers", "203.0.113.66", "AKIANEW"), "times": 5, "every": 60}],
            silent=[
                office,
                making,
                {"line": _line("ListUsers", "192.0.2.77", "AKIANEW"), "times": 5, "every": 60},
                {"line": _line("ListUsers", "203.0.113.66", "AKIAOTHER"), "times": 5, "every": 60},
            ],
        )


def _line(name: str, ip: str, key: str, made_key: str = "") -> str:
    """A call, as CloudTrail records it."""
    answer = f'{{"accessKey":{{"accessKeyId":"{made_key}"}}}}' if made_key else "null"
    return (
        f'{{"eventTime":"@iso@","eventSource":"iam.amazonaws.com","eventName":"{name}","sourceIPAddress":"{ip}",'
        f'"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/clerk","accessKeyId":"{key}"}},'
        f'"responseElements":{answer}}}'
    )


def _made(seen: Seen) -> pl.DataFrame:
    """The keys that were made in a batch."""
    if not seen.has(_MADE):
        return pl.DataFrame(schema=_KEYS)
    codes, _values = encoded(seen.batch.table[_MADE])
    frame = seen.frame(_MADE, "norm.user", "norm.ip", rows=np.flatnonzero(codes >= 0))
    named = frame.cast({_MADE: pl.String, "norm.user": pl.String, "norm.ip": pl.String})
    return named.with_columns(key=_MADE, maker="norm.user", made_in=network_of("norm.ip")).select(*_KEYS)


def _acting(seen: Seen) -> pl.DataFrame:
    """Every call that names its key and its address."""
    frame = seen.frame("norm.device", "norm.user", "norm.ip").drop_nulls(["norm.device", "norm.ip"])
    named = frame.cast({"norm.device": pl.String, "norm.user": pl.String, "norm.ip": pl.String})
    return named.with_columns(key="norm.device", user="norm.user", src_ip="norm.ip", network=network_of("norm.ip"))


def _elsewhere(keys: pl.DataFrame, fresh: pl.DataFrame, networks: pl.DataFrame) -> pl.DataFrame:
    """Calls with a new key from another network than its maker's."""
    known = keys.select("key", "maker", "made_in", made_us=TIME).unique("key", keep="first")
    start = networks[TIME].min()
    used = fresh.join(known, on="key", how="inner", maintain_order="left").filter(
        pl.col("network") != pl.col("made_in"), pl.col(TIME) - pl.col("made_us") <= _SOON_US
    )
    first = networks.select("network", first_us=TIME)
    long_known = pl.col("made_us") - pl.lit(start, pl.Int64) >= _KNOWN_US
    return (
        used.join(first, on="network", how="left", maintain_order="left")
        .with_columns(strange=(long_known & (pl.col("first_us") >= pl.col("made_us"))).fill_null(value=False))
        .select(*_USES)
    )


def _detection(info: RuleInfo, lines: pl.DataFrame, keys: pl.DataFrame) -> Detection:
    key = str(lines["key"][0])
    origin = keys.filter(pl.col("key") == key).head(1).select(PATH, NUMBER, TIME)
    addresses = lines["src_ip"].unique(maintain_order=True).to_list()
    why = _("{maker} made the access key {key}, which was then used {count} times from {ip}").format(
        maker=printable(str(lines["maker"][0] or "?"), 100),
        key=printable(key, 40),
        count=len(lines),
        ip=printable(str(addresses[0]), 60),
    )
    users = detections.named(lines["user"])
    return detections.of_lines(
        info,
        pl.concat([origin, lines.select(PATH, NUMBER, TIME)]),
        _AWS,
        why,
        actors=Actors(ip=tuple(addresses), user=tuple(users)),
        severity=None if bool(lines["strange"].any()) else Severity.LOW,
    )
