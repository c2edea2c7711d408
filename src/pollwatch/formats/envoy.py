"""Envoy's default access log, and Istio's, which adds why a request ended and who connected.

Envoy's own default leaves out the peer: whom it saw is the last entry of the X-Forwarded-For that it passes on.

Source: Envoy, "Access logging" (default format string); Istio, "Envoy Access Logs".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollwatch.formats.framing_proxy import ProxyLines, spelled
from pollwatch.formats.interface import Framing, ParseContext, Parser
from pollwatch.formats.weblines import share

if TYPE_CHECKING:
    import polars as pl

_ISTIO = spelled(
    '[time] "request" status response_flags response_code_details connection_termination_details '
    '"upstream_failure" cs-bytes bytes ms _ "forwarded" "agent" "request_id" "host" "upstream_host" '
    "upstream_cluster _ downstream_local_address client requested_server_name route_name"
)
_ENVOY = spelled(
    '[time] "request" status response_flags cs-bytes bytes ms _ "forwarded" "agent" "request_id" "host" "upstream_host"'
)
_LINES = tuple(re.compile(each.pattern) for each in (_ISTIO, _ENVOY))

NOT_ENVOY = "no line of Envoy's or Istio's default access log"


@dataclass(frozen=True, slots=True)
class Envoy:
    """The format ``envoy``."""

    name: str = "envoy"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines in one of the default layouts."""
        return share(sample, lambda line: any(each.match(line) for each in _LINES))

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers nothing between blocks."""
        return ProxyLines(context.zone, (_ISTIO, _ENVOY), _otherwise, _finish)


def _finish(frame: pl.DataFrame) -> pl.DataFrame:
    """What stands for a connection that was no request is absent."""
    import polars as pl  # noqa: PLC0415 - heavy

    request = pl.col("request")
    return frame.with_columns(pl.when(request != "- - -").then(request).alias("request"))


def _otherwise(_text: str, _zone: dt.tzinfo) -> str:
    return NOT_ENVOY


ENVOY = Envoy()
