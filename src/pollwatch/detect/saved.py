"""A detection state as bytes and back: typed, versioned, with its own digest, and checked before it is used.

Saved between two batches and restored, detection goes on as if nothing had been in between. What belongs to a rule
that is gone or means something else by now is not taken over, and :attr:`State.forgotten` says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from mmap import mmap
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pollwatch.detect.correlator import Correlator
from pollwatch.detect.interface import Detector
from pollwatch.detect.nodes import NONE, Groups, Nodes, Slots
from pollwatch.detect.observations import NAMED, Names
from pollwatch.detect.runs import Run, RunLines
from pollwatch.detect.sigma.plan import CorrelationRule, CorrelationType
from pollwatch.detect.state import State
from pollwatch.detect.table import Table
from pollwatch.errors import StoreError
from pollwatch.events.batch import LogSource

_MAGIC: Final = b"pollwatch detection state 4\n"
_DIGEST_BYTES: Final = 32
#: How arrays are packed: fast, and without holding up other threads. So many bytes come of one at most.
_PACKED: Final = "lz4_raw"
_MOST_TIMES: Final = 256
_LARGE: Final = 256


class _Array(msgspec.Struct, frozen=True):
    type: str
    shape: tuple[int, ...]
    packed: bool
    data: bytes


class _Run(msgspec.Struct, frozen=True):
    group: int
    first_us: int
    last_us: int
    spans: list[tuple[int, int]]
    values: int
    size: int
    reported: int
    example: str
    logsource: LogSource


class _Table(msgspec.Struct, frozen=True):
    rule: bytes
    columns: dict[str, _Array]
    states: dict[str, _Array]
    slots: list[_Array]
    runs: list[_Run]
    lines: dict[str, _Array]
    values: _Array
    logsource: LogSource
    dropped: int
    late: int
    kept: int


class _Memory(msgspec.Struct, frozen=True):
    version: str
    frames: dict[str, bytes]


class _State(msgspec.Struct, frozen=True):
    hashed_by: str
    names: list[str]
    seed: int
    latest_us: int
    names_kept: int
    tables: dict[str, _Table]
    memories: dict[str, _Memory]


class _DamagedError(Exception):
    """What was read cannot have been written by :func:`save`."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A state as it was at one moment, to be made bytes of later, in any thread; the state itself may go on."""

    names: tuple[list[str], int, int]
    latest_us: int
    tables: Mapping[str, Callable[[], _Table]]
    memories: Mapping[str, tuple[str, Mapping[str, pl.DataFrame]]]

    def to_bytes(self) -> bytes:
        """The state as bytes."""
        texts, seed, kept = self.names
        tables = {name: packed() for name, packed in self.tables.items()}
        memories = {
            name: _Memory(version, {each: _frame(frame) for each, frame in frames.items()})
            for name, (version, frames) in self.memories.items()
        }
        body = msgspec.msgpack.encode(_State(_hashed_by(), texts, seed, self.latest_us, kept, tables, memories))
        return b"".join((_MAGIC, sha256(body).digest(), body))


def freeze(state: State, correlator: Correlator, detectors: Sequence[Detector] = ()) -> Frozen:
    """A state as it is now: what may change is copied, which is all that it takes."""
    rules = {rule.info.id: rule for rule in correlator.rules}
    tables = {name: _table(table, _meaning(rules[name], correlator)) for name, table in state.tables.items()}
    memories = {
        each.rule.info.id: (each.version, dict(memory))
        for each in detectors
        if (memory := state.memories.get(each.rule.info.id)) is not None
    }
    names = state.names
    return Frozen((list(names.texts), names.seed, state.names_kept), state.latest_us, tables, memories)


def restore(data: bytes, correlator: Correlator, detectors: Sequence[Detector] = ()) -> State:
    """The state that was saved.

    Raises:
        StoreError: the bytes are of another version, or damaged.
    """
    if not data.startswith(_MAGIC):
        raise StoreError("this is no detection state of this version of pollwatch; start without it")
    body = data[len(_MAGIC) + _DIGEST_BYTES :]
    try:
        if sha256(body).digest() != data[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES]:
            raise _DamagedError("its bytes do not fit its digest")  # noqa: TRY301 - said as the rest is
        saved = msgspec.msgpack.decode(body, type=_State)
        state = _state(saved, correlator)
        _remember(state, saved, detectors)
    except (_DamagedError, msgspec.DecodeError, pa.ArrowException, ValueError, TypeError, LookupError) as error:
        raise StoreError(f"the detection state is damaged: {error}; start without it") from error
    return state


