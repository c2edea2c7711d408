"""The rules, for the console: opened once, again when an import comes or goes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pollwatch.console.desks.rules import RefusedRule, RuleCard, RuleRow, RuleTrial, RuleWish
from pollwatch.console.services import NotThereError, RefusedError
from pollwatch.detect.sigma.load import text_of
from pollwatch.detect.sigma.plan import Rule
from pollwatch.i18n import _
from pollwatch.incidents.advice import of_rule
from pollwatch.incidents.attack import technique
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.inboxquery import Question
from pollwatch.incidents.records import Case
from pollwatch.node.floor.newest import newest_events
from pollwatch.node.rules import installed, trying, wording
from pollwatch.node.rules.ruleset import Ruleset, Wanted, open_rules

#: A rule is timed on so many events of the case at most.
_MOST_EVENTS: Final = 100_000


@dataclass(slots=True)
class FloorRules:
    """The rules that are used on one case."""

    case: Case
    inbox: Inbox
    env: Mapping[str, str]
    case_dir: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: tuple[object, Ruleset] | None = None

    def listed(self, wish: RuleWish) -> Sequence[RuleRow]:
        """The rules that fit, those that fired most first, then by title."""
        ruleset, fired = self._ruleset(), self._fired()
        try:
            found = list(
                Wanted(wish.logsource, (wish.level,) if wish.level else (), wish.tag, wish.text, wish.origin).of(
                    ruleset
                )
            )
        except ValueError as error:
            raise RefusedError(str(error)) from error
        rows = [_row(ruleset, each, fired[each.info.id]) for each in found]
        return sorted(rows, key=lambda row: (-row.fired, row.title.casefold()))

    def origins(self) -> Mapping[str, int]:
        """Where rules come from, and how many from each."""
        ruleset = self._ruleset()
        return Counter(ruleset.origin(each.info.path) for each in ruleset.rules)

    def refused(self) -> Sequence[RefusedRule]:
        """Rules that did not load."""
        ruleset = self._ruleset()
        return [
            RefusedRule(each.path, ruleset.origin(each.path), str(each.error).removeprefix(f"{each.path}: "))
            for each in ruleset.refused
        ]

    def techniques(self) -> Counter[str]:
        """How many rules are about each technique."""
        return Counter(technique(each).id for rule in self._ruleset().rules for each in rule.info.techniques)

    def card(self, rule_id: str) -> RuleCard:
        """One rule.

        Raises:
            NotThereError: no rule of this id is loaded.
        """
        ruleset, rule = self._found(rule_id)
        info, own = rule.info, wording.samples_of(ruleset, rule)
        return RuleCard(
            row=_row(ruleset, rule, self._fired()[info.id]),
            description=info.description,
            meaning=info.meaning,
            steps=tuple(of_rule(info)),
            author=info.author,
            references=tuple(info.references),
            falsepositives=tuple(info.falsepositives),
            asked_of=tuple(wording.routed(ruleset, rule)),
            condition=tuple(wording.meaning(ruleset, rule)),
            witnesses=tuple(wording.witnesses(rule)),
            fires=tuple(own.fire),
            silent=tuple(own.silent),
            yaml=text_of(info.path),
        )

    def trial(self, rule_id: str) -> RuleTrial:
        """Try a rule on its samples and on events of the case.

        Raises:
            NotThereError: no rule of this id is loaded.
        """
        ruleset, rule = self._found(rule_id)
        trials = list(trying.on_samples(ruleset, [rule]))
        found, _events = trying.costs([rule], newest_events(self.case), _MOST_EVENTS)
        failed = tuple(each.what for each in trials if each.passed is False)
        if not found:
            return RuleTrial(failed, len(trials), 0, None, 0.0)
        return RuleTrial(failed, len(trials), found[0].events, found[0].hits, found[0].seconds)

    def _found(self, rule_id: str) -> tuple[Ruleset, Rule]:
        ruleset = self._ruleset()
        rule = next((each for each in ruleset.rules if each.info.id == rule_id), None)
        if rule is None:
            raise NotThereError(_("No rule of this id is loaded; it may have come with an import that was removed."))
        return ruleset, rule

    def _ruleset(self) -> Ruleset:
        imports = tuple(each for each, _folder in installed.imports(self.env, self.case_dir))
        with self._lock:
            if self._open is None or self._open[0] != imports:
                self._open = (imports, open_rules(self.env, self.case_dir, ()))
            return self._open[1]

    def _fired(self) -> Counter[str]:
        return Counter(self.inbox.counts("rule", Question()))


def _row(ruleset: Ruleset, rule: Rule, fired: int) -> RuleRow:
    info = rule.info
    return RuleRow(
        id=info.id,
        title=info.title,
        severity=info.severity,
        logsources=tuple(map(str, ruleset.logsources(rule))),
        techniques=tuple(info.techniques),
        origin=ruleset.origin(info.path),
        fired=fired,
    )
