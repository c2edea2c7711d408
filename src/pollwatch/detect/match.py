"""``match``: which rules fit which rows of a batch. Witnesses first, then the rule's tree over the rows that are left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pollwatch.detect.columns import Columns, Mask, Rows
from pollwatch.detect.sigma.plan import And, EventRule, Leaf, Node, Not, Number, Or
from pollwatch.detect.sigma.route import narrowed, routes
from pollwatch.detect.sigma.witness import Witness, witness
from pollwatch.events.batch import EventBatch, LogSource


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
    """A rule as it applies to one logsource."""

    rule: EventRule
    condition: Node
    witness: Witness | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules of one logsource, and the literals to scan each of its fields for."""

    rules: tuple[Planned, ...]
    literals: dict[str | None, tuple[str, ...]]


def plan(rules: Sequence[EventRule], logsource: LogSource) -> Plan:
    """The rules that apply to events of a logsource."""
    planned: list[Planned] = []
    for rule in rules:
        conditions = [
            narrowed(rule.condition, extra) for target, extra in routes(rule.logsource) if target == logsource
        ]
        if not conditions and rule.logsource.covers(logsource):
            conditions = [rule.condition]
        planned += [Planned(rule, _ordered(each), witness(each)) for each in conditions]
    literals: dict[str | None, set[str]] = defaultdict(set)
    for each in planned:
        for field, literal in each.witness.pairs if each.witness else ():
            literals[field].add(literal)
    return Plan(tuple(planned), {field: tuple(sorted(texts)) for field, texts in literals.items()})


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
            # Texts that differ on every line cost most.
            return 30 if field and ("uri" in field or "message" in field or "refer" in field) else 5
        case Not(child):
            return _cost(child) + 1
        case And(children) | Or(children):
            return sum(_cost(child) for child in children) + 1


def match(plan: Plan, batch: EventBatch) -> Matches:
    """Which rules of the plan fit which rows. Pure."""
    columns = Columns(batch)
    every = np.arange(columns.length, dtype=np.int64)
    found = _scan(plan, columns)
    hits: dict[str, Rows] = {}
    for planned in plan.rules:
        rows = every if planned.witness is None else _candidates(planned.witness, found, columns, every)
        if not rows.size:
            continue
        fitting = rows[holds_on(planned.condition, columns, rows)]
        if fitting.size:
            rule_id = planned.rule.info.id
            hits[rule_id] = np.union1d(hits[rule_id], fitting) if rule_id in hits else fitting
    return Matches(batch, tuple(RuleHits(rule_id, rows) for rule_id, rows in hits.items()))


def holds_on(node: Node, columns: Columns, rows: Rows) -> Mask:
    """Which of the rows fulfil the condition; each child is asked only where it can still matter."""
    match node:
        case Leaf(field, test):
            return columns.test(field, test, rows)
        case Not(child):
            return ~holds_on(child, columns, rows)
        case And(children):
            result = np.ones(len(rows), dtype=bool)
            for child in children:
                left = np.flatnonzero(result)
                if not left.size:
                    break
                result[left] = holds_on(child, columns, rows[left])
            return result
        case Or(children):
            result = np.zeros(len(rows), dtype=bool)
            for child in children:
                left = np.flatnonzero(~result)
                if not left.size:
                    break
                result[left] = holds_on(child, columns, rows[left])
            return result


def _scan(plan: Plan, columns: Columns) -> dict[tuple[str | None, str], list[Rows]]:
    """Rows by witness. A field that is no text here has the empty witness key: all its rules look at every row."""
    found: dict[tuple[str | None, str], list[Rows]] = defaultdict(list)
    for field, literals in plan.literals.items():
        if field is None:
            targets = columns.keyword_columns()
        else:
            column = columns.column(field)
            if column is None:
                continue
            if not column.is_text:
                for literal in literals:
                    found[field, literal].append(np.arange(columns.length, dtype=np.int64))
                continue
            targets = [column]
        for column in targets:
            codes, texts = column.literals(list(literals))
            by_literal: dict[str, list[int]] = defaultdict(list)
            for code, text in zip(codes.tolist(), texts, strict=True):
                by_literal[text].append(code)
            for text, hit in by_literal.items():
                found[field, text].append(column.rows_of(np.array(hit, dtype=np.int64)))
    return found


def _candidates(
    needed: Witness, found: dict[tuple[str | None, str], list[Rows]], columns: Columns, every: Rows
) -> Rows:
    parts = [rows for pair in needed.pairs if pair in found for rows in found[pair]]
    if not parts:
        return every[:0]
    if len(parts) == 1:
        return parts[0]
    mark = np.zeros(columns.length, dtype=bool)
    for rows in parts:
        mark[rows] = True
    return np.flatnonzero(mark)
