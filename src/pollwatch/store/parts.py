"""Events that come in small steps, as Parquet files of their own, and many small files made into few.

A part is named by its input and by the lines that it covers, so that a step that is done again after a crash writes
the same file, or one that takes its place. Parts of one input and logsource are disjoint and their names sort as their
lines do; so do those of the files that :func:`merge` makes of them. As with all event files, only the database says
which of them belong to the case.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pollwatch.events.batch import NUMBER, LogSource
from pollwatch.store.disk import make_folder, publish, sync
from pollwatch.store.events import GROUP_ROWS, EventFile, disk_errors, fitted, folder_name, united

#: A file of fewer rows is small.
SMALL_ROWS: Final = GROUP_ROWS
#: Where a file is written that several become.
_MERGING: Final = ".merging"
_LEAST_MERGED: Final = 12
_MOST_MERGED: Final = 256
_NAME: Final = re.compile(r".+/live-(\d{10})-(\d{15})-(\d{15})\.parquet")


def write_part(root: Path, input_id: int, logsource: LogSource, table: pa.Table) -> EventFile:
    """Write the next events of an input, durably.

    Args:
        root: the case's ``events`` folder; the caller holds the case's lock.
        input_id: the input's row.
        logsource: of all these events.
        table: in the order of their lines; at least one.

    Raises:
        StoreError: the disk is full or not writable.
    """
    schema = united([table.schema])
    first, last = pc.min_max(table[NUMBER]).as_py().values()
    name = _name(logsource, input_id, first, last)
    incoming = root / ".incoming" / Path(name).name
    with disk_errors(root):
        make_folder(incoming.parent)
        make_folder((root / name).parent)
        pq.write_table(fitted(table, schema), incoming, compression="zstd", row_group_size=GROUP_ROWS)
        publish(incoming, root / name)
    return EventFile(name, logsource, table.num_rows)


def read_part(root: Path, name: str) -> pa.Table:
    """All events of one small file.

    Raises:
        StoreError: it is missing or damaged.
    """
    with disk_errors(root / name):
        return pq.read_table(root / name, partitioning=None)


@dataclass(frozen=True, slots=True)
class Merged:
    """One file made of several, which is not in its place yet.

    Attributes:
        file: what it is to be.
        names: of the files that it was made of.
    """

    file: EventFile
    names: tuple[str, ...]
    _root: Path
    _incoming: Path
    _looked: tuple[object, ...]

    def publish(self) -> bool:
        """Put it in its place, where what it was made of is as it was read; gives whether it is.

        The caller holds the case's lock.

        Raises:
            StoreError: the disk is full or not writable.
        """
        with disk_errors(self._root):
            if not self._incoming.exists() or _looks(self._root, self.names) != self._looked:  # somebody erased lines
                self._incoming.unlink(missing_ok=True)
                return False
            publish(self._incoming, self._root / self.file.name)
        return True


def merge(root: Path, files: Sequence[EventFile]) -> Merged:
    """Make one file of several of one input and logsource that follow one another; those stay until they are removed.

    Nobody waits for it: the case's lock is needed to put it in its place only.

    Args:
        root: the case's ``events`` folder; nobody else merges there now.
        files: in the order of their lines; what they hold fits into memory.

    Raises:
        StoreError: one is missing or damaged, or the disk is full.
    """
    names = tuple(each.name for each in files)
    with disk_errors(root):
        looked = _looks(root, names)
    tables = [read_part(root, name) for name in names]
    schema = united([table.schema for table in tables])
    (input_id, first, _), (_, _, last) = _parsed(names[0]), _parsed(names[-1])
    name = _name(files[0].logsource, input_id, first, last)
    incoming = root / _MERGING / f"{Path(name).name}.incoming"
    whole = pa.concat_tables([fitted(table, schema) for table in tables])
    with disk_errors(root):
        make_folder(incoming.parent)
        pq.write_table(whole, incoming, compression="zstd", row_group_size=GROUP_ROWS, write_page_index=True)
        sync(incoming)
    return Merged(EventFile(name, files[0].logsource, whole.num_rows), names, root, incoming, looked)


def remove_unmerged(root: Path) -> None:
    """Remove files that several were to become and that are not in their place: of who was killed, or merges now."""
    shutil.rmtree(root / _MERGING, ignore_errors=True)


def _looks(root: Path, names: Sequence[str]) -> tuple[object, ...]:
    """By what one sees that files are still those that were read."""
    found = [(root / name).stat() for name in names]
    return tuple((each.st_ino, each.st_size, each.st_mtime_ns) for each in found)


def runs(files: Sequence[EventFile]) -> list[list[EventFile]]:
    """Which of the files of one input and logsource are to become one, each run in the order of their lines.

    Only neighbours of about the same size are merged, so that an event is written again only a few times, however
    long the input goes on.
    """
    found: list[list[EventFile]] = []
    run: list[EventFile] = []
    for file in sorted(files, key=lambda each: each.name):
        rows = sum(each.rows for each in run)
        if file.rows >= SMALL_ROWS:
            found.append(run)
            run = []
            continue
        if run and (_tier(run[0]) != _tier(file) or rows >= SMALL_ROWS or len(run) == _MOST_MERGED):
            found.append(run)
            run = []
        run.append(file)
    found.append(run)
    return [each for each in found if len(each) >= _LEAST_MERGED or sum(file.rows for file in each) >= SMALL_ROWS]


def _tier(file: EventFile) -> int:
    return max(file.rows, 1).bit_length() // 4


def latest_parts(files: Sequence[EventFile], most: int) -> tuple[list[EventFile], int]:
    """The files with the last lines of an input, about so many rows, and the first number from which all are there."""
    chosen: list[EventFile] = []
    first, rows = 1, 0
    for file in sorted(files, key=lambda each: _parsed(each.name)[2], reverse=True):
        if rows >= most:
            first = max(first, _parsed(file.name)[2] + 1)
            continue
        chosen.append(file)
        rows += file.rows
    return sorted(chosen, key=lambda each: _parsed(each.name)[1:]), first


def is_part(name: str) -> bool:
    """Whether a file of this name is one of these."""
    return _NAME.fullmatch(name) is not None


def _name(logsource: LogSource, input_id: int, first: int, last: int) -> str:
    return f"{folder_name(logsource)}/live-{input_id:010d}-{first:015d}-{last:015d}.parquet"


def _parsed(name: str) -> tuple[int, int, int]:
    found = _NAME.fullmatch(name)
    assert found is not None, name  # noqa: S101 - only parts are given
    input_id, first, last = map(int, found.groups())
    return input_id, first, last
