"""The rules that a scan would use, each with where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pollwatch.detect import detectors
from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.load import SHIPPED, Refused
from pollwatch.detect.sigma.plan import DetectorRule, EventRule, Rule
from pollwatch.detect.sigma.route import routes
from pollwatch.errors import UsageError
from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Severity
from pollwatch.events.taxonomy import kind
from pollwatch.node.rules import installed
from pollwatch.node.rules.installed import Imported

SHIPPED_NAME = "shipped"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rules come from: the shipped pack, an import, or a folder that was named."""

    name: str
    folder: str
    imported: Imported | None = None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules, ready to run, and where they come from."""

    engine: Engine
    origins: tuple[Origin, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules that loaded, and the detectors."""
        return (*self.engine.rules, *(each.rule for each in self.engine.detectors))

    @property
    def refused(self) -> tuple[Refused, ...]:
        """All that did not."""
        return self.engine.report.refused

    def origin(self, path: str) -> str:
        """Where a rule file comes from; a detector comes with pollwatch."""
        if path.startswith(f"{detectors.FOLDER}/"):
            return SHIPPED_NAME
        found = (each for each in self.origins if path == each.folder or path.startswith(f"{each.folder}/"))
        return next((each.name for each in found), "")

    def find(self, wanted: str) -> Rule:
        """A rule by its id, the beginning of its id, its name or its title.

        Raises:
            UsageError: there is none, or more than one.
        """
        rule = self.engine.rule(wanted)
        if rule is not None:
            return rule
        low = wanted.casefold()
        found = [each for each in self.rules if low in (each.info.name.casefold(), each.info.title.casefold())]
        found = found or [each for each in self.rules if len(low) >= 4 and each.info.id.casefold().startswith(low)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{wanted!r} is said of {len(found)} rules; name one by its id: {found[0].info.id}, ...")
        raise UsageError(f"no rule {wanted!r} is loaded; `pollwatch rules list --text WORD` finds rules")

    def logsources(self, rule: Rule) -> tuple[LogSource, ...]:
        """What a rule says it is about; for a correlation, what the rules under it say."""
        if isinstance(rule, EventRule):
            return (rule.logsource,)
        if isinstance(rule, DetectorRule):
            return rule.logsources
        under = (self.engine.rule(each) for each in rule.rules)
        return tuple(dict.fromkeys(source for each in under if each is not None for source in self.logsources(each)))


def open_rules(
    env: Mapping[str, str],
    case_dir: Path | None,
    rule_dirs: Sequence[Path],
    progress: Callable[[int, int], None] | None = None,
) -> Ruleset:
    """The rules that ``scan`` would use with the same options.

    Raises:
        RuleError: a folder does not exist.
        ConfigError: an import is damaged.
    """
    imports = installed.imports(env, case_dir)
    engine = Engine.load([*(folder for _each, folder in imports), *rule_dirs], progress=progress)
    origins = [
        Origin(SHIPPED_NAME, str(SHIPPED)),
        *(Origin(each.name, str(folder), each) for each, folder in imports),
        *(Origin(str(folder), str(folder)) for folder in rule_dirs),
    ]
    return Ruleset(engine, tuple(origins))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rules to list; what is empty does not narrow."""

    logsource: str = ""
    levels: tuple[str, ...] = ()
    tag: str = ""
    text: str = ""
    origin: str = ""

    def of(self, ruleset: Ruleset) -> Iterator[Rule]:
        """The rules that fit."""
        levels = {Severity.parse(each) for each in self.levels}
        for rule in ruleset.rules:
            info = rule.info
            if (
                (not levels or info.severity in levels)
                and (not self.origin or self.origin == ruleset.origin(info.path))
                and (not self.tag or _tagged(rule, self.tag))
                and (not self.text or self.text.casefold() in f"{info.title}\n{info.description}\n{info.id}".casefold())
                and (not self.logsource or any(_about(each, self.logsource) for each in ruleset.logsources(rule)))
            ):
                yield rule


def _tagged(rule: Rule, tag: str) -> bool:
    """By tag, technique (with its sub-techniques) or tactic."""
    low = tag.lower().removeprefix("attack.")
    info = rule.info
    technique = any(low == each.lower() or each.lower().startswith(f"{low}.") for each in info.techniques)
    return technique or low.replace("_", "-") in info.tactics or tag.lower() in info.tags


def _about(logsource: LogSource, wanted: str) -> bool:
    """``windows`` is any part; ``process_creation/windows`` is all the parts it names, in any order."""
    parts = {logsource.category, logsource.product, logsource.service}
    return all(part in parts for part in wanted.lower().split("/") if part not in ("", "*"))


def fits(rule_source: LogSource, event_source: LogSource) -> bool:
    """Whether a rule of one logsource is asked of events of another, as the engine routes them."""
    meant = (event_source, kind(event_source))
    return rule_source.covers(event_source) or any(target in meant for target, _more in routes(rule_source))
