"""Indicators on a terminal, as tab-separated rows for a pipe, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json
from pollwatch.cli import present
from pollwatch.clock import rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.indicators.deciding import Decided
    from pollwatch.node.indicators.hunting import Hunted
    from pollwatch.node.indicators.indicating import Sorted, Taken
    from pollwatch.sharing.indicators.indicator import Decision, Indicator, Report, Source
    from pollwatch.sharing.indicators.innocents import Innocents
    from pollwatch.sharing.indicators.scoring import Weight
    from pollwatch.sharing.indicators.standing import Records

_MOST = 10


def import_document(file: str, source: Source, found: Sorted, taken: Taken | None) -> dict[str, Json]:
    """What an import read and kept, as JSON."""
    return {
        "file": file,
        "format": found.read.format,
        "source": source.name,
        "origin": source.origin.value,
        "indicators": len({each.report.observable for each in found.reported}),
        "kinds": dict(found.kinds()),
        "weak": found.weak,
        "warnings": dict(found.warned().most_common()),
        "new": None if taken is None else len(taken.added.fresh),
        "again": None if taken is None else len(taken.added.again),
        "unchanged": None if taken is None else taken.added.unchanged,
        "taken_back": [gone.object_id for gone, _source in found.taken_back],
        "suspended": [] if taken is None else list(taken.suspended),
        "refused": [{"where": each.where, "what": each.what, "reason": each.reason} for each in found.read.refused],
        "other": dict(found.read.other),
        "weak_indicators": [
            {"kind": observable.kind.value, "value": observable.value, "warnings": list(warnings)}
            for observable, warnings in sorted(
                {each.report.observable: each.warnings for each in found.reported if each.warnings}.items()
            )
        ],
        "private_log_index": None if taken is None else taken.entry,
    }


def tell_import(file: str, source: Source, found: Sorted, taken: Taken | None, innocents: Innocents) -> None:
    """What an import read and kept, for a person."""
    total = len({each.report.observable for each in found.reported})
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds().most_common())
    head = _("{file}: {total} indicators of {source} ({kinds})")
    click.echo(head.format(file=printable(file), total=total, source=printable(source.name), kinds=kinds or "-"))
    if found.weak:
        click.echo(
            _("  {weak} are named by warning lists and stay out of use without an override:").format(weak=found.weak)
        )
        for key, count in found.warned().most_common(_MOST):
            click.echo(f"  {count:>7}  {printable(key)}  {printable(innocents.words(key))}")
    for gone, who in found.taken_back:
        click.echo(_("  {who} takes back {name}").format(who=printable(who.name), name=printable(gone.object_id)))
    if found.read.other:
        others = ", ".join(f"{count} {printable(kind, 40)}" for kind, count in found.read.other.most_common(_MOST))
        click.echo(_("  no indicators by nature: {others}").format(others=others))
    if found.read.refused:
        click.echo(_("  {count} not taken:").format(count=len(found.read.refused)))
        for each in found.read.refused[:_MOST]:
            click.echo(f"    {printable(each.where, 80)}: {printable(each.what, 60)}: {printable(each.reason, 200)}")
        if len(found.read.refused) > _MOST:
            more = _("    and {more} more; all of them with --json")
            click.echo(more.format(more=len(found.read.refused) - _MOST))
    if taken is None:
        click.echo(_("  nothing was kept (--dry-run)"))
        return
    done = _("  {new} new, {again} reported again, {unchanged} known already")
    added = taken.added
    click.echo(done.format(new=len(added.fresh), again=len(added.again), unchanged=added.unchanged))
    if taken.suspended:
        click.echo(
            _("  {count} went out of use, because their source took them back").format(count=len(taken.suspended))
        )


def document(each: Indicator, records: Records, now_us: int) -> dict[str, Json]:
    """An indicator as JSON."""
    from pollwatch.sharing.indicators import scoring

    found = scoring.score(each, records.standing, now_us)
    return {
        "id": each.id,
        "kind": each.observable.kind.value,
        "value": each.observable.value,
        "state": scoring.state(each, now_us).value,
        "score": round(found.value, 3),
        "blocs": found.blocs,
        "corroborated": found.corroborated,
        "sources": [*sorted({report.source.name for report in each.standing_reports})],
        "weak": each.weak,
        "warnings": list(each.warnings),
        "first": rfc3339(each.first_us),
        "observed": rfc3339(each.observed_us),
        "ends": rfc3339(scoring.ends_us(each) if each.until_us is None else min(each.until_us, scoring.ends_us(each))),
        "released": rfc3339(each.released_us),
        "outcome": each.outcome.act.value if each.outcome else None,
    }


def whole_document(each: Indicator, records: Records, now_us: int) -> dict[str, Json]:
    """An indicator with all that was said and decided, as JSON."""
    from pollwatch.sharing.indicators import scoring

    found = scoring.score(each, records.standing, now_us)
    weights: list[Json] = [
        {"bloc": w.bloc, "decay": round(w.decay, 3), "standing": round(w.standing, 3)} for w in found.weights
    ]
    return {
        **document(each, records, now_us),
        "weights": weights,
        "reports": [_report(report) for report in each.reports],
        "decisions": [_decision(decision) for decision in each.decisions],
    }


def _report(each: Report) -> dict[str, Json]:
    return {
        "source": each.source.name,
        "origin": each.source.origin.value,
        "bloc": each.source.bloc,
        "signed": each.signed,
        "object": each.object_id,
        "tlp": each.tlp.word,
        "observed": rfc3339(each.observed_us),
        "until": rfc3339(each.until_us),
        "received": rfc3339(each.received_us),
        "seen": each.seen,
        "confidence": each.confidence,
        "text": each.text,
        "gone": rfc3339(each.gone_us),
    }


def _decision(each: Decision) -> dict[str, Json]:
    return {
        "act": each.act.value,
        "who": each.who,
        "reason": each.reason,
        "time": rfc3339(each.at_us),
        "overrides": list(each.warnings),
        "private_log_index": each.entry,
    }


def table(found: Sequence[Indicator], records: Records, now_us: int) -> None:
    """One row an indicator: id, kind, value, state, score, blocs, weak or not, sources."""
    rows = []
    for each in found:
        told = document(each, records, now_us)
        sources = [report.source.name for report in each.standing_reports]
        rows.append(
            (
                each.id,
                str(told["kind"]),
                each.observable.value,
                str(told["state"]),
                f"{told['score']}",
                f"{told['blocs']}",
                _("weak") if each.weak else "",
                ", ".join(dict.fromkeys(sources)),
            )
        )
    present.plain(rows)


def page(each: Indicator, records: Records, now_us: int) -> None:
    """Everything about one indicator."""
    from pollwatch.sharing.indicators import scoring

    state = scoring.state(each, now_us)
    click.echo(f"{each.id}  {each.observable.kind}  {printable(each.observable.value, 300)}  {state}")
    found = scoring.score(each, records.standing, now_us)
    click.echo(_("score {score:.2f} = ").format(score=found.value) + (_weights(found.weights) or "0"))
    if each.warnings:
        click.echo(_("warned of by: {lists}").format(lists=", ".join(map(printable, each.warnings))))
    click.echo("")
    for report in each.reports:
        signed = _("signed") if report.signed else _("not signed")
        gone = "" if report.gone_us is None else _("; taken back {when}").format(when=rfc3339(report.gone_us))
        head = f"{rfc3339(report.received_us)}  {printable(report.source.name)} ({signed}, {report.tlp.label}){gone}"
        click.echo(head)
        seen = _("seen {when}").format(when=rfc3339(report.observed_us))
        click.echo(f"    {seen}  {printable(report.text, 200)}")
    for decision in each.decisions:
        over = _(" (overrides {lists})").format(lists=", ".join(decision.warnings)) if decision.warnings else ""
        reason = f": {printable(decision.reason, 400)}" if decision.reason else ""
        click.echo(f"{rfc3339(decision.at_us)}  {printable(decision.who)}: {decision.act}{printable(over)}{reason}")


def _weights(weights: Sequence[Weight]) -> str:
    told = []
    for each in weights:
        name = printable(each.bloc) or _("those who did not see it")
        told.append(
            _("{decay:.2f} fresh x {standing:.2f} standing ({bloc})").format(
                decay=each.decay, standing=each.standing, bloc=name
            )
        )
    return " + ".join(told)


def decided_document(act: str, decided: Decided, hunted: Hunted | None) -> dict[str, Json]:
    """What came of a decision, and of the hunt that followed it, as JSON."""
    return {
        "schema": "pollwatch.indicators-decided/1",
        "decision": act,
        "done": [each.id for each in decided.done],
        "refused": [{"id": each.id, "value": each.observable.value, "reason": why} for each, why in decided.refused],
        "hunt": None if hunted is None else hunt_document(hunted),
    }


def hunt_document(hunted: Hunted) -> dict[str, Json]:
    """What a hunt found, as JSON."""
    return {
        "searched": hunted.searched,
        "events": hunted.events,
        "new_lines": hunted.new,
        "hits": [
            {
                "indicator": each.id,
                "value": each.value,
                "lines": len(each.lines),
                "first": rfc3339(each.first_us),
                "last": rfc3339(each.last_us),
                "incidents": list(each.incidents),
            }
            for each in hunted.hits
        ],
    }


def tell_hunt(hunted: Hunted) -> None:
    """What a hunt found, for a person. Nothing of it leaves."""
    head = _("searched {events} events of the past for {searched} indicators: {hits} were there")
    click.echo(head.format(events=hunted.events, searched=hunted.searched, hits=len(hunted.hits)))
    for each in hunted.hits:
        when = f"{rfc3339(each.first_us)} .. {rfc3339(each.last_us)}" if each.first_us is not None else ""
        click.echo(f"  {each.id}  {printable(each.value, 100)}  {len(each.lines)}  {when}  {', '.join(each.incidents)}")


def tell_decided(act: str, decided: Decided) -> None:
    """What came of a decision, for a person."""
    click.echo(_("{act}: {count} indicators").format(act=act, count=len(decided.done)))
    for each, why in decided.refused[:_MOST]:
        click.echo(f"  {each.id}  {printable(each.observable.value, 100)}: {printable(why, 300)}", err=True)
    if len(decided.refused) > _MOST:
        click.echo(_("  and {more} more were left as they are").format(more=len(decided.refused) - _MOST), err=True)
