"""Any program's own log: a time at the head of each line, then words, or fields as ``key=value`` (logfmt).

What the words say is not understood, but for one thing: attempts to log in (``framing_attempts``), so that somebody
who guesses passwords is seen whatever the program. A line that begins with no time (a stack trace, a statement over
several lines) continues the one before it, and is an event with that one's time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import GENERIC
from pollwatch.formats import framing_attemptfields, framing_attempts, framing_stamps
from pollwatch.formats.framing import AUTH_SHAPE, EMPTY_LINE, Rows, Shape, Value, parsed
from pollwatch.formats.framing_login import Login
from pollwatch.formats.interface import Framing, ParseContext, Parser

if TYPE_CHECKING:
    from pollwatch.formats.framing_json import Flat, Flattener

_SPEAKS = 0.35  # on the registry's scale: something that was understood is said
_TIMED = 0.15  # a time and a level: a log, whatever it means
_SHAPE = Shape(GENERIC, ("src_ip", "user", "hostname", "message"))
_LEVEL = re.compile(
    r"(?<![A-Za-z])(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|WRN|INF|ERR(?:OR)?|FATAL|CRIT(?:ICAL)?|SEVERE|PANIC|ALERT)(?![A-Za-z])",
    re.IGNORECASE,
)
_COMPOSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60} +\| ")
_FIELD = re.compile(r'(?:^|(?<=\s))([A-Za-z_][\w.@-]{0,63})=(?:"((?:[^"\\]++|\\.)*+)"|([^\s"]*))(?=\s|$)')
_ESCAPE = re.compile(r'\\(["\\])')
_MIN_FIELDS = 3
_LONGEST_LINE = 16_384  # of which fields are taken apart


class AppLog:
    """The format ``applog``."""

    name = "applog"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """Little: everybody who knows the program knows better."""
        return sum(map(_fit, sample)) / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return AppLogParser(context)


def _fit(line: str) -> float:
    if _login(line, fields_of(line)) is not None:
        return _SPEAKS
    if framing_stamps.find(line) is not None and _LEVEL.search(line, 0, framing_stamps.HEAD):
        return _TIMED
    return 0.0


def fields_of(line: str) -> dict[str, str]:
    """The fields of a line in logfmt; empty where it is none."""
    if line.count("=") < _MIN_FIELDS or len(line) > _LONGEST_LINE:
        return {}
    fields: dict[str, str] = {}
    for name, quoted, bare in _FIELD.findall(line):
        fields.setdefault(
            name, _ESCAPE.sub(r"\1", quoted) if quoted else bare
        )  # the first: a client may write a second
    return fields if len(fields) >= _MIN_FIELDS else {}


def _login(line: str, fields: Mapping[str, object]) -> Login | None:
    return (framing_attemptfields.of_fields(fields) if fields else None) or framing_attempts.read(line)


class AppLogParser:
    """Reads one input's lines, in order."""

    __slots__ = ("_flatten", "_headers", "_last_us")

    def __init__(self, context: ParseContext) -> None:
        """Start before the first line."""
        from pollwatch.formats.framing_json import Flattener  # noqa: PLC0415 - asking for names must not load msgspec
        from pollwatch.formats.framing_syslog import Headers  # noqa: PLC0415 - loads numpy

        self._headers = Headers(context)
        self._flatten: Flattener = Flattener()
        self._last_us: int | None = None

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event; an empty one is quarantined."""
        numbered = list(enumerate(block.text, block.first_number))
        lines = [(number, line) for number, line in numbered if line and not line.isspace()]
        quarantined = [Quarantined(number, EMPTY_LINE) for number, line in numbered if not line or line.isspace()]
        stamps = [framing_stamps.find(line) for _, line in lines]
        times = self._headers.times([stamp.text if stamp else "" for stamp in stamps])
        auth, other = Rows(AUTH_SHAPE), Rows(_SHAPE)
        for (number, line), time_us in zip(lines, times, strict=True):
            self._last_us = self._last_us if time_us is None else time_us
            compose = _COMPOSE.match(line)
            text = line[compose.end() :] if compose else line
            fields = self._object(text) or self._flatten(dict(fields_of(text)))
            values: dict[str, Value] = {**fields, "message": text}
            if compose:
                values["program"] = compose[0].rstrip("| ")
            login = _login(text, fields)
            if login is None:
                other.add(number, self._last_us, values)
            else:
                repeat = framing_attempts.tries(text) if login.action == "failure" else None
                auth.add(number, self._last_us, values | login.columns() | {"repeat": repeat})
        return parsed(block, (auth, other), quarantined)

    def _object(self, text: str) -> Flat:
        """The fields of a line that is a JSON object, as some programs write between others; else empty."""
        from pollwatch.formats.framing_json import read_object  # noqa: PLC0415 - see above

        record = read_object(text) if text.startswith("{") else ""
        return self._flatten(record) if isinstance(record, dict) else {}
