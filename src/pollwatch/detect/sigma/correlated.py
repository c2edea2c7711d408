"""From pySigma's correlation rules to our own, or a refusal that says why."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from sigma import correlations as sigma

from pollwatch.clock import US_PER_S
from pollwatch.detect.sigma.plan import Compare, CorrelationRule, CorrelationType, RuleInfo
from pollwatch.errors import RuleError

_TYPES = {each.value: each for each in CorrelationType}
_MOST_ALTERNATIVES = 64


def correlation(rule: sigma.SigmaCorrelationRule, info: RuleInfo, names: Mapping[str, str]) -> CorrelationRule:
    """One correlation; ``names`` maps the names of loaded rules to their ids.

    Raises:
        RuleError: a type or condition that is not understood.
    """
    kind = _TYPES.get(rule.type.name.lower())
    if kind is None:
        known = ", ".join(sorted(_TYPES))
        raise RuleError(f"correlation type {rule.type.name.lower()} is not understood; there are {known}")
    references = [reference.reference for reference in rule.rules or ()]
    wanted: tuple[frozenset[str], ...] = ()
    if isinstance(rule.condition, sigma.SigmaExtendedCorrelationCondition):
        references = references or rule.condition.get_referenced_rules()
        alternatives = _alternatives(rule.condition.parsed)
        wanted = tuple(frozenset(names.get(each, each) for each in alternative) for alternative in alternatives)
        op, count = Compare.GTE, 1
        values: tuple[str, ...] = ()
    else:
        op, count, values = _counted(rule.condition, kind)
    return CorrelationRule(
        info=info,
        type=kind,
        rules=tuple(names.get(each, each) for each in references),
        group_by=tuple(rule.group_by or ()),
        span_us=rule.timespan.seconds * US_PER_S,
        op=op,
        count=count,
        value_fields=values,
        aliases={
            alias.alias: {names.get(ref.reference, ref.reference): field for ref, field in alias.mapping.items()}
            for alias in rule.aliases
        },
        wanted=wanted,
    )


def _counted(condition: sigma.SigmaCorrelationCondition, kind: CorrelationType) -> tuple[Compare, int, tuple[str, ...]]:
    op, count = Compare[condition.op.name], condition.count
    if op is Compare.GT:
        op, count = Compare.GTE, count + 1
    if op is not Compare.GTE:
        raise RuleError(
            f"a condition with {condition.op.name.lower()} asks for absence; only gt and gte are understood,"
            " since a window that slides always holds a moment with fewer"
        )
    if count < 1:
        raise RuleError(f"a condition of {count} or more is always true")
    fields = condition.fieldref
    values = (fields,) if isinstance(fields, str) else tuple(fields or ())
    if kind is CorrelationType.VALUE_COUNT and not values:
        raise RuleError("value_count needs the field whose values it counts (condition: field: NAME)")
    return op, count, values


def _alternatives(tree: object) -> list[frozenset[str]]:
    """A boolean condition as sets of rules, one of which must be present in full."""
    match tree:
        case sigma.SigmaRuleReference(reference=name):
            return [frozenset({name})]
        case sigma.CorrelationConditionOR(args=args):
            found = [each for arg in args for each in _alternatives(arg)]
        case sigma.CorrelationConditionAND(args=args):
            found = [frozenset[str]().union(*parts) for parts in product(*map(_alternatives, args))]
        case _:
            raise RuleError("a condition with 'not' asks for absence, which is not understood")
    if len(found) > _MOST_ALTERNATIVES:
        raise RuleError(f"the condition has more than {_MOST_ALTERNATIVES} alternatives")
    return found
