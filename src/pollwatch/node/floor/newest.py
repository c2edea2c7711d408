"""A case's events, those that came last first: what a page looks at when it cannot look at all."""

from __future__ import annotations

from collections.abc import Iterator

from pollwatch.events.batch import EventBatch
from pollwatch.incidents.records import Case


def newest_events(case: Case) -> Iterator[EventBatch]:
    """The events, input by input, the input that came last first; read as they are asked for."""
    for each in reversed(case.inputs()):
        yield from case.events(each.path)
