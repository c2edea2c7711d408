"""Records that span lines without being JSON: elements of XML, and the rows of tables.

An ``<Event>`` of Windows' exports, or an ``<AUDIT_RECORD>`` of MySQL's audit log, ends with its end tag, wherever the
lines break; what stands around and between them (the XML declaration, a root element, comments, evtx_dump's
``Record 7``) belongs to none. A table's row ends with a line break that no quotes enclose; a quote that nothing closes
within reason ends with its line, so that it hides no more than that. Positions are those of text, not of bytes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Final, Protocol

#: A row has no more lines than this, nor more characters.
MOST_LINES: Final = 4_096
MOST_CHARACTERS: Final = 1 << 20

_EVENT = re.compile(r"<(?P<name>Event|AUDIT_RECORD)(?=[\s>/])")
_TAG = re.compile(r"<\w++(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+>")
_AROUND = re.compile(
    r"(?:\s+|<\?xml[^>]*\?>|</?(?:Events|AUDIT)(?:\s[^>]*)?>|<!--.*?-->|Record\s\d+(?=\s))+", re.DOTALL
)
_AHEAD = 4_096
_DELIMITERS = ",;\t"
_LEAST_CELLS = 4
_SHARE = 0.6
#: What a column may be called: it begins with a letter and holds no date or address.
_NAME = re.compile(r"[^\W\d_]\D*(?:\d{1,2}\D*)?$")


class Stream(Protocol):
    """Text that is read on demand; ``at`` is the position in ``text``, which ``read`` may move."""

    text: str
    at: int

    def read(self) -> bool:
        """Append more text; False at the end."""

    def more(self) -> bool:
        """Whether there is text at the position, reading on if needed."""

    def take(self, end: int) -> str:
        """The text up to ``end``; the position moves there."""


def is_events(text: str) -> bool:
    """Whether a document that begins with this text holds elements of XML that are records each."""
    around = _AROUND.match(text)
    return _EVENT.match(text, around.end() if around else 0) is not None


def is_table(text: str) -> bool:
    """Whether what begins with this text is a table with cells of several lines, under a line with its columns."""
    lines = text.removeprefix("#TYPE").split("\n")
    if text.startswith("#TYPE"):
        lines = lines[1:]
    header = lines[0] if lines else ""
    delimiter = max(_DELIMITERS, key=header.count)
    names = [name.strip(' "\r') for name in header.split(delimiter)]
    if len(names) < _LEAST_CELLS or not all(_NAME.match(name) for name in names):
        return False
    rows = list(_rows(lines[:-1] or lines))  # the last line may be cut
    fitting = spanning = 0
    width = _cells(header, delimiter)
    for row in rows:
        fitting += _cells(row, delimiter) in {width, width + 1}
        spanning += "\n" in row
    return spanning > 0 and fitting >= _SHARE * len(rows)


def _rows(lines: list[str]) -> Iterator[str]:
    """The rows of some lines; of one that is not complete, nothing."""
    held: list[str] = []
    quotes = 0
    for line in lines:
        held.append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            yield "\n".join(held)
            held, quotes = [], 0


def _cells(row: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader(row.split("\n"), delimiter=delimiter), []))
    except csv.Error:
        return 0


def next_event(stream: Stream, most: int) -> str | None:
    """The next event's text, or a line of what is none; None at the end.

    Args:
        stream: moves behind it.
        most: characters of an event whose end was not met, after which it is cut.
    """
    while True:
        while len(stream.text) - stream.at < _AHEAD and stream.read():
            pass  # what stands between events is told whole
        if not stream.more():
            return None
        around = _AROUND.match(stream.text, stream.at)
        if around is None:
            break
        stream.at = around.end()
    event = _EVENT.match(stream.text, stream.at)
    if event is None:
        line_end = _found(stream, "\n", 0, most)
        start = _EVENT.search(stream.text, stream.at, line_end)
        return stream.take(start.start() if start else line_end)
    end = f"</{event['name']}>"
    tag = _TAG.match(stream.text, stream.at)
    while tag is None and len(stream.text) - stream.at <= most and stream.read():
        tag = _TAG.match(stream.text, stream.at)  # long attributes
    if tag is not None and tag[0].endswith("/>"):
        return stream.take(tag.end())
    return stream.take(_found(stream, end, len(end), most))


def _found(stream: Stream, wanted: str, behind: int, most: int) -> int:
    """Where the wanted text stands, plus ``behind``; else the end of all, or of what may be held."""
    searched = 0
    while True:
        place = stream.text.find(wanted, stream.at + searched)
        if place >= 0:
            return place + behind
        held = len(stream.text) - stream.at
        searched = max(0, held - len(wanted))
        if held > most or not stream.read():
            return len(stream.text)


def next_row(stream: Stream) -> str | None:
    """The next row of a table without its line break; None at the end."""
    if not stream.more():
        return None
    first = quotes = looked = lines = 0  # lengths from the position on
    while True:
        place = stream.text.find("\n", stream.at + looked)
        ended = place < 0 and not stream.read()
        if place < 0 and not ended:
            continue
        end = len(stream.text) if ended else place
        length = end - stream.at
        quotes += stream.text.count('"', stream.at + looked, end)
        looked, lines, first = length + 1, lines + 1, first or length + 1
        if quotes % 2 == 0:
            break
        if ended or lines >= MOST_LINES or length > MOST_CHARACTERS:
            length = first - 1  # a stray quote
            break
    row = stream.take(stream.at + length)
    stream.at = min(stream.at + 1, len(stream.text))
    return row.removesuffix("\r")
