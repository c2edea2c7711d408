"""HAProxy's lines: requests, connections, failed connections, and what it says about itself.

A request's captured headers stand in braces without their names, in an order that only the configuration knows: what
can be nothing else than a user agent, a referer, a site or a list of addresses is taken for it. Clients write all of
these, and none of them decides who the client is.

Source: HAProxy Configuration Manual, section 8 (log formats, "error log format", "HTTPS log format").
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from pollwatch.formats.accessline import Fields
from pollwatch.formats.errorline import ErrorLine
from pollwatch.formats.framing import Value, as_int64
from pollwatch.formats.framing_login import port
from pollwatch.formats.framing_proxy import Connection, with_own_site
from pollwatch.formats.logformat import Layout
from pollwatch.formats.webtext import any_time_us, client_address

if TYPE_CHECKING:
    import polars as pl

_TIME = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8}(?:\.[0-9]{1,6})?"
#: Client (of IPv6 mostly without brackets), port, time, frontend, backend, server.
_HEAD = (
    rf'(?s)^\[?(?P<f0>[^ \[\]"]+)\]?:(?P<f1>[0-9]+) \[(?P<f2>{_TIME})\] '
    r"(?P<f3>[^ ]+) (?P<f4>[^ /]+)/(?P<f5>[^ ]+) "
)
_COUNTERS = r"[0-9]+/[0-9]+/[0-9]+/[0-9]+/\+?[0-9]+ [0-9]+/[0-9]+"

#: A request, with the fields that HTTPS adds behind it.
LAYOUT = Layout(
    rf"{_HEAD}(?:[+-]?[0-9]+/){{3,4}}\+?(?P<f6>-?[0-9]+) (?P<f7>-?[0-9]{{1,3}}) \+?(?P<f8>[0-9]+) [^ ]+ [^ ]+ "
    rf'(?P<f9>[A-Za-z-]{{4}}) {_COUNTERS} (?P<f10>(?:\{{[^}}]*\}} ){{0,2}})"(?P<f11>[^"]*)"?(?P<f12>(?: .*)?)$',
    (
        *("client", "client_port", "time", "frontend_name", "backend_name", "server_name"),
        *("ms", "status", "bytes", "termination_state", "captured", "request", "extra"),
    ),
)
_CONNECTION = re.compile(
    rf"{_HEAD}(?:[+-]?[0-9]+/){{2}}\+?-?[0-9]+ \+?(?P<bytes>[0-9]+) (?P<state>[A-Za-z-]{{2}}) {_COUNTERS}(?: |$)"
)
_FAILED = re.compile(
    rf'(?s)\[?(?P<client>[^ \[\]"]+)\]?:[0-9]+ \[(?P<time>{_TIME})\] (?P<frontend>[^ /]+)/[^ :]+: (?P<said>.+)$'
)
_ACCEPTED = re.compile(
    r"Connect from \[?(?P<client>[^ \[\]]+)\]?:(?P<port>[0-9]+) to (?P<ours>\S+):(?P<our_port>[0-9]+) "
    r"\((?P<frontend>[^ /()]+)/(?:HTTP|TCP)\)\s*$"
)
_OWN = re.compile(
    r"\[(?P<level>ALERT|WARNING|NOTICE|INFO)\] +(?:[0-9/:]+ )?\([0-9]+\) : (?P<said>.+)$"
    r"|(?P<plain>(?:Proxy \S+ (?:started|stopped)|(?:Backup )?Server \S+/\S+ is |[Bb]ackend \S+ has no server available"
    r"|Health check for (?:backup )?server \S+/\S+ |(?:Stopping|Pausing|Enabling) (?:frontend|backend|proxy) \S+).*)$",
    re.DOTALL,
)
_AGENT = re.compile(
    r"Mozilla/|[A-Za-z][\w .-]{1,40}/\d|(?:curl|Wget|python|Go-http|okhttp|Java|sqlmap|Nikto)\b", re.IGNORECASE
)
_REFERER = re.compile(r"https?://")
_ENCODED = "#([0-9A-F]{2})"
_SITE = re.compile(r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,63}(?::[0-9]{1,5})?\Z")
_ADDRESSES = re.compile(r"[0-9A-Fa-f.:]{3,45}(?:, ?[0-9A-Fa-f.:]{3,45})*\Z")

NOT_HAPROXY = "no line of HAProxy: no request, no connection, and no message of its own"


_REQUEST = re.compile(LAYOUT.pattern)


def read(text: str, zone: dt.tzinfo) -> Fields | Connection | ErrorLine | str:
    """What one line reports, a request's fields as the log has them (see :func:`finish`); or why it is nothing."""
    if found := _REQUEST.match(text):
        return dict(zip(LAYOUT.fields, found.groups(), strict=True))
    return read_other(text, zone)


