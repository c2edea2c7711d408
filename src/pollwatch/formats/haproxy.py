"""HAProxy's log, bare or behind a syslog header: HTTP and HTTPS requests, TCP connections, failed connections."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.formats.framing_haproxy import LAYOUT, finish, read, read_other
from pollwatch.formats.framing_proxy import ProxyLines
from pollwatch.formats.interface import Framing, ParseContext, Parser
from pollwatch.formats.weblines import share


@dataclass(frozen=True, slots=True)
class Haproxy:
    """The format ``haproxy``."""

    name: str = "haproxy"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that HAProxy writes."""
        return share(sample, lambda line: not isinstance(read(line, dt.UTC), str))

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers nothing between blocks."""
        return ProxyLines(context.zone, (LAYOUT,), read_other, finish)


HAPROXY = Haproxy()
