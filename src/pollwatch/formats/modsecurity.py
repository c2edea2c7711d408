"""ModSecurity's audit log in its serial form: sections A to Z of each transaction, of versions 2 and 3.

A transaction is many lines. Its request is the event of the line that tells the answer (the first of section F), or
of its last line where no answer was logged; each finding of section H is an event of its own line. All other lines
are quarantined as parts of a transaction.

Bodies hold whatever the client sent, also lines that look like sections. Only lines with the transaction's own id
count, and while a body is open, no other transaction can begin.

Source: ModSecurity Reference Manual, "ModSecurity 2 Data Formats" (Audit Log).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.accessline import Fields
from pollwatch.formats.errorline import said_in
from pollwatch.formats.framing import EMPTY_LINE, WEB_ERROR_SHAPE, Rows, Value
from pollwatch.formats.interface import Framing, ParseContext, Parser
from pollwatch.formats.webtext import any_time_us, client_address, host_name, split_request

PART = "part of a ModSecurity transaction; its events stand at the answer and at the findings"
OUTSIDE = "no part of a ModSecurity transaction"

_SECTION = re.compile(r"-{2,3}([A-Za-z0-9]{6,32})-{1,3}([A-Z])--\s*\Z")
_FIRST = re.compile(
    r"\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}[: ][0-9:]{8}(?:\.\d+)?(?: -*[+-]?\d{4})?)\] (?P<id>\S+) "
    r"(?P<client>\S+) (?P<client_port>\d+) (?P<ours>\S+) (?P<our_port>\d+)"
)
_ANSWER = re.compile(r"HTTP/[0-9](?:\.[0-9])? ([1-9][0-9]{2})\b")
_BODIES = frozenset("CEIJ")
_HEADERS = {"host": "host", "user-agent": "agent", "referer": "referer", "x-forwarded-for": "forwarded"}
_FINDING = re.compile(r"(?:Message: |ModSecurity: )(?P<said>.+)", re.DOTALL)


@dataclass(slots=True)
class _Transaction:
    """What is known of the transaction that is being read."""

    id: str = ""
    section: str = ""
    fields: Fields = field(default_factory=dict)
    told: bool = False  # whether its request is an event already
    lines: int = 0  # of the section

    @property
    def open(self) -> bool:
        return bool(self.id)


@dataclass(frozen=True, slots=True)
class ModSecurity:
    """The format ``modsecurity``."""

    name: str = "modsecurity"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that are part of a transaction."""
        reader = _Reader(dt.UTC)
        return sum(reader.read(line) is not OUTSIDE for line in sample) / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers the open transaction between blocks."""
        return _ModSecurityParser(context.zone, _Reader(context.zone))


@dataclass(slots=True)
class _ModSecurityParser:
    zone: dt.tzinfo
    reader: _Reader

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        from pollwatch.formats.webcolumns import Requests  # noqa: PLC0415 - heavy: polars

        requests, errors, quarantined = Requests(self.zone), Rows(WEB_ERROR_SHAPE), []
        for at, text in enumerate(block.text):
            found = self.reader.read(text)
            number = block.first_number + at
            if isinstance(found, str):
                quarantined.append(Quarantined(number, found))
            elif isinstance(found, tuple):
                errors.add(number, *found)
            else:
                requests.add(at, found)
        return Parsed([*requests.batches(block), *errors.batches(block.path)], quarantined)


@dataclass(slots=True)
class _Reader:
    """Reads line after line."""

    zone: dt.tzinfo
    now: _Transaction = field(default_factory=_Transaction)

    def read(self, text: str) -> Fields | tuple[int | None, dict[str, Value]] | str:
        """A request, a finding (its time and columns), or why the line is neither."""
        if (section := _SECTION.match(text)) and self._begins(section[1], section[2]):
            ended = self.now
            if section[2] in "AZ":
                self.now = _Transaction(section[1] if section[2] == "A" else "")
            self.now.section, self.now.lines = section[2], 0
            unanswered = ended is not self.now and "request" in ended.fields and not ended.told
            return ended.fields if unanswered else PART
        if not self.now.open:
            return OUTSIDE if text.strip() else EMPTY_LINE
        self.now.lines += 1
        match self.now.section:
            case "A":
                self._first(text)
            case "B":
                self._asked(text)
            case "F" if self.now.lines == 1:
                return self._answered(text)
            case "H" if finding := _FINDING.match(text):
                return self._finding(finding["said"])
            case _:
                pass
        return PART

    def _begins(self, name: str, section: str) -> bool:
        """Whether a section begins here, and nobody only wrote a line that looks so."""
        if self.now.open and name == self.now.id:
            return section != "A"
        return section == "A" and (not self.now.open or self.now.section not in _BODIES)

    def _first(self, text: str) -> None:
        if first := _FIRST.match(text):
            time = first["time"].replace("--", "-")
            self.now.fields |= {"time": time, "client": first["client"], "client_port": first["client_port"]}

    def _asked(self, text: str) -> None:
        if self.now.lines == 1:
            self.now.fields["request"] = text
            return
        name, colon, value = text.partition(":")
        known = _HEADERS.get(name.strip().lower()) if colon else None
        if known is not None:
            self.now.fields.setdefault(known, value.strip())

    def _answered(self, text: str) -> Fields | str:
        answer = _ANSWER.match(text)
        if answer is None or self.now.told or "request" not in self.now.fields:
            return PART
        self.now.told = True
        return self.now.fields | {"status": answer[1]}

    def _finding(self, said: str) -> tuple[int | None, dict[str, Value]]:
        asked = self.now.fields
        request = split_request(asked.get("request") or "")
        values: dict[str, Value] = {
            "c-ip": client_address(asked.get("client")), "level": "error", "module": "modsecurity",
            "message": f"ModSecurity: {said}", "cs-method": request.method, "cs-uri": request.uri,
            "cs-host": host_name(asked.get("host")), "cs-referer": asked.get("referer"),
            "waf-request": self.now.id,
        }  # fmt: skip
        return any_time_us(asked.get("time"), self.zone), values | said_in(str(values["message"]), values)


MODSECURITY = ModSecurity()
