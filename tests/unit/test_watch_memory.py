"""What a watch holds is bounded, and what it forgets is forgotten in the right order."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.taxonomy import WEB
from pollwatch.incidents.livefolding import Changes, OpenDetections
from pollwatch.incidents.rolling import RollingSpool
from pollwatch.incidents.spool import hash_of
from pollwatch.store.events import EventFile
from pollwatch.store.parts import latest_parts, runs

_MINUTE_US = 60_000_000


def _fired(
    numbers: range | list[int], minute: int = 0, ips: tuple[str, ...] = ("203.0.113.9",), rule: str = "rule"
) -> Detection:
    at_us = minute * _MINUTE_US
    lines = LineSet.of("a.log", list(numbers))
    return Detection(
        rule, "Title", Severity.MEDIUM, ("T1190",), Actors(ip=ips), ("host",), at_us, at_us, lines, "why", WEB
    )


def _rows(changes: list[Changes]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for each in changes:
        for gone in each.removed:
            rows.pop(gone, None)
        for row_id, detection in each.written.items():
            rows[row_id] = detection.lines.by_path["a.log"].tolist()
    return rows


@pytest.mark.parametrize("cut", [1, 2, 7, 40])
def test_a_firing_cut_into_any_pieces_is_one_row(cut: int) -> None:
    """However a stream is cut into steps, the same rows stand in the case."""
    whole = _rows([OpenDetections().add([_fired(range(1, 41))])])
    open_ = OpenDetections()
    pieces = [open_.add([_fired(range(at, min(at + cut, 41)), at // 10)]) for at in range(1, 41, cut)]
    assert _rows(pieces) == whole


def test_a_larger_report_takes_the_place_of_smaller_ones() -> None:
    """A run that is told again with more lines and more addresses is one row, the last."""
    open_ = OpenDetections()
    told = [open_.add([_fired(range(1, size), ips=tuple(f"10.0.0.{n}" for n in range(size)))]) for size in (3, 6, 12)]
    assert list(_rows(told).values()) == [list(range(1, 12))]
    assert open_.add([_fired(range(1, 12), ips=tuple(f"10.0.0.{n}" for n in range(12)))]) == Changes()


def test_an_hour_later_it_is_another_row() -> None:
    """What does the same after a long pause is told by itself, as grouping folds it."""
    open_ = OpenDetections()
    assert len(_rows([open_.add([_fired([1])]), open_.add([_fired([2], 61)])])) == 2


def test_open_rows_are_bounded() -> None:
    """An attacker who never uses an address twice cannot fill the memory; rows that are closed stay in the case."""
    open_ = OpenDetections(most=50)
    changes = [open_.add([_fired([at], ips=(f"10.0.{at // 256}.{at % 256}",))]) for at in range(1, 400)]
    assert len(open_) <= 50
    assert len(_rows(changes)) == 399


def _batch(first: int, ips: list[str]) -> EventBatch:
    numbers = pa.array(np.arange(first, first + len(ips)), pa.int64())
    times = pa.array(np.arange(first, first + len(ips)) * 1_000_000, pa.int64())
    columns = {"time_us": times, "number": numbers, "c-ip": ips, "cs-uri-stem": ["/"] * len(ips)}
    return EventBatch(WEB, "a.log", pa.table({**columns, "sc-status": pa.array([200] * len(ips), pa.int64())}))


def test_of_old_rows_those_of_hostile_addresses_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of others does not make the watch forget what an attacker did before it, but for what is told already."""
    monkeypatch.setattr("pollwatch.incidents.rolling._SEGMENT_ROWS", 100)
    spool = RollingSpool(most_rows=500, most_kept=50)
    spool.write(_batch(1, ["203.0.113.9", "203.0.113.9", *["198.51.100.1"] * 98]))
    for at in range(1, 30):
        spool.write(_batch(1 + 100 * at, ["198.51.100.2"] * 100))
        spool.forget({"203.0.113.9"}, LineSet.of("a.log", [2]))
    rows = [row for part in spool.batches() for row in zip(part.ip.tolist(), part.number.tolist(), strict=True)]
    attacker = int(hash_of(["203.0.113.9"])[0])
    assert len(rows) <= 600
    assert [number for ip, number in rows if ip == attacker] == [1]
    assert spool.floor("a.log") == 2501
    assert {number for _ip, number in rows} - {1} == set(range(2501, 3001))


def _part(first: int, rows: int) -> EventFile:
    return EventFile(f"webserver-_-_/live-0000000001-{first:015d}-{first + rows - 1:015d}.parquet", WEB, rows)


def test_small_files_become_few_and_stay_in_order() -> None:
    """Years of small steps end in few files, an event is rewritten a few times only, and no two files overlap."""
    files: list[EventFile] = []
    written = 0
    for step in range(20_000):
        files.append(_part(step * 10 + 1, 10))
        for run in runs(files):
            merged = _part(int(run[0].name[-39:-24]), sum(each.rows for each in run))
            written += merged.rows
            files = sorted([each for each in files if each not in run] + [merged], key=lambda each: each.name)
    assert sum(each.rows for each in files) == 200_000
    ranges = [(int(each.name[-39:-24]), int(each.name[-23:-8])) for each in files]
    assert all(last + 1 == first for (_, last), (first, _) in pairwise(ranges))
    assert len(files) < 60
    assert written < 6 * 200_000
    chosen, first = latest_parts(files, 30_000)
    assert sum(each.rows for each in chosen) >= 30_000
    assert first == int(chosen[0].name[-39:-24])


_BUFFERS = """
import ctypes
from pollwatch.node.watch import memory

class Info(ctypes.Structure):
    _fields_ = [(f"f{n}", ctypes.c_size_t) for n in range(10)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
if APART:
    memory.part_with_buffers()
libc.free(libc.malloc(16 << 20))  # from now on glibc takes buffers of that size for usual
before = libc.mallinfo2().f4  # bytes that are mapped by themselves
held = libc.malloc(1 << 20)
print(libc.mallinfo2().f4 - before >= 1 << 20)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc 2.33 and later tell of it")
@pytest.mark.parametrize("apart", [True, False])
def test_a_large_buffer_is_mapped_by_itself(*, apart: bool) -> None:
    """So that it goes back to the system when it is freed; without being told so, the C library stops doing that."""
    command = [sys.executable, "-c", _BUFFERS.replace("APART", str(apart))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(apart)
