"""From the store of indicators to what detection looks for: the loop by which peers' words re-enter detection."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pollwatch.clock import US_PER_S, Clock
from pollwatch.detect.indicators import Watched, Watchlist
from pollwatch.election.assets import Assets
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext
from pollwatch.node.charter.jointfolder import JointFolder
from pollwatch.node.indicators.desk import Desk
from pollwatch.sharing.indicators import scoring
from pollwatch.sharing.indicators.indicator import Indicator, State
from pollwatch.sharing.indicators.scoring import Score

_DAY_S = 86_400


def of_case(case_dir: Path, clock: Clock, assets: Assets) -> Watchlist:
    """What the people of a case accepted; empty where nobody took in any indicator.

    Raises:
        ConfigError: the warning lists are not installed.
    """
    if not JointFolder(case_dir).indicators.exists():
        return Watchlist(())
    return build(Desk.open(case_dir, clock, assets))


def build(desk: Desk, only: Iterable[str] | None = None) -> Watchlist:
    """The indicators in use, each with how grave a hit is now: warned of, one bloc's word, or several blocs'.

    Args:
        desk: of the case.
        only: ids to which it is limited.
    """
    now_us = desk.clock.now_us()
    everything = desk.store.all()
    wanted = None if only is None else set(only)
    used = [
        each
        for each in everything
        if (wanted is None or each.id in wanted) and scoring.state(each, now_us) in {State.ACCEPTED, State.OVERRIDE}
    ]
    records = desk.standings()
    warnings = desk.innocents.warnings([each.observable for each in used])
    watched = []
    for each, warned in zip(used, warnings, strict=True):
        overridden = set(each.acceptance.warnings) if each.acceptance else set()
        found = scoring.score(each, records.standing, now_us)
        severity = scoring.severity(found, warned=bool(warned), overridden=set(warned) <= overridden)
        watched.append(Watched(each.id, each.observable, severity, _why(each, found, warned, now_us)))
    return Watchlist(watched)


def _why(each: Indicator, found: Score, warned: tuple[str, ...], now_us: int) -> str:
    """Who says so, how many blocs, how old, what is left of its weight, and what speaks against it."""
    sources = [
        (_("{name}") if report.signed else _("{name} (not signed)")).format(name=printable(report.source.name, 60))
        for report in each.standing_reports
    ]
    sources = list(dict.fromkeys(sources))
    more = len(sources) - 3
    named = ", ".join(sources[:3]) + (
        ngettext(" and {n} more", " and {n} more", more).format(n=more) if more > 0 else ""
    )
    blocs = (
        ngettext("{n} bloc saw it", "{n} blocs saw it", found.blocs).format(n=found.blocs)
        if found.blocs
        else _("no member says that it saw it itself")
    )
    days = max(0, now_us - each.observed_us) // (_DAY_S * US_PER_S)
    age = ngettext("last seen {n} day ago", "last seen {n} days ago", days).format(n=days)
    words = _(
        "{value} is a known indicator ({id}), reported by {named}: {blocs}, {age}, {left} per cent of its weight left"
    )
    value, left = printable(each.observable.value, 200), round(100 * found.decay)
    told = words.format(value=value, id=each.id, named=named, blocs=blocs, age=age, left=left)
    if warned:
        lists = ", ".join(printable(key, 60) for key in warned[:3])
        told += _("; warning lists name it too: {lists}").format(lists=lists)
    return told
