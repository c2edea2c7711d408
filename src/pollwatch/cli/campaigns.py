"""``pollwatch campaigns``: the same actor across members and elections."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext

if TYPE_CHECKING:
    from pollwatch.attribution.campaigns import Campaign, Common
    from pollwatch.attribution.record import Judged
    from pollwatch.node.attribution.campaigning import View

_SCHEMA = "pollwatch.campaigns/1"
_LINE = 10_000  # what a denial says is shown whole; the longest text has 8,000 characters


@click.group(name="campaigns")
def command() -> None:
    """Show the same actor across members and elections, from what was shared.

    Incidents, our own as released and others' as received, are one campaign where they name the same address or
    domain, or where a member told of them as one. That is a reason to look, and no proof: addresses are shared, rented,
    hijacked and planted. Two addresses make one campaign only where incidents of two members name both: one incident
    that names them can be part of both campaigns, and joins them to nothing. What most incidents have in common links
    nothing; what warning lists know links weakly.
    """


@command.command(name="list")
@options.required_case_dir
@options.config_file
@options.as_json
def list_command(*, case_dir: Path, config_file: Path | None, as_json: bool) -> int:
    """List the campaigns: first incident, span of time, how many incidents, which members of which blocs, elections."""
    found = _view(case_dir, config_file)
    if as_json:
        listed: list[Json] = [_document(each, found) for each in found.campaigns]
        click.echo(pretty({"schema": _SCHEMA, "campaigns": listed}))
        return 0
    for each in found.campaigns:
        click.echo(_head(each))
    if not found.campaigns:
        click.echo(_("no two incidents that were shared have anything in common"), err=True)
    return 0


@command.command(epilog="Exit codes: 0 shown, 6 no campaign has an incident of that id, or several ids begin so.")
@click.argument("incident")
@options.required_case_dir
@options.config_file
@options.as_json
def show(*, incident: str, case_dir: Path, config_file: Path | None, as_json: bool) -> int:
    """Show the campaigns that an INCIDENT is part of, by its STIX id, the beginning of it, or a told campaign's id."""
    from pollwatch.attribution import campaigns

    found = _view(case_dir, config_file)
    having = campaigns.having(found.campaigns, incident)
    if as_json:
        shown: list[Json] = [_document(each, found) for each in having]
        click.echo(pretty({"schema": _SCHEMA, "campaigns": shown}))
        return 0
    for each in having:
        for line in _lines(each, found.words):
            click.echo(printable(line, _LINE))
    return 0


def _view(case_dir: Path, config_file: Path | None) -> View:
    from pollwatch import config
    from pollwatch.node.attribution import campaigning

    return campaigning.view(case_dir, config.load(Path.cwd(), os.environ, config_file), SystemClock())


def _head(campaign: Campaign) -> str:
    parts = ngettext("{n} incident", "{n} incidents", len(campaign.parts)).format(n=len(campaign.parts))
    columns = [campaign.parts[0].id, _span(campaign.first_us, campaign.last_us), parts, _by_bloc(campaign)]
    columns += list(dict.fromkeys(each.election for each in campaign.phases))
    columns += [f"{each.name!r} ({each.member.name})" for each in campaign.told]
    columns += [_("held together by weak links only")] if campaign.weak else []
    return "\t".join(printable(each) for each in columns)


def _by_bloc(campaign: Campaign) -> str:
    return ", ".join(f"{each.name} ({each.bloc})" for each in campaign.members)


def _span(first_us: int | None, last_us: int | None) -> str:
    return f"{rfc3339(first_us) or '?'} – {rfc3339(last_us) or '?'}"


def _lines(campaign: Campaign, words: Callable[[str], str]) -> Iterator[str]:
    """A campaign for people; each line is still to be made printable."""
    from pollwatch.attribution.verify import told_claim
    from pollwatch.report.words import phase_word

    yield _span(campaign.first_us, campaign.last_us)
    members = _("reported by {names}; members: {members}, blocs: {blocs}")
    yield members.format(members=len(campaign.members), blocs=len(campaign.blocs), names=_by_bloc(campaign))
    if campaign.weak:
        yield _("it is held together by weak links only: they may be different campaigns")
    for told in campaign.told:
        text = _("{member} told of it as {name!r} [{id}]")
        yield text.format(member=told.member.name, name=told.name, id=told.id)
    for phase in campaign.phases:
        yield _("election: {election}, {phase}").format(election=phase.election, phase=phase_word(phase.phase))
    for part in campaign.parts:
        yield f"  {_span(part.first_us, part.last_us)}  {part.member.name}: {part.name} [{part.id}]"
    for common in campaign.common:
        yield _common_line(common, words)
    for technique, count in campaign.techniques:
        text = _("technique {technique}: in {n} of its {all} incidents; techniques link nothing")
        yield text.format(technique=technique, n=count, all=len(campaign.parts))
    for judged in campaign.judged:
        yield from told_claim(judged)
        if judged.outcome == "open":  # any other end is among what was said
            yield "  " + _("it is open: neither closed nor taken back")


def _common_line(common: Common, words: Callable[[str], str]) -> str:
    text = _("{what}: seen in {n} of {all} incidents; members that saw it: {count} ({names})")
    names = ", ".join(each.name for each in common.members)
    line = text.format(
        what=common.observable.value, n=len(common.incidents), all=common.among, count=len(common.members), names=names
    )
    if not common.links:
        line += "; " + _("so many have it that it links nothing")
    if common.warnings:
        line += "; " + _("weak: {why}").format(why=", ".join(map(words, common.warnings)))
    return line


def _document(campaign: Campaign, view: View) -> dict[str, Json]:
    return {
        "first": rfc3339(campaign.first_us),
        "last": rfc3339(campaign.last_us),
        "members": [{"name": each.name, "bloc": each.bloc} for each in campaign.members],
        "blocs": list(campaign.blocs),
        "weak": campaign.weak,
        "told": [
            {"id": each.id, "name": each.name, "member": each.member.name, "incidents": list(each.incidents)}
            for each in campaign.told
        ],
        "phases": [{"election": each.election, "phase": each.phase} for each in campaign.phases],
        "incidents": [
            {
                "id": each.id,
                "name": each.name,
                "member": each.member.name,
                "first": rfc3339(each.first_us),
                "last": rfc3339(each.last_us),
                "election": each.phase.election if each.phase else None,
                "phase": each.phase.phase if each.phase else None,
                "techniques": list(each.techniques),
            }
            for each in campaign.parts
        ],
        "common": [
            {
                "kind": each.observable.kind.value,
                "value": each.observable.value,
                "incidents": list(each.incidents),
                "among": each.among,
                "members": [member.name for member in each.members],
                "warnings": [view.words(key) for key in each.warnings],
                "links": each.links,
                "weak": each.weak,
            }
            for each in campaign.common
        ],
        "techniques": [{"id": technique, "incidents": count} for technique, count in campaign.techniques],
        "claims": [_claim(each) for each in campaign.judged],
    }


def _claim(judged: Judged) -> dict[str, Json]:
    said = judged.claim.assertion
    return {
        "id": judged.claim.id,
        "claimant": judged.claim.claimant.name,
        "incident": said.incident,
        "finding": said.finding.value,
        "respondent": said.respondent.name if said.respondent else None,
        "likelihood": said.likelihood.word if said.likelihood else None,
        "confidence": said.confidence.value,
        "outcome": judged.outcome,
        "denials": [
            {"id": each.id, "member": each.author.name, "text": each.text, "created": each.created}
            for each in judged.denials
        ],
    }
