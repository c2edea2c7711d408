"""Small batches of one logsource looked at as one, since much of that costs the same however few the events are.

Batches are put together where that can change no verdict: for matching a rule's field must mean the same column in each
of them. A watch, which brings a few events of each of its sources at a time, lets detectors and correlations see those
of several inputs as one batch too (:func:`together`): these have the very same columns, and none begins without a time,
which would be taken from another input's line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
import pyarrow as pa

from pollwatch.detect.columns import Rows
from pollwatch.detect.match import Matches, RuleHits
from pollwatch.detect.sigma.route import FIELD_ALIASES
from pollwatch.events.batch import TIME, EventBatch, LogSource

#: Batches of more events gain nothing.
_SMALL = 8_192


@dataclass(slots=True)
class _Group:
    """Batches that are matched as one.

    Attributes:
        places: of its batches among all.
        types: of all its columns, by name.
        lower: their names in lower case.
        shapes: which names its batches have, each combination once.
        rows: in all.
    """

    places: list[int] = field(default_factory=list)
    types: dict[str, pa.DataType] = field(default_factory=dict)
    lower: set[str] = field(default_factory=set)
    shapes: set[frozenset[str]] = field(default_factory=set)
    rows: int = 0

    def admits(self, schema: pa.Schema) -> bool:
        """Whether a batch with these columns may be among them."""
        names = frozenset(schema.names)
        for name, kind in zip(schema.names, schema.types, strict=True):
            known = self.types.get(name)
            if known != kind and (known is not None or name.lower() in self.lower):
                return False
        return names in self.shapes or all(_alike(names, shape) for shape in self.shapes)

    def add(self, place: int, batch: EventBatch) -> None:
        """Take a batch in."""
        schema = batch.table.schema
        self.places.append(place)
        self.types.update(zip(schema.names, schema.types, strict=True))
        self.lower.update(map(str.lower, schema.names))
        self.shapes.add(frozenset(schema.names))
        self.rows += len(batch)


def _alike(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether no field that one of two batches has stands in the other under another name."""
    return not any(FIELD_ALIASES.get(name.lower()) in others for name in some - others) and not any(
        FIELD_ALIASES.get(name.lower()) in some for name in others - some
    )


def groups(batches: Sequence[EventBatch]) -> list[list[int]]:
    """Places of batches that may be matched as one, in order within each group."""
    found: list[_Group] = []
    open_: dict[LogSource, _Group] = {}
    for place, batch in enumerate(batches):
        group = open_.get(batch.logsource)
        if group is None or group.rows + len(batch) > _SMALL or not group.admits(batch.table.schema):
            group = open_[batch.logsource] = _Group()
            found.append(group)
        group.add(place, batch)
    return [group.places for group in found]


def together(batches: Sequence[EventBatch], most: int) -> list[EventBatch]:
    """Batches of one logsource and with the same columns as one batch of several inputs; in order of the first of each.

    Args:
        batches: in order.
        most: events of one; what is larger stands alone.
    """
    return [_one([batches[place] for place in places]) for places in _alikes(batches, most)]


def matched_together(matches: Sequence[Matches], most: int) -> list[Matches]:
    """What was found in several batches, with these put together as :func:`together` does."""
    found: list[Matches] = []
    for places in _alikes([each.batch for each in matches], most):
        some = [matches[place] for place in places]
        hits: dict[str, list[Rows]] = {}
        first = 0
        for each in some:
            for hit in each.hits:
                hits.setdefault(hit.rule_id, []).append(hit.rows + first)
            first += len(each.batch)
        whole = (RuleHits(rule_id, np.concatenate(rows)) for rule_id, rows in hits.items())
        found.append(some[0] if len(some) == 1 else Matches(_one([each.batch for each in some]), tuple(whole)))
    return found


def _alikes(batches: Sequence[EventBatch], most: int) -> Iterator[list[int]]:
    """Places of batches that may be seen as one, in order of the first of each."""
    found: dict[tuple[LogSource, tuple[tuple[str, pa.DataType], ...], int], list[int]] = {}
    for place, batch in enumerate(batches):
        alone = not len(batch) or not batch.table[TIME][0].is_valid
        key = (batch.logsource, _shape(batch), -1 - place if alone else 0)
        found.setdefault(key, []).append(place)
    for places in found.values():
        held: list[int] = []
        rows = 0
        for place in places:
            if held and rows + len(batches[place]) > most:
                yield held
                held, rows = [], 0
            held.append(place)
            rows += len(batches[place])
        yield held


def _one(batches: Sequence[EventBatch]) -> EventBatch:
    if len(batches) == 1:
        return batches[0]
    names = sorted(batches[0].table.column_names)
    tables = [each.table.select(names) for each in batches]
    table = pa.concat_tables(tables, promote_options="default")  # what is read from disk says where no null is
    first = batches[0]
    return EventBatch(
        first.logsource, first.path, _whole(table), tuple(part for each in batches for part in each.inputs())
    )


def _whole(table: pa.Table) -> pa.Table:
    return table.unify_dictionaries().combine_chunks()


def _shape(batch: EventBatch) -> tuple[tuple[str, pa.DataType], ...]:
    schema = batch.table.schema
    return tuple(sorted(zip(schema.names, schema.types, strict=True), key=itemgetter(0)))


def joined(batches: Sequence[EventBatch]) -> EventBatch:
    """Some batches as one; what a batch has no column for is absent in its events."""
    tables = [batch.table for batch in batches]
    return EventBatch(batches[0].logsource, batches[0].path, pa.concat_tables(tables, promote_options="default"))


def parted(matches: Matches, batches: Sequence[EventBatch]) -> list[Matches]:
    """What was found in batches that were matched as one, for each of them."""
    ends = np.cumsum([len(batch) for batch in batches])
    hits: list[list[RuleHits]] = [[] for _ in batches]
    for hit in matches.hits:
        bounds = [0, *np.searchsorted(hit.rows, ends).tolist()]
        for nth, end in enumerate(ends.tolist()):
            rows = hit.rows[bounds[nth] : bounds[nth + 1]]
            if rows.size:
                hits[nth].append(RuleHits(hit.rule_id, rows - (end - len(batches[nth]))))
    return [Matches(batch, tuple(own)) for batch, own in zip(batches, hits, strict=True)]
