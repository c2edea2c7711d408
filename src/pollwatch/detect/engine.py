"""The engine: rules in, event batches through, detections out.

``match`` is pure: a batch becomes matches, and batches may be matched in any order or place. ``step`` takes the
matches in order, with what was seen before (the state), and gives detections. The same two run in ``scan``, in
``watch`` and on a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pollwatch.detect import correlate, detections
from pollwatch.detect.columns import Columns, Rows
from pollwatch.detect.explain import Explanation, explained
from pollwatch.detect.match import Matches, Plan, match, plan
from pollwatch.detect.observations import Names, Observations, Observer, empty
from pollwatch.detect.sigma.load import SHIPPED, LoadReport, load
from pollwatch.detect.sigma.plan import CorrelationRule, EventRule, Rule
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.detection import Detection
from pollwatch.events.text import add_normalised

_GROWN_BY = 2


@dataclass(slots=True)
class State:
    """What detection remembers between batches. ``step`` takes it over: use the one that it returns."""

    names: Names = field(default_factory=Names)
    tables: dict[str, correlate.Table] = field(default_factory=dict)

    @property
    def dropped(self) -> int:
        """Observations forgotten for want of memory; more than none means that slow attacks may go unseen."""
        return sum(table.dropped for table in self.tables.values())


class Engine:
    """A set of rules, ready to run. Immutable after :meth:`load`; plans are made per logsource on first use."""

    def __init__(self, rules: Sequence[Rule], report: LoadReport) -> None:
        """Take rules that are in order: what a correlation refers to stands before it."""
        self.rules = tuple(rules)
        self.report = report
        self._by_id = {rule.info.id: rule for rule in self.rules}
        self._event_rules = [rule for rule in self.rules if isinstance(rule, EventRule)]
        self._correlations = [rule for rule in self.rules if isinstance(rule, CorrelationRule)]
        self._retention = self._retentions()
        self._plans: dict[LogSource, Plan] = {}

    @classmethod
    def load(
        cls, rule_dirs: Sequence[Path] = (), *, shipped: bool = True, progress: Callable[[int, int], None] | None = None
    ) -> Engine:
        """Load the shipped pack and the rules of files and folders; ``report`` lists what was refused.

        Args:
            rule_dirs: files and folders of rules.
            shipped: with the shipped pack.
            progress: told how many of the files that must be compiled are done, and how many there are.

        Raises:
            RuleError: a path does not exist.
        """
        rules, report = load([*([SHIPPED] if shipped else []), *rule_dirs], progress=progress)
        return cls(rules, report)

    def plan(self, logsource: LogSource) -> Plan:
        """The rules that apply to events of a logsource."""
        if logsource not in self._plans:
            self._plans[logsource] = plan(self._event_rules, logsource)
        return self._plans[logsource]

    def match(self, batch: EventBatch) -> Matches:
        """Which rules fit which rows. Pure; adds the normalised columns by itself."""
        batch = add_normalised(batch)
        return match(self.plan(batch.logsource), batch)

    def start(self) -> State:
        """The state before the first batch."""
        return State()

    def step(
        self,
        state: State,
        matches: Matches | None,
        watermark_us: int | None,
        done: bool = False,  # noqa: FBT001, FBT002 - the contract's call
    ) -> tuple[State, list[Detection]]:
        """Take one batch's matches in and say what is new.

        Args:
            state: from :meth:`start` or the last step; consumed.
            matches: of one batch; None to let time pass.
            watermark_us: nothing older is still to come; None where that is not known.
            done: nothing at all is still to come: report every run in full.
        """
        found: list[Detection] = []
        runs: dict[str, list[correlate.Run]] = {}
        if matches is not None and matches.hits:
            observer = Observer(matches.batch, state.names)
            hits = {each.rule_id: each.rows for each in matches.hits}
            found += self._single(hits, observer, state, matches.batch.logsource)
            runs = self._correlate(hits, observer, state, matches.batch)
        for rule in self._correlations:
            table = state.tables.get(rule.info.id)
            if table is not None:
                found += self._report(rule, table, runs.get(rule.info.id, []), state, watermark_us, done=done)
                before = None if watermark_us is None else watermark_us - self._retention[rule.info.id]
                correlate.evict(table, before)
        return state, found

    def explain(self, batch: EventBatch) -> tuple[Explanation, ...]:
        """For the first event of a batch: each rule, whether it fits, and which parts of its condition do not."""
        batch = add_normalised(batch)
        if not len(batch):
            return ()
        event = Columns(batch).event(0)
        return tuple(explained(planned, event) for planned in self.plan(batch.logsource).rules)

    def rule(self, rule_id: str) -> Rule | None:
        """The rule with an id."""
        return self._by_id.get(rule_id)

    def _single(self, hits: dict[str, Rows], observer: Observer, state: State, logsource: LogSource) -> list[Detection]:
        found: list[Detection] = []
        for rule_id, rows in hits.items():
            info = self._by_id[rule_id].info
            if info.output:
                found += detections.from_rows(info, observer, rows, state.names, logsource)
        return found

    def _correlate(
        self, hits: dict[str, Rows], observer: Observer, state: State, batch: EventBatch
    ) -> dict[str, list[correlate.Run]]:
        crossings: dict[str, correlate.Crossings] = {}
        runs: dict[str, list[correlate.Run]] = {}
        for rule in self._correlations:
            table = state.tables.setdefault(rule.info.id, correlate.Table())
            new: list[correlate.Fresh] = []
            for reference in rule.rules:
                if reference in hits:
                    new.append(correlate.fresh(rule, reference, observer, hits[reference]))
                elif reference in crossings and len(crossings[reference].group):
                    child = self._by_id[reference]
                    if isinstance(child, CorrelationRule):
                        child_table = state.tables[reference]
                        new.append(correlate.from_child(rule, child, crossings[reference], child_table))
            if not new:
                continue
            crossings[rule.info.id], runs[rule.info.id] = correlate.advance(rule, table, new)
            for run in runs[rule.info.id]:
                if not run.example:
                    run.example, run.logsource = _example(run, observer, batch, state.names), batch.logsource
        return runs

    def _report(
        self,
        rule: CorrelationRule,
        table: correlate.Table,
        grown: list[correlate.Run],
        state: State,
        watermark_us: int | None,
        *,
        done: bool,
    ) -> list[Detection]:
        found: list[Detection] = []
        runs = {id(run): run for run in (*grown, *(table.runs.values() if done or watermark_us is not None else ()))}
        for run in runs.values():
            size = len(run.seen)
            passed = watermark_us is not None and run.last_us + max(rule.span_us, correlate.LEAST_GAP_US) < watermark_us
            over = done or run.closed or passed
            if size > run.reported and (over or size >= _GROWN_BY * run.reported):
                run.reported = size
                if rule.info.output:
                    found.append(
                        detections.from_run(rule.info, run, self._behind(rule, table, run, state), state.names)
                    )
            if over:
                table.finish(run)
        return found

    def _behind(self, rule: CorrelationRule, table: correlate.Table, run: correlate.Run, state: State) -> Observations:
        """The observations that stand behind a run over other correlations, down the whole chain."""
        parts = [empty()]
        for reference in rule.rules:
            child = self._by_id[reference]
            if isinstance(child, CorrelationRule) and reference in state.tables:
                parts.append(correlate.child_lines(child, state.tables[reference], rule, table, run))
        return Observations.concat(parts)

    def _retentions(self) -> dict[str, int]:
        """How long each correlation remembers: its own span, and those of all correlations over it."""
        result = {rule.info.id: rule.span_us for rule in self._correlations}
        for rule in reversed(self._correlations):
            for reference in rule.rules:
                if reference in result:
                    result[reference] = max(result[reference], result[rule.info.id] + result[reference])
        return result


def _example(run: correlate.Run, observer: Observer, batch: EventBatch, names: Names) -> str:
    mine = run.seen.number[run.seen.path == names.code(batch.path)]
    numbers = batch.table["number"].to_numpy()
    rows = np.flatnonzero(np.isin(numbers, mine[-1:]))
    return observer.example(int(rows[0])) if rows.size else ""
