"""Each detector keeps the law of ``detect.interface``: found by itself, tried on its own samples."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from pollwatch.clock import from_datetime
from pollwatch.detect.detectors import ALL, FOLDER
from pollwatch.detect.engine import Engine
from pollwatch.detect.interface import MOST_BYTES, Detector, Hit, Memory, Seen
from pollwatch.detect.sigma.samples import START
from pollwatch.errors import StoreError
from pollwatch.events.batch import TIME, EventBatch, is_text
from pollwatch.events.block import LineBlock
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext

DETECTORS = [pytest.param(each, id=each.rule.info.name) for each in ALL]
RULES = Engine.load()
_YEAR_US = 366 * 86_400 * 1_000_000


def engine(detector: Detector) -> Engine:
    """All rules, since a detector may ask what they found, and one detector."""
    return Engine(RULES.rules, RULES.report, [detector])


def parsed(lines: Sequence[str], batch_lines: int = 400) -> Iterator[EventBatch]:
    """The lines' event batches, read by the format that fits them best, some lines at a time."""
    framing = "json" if lines[0].startswith("{") else "lines"
    chosen = registry.detect(lines[:200], framing).format
    assert chosen is not None, f"no format reads {lines[0]!r}"
    parser = chosen.parser(ParseContext(path="sample", anchor_us=from_datetime(START) + _YEAR_US))
    for at in range(0, len(lines), batch_lines):
        part = list(lines[at : at + batch_lines])
        result = parser.parse(LineBlock("sample", at + 1, [each.encode() for each in part], part))
        assert not result.quarantined, result.quarantined
        yield from result.batches


def run(detector: Detector, batches: Iterable[EventBatch], *, saved: bool = False) -> list[Detection]:
    """What a detector says of batches, its state saved and restored between any two of them or not."""
    made = engine(detector)
    state, found = made.start(), []
    for batch in batches:
        if saved:
            state = made.restore(made.save(state))
            assert state.forgotten == ()
        state, told = made.step(state, made.match(batch), None)
        found += told
    _state, told = made.step(state, None, None, done=True)
    return [each for each in (*found, *told) if each.rule_id == detector.rule.info.id]


@pytest.mark.parametrize("detector", DETECTORS)
def test_it_fires_on_its_sample_and_not_on_the_other(detector: Detector) -> None:
    """A detector without a firing and a silent sample does not ship."""
    own = detector.samples()
    found = run(detector, parsed(own.fire))
    assert found
    assert all(len(each.lines) and each.why and each.techniques for each in found)
    assert run(detector, parsed(own.silent)) == []


@pytest.mark.parametrize("detector", DETECTORS)
def test_saving_between_any_two_batches_changes_nothing(detector: Detector) -> None:
    """Killed and restarted after each batch, it says the same as in one go."""
    batches = list(parsed(detector.samples().fire, 150))
    assert run(detector, batches, saved=True) == run(detector, batches)


