"""``match``: which rules fit which rows of a batch.

Many rules on many events go through kernels (``matcher``), which take a moment to load. For the others there is one
scan per column for the literals that the rules' tests need (``sigma.witness``); then each rule's tree is walked over
the few rows where it can still hold, asking the tests themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from pollwatch.detect.columns import Column, Columns, Mask, Rows
from pollwatch.detect.sigma.plan import And, EventRule, Leaf, Node, Not, Number, Or, leaves
from pollwatch.detect.sigma.route import narrowed, routes
from pollwatch.detect.sigma.witness import literals
from pollwatch.detect.walk import fitting
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.taxonomy import kind
from pollwatch.kernels.compiled import ready, threshold

if TYPE_CHECKING:
    from pollwatch.detect.kept import Kept
    from pollwatch.detect.learning import Lesson
    from pollwatch.detect.matcher import Matcher
    from pollwatch.detect.rulebook import Rulebook

#: Rules times events from which on the kernels are quicker: once they are loaded, counting that they must be, and
#: counting that they must be compiled.
_WORTH_IT, _WORTH_LOADING, _WORTH_COMPILING = 2_000, 1_000_000, 5_000_000
#: Small batches of one logsource after which the kernels are quicker too: what they are made with is made once.
_FEW_BATCHES = 1


@dataclass(frozen=True, slots=True)
class RuleHits:
    """The rows of a batch that fit one rule, in order."""

    rule_id: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Matches:
    """What ``match`` found in one batch. The batch comes along: detections name its lines, actors and targets."""

    batch: EventBatch
    hits: tuple[RuleHits, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A rule as it applies to one logsource.

    Attributes:
        extra: what that logsource's name says besides; part of the condition.
    """

    rule: EventRule
    condition: Node
    extra: Node | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What is made once for the plans of all logsources.

    Attributes:
        rules: all of them.
        kept: what earlier runs made of the same rules; None = nothing is kept.
        ordered: rules' own conditions in a good order, by the rule's id.
        making: held while something is made that whoever reads and whoever matches may want first.
    """

    rules: Sequence[EventRule]
    kept: Kept | None = None
    ordered: dict[str, Node] = field(default_factory=dict)
    making: Lock = field(default_factory=Lock)
    _by_logsource: dict[LogSource, list[tuple[int, EventRule]]] = field(default_factory=dict)
    _book: list[Rulebook] = field(default_factory=list)
    _numbers: dict[tuple[str, Node | None], int] = field(default_factory=dict)

    def by_logsource(self) -> Mapping[LogSource, Sequence[tuple[int, EventRule]]]:
        """The rules of each logsource that rules name, with their places among all."""
        if not self._by_logsource:
            for place, rule in enumerate(self.rules):
                self._by_logsource.setdefault(rule.logsource, []).append((place, rule))
        return self._by_logsource

    def in_order(self, planned: Planned) -> Node:
        """A condition with what is cheap first."""
        rule = planned.rule
        if planned.condition is not rule.condition:
            return _ordered(planned.condition)
        if rule.info.id not in self.ordered:
            self.ordered[rule.info.id] = _ordered(rule.condition)
        return self.ordered[rule.info.id]

    def used(self) -> bool:
        """Whether kernels are in use already, so that they need not be loaded."""
        return bool(self._book)

    def book(self) -> Rulebook:
        """Conditions as kernels take them."""
        if not self._book:
            from pollwatch.detect.rulebook import Rulebook  # noqa: PLC0415 - llvmlite takes a moment to import

            nodes = self._conditions()
            known = None if self.kept is None else self.kept.written(len(nodes))
            book = Rulebook(nodes, known)
            if known is None and self.kept is not None:
                self.kept.keep_written(book.written, book.fields)
            self._book.append(book)
        return self._book[0]

    def numbers(self, rules: Sequence[Planned]) -> list[int]:
        """The places in the book of what rules ask."""
        return [self._numbers[planned.rule.info.id, planned.extra] for planned in rules]

    def _conditions(self) -> list[Node]:
        """What rules ask, and what they ask where a logsource's name says something besides."""
        found: list[Node] = []
        for source, members in self.by_logsource().items():
            for extra in dict.fromkeys([None, *(extra for _, extra in routes(source))]):
                for _, rule in members:
                    self._numbers[rule.info.id, extra] = len(found)
                    found.append(narrowed(rule.condition, extra))
        return found


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules of one logsource."""

    rules: tuple[Planned, ...]
    logsource: LogSource
    _made: Made
    _literals: list[dict[str | None, tuple[str, ...]]] = field(default_factory=list)
    _matcher: list[Matcher] = field(default_factory=list)
    _ordered: list[tuple[Node, ...]] = field(default_factory=list)
    _small: list[int] = field(default_factory=list)

    def literals(self) -> dict[str | None, tuple[str, ...]]:
        """The literals to scan each field for (None: every text column); made on first use."""
        if not self._literals:
            wanted: dict[str | None, set[str]] = defaultdict(set)
            for each in self.rules:
                for leaf in leaves(each.condition):
                    wanted[leaf.field].update(literals(leaf) or ())
            self._literals.append({name: tuple(sorted(texts)) for name, texts in wanted.items() if texts})
        return self._literals[0]

    def ordered(self) -> tuple[Node, ...]:
        """The rules' conditions with what is cheap first; made on first use."""
        if not self._ordered:
            self._ordered.append(tuple(map(self._made.in_order, self.rules)))
        return self._ordered[0]

    def worth_compiling(self, events: int) -> bool:
        """Whether a batch of so many events is better asked by the kernels."""
        work = len(self.rules) * events
        first = threshold(_WORTH_LOADING, _WORTH_COMPILING)
        if self._matcher or self._made.used() or work >= first:
            return True
        self._small.append(work)
        if not ready():  # whoever watches gets only small batches, but many of them
            return sum(self._small) >= first
        return work >= _WORTH_IT or len(self._small) > _FEW_BATCHES

    def matcher(self) -> Matcher:
        """The same rules for the kernels; made on first use, since kernels take a moment to load."""
        with self._made.making:
            self._make_matcher()
        return self._matcher[0]

    def _make_matcher(self) -> None:
        if not self._matcher:
            from pollwatch.detect.matcher import Matcher  # noqa: PLC0415 - llvmlite takes a moment to import

            book, kept = self._made.book(), self._made.kept
            lesson = None if kept is None else kept.lesson(self.logsource)
            self._matcher.append(Matcher(self._made.numbers(self.rules), book, lesson))

    def lesson(self) -> Lesson | None:
        """What was learned since the plan was made, to be kept; None where nothing was."""
        return self._matcher[0].lesson() if self._matcher else None


