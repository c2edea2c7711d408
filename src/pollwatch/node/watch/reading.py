"""Chunks of followed files, understood: the format is told from the content as a scan does, and remembered.

A file's format is told from its first records, and looked at again while these are few: a first line may be a banner.
A parser may remember what came before (a header, the year, a message that spans lines). Of each file so much is kept
(:class:`Context`) that a new process' parser can be shown it and goes on as if nothing had been in between.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa

from pollwatch.clock import Clock
from pollwatch.errors import FormatError
from pollwatch.events.batch import NUMBER, EventBatch, LogSource, Parsed, Quarantined
from pollwatch.events.block import LineBlock, decoded
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext, Parser
from pollwatch.node.case.reading import PEEK_RECORDS, ReadOptions, choose, span_of
from pollwatch.sources import records
from pollwatch.sources.following import Chunk
from pollwatch.sources.records import Shape
from pollwatch.store.events import fitted, united

#: A format that was told from fewer records is looked at again.
_SURE_RECORDS: Final = 50
_HEAD_BYTES: Final = 8 << 10
_TAIL_BYTES: Final = 4 << 10
_DIRECTIVE: Final = b"#"
#: A parser settles years by when it was made; it is made anew before that is long ago.
_PARSER_AGE_US: Final = 20 * 3600 * 1_000_000
_NO_FORMAT: Final = "no recognised format"


Key = tuple[str, str, int]
"""Of an input: source, stream, generation."""


class Context(msgspec.Struct, frozen=True):
    """What a parser must have seen before it can go on in the middle of a file.

    Attributes:
        head: the file's first lines.
        directives: the last lines that began with ``#``: a W3C log may name other fields half-way.
        tail: the last lines before the place.
        records: how many lines of the file the format was told from.
    """

    head: bytes = b""
    directives: bytes = b""
    tail: bytes = b""
    records: int = 0

    def after(self, raw: bytes, count: int) -> Context:
        """The context behind some more lines."""
        head = self.head
        if len(head) < _HEAD_BYTES:
            head = _whole(head + raw[:_HEAD_BYTES], _HEAD_BYTES) or head
        directives = self.directives
        if raw.startswith(_DIRECTIVE) or b"\n" + _DIRECTIVE in raw:
            found = [line for line in raw.split(b"\n") if line.startswith(_DIRECTIVE)]
            directives = b"\n".join(found[-16:])[-_TAIL_BYTES:] + b"\n"
        tail = (self.tail + raw[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        if len(tail) == _TAIL_BYTES:
            tail = tail[tail.find(b"\n") + 1 :]
        return Context(head, directives, tail, self.records + count)

    def to_bytes(self) -> bytes:
        """For :meth:`parse`."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def parse(cls, data: bytes) -> Context:
        """What :meth:`to_bytes` wrote; nothing where that cannot be read."""
        try:
            return msgspec.msgpack.decode(data, type=cls) if data else cls()
        except msgspec.DecodeError:
            return cls()


@dataclass(frozen=True, slots=True)
class Understood:
    """One chunk and what became of it.

    Attributes:
        key: of its input.
        chunk: as it was read.
        blocks: its records.
        batches: their events: at most one batch of each logsource, each in the order of its lines.
        quarantined: the records that became none.
        format: how it was read; empty where that is not known.
        context: behind it.
        first_us: earliest time of its events; None where none has one.
        last_us: latest time.
    """

    key: Key
    chunk: Chunk
    blocks: tuple[LineBlock, ...]
    batches: tuple[EventBatch, ...]
    quarantined: tuple[Quarantined, ...]
    format: str
    context: Context
    first_us: int | None
    last_us: int | None

    @property
    def lines(self) -> int:
        """How many records."""
        return sum(map(len, self.blocks))


@dataclass(slots=True)
class _Open:
    """One file that is being read."""

    context: Context
    format: str = ""
    parser: Parser | None = None
    made_us: int = 0


