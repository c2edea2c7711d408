"""All correlations of a rule set, batch by batch: who feeds whom, what is reported when, what is forgotten when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow.compute as pc

from pollwatch.detect import correlate, detections
from pollwatch.detect.columns import Rows
from pollwatch.detect.observations import Observations, Observer, empty
from pollwatch.detect.runs import Run
from pollwatch.detect.sigma.plan import CorrelationRule, Rule
from pollwatch.detect.state import State
from pollwatch.detect.table import Fresh, Table
from pollwatch.events.batch import TIME, EventBatch
from pollwatch.events.detection import Detection

_GROWN_BY = 2
_END_OF_TIME = np.iinfo(np.int64).max


class Correlator:
    """The correlations among some rules. Immutable."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take rules that are in order: what a correlation refers to stands before it."""
        self._rules = [rule for rule in rules if isinstance(rule, CorrelationRule)]
        self._by_id = {rule.info.id: rule for rule in self._rules}
        self._fed = {reference for rule in self._rules for reference in rule.rules}
        self._carry = self._carried()
        self._delay = self._delays()
        self._retention = self._retentions()

    @property
    def rules(self) -> tuple[CorrelationRule, ...]:
        """The correlations, in order."""
        return tuple(self._rules)

    def carry(self, rule_id: str) -> tuple[str, ...]:
        """The fields of a correlation, besides its ``group-by``, that correlations over it ask for."""
        return self._carry[rule_id]

    def table(self, rule: CorrelationRule) -> Table:
        """An empty memory for a correlation."""
        return Table(len(rule.group_by), len(self._carry[rule.info.id]), correlate.measure(rule))

    def step(
        self,
        state: State,
        hits: Mapping[str, Rows],
        batch: EventBatch | None,
        watermark_us: int | None,
        *,
        done: bool,
    ) -> list[Detection]:
        """Take one batch's matches in and say what is new."""
        observer = Observer(batch, state.names) if batch is not None and hits else None
        observed: dict[str, Observations] = {}
        crossings: dict[str, correlate.Crossings] = {}
        found: list[Detection] = []
        if batch is not None:
            state.latest_us = max(state.latest_us, pc.max(batch.table[TIME]).as_py() or state.latest_us)
        for rule in self._rules:
            new = self._new(rule, state, hits, observer, observed, crossings)
            if new and rule.info.id not in state.tables:
                state.tables[rule.info.id] = self.table(rule)
            table = state.tables.get(rule.info.id)
            if table is None:
                continue
            if batch is not None and new:
                table.logsource = batch.logsource
            grown: list[Run] = []
            if new or not rule.slides:  # a window that slides is never judged by the time alone
                advanced = correlate.advance(rule, table, new, self._closed(rule, state, watermark_us, done=done))
                crossings[rule.info.id], grown = advanced.crossings, advanced.grown
            for run in grown:
                if not run.example and observer is not None:
                    run.example = _example(table, run, observer)
            if grown or table.runs:
                found += self._report(rule, table, grown, state, watermark_us, done=done)
        self._forget(state, watermark_us)
        return found

    def _new(
        self,
        rule: CorrelationRule,
        state: State,
        hits: Mapping[str, Rows],
        observer: Observer | None,
        observed: dict[str, Observations],
        crossings: Mapping[str, correlate.Crossings],
    ) -> list[Fresh]:
        """What a correlation sees newly."""
        new: list[Fresh] = []
        carry = self._carry[rule.info.id]
        for reference in rule.rules:
            if reference in hits and observer is not None:
                rows = hits[reference]
                seen = observed.get(reference)
                if seen is None:
                    seen = observed[reference] = observer.observe(rows)
                new.append(correlate.fresh(rule, carry, reference, observer, rows, seen))
            elif reference in crossings and len(crossings[reference].seen):
                child, fields = self._by_id[reference], self._carry[reference]
                new.append(correlate.from_child(rule, carry, child, fields, crossings[reference], state.names))
        return [each for each in new if len(each.seen)]

    def _closed(self, rule: CorrelationRule, state: State, watermark_us: int | None, *, done: bool) -> int | None:
        """Until when all is seen that a correlation can see; what it refers to may speak late."""
        if done:
            return _END_OF_TIME if rule.asks_for_presence else state.latest_us
        return None if watermark_us is None else watermark_us - self._delay[rule.info.id]

    def _report(
        self,
        rule: CorrelationRule,
        table: Table,
        grown: list[Run],
        state: State,
        watermark_us: int | None,
        *,
        done: bool,
    ) -> list[Detection]:
        found: list[Detection] = []
        runs = {id(run): run for run in (*grown, *(table.runs.values() if done or watermark_us is not None else ()))}
        quiet_us = max(rule.span_us, correlate.LEAST_GAP_US) + self._delay[rule.info.id]
        for run in runs.values():
            passed = watermark_us is not None and run.last_us + quiet_us < watermark_us
            over = done or run.closed or passed
            if run.size > run.reported and (over or run.size >= _GROWN_BY * run.reported):
                run.reported = run.size
                if rule.info.output:
                    behind = self._behind(rule, table, run, state)
                    found.append(detections.from_run(rule.info, run, table.lines.of(run), behind, state.names))
            if over:
                table.finish(run)
        return found

    def _behind(self, rule: CorrelationRule, table: Table, run: Run, state: State) -> Observations:
        """The observations that stand behind a run over other correlations, down the whole chain."""
        wanted = dict(zip(rule.group_by, table.keys()[run.group].tolist(), strict=True))
        return Observations.concat(self._lines(rule, wanted, run.first_us, run.last_us, state) or [empty()])

    def _lines(
        self, rule: CorrelationRule, wanted: Mapping[str, int], first_us: int, last_us: int, state: State
    ) -> list[Observations]:
        parts: list[Observations] = []
        for reference in rule.rules:
            child = self._by_id.get(reference)
            if child is None or reference not in state.tables:
                continue
            asked = {rule.field_of(name, reference): code for name, code in wanted.items()}
            carry = self._carry[reference]
            parts.append(correlate.lines_of(child, carry, state.tables[reference], asked, first_us, last_us))
            parts += self._lines(child, asked, first_us - child.span_us, last_us, state)
        return parts

    def _forget(self, state: State, watermark_us: int | None) -> None:
        """Bound what is remembered: by time where that is known, by number in any case."""
        if watermark_us is not None:
            for rule in self._rules:
                table = state.tables.get(rule.info.id)
                if table is not None:
                    fed = rule.info.id in self._fed
                    lean = None if fed else watermark_us - self._delay[rule.info.id]
                    table.evict(watermark_us - self._retention[rule.info.id], lean)
        state.bound()

    def _carried(self) -> dict[str, tuple[str, ...]]:
        carried: dict[str, list[str]] = {rule.info.id: [] for rule in self._rules}
        for rule in reversed(self._rules):
            for reference in rule.rules:
                child = self._by_id.get(reference)
                if child is None:
                    continue
                for name in (*rule.group_by, *rule.value_fields, *carried[rule.info.id]):
                    asked = rule.field_of(name, reference)
                    if asked not in child.group_by and asked not in carried[reference]:
                        carried[reference].append(asked)
        return {rule_id: tuple(names) for rule_id, names in carried.items()}

    def _delays(self) -> dict[str, int]:
        """How long after an event each correlation may first hear of it: closed windows speak when they close."""
        result: dict[str, int] = {}
        for rule in self._rules:
            children = [self._by_id[each] for each in rule.rules if each in self._by_id]
            delays = [result[each.info.id] + (0 if each.slides else each.span_us) for each in children]
            result[rule.info.id] = max(delays, default=0)
        return result

    def _retentions(self) -> dict[str, int]:
        """How long each correlation remembers: its own span, those of all correlations over it, and its delay."""
        result = {rule.info.id: rule.span_us + self._delay[rule.info.id] for rule in self._rules}
        for rule in reversed(self._rules):
            for reference in rule.rules:
                if reference in result:
                    own = self._by_id[reference].span_us + self._delay[reference]
                    result[reference] = max(result[reference], result[rule.info.id] + own)
        return result


def _example(table: Table, run: Run, observer: Observer) -> str:
    """What the last line of a run said that comes from an input of the batch; empty if that line is not in it."""
    if not observer.examples:
        return ""
    paths, numbers = table.lines.latest(run)
    mine = np.flatnonzero(observer.among_inputs(paths))
    if not mine.size:
        return ""
    row = observer.row_of(int(paths[mine[-1]]), int(numbers[mine[-1]]))
    return "" if row is None else observer.example(row)
