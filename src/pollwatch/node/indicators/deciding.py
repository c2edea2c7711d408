"""Deciding about indicators, by named people for stated reasons: each decision is sealed before it takes effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pollwatch.clock import rfc3339
from pollwatch.errors import PolicyError
from pollwatch.members.marking import Tlp
from pollwatch.node.indicators.desk import Desk, seal
from pollwatch.sharing.indicators import scoring
from pollwatch.sharing.indicators.indicator import Act, Decision, Indicator, Origin, State


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision.

    Attributes:
        done: the indicators that it was made about.
        refused: the others, each with the reason.
    """

    done: tuple[Indicator, ...]
    refused: tuple[tuple[Indicator, str], ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision as a person makes it.

    Attributes:
        act: what.
        who: who decides.
        reason: why; needed to override a warning, to confirm and to refute.
        override: whether warnings are known and overridden.
    """

    act: Act
    who: str
    reason: str = ""
    override: bool = False


def decide(desk: Desk, chosen: Sequence[Indicator], ruling: Ruling) -> Decided:
    """Decide about some indicators; those about which it cannot be decided so are left as they are, with the reason.

    Raises:
        PolicyError: a decision that needs a reason has none.
    """
    if ruling.override and not ruling.reason.strip():
        raise PolicyError("a warning is overridden for a reason; give one with --reason")
    if ruling.act in {Act.CONFIRM, Act.REFUTE} and not ruling.reason.strip():
        raise PolicyError(f"to {ruling.act} is to say what was found; give it with --reason")
    warnings = desk.innocents.warnings([each.observable for each in chosen])
    plain: list[Indicator] = []
    against: dict[tuple[str, ...], list[Indicator]] = {}
    refused: list[tuple[Indicator, str]] = []
    for each, warned in zip(chosen, warnings, strict=True):
        problem = _problem(desk, each, ruling, warned)
        if problem:
            refused.append((each, problem))
        elif warned and ruling.act in {Act.ACCEPT, Act.RELEASE}:
            against.setdefault(warned, []).append(each)
        else:
            plain.append(each)
    for overridden, group in [((), plain), *against.items()]:
        if group:
            _record_decision(desk, group, ruling, overridden)
    done = {each.id for group in (plain, *against.values()) for each in group}
    return Decided(desk.store.of([each.id for each in chosen if each.id in done]), tuple(refused))


def _record_decision(desk: Desk, group: Sequence[Indicator], ruling: Ruling, warnings: tuple[str, ...]) -> None:
    at_us, names = desk.clock.now_us(), [each.id for each in group]
    entry = seal(desk, _decision_record(ruling.act, names, ruling.who, ruling.reason, warnings, at_us))
    desk.store.decide(names, Decision(ruling.act, ruling.who, ruling.reason, at_us, entry, warnings))


def _decision_record(
    act: Act, names: Iterable[str], who: str, reason: str, warnings: Sequence[str], at_us: int
) -> dict[str, Any]:
    return {
        "decision": act.value,
        "who": who,
        "reason": reason,
        "overrides": list(warnings),
        "time": rfc3339(at_us),
        "indicators": list(names),
    }


def _problem(desk: Desk, each: Indicator, ruling: Ruling, warned: tuple[str, ...]) -> str:
    """Why it cannot be decided so; empty where it can."""
    state = scoring.state(each, desk.clock.now_us())
    if ruling.act in {Act.ACCEPT, Act.RELEASE}:
        if state in {State.RETRACTED, State.EXPIRED}:
            return f"it is {state}"
        if warned and not ruling.override:
            words = ", ".join(desk.innocents.words(key) for key in warned[:3])
            more = f" and {len(warned) - 3} more" if len(warned) > 3 else ""
            return f"warned of: {words}{more}; look, then --override with a --reason"
    if ruling.act is Act.RELEASE and not _may_pass_on(each):
        return "all we know of it was told to us under a marking that keeps it here; see it ourselves first"
    if ruling.act is Act.WITHDRAW and each.release is None:
        return "it is not released"
    return ""


def _may_pass_on(each: Indicator) -> bool:
    """Whether somebody may be told: we saw it ourselves, or a source lets the whole community know."""
    return any(report.source.origin is Origin.OWN or report.tlp <= Tlp.GREEN for report in each.standing_reports)


def choose(desk: Desk, names: Iterable[str], states: Callable[[State], bool] | None, source: str) -> list[Indicator]:
    """The indicators that a person names, or all in some state, or of some source.

    Raises:
        PolicyError: a name fits none or several.
    """
    found = [desk.store.get(name) for name in names]
    if states is not None:
        now_us = desk.clock.now_us()
        found += [each for each in desk.store.all() if states(scoring.state(each, now_us))]
    found = list({each.id: each for each in found}.values())
    if source:
        wanted = source.casefold()
        found = [each for each in found if any(r.source.name.casefold() == wanted for r in each.reports)]
    return found


def suspend(desk: Desk, ids: Sequence[str]) -> tuple[str, ...]:
    """Take those out of use that are in it: what they rested on was taken back, and people have to look again."""
    in_use = [each for each in desk.store.of(ids) if each.acceptance is not None or each.release is not None]
    if not in_use:
        return ()
    reason = "a source took it back"
    names = [each.id for each in in_use]
    entry = seal(desk, _decision_record(Act.SUSPEND, names, "pollwatch", reason, (), desk.clock.now_us()))
    desk.store.decide(names, Decision(Act.SUSPEND, "pollwatch", reason, desk.clock.now_us(), entry))
    return tuple(names)
