"""``explain``: what becomes of one line, station by station."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pollwatch.canonical import Json
from pollwatch.clock import rfc3339
from pollwatch.detect.engine import Engine
from pollwatch.detect.explain import Explanation
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.block import LineBlock
from pollwatch.events.text import add_normalised
from pollwatch.formats.interface import ParseContext
from pollwatch.node.case import reading
from pollwatch.node.rules import installed


@dataclass(frozen=True, slots=True)
class LineExplanation:
    """What becomes of one line.

    Attributes:
        scores: how each format scored, best first; empty where the format was given.
        format: what it is read as; empty where nothing fits.
        reason: why it was quarantined; empty where it was understood.
        logsource: of the event.
        time_us: of the event, or None.
        fields: the event's columns that are not null, in the schema's order, the normalised ones too.
        rules: each rule of that logsource and whether it fits.
    """

    scores: tuple[tuple[str, float], ...]
    format: str = ""
    reason: str = ""
    logsource: str = ""
    time_us: int | None = None
    fields: tuple[tuple[str, str], ...] = ()
    rules: tuple[Explanation, ...] = ()


def explain(text: str, fmt: str, zone: dt.tzinfo, rule_dirs: Sequence[Path], now_us: int) -> LineExplanation:
    """Read one line as ``scan`` would and say what it meets.

    Raises:
        FormatError: ``fmt`` names no format.
        RuleError: a rule folder does not exist.
    """
    block = LineBlock("-", 1, [text.encode()], [text])
    verdict = reading.detect([text])
    options = reading.ReadOptions(fmt, zone)
    if verdict.format is None and not fmt:
        return LineExplanation(verdict.scores)
    chosen, definition, zone = reading.choose(block, "-", options)
    parsed = chosen.parser(ParseContext("-", now_us, zone, definition)).parse(block)
    scores = () if fmt else verdict.scores
    if not parsed.batches:
        return LineExplanation(scores, chosen.name, parsed.quarantined[0].reason)
    batch = parsed.batches[0]
    row = add_normalised(batch).table.to_pylist()[0]
    time_us = row.pop(TIME)
    row.pop(NUMBER)
    return LineExplanation(
        scores,
        chosen.name,
        "",
        str(batch.logsource),
        time_us,
        tuple((name, str(value)) for name, value in row.items() if value is not None),
        Engine.load([*installed.folders(os.environ, None), *rule_dirs]).explain(batch),
    )


def document(explanation: LineExplanation) -> dict[str, Json]:
    """The explanation as JSON."""
    return {
        "schema": "pollwatch.explain/1",
        "format": explanation.format or None,
        "scores": {name: round(score, 3) for name, score in explanation.scores},
        "quarantined": explanation.reason or None,
        "logsource": explanation.logsource or None,
        "time": rfc3339(explanation.time_us),
        "fields": dict(explanation.fields),
        "rules": [
            {"id": each.rule.info.id, "title": each.rule.info.title, "fits": each.fits, "parts": list(each.parts)}
            for each in explanation.rules
        ],
    }