def plan(rules: Sequence[EventRule], logsource: LogSource, made: Made | None = None) -> Plan:
    """The rules that apply to events of a logsource.

    Args:
        rules: all rules.
        logsource: of the events.
        made: grows, so that the next logsource need not make the same anew.
    """
    made = Made(rules) if made is None else made
    planned: list[tuple[int, Planned]] = []
    also = kind(logsource)
    for source, members in made.by_logsource().items():
        extras = [extra for target, extra in routes(source) if target in (logsource, also)]
        if not extras and source.covers(logsource):
            extras = [None]
        for place, rule in members if extras else ():
            planned += [(place, Planned(rule, narrowed(rule.condition, extra), extra)) for extra in extras]
    planned.sort(key=itemgetter(0))
    return Plan(tuple(each for _, each in planned), logsource, made)


def _ordered(node: Node) -> Node:
    """The same condition with cheap tests first: numbers before texts, leaves before groups."""
    match node:
        case And(children):
            return And(tuple(sorted(map(_ordered, children), key=_cost)))
        case Or(children):
            return Or(tuple(sorted(map(_ordered, children), key=_cost)))
        case Not(child):
            return Not(_ordered(child))
        case Leaf():
            return node


def _cost(node: Node) -> int:
    match node:
        case Leaf(None, _):
            return 50
        case Leaf(_, Number()):
            return 0
        case Leaf(field, _):
            # Texts that differ on every line cost most, unless a witness has sorted them out already.
            varied = field is not None and any(part in field for part in ("uri", "message", "refer"))
            return (10 if literals(node) else 30) if varied else 5
        case Not(child):
            return _cost(child) + 1
        case And(children) | Or(children):
            return sum(_cost(child) for child in children) + 1


