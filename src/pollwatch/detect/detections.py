"""Detections: matched rows and grown runs, told with their lines, actors and a sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import cast

import numpy as np
import polars as pl

from pollwatch.detect.columns import Rows
from pollwatch.detect.observations import NO_TIME, Names, Observations, Observer
from pollwatch.detect.runs import Run
from pollwatch.detect.sigma.plan import RuleInfo
from pollwatch.detect.why import Facts, sentence, span
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet

#: How many names of a kind one detection carries; the lines carry them all.
_MOST_NAMES = 200


def from_rows(info: RuleInfo, observer: Observer, rows: Rows, names: Names, logsource: LogSource) -> list[Detection]:
    """One detection per actor and target for the rows of a batch that fit a rule."""
    seen = observer.observe(rows)
    # Who acts is the address; where a log has none, the peer's name; where it has neither, the account.
    who = np.where(seen.ip >= 0, seen.ip, np.where(seen.host >= 0, seen.host, seen.user))
    keys = np.stack([who, seen.target], axis=1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    order = np.argsort(inverse, kind="stable")
    cuts = np.flatnonzero(np.diff(inverse[order])) + 1
    return [
        _detection(info, seen.take(part), names, observer.example(int(rows[first[group]])), logsource)
        for group, part in enumerate(np.split(order, cuts))
    ]


def from_run(info: RuleInfo, run: Run, lines: Observations, behind: Observations, names: Names) -> Detection:
    """A run of fulfilled windows, with its lines and the observations behind it."""
    seen = Observations.concat([lines, behind] if len(behind) else [lines])
    return _detection(info, seen, names, run.example, run.logsource, run.distinct(), run.beyond)


def of_lines(  # noqa: PLR0913 - what a detector says
    info: RuleInfo,
    lines: pl.DataFrame,
    logsource: LogSource,
    why: str,
    *,
    actors: Actors,
    targets: Sequence[str] = (),
    severity: Severity | None = None,
    succeeded: bool = False,
) -> Detection:
    """What a detector found.

    Args:
        info: of the detector.
        lines: the lines that made it fire: ``path``, ``number`` and ``time_us``.
        logsource: of the events.
        why: the sentence, whole: what it quotes of a log was made inert (``events.printable``).
        actors: who acted.
        targets: what was acted upon.
        severity: where it is not the detector's own.
        succeeded: the lines show that it worked.
    """
    named = lines.group_by("path", maintain_order=True).agg(pl.col(NUMBER))
    sets = [LineSet.of(path, numbers.to_numpy()) for path, numbers in zip(*named.get_columns(), strict=True)]
    return Detection(
        rule_id=info.id,
        title=info.title,
        severity=info.severity if severity is None else severity,
        techniques=info.techniques,
        actors=Actors(*(getattr(actors, each.name)[:_MOST_NAMES] for each in fields(actors))),
        targets=tuple(each for each in targets if each)[:_MOST_NAMES],
        first_us=cast("int | None", lines[TIME].min()),
        last_us=cast("int | None", lines[TIME].max()),
        lines=LineSet.union(sets),
        why=why,
        logsource=logsource,
        tool=info.tool,
        succeeded=succeeded or info.success,
        meaning=info.meaning,
        steps=info.steps,
    )


def named(texts: pl.Series) -> list[str]:
    """The different texts of a column, in order: what detections call their targets."""
    found: list[str] = texts.drop_nulls().unique(maintain_order=True).to_list()
    return found


def spanned(lines: pl.DataFrame) -> str:
    """In words, how long it took."""
    return span(cast("int | None", lines[TIME].min()), cast("int | None", lines[TIME].max()))


def _detection(
    info: RuleInfo,
    seen: Observations,
    names: Names,
    example: str,
    logsource: LogSource,
    distinct: int = 0,
    beyond: int = 0,
) -> Detection:
    timed = seen.time[seen.time != NO_TIME]
    first_us, last_us = (int(timed.min()), int(timed.max())) if timed.size else (None, None)
    actors = Actors(
        ip=names.of(seen.ip, _MOST_NAMES), user=names.of(seen.user, _MOST_NAMES), host=names.of(seen.host, _MOST_NAMES)
    )
    targets = names.of(seen.target, _MOST_NAMES)
    lines = LineSet.union(
        LineSet.of(names.texts[path], seen.number[seen.path == path]) for path in np.unique(seen.path).tolist()
    )
    facts = Facts(
        len(lines) + beyond, distinct, actors.ip or actors.host, actors.user, targets, example, first_us, last_us
    )
    return Detection(
        rule_id=info.id,
        title=info.title,
        severity=info.severity,
        techniques=info.techniques,
        actors=actors,
        targets=targets,
        first_us=first_us,
        last_us=last_us,
        lines=lines,
        why=sentence(info.why, info.title, facts),
        logsource=logsource,
        tool=info.tool,
        succeeded=info.success,
        meaning=info.meaning,
        steps=info.steps,
    )
