"""The engine: rules in, event batches through, detections out.

``match`` is pure: a batch becomes matches, and batches may be matched in any order or place. ``step`` takes the
matches in order, with what was seen before (the state), and gives detections. The same two run in ``scan``, in
``watch`` and on a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pollwatch.cache import of_user
from pollwatch.detect import detections, saved
from pollwatch.detect.asking import asked, counted
from pollwatch.detect.columns import Columns, Rows
from pollwatch.detect.correlator import Correlator
from pollwatch.detect.detectors import ALL
from pollwatch.detect.explain import Explanation, explained
from pollwatch.detect.gathering import groups, joined, parted
from pollwatch.detect.interface import Detector, Hit, Seen
from pollwatch.detect.kept import Kept
from pollwatch.detect.match import Made, Matches, Plan, match, plan
from pollwatch.detect.observations import Observer
from pollwatch.detect.saved import Frozen
from pollwatch.detect.sigma.load import SHIPPED, LoadReport, load
from pollwatch.detect.sigma.plan import DetectorRule, EventRule, Rule
from pollwatch.detect.state import State
from pollwatch.events.asked import Asked
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.detection import Detection
from pollwatch.events.text import add_normalised

#: What fewer rules come to is made again sooner than it is read.
_WORTH_KEEPING = 64


class Engine:
    """A set of rules, ready to run. Immutable after :meth:`load`; plans are made per logsource on first use."""

    def __init__(
        self,
        rules: Sequence[Rule],
        report: LoadReport,
        detectors: Sequence[Detector] = (),
        kept: Kept | None = None,
    ) -> None:
        """Take rules that are in order: what a correlation refers to stands before it."""
        self.rules = tuple(rules)
        self.detectors = tuple(detectors)
        self.report = report
        known = (*self.rules, *(each.rule for each in self.detectors))
        self._by_id: dict[str, Rule] = {rule.info.id: rule for rule in known}
        self._event_rules = [rule for rule in self.rules if isinstance(rule, EventRule)]
        self._correlator = Correlator(self.rules)
        self._plans: dict[LogSource, Plan] = {}
        self._kept = kept
        self._made = Made(self._event_rules, kept)
        self._counted = counted(self.rules)
        self._asked: dict[LogSource, Asked | None] = {}

    @classmethod
    def load(
        cls,
        rule_dirs: Sequence[Path] = (),
        *,
        shipped: bool = True,
        detectors: Sequence[Detector] = (),
        progress: Callable[[int, int], None] | None = None,
        recall: bool = True,
    ) -> Engine:
        """Load the shipped pack and the rules of files and folders; ``report`` lists what was refused.

        Args:
            rule_dirs: files and folders of rules.
            shipped: with the shipped pack and detectors.
            detectors: more of them: those that the configuration sets up.
            progress: told how many of the files that must be compiled are done, and how many there are.
            recall: with what earlier runs' events have taught; without, all is learned anew (to measure that).

        Raises:
            RuleError: a path does not exist.
        """
        paths = [*([SHIPPED] if shipped else []), *rule_dirs]
        rules, report = load(paths, progress=progress)
        kept = None
        if len(rules) >= _WORTH_KEEPING:
            kept = Kept(of_user(), " ".join(str(path.resolve()) for path in paths), report.digest, recall=recall)
        return cls(rules, report, (*(ALL if shipped else ()), *detectors), kept)

    def plan(self, logsource: LogSource) -> Plan:
        """The rules that apply to events of a logsource."""
        if logsource not in self._plans:
            self._plans[logsource] = plan(self._event_rules, logsource, self._made)
        return self._plans[logsource]

    def asked(self, logsource: LogSource) -> Asked | None:
        """Which columns of a logsource's events rules look at; None where detectors, or keywords, may look at any."""
        if any(each.covers(logsource) for detector in self.detectors for each in detector.rule.logsources):
            return None
        if logsource not in self._asked:
            self._asked[logsource] = asked(*self.plan(logsource).matcher().looked_at(), self._counted)
        return self._asked[logsource]

    def match(self, batch: EventBatch) -> Matches:
        """Which rules fit which rows. Pure; adds the normalised columns by itself."""
        batch = add_normalised(batch)
        return match(self.plan(batch.logsource), batch)

    def match_all(self, batches: Sequence[EventBatch]) -> list[Matches]:
        """:meth:`match` for each batch; small ones of one logsource are looked at together, which costs less."""
        batches = [add_normalised(batch) for batch in batches]
        found: dict[int, Matches] = {}
        for places in groups(batches):
            some = [batches[place] for place in places]
            whole = match(self.plan(some[0].logsource), some[0] if len(some) == 1 else joined(some))
            found |= zip(places, [whole] if len(some) == 1 else parted(whole, some), strict=True)
        return [found[place] for place in range(len(batches))]

    def keep_learned(self) -> None:
        """Keep what batches have taught, so that the next run need not learn it. It changes no verdict."""
        if self._kept is not None:
            found = {logsource: plan.lesson() for logsource, plan in self._plans.items()}
            self._kept.keep_lessons({source: lesson for source, lesson in found.items() if lesson is not None})

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
        state, found = self.follow(state, matches, watermark_us, done=done)
        state, told = self.look(state, matches, watermark_us, done=done)
        return state, found + told

    def follow(
        self, state: State, matches: Matches | None, watermark_us: int | None, *, done: bool = False
    ) -> tuple[State, list[Detection]]:
        """The part of :meth:`step` that rules and correlations do."""
        found: list[Detection] = []
        hits = {} if matches is None else {each.rule_id: each.rows for each in matches.hits}
        batch = None if matches is None else matches.batch
        if batch is not None and hits:
            found += self._single(hits, Observer(batch, state.names), state, batch.logsource)
        found += self._correlator.step(state, hits, batch, watermark_us, done=done)
        return state, found

    def look(
        self, state: State, matches: Matches | None, watermark_us: int | None, *, done: bool = False
    ) -> tuple[State, list[Detection]]:
        """The part of :meth:`step` that detectors do; may be of several batches' matches put together."""
        found: list[Detection] = []
        seen = None
        if matches is not None:
            hits = (Hit(self._by_id[each.rule_id].info, each.rows) for each in matches.hits)
            seen = Seen(matches.batch, tuple(hits))
        for detector in self.detectors:
            rule = detector.rule
            if seen is not None and not _concerns(rule, seen):
                continue
            memory = state.memories.get(rule.info.id)
            if memory is None:
                if seen is None:
                    continue
                memory = detector.start()
            state.memories[rule.info.id], told = detector.step(memory, seen, watermark_us, done=done)
            found += told
        return state, found

    def save(self, state: State) -> bytes:
        """A state as bytes, to go on later from where it was."""
        return self.freeze(state).to_bytes()

    def freeze(self, state: State) -> Frozen:
        """A state as it is now, of which bytes can be made later and elsewhere, while it goes on."""
        return saved.freeze(state, self._correlator, self.detectors)

    def restore(self, data: bytes) -> State:
        """The state that was saved; its ``forgotten`` names correlations and detectors that changed since.

        Raises:
            StoreError: the bytes are of another version, or damaged.
        """
        return saved.restore(data, self._correlator, self.detectors)

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


def _concerns(rule: DetectorRule, seen: Seen) -> bool:
    """Whether a batch is a detector's business."""
    return any(each.covers(seen.batch.logsource) for each in rule.logsources) and all(map(seen.has, rule.columns))