def match(plan: Plan, batch: EventBatch) -> Matches:
    """Which rules of the plan fit which rows. Pure: what a plan learns on the way changes its speed only."""
    columns = Columns(batch)
    fits = plan.matcher().match(columns) if plan.worth_compiling(len(batch)) else _searched(plan, columns)
    hits: dict[str, Rows] = {}
    for at, rows in sorted(fits.items()):
        rule_id = plan.rules[at].rule.info.id
        hits[rule_id] = np.union1d(hits[rule_id], rows) if rule_id in hits else rows
    return Matches(batch, tuple(RuleHits(rule_id, rows) for rule_id, rows in hits.items()))


def _searched(plan: Plan, columns: Columns) -> dict[int, Rows]:
    search = _Search(plan, columns)
    fits: dict[int, Rows] = {}
    for at, condition in enumerate(plan.ordered()):
        rows = search.possible(condition)
        fit = search.fitting(condition, search.every if rows is None else rows)
        if fit.size:
            fits[at] = fit
    return fits


class _Search:
    """One batch under search: its columns, and where each literal stands."""

    def __init__(self, plan: Plan, columns: Columns) -> None:
        self.columns = columns
        self.every = np.arange(self.columns.length, dtype=np.int64)
        self._none = self.every[:0]
        self._found: dict[tuple[str | None, str], list[Rows]] = defaultdict(list)
        self._scanned: set[str | None] = set()
        for name, texts in plan.literals().items():
            self._scan(name, texts)

    def _scan(self, field: str | None, texts: tuple[str, ...]) -> None:
        columns = self.columns.keyword_columns() if field is None else [self.columns.column(field)]
        if any(column is not None and not column.is_text for column in columns):
            return  # a number has no text to scan; its tests are asked on every row
        self._scanned.add(field)
        for column in columns:
            if column is not None:
                self._scan_column(field, column, texts)

    def _scan_column(self, field: str | None, column: Column, texts: tuple[str, ...]) -> None:
        codes, found = column.literals(list(texts))
        by_literal: dict[str, list[int]] = defaultdict(list)
        for code, text in zip(codes.tolist(), found, strict=True):
            by_literal[text].append(code)
        for text, hit in by_literal.items():
            self._found[field, text].append(column.rows_of(np.array(hit, dtype=np.int64)))

    def _standing(self, leaf: Leaf) -> Rows | None:
        """The rows in which one of a leaf's literals stands; None where that says nothing."""
        needed = literals(leaf)
        if needed is None or leaf.field not in self._scanned:
            return None
        parts = [rows for text in needed for rows in self._found.get((leaf.field, text), ())]
        return self._union(parts)

    def _union(self, parts: Sequence[Rows]) -> Rows:
        if len(parts) < 2:
            return parts[0] if parts else self._none
        mark = np.zeros(self.columns.length, dtype=bool)
        for rows in parts:
            mark[rows] = True
        return np.flatnonzero(mark)

    def possible(self, node: Node) -> Rows | None:
        """The rows in which a condition can hold, as far as literals tell; None for every row."""
        match node:
            case Leaf():
                return self._standing(node)
            case Not():
                return None
            case And(children):
                return self._everywhere(children)
            case Or(children):
                parts = [self.possible(child) for child in children]
                known = [rows for rows in parts if rows is not None]
                return self._union([rows for rows in known if rows.size]) if len(known) == len(parts) else None

    def _everywhere(self, children: Sequence[Node]) -> Rows | None:
        least: Rows | None = None
        for child in children:
            rows = self.possible(child)
            if rows is not None:
                least = rows if least is None else np.intersect1d(least, rows, assume_unique=True)
                if not least.size:
                    break
        return least

    def fitting(self, node: Node, rows: Rows) -> Rows:
        """Those of the rows that fulfil the condition."""
        return rows[fitting(node, rows, self._leaf)]

    def _leaf(self, leaf: Leaf, rows: Rows) -> Mask:
        standing = self._standing(leaf)
        if standing is None:
            return self.columns.test(leaf.field, leaf.test, rows)
        result = np.zeros(len(rows), dtype=bool)
        if standing.size:
            asked = np.flatnonzero(np.isin(rows, standing, assume_unique=True))
            if asked.size:
                result[asked] = self.columns.test(leaf.field, leaf.test, rows[asked])
        return result
