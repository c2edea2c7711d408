"""From the bytes of one rule file to our trees, by pySigma: the slow part of loading, and the only one that needs it.

Nothing here looks at another file, so that what was understood of a file holds as long as its bytes do.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import yaml
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaLogSource, SigmaRule

from pollwatch.detect.sigma import compile as compiler
from pollwatch.detect.sigma import limits
from pollwatch.detect.sigma.compiled import Compiled, Refusal
from pollwatch.detect.sigma.correlated import correlation, prepared
from pollwatch.detect.sigma.info import rule_info
from pollwatch.detect.sigma.placeholders import NO_VALUES, Values
from pollwatch.detect.sigma.plan import CorrelationRule, EventRule, FilterRule
from pollwatch.errors import RuleError
from pollwatch.events.batch import LogSource

#: What pySigma raises on rules that it was not written for.
_NOT_SIGMA: Final = (SigmaError, AttributeError, TypeError, ValueError, LookupError, AssertionError, RecursionError)


def understood(data: bytes, name: str, path: str, values: Values = NO_VALUES) -> Compiled:
    """What one rule file says.

    Args:
        data: its bytes.
        name: its path within its folder of rules: the identity of a rule that states none.
        path: where it is, for people.
        values: what placeholders stand for.
    """
    digest = values.digest(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's remarks on the regular expressions of rules
        try:
            parsed = _parsed(data, values)
        except RuleError as error:
            return Compiled(digest, refused=(Refusal("", "", str(error)),))
        made: list[EventRule | CorrelationRule | FilterRule] = []
        refused: list[Refusal] = []
        for rule in parsed:
            try:
                made.append(_compiled(rule, name, path))
            except (RuleError, SigmaError) as error:
                refused.append(_refusal(rule, error))
    return Compiled(
        digest,
        tuple(rule for rule in made if isinstance(rule, EventRule)),
        tuple(rule for rule in made if isinstance(rule, CorrelationRule)),
        tuple(rule for rule in made if isinstance(rule, FilterRule)),
        tuple(refused),
    )


def _parsed(data: bytes, values: Values) -> list[Any]:
    """The rules and filters in a file, as pySigma understands them."""
    try:
        documents = [limits.filled_in(each, values.texts) for each in limits.documents(data.decode("utf-8"))]
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise RuleError(f"not readable as YAML: {_one_line(error)}") from error
    for number, document in enumerate(documents, 1):
        if document is not None and not isinstance(document, dict):
            raise RuleError(f"document {number} is no mapping, so it is no Sigma rule")
    try:
        collection = SigmaCollection.from_dicts(
            list(map(prepared, documents)), collect_errors=True, collect_filters=True, resolve_references=False
        )
    except _NOT_SIGMA as error:
        raise RuleError(f"not understood as Sigma: {_one_line(error)}") from error
    return [*collection.rules, *collection.filters]


def _compiled(rule: Any, name: str, path: str) -> EventRule | CorrelationRule | FilterRule:  # noqa: ANN401 - pySigma's
    if rule.errors:
        raise rule.errors[0]
    if isinstance(rule, SigmaFilter):
        return _filter(rule)
    info = replace(rule_info(rule, name), path=path)
    if isinstance(rule, SigmaCorrelationRule):
        return correlation(rule, info)
    return EventRule(info, _logsource(rule.logsource), compiler.condition(rule))


def _filter(rule: SigmaFilter) -> FilterRule:
    """A global filter; its detections make a condition as a rule's do."""
    named = rule.filter.rules
    as_rule = SigmaRule(title=rule.title, logsource=rule.logsource, detection=rule.filter)
    return FilterRule(
        () if isinstance(named, str) else tuple(each.reference for each in named),
        _logsource(rule.logsource),
        compiler.condition(as_rule),
    )


def _logsource(source: SigmaLogSource) -> LogSource:
    return LogSource(*((part or "").lower() for part in (source.category, source.product, source.service)))


def _refusal(rule: Any, error: Exception) -> Refusal:  # noqa: ANN401 - a rule, correlation or filter
    return Refusal(str(rule.title or ""), str(rule.id) if isinstance(rule.id, UUID) else "", _one_line(error))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
