"""Domains in files: one's own, and those that somebody listed (certificates, a resolver's log, registrations)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch.clock import Clock
from pollwatch.detect.lookalikes.finding import lookalikes
from pollwatch.detect.lookalikes.judging import Lookalike
from pollwatch.detect.lookalikes.owned import Owned, name_of
from pollwatch.errors import SourceError, UsageError
from pollwatch.node.case.inputs import open_sources
from pollwatch.node.case.reading import blocks
from pollwatch.sources.interface import Source

_HOST: Final = re.compile(r"(?:\*\.)?(?:[^\W_](?:[\w-]{0,62})\.)+(?:xn--[a-z0-9-]+|[^\W\d_]{2,63})\.?", re.IGNORECASE)
_LONGEST_LINE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Looked:
    """What was compared with what.

    Attributes:
        owned: how many domains of one's own.
        names: how many names were looked at.
    """

    owned: int
    names: int
    found: tuple[Lookalike, ...]


def look(own_files: Sequence[str], files: Sequence[str], configured: Iterable[str], clock: Clock) -> Looked:
    """Compare the names in files with one's own.

    Args:
        own_files: hold one's own domains; ``-`` is stdin.
        files: hold the names of others.
        configured: hosts of the systems that are watched; used where no own file is named.
        clock: for what comes from stdin.

    Raises:
        SourceError: a file cannot be read.
        UsageError: there is no domain to compare with.
    """
    with tempfile.TemporaryDirectory(prefix="pollwatch-") as spool:
        place = Path(spool)
        hosts = list(_names(own_files, place, clock)) if own_files else [host.removeprefix("*.") for host in configured]
        own = Owned.of(hosts)
        if not own.domains:
            where = ", ".join(own_files) or "the configuration"
            raise UsageError(f"{where}: no domain of yours there; --own names a file with one a line")
        counted = _Counted(_names(files, place, clock))
        found = lookalikes(own, counted)
    return Looked(len(own.domains), counted.count, tuple(found))


class _Counted:
    """Names, counted as they go by."""

    def __init__(self, names: Iterator[str]) -> None:
        self._names = names
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for name in self._names:
            self.count += 1
            yield name


def _names(files: Sequence[str], spool: Path, clock: Clock) -> Iterator[str]:
    """Every host name in the files: alone on its line, or anywhere in one of a table or a log."""
    sources, failures = open_sources(files, spool, clock)
    if failures:
        raise SourceError(failures[0].message)
    for source in sources:
        for line in _lines(source):
            if (alone := _HOST.fullmatch(line)) is not None:
                yield alone[0]
            else:
                yield from (each for each in _HOST.findall(line) if _is_name(each))


def _is_name(text: str) -> bool:
    """Whether what was found in the middle of a line is a name: ``index.html`` is none."""
    name = name_of(text)
    return name is not None and name.known


def _lines(source: Source) -> Iterator[str]:
    with closing(source.open()) as stored:
        for block in blocks(stored, source.path):
            yield from (text[:_LONGEST_LINE].strip() for text in block.text)
