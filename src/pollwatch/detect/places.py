"""Where on earth a log-in came from, as far as addresses and the service's own words tell.

An address says which country it was given out for, no more: the data of the regional registries, which ``iptocc``
ships. Providers move addresses, and VPNs hide where people are. Hence the rule of all who use this: a country that
differs is evidence only for an account that stayed in its own so far, and never where many accounts share the
network.
"""

from __future__ import annotations

from typing import Final

import iptocc
import polars as pl

from pollwatch.detect.interface import PATH, Seen
from pollwatch.events.batch import NUMBER, TIME

#: Columns that :func:`placed` needs.
NEEDED: Final = ("src_ip", "norm.country", "norm.place", "norm.network")
_EARTH_KM: Final = 6371.0
#: A program is told by what it calls itself without its versions, which change.
_NUMBERS: Final = r"[\d.]+"
_LONGEST: Final = 200
_ACCEPTED: Final = {
    "user": pl.String,
    "country": pl.String,
    "network": pl.String,
    "place": pl.String,
    "agent": pl.String,
    "src_ip": pl.String,
    "hostname": pl.String,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


def placed(logins: pl.DataFrame) -> pl.DataFrame:
    """Log-ins with ``country`` (two letters, or null) and ``network`` (the provider's, or the address's range)."""
    addresses = logins["src_ip"].cast(pl.String)
    codes = pl.Series("looked", iptocc.country_code(addresses.fill_null("").to_list()), dtype=pl.String)
    told = pl.col("norm.country").cast(pl.String)
    known = pl.when(told.str.contains("^[A-Z]{2}$")).then(told)
    return logins.with_columns(codes).with_columns(
        country=pl.coalesce(known, "looked"),
        network=pl.coalesce(pl.col("norm.network").cast(pl.String), network_of("src_ip")),
    )


def network_of(column: str) -> pl.Expr:
    """The network of a column's addresses, as wide as an office or a provider keeps it: half of an IPv4 address."""
    v4 = pl.col(column).str.extract(r"^(\d+\.\d+)\.\d+\.\d+$")
    v6 = pl.col(column).str.extract(r"^([0-9a-f]+:[0-9a-f]*):")
    return pl.coalesce(v4, v6, pl.col(column))


def apart_km(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """How far two places (``norm.place``) are apart, over the ground; null where one is not known."""

    def radians(place: pl.Expr, at: int) -> pl.Expr:
        return place.str.split(",").list.get(at, null_on_oob=True).cast(pl.Float64, strict=False).radians()

    north, east = radians(one, 0), radians(one, 1)
    north_too, east_too = radians(other, 0), radians(other, 1)
    half = ((north_too - north) / 2).sin().pow(2)
    half += north.cos() * north_too.cos() * ((east_too - east) / 2).sin().pow(2)
    return 2 * _EARTH_KM * half.clip(0, 1).sqrt().arcsin()


def accepted(seen: Seen) -> pl.DataFrame:
    """A batch's accepted log-ins whose country is known, by time: account, address, program and place."""
    frame = seen.frame("user", "hostname", "norm.agent", *NEEDED, rows=seen.rows_among("action", ["success"]))
    if not len(frame):
        return pl.DataFrame(schema=_ACCEPTED)
    return (
        placed(frame)
        .drop_nulls(["user", "country", "src_ip"])
        .with_columns(
            agent=pl.col("norm.agent").cast(pl.String).str.replace_all(_NUMBERS, "").str.slice(0, _LONGEST),
            place=pl.col("norm.place").cast(pl.String),
        )
        .sort(TIME, maintain_order=True)
        .select(*_ACCEPTED)
    )
