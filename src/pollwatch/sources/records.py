r"""Bytes to records: physical lines, or the values of a JSON document, in blocks of bounded size.

How records stand is seen from the first bytes, before anybody asks which format it is:

- ``lines``: one record per physical line (``\n`` or ``\r\n``), numbered as an editor numbers them.
- ``json`` by line (NDJSON): the same, but each line is a JSON value.
- ``json`` by value: a JSON array's elements, or values that span lines; numbered as elements. So are those of the
  lists in which cloud services deliver their logs (``envelope.py``).
- ``evtx``: the events of a Windows event log, each as JSON text (``evtx.py``); numbered in the order of the file.
- ``xml`` and ``table``: the events of Windows' XML exports, and the rows of a table with cells of several lines
  (``spanning.py``); numbered in the order of the file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from pollwatch.events.block import LineBlock
from pollwatch.sources import envelope, evtx, spanning
from pollwatch.sources.decode import Encoding, decode, encoding_of, scrub
from pollwatch.sources.interface import BLOCK_BYTES, BLOCK_RECORDS, MAX_RECORD_BYTES

Framing = Literal["lines", "json", "evtx", "xml", "table"]

_ARRAY = re.compile(r"\s*\[\s*[{\]]")
_BETWEEN = re.compile(r"[\s,\[\]]*")
"""Between values: also the brackets of the array around them; a value of ours is an object, never an array."""
_SEPARATORS = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the first bytes show.

    Attributes:
        framing: how records stand.
        by_value: JSON values that do not stand one per line.
        encoding: of the text.
        bom_bytes: length of the byte order mark.
    """

    framing: Framing
    by_value: bool
    encoding: Encoding
    bom_bytes: int


def shape_of(head: bytes) -> Shape:
    """How records stand in an input that begins with these bytes (64 KiB are plenty)."""
    if head.startswith(evtx.MAGIC):
        return Shape("evtx", by_value=False, encoding="utf-8", bom_bytes=0)
    encoding, bom = encoding_of(head)
    text = head[bom:].decode(encoding, "replace")
    spanning_lines: Framing | None = "xml" if spanning.is_events(text) else "table" if spanning.is_table(text) else None
    if spanning_lines is not None:
        return Shape(spanning_lines, by_value=False, encoding=encoding, bom_bytes=bom)
    lines = [line for line in text.split("\n") if line.strip()]
    if _ARRAY.match(text) or envelope.opens(text):
        return Shape("json", by_value=True, encoding=encoding, bom_bytes=bom)
    if not lines or not lines[0].lstrip().startswith("{"):
        objects = sum(line.lstrip().startswith("{") for line in lines)
        framing: Framing = "json" if objects > len(lines) / 2 else "lines"
        return Shape(framing, by_value=False, encoding=encoding, bom_bytes=bom)
    by_value = len(lines) > 1 and not _is_json(lines[0]) and not any(_is_json(line) for line in lines[1:20])
    return Shape("json", by_value=by_value, encoding=encoding, bom_bytes=bom)


