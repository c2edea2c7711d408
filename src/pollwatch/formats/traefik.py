"""Traefik's own log: what it passes on unread (TCP, UDP), and what goes wrong. Its access log is another file.

Source: Traefik, "Logs"; messages of ``pkg/tcp`` and ``pkg/udp``. Versions 1 and 2 write ``key="value"``, version 3 a
line for people.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.formats.errorline import ErrorLine
from pollwatch.formats.framing import iso_us, split_host_port
from pollwatch.formats.framing_login import address
from pollwatch.formats.framing_proxy import Connection, ProxyLines
from pollwatch.formats.interface import Framing, ParseContext, Parser
from pollwatch.formats.weblines import share

_KEYED = re.compile(
    r'time="(?P<time>[^"]{19,40})" level=(?P<level>[a-z]{4,7}) msg="(?P<said>(?:[^"\\]|\\.)*+)"(?P<more>.*)', re.DOTALL
)
_FOR_PEOPLE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,12}) (?P<level>TRC|DBG|INF|WRN|ERR|FTL|PNC) "
    r"(?P<more>github\.com/traefik/traefik/\S+ )?(?:> )?(?P<said>.*)",
    re.DOTALL,
)
_PASSED_ON = re.compile(r"Handling (?P<proto>TCP|UDP) (?:connection|stream) from (?P<client>\S+) to (?P<target>\S+)")
#: Words that no other program writes beside a message.
_OWN = re.compile(
    r"\b(?:entryPointName|providerName|routerName|middlewareName|serverName|serviceName|entryPoint|routers?)="
)
_ESCAPED = re.compile(r'\\(["\\])')

NOT_TRAEFIK = "no line of Traefik's own log"


@dataclass(frozen=True, slots=True)
class Traefik:
    """The format ``traefik``."""

    name: str = "traefik"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that only Traefik writes; other programs use the same library to write theirs."""
        return share(sample, _is_ours)

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers nothing between blocks."""
        return ProxyLines(context.zone, (), _read)


def _is_ours(line: str) -> bool:
    if (match := _KEYED.match(line) or _FOR_PEOPLE.match(line)) is None:
        return False
    own = match["more"] and (_OWN.search(match["more"]) or "github.com/traefik" in match["more"])
    return bool(own or _PASSED_ON.match(match["said"]) or "Traefik version" in match["said"])


def _read(text: str, zone: dt.tzinfo) -> Connection | ErrorLine | str:
    match = _KEYED.match(text) or _FOR_PEOPLE.match(text)
    if match is None:
        return NOT_TRAEFIK
    time_us, said = iso_us(match["time"], zone), _ESCAPED.sub(r"\1", match["said"])
    if passed := _PASSED_ON.match(said):
        client, client_port = split_host_port(passed["client"])
        target, target_port = split_host_port(passed["target"])
        ends = {
            "src_ip": address(client),
            "src_port": client_port,
            "dest_ip": address(target),
            "dest_port": target_port,
        }
        return Connection(time_us, {**ends, "proto": passed["proto"], "action": "allowed", "frontend_name": "traefik"})
    return ErrorLine(time_us, {"level": match["level"].lower(), "module": "traefik", "message": said})


TRAEFIK = Traefik()