def read_other(text: str, zone: dt.tzinfo) -> Connection | ErrorLine | str:
    """What a line is that reports no request, or why it is nothing."""
    if found := _CONNECTION.match(text):
        values: dict[str, Value] = {
            "src_ip": client_address(found["f0"]), "src_port": port(found["f1"]), "proto": "TCP",
            "bytes_in": as_int64(found["bytes"]), "frontend_name": found["f3"], "backend_name": found["f4"],
            "server_name": found["f5"], "termination_state": found["state"],
        }  # fmt: skip
        return Connection(any_time_us(found["f2"], zone), values)
    if found := _ACCEPTED.match(text):
        values = {"src_ip": client_address(found["client"]), "src_port": port(found["port"]), "proto": "TCP"}
        ours: dict[str, Value] = {"dest_ip": found["ours"].strip("[]"), "dest_port": port(found["our_port"])}
        return Connection(None, values | ours | {"frontend_name": found["frontend"]})
    if found := _FAILED.match(text):
        values = {"c-ip": client_address(found["client"]), "module": "haproxy", "message": found["said"]}
        return ErrorLine(any_time_us(found["time"], zone), values | {"server": found["frontend"]})
    if found := _OWN.match(text):
        level = found["level"].lower() if found["level"] else None
        return ErrorLine(None, {"level": level, "module": "haproxy", "message": found["said"] or found["plain"]})
    return NOT_HAPROXY


def finish(frame: pl.DataFrame) -> pl.DataFrame:
    """What HAProxy's fields mean. The frame may hold other programs' requests too."""
    import polars as pl  # noqa: PLC0415 - heavy

    ours = pl.col("frontend_name").is_not_null()
    # What is no printable character, and quotes, stand as #22.
    request = pl.col("request").str.replace_all(_ENCODED, r"\x$1")
    frame = frame.with_columns(
        pl.when(ours & (pl.col("request") == "<BADREQ>"))
        .then(pl.lit("-"))
        .when(ours)
        .then(request)
        .otherwise(pl.col("request"))
        .alias("request"),
        pl.when(pl.col("client") != "unix").then(pl.col("client")).alias("client"),
        pl.when(pl.col("captured") != "").then(pl.col("captured").str.strip_chars_end()).alias("captured"),
    )
    # HTTP/2 has no other form than the absolute one; up to HTTP/1.1, a client that uses it takes us for a relay.
    frame = with_own_site(frame, ours & pl.col("request").str.contains(r"(?s) HTTP/[23](?:\.0)?$"))
    told = {each: _captured(each) for each in frame["captured"].unique() if each}
    for name in ("agent", "referer", "host", "forwarded"):
        named = {text: said.get(name) for text, said in told.items()}
        column = frame["captured"].replace_strict(named, default=None, return_dtype=pl.String)
        known = frame[name] if name in frame.columns else pl.repeat(None, len(frame), dtype=pl.String, eager=True)
        frame = frame.with_columns(pl.select(pl.coalesce(known, column))[:, 0].alias(name))
    return frame


def _captured(braces: str) -> dict[str, str]:
    """The request's headers among the captured ones, as far as a value can be only one of them."""
    said: dict[str, str] = {}
    for encoded in braces.partition("}")[0].lstrip("{").split("|"):
        value = re.sub(_ENCODED, r"\\x\1", encoded)
        if _REFERER.match(value):
            said.setdefault("referer", value)
        elif _ADDRESSES.match(value):
            said.setdefault("forwarded", value)
        elif _SITE.match(value):
            said.setdefault("host", value)
        elif _AGENT.match(value):
            said.setdefault("agent", value)
    return said