def blocks(
    chunks: Iterable[bytes], path: str, shape: Shape, most: int = BLOCK_RECORDS, most_bytes: int = BLOCK_BYTES
) -> Iterator[LineBlock]:
    """The records of an input, in blocks of at most so many and about so many bytes; the last needs no newline."""
    data = _without_bom(chunks, shape.bom_bytes)
    if shape.framing == "evtx":
        return _blocks(_events(data), path, shape.encoding, most, most_bytes)
    if shape.framing in {"xml", "table"}:
        return _blocks(_spanning(data, shape), path, shape.encoding, most, most_bytes)
    if shape.encoding == "utf-8" and not shape.by_value:
        from pollwatch.sources.lines import line_blocks  # noqa: PLC0415 - heavy: numpy

        return line_blocks(data, path, most, most_bytes)
    runs = _values(data, shape.encoding) if shape.by_value else _lines(data, shape.encoding)
    return _blocks(runs, path, shape.encoding, most, most_bytes)


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive records; ``cut_bytes`` as in :class:`LineBlock`, and then there is only one."""

    raw: list[bytes]
    cut_bytes: int = 0


def _blocks(runs: Iterable[_Run], path: str, encoding: Encoding, most: int, most_bytes: int) -> Iterator[LineBlock]:
    number = 1
    pending: list[bytes] = []
    size = 0

    def flush(raw: list[bytes], cut_bytes: int = 0) -> LineBlock:
        nonlocal number
        block = LineBlock(path, number, raw, decode(raw, encoding), cut_bytes)
        number += len(raw)
        return block

    for run in runs:
        if run.cut_bytes:
            if pending:
                yield flush(pending)
                pending, size = [], 0
            yield flush(run.raw, run.cut_bytes)
            continue
        pending.extend(run.raw)
        size += sum(map(len, run.raw))
        while len(pending) >= most:
            yield flush(pending[:most])
            pending = pending[most:]
            size = sum(map(len, pending))
        if size >= most_bytes:
            yield flush(pending)
            pending, size = [], 0
    if pending:
        yield flush(pending)


def _without_bom(chunks: Iterable[bytes], bom_bytes: int) -> Iterator[bytes]:
    left = bom_bytes
    for chunk in chunks:
        if left:
            drop = min(left, len(chunk))
            left -= drop
            if len(chunk) > drop:
                yield chunk[drop:]
        else:
            yield chunk


def _lines(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[_Run]:
    """Lines of UTF-16; those of UTF-8 stay where they are (``lines``)."""
    newline, carriage = "\n".encode(encoding), "\r".encode(encoding)
    rest = b""
    dropped = 0
    for chunk in chunks:
        records = _split(rest + chunk, newline)
        rest = records.pop()
        if records and dropped:
            # The end of an endless line, whose head was kept and whose middle was only counted.
            first = records.pop(0)
            yield _Run([first[:MAX_RECORD_BYTES]], cut_bytes=len(first) + dropped)
            dropped = 0
        if records:
            yield _Run([record.removesuffix(carriage) for record in records])
        if len(rest) > MAX_RECORD_BYTES:
            keep = MAX_RECORD_BYTES + len(rest) % len(newline)  # the odd byte keeps UTF-16 aligned
            dropped += len(rest) - keep
            rest = rest[:keep]
    if dropped:
        yield _Run([rest[:MAX_RECORD_BYTES]], cut_bytes=len(rest) + dropped)
    elif rest:
        yield _Run([rest])


def _split(data: bytes, newline: bytes) -> list[bytes]:
    """Split at newlines that stand on a character boundary."""
    parts: list[bytes] = []
    start = search = 0
    while (found := data.find(newline, search)) >= 0:
        if (found - start) % 2:
            search = found + 1
            continue
        parts.append(data[start:found])
        start = search = found + 2
    parts.append(data[start:])
    return parts


def _values(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[_Run]:
    """The values of a JSON array or of a run of values; what is not JSON is a record that ends with its line."""
    decoder = json.JSONDecoder()
    errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
    stream = _Text(iter(chunks), encoding, errors)
    wrapped = False
    while stream.more():
        wrapped = stream.unwrap(wrapped=wrapped)
        if not stream.more():
            return
        raw = stream.take(_value_end(decoder, stream)).rstrip().encode(encoding, errors)
        over = len(raw) > MAX_RECORD_BYTES
        yield _Run([raw[:MAX_RECORD_BYTES]], cut_bytes=len(raw) if over else 0)


def _spanning(chunks: Iterable[bytes], shape: Shape) -> Iterator[_Run]:
    """Events in XML, or rows of a table."""
    errors = "surrogateescape" if shape.encoding == "utf-8" else "surrogatepass"
    stream = _Text(iter(chunks), shape.encoding, errors)
    while True:
        text = spanning.next_event(stream, MAX_RECORD_BYTES) if shape.framing == "xml" else spanning.next_row(stream)
        if text is None:
            return
        raw = text.encode(shape.encoding, errors)
        over = len(raw) > MAX_RECORD_BYTES
        yield _Run([raw[:MAX_RECORD_BYTES]], cut_bytes=len(raw) if over else 0)


def _value_end(decoder: json.JSONDecoder, stream: _Text) -> int:
    """Where the value at the stream's position ends; reads on while it may merely be cut by the chunk's edge."""
    while True:
        try:
            return decoder.raw_decode(stream.text, stream.at)[1]
        except RecursionError:
            break
        except ValueError:
            if len(stream.text) - stream.at > MAX_RECORD_BYTES or not stream.read():
                break
    newline = stream.text.find("\n", stream.at)
    while newline < 0 and stream.read():
        newline = stream.text.find("\n", stream.at)
    return newline if newline >= 0 else len(stream.text)


def _events(chunks: Iterable[bytes]) -> Iterator[_Run]:
    """The events of a Windows log; a template may blow one up beyond what a record may be."""
    for texts in evtx.texts(chunks):
        if max(map(len, texts)) <= MAX_RECORD_BYTES:
            yield _Run(texts)
            continue
        for text in texts:
            yield _Run([text[:MAX_RECORD_BYTES]], cut_bytes=len(text) if len(text) > MAX_RECORD_BYTES else 0)


class _Text:
    """Decoded text that is read on demand; ``at`` is the position in ``text``."""

    def __init__(self, chunks: Iterator[bytes], encoding: Encoding, errors: str) -> None:
        self._chunks = chunks
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._ended = False
        self.text = ""
        self.at = 0

    def read(self) -> bool:
        """Append at least as much as is held, so that a large value costs linear time; False at the end."""
        goal = max(1, len(self.text) - self.at)
        pieces: list[str] = []
        while not self._ended and sum(map(len, pieces)) < goal:
            chunk = next(self._chunks, None)
            self._ended = chunk is None
            pieces.append(self._decoder.decode(chunk or b"", final=self._ended))
        self.text, self.at = self.text[self.at :] + "".join(pieces), 0
        return any(pieces)

    def more(self) -> bool:
        """Whether there is text at the position, reading on if needed."""
        return self.at < len(self.text) or self.read()

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Move past what the pattern matches, however far that goes."""
        while self.more():
            found = pattern.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text):
                return

    def unwrap(self, *, wrapped: bool) -> bool:
        """Move past what stands between two values, envelopes included; whether the next one lies in an envelope."""
        while True:
            start = self.at
            if wrapped:
                self.skip(_SEPARATORS)
                self.ahead()
                if (end := envelope.CLOSING.match(self.text, self.at)) is not None:
                    self.at = end.end()
                wrapped = end is None and not self.text.startswith("]", self.at)
            self.skip(_BETWEEN)
            if self.more() and self.text[self.at] == "{" and not wrapped:
                self.ahead()
                if (opening := envelope.OPENING.match(self.text, self.at)) is not None:
                    self.at, wrapped = opening.end(), True
            if self.at == start or not self.more():
                return wrapped

    def ahead(self) -> None:
        """Read on until enough text stands behind the position to tell an envelope."""
        while len(self.text) - self.at < envelope.LONGEST and self.read():
            pass

    def take(self, end: int) -> str:
        """The text up to ``end``; the position moves there."""
        taken = self.text[self.at : end]
        self.at = end
        return taken


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def sample(block: LineBlock, limit: int = 200) -> list[str]:
    """The first non-empty records of a block, for detection of its format."""
    records = (block.text[at] for at in range(len(block)))  # not all of them: most are not looked at
    return [scrub(text) for text in islice((each for each in records if each.strip()), limit)]
