"""Health of a watch, for machines: one word for a load balancer or a monitor, and Prometheus' metrics.

Labels are names that the settings give, and words of our own; nothing that stands in a log ever becomes one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pollwatch import __version__
from pollwatch.canonical import Json
from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import StoreError
from pollwatch.events.detection import Severity
from pollwatch.incidents import liveness
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.inboxquery import Question
from pollwatch.incidents.liveness import Liveness, LiveSource
from pollwatch.node.receive import counts
from pollwatch.node.receive.counts import Counts
from pollwatch.node.watch import heartbeat
from pollwatch.store.folder import CaseFolder

if TYPE_CHECKING:
    from prometheus_client import Metric

STATES: Final = ("ok", "waiting", "behind", "silent", "failed")
#: Receivers write their counts every second; older ones are of receivers that are dead.
_STALE_US: Final = 15 * US_PER_S


@dataclass(frozen=True, slots=True)
class Health:
    """The watch of a case, as it shows at one moment.

    Attributes:
        at_us: the moment.
        watch: what the watch has written down; None where none ever ran.
        receivers: what receivers have counted.
        received_us: when they wrote that; 0 = never.
        heard_us: by source, when a heartbeat was detected last.
    """

    at_us: int
    watch: Liveness | None
    receivers: dict[str, Counts]
    received_us: int
    heard_us: dict[str, int]

    @property
    def trouble(self) -> str:
        """What is wrong, in one sentence; empty where nothing is."""
        if self.watch is None:
            return "no watch has begun yet"
        return self.watch.blind(self.at_us)

    def document(self) -> Json:
        """For ``/healthz``."""
        sources = self.watch.sources if self.watch is not None else ()
        return {
            "schema": "pollwatch.health/1",
            "healthy": not self.trouble,
            "trouble": self.trouble,
            "sources": [{"name": each.name, "kind": each.kind, "state": each.state} for each in sources],
        }


def look(case: Path, clock: Clock) -> Health:
    """How the watch of a case is now.

    Raises:
        StoreError: the case cannot be read.
    """
    folder = CaseFolder(case)
    at_us, received = counts.read(folder.live / counts.NAME)
    heard_us = heartbeat.heard(folder.live)
    return Health(clock.now_us(), liveness.read(folder.database), received, at_us, heard_us)


@dataclass(slots=True)
class Metrics:
    """Collects what Prometheus asks for. Safe for several threads.

    Attributes:
        case: the case folder.
        clock: the time.
    """

    case: Path
    clock: Clock
    _inbox: Inbox | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - the watch's own

        with self._lock:
            registry = CollectorRegistry(auto_describe=False)
            registry.register(_Collector(self.collect))
            return generate_latest(registry)

    def close(self) -> None:
        """Let go of the case."""
        if self._inbox is not None:
            self._inbox.close()

    def collect(self) -> Iterator[Metric]:
        """All metrics, as they are now."""
        from prometheus_client.core import GaugeMetricFamily as Gauge  # noqa: PLC0415 - the watch's own

        build = Gauge("pollwatch_build_info", "The program that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        try:
            health = look(self.case, self.clock)
            yield from _of_watch(health)
            yield from _of_receivers(health)
            yield self._incidents()
        except StoreError:
            up = Gauge("pollwatch_up", "Whether the watch is at work.")
            up.add_metric([], 0)
            yield up

    def _incidents(self) -> Metric:
        from prometheus_client.core import GaugeMetricFamily as Gauge  # noqa: PLC0415 - the watch's own

        if self._inbox is None:
            self._inbox = Inbox.open(self.case)
        found = Gauge("pollwatch_incidents_open", "Incidents that are open or acknowledged.", labels=["severity"])
        for severity in Severity:
            question = Question(severities=(severity,), statuses=("open", "acknowledged"))
            found.add_metric([severity.word], self._inbox.count(question))
        return found


@dataclass(frozen=True, slots=True)
class _Collector:
    collect: Callable[[], Iterator[Metric]]


def _of_watch(health: Health) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily as Counter  # noqa: PLC0415 - the watch's own
    from prometheus_client.core import GaugeMetricFamily as Gauge  # noqa: PLC0415 - the same

    watch = health.watch
    up = Gauge("pollwatch_up", "Whether the watch is at work.")
    up.add_metric([], float(watch is not None and watch.running(health.at_us)))
    healthy = Gauge("pollwatch_healthy", "Whether it is at work and hears every source.")
    healthy.add_metric([], float(not health.trouble))
    yield up
    yield healthy
    if watch is None:
        return
    beat = Gauge("pollwatch_beat_timestamp_seconds", "When it was at work last.")
    beat.add_metric([], watch.beat_us / US_PER_S)
    yield beat
    heard = Gauge("pollwatch_heartbeat_timestamp_seconds", "When a heartbeat was detected last.", labels=["source"])
    for name, at_us in health.heard_us.items():
        heard.add_metric([name], at_us / US_PER_S)
    yield heard
    labels = ["source", "kind"]
    counters: tuple[tuple[str, str, Callable[[LiveSource], int]], ...] = (
        ("lines", "Records that were read.", lambda each: each.lines),
        ("quarantined", "Records that were not understood.", lambda each: each.quarantined),
        ("dropped", "Records that were lost before they could be kept, as far as known.", lambda each: each.dropped),
    )
    for name, meaning, value in counters:
        counter = Counter(f"pollwatch_source_{name}", meaning, labels=labels)
        for each in watch.sources:
            counter.add_metric([each.name, each.kind], value(each))
        yield counter
    gauges: tuple[tuple[str, str, Callable[[LiveSource], float | None]], ...] = (
        ("lag_bytes", "Bytes that are there and not read yet.", lambda each: each.lag_bytes),
        (
            "last_record_timestamp_seconds",
            "Time of the latest record, as its log says.",
            lambda each: _s(each.last_record_us),
        ),
        ("last_read_timestamp_seconds", "When a record came last.", lambda each: _s(each.last_read_us)),
        ("silence_limit_seconds", "The longest silence that is normal.", lambda each: each.norm_s),
    )
    for name, meaning, read in gauges:
        gauge = Gauge(f"pollwatch_source_{name}", meaning, labels=labels)
        for each in watch.sources:
            if (known := read(each)) is not None:
                gauge.add_metric([each.name, each.kind], known)
        yield gauge
    state = Gauge("pollwatch_source_state", "1 for the state in which it is.", labels=[*labels, "state"])
    for each in watch.sources:
        for name in STATES:
            state.add_metric([each.name, each.kind, name], float(each.state == name))
    yield state


def _of_receivers(health: Health) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily as Counter  # noqa: PLC0415 - the watch's own
    from prometheus_client.core import GaugeMetricFamily as Gauge  # noqa: PLC0415 - the same

    if not health.receivers:
        return
    alive = health.at_us - health.received_us <= _STALE_US
    up = Gauge("pollwatch_receiver_up", "Whether it listens.", labels=["source"])
    waiting = Gauge("pollwatch_receiver_spool_full", "Whether senders have to wait.", labels=["source"])
    connections = Gauge("pollwatch_receiver_connections", "Connections at this moment.", labels=["source"])
    for name, each in health.receivers.items():
        up.add_metric([name], float(alive and bool(each.listening)))
        waiting.add_metric([name], float(each.waiting))
        connections.add_metric([name], each.open if alive else 0)
    yield from (up, waiting, connections)
    counters: tuple[tuple[str, str, Callable[[Counts], int]], ...] = (
        ("lines", "Lines that were written to the spool.", lambda each: each.lines),
        ("bytes", "Bytes of these.", lambda each: each.bytes),
        ("lost", "Messages that the kernel dropped (UDP).", lambda each: each.lost),
        ("cut", "Messages that were too long, and lost their end.", lambda each: each.cut),
        ("refused", "Connections and requests that were turned away.", lambda each: each.refused),
        ("repeated", "Batches that came again.", lambda each: each.again),
    )
    for name, meaning, value in counters:
        counter = Counter(f"pollwatch_receiver_{name}", meaning, labels=["source"])
        for source, each in health.receivers.items():
            counter.add_metric([source], value(each))
        yield counter


def _s(us: int | None) -> float | None:
    return None if us is None else us / US_PER_S
