"""Rules tried: on their own samples, on SigmaHQ's recordings, and on logs, where each is also timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from pollwatch.clock import US_PER_S, from_datetime, monotonic_s
from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.load import LoadReport, text_of
from pollwatch.detect.sigma.plan import CorrelationRule, DetectorRule, EventRule, Rule
from pollwatch.detect.sigma.samples import START, samples
from pollwatch.errors import FormatError, RuleError, SourceError
from pollwatch.events.batch import EventBatch
from pollwatch.events.block import LineBlock
from pollwatch.events.text import add_normalised
from pollwatch.formats.interface import ParseContext
from pollwatch.node.case import foldered, reading
from pollwatch.node.rules.ruleset import Ruleset, fits
from pollwatch.sources.files import expand
from pollwatch.sources.interface import Failure

_INFO: Final = "info.yml"
_LARGEST_INFO_BYTES: Final = 1 << 20
#: Where SigmaHQ keeps its recordings: in the checkout, beside the folders of rules.
RECORDINGS: Final = "regression_data"
_DAY_US: Final = 86_400 * US_PER_S


@dataclass(frozen=True, slots=True)
class Trial:
    """A rule on one sample or recording.

    Attributes:
        kind: ``fire``, ``silent`` or ``recording``.
        what: the sample's first line, or the recording's file.
        passed: None where it could not be tried; ``told`` says why.
        told: what went otherwise than it should.
    """

    rule_id: str
    title: str
    kind: str
    what: str
    passed: bool | None
    told: str = ""


def on_samples(ruleset: Ruleset, rules: Sequence[Rule]) -> Iterator[Trial]:
    """Each rule on the samples in its own file; rules without any are not tried."""
    wanted = {rule.info.id: rule for rule in rules}
    yield from _detectors_on_samples(ruleset, wanted)
    for path in dict.fromkeys(rule.info.path for rule in rules if not isinstance(rule, DetectorRule)):
        try:
            if "samples" not in text_of(path):  # most rules: YAML read by Python for nothing takes seconds
                continue
            found = samples(Path(path))
        except RuleError as error:
            yield Trial("", "", "fire", path, None, str(error))
            continue
        for rule_id, own in found.items():
            if rule_id not in wanted:
                continue
            rule = wanted[rule_id]
            for kind, lines in (("fire", own.fire), ("silent", own.silent)):
                if lines:
                    yield _on_lines(_alone(ruleset, rule), rule, kind, lines)


def _detectors_on_samples(ruleset: Ruleset, wanted: Mapping[str, Rule]) -> Iterator[Trial]:
    for detector in ruleset.engine.detectors:
        if detector.rule.info.id in wanted:
            own, engine = detector.samples(), Engine(ruleset.engine.rules, ruleset.engine.report, [detector])
            for kind, lines in (("fire", own.fire), ("silent", own.silent)):
                yield _on_lines(engine, detector.rule, kind, lines)


def _alone(ruleset: Ruleset, rule: Rule) -> Engine:
    """An engine of one rule and what it refers to: a sample need not meet all the others."""
    needed, open_ids = set[str](), [rule.info.id]
    while open_ids:
        each = ruleset.engine.rule(open_ids.pop())
        if each is not None and each.info.id not in needed:
            needed.add(each.info.id)
            open_ids += each.rules if isinstance(each, CorrelationRule) else ()
    return Engine([each for each in ruleset.engine.rules if each.info.id in needed], LoadReport(0, len(needed), ()))


def _on_lines(engine: Engine, rule: Rule, kind: str, lines: Sequence[str]) -> Trial:
    raw = [line.replace("\n", " ") for line in lines]
    info = rule.info
    try:
        block = LineBlock("sample", 1, [line.encode() for line in raw], raw)
        chosen, definition, zone = reading.choose(block, "sample", reading.ReadOptions())
    except FormatError:
        return Trial(info.id, info.title, kind, lines[0], None, "no format reads this sample")
    parsed = chosen.parser(ParseContext("sample", from_datetime(START) + _DAY_US, zone, definition)).parse(block)
    if parsed.quarantined:
        bad = parsed.quarantined[0]
        return Trial(info.id, info.title, kind, lines[0], None, f"line {bad.number} is not understood: {bad.reason}")
    fired = info.id in _fired(engine, parsed.batches)
    told = "" if fired == (kind == "fire") else ("it fires" if fired else "it does not fire")
    return Trial(info.id, info.title, kind, lines[0], not told, told)


def _fired(engine: Engine, batches: Iterable[EventBatch]) -> set[str]:
    """Ids of the rules that fired, those that only feed correlations included."""
    tally = Tally.of(engine, batches)
    return {*tally.events, *tally.detections}


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each rule fired on some logs.

    Attributes:
        read: events.
        events: by rule id: events that fit it.
        detections: by rule id: what it reported.
    """

    read: int
    events: Counter[str]
    detections: Counter[str]

    @classmethod
    def of(cls, engine: Engine, batches: Iterable[EventBatch]) -> Tally:
        """Run the rules over events, in the order given."""
        state, read = engine.start(), 0
        events, detections = Counter[str](), Counter[str]()
        for batch in batches:
            read += len(batch)
            matches = engine.match(batch)
            events.update({hit.rule_id: len(hit.rows) for hit in matches.hits})
            state, found = engine.step(state, matches, None)
            detections.update(each.rule_id for each in found)
        _state, found = engine.step(state, None, None, done=True)
        detections.update(each.rule_id for each in found)
        return cls(read, events, detections)


