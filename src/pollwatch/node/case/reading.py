"""From a source to parsed blocks: which format it is, and then each block with what became of it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import BinaryIO, Protocol

import pyarrow.compute as pc

from pollwatch.errors import FormatError, SourceError
from pollwatch.events.asked import Asking
from pollwatch.events.batch import TIME, Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.interface import Format, Framing, Halved, ParseContext, Parser
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.node.case.ahead import ahead
from pollwatch.sources import records
from pollwatch.sources.decompress import chunks
from pollwatch.sources.interface import BLOCK_BYTES, BLOCK_RECORDS, Source

HEAD_BYTES = 1 << 16
PEEK_RECORDS = 2_000
_TIMED_RECORDS = 100

Progress = Callable[[int], None]
"""Told how many stored bytes of the current source have been read."""


class _Hash(Protocol):
    """What hashlib's objects can do."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """The digest of what was taken."""


UNKNOWN = "unknown"


@dataclass(slots=True)
class InputCount:
    """What became of one input's lines so far: ``lines == parsed + quarantined``, always."""

    path: str
    format: str = UNKNOWN
    size_bytes: int = 0
    digest: _Hash = field(default_factory=hashlib.sha256)
    lines: int = 0
    parsed: int = 0
    quarantined: int = 0
    first_us: int | None = None
    last_us: int | None = None
    reasons: Counter[str] = field(default_factory=Counter)

    def take(self, plain: bytes) -> None:
        """Count decompressed bytes."""
        self.size_bytes += len(plain)
        self.digest.update(plain)

    def scanned(self) -> ScannedInput:
        """The counts as they stand."""
        return ScannedInput(
            self.path,
            self.digest.hexdigest(),
            self.size_bytes,
            self.format,
            self.lines,
            self.parsed,
            self.quarantined,
            self.first_us,
            self.last_us,
        )

    def add(self, block: LineBlock, parsed: Parsed) -> None:
        """Count one block."""
        self.lines += len(block)
        self.parsed += sum(map(len, parsed.batches))
        self.quarantined += len(parsed.quarantined)
        self.reasons.update(each.reason for each in parsed.quarantined)
        low, high = span_of(parsed)
        if low is not None and high is not None:
            self.first_us = low if self.first_us is None else min(self.first_us, low)
            self.last_us = high if self.last_us is None else max(self.last_us, high)