@pytest.mark.parametrize("detector", DETECTORS)
def test_few_lines_at_a_time_show_as_much(detector: Detector) -> None:
    """A watch brings few lines at a time, cut anywhere; a scan many: both find the same, but for a few lines."""
    fire = detector.samples().fire
    many = LineSet.union(each.lines for each in run(detector, parsed(fire)))
    few = LineSet.union(each.lines for each in run(detector, parsed(fire, 7 if len(fire) < 100 else len(fire) // 12)))
    assert few.within(many)
    assert len(few) >= 0.9 * len(many)


@pytest.mark.parametrize("detector", DETECTORS)
def test_lines_out_of_order_do_not_hide_it(detector: Detector) -> None:
    """Neighbouring lines that change places, as buffered writers let them, hide nothing."""
    lines = list(detector.samples().fire)
    order = np.argsort(np.arange(len(lines)) + np.random.default_rng(7).uniform(0, 5, len(lines)), kind="stable")
    assert run(detector, parsed([lines[at] for at in order.tolist()]))


@pytest.mark.parametrize("detector", DETECTORS)
def test_memory_is_bounded(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attacker who never uses the same address, name or page twice cannot fill the memory.

    Scaled down: with bounds of a sixteenth, what 28,000 such events leave is no more than what half of them left.
    """
    module = sys.modules[type(detector).__module__]
    for name, value in vars(module).items():
        if "MOST" in name and isinstance(value, int) and value >= 1_000:
            monkeypatch.setattr(module, name, value // 16)
    rows, memory, sizes = 3_500, detector.start(), []
    patterns = list(parsed(detector.samples().fire))
    for turn in range(8):
        batch = _distinct(patterns[turn % len(patterns)], rows, turn)
        memory, _told = detector.step(memory, Seen(batch, _all_hit(batch)), None, done=False)
        sizes.append(_bytes(memory))
    assert max(sizes) < MOST_BYTES // 16
    assert sizes[-1] <= 1.25 * sizes[3] + (1 << 19)
    assert {name: frame.schema for name, frame in memory.items()} == {
        name: frame.schema for name, frame in detector.start().items()
    }


def _distinct(batch: EventBatch, rows: int, turn: int) -> EventBatch:
    """A batch's events again and again, with another value in each text that an attacker chooses."""
    taken = batch.table.take(pa.array(np.arange(rows) % len(batch)))
    for at, name in enumerate(taken.column_names):
        if is_text(taken.schema.field(name).type) and name != "cs-method":
            kept = taken[name].cast(pa.string())
            suffix = pl.Series([f"{turn}x{row}" for row in range(rows)]).to_arrow().cast(pa.string())
            odd = pa.compute.binary_join_element_wise(kept, suffix, "")
            taken = taken.set_column(at, name, odd)
        elif name == "number":
            taken = taken.set_column(at, name, pa.array(np.arange(rows) + turn * rows + 1))
        elif name == TIME:
            later = pa.array(np.arange(rows, dtype=np.int64) * 1_000_000 + turn * rows * 1_000_000)
            taken = taken.set_column(at, name, pa.compute.add(taken[name], later))
    return replace(batch, table=taken)


def _all_hit(batch: EventBatch) -> tuple[Hit, ...]:
    """As if a grave rule fitted every row."""
    grave = next(rule.info for rule in RULES.rules if rule.info.severity >= Severity.HIGH)
    return (Hit(grave, np.arange(len(batch))),)


def _bytes(memory: Memory) -> int:
    return sum(int(frame.estimated_size()) for frame in memory.values())


@pytest.mark.parametrize("detector", DETECTORS)
def test_it_can_be_understood(detector: Detector) -> None:
    """It says in plain words what it means, what to do first, what else it may be, and when it fires."""
    info = detector.rule.info
    assert info.id == f"detector.{info.name}"
    assert info.path == inspect.getsourcefile(type(detector))
    assert info.path.startswith(str(FOLDER))
    assert len(info.description.split()) >= 8
    assert info.meaning
    assert 2 <= len(info.steps) <= 4
    assert info.falsepositives
    assert info.techniques
    assert info.tactics
    assert detector.rule.fires_when
    assert detector.rule.columns


def test_their_ids_are_unique() -> None:
    """No two detectors share an id."""
    ids = [each.rule.info.id for each in ALL]
    assert len(set(ids)) == len(ids)


def test_a_memory_of_another_version_is_not_taken_over() -> None:
    """After an update that remembers otherwise, a detector starts anew, and the state says so."""
    detector = ALL[0]
    made, newer = engine(detector), _Newer()
    state = made.start()
    for batch in parsed(detector.samples().fire):
        state, _told = made.step(state, made.match(batch), None)
    data = made.save(state)
    later = Engine(RULES.rules, RULES.report, [newer]).restore(data)
    assert later.forgotten == (detector.rule.info.id,)
    assert later.memories == {}
    with pytest.raises(StoreError, match="damaged"):
        made.restore(data[:-1] + bytes([data[-1] ^ 1]))


class _Newer(type(ALL[0])):  # type: ignore[misc]
    """The first detector as a later release has it."""

    version = "of another release"
