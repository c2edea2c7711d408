"""What every format promises, shown on golden pairs; a new format is found here by itself.

A pair is ``golden/FORMAT/CASE.in.log`` and ``CASE.out.jsonl``: one event or quarantined line a line, in order of
their numbers. ``CASE.format`` may hold a whole ``--format`` value (``apache:%h %u ...``) for formats that need one.
After reviewing a change, write the output anew::

    .venv/bin/python tests/contract/test_formats.py FORMAT/CASE [FORMAT/CASE ...]   # or: all
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pollwatch.canonical import compact
from pollwatch.clock import parse_rfc3339, rfc3339
from pollwatch.events.batch import NUMBER, TIME, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.interface import Format, Framing, ParseContext
from pollwatch.sources import records

GOLDEN = Path(__file__).with_name("golden")
CASES = sorted(
    str(path.relative_to(GOLDEN)).removesuffix(".in.log").replace("\\", "/") for path in GOLDEN.glob("*/*.in.log")
)
ANCHOR_US = parse_rfc3339("2026-11-23T12:00:00Z")


def framed(data: bytes, framing: Framing) -> list[bytes]:
    """The records of a golden input: its lines, the elements of a JSON array, events in XML, or rows of a table."""
    shape = records.shape_of(data)
    if shape.framing in {"xml", "table"}:
        return [raw for block in records.blocks([data], "golden.log", shape) for raw in block.raw]
    if framing == "json" and data.lstrip()[:1] == b"[":
        return [compact(element).encode() for element in json.loads(data)]
    return [line.removesuffix(b"\r") for line in data.removesuffix(b"\n").split(b"\n")]


def block_of(lines: list[bytes], first_number: int = 1) -> LineBlock:
    """A block as a source would make it."""
    return LineBlock("golden.log", first_number, lines, [line.decode("utf-8", "replace") for line in lines])


def format_of(case: str) -> tuple[Format, str]:
    """The format of a case's folder, or the one that its ``.format`` file asks for."""
    spec = GOLDEN / f"{case}.format"
    return registry.by_name(spec.read_text().strip() if spec.exists() else case.split("/", maxsplit=1)[0])


def parse_case(case: str, block_size: int) -> list[dict[str, object]]:
    """What the case's format makes of its input, fed in blocks of the given size."""
    each, definition = format_of(case)
    lines = framed((GOLDEN / f"{case}.in.log").read_bytes(), each.framing)
    parser = each.parser(ParseContext("golden.log", ANCHOR_US, definition=definition))
    found: list[dict[str, object]] = []
    for start in range(0, len(lines), block_size):
        block = block_of(lines[start : start + block_size], start + 1)
        parsed = parser.parse(block)
        check_nothing_lost(block, parsed)
        found += listed(parsed)
    return found


def listed(parsed: Parsed) -> list[dict[str, object]]:
    """Events and quarantined lines as plain objects in order of number, nulls left out."""
    events = [
        {"number": row.pop(NUMBER), "logsource": str(batch.logsource), "time": rfc3339(row.pop(TIME))}
        | {name: value for name, value in row.items() if value is not None}
        for batch in parsed.batches
        for row in batch.table.to_pylist()
    ]
    quarantined = [{"number": line.number, "quarantined": line.reason} for line in parsed.quarantined]
    return sorted([*events, *quarantined], key=lambda each: each["number"])


def check_nothing_lost(block: LineBlock, parsed: Parsed) -> None:
    """The invariant of all formats: every line is exactly one event or one quarantined line, with its number."""
    numbers = [line.number for line in parsed.quarantined]
    for batch in parsed.batches:
        column = batch.table[NUMBER].to_pylist()
        assert column == sorted(set(column)), "numbers strictly increase inside a batch"
        assert batch.path == block.path
        assert {TIME, NUMBER} <= set(batch.table.column_names)
        assert {str(kind) for kind in batch.table.schema.types} <= {"string", "int64"}
        numbers += column
    assert sorted(numbers) == list(range(block.first_number, block.first_number + len(block)))
    assert all(line.reason for line in parsed.quarantined)


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    """The format makes of this input exactly what its reviewed output says, in one block."""
    expected = [json.loads(line) for line in (GOLDEN / f"{case}.out.jsonl").read_text().splitlines()]
    assert parse_case(case, 1 << 20) == expected


@pytest.mark.parametrize("case", CASES)
def test_blocks_do_not_matter(case: str) -> None:
    """The same events come out when the input arrives in blocks of three lines."""
    assert parse_case(case, 3) == parse_case(case, 1 << 20)


@pytest.mark.parametrize("case", [case for case in CASES if not (GOLDEN / f"{case}.format").exists()])
def test_own_format_wins_detection(case: str) -> None:
    """Among all formats the sample's own scores best, and is believed."""
    own, _ = format_of(case)
    lines = framed((GOLDEN / f"{case}.in.log").read_bytes(), own.framing)
    verdict = registry.detect([line.decode("utf-8", "replace") for line in lines[:200]], own.framing)
    assert verdict.format is own, verdict.scores
    assert all(0.0 <= score <= 1.0 for _, score in verdict.scores)


@pytest.mark.parametrize("each", registry.ALL, ids=lambda each: each.name)
def test_every_format_has_a_golden_pair(each: Format) -> None:
    """A format without a golden pair is not finished."""
    assert any(format_of(case)[0] is each for case in CASES)


def regenerate(cases: list[str]) -> None:
    """Write the outputs of the cases anew, from what the formats say now."""
    for case in CASES if cases == ["all"] else cases:
        lines = [json.dumps(each, ensure_ascii=False) for each in parse_case(case, 1 << 20)]  # noqa: TID251 - a test's file
        (GOLDEN / f"{case}.out.jsonl").write_text("".join(line + "\n" for line in lines))
        sys.stderr.write(f"wrote {case}.out.jsonl: {len(lines)} lines; review it before you commit\n")


if __name__ == "__main__":
    regenerate(sys.argv[1:])
