"""Syslog files: RFC 3164, RFC 5424 and ISO 8601 headers; log-in messages decoded.

Lines may differ in their header within one file, as after an upgrade or on a log host. A line that begins with no
header is quarantined; a header whose date cannot be (31 February) makes an event without a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing_web import carries_web
from pollwatch.formats.interface import Framing, ParseContext, Parser

if TYPE_CHECKING:
    from pollwatch.formats.framing_spans import Scratch

_ENVELOPE = 0.8  # on the registry's scale: the envelope is understood, what a program says mostly not
_PRI = r"(?:\d{1,7} )?(?:<\d{1,3}>)"
_SURE = re.compile(
    rf"{_PRI}?[*.]?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{{1,2}} +(?:\d{{4}} +)?\d\d:\d\d:\d\d[.,:\d]*"
    r"(?: +\S+)?(?: |$)|"
    rf"{_PRI}?1 (?:-|\d{{4}}-\d\d-\d\dT\S+) \S+ \S+ \S+ \S+ (?:-|\[)|"
    rf"{_PRI}\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\S* |"
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4} \[pid \d+\] |"
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d) [^\s:\[\]]+ [^\s:\[\]]+(?:\[\d+\])?:? ",
    re.IGNORECASE,
)
_LIKELY = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* (?:[^\s:\[\]]+ )?[^\s:\[\]]+\[\d+\]:? |"
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d): "
)
_NO_HEADER = "begins with no syslog header (RFC 3164, RFC 5424, or ISO 8601 time)"
_EMPTY = "empty line"


class Syslog:
    """The format ``syslog``."""

    name = "syslog"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines with a syslog header; times that other logs write too count half.

        A web server's line is read in full, so that a file of several programs is never taken for a web log.
        """
        if not sample:
            return 0.0
        return sum(map(_fit, sample)) / len(sample)

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return SyslogParser(context)


def _fit(line: str) -> float:
    if _SURE.match(line):
        return 1.0 if carries_web(line) else _ENVELOPE
    return _ENVELOPE / 2 if _LIKELY.match(line) else 0.0


class SyslogParser:
    """Reads one input's lines, in order."""

    __slots__ = ("_before", "_headers", "_memory", "_reader")

    def __init__(self, context: ParseContext) -> None:
        """Start before the first line."""
        # Imported here: they load polars and pyarrow, which asking for a format's name must not wait for.
        from pollwatch.formats.framing_messages import MessageReader  # noqa: PLC0415 - see above
        from pollwatch.formats.framing_syslog import Headers  # noqa: PLC0415 - see above

        self._headers = Headers(context)
        self._reader = MessageReader()
        self._before = 0
        self._memory: Scratch | None = None

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        from pollwatch.formats import framing_logins, framing_spans  # noqa: PLC0415 - see above

        before, self._before = self._before, self._before + len(block)
        logins, texts = None, block.text
        if framing_spans.worth(block.raw, before):
            self._memory = self._memory or framing_logins.scratch()
            logins, messages, foreign = framing_logins.split(block, block.raw, self._headers, self._memory)
        else:
            messages, foreign = self._headers.split(texts, block.first_number)
        reasons = [(n, texts[n - block.first_number]) for n in foreign]
        quarantined = [Quarantined(n, _NO_HEADER if text and not text.isspace() else _EMPTY) for n, text in reasons]
        return Parsed(self._reader.batches(block.path, messages, logins), quarantined)