def _hashed_by() -> str:
    """By what the numbers that stand for values are made."""
    return f"polars {pl.__version__}"


def _meaning(rule: CorrelationRule, correlator: Correlator) -> bytes:
    """What the memory of a rule depends on: all of it but its header, and what other rules want of it."""
    said = {each.name: getattr(rule, each.name) for each in fields(rule) if each.name != "info"}
    said["carry"] = correlator.carry(rule.info.id)
    return sha256(msgspec.msgpack.encode(said, order="sorted")).digest()


def _array(array: npt.NDArray[Any]) -> _Array:
    if array.nbytes < _LARGE:
        return _Array(array.dtype.str, array.shape, packed=False, data=array.tobytes())
    return _Array(array.dtype.str, array.shape, packed=True, data=pa.compress(array.data, _PACKED, asbytes=True))


def _copies(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Copies, in pages of their own.

    They stay while the state is packed, and large ones would take the room that what comes and goes had left: a watch
    that saves its state again and again grew by that.
    """
    aligned = {name: -(-array.nbytes // 8) * 8 for name, array in arrays.items()}
    room = np.frombuffer(mmap(-1, max(1, sum(aligned.values()))), np.uint8)
    copied, at = {}, 0
    for name, array in arrays.items():
        copied[name] = room[at : at + array.nbytes].view(array.dtype).reshape(array.shape)
        copied[name][...] = array
        at += aligned[name]
    return copied


def _table(table: Table, meaning: bytes) -> Callable[[], _Table]:
    """A copy of a table, to be packed later."""
    columns = _copies({name: table.column(name) for name in table.columns})
    states = _copies({name: array[: table.groups] for name, array in table.states.items()})
    slots = [each.copy() for each in table.slots]
    runs = list(table.runs.values())
    lines = _copies({name: column[: table.lines.size] for name, column in table.lines.columns.items()})
    values = np.concatenate([np.empty(0, np.uint64), *(part for run in runs for part in run.values)])
    said = [_run(run) for run in runs]
    logsource, counted = table.logsource, (table.dropped, table.late, table.kept)

    def packed() -> _Table:
        return _Table(
            meaning,
            {name: _array(array) for name, array in columns.items()},
            {name: _array(array) for name, array in states.items()},
            [_array(each) for each in slots],
            said,
            {name: _array(column) for name, column in lines.items()},
            _array(values),
            logsource,
            *counted,
        )

    return packed


def _run(run: Run) -> _Run:
    return _Run(
        run.group,
        run.first_us,
        run.last_us,
        [*run.spans],
        sum(map(len, run.values)),
        run.size,
        run.reported,
        run.example,
        run.logsource,
    )


def _state(saved: _State, correlator: Correlator) -> State:
    names = Names(saved.names, {text: code for code, text in enumerate(saved.names)}, saved.seed)
    if len(names.codes) != len(names.texts):
        raise _DamagedError("a name stands in it twice")
    state = State(names, {}, {}, saved.latest_us, saved.names_kept)
    rules = {rule.info.id: rule for rule in correlator.rules}
    for name, table in saved.tables.items():
        rule = rules.get(name)
        hashes = rule is not None and rule.type is CorrelationType.VALUE_COUNT
        if rule is None or _meaning(rule, correlator) != table.rule or (hashes and saved.hashed_by != _hashed_by()):
            state.forgotten = (*state.forgotten, name)
        else:
            state.tables[name] = _restored(table, correlator.table(rule), len(names.texts))
    return state


def _frame(frame: pl.DataFrame) -> bytes:
    sink = pa.BufferOutputStream()
    table = frame.to_arrow()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _remember(state: State, saved: _State, detectors: Sequence[Detector]) -> None:
    """Give detectors their memories back; one that is gone or remembers otherwise by now starts anew."""
    known = {each.rule.info.id: each for each in detectors}
    for name, memory in saved.memories.items():
        detector = known.get(name)
        if detector is None or detector.version != memory.version:
            state.forgotten = (*state.forgotten, name)
            continue
        blank = detector.start()
        if memory.frames.keys() != blank.keys():
            raise _DamagedError(f"{name} remembers other frames than it should")
        state.memories[name] = {each: _read_frame(memory.frames[each], blank[each]) for each in blank}


def _read_frame(data: bytes, like: pl.DataFrame) -> pl.DataFrame:
    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)
    frame = pl.DataFrame(table)
    if frame.schema != like.schema:
        raise _DamagedError("a frame has other columns than it should")
    return frame


def _restored(saved: _Table, table: Table, names: int) -> Table:
    table.columns = _arrays(saved.columns, table.columns)
    table.states = _arrays(saved.states, table.states)
    table.size, table.groups = len(table.columns["time"]), len(table.states["tail"])
    if any(len(each) != table.size for each in table.columns.values()):
        raise _DamagedError("its columns are of different lengths")
    if any(len(each) != table.groups for each in table.states.values()):
        raise _DamagedError("its groups' columns are of different lengths")
    if len(saved.slots) != len(Slots._fields):
        raise _DamagedError("its table of values is not one")
    keys, counts, used = saved.slots
    table.slots = Slots(_as(keys, table.slots.keys), _as(counts, table.slots.counts), _as(used, table.slots.used))
    _check_loops(table.nodes(), table.group_states(), table.slots, table.measure.kinds)
    coded = [table.columns[name] for name in table.columns if name in NAMED or name.startswith("carried.")]
    for codes in (*coded, table.keys().reshape(-1)):
        _within(codes, NONE, names, "names")
    table.codes = {tuple(key): code for code, key in enumerate(table.keys().tolist())}
    _restore_runs(saved, table, names)
    table.logsource, table.dropped, table.late, table.kept = saved.logsource, saved.dropped, saved.late, saved.kept
    return table


def _restore_runs(saved: _Table, table: Table, names: int) -> None:
    """Give each run its lines and values among those of all of them."""
    lines = table.lines = RunLines(_arrays(saved.lines, table.lines.columns))
    lines.size = len(lines.columns["time"])
    if any(len(column) != lines.size for column in lines.columns.values()):
        raise _DamagedError("its runs' columns are of different lengths")
    for name in NAMED:
        _within(lines.columns[name], NONE, names, "names")
    _within(np.array([run.group for run in saved.runs], np.int64), 0, table.groups, "groups")
    spans = sorted(span for run in saved.runs for span in run.spans)
    edges = [0, *(edge for span in spans for edge in span), lines.size]
    if edges != sorted(edges):
        raise _DamagedError("its runs hold other lines than there are, or the same")
    values = _as(saved.values, np.empty(0, np.uint64))
    if sum(run.values for run in saved.runs) != len(values) or any(run.values < 0 for run in saved.runs):
        raise _DamagedError("its runs hold other values than there are")
    value = 0
    for run in saved.runs:
        mine = slice(value, value := value + run.values)
        named = sum(end - first for first, end in run.spans)
        lines.live += named
        table.runs[run.group] = Run(
            run.group,
            run.first_us,
            run.last_us,
            run.spans,
            [np.unique(values[mine])] if run.values else [],
            run.size,
            run.reported,
            run.example,
            False,
            run.logsource,
            named,
        )


def _arrays(saved: Mapping[str, _Array], like: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    if saved.keys() != like.keys():
        raise _DamagedError("it holds other columns than it should")
    return {name: _as(saved[name], like[name]) for name in like}


def _as(saved: _Array, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array, if it is of the type and the inner shape of another."""
    if saved.type != like.dtype.str or saved.shape[1:] != like.shape[1:]:
        raise _DamagedError("a column is of another type than it should be")
    data, size = saved.data, math.prod(saved.shape) * like.dtype.itemsize
    if saved.packed:
        if min(saved.shape, default=0) < 0 or size > _MOST_TIMES * len(data):
            raise _DamagedError("a column is longer than it can be")
        data = pa.decompress(data, size, _PACKED, asbytes=True)
    return np.frombuffer(data, saved.type).reshape(saved.shape).copy()


def _check_loops(nodes: Nodes, groups: Groups, slots: Slots, kinds: int) -> None:
    """What machine code will take for an index must be one."""
    n, n_groups = len(nodes.time), len(groups.tail)
    for links in (nodes.before, nodes.after, groups.tail, groups.start):
        _within(links, NONE, n, "observations")
    _within(nodes.group, 0, n_groups, "groups")
    _within(nodes.kind, 0, kinds, "rules")
    room = len(slots.keys)
    taken = int((slots.keys != 0).sum())
    if len(slots.counts) != room or room & (room - 1) or not room or slots.used.tolist() != [taken] or taken >= room:
        raise _DamagedError("its table of values is not one")


def _within(numbers: npt.NDArray[Any], low: int, high: int, what: str) -> None:
    if numbers.size and (int(numbers.min()) < low or int(numbers.max()) >= high):
        raise _DamagedError(f"it names {what} that it does not hold")
