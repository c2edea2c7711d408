"""How fast correlations are, whatever the window; prints a table of matched events per second of processor time.

    python bench/correlation.py [--events 1000000] [--types event_count,value_count] [--firing] [--values]

Matches of a rule are handed to the engine's ``step`` in batches of 20,000, as ``scan`` does: for 1, 10, 100 and 1,000
events per second of event time, windows of 1 minute to 7 days, and each type of correlation. A thousand sources take
turns at random, 1 % of the events come up to 5 seconds late, and thresholds are such that little fires; with
``--firing`` half of the events of a long window are told of, as those of a flood are. ``--values`` measures instead how
a count of a million distinct values is held.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from pollwatch.detect import state
from pollwatch.detect.engine import Engine
from pollwatch.detect.match import Matches, RuleHits
from pollwatch.detect.sigma.load import LoadReport
from pollwatch.detect.sigma.plan import (
    Bound,
    Compare,
    CorrelationRule,
    CorrelationType,
    EventRule,
    Leaf,
    Null,
    RuleInfo,
)
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Severity
from pollwatch.events.taxonomy import AUTH

BATCH = 20_000
SECOND = 1_000_000
LATE = 3_600 * SECOND
WINDOWS = {"1 m": 60, "1 h": 3_600, "1 d": 86_400, "7 d": 7 * 86_400}
RATES = (1, 10, 100, 1_000)
#: What half of the events of a long window go beyond: each source sends so many times two.
FIRING = (Compare.GTE, 500.0)
BOUNDS = {
    CorrelationType.EVENT_COUNT: (Compare.GTE, 5_000.0),
    CorrelationType.VALUE_COUNT: (Compare.GTE, 500.0),
    CorrelationType.TEMPORAL: (Compare.GTE, 3.0),
    CorrelationType.TEMPORAL_ORDERED: (Compare.GTE, 3.0),
    CorrelationType.VALUE_SUM: (Compare.GTE, 1e9),
    CorrelationType.VALUE_AVG: (Compare.GTE, 1e4),
    CorrelationType.VALUE_PERCENTILE: (Compare.GTE, 1e4),
    CorrelationType.VALUE_MEDIAN: (Compare.GTE, 1e4),
}


def engine(kind: CorrelationType, span_s: int, bound: tuple[Compare, float]) -> Engine:
    """An engine with one correlation over two rules, or three of which the third never matches."""
    temporal = kind in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
    names = ("a", "b", "c") if temporal else ("a", "b")
    rules = [EventRule(RuleInfo(n, n, n, Severity.INFO, output=False), AUTH, Leaf("none", Null())) for n in "abc"]
    fields = () if temporal or kind is CorrelationType.EVENT_COUNT else ("user",)
    if fields and kind is not CorrelationType.VALUE_COUNT:
        fields = ("bytes",)
    info = RuleInfo("corr", "corr", "corr", Severity.LOW)
    made = CorrelationRule(info, kind, names, ("src_ip",), span_s * SECOND, (Bound(*bound),), fields, percentile=95.0)
    return Engine([*rules, made], LoadReport(0, 4, ()))


def batches(events: int, per_s: int, sources: int, users: int) -> Iterator[tuple[Matches, int]]:
    """Batches with their matches, and watermarks an hour behind."""
    rng = np.random.default_rng(20261103)
    ips = pa.array([f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(sources)])
    names = pa.array([f"user{n}" for n in range(users)])
    for low in range(0, events, BATCH):
        n = min(BATCH, events - low)
        times = (np.arange(low, low + n) * SECOND) // per_s
        late = rng.random(n) < 0.01
        times[late] -= rng.integers(0, 5 * SECOND, int(late.sum()))
        table = pa.table(
            {
                "time_us": pa.array(times, pa.int64()),
                "number": pa.array(np.arange(low + 1, low + n + 1), pa.int64()),
                "src_ip": ips.take(pa.array(rng.integers(0, sources, n))),
                "user": names.take(pa.array(rng.integers(0, users, n))),
                "bytes": pa.array(rng.integers(0, 5_000, n), pa.int64()),
            }
        )
        first = rng.random(n) < 0.5
        hits = (RuleHits("a", np.flatnonzero(first)), RuleHits("b", np.flatnonzero(~first)))
        yield Matches(EventBatch(AUTH, "auth.log", table), hits), int(times.max()) - LATE


def measure(made: Engine, made_of: list[tuple[Matches, int]], events: int) -> tuple[float, state.State]:
    """Events per second, and the state after the last."""
    memory = made.start()
    started = time.process_time()
    for matches, watermark in made_of:
        memory, _ = made.step(memory, matches, watermark)
    return events / (time.process_time() - started), memory


def sweep(events: int, kinds: list[CorrelationType], bounds: Mapping[CorrelationType, tuple[Compare, float]]) -> None:
    """The table: a row per type and window, a column per rate."""
    warm = list(batches(12 * BATCH, 1, 1_000, 400))
    for kind in kinds:
        measure(engine(kind, 60, bounds[kind]), warm, BATCH)  # compiles the loops, or reads what was compiled
    print(f"{'type':<18}{'window':<8}" + "".join(f"{rate:>11,}/s" for rate in RATES) + f"{'held':>12}{'dropped':>9}")
    made_of = {rate: list(batches(events, rate, 1_000, 400)) for rate in RATES}
    for kind in kinds:
        for name, span_s in WINDOWS.items():
            row, held, dropped = [], 0, 0
            for rate in RATES:
                speed, memory = measure(engine(kind, span_s, bounds[kind]), made_of[rate], events)
                row.append(speed)
                held = max(held, sum(map(len, memory.tables.values())))
                dropped = max(dropped, memory.dropped)
            cells = "".join(f"{speed:>13,.0f}" for speed in row)
            print(f"{kind.value:<18}{name:<8}{cells}{held:>12,}{dropped:>9,}", flush=True)


def million() -> None:
    """One source and a million distinct values, counted exactly; then three million, beyond what is held."""
    for values in (1_000_000, 3_000_000):
        made = engine(CorrelationType.VALUE_COUNT, 7 * 86_400, (Compare.GTE, float(values)))
        memory, found, started = made.start(), 0, time.process_time()
        for low in range(0, values, BATCH):
            n = min(BATCH, values - low)
            numbers = np.arange(low, low + n)
            table = pa.table(
                {
                    "time_us": pa.array(numbers * SECOND // 1_000, pa.int64()),
                    "number": pa.array(numbers + 1, pa.int64()),
                    "src_ip": pa.array(["192.0.2.1"] * n),
                    "user": pa.array([f"user{number}" for number in numbers]),
                }
            )
            matches = Matches(EventBatch(AUTH, "auth.log", table), (RuleHits("a", np.arange(n)),))
            memory, some = made.step(memory, matches, int(numbers[0]) * SECOND // 1_000 - LATE)
            found += len(some)
        elapsed, peak = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        held = sum(map(len, memory.tables.values()))
        print(
            f"{values:,} distinct values: {values / elapsed:,.0f} events/s, {held:,} held, {memory.dropped:,} dropped,"
            f" {found} detections, peak {peak:,.0f} MiB of the process"
        )


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="matched events a lane")
    parser.add_argument("--types", default=",".join(kind.value for kind in CorrelationType), help="which types")
    parser.add_argument("--firing", action="store_true", help="count events up to a number that half of them go beyond")
    parser.add_argument("--values", action="store_true", help="count a million distinct values instead")
    arguments = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}; at most {state.MOST:,} held"
    )
    if arguments.values:
        million()
    else:
        kinds = [CorrelationType(each) for each in arguments.types.split(",")]
        bounds = {CorrelationType.EVENT_COUNT: FIRING} if arguments.firing else BOUNDS
        sweep(arguments.events, [kind for kind in kinds if kind in bounds], bounds)


if __name__ == "__main__":
    main()
