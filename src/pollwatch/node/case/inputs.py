"""The inputs that somebody names on a command line, whatever they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.sources.files import expand
from pollwatch.sources.interface import Failure, Source
from pollwatch.sources.stdin import spool_stream


def open_sources(paths: Sequence[str], spool: Path, clock: Clock) -> tuple[list[Source], list[Failure]]:
    """The inputs that the paths name, pipes last; ``-`` is stdin, kept in the spool folder to be read again."""
    streams: list[Source] = []
    names: list[str] = []
    for path in dict.fromkeys(paths):
        if path == "-":
            streams.append(spool_stream(sys.stdin.buffer, path, spool, clock.now_us()))
        elif Path(path).is_fifo():  # `scan <(zcat ...)`: like stdin, it can be read only once
            with Path(path).open("rb") as stream:
                streams.append(spool_stream(stream, path, spool, clock.now_us()))
        else:
            names.append(path)
    files, missing = expand(names)
    return [*files, *streams], [Failure(each.path, f"{each.path}: {each.message}") for each in missing]
