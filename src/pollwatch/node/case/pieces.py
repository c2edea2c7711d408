"""The way of a scan's inputs to their matches: read, parsed, kept to the wanted time span, matched; piece by piece.

A piece is one block of an input. Pieces come out in the order of the inputs and of the lines in them, whether one core
works on them or several.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.detect.engine import Engine
from pollwatch.detect.match import Matches
from pollwatch.errors import FormatError, SourceError
from pollwatch.events.batch import TIME, EventBatch, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.node.case import reading
from pollwatch.node.case.ahead import ahead
from pollwatch.node.case.progress import Progress
from pollwatch.sources.interface import Source

#: Pieces are matched together until they have so many events of each logsource, or so many bytes.
_TOGETHER_EVENTS, _TOGETHER_BYTES = 8_192, 32 << 20

#: With one core nothing is read ahead, so blocks may be larger in the same memory, but where they are kept. From 32 MiB
#: on, memory is asked of the system for each anew, which costs more than larger blocks spare.
_LARGE_BLOCK_BYTES = 28 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read.

    Attributes:
        sources: in the order in which to read them, each with when the earliest of those after it begins.
        counts: of each source by its path; kept up to date, complete once all pieces are out.
        options: format and zone.
        since_us: leave earlier events out; events without a time stay in.
        until_us: leave this moment and later ones out.
        kept: hand the lines on too. They take memory, so pieces are then matched one by one.
        progress: told how far it is.
    """

    sources: Sequence[tuple[Source, int | None]]
    counts: Mapping[str, reading.InputCount]
    options: reading.ReadOptions
    since_us: int | None
    until_us: int | None
    kept: bool
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of an input, or the word that the input could not be read to its end.

    Attributes:
        next_us: when the earliest of the inputs after this one begins.
        lines: the block and what became of it, if that was asked for.
        batches: its events within the wanted time span.
        failure: why there is no more of this input; empty = there may be.
        matches: of each batch.
    """

    source: Source
    next_us: int | None
    lines: tuple[LineBlock, Parsed] | None = None
    batches: tuple[EventBatch, ...] = ()
    failure: str = ""
    matches: tuple[Matches, ...] = ()


def pieces(what: Reading, engine: Engine) -> Generator[Piece, None, None]:
    """All pieces of the inputs, matched; close it where it may not be read to its end.

    With more than one core, reading, parsing and matching each go on in a thread of their own.
    """
    if what.options.jobs < 2 and not what.kept:
        what = replace(what, options=replace(what.options, block_bytes=_LARGE_BLOCK_BYTES))
    read = _read(what)
    if what.options.jobs < 2:
        return _matched(read, engine, together=not what.kept)
    return ahead(_matched(ahead(read), engine, together=not what.kept))


def _read(what: Reading) -> Generator[Piece, None, None]:
    for source, next_us in what.sources:
        told = None if what.progress is None else partial(what.progress.reading, source)
        try:
            with closing(reading.read(source, what.options, what.counts[source.path], told)) as blocks:
                for block, parsed in blocks:
                    kept = [_within(batch, what) for batch in parsed.batches]
                    batches = tuple(batch for batch in kept if len(batch))
                    yield Piece(source, next_us, (block, parsed) if what.kept else None, batches)
        except (SourceError, FormatError) as error:
            yield Piece(source, next_us, failure=str(error))


def _matched(read: Generator[Piece, None, None], engine: Engine, *, together: bool) -> Generator[Piece, None, None]:
    held: list[Piece] = []
    events = size = 0
    logsources = set()
    with _left_alone(), closing(read):
        for piece in read:
            held.append(piece)
            events += sum(map(len, piece.batches))
            size += sum(batch.table.get_total_buffer_size() for batch in piece.batches)
            logsources |= {batch.logsource for batch in piece.batches}
            if not together or events >= _TOGETHER_EVENTS * len(logsources) or size >= _TOGETHER_BYTES:
                yield from _match(held, engine)
                held, events, size = [], 0, 0
                logsources.clear()
        yield from _match(held, engine)
    engine.keep_learned()


@contextmanager
def _left_alone() -> Iterator[None]:
    """What there is already, thousands of rules above all, is not looked through for garbage meanwhile."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _match(held: Sequence[Piece], engine: Engine) -> Generator[Piece, None, None]:
    found = iter(engine.match_all([batch for piece in held for batch in piece.batches]))
    for piece in held:
        yield replace(piece, matches=tuple(next(found) for _ in piece.batches))


def _within(batch: EventBatch, what: Reading) -> EventBatch:
    """The events of the wanted time span; those without a time cannot be placed and stay."""
    if what.since_us is None and what.until_us is None:
        return batch
    time = batch.table[TIME]
    keep = pc.is_null(time)
    inside = pa.scalar(True)
    if what.since_us is not None:
        inside = pc.and_(pc.greater_equal(time, what.since_us), inside)
    if what.until_us is not None:
        inside = pc.and_(pc.less(time, what.until_us), inside)
    return replace(batch, table=batch.table.filter(pc.or_kleene(keep, inside)))
