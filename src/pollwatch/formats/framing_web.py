"""Web servers' lines among the messages of syslog and the journal.

A log host has everything in one file. What a web server says there is a request or an error message like any other;
only programs that are web servers are believed, for in other programs' messages an attacker may have put the words.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field

from pollwatch.events.batch import EventBatch
from pollwatch.events.taxonomy import WEB
from pollwatch.formats import framing_haproxy
from pollwatch.formats.accessline import Fields
from pollwatch.formats.errorline import ErrorLine, read_error
from pollwatch.formats.framing import FLOW_SHAPE, WEB_ERROR_SHAPE, Rows
from pollwatch.formats.framing_proxy import Connection
from pollwatch.formats.weblines import read_request

_WEB_SERVER = re.compile(
    r"(?i)(?:.*[/_.-])?(?:nginx|apache2?|httpd|caddy|traefik|lighttpd|litespeed|lshttpd|haproxy)(?:[/_.-].*)?\Z"
)

#: A tag of RFC 3164 (``nginx[7]: ``) or the fields of RFC 5424 (``nginx 7 - - ``); the first one is the sender's.
_TAG = re.compile(
    r"[ >](?P<program>[A-Za-z][A-Za-z0-9_./-]{0,126})"
    r"(?:(?:\[\d{1,10}\])?: ?| (?:\d{1,10}|-) \S{1,32} (?:-|\[[^\]]{0,300}\]) )"
)


def is_web_server(program: str | None) -> bool:
    """Whether a syslog tag is a web server's: ``nginx``, ``apache2``, ``nginx_access``, ``httpd-portal``, ..."""
    return program is not None and len(program) < 128 and _WEB_SERVER.match(program) is not None


def carries_web(line: str) -> bool:
    """Whether a syslog line is a web server's request or error message, for detection of a file's format."""
    tag = _TAG.search(line, 0, 400)
    return tag is not None and is_web_server(tag["program"]) and _read(tag["program"], line[tag.end() :]) is not None


def _read(program: str, message: str) -> Fields | Connection | ErrorLine | None:
    """The request, connection or error that a web server's message reports, or None."""
    if "haproxy" in program:
        found = framing_haproxy.read(message, dt.UTC)
        return None if isinstance(found, str) else found
    return read_error(message, dt.UTC) or read_request(message)


@dataclass(slots=True)
class WebMessages:
    """The requests, connections and error messages of one block, gathered one by one in the order of their numbers."""

    numbers: list[int] = field(default_factory=list)
    requests: list[Fields] = field(default_factory=list)
    errors: Rows = field(default_factory=lambda: Rows(WEB_ERROR_SHAPE))
    connections: Rows = field(default_factory=lambda: Rows(FLOW_SHAPE))

    def take(self, program: str | None, message: str, time_us: int | None, number: int) -> bool:
        """Whether the message was a web server's request, connection or error, and is now an event of this block.

        Args:
            program: the envelope's tag; only web servers' messages are taken.
            message: what stands behind the tag.
            time_us: the envelope's time: it knows its zone, an error log's own time does not.
            number: the record's number.
        """
        if program is None or not is_web_server(program) or (found := _read(program, message)) is None:
            return False
        if isinstance(found, dict):
            if "captured" in found and time_us is not None:  # HAProxy's own time names no zone either
                found["time"] = str(time_us)
            self.numbers.append(number)
            self.requests.append(found)
        else:
            rows = self.connections if isinstance(found, Connection) else self.errors
            rows.add(number, found.time_us if time_us is None else time_us, found.values)
        return True

    def batches(self, path: str) -> list[EventBatch]:
        """At most three: requests, error messages, connections."""
        batches = [*self.errors.batches(path), *self.connections.batches(path)]
        if self.numbers:
            from pollwatch.formats.webfields import Notation, fields_frame, web_table  # noqa: PLC0415 - heavy: polars

            frame = fields_frame(self.requests, self.numbers)
            if "captured" in frame.columns:
                frame = framing_haproxy.finish(frame)
            batches.insert(0, EventBatch(WEB, path, web_table(frame, Notation())))
        return batches
