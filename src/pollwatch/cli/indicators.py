"""``pollwatch indicators``: what others say to look out for, taken in, looked at, decided about."""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import indicatorwords as words
from pollwatch.cli import options
from pollwatch.clock import UTC, SystemClock
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.indicators.desk import Desk
    from pollwatch.node.indicators.hunting import Hunted
    from pollwatch.sharing.indicators.candidates import Read
    from pollwatch.sharing.indicators.store import IndicatorStore

_TLP = ("clear", "green", "amber", "amber+strict", "red")
_STATES = ("new", "accepted", "override", "rejected", "retracted", "expired")


@click.group(name="indicators")
def command() -> None:
    """Take in what others say to look out for, look at it, and decide what is used and what is passed on.

    Nothing is used because somebody sent it: a person accepts it, by name. What a warning list names (a cloud, a
    resolver, your own system) is marked when it comes and needs an override with a reason. A hit alone is never high.
    """


@command.command(name="import", epilog="Exit codes: 0 read, 3 cannot be read or holds nothing of the kind.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options.required_case_dir
@click.option("--source", default="", metavar="NAME", help="Who made it.  [default: as it says itself, else its name]")
@click.option("--from", "member", default="", metavar="MEMBER", help="It came from this member, unsigned.")
@click.option("--own", is_flag=True, help="We saw it ourselves.")
@click.option("--format", "format_name", type=click.Choice(("stix", "misp", "csv")), help="[default: found out]")
@click.option("--tlp", type=click.Choice(_TLP), default="amber+strict", show_default=True,
              help="Marking (TLP 2.0) of what carries none.")  # fmt: skip
@click.option("--seen", type=options.Moment(), metavar="TIME", help="When it was seen, where it does not say.  [now]")
@click.option("--dry-run", is_flag=True, help="Say what it holds and what speaks against it; keep nothing.")
@options.config_file
@options.as_json
def import_(  # noqa: PLR0913 - one argument per option
    *,
    files: tuple[str, ...],
    case_dir: Path,
    source: str,
    member: str,
    own: bool,
    format_name: str | None,
    tlp: str,
    seen: str | None,
    dry_run: bool,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Read indicators from FILEs: STIX 2.1, MISP (an event, or a feed's folder), CSV, one value a line; ``-`` is stdin.

    Defanged values are understood. What is not understood is listed with its reason. Everything stays "new" until
    somebody accepts it.
    """
    from pollwatch.errors import UsageError
    from pollwatch.members.marking import Tlp
    from pollwatch.node.indicators import indicating
    from pollwatch.node.indicators.desk import source_of
    from pollwatch.sharing.indicators.indicator import Origin, Source

    if sum(map(bool, (source, member, own))) > 1:
        raise UsageError(_("--source, --from and --own each say who reports it; give one"))
    desk = _desk(case_dir, config_file)
    documents: list[Json] = []
    for file in files:
        read, data = _read(file, format_name or "")
        if own:
            who = desk.own
        elif member:
            if desk.membership is None:
                raise UsageError(_("no charter is in force in {case}; use --source").format(case=case_dir))
            who = source_of(desk.membership.charter.member(member), desk.membership.me)
        else:
            who = Source(source or read.maker or Path(file).name, Origin.FEED)
        now_us = desk.clock.now_us()
        seen_us = None if seen is None else options.moment_us(seen, now_us, UTC)
        terms = indicating.Terms(who, Tlp.parse(tlp), seen_us, hashlib.sha256(data).hexdigest())
        found = indicating.sort(desk, read, terms)
        taken = None if dry_run else indicating.take(desk, found, terms)
        if as_json:
            documents.append(words.import_document(file, who, found, taken))
        else:
            words.tell_import(file, who, found, taken, desk.innocents)
    if as_json:
        click.echo(pretty({"schema": "pollwatch.indicators-import/1", "dry_run": dry_run, "imports": documents}))
    return 0


def _read(file: str, format_name: str) -> tuple[Read, bytes]:
    from pollwatch.errors import FormatError
    from pollwatch.sharing.indicators import reading

    try:
        if file == "-":
            data = sys.stdin.buffer.read(reading.MAX_BYTES + 1)
            return reading.read_bytes(data, format_name), data
        return reading.read_path(Path(file), format_name)
    except FormatError as error:
        raise FormatError(f"{file}: {error}") from error


@command.command(name="list")
@options.required_case_dir
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only these; may be repeated.")
@click.option("--source", default="", metavar="NAME", help="Only what this source reported.")
@click.option("--weak", is_flag=True, help="Only what a warning list names.")
@options.as_json
def list_(*, case_dir: Path, states: tuple[str, ...], source: str, weak: bool, as_json: bool) -> int:
    """List the indicators: what each weighs, whose word it is, and where it stands."""
    from pollwatch.sharing.indicators import scoring, standing

    store, now_us = _store(case_dir), SystemClock().now_us()
    everything = store.all()
    records = standing.records(everything)
    found = [
        each
        for each in everything
        if (not states or scoring.state(each, now_us).value in states)
        and (not source or any(r.source.name.casefold() == source.casefold() for r in each.reports))
        and (not weak or each.weak)
    ]
    if as_json:
        listed: list[Json] = [words.document(each, records, now_us) for each in found]
        click.echo(pretty({"schema": "pollwatch.indicators/1", "indicators": listed}))
    else:
        words.table(found, records, now_us)
    return 0


@command.command()
@click.argument("indicator")
@options.required_case_dir
@options.as_json
def show(*, indicator: str, case_dir: Path, as_json: bool) -> int:
    """Show one INDICATOR (its id or value): every report, every decision, and how its score comes about."""
    from pollwatch.sharing.indicators import standing

    store, now_us = _store(case_dir), SystemClock().now_us()
    found = store.get(indicator)
    records = standing.records(store.all())
    if as_json:
        click.echo(pretty({"schema": "pollwatch.indicator/1", **words.whole_document(found, records, now_us)}))
    else:
        words.page(found, records, now_us)
    return 0


def _deciding(act: str, text: str, *, overrides: bool) -> None:
    """Add the verb for one kind of decision."""

    @command.command(name=act, help=text)
    @click.argument("names", nargs=-1, metavar="[INDICATOR...]")
    @options.required_case_dir
    @click.option("--all-new", is_flag=True, help="Also every indicator that is new; those that are warned of stay.")
    @click.option("--source", default="", metavar="NAME", help="Of these, only what this source reported.")
    @click.option("--by", "who", default="", metavar="NAME", help="Who decides.  [default: the user's name]")
    @click.option("--reason", default="", metavar="TEXT", help="Why.")
    @options.config_file
    @options.as_json
    def verb(  # noqa: PLR0913 - one argument per option
        *,
        names: tuple[str, ...],
        case_dir: Path,
        all_new: bool,
        source: str,
        who: str,
        reason: str,
        config_file: Path | None,
        as_json: bool,
        override: bool = False,
    ) -> int:
        from pollwatch.errors import PolicyError, UsageError
        from pollwatch.node.indicators import deciding
        from pollwatch.sharing.indicators.indicator import Act, State

        if not names and not all_new:
            raise UsageError(_("name indicators, or give --all-new"))
        desk = _desk(case_dir, config_file)
        chosen = deciding.choose(desk, names, (lambda state: state is State.NEW) if all_new else None, source)
        ruling = deciding.Ruling(Act(act), who or getpass.getuser(), reason, override)
        decided = deciding.decide(desk, chosen, ruling)
        hunted = _hunted(desk, config_file) if act == Act.ACCEPT else None
        if as_json:
            click.echo(pretty(words.decided_document(act, decided, hunted)))
        else:
            words.tell_decided(act, decided)
            if hunted is not None:
                words.tell_hunt(hunted)
        return PolicyError.exit_code if decided.refused and not all_new else 0

    if overrides:
        click.option("--override", is_flag=True, help="Although a warning list names it; needs a --reason.")(verb)


_deciding(
    "accept",
    "Put indicators to use: scans look for them from now on, and the past is searched for them at once. "
    "What a warning list names needs an override. Hits stay here until you share them.",
    overrides=True,
)
_deciding("reject", "Put indicators aside: they are not used and not passed on.", overrides=False)
_deciding(
    "release",
    "Allow indicators to be shared and to enter a private matching. What others told us in confidence is refused.",
    overrides=True,
)
_deciding("withdraw", "Take back a release; what was shared already is retracted, not withdrawn.", overrides=False)
_deciding("confirm", "Note that indicators turned out right; those who reported them gain standing.", overrides=False)
_deciding(
    "refute", "Note that indicators named somebody innocent; those who reported them lose standing.", overrides=False
)


@command.command(
    epilog="Exit codes: 0 everybody was told, 5 somebody was not reached yet, 6 nobody was ever told of it."
)
@click.argument("indicator")
@options.required_case_dir
@click.option("--reason", required=True, metavar="TEXT", help="Why; those who have it are told.")
@click.option("--by", "who", default="", metavar="NAME", help="Who decides.  [default: the user's name]")
@click.option("--basis", default="", metavar="TEXT", help="Legal basis, for the ledger.  [default: the charter]")
@options.config_file
@options.as_json
def retract(
    *, indicator: str, case_dir: Path, reason: str, who: str, basis: str, config_file: Path | None, as_json: bool
) -> int:
    """Take back an INDICATOR that was shared: signed, delivered to everybody who was ever given it.

    It goes out of use there, and incidents in which it counted say so. Who cannot be reached is told when next you
    talk.
    """
    from pollwatch.cli import share
    from pollwatch.node.sharing.releasing import Decision

    store = _store(case_dir)
    decision = Decision(who or getpass.getuser(), basis or _("a correction"))
    return share.take_back(case_dir, store.get(indicator).id, reason, decision, config_file, as_json=as_json)


def _hunted(desk: Desk, config_file: Path | None) -> Hunted | None:
    """Search the past for what was just accepted, and for what an interrupted hunt left; None where nothing is."""
    from pollwatch import config
    from pollwatch.node.indicators import hunting

    waiting = hunting.pending(desk)
    if not waiting:
        return None
    return hunting.hunt(desk, config.load(Path.cwd(), os.environ, config_file).calendar, waiting)


def _desk(case_dir: Path, config_file: Path | None) -> Desk:
    from pollwatch import config
    from pollwatch.node.indicators.desk import Desk

    settings = config.load(Path.cwd(), os.environ, config_file)
    return Desk.open(case_dir, SystemClock(), settings.assets)


def _store(case_dir: Path) -> IndicatorStore:
    from pollwatch.errors import StoreError
    from pollwatch.node.charter.jointfolder import JointFolder
    from pollwatch.sharing.indicators.store import IndicatorStore

    path = JointFolder(case_dir).indicators
    if not path.exists():
        raise StoreError(_("no indicators in {case}; see: pollwatch indicators import --help").format(case=case_dir))
    return IndicatorStore(path)
