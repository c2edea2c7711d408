"""From pySigma's correlation rules to our own, or a refusal that says why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from sigma import correlations as sigma

from pollwatch.clock import US_PER_S
from pollwatch.detect.sigma.plan import (
    TEMPORAL_TYPES,
    Alternative,
    Bound,
    Compare,
    CorrelationRule,
    CorrelationType,
    RuleInfo,
)
from pollwatch.errors import RuleError

_TYPES = {each.value: each for each in CorrelationType}
_MOST_ALTERNATIVES = 64
_MOST_RULES = 64
#: Ten years; nobody keeps logs for longer, and microseconds of more would not fit.
_LONGEST_S = 3_660 * 86_400
_LARGEST = 2**53
_OPERATORS = {each.name.lower(): each for each in Compare}
_OTHER_KEYS = {"field", "percentile"}
#: Where :func:`prepared` leaves a condition for :func:`correlation`.
_CONDITION = "pollwatch-condition"


def prepared(document: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """A YAML document as pySigma takes it: it knows one comparison of whole numbers, where Sigma has ranges.

    The condition as it was written goes along under a key of our own; pySigma gets one that it cannot stumble over.
    """
    if not isinstance(document, dict) or not isinstance(document.get("correlation"), dict):
        return document
    section = document["correlation"]
    return {
        **document,
        _CONDITION: section.get("condition"),
        "correlation": {**section, "condition": {"gte": 1, "field": "-"}},
    }


def correlation(rule: sigma.SigmaCorrelationRule, info: RuleInfo) -> CorrelationRule:
    """One correlation. It still refers to rules as it was written: by id or by name.

    Args:
        rule: as pySigma understands it, from a :func:`prepared` document.
        info: its header.

    Raises:
        RuleError: a type or condition that is not understood, or that can never or always hold.
    """
    kind = _TYPES[rule.type.name.lower()]
    references = [reference.reference for reference in rule.rules or ()]
    wanted: tuple[Alternative, ...] = ()
    bounds: tuple[Bound, ...] = ()
    fields: tuple[str, ...] = ()
    percentile = 50.0
    written: Any = rule.custom_attributes.get(_CONDITION)
    if isinstance(written, str) and kind in TEMPORAL_TYPES:
        parsed = sigma.SigmaExtendedCorrelationCondition(written)
        named = parsed.get_referenced_rules()
        references = references or named
        if set(references) != set(named):
            raise RuleError("the condition must name all rules that the correlation refers to, and no others")
        wanted = _alternatives(parsed.parsed, references)
    else:
        written = {"gte": len(references)} if written is None and kind in TEMPORAL_TYPES else written
        bounds = _bounds(written)
        fields = _fields(written, kind)
        percentile = _percentile(written, kind)
    made = CorrelationRule(
        info=info,
        type=kind,
        rules=tuple(references),
        group_by=tuple(rule.group_by or ()),
        span_us=_span_s(rule) * US_PER_S,
        bounds=bounds,
        value_fields=fields,
        aliases={
            alias.alias: {reference.reference: field for reference, field in alias.mapping.items()}
            for alias in rule.aliases
        },
        wanted=wanted,
        percentile=percentile,
        generate=bool(rule.generate),
    )
    _check(made)
    return made


def _span_s(rule: sigma.SigmaCorrelationRule) -> int:
    if rule.timespan.seconds > _LONGEST_S:
        raise RuleError(f"timespan {rule.timespan.spec[:40]} is longer than ten years")
    return rule.timespan.seconds


def _bounds(written: Any) -> tuple[Bound, ...]:  # noqa: ANN401 - whatever YAML holds
    if not isinstance(written, dict):
        raise RuleError(f"needs a condition: a mapping with one or several of {', '.join(_OPERATORS)}")
    unknown = [str(key) for key in written if key not in _OPERATORS and key not in _OTHER_KEYS]
    if unknown:
        raise RuleError(f"the condition holds {', '.join(unknown)}; it may hold {', '.join(_OPERATORS)} and field")
    bounds = tuple(Bound(_OPERATORS[key], _number(key, value)) for key, value in written.items() if key in _OPERATORS)
    if not bounds:
        raise RuleError(f"the condition compares nothing; it needs one or several of {', '.join(_OPERATORS)}")
    return bounds


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RuleError(f"the condition compares with {key}: {value!r}, which is no number")
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise RuleError(f"the condition compares with {key}: {str(value)[:40]}, which is no number") from error
    if not math.isfinite(number) or abs(number) > _LARGEST:
        raise RuleError(f"the condition compares with {key}: {str(value)[:40]}, which is too large")
    return number


def _fields(written: Mapping[Any, Any], kind: CorrelationType) -> tuple[str, ...]:
    field = written.get("field")
    fields = () if field is None else tuple(map(str, field)) if isinstance(field, list) else (str(field),)
    if kind in TEMPORAL_TYPES or kind is CorrelationType.EVENT_COUNT:
        return ()
    if not fields:
        raise RuleError(f"{kind.value} needs the field whose values it looks at (condition: field: NAME)")
    if kind is not CorrelationType.VALUE_COUNT and len(fields) > 1:
        raise RuleError(f"{kind.value} looks at the values of one field, not of {len(fields)}")
    return fields


def _percentile(written: Mapping[Any, Any], kind: CorrelationType) -> float:
    if kind is not CorrelationType.VALUE_PERCENTILE:
        return 50.0
    if "percentile" not in written:
        raise RuleError("value_percentile needs to be told which one (condition: percentile: 95)")
    percentile = _number("percentile", written["percentile"])
    if not 0 <= percentile <= 100:
        raise RuleError(f"percentile {percentile:g} is not between 0 and 100")
    return percentile


def _check(rule: CorrelationRule) -> None:
    """Refuse what can never hold, always holds, or asks for what is not there."""
    if not rule.rules:
        raise RuleError("refers to no rule")
    if len(rule.rules) > _MOST_RULES:
        raise RuleError(f"refers to {len(rule.rules)} rules; more than {_MOST_RULES} are not understood")
    if not rule.wanted:
        _check_bounds(rule)


def _check_bounds(rule: CorrelationRule) -> None:
    if not rule.slides:
        low = max((each.number for each in rule.bounds if each.op in (Compare.GT, Compare.GTE)), default=-math.inf)
        high = min((each.number for each in rule.bounds if each.op in (Compare.LT, Compare.LTE)), default=math.inf)
        if low > high:
            raise RuleError(f"the condition asks for more than {low:g} and less than {high:g} at once")
        return
    if rule.type is CorrelationType.VALUE_SUM:
        return
    asked = max(math.floor(each.number) + 1 if each.op is Compare.GT else each.number for each in rule.bounds)
    if asked <= 0:
        raise RuleError(f"a condition of {asked:g} or more is always true")
    if rule.type in TEMPORAL_TYPES and asked > len(rule.rules):
        raise RuleError(f"the condition asks for {asked:g} rules, but there are {len(rule.rules)}")
    if rule.type is CorrelationType.TEMPORAL_ORDERED and math.comb(len(rule.rules), math.ceil(asked)) > (
        _MOST_ALTERNATIVES
    ):
        raise RuleError(f"the condition has more than {_MOST_ALTERNATIVES} alternatives")


def _alternatives(tree: object, references: Sequence[str]) -> tuple[Alternative, ...]:
    """A boolean condition as alternatives, one of which must hold."""
    result: dict[Alternative, None] = {}
    for literals in _choices(tree, wanted=True):
        present = tuple(each for each in references if (each, True) in literals)
        absent = frozenset(each for each in references if (each, False) in literals)
        if not absent.intersection(present):
            result[Alternative(present, absent)] = None
    if not result:
        raise RuleError("the condition can never hold")
    return tuple(result)


def _choices(tree: object, *, wanted: bool) -> list[frozenset[tuple[str, bool]]]:
    """Sets of (rule, whether it must match), one of which makes the tree come out as wanted."""
    match tree:
        case sigma.SigmaRuleReference(reference=name):
            return [frozenset({(name, wanted)})]
        case sigma.CorrelationConditionNOT(args=[arg]):
            return _choices(arg, wanted=not wanted)
        case sigma.CorrelationConditionOR(args=args) if wanted:
            return _few([each for arg in args for each in _choices(arg, wanted=True)])
        case sigma.CorrelationConditionAND(args=args) if not wanted:
            return _few([each for arg in args for each in _choices(arg, wanted=False)])
        case sigma.CorrelationConditionOR(args=args) | sigma.CorrelationConditionAND(args=args):
            found: list[frozenset[tuple[str, bool]]] = [frozenset()]
            for arg in args:
                parts = product(found, _choices(arg, wanted=wanted))
                found = _few(list(dict.fromkeys(one | other for one, other in parts)))
            return found
        case _:
            raise RuleError(f"the condition holds a {type(tree).__name__}, which is not understood")


def _few(choices: list[frozenset[tuple[str, bool]]]) -> list[frozenset[tuple[str, bool]]]:
    if len(choices) > _MOST_ALTERNATIVES:
        raise RuleError(f"the condition has more than {_MOST_ALTERNATIVES} alternatives")
    return choices
