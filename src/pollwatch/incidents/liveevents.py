"""The event files of followed logs: the latest ones read again, and many small ones made into few.

Every step of a watch leaves a file for each input and logsource. They are merged as they grow older, so that years of
watching stay readable; a file that detection may have to observe again (:data:`LIVE_STEPS`) is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from pollwatch.events.batch import LogSource
from pollwatch.incidents import tables
from pollwatch.incidents.inputs import event_file, file_row, input_paths
from pollwatch.incidents.live import SAME_KEY, LiveCase
from pollwatch.incidents.livestep import Observed
from pollwatch.incidents.livetables import LIVE_INPUTS, LIVE_POSITIONS, LIVE_STEPS, LIVE_WATCH
from pollwatch.store.events import EventFile, EventReader
from pollwatch.store.parts import Merged, is_part, latest_parts, runs


def recent(live: LiveCase, most: int) -> tuple[int, list[tuple[str, EventReader, int]]]:
    """The latest events of the files that are followed, and behind which step of the watch that is.

    Args:
        live: the case.
        most: rows in all; each file has an equal share.

    Returns:
        The number of that step, and of each file its name, a reader, and the first number that it reads.
    """
    files = tables.EVENT_FILES
    with live.database.reading() as connection:
        step = connection.execute(sa.select(LIVE_WATCH.c.step)).scalar() or 0
        paths = input_paths(connection)
        followed = sa.select(LIVE_INPUTS.c.input_id).join(LIVE_POSITIONS, SAME_KEY).distinct()
        inputs: list[int] = sorted(connection.execute(followed).scalars())
        found: list[tuple[str, EventReader, int]] = []
        for input_id in inputs:
            query = sa.select(files).where(files.c.input_id == input_id)
            listed = [each for each in connection.execute(query) if is_part(each.name)]
            chosen, first = latest_parts([event_file(each) for each in listed], most // len(inputs))
            found.append((paths[input_id], EventReader(live.folder.events, paths[input_id], chosen), first))
    return step, found


def mergeable(live: LiveCase) -> list[tuple[int, list[EventFile]]]:
    """Small event files that are to become one: runs of them, each with its input's row."""
    files = tables.EVENT_FILES
    with live.database.reading() as connection:
        bodies = connection.execute(sa.select(LIVE_STEPS.c.body)).scalars()
        needed = {each.file for body in bodies for each in msgspec.json.decode(body, type=list[Observed])}
        followed = sa.select(LIVE_INPUTS.c.input_id).join(LIVE_POSITIONS, SAME_KEY).distinct()
        listed = connection.execute(sa.select(files).where(files.c.input_id.in_(followed))).all()
    by_source: dict[tuple[int, LogSource], list[EventFile]] = {}
    for row in listed:
        if is_part(row.name) and row.name not in needed:
            file = event_file(row)
            by_source.setdefault((row.input_id, file.logsource), []).append(file)
    return [(key[0], run) for key, some in by_source.items() for run in runs(some)]


def put_in_place(live: LiveCase, input_id: int, merged: Merged) -> bool:
    """List one event file instead of those that it was made of; the caller holds the lock.

    Whoever reads those now may do so for a while: they are to be removed later.

    Returns:
        Whether it is: not where somebody erased lines of them meanwhile.

    Raises:
        StoreError: the disk is full; the case is as before.
    """
    if not merged.publish():
        return False
    with live.database.writing() as connection:
        table = tables.EVENT_FILES
        listed = table.c.name.in_(merged.names)
        still = connection.execute(sa.select(table.c.name).where(listed)).scalars().all()
        if len(still) != len(merged.names):
            return False
        connection.execute(sa.delete(table).where(listed))
        connection.execute(sa.insert(table).values(file_row(merged.file, input_id)))
    return True


def remove_files(live: LiveCase, names: Sequence[str]) -> None:
    """Remove event files that are no longer listed."""
    for name in names:
        (live.folder.events / name).unlink(missing_ok=True)
