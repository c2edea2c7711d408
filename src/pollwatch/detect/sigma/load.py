"""Loading rules: files or folders of Sigma YAML become our trees; what is not understood is listed, never skipped."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule
from sigma.rule.base import SigmaYAMLLoader

from pollwatch.detect.sigma import compile as compiler
from pollwatch.detect.sigma.correlated import correlation
from pollwatch.detect.sigma.info import rule_info
from pollwatch.detect.sigma.plan import CorrelationRule, EventRule, Rule
from pollwatch.errors import RuleError
from pollwatch.events.batch import LogSource

#: The rules that come with pollwatch.
SHIPPED = Path(__file__).parents[2] / "rules"
_LARGEST_BYTES = 4 << 20
_SUFFIXES = {".yml", ".yaml"}


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule that was not loaded, and why."""

    path: str
    title: str
    error: RuleError


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of every rule that was found."""

    files: int
    loaded: int
    refused: tuple[Refused, ...]


def load(paths: Iterable[Path]) -> tuple[tuple[Rule, ...], LoadReport]:
    """Rules of the given files and folders (searched recursively), in order of their paths.

    Raises:
        RuleError: a path does not exist. A rule in it that is wrong is refused, not raised.
    """
    files = _files(paths)
    refused: list[Refused] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's remarks on the regular expressions of rules
        parsed = [(file, rule) for file in files for rule in _parsed(file, refused)]
        rules = _compiled(_filtered(parsed, refused), refused)
    return rules, LoadReport(len(files), len(rules), tuple(refused))


def _files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES and each.is_file())
        elif path.is_file():
            files.append(path)
        else:
            raise RuleError(f"no rules at {path}: there is no such file or folder")
    return list(dict.fromkeys(files))


def _parsed(file: Path, refused: list[Refused]) -> list[Any]:
    """The rules and filters in one file, as pySigma understands them."""
    try:
        documents = _documents(file)
        collection = SigmaCollection.from_dicts(
            documents, collect_errors=True, collect_filters=True, resolve_references=False
        )
    except RuleError as error:
        refused.append(Refused(str(file), "", error))
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        refused.append(Refused(str(file), "", RuleError(f"{file}: not readable as YAML: {_one_line(error)}")))
        return []
    except (SigmaError, AttributeError, TypeError, ValueError, KeyError) as error:
        refused.append(Refused(str(file), "", RuleError(f"{file}: not understood as Sigma: {_one_line(error)}")))
        return []
    found: list[Any] = [*collection.rules, *collection.filters]
    for rule in found:
        refused += [_refusal(file, rule, problem) for problem in rule.errors[:1]]
    return [rule for rule in found if not rule.errors]


def _documents(file: Path) -> list[Any]:
    if file.stat().st_size > _LARGEST_BYTES:
        raise RuleError(f"{file}: larger than {_LARGEST_BYTES} bytes; split it")
    documents = list(yaml.load_all(file.read_text(encoding="utf-8"), SigmaYAMLLoader))
    for number, document in enumerate(documents, 1):
        if document is not None and not isinstance(document, dict):
            raise RuleError(f"{file}: document {number} is no mapping, so it is no Sigma rule")
    return documents


def _filtered(parsed: Sequence[tuple[Path, Any]], refused: list[Refused]) -> list[tuple[Path, Any]]:
    """The rules, with Sigma's global filters applied to those that they name."""
    filters = [(file, each) for file, each in parsed if isinstance(each, SigmaFilter)]
    rules = [(file, each) for file, each in parsed if not isinstance(each, SigmaFilter)]
    for filter_file, each in filters:
        try:
            rules = [(file, each.apply_on_rule(rule) if isinstance(rule, SigmaRule) else rule) for file, rule in rules]
        except SigmaError as error:
            refused.append(_refusal(filter_file, each, error))
    return rules


def _compiled(parsed: Sequence[tuple[Path, Any]], refused: list[Refused]) -> tuple[Rule, ...]:
    rules: dict[str, Rule] = {}
    names: dict[str, str] = {}
    waiting: list[tuple[Path, SigmaCorrelationRule]] = []
    for file, rule in parsed:
        if isinstance(rule, SigmaCorrelationRule):
            waiting.append((file, rule))
            continue
        try:
            _add(rules, names, _event_rule(file, rule))
        except (RuleError, SigmaError) as error:
            refused.append(_refusal(file, rule, error))
    _correlations(waiting, rules, names, refused)
    return tuple(_muted(rules, {str(rule.id or rule.name): bool(rule.generate) for _, rule in waiting}))


def _correlations(
    waiting: list[tuple[Path, SigmaCorrelationRule]],
    rules: dict[str, Rule],
    names: dict[str, str],
    refused: list[Refused],
) -> None:
    """Add correlations once everything they refer to is there, so that chains come in order; refuse the rest."""
    while waiting:
        later: list[tuple[Path, SigmaCorrelationRule]] = []
        for file, rule in waiting:
            missing = [ref for ref in _references(rule) if ref not in rules and ref not in names]
            if missing:
                later.append((file, rule))
                continue
            try:
                info = rule_info(rule, str(file))
                _add(rules, names, correlation(rule, info, names))
            except (RuleError, SigmaError) as error:
                refused.append(_refusal(file, rule, error))
        if len(later) == len(waiting):
            for file, rule in later:
                missing = [ref for ref in _references(rule) if ref not in rules and ref not in names]
                text = f"refers to {', '.join(missing)}, which was not loaded or refers back to it"
                refused.append(_refusal(file, rule, RuleError(text)))
            return
        waiting = later


def _references(rule: SigmaCorrelationRule) -> list[str]:
    if rule.rules is not None:
        return [reference.reference for reference in rule.rules]
    names: list[str] = rule.condition.get_referenced_rules()  # type: ignore[union-attr]  # no rules: boolean condition
    return names


def _add(rules: dict[str, Rule], names: dict[str, str], rule: Rule) -> None:
    if rule.info.id in rules:
        raise RuleError(f"has the id of a rule that is already loaded from {rules[rule.info.id].info.path}")
    rules[rule.info.id] = rule
    if rule.info.name:
        names.setdefault(rule.info.name, rule.info.id)


def _event_rule(file: Path, rule: SigmaRule) -> EventRule:
    source = rule.logsource
    logsource = LogSource(*((part or "").lower() for part in (source.category, source.product, source.service)))
    return EventRule(rule_info(rule, str(file)), logsource, compiler.condition(rule))


def _muted(rules: dict[str, Rule], generate: dict[str, bool]) -> list[Rule]:
    """Rules that only feed correlations do not speak for themselves, unless a correlation says ``generate``."""
    fed: dict[str, bool] = {}
    for rule in rules.values():
        if isinstance(rule, CorrelationRule):
            for reference in rule.rules:
                fed[reference] = fed.get(reference, False) or generate.get(rule.info.id, False)
    return [rule if fed.get(rule.info.id, True) else _silent(rule) for rule in rules.values()]


def _silent(rule: Rule) -> Rule:
    return replace(rule, info=replace(rule.info, output=False))


def _refusal(file: Path, rule: Any, error: Exception) -> Refused:  # noqa: ANN401 - a rule, correlation or filter
    identity = f" ({rule.id})" if isinstance(rule.id, UUID) else ""
    title = str(rule.title or "")
    return Refused(str(file), title, RuleError(f"{file}: {title}{identity}: {_one_line(error)}"))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
