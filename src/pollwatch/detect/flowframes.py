"""Flows as detectors look at them, whoever logged them.

They come as a firewall's packets, a sensor's connections, or an exporter's records of one direction. What became of a
flow is told by what its log has: the firewall's verdict, Zeek's state, TCP's flags, or how much came back. Where none
of them tells, it is not known, and null.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pollwatch.detect.interface import PATH, Seen, bounded
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.places import INSIDE, NOBODYS

_NAMED: Final = (
    *("src_ip", "dest_ip", "src_port", "dest_port", "proto", "bytes_out", "bytes_in", "packets"),
    *("action", "conn_state", "flags", "local_orig", "local_resp"),
)
_NUMBERS: Final = ("src_port", "dest_port", "bytes_out", "bytes_in", "packets")
_REFUSED: Final = r"(?i)block|den[iy]|drop|reject"
#: Zeek's states of connections that were made, and of those that were only tried.
_MADE: Final = ("SF", "S1", "S2", "S3", "RSTO", "RSTR")
_TRIED: Final = ("S0", "REJ", "SH", "RSTOS0", "RSTRH", "SHR")
#: A handshake, something said, and an end take more packets than this; a refused try takes two.
_FEW: Final = 5
_SERVICES_END: Final = 1_024

#: Columns of :func:`flows`.
SCHEMA: Final = {
    "src": pl.String,
    "dst": pl.String,
    "port": pl.Int64,
    "udp": pl.Boolean,
    "sent": pl.Int64,
    "received": pl.Int64,
    "src_inside": pl.Boolean,
    "dst_inside": pl.Boolean,
    "made": pl.Boolean,  # something went both ways; false: refused or unanswered; null: not known
    "answer": pl.Boolean,  # one direction of a flow that the other end opened
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


def flows(seen: Seen) -> pl.DataFrame:
    """A batch's flows between two single machines, with the columns of :data:`SCHEMA`."""
    frame = seen.frame(*_NAMED).with_columns(pl.col(name).cast(pl.Int64, strict=False) for name in _NUMBERS)
    there, back = pl.col("src_ip"), pl.col("dest_ip")
    udp = pl.col("proto").str.to_uppercase().is_in(["UDP", "17"]).fill_null(value=False)
    state, flags, packets, received = (pl.col(each) for each in ("conn_state", "flags", "packets", "bytes_in"))
    made = (
        pl.when(pl.col("action").str.contains(_REFUSED))
        .then(pl.lit(value=False))
        .when(state.is_in(_MADE))
        .then(pl.lit(value=True))
        .when(state.is_in(_TRIED))
        .then(pl.lit(value=False))
        .when(flags == "S")
        .then(pl.lit(value=False))
        .when(udp & received.is_not_null())
        .then(received > 0)
        .when(~udp & received.is_not_null() & packets.is_not_null())
        .then((received > 0) & (packets > _FEW))
        .when(~udp & packets.is_not_null())
        .then(packets > _FEW // 2)
        .when(pl.col("action") == "allowed")
        .then(pl.lit(value=True))
    )
    answer = (
        (pl.col("src_port") < _SERVICES_END)
        & (pl.col("dest_port") >= _SERVICES_END)
        & (flags != "S").fill_null(value=True)
    )
    return (
        frame.filter(there.is_not_null(), back.is_not_null(), ~there.str.contains(NOBODYS), ~back.str.contains(NOBODYS))
        .select(
            src=there,
            dst=back,
            port="dest_port",
            udp=udp,
            sent="bytes_out",
            received="bytes_in",
            src_inside=_inside(there, "local_orig"),
            dst_inside=_inside(back, "local_resp"),
            made=made,
            answer=(answer & state.is_null()).fill_null(value=False),
            **{name: pl.col(name) for name in (TIME, PATH, NUMBER)},
        )
        .cast(pl.Schema(SCHEMA))
    )


def _inside(address: pl.Expr, told: str) -> pl.Expr:
    """Whether an address is of the own network: as it shows itself, or as the sensor was told which those are."""
    return address.str.contains(INSIDE) | (pl.col(told) == "true").fill_null(value=False)


#: Columns of :func:`watched`.
WATCHED: Final = {"src": pl.String, "since": pl.Int64, TIME: pl.Int64}


def watched(hosts: pl.DataFrame, frame: pl.DataFrame, most: int) -> pl.DataFrame:
    """Since when each machine is watched, and when it was seen last.

    Args:
        hosts: what was known, with the columns of :data:`WATCHED`.
        frame: new flows; their ``src`` counts.
        most: machines to keep.
    """
    fresh = frame.group_by("src").agg(since=pl.col(TIME).min(), **{TIME: pl.col(TIME).max()})
    both = pl.concat([hosts, fresh.select(hosts.columns)])
    merged = both.group_by("src", maintain_order=True).agg(pl.col("since").min(), pl.col(TIME).max())
    return bounded(merged.select(hosts.columns), most)