def events(paths: Sequence[str], options: reading.ReadOptions, failures: list[Failure]) -> Iterator[EventBatch]:
    """The events of logs, input by input; what cannot be read is added to ``failures``."""
    sources, missing = expand(paths)
    failures += missing
    for source in foldered.set_aside(sources, options)[0]:
        try:
            for _block, parsed in reading.read(source, options, reading.InputCount(source.path)):
                yield from parsed.batches
        except (SourceError, FormatError) as error:
            failures.append(Failure(source.path, str(error)))


def recordings(folders: Iterable[str]) -> list[Path]:
    """Folders of recordings in or beside folders of rules, as SigmaHQ lays them out."""
    beside = [place / RECORDINGS for folder in folders for place in (Path(folder), Path(folder).resolve().parent)]
    return list(dict.fromkeys(each for each in beside if each.is_dir()))


def on_recordings(ruleset: Ruleset, folders: Iterable[Path], wanted: frozenset[str]) -> Iterator[Trial]:
    """Rules on SigmaHQ's recordings: each folder with an ``info.yml`` names a rule and the events that must fire it.

    Args:
        ruleset: the rules.
        folders: of recordings.
        wanted: ids of the rules to try; empty for all.
    """
    for folder in folders:
        for path in sorted(folder.rglob(_INFO)):
            try:
                rule_ids, counts = _info(path)
            except RuleError as error:
                yield Trial("", "", "recording", str(path), None, str(error))
                continue
            for rule_id in rule_ids:
                if not wanted or rule_id in wanted:
                    yield from _on_recording(ruleset, path.parent, rule_id, counts)


def _info(path: Path) -> tuple[list[str], dict[str, int]]:
    """The rules that a recording is for, and how many events of each file fit at least, where that is said."""
    try:
        with path.open("rb") as opened:
            said = yaml.safe_load(opened.read(_LARGEST_INFO_BYTES).decode("utf-8"))
        rule_ids = [str(each["id"]) for each in said["rule_metadata"]]
        tests = said.get("regression_tests_info") or []
        # Paths are written from the top of the checkout: the file beside is meant, and no other is ever opened.
        counts = {Path(each["path"]).stem: int(each["match_count"]) for each in tests if "match_count" in each}
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RuleError(f"{path}: not understood: {error}") from error
    return rule_ids, counts


def _on_recording(ruleset: Ruleset, folder: Path, rule_id: str, counts: dict[str, int]) -> Iterator[Trial]:
    rule = ruleset.engine.rule(rule_id)
    files = sorted(path for path in folder.iterdir() if path.suffix in (".evtx", ".json") and path.is_file())
    if rule is None or not isinstance(rule, EventRule):
        yield Trial(rule_id, "", "recording", str(folder), None, "the rule is not loaded")
        return
    alone = Engine([rule], LoadReport(0, 1, ()))
    for path in files:
        failures: list[Failure] = []
        count = Tally.of(alone, events([str(path)], reading.ReadOptions(), failures)).events[rule_id]
        wanted = counts.get(path.stem, 1)
        if failures:
            yield Trial(rule_id, rule.info.title, "recording", str(path), None, failures[0].message)
        elif count < wanted:
            told = f"it fires on {count} events; it should on {wanted}"
            yield Trial(rule_id, rule.info.title, "recording", str(path), passed=False, told=told)
        else:
            yield Trial(rule_id, rule.info.title, "recording", str(path), passed=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a rule costs on some logs, when it alone is asked.

    Attributes:
        events: of the logsources that it is about.
        hits: events that fit it.
        seconds: for all of them; what rules share when they run together is in each one's.
    """

    rule: EventRule
    events: int
    hits: int
    seconds: float


def costs(rules: Iterable[Rule], batches: Iterable[EventBatch], most_events: int) -> tuple[list[Cost], int]:
    """What each rule costs on the first so many events, dearest first; and how many events that were."""
    taken: list[EventBatch] = []
    count = 0
    for batch in batches:
        taken.append(add_normalised(batch))
        count += len(batch)
        if count >= most_events:
            break
    found: list[Cost] = []
    for rule in rules:
        if isinstance(rule, EventRule):
            mine = [batch for batch in taken if fits(rule.logsource, batch.logsource)]
            if mine:
                if not found:
                    _cost(rule, mine)  # what is compiled once for all rules is in no rule's cost
                found.append(_cost(rule, mine))
    return sorted(found, key=lambda each: -each.seconds), count


def _cost(rule: EventRule, batches: Sequence[EventBatch]) -> Cost:
    engine = Engine([rule], LoadReport(0, 1, ()))
    for logsource in {batch.logsource for batch in batches}:
        engine.plan(logsource)  # made once however many events there are
    hits = 0
    started_s = monotonic_s()
    for batch in batches:
        hits += sum(len(hit.rows) for hit in engine.match(batch).hits)
    return Cost(rule, sum(map(len, batches)), hits, monotonic_s() - started_s)
