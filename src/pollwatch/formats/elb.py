"""Access logs of AWS's load balancers: Application, Classic, and the connections of Network ones.

Source: Elastic Load Balancing user guides, "Access logs for your Application Load Balancer" (Classic, Network).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollwatch.formats.errorline import ErrorLine
from pollwatch.formats.framing import as_int64, split_host_port
from pollwatch.formats.framing_proxy import Connection, ProxyLines, spelled, with_own_site
from pollwatch.formats.interface import Framing, ParseContext, Parser
from pollwatch.formats.webtext import any_time_us

if TYPE_CHECKING:
    import polars as pl

_ALB = spelled(
    "elb_type time elb client target_address _ seconds _ status target_status_code cs-bytes bytes "
    '"request" "agent" ssl_cipher ssl_protocol target_group_arn "trace_id" "host" "chosen_cert_arn" '
    'matched_rule_priority request_creation_time "actions_executed" "redirect_url" "error_reason"'
)
_CLASSIC = spelled(
    'time elb client target_address _ seconds _ status target_status_code cs-bytes bytes "request" "agent" '
    "ssl_cipher ssl_protocol",
    status="[0-9]{3}",
)
_FIRST_CLASSIC = spelled(
    'time elb client target_address _ seconds _ status target_status_code cs-bytes bytes "request"',
    status="[0-9]{3}",
)
#: A Classic one's line about a TCP listener: no status, and dashes for a request.
_PASSED_ON = re.compile(
    r"(?P<time>\S+Z) (?P<elb>\S+) (?P<client>\S+) (?P<target>\S+) \S+ \S+ \S+ - - (?P<sent>\d+) (?P<got>\d+) \"- - - \""
)
_TLS = re.compile(
    r"tls \d\.\d (?P<time>\S+) (?P<elb>net/\S+) \S+ (?P<client>\S+) (?P<target>\S+) \d+ \S+ (?P<sent>\d+) (?P<got>\d+) "
)

NOT_ELB = "no line of an AWS load balancer's access log"


@dataclass(frozen=True, slots=True)
class Elb:
    """The format ``elb``."""

    name: str = "elb"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that a load balancer writes."""
        return sum(_is_ours(line) for line in sample) / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers nothing between blocks."""
        return ProxyLines(context.zone, (_ALB, _CLASSIC, _FIRST_CLASSIC), _connection, _finish)


def _is_ours(line: str) -> bool:
    return any(re.match(each.pattern, line) for each in (_ALB, _FIRST_CLASSIC)) or not isinstance(
        _connection(line, dt.UTC), str
    )


def _finish(frame: pl.DataFrame) -> pl.DataFrame:
    """The site out of the request line; whether AWS's web application firewall had the last word."""
    import polars as pl  # noqa: PLC0415 - heavy

    client = pl.col("client").str.replace(r"^\[?(.*?)\]?:[0-9]{1,5}$", "$1")  # also of IPv6 without brackets
    frame = with_own_site(frame.with_columns(client.alias("client")), pl.lit(value=True))
    if "actions_executed" not in frame.columns:
        return frame
    blocked = (pl.col("actions_executed") == "waf") & (pl.col("status") == "403")
    return frame.with_columns(pl.when(blocked).then(pl.lit("block")).alias("waf-action"))


def _connection(text: str, zone: dt.tzinfo) -> Connection | ErrorLine | str:
    found = _TLS.match(text) or _PASSED_ON.match(text)
    if found is None:
        return NOT_ELB
    client, client_port = split_host_port(found["client"])
    target, target_port = split_host_port(found["target"])
    values = {"src_ip": client, "src_port": client_port, "dest_ip": target, "dest_port": target_port, "proto": "TCP"}
    sizes = {"bytes_out": as_int64(found["sent"]), "bytes_in": as_int64(found["got"])}
    return Connection(any_time_us(found["time"], zone), values | sizes | {"elb": found["elb"]})


ELB = Elb()