@dataclass(slots=True)
class Reader:
    """Understands chunks, each file's in order.

    Attributes:
        options: formats and zones that the configuration names.
        clock: for years that logs leave out.
        named: format (empty = find out) and zone that are set for a source.
        remembered: format and context of files that were read before, by key.
    """

    options: ReadOptions
    clock: Clock
    named: Callable[[str], tuple[str, dt.tzinfo | None]] = lambda _source: ("", None)
    remembered: Mapping[Key, tuple[str, bytes]] = field(default_factory=dict)
    _open: dict[Key, _Open] = field(default_factory=dict)

    def understand(self, chunk: Chunk, key: Key, name: str, first: int) -> Understood:
        """One chunk, understood.

        Args:
            chunk: the next one of its input.
            key: of the input.
            name: how the case calls the input.
            first: the number of the first record.
        """
        open_ = self._opened(key)
        blocks = tuple(_blocks(chunk, name, first))
        batches: list[EventBatch] = []
        quarantined: list[Quarantined] = []
        for block in blocks:
            parsed = self._parsed(open_, block, chunk)
            batches += parsed.batches
            quarantined += parsed.quarantined
        open_.context = open_.context.after(chunk.raw, sum(map(len, blocks)))
        together = tuple(_together(batches))
        first_us, last_us = span_of(Parsed(together, ()))
        return Understood(
            key, chunk, blocks, together, tuple(quarantined), open_.format, open_.context, first_us, last_us
        )

    def forget(self, keep: Callable[[Key], bool]) -> None:
        """Let go of files that are not read any more."""
        for key in [key for key in self._open if not keep(key)]:
            del self._open[key]

    def again(self, options: ReadOptions) -> None:
        """Read on with other settings: formats are told anew where the settings say something else."""
        self.options = options
        for open_ in self._open.values():
            open_.parser = None

    def _opened(self, key: Key) -> _Open:
        found = self._open.get(key)
        if found is None:
            fmt, context = self.remembered.get(key, ("", b""))
            if not fmt:  # a log that was rotated goes on as it was, until its own lines say otherwise
                fmt = next((each.format for other, each in self._open.items() if other[:2] == key[:2]), "")
            found = self._open[key] = _Open(Context.parse(context), fmt)
        return found

    def _parsed(self, open_: _Open, block: LineBlock, chunk: Chunk) -> Parsed:
        if block.cut_bytes:
            reason = f"line of {block.cut_bytes} bytes is over the limit of {len(block.raw[0])}"
            return Parsed((), (Quarantined(block.first_number, reason),))
        parser = self._parser(open_, block, chunk)
        if parser is None:
            return Parsed((), tuple(Quarantined(block.first_number + at, _NO_FORMAT) for at in range(len(block))))
        return parser.parse(block)

    def _parser(self, open_: _Open, block: LineBlock, chunk: Chunk) -> Parser | None:
        now_us = self.clock.now_us()
        unsure = open_.context.records < _SURE_RECORDS
        if open_.parser is not None and not unsure and now_us - open_.made_us < _PARSER_AGE_US:
            return open_.parser
        chosen = self._chosen(open_, block, chunk) if unsure or not open_.format else open_.format
        if not chosen:
            return open_.parser
        if chosen == open_.format and open_.parser is not None and now_us - open_.made_us < _PARSER_AGE_US:
            return open_.parser
        open_.parser, open_.format, open_.made_us = self._made(chosen, open_.context, block.path, chunk), chosen, now_us
        return open_.parser

    def _chosen(self, open_: _Open, block: LineBlock, chunk: Chunk) -> str:
        """``NAME`` or ``NAME:DEFINITION`` of the format, from what the settings say, else from the lines so far."""
        configured, _zone = self.options.per_path(chunk.path)
        if spec := self.named(chunk.source)[0] or self.options.format or configured:
            return spec
        seen = [*open_.context.head.split(b"\n")[:-1], *block.raw[:PEEK_RECORDS]]
        head = LineBlock(block.path, 1, seen, [decoded(each) for each in seen])
        try:
            fmt, _definition, _zone = choose(head, chunk.path, ReadOptions())
        except FormatError:
            return open_.format
        return fmt.name

    def _made(self, spec: str, context: Context, name: str, chunk: Chunk) -> Parser:
        """A parser that has seen what came before."""
        fmt, definition = registry.by_name(spec)
        zone = self.named(chunk.source)[1] or self.options.per_path(chunk.path)[1]
        anchor_us = self.clock.now_us()
        with suppress(OSError, ValueError):
            anchor_us = min(anchor_us, Path(chunk.path).stat().st_mtime_ns // 1000)
        parser = fmt.parser(ParseContext(name, anchor_us, zone or self.options.zone, definition))
        number = 1
        for part in dict.fromkeys((context.head, context.directives, context.tail)):
            for block in records.blocks([part], name, _SHAPE) if part else ():
                parser.parse(replace(block, first_number=number))
                number += len(block)
        return parser


_SHAPE: Final = Shape("lines", by_value=False, encoding="utf-8", bom_bytes=0)


def _blocks(chunk: Chunk, name: str, first: int) -> Iterator[LineBlock]:
    """The records of a chunk under their numbers."""
    if chunk.cut_bytes:
        yield LineBlock(name, first, [chunk.raw], [decoded(chunk.raw)], chunk.cut_bytes)
        return
    shape = replace(_SHAPE, encoding=chunk.before.encoding)
    for block in records.blocks([chunk.raw], name, shape):
        yield replace(block, first_number=first)
        first += len(block)


def _together(batches: list[EventBatch]) -> Iterator[EventBatch]:
    """One batch of each logsource."""
    by_source: dict[LogSource, list[EventBatch]] = {}
    for batch in batches:
        if len(batch):
            by_source.setdefault(batch.logsource, []).append(batch)
    for logsource, some in by_source.items():
        if len(some) == 1:
            yield some[0]
            continue
        schema = united([each.table.schema for each in some])
        table = pa.concat_tables([fitted(each.table, schema) for each in some])
        yield EventBatch(logsource, some[0].path, table.sort_by(NUMBER).combine_chunks())


def _whole(raw: bytes, most: int) -> bytes:
    """The whole lines among the first bytes."""
    return raw[: raw[:most].rfind(b"\n") + 1]
