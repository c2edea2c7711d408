"""What is said about a rule: severity, ATT&CK ids and our own tags, read from its header."""

from __future__ import annotations

import re

from sigma.rule.base import SigmaRuleBase

from pollwatch.detect.sigma.plan import RuleInfo
from pollwatch.detect.why import check_template
from pollwatch.errors import RuleError
from pollwatch.events.detection import Severity

_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)")
_OWN = "pollwatch"
_OWN_KEYS = ("why", "meaning", "steps", "samples", "mute")
_ALLOWED = ", ".join(_OWN_KEYS)


def rule_info(rule: SigmaRuleBase, path: str) -> RuleInfo:
    """The header of a rule or correlation.

    Raises:
        RuleError: one of our own tags or fields in it is not understood.
    """
    tags = [f"{tag.namespace}.{tag.name}".lower() for tag in rule.tags]
    techniques = [match[1].upper() for tag in tags if (match := _TECHNIQUE.fullmatch(tag))]
    own = [tag.removeprefix(f"{_OWN}.") for tag in tags if tag.startswith(f"{_OWN}.")]
    if unknown := [tag for tag in own if tag != "success" and not tag.startswith("tool.")]:
        raise RuleError(f"tag pollwatch.{unknown[0]} is not known; there are pollwatch.success and pollwatch.tool.NAME")
    return RuleInfo(
        id=str(rule.id or rule.name or f"{path}#{rule.title}"),
        name=rule.name or "",
        title=rule.title,
        severity=Severity.parse(rule.level.name) if rule.level else Severity.LOW,
        description=" ".join((rule.description or "").split()),
        techniques=tuple(sorted(dict.fromkeys(techniques), key=lambda each: "." not in each)),
        tactics=tuple(_tactics(tags)),
        tags=tuple(tags),
        falsepositives=tuple(map(str, rule.falsepositives)),
        references=tuple(map(str, rule.references)),
        author=rule.author or "",
        status=rule.status.name.lower() if rule.status else "",
        tool=next((tag.removeprefix("tool.") for tag in own if tag.startswith("tool.")), ""),
        success="success" in own,
        why=_why(rule),
        meaning=_text(rule, "meaning"),
        steps=_steps(rule),
        path=path,
        output=not _own(rule).get("mute", False),
    )


def _tactics(tags: list[str]) -> list[str]:
    names = [tag.removeprefix("attack.") for tag in tags if tag.startswith("attack.")]
    return [name.replace("_", "-") for name in names if not re.fullmatch(r"[tgs]\d{4}.*", name)]


def _own(rule: SigmaRuleBase) -> dict[str, object]:
    """Our own field of a rule: see ``rules/README.md`` for what it may hold."""
    own = rule.custom_attributes.get(_OWN) or {}
    if not isinstance(own, dict):
        raise RuleError(f"field 'pollwatch' is a {type(own).__name__}; it holds {_ALLOWED}")
    if unknown := set(own) - set(_OWN_KEYS):
        raise RuleError(f"field 'pollwatch' holds {', '.join(sorted(map(str, unknown)))}; it holds {_ALLOWED}")
    return own


def _why(rule: SigmaRuleBase) -> str:
    why = _text(rule, "why")
    check_template(why)
    return why


def _text(rule: SigmaRuleBase, key: str) -> str:
    text = _own(rule).get(key) or ""
    if not isinstance(text, str):
        raise RuleError(f"field 'pollwatch.{key}' must be text")
    return " ".join(text.split())


def _steps(rule: SigmaRuleBase) -> tuple[str, ...]:
    steps = _own(rule).get("steps") or []
    if not isinstance(steps, list) or not all(isinstance(each, str) and each.strip() for each in steps):
        raise RuleError("field 'pollwatch.steps' must be a list of sentences")
    return tuple(" ".join(each.split()) for each in steps)