def span_of(parsed: Parsed) -> tuple[int | None, int | None]:
    """The earliest and the latest time among the events of a block; None where none has one."""
    spans = [pc.min_max(batch.table[TIME]).as_py() for batch in parsed.batches]
    known = [span for span in spans if span["min"] is not None]
    return min((s["min"] for s in known), default=None), max((s["max"] for s in known), default=None)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read inputs.

    Attributes:
        format: ``NAME`` or ``NAME:DEFINITION`` that overrides detection; empty = detect.
        zone: of times that name none.
        per_path: format and zone that the configuration sets for some paths.
        jobs: how many cores may be used; what is read is the same with any number.
        asking: says which columns are looked at, so that others need not be made; None = all may be.
        block_bytes: of a block of large records, about.
    """

    format: str = ""
    zone: dt.tzinfo = dt.UTC
    per_path: Callable[[str], tuple[str, dt.tzinfo | None]] = lambda _path: ("", None)
    jobs: int = 1
    asking: Asking | None = None
    block_bytes: int = BLOCK_BYTES


def read(
    source: Source, options: ReadOptions, count: InputCount, progress: Progress | None = None
) -> Generator[tuple[LineBlock, Parsed], None, None]:
    """Each block of an input with its events and quarantined lines; ``count`` is kept up to date.

    Raises:
        SourceError: it cannot be opened, or not read to its end (after yielding what could be read).
        FormatError: its first lines are of no format known here; raised after all were counted and quarantined.
    """
    with closing(source.open()) as stored:
        plain = _begun(
            blocks(stored, source.path, progress, count.take, most_bytes=options.block_bytes), source, options, count
        )
        with closing(ahead(plain) if options.jobs > 1 else plain) as begun:
            for block, finish in begun:
                parsed = finish()
                count.add(block, parsed)
                yield block, parsed


def _begun(
    read_blocks: Generator[LineBlock, None, None], source: Source, options: ReadOptions, count: InputCount
) -> Generator[tuple[LineBlock, Callable[[], Parsed]], None, None]:
    """Each block, and what makes events of it, of which as much is done here as can be done ahead."""
    parser: Parser | None = None
    unknown: FormatError | None = None
    with closing(read_blocks):
        for block in read_blocks:
            if parser is None and unknown is None and not block.cut_bytes:
                try:
                    fmt, definition, zone = choose(block, source.path, options)
                except FormatError as error:
                    unknown = error
                else:
                    context = ParseContext(
                        source.path, source.anchor_us, zone, definition, options.jobs, options.asking
                    )
                    parser = fmt.parser(context)
                    count.format = fmt.name
            if parser is None or block.cut_bytes:
                yield block, partial(_quarantined, block)
            elif isinstance(parser, Halved):
                yield block, parser.begin(block)
            else:
                yield block, partial(parser.parse, block)
    if unknown is not None:
        raise unknown


def blocks(
    stored: BinaryIO,
    path: str,
    progress: Progress | None = None,
    tap: Callable[[bytes], None] | None = None,
    most: int = BLOCK_RECORDS,
    most_bytes: int = BLOCK_BYTES,
) -> Generator[LineBlock, None, None]:
    """The records of an open input, in blocks of at most so many and about so many bytes.

    ``tap`` is handed the decompressed bytes.
    """
    failure: list[SourceError] = []

    def readable() -> Iterator[bytes]:
        try:
            for chunk in chunks(stored, path):
                if tap is not None:
                    tap(chunk)
                yield chunk
        except SourceError as error:  # raised below, once all that could be read is out
            failure.append(error)

    plain = readable()
    early = [next(plain, b"")]
    while len(early[-1]) and sum(map(len, early)) < HEAD_BYTES:
        early.append(next(plain, b""))
    for block in records.blocks(
        chain(early, plain), path, records.shape_of(b"".join(early)[:HEAD_BYTES]), most, most_bytes
    ):
        if progress is not None:
            progress(stored.tell())
        yield block
    if failure:
        raise failure[0]


def choose(block: LineBlock, path: str, options: ReadOptions) -> tuple[Format, str, dt.tzinfo]:
    """The format of an input, from its first block and what the user or the configuration says.

    Returns:
        The format, its definition (empty = none), and the zone of times that name none.

    Raises:
        FormatError: unknown name, or nothing fits.
    """
    configured, zone = options.per_path(path)
    spec = options.format or configured
    if spec:
        fmt, definition = registry.by_name(spec)
        return fmt, definition, zone or options.zone
    verdict = detect(records.sample(block))
    if verdict.format is None:
        raise FormatError(
            f"{path}: no recognised format. `pollwatch explain` shows how a line scores; "
            "--format NAME says which it is (--format help lists all)"
        )
    return verdict.format, "", zone or options.zone


def verdict(source: Source, options: ReadOptions) -> registry.Verdict:
    """What an input would be read as, from its first block; a format that was named is the only one scored.

    Raises:
        SourceError: it cannot be opened or read.
        FormatError: a format was named that does not exist.
    """
    block = first_block(source)
    configured, _zone = options.per_path(source.path)
    if spec := options.format or configured:
        fmt, _definition = registry.by_name(spec)
        return registry.Verdict(fmt, ((fmt.name, 1.0),))
    return detect(records.sample(block)) if block else registry.Verdict(None, ())


def first_block(source: Source, *, whole: bool = False) -> LineBlock | None:
    """An input's first records, enough to tell its format; None where there are none.

    Args:
        source: the input.
        whole: pass over lines beyond any limit.

    Raises:
        SourceError: it cannot be opened or read.
    """
    with closing(source.open()) as stored:
        ahead = blocks(stored, source.path, most=PEEK_RECORDS)
        return next((block for block in ahead if not (whole and block.cut_bytes)), None)


def first_time(source: Source, options: ReadOptions) -> int | None:
    """The time of an input's first events, from a look at its first records; None where that shows none."""
    try:
        block = first_block(source)
        if block is None or block.cut_bytes:
            return None
        fmt, definition, zone = choose(block, source.path, options)
        head = LineBlock(block.path, 1, block.raw[:_TIMED_RECORDS], block.text[:_TIMED_RECORDS])
        parsed = fmt.parser(ParseContext(source.path, source.anchor_us, zone, definition)).parse(head)
    except (SourceError, FormatError):
        return None  # the scan meets the same error and reports it
    return span_of(parsed)[0]


def detect(sample: Sequence[str]) -> registry.Verdict:
    """The format of some records: asked as what they look like first, then as the other framing."""
    objects = sum(text.lstrip().startswith(("{", "<Event")) for text in sample)
    first: Framing = "json" if objects * 2 > len(sample) else "lines"
    verdict = registry.detect(sample, first)
    if verdict.format is None:
        verdict = registry.detect(sample, "lines" if first == "json" else "json")
    return verdict


def fetch(sources: Mapping[str, Source], wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """A second look at some lines: their text by path and number. What cannot be read again is left out."""
    by_path: dict[str, set[int]] = {}
    for path, number in wanted:
        by_path.setdefault(path, set()).add(number)
    found: dict[tuple[str, int], str] = {}
    for path, numbers in by_path.items():
        if path in sources:
            found |= {(path, number): text for number, _, text in lines(sources[path], numbers)}
    return found


def lines(source: Source, numbers: set[int]) -> Iterator[tuple[int, bytes, str]]:
    """Some records of an input again, as ``(number, raw, text)``, in order."""
    last = max(numbers, default=0)
    with closing(source.open()) as stored:
        for block in blocks(stored, source.path):
            end = block.first_number + len(block)
            for number in sorted(n for n in numbers if block.first_number <= n < end):
                at = number - block.first_number
                yield number, block.raw[at], block.text[at]
            if end > last:
                return


def _quarantined(block: LineBlock) -> Parsed:
    """A block that no parser gets to see: a line beyond any limit, or an input of no known format."""
    reason = "no recognised format"
    if block.cut_bytes:
        reason = f"line of {block.cut_bytes} bytes is over the limit of {len(block.raw[0])}"
    return Parsed((), tuple(Quarantined(block.first_number + at, reason) for at in range(len(block))))
