"""Loading rules: files or folders of Sigma YAML become our trees; what is not understood is listed, never skipped.

A file whose bytes were compiled before is read from the cache (``compiled``), the others are compiled now
(``understand``, which alone needs pySigma). What rules say of one another - filters, correlations, two with one id -
is resolved after that, each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pollwatch.cache import Cache, of_user
from pollwatch.detect.sigma import compiled, placeholders
from pollwatch.detect.sigma.compiled import Compiled, Refusal
from pollwatch.detect.sigma.placeholders import Values
from pollwatch.detect.sigma.plan import (
    Alternative,
    And,
    CorrelationRule,
    CorrelationType,
    EventRule,
    FilterRule,
    Rule,
    RuleInfo,
)
from pollwatch.errors import RuleError

#: The rules that come with pollwatch.
SHIPPED = Path(__file__).parents[2] / "rules"
_LARGEST_BYTES = 4 << 20
_SUFFIXES = (".yml", ".yaml")
_Kind = TypeVar("_Kind", EventRule, CorrelationRule)


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule that was not loaded, and why."""

    path: str
    title: str
    error: RuleError


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of every rule that was found.

    Attributes:
        remarks: why compiled rules were not kept, or those that were kept could not be used.
        digest: of the bytes of all files, and of what their placeholders stand for.
    """

    files: int
    loaded: int
    refused: tuple[Refused, ...]
    remarks: tuple[str, ...] = ()
    digest: bytes = b""


def load(
    paths: Iterable[Path], *, cache: Cache | None = None, progress: Callable[[int, int], None] | None = None
) -> tuple[tuple[Rule, ...], LoadReport]:
    """Rules of the given files and folders (searched recursively), in order of their paths.

    Args:
        paths: files and folders.
        cache: where compiled rules are kept; None is the user's.
        progress: told how many of the files that must be compiled are done, and how many there are.

    Raises:
        RuleError: a path does not exist. A rule in it that is wrong is refused, not raised.
    """
    cache = of_user() if cache is None else cache
    refused: list[Refused] = []
    found: dict[str, Compiled] = {}
    for root in dict.fromkeys(paths):
        files = {file: name for file, name in _files(root).items() if file not in found}
        found |= _compiled(root, files, cache, refused, progress)
    rules = _resolved(found, refused)
    digest = sha256(b"".join(each.digest for each in found.values())).digest()
    return rules, LoadReport(len(found), len(rules), tuple(refused), tuple(cache.remarks), digest)


def _files(root: Path) -> dict[str, str]:
    """The rule files of a folder, or the one file, each with its path within the folder; in order of those."""
    if root.is_file():
        return {str(root): root.name}
    if not root.is_dir():
        raise RuleError(f"no rules at {root}: there is no such file or folder")
    start = len(os.path.join(root, ""))  # noqa: PTH118 - thousands of files: a Path for each takes too long
    found = [
        f"{folder}/{name}"
        for folder, _, names in os.walk(root)
        for name in names
        if name.endswith(_SUFFIXES) and name != placeholders.FILE and os.path.isfile(f"{folder}/{name}")  # noqa: PTH113 - the same
    ]
    return {path: path[start:] for path in sorted(found, key=lambda path: path.split("/"))}


def _compiled(
    root: Path,
    files: Mapping[str, str],
    cache: Cache,
    refused: list[Refused],
    progress: Callable[[int, int], None] | None,
) -> dict[str, Compiled]:
    """Each file compiled: as it was kept where its bytes are the same, else now."""
    kept = compiled.read(cache, root)
    pack: dict[str, Compiled] = {}
    values = _values(root, refused)
    changed: dict[str, bytes] = {}
    for file, name in files.items():
        try:
            data = _content(file)
        except RuleError as error:
            refused.append(Refused(file, "", error))
            continue
        if name in kept and kept[name].digest == values.digest(data):
            pack[name] = kept[name]
        else:
            changed[file] = data
    if changed:
        from pollwatch.detect.sigma.understand import understood  # noqa: PLC0415 - pySigma takes most of a second

        for number, (file, data) in enumerate(changed.items(), 1):
            pack[files[file]] = understood(data, files[file], file, values)
            if progress is not None:
                progress(number, len(changed))
    if changed or len(pack) != len(kept):
        compiled.write(cache, root, pack)
    return {file: pack[name] for file, name in files.items() if name in pack}


def _values(root: Path, refused: list[Refused]) -> Values:
    """What placeholders stand for in the rules of a folder."""
    try:
        return placeholders.read(root if root.is_dir() else root.parent)
    except RuleError as error:
        refused.append(Refused(str(root / placeholders.FILE), "", error))
        return placeholders.NO_VALUES


def text_of(file: str) -> str:
    """A rule file's text, whatever its bytes.

    Raises:
        RuleError: it cannot be read, or is too large for a rule.
    """
    return _content(file).decode("utf-8", "replace")


def _content(file: str) -> bytes:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.read(descriptor, _LARGEST_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RuleError(f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_BYTES:
        raise RuleError(f"{file}: larger than {_LARGEST_BYTES} bytes; split it")
    return data


def _resolved(found: Mapping[str, Compiled], refused: list[Refused]) -> tuple[Rule, ...]:
    """All rules, with what they say of one another."""
    rules: dict[str, Rule] = {}
    names: dict[str, str] = {}
    filters = [each for file in found.values() for each in file.filters]
    waiting: list[CorrelationRule] = []
    for file, each in found.items():
        refused += [_refused(file, refusal) for refusal in each.refused]
        for rule in each.rules:
            _add(rules, names, _filtered(_at(rule, file), filters), refused)
        waiting += [_at(rule, file) for rule in each.correlations]
    _correlations(waiting, rules, names, refused)
    return tuple(_muted(rules))


def _at(rule: _Kind, path: str) -> _Kind:
    """The rule as it lies here: its folder may have been named in other words when it was compiled."""
    return rule if rule.info.path == path else replace(rule, info=replace(rule.info, path=path))


def _filtered(rule: EventRule, filters: Sequence[FilterRule]) -> EventRule:
    conditions = [each.condition for each in filters if each.concerns(rule)]
    return replace(rule, condition=And((rule.condition, *conditions))) if conditions else rule


def _correlations(
    waiting: Sequence[CorrelationRule], rules: dict[str, Rule], names: dict[str, str], refused: list[Refused]
) -> None:
    """Add correlations once everything they refer to is there, so that chains come in order; refuse the rest."""
    while waiting:
        later: list[CorrelationRule] = []
        for rule in waiting:
            if _missing(rule, rules, names):
                later.append(rule)
                continue
            referring = _referring(rule, names)
            if misfit := _misfit(referring, rules):
                refused.append(_of(rule.info, misfit))
            else:
                _add(rules, names, referring, refused)
        if len(later) == len(waiting):
            for rule in later:
                missing = ", ".join(_missing(rule, rules, names))
                refused.append(_of(rule.info, f"refers to {missing}, which was not loaded or refers back to it"))
            return
        waiting = later


def _missing(rule: CorrelationRule, rules: Mapping[str, Rule], names: Mapping[str, str]) -> list[str]:
    return [reference for reference in rule.rules if reference not in rules and reference not in names]


def _misfit(rule: CorrelationRule, rules: Mapping[str, Rule]) -> str:
    """Why a correlation cannot be over the rules that it names; empty if it can."""
    if len(set(rule.rules)) < len(rule.rules):
        return "refers to the same rule twice"
    sums = rule.value_fields and rule.type is not CorrelationType.VALUE_COUNT
    if sums and any(isinstance(rules[each], CorrelationRule) for each in rule.rules):
        return f"{rule.type.value} over another correlation: a window has no values of its own"
    return ""


def _referring(rule: CorrelationRule, names: Mapping[str, str]) -> CorrelationRule:
    """The correlation with ids in place of the names by which it refers to rules."""
    return replace(
        rule,
        rules=tuple(names.get(each, each) for each in rule.rules),
        aliases={
            alias: {names.get(reference, reference): field for reference, field in fields.items()}
            for alias, fields in rule.aliases.items()
        },
        wanted=tuple(
            Alternative(
                tuple(names.get(each, each) for each in group.present),
                frozenset(names.get(each, each) for each in group.absent),
            )
            for group in rule.wanted
        ),
    )


def _add(rules: dict[str, Rule], names: dict[str, str], rule: Rule, refused: list[Refused]) -> None:
    if rule.info.id in rules:
        other = rules[rule.info.id].info.path
        refused.append(_of(rule.info, f"has the id of a rule that is already loaded from {other}"))
        return
    rules[rule.info.id] = rule
    if rule.info.name:
        names.setdefault(rule.info.name, rule.info.id)


def _muted(rules: Mapping[str, Rule]) -> list[Rule]:
    """Rules that only feed correlations do not speak for themselves, unless a correlation says ``generate``."""
    fed: dict[str, bool] = {}
    for rule in rules.values():
        if isinstance(rule, CorrelationRule):
            for reference in rule.rules:
                fed[reference] = fed.get(reference, False) or rule.generate
    return [rule if fed.get(rule.info.id, True) else _silent(rule) for rule in rules.values()]


def _silent(rule: Rule) -> Rule:
    return replace(rule, info=replace(rule.info, output=False))


def _of(info: RuleInfo, reason: str) -> Refused:
    return _refused(info.path, Refusal(info.title, info.id, reason))


def _refused(path: str, refusal: Refusal) -> Refused:
    identity = f" ({refusal.id})" if refusal.id else ""
    title = f"{refusal.title}{identity}: " if refusal.title or identity else ""
    return Refused(path, refusal.title, RuleError(f"{path}: {title}{refusal.reason}"))
