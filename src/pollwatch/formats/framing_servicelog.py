"""A service's log: behind a syslog header, or in the service's own file, whose lines have a head of their own.

Both ways lead to the same messages (``framing_messages``). A line that begins with neither continues the one before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats import framing_stamps
from pollwatch.formats.framing import EMPTY_LINE
from pollwatch.formats.interface import Framing, ParseContext, Parser

#: On the registry's scale: more than a syslog line of any program, less than a format that understands everything.
OWN, TAGGED = 0.95, 0.9
#: Of a longer line, this much is asked whether it begins one.
_LONGEST_HEAD = 2_048
_NO_HEAD = "begins with no head of this service's log, and continues no line"
#: The tag of a syslog line, whatever its header; the first one is the sender's.
_TAG = re.compile(r"(?:^|[ >])(?P<program>[A-Za-z][A-Za-z0-9_./-]{0,126})(?:\[\d{1,10}\]: |: | \d{1,10} \S{1,32} -? ?)")
_SYSLOG = re.compile(
    r"(?:<\d{1,3}>)?(?:1 )?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)\S* (?:\S+ )?"
)


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a line of a service's own file says."""

    stamp: str
    message: str
    pid: str | None = None
    program: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceLog:
    """A format of one service.

    Attributes:
        name: of the format.
        program: the name under which messages of its own file are understood.
        tags: syslog tags of the service, in full.
        own: reads the head of a line of its own file; None where it is none.
    """

    name: str
    program: str
    tags: re.Pattern[str]
    own: Callable[[str], Head | None]
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines with a head of the service's own, or a syslog tag of its."""
        return sum(map(self._fit, sample)) / len(sample) if sample else 0.0

    def _fit(self, line: str) -> float:
        if self.own(line) is not None:
            return OWN
        return TAGGED if self._tagged(line) else 0.0

    def _tagged(self, line: str) -> bool:
        header = _SYSLOG.match(line)
        tag = _TAG.search(line, max(header.end() - 64, 0), 400) if header else None
        return tag is not None and self.tags.fullmatch(tag["program"]) is not None

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return ServiceLogParser(self, context)


class ServiceLogParser:
    """Reads one input's lines, in order."""

    __slots__ = ("_format", "_headers", "_last", "_reader")

    def __init__(self, service: ServiceLog, context: ParseContext) -> None:
        """Start before the first line."""
        # Imported here: they load polars and pyarrow, which asking for a format's name must not wait for.
        from pollwatch.formats.framing_messages import MessageReader  # noqa: PLC0415 - see above
        from pollwatch.formats.framing_syslog import Headers  # noqa: PLC0415 - see above

        self._format = service
        self._headers = Headers(context)
        self._reader = MessageReader()
        self._last: Head | None = None

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        messages, foreign = self._headers.split(block.text, block.first_number, self._head)
        texts = (block.text[number - block.first_number] for number in foreign)
        reasons = [_NO_HEAD if text and not text.isspace() else EMPTY_LINE for text in texts]
        quarantined = [Quarantined(number, reason) for number, reason in zip(foreign, reasons, strict=True)]
        return Parsed(self._reader.batches(block.path, messages), quarantined)

    def _head(self, line: str) -> tuple[str | None, ...] | None:
        """``(stamp, host, program, pid, message)`` of the service's own, or of what continues it."""
        head = self._format.own(line)
        if head is None:
            if self._last is None or not line or line.isspace() or self._headers.begins(line):
                return None
            head = Head(self._last.stamp, line, self._last.pid, self._last.program, self._last.host)
        self._last = head
        return head.stamp, head.host, head.program or self._format.program, head.pid, head.message


def stamped(pattern: re.Pattern[str], program: str | None = None) -> Callable[[str], Head | None]:
    """Reads heads by a pattern with the groups ``stamp`` and ``message``, perhaps ``pid``, ``host`` and ``program``."""

    def read(line: str) -> Head | None:
        found = pattern.fullmatch(line[:_LONGEST_HEAD])
        stamp = framing_stamps.find(found["stamp"]) if found else None
        if found is None or stamp is None:
            return None
        part = found.groupdict()
        message = line[found.start("message") :]
        return Head(stamp.text, message, part.get("pid"), part.get("program") or program, part.get("host"))

    return read
