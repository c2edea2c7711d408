"""What the logs of each system say at all: the lines of a log are told apart by the systems that they speak of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from pollwatch.election.assets import Asset, Assets
from pollwatch.events.batch import ABSENT, EventBatch, encoded
from pollwatch.events.taxonomy import actor_columns
from pollwatch.incidents.coverage import Telemetry


def survey(batches: Iterable[EventBatch], assets: Assets) -> dict[Asset | None, Telemetry]:
    """What is logged, for each system.

    Args:
        batches: of all logs.
        assets: the systems; all of them are in the result, also those of which nothing is logged.

    Returns:
        None stands for lines of no system; all lines, where no system is configured.
    """
    found: dict[Asset | None, Telemetry] = {asset: Telemetry() for asset in assets.entries}
    for batch in batches:
        for asset, part in _apart(batch, assets):
            found.setdefault(asset, Telemetry()).observe(part)
    return found or {None: Telemetry()}


def _apart(batch: EventBatch, assets: Assets) -> list[tuple[Asset | None, EventBatch]]:
    """The lines of each system: by what they name, else by where the log lies."""
    by_path = assets.of_path(batch.path)
    target = actor_columns(batch.logsource).target
    if not assets.entries or target not in batch.table.column_names:
        return [(by_path, batch)]
    codes, values = encoded(batch.table[target])
    owners = [assets.of_target(str(value)) or by_path for value in values.to_pylist()]
    whose = [*owners, by_path]  # the last for what is absent, whose code is -1
    distinct = list(dict.fromkeys(whose))
    if len(distinct) == 1:
        return [(distinct[0], batch)]
    owner = np.array([distinct.index(each) for each in whose])[np.where(codes == ABSENT, len(owners), codes)]
    return [
        (each, EventBatch(batch.logsource, batch.path, batch.table.filter(pa.array(owner == at))))
        for at, each in enumerate(distinct)
        if (owner == at).any()
    ]
