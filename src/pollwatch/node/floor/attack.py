"""The case in ATT&CK's terms, for the console."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pollwatch.canonical import Json
from pollwatch.console.desks.attack import Column, Seen
from pollwatch.events.detection import Severity
from pollwatch.incidents.attack import technique
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.inboxquery import Question
from pollwatch.node.floor.rules import FloorRules
from pollwatch.report.navigator import seen_layer

#: Tactics in the order in which an attack goes through them.
ORDER: Final = (
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "stealth",
    "defense-evasion",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
)


@dataclass(frozen=True, slots=True)
class FloorAttack:
    """What a case and its rules are about, technique by technique."""

    inbox: Inbox
    rules: FloorRules
    title: Callable[[], str]

    def columns(self) -> tuple[Column, ...]:
        """Tactics in the order of an attack."""
        by_tactic: dict[str, list[Seen]] = defaultdict(list)
        for each in self._seen():
            by_tactic[technique(each.id).tactic].append(each)
        return tuple(
            Column(tactic, tuple(sorted(by_tactic[tactic], key=lambda each: (-each.everything[0], each.id))))
            for tactic in (*ORDER, "")
            if tactic in by_tactic
        )

    def layer(self) -> dict[str, Json]:
        """The same for ATT&CK Navigator."""
        flat = [one for each in self._seen() for one in (each, *each.parts)]
        return seen_layer(
            self.title(), {each.id: (each.incidents, each.worst) for each in flat if each.worst is not None}
        )

    def _seen(self) -> list[Seen]:
        rules, incidents, worst = self.rules.techniques(), Counter[str](), dict[str, Severity]()
        for severity in Severity:
            for each, count in self.inbox.counts("technique", Question(severities=(severity,))).items():
                incidents[technique(each).id] += count
                worst[technique(each).id] = severity
        known = set(rules) | set(incidents)
        parts: dict[str, list[Seen]] = defaultdict(list)
        for each in sorted(known | {each.partition(".")[0] for each in known}):
            found = Seen(each, technique(each).name, rules[each], incidents[each], worst.get(each))
            parts[each if "." not in each else each.partition(".")[0]].append(found)
        return [Seen(w.id, w.name, w.rules, w.incidents, w.worst, tuple(rest)) for w, *rest in parts.values()]
