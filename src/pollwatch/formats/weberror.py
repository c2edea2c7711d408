"""Error logs of Apache and nginx.

A line without a head of its own (a stack trace, the second line of a message) belongs to the message before it: it
becomes an event with that message's time. Before the first message there is nothing it could belong to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from pollwatch.events.batch import Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats.errorline import ErrorLine, read_error
from pollwatch.formats.interface import Framing, ParseContext, Parser
from pollwatch.formats.weblines import LAYOUTS, WebLines, share

NOTHING_TO_CONTINUE = "no web server error message, and there is none before it that it could continue"


@dataclass(frozen=True, slots=True)
class WebError:
    """Error logs of text lines."""

    name: str = "weberror"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines with an error message's head."""
        return share(sample, lambda line: read_error(line, dt.UTC) is not None)

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers the last message between blocks."""
        return _WebErrorParser(context.zone)


WEB_ERROR = WebError()


@dataclass(slots=True)
class _WebErrorParser:
    zone: dt.tzinfo
    last: ErrorLine | None = None
    lines: WebLines = field(init=False)

    def __post_init__(self) -> None:
        self.lines = WebLines(self.zone, LAYOUTS, loose=True, otherwise=self._continue, seen_error=self._remember)

    def parse(self, block: LineBlock) -> Parsed:
        return self.lines.parse(block)

    def _remember(self, line: ErrorLine) -> None:
        self.last = line

    def _continue(self, text: str) -> ErrorLine | str:
        if self.last is None:
            return NOTHING_TO_CONTINUE
        return ErrorLine(self.last.time_us, {"level": self.last.values.get("level"), "message": text})
