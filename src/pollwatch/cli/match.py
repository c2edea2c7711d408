"""``pollwatch match``: find out what others have too, without showing them the rest."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, monotonic_s, rfc3339
from pollwatch.errors import EvidenceError, FormatError, PeerError, PolicyError, StoreError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.events.observable import Observable
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.match.matching import Stepped
    from pollwatch.node.match.matchview import Preview
    from pollwatch.sharing.matching.papers import Group
    from pollwatch.sharing.matching.runs import Run
    from pollwatch.sharing.matching.workers import Workers

_LOOK_S = 0.5


class _Matching(click.RichGroup):
    """``match MEMBER`` is short for ``match run MEMBER``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb in where only a member or options are given."""
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(name="match", cls=_Matching, context_settings={"ignore_unknown_options": True})
def command() -> int:
    """Find out which released indicators others have too; nobody learns anything about the rest.

    `pollwatch match MEMBER` matches with one member. What a hit tells is to whom to talk: what is then shown goes
    through `pollwatch share`. How it works and what remains: docs/explanation/private-matching.md.
    """
    return 0


@command.command(epilog="Exit codes: 0 done or under way (or --dry-run), 5 refused or out of reach, 6 not allowed.")
@click.argument("member", required=False)
@options.required_case_dir
@click.option("--group", "in_group", is_flag=True, help="Match with all voting members at once, instead of with one.")
@click.option(
    "-t",
    "--threshold",
    type=click.IntRange(2, 100),
    metavar="N",
    help="With --group: how many members hold an item before its holders are told.  [default: the charter's]",
)
@click.option(
    "--collector",
    metavar="MEMBER",
    help="With --group: who looks for matches; its own set does not enter.  [default: the charter's auditor]",
)
@click.option("--dry-run", is_flag=True, help="Say what would enter, what that gives away and costs; do nothing.")
@click.option(
    "--wait", "wait_s", type=click.IntRange(0, 86_400), default=60, show_default=True, metavar="SECONDS",
    help="How long to wait for the other side's answer; it comes at the next look otherwise.",
)  # fmt: skip
@options.as_json
def run(  # noqa: PLR0913 - one argument per option
    *,
    member: str | None,
    case_dir: Path,
    in_group: bool,
    threshold: int | None,
    collector: str | None,
    dry_run: bool,
    wait_s: int,
    as_json: bool,
) -> int:
    """Match with MEMBER: both learn which released indicators both have; or, with --group, with all at once.

    The commitment to our set goes into our shared log first, where every member counts it, and is spent whatever
    happens. The others' nodes answer when they look into their boxes (`pollwatch match answer`).

    In a group, an indicator is shown to those who hold it when enough members from enough blocs do, and to nobody
    else. It takes at least three members besides the collector.
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.match import matching
    from pollwatch.sharing.matching.workers import Workers

    clock = SystemClock()
    membership = Membership.open(case_dir)
    if in_group:
        if member is not None:
            raise UsageError(_("name one member, or --group, not both"))
        return _group(membership, collector, threshold, dry_run=dry_run, wait_s=wait_s, as_json=as_json)
    if member is None or threshold is not None or collector is not None:
        raise UsageError(_("name a member: pollwatch match MEMBER; or match with all: pollwatch match --group -t 3"))
    peer = membership.peer(member)
    if dry_run:
        from pollwatch.node.match import matchview

        preview = matchview.preview(membership, peer, clock)
        click.echo(pretty(preview.record()) if as_json else _preview(preview))
        return 0
    with Workers() as workers:
        begun = matching.begin(membership, peer, clock, workers)
        return _follow(membership, begun.run, wait_s, workers, as_json=as_json)


def _group(
    membership: Membership,
    collector: str | None,
    threshold: int | None,
    *,
    dry_run: bool,
    wait_s: int,
    as_json: bool,
) -> int:
    from pollwatch.node.match import matching
    from pollwatch.sharing.matching.workers import Workers

    clock, name = SystemClock(), collector or membership.charter.matching.auditor
    if not name:
        raise UsageError(_("name a collector (--collector MEMBER): the charter has no auditor that could be it"))
    who = membership.charter.member(name)
    if dry_run:
        group = matching.plan_group(membership, who, threshold, clock)
        click.echo(
            pretty({"schema": "pollwatch.match-group/1", **group.record()}) if as_json else _group_preview(group)
        )
        return 0
    group = matching.begin_group(membership, who, threshold, clock)
    with Workers() as workers:
        return _follow(membership, group.run, wait_s, workers, as_json=as_json)


def _follow(membership: Membership, run_id: str, wait_s: int, workers: Workers, *, as_json: bool) -> int:
    """Go on with a run until it ends, or for so long."""
    from pollwatch.node.match import matching
    from pollwatch.sharing.matching.runs import State

    until_s = monotonic_s() + wait_s
    while True:
        stepped = matching.step(membership, SystemClock(), workers)
        now = matching.runs(membership).get(run_id)
        if monotonic_s() > until_s or (now is not None and now.state not in {State.PREPARED, State.WAITING}):
            return _told(membership, [now] if now else [], stepped, as_json=as_json)
        time.sleep(_LOOK_S)


@command.command(epilog="Exit codes: 0 nothing is left to do, 5 somebody could not be reached.")
@options.required_case_dir
@click.option(
    "--every", "every_s", type=click.IntRange(1, 86_400), metavar="SECONDS", help="Look again and again, until stopped."
)
@options.as_json
def answer(*, case_dir: Path, every_s: int | None, as_json: bool) -> int:
    """Look into our box: answer other members' requests within the charter's budget, go on with our own.

    Only members for which somebody switched on the stage `match` are answered. What is refused is refused in our
    shared log, with the reason.
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.match import matching
    from pollwatch.sharing.matching.workers import Workers

    clock = SystemClock()
    with Workers() as workers:
        while True:
            membership = Membership.open(case_dir)
            before = {each.run: each.state for each in matching.runs(membership).all()}
            try:
                stepped = matching.step(membership, clock, workers)
            except StoreError as error:
                if every_s is None:
                    raise
                options.complain(str(error))  # a scan holds the log: the next look makes up for it
            else:
                changed = [each for each in matching.runs(membership).all() if before.get(each.run) is not each.state]
                code = _told(membership, changed, stepped, as_json=as_json)
                if every_s is None:
                    return code
            time.sleep(every_s)


@command.command()
@click.argument("run_id", required=False, default="", metavar="[RUN]")
@options.required_case_dir
@options.as_json
def status(*, run_id: str, case_dir: Path, as_json: bool) -> int:
    """Show our runs, or one of them by the beginning of its id; without network."""
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.match import matching

    membership = Membership.open(case_dir)
    found = [each for each in matching.runs(membership).all() if each.run.startswith(run_id)]
    if run_id and not found:
        raise PolicyError(_("there is no run {run}; see: pollwatch match status").format(run=printable(run_id)))
    return _told(membership, found, None, as_json=as_json)


@command.command()
@options.required_case_dir
@click.option("--fresh", is_flag=True, help="Read the others' logs now, instead of our last copies.")
@options.as_json
def budget(*, case_dir: Path, fresh: bool, as_json: bool) -> int:
    """Show what every member has spent in this epoch, with whom, counted from the logs."""
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.match import matchview

    membership = Membership.open(case_dir)
    counted = matchview.budgets(membership, SystemClock(), fresh=fresh)
    if as_json:
        click.echo(pretty(counted.record()))
        return 0
    head = _("epoch {epoch}, until {end}; per member, peer and epoch: {items} items, {runs} runs")
    rules = membership.charter.matching
    facts = {"epoch": counted.epoch, "end": rfc3339(counted.end_us), "items": rules.items, "runs": rules.runs}
    click.echo(head.format(**facts))
    for line in counted.lines:
        if line.problem:
            words = _("{member}: its log could not be read: {problem}")
            click.echo(words.format(member=printable(line.member), problem=printable(line.problem, 300)))
        for other, spent in line.spent:
            words = _("{member} with {other}: {items} items, {runs} runs")
            names = {"member": printable(line.member), "other": printable(other)}
            click.echo(words.format(**names, items=spent.items, runs=spent.runs))
    return 0


@command.command(epilog="Exit codes: 0 all that was opened holds, 4 something that entered could not be opened.")
@options.required_case_dir
@options.as_json
def audit(*, case_dir: Path, as_json: bool) -> int:
    """Show every set that entered a matching, and what the charter's auditor found in what was opened to it.

    The auditor itself judges openings when it looks into its box (`pollwatch match answer`).
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.match import auditing, matching

    membership = Membership.open(case_dir)
    owed = auditing.overview(membership, matching.Logs(membership, SystemClock()))
    if as_json:
        sets: list[Json] = [each.record() for each in owed]
        click.echo(pretty({"schema": "pollwatch.match-audit/1", "sets": sets}))
    for each in () if as_json else owed:
        facts = {"run": each.commitment.run[:8], "member": printable(each.commitment.member)}
        facts |= {"size": str(each.commitment.size), "opened": str(each.finding.opened if each.finding else 0)}
        if each.finding is None:
            click.echo(_("run {run}: {size} of {member}, not opened yet").format(**facts))
        elif not each.finding.problem:
            click.echo(_("run {run}: {opened} of {size} of {member} were opened and hold").format(**facts))
        else:
            words = _("run {run}: what {member} opened does not hold: {problem}")
            click.echo(words.format(**facts, problem=printable(each.finding.problem, 600)))
    failed = any(each.finding is not None and each.finding.problem for each in owed)
    return EvidenceError.exit_code if failed else 0


@command.command()
@click.argument("value")
@options.required_case_dir
@click.option("--reason", required=True, metavar="TEXT", help="Why it must not enter.")
@click.option("--by", "who", required=True, metavar="NAME", help="Who decides this.")
def hold(*, value: str, case_dir: Path, reason: str, who: str) -> int:
    """Keep the indicator VALUE out of matching, although it is released: others must not learn yet that we know it."""
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.match import matching

    matching.hold(Membership.open(case_dir), _observable(value), who, reason, SystemClock())
    return 0


@command.command()
@click.argument("value")
@options.required_case_dir
def lift(*, value: str, case_dir: Path) -> int:
    """Let the indicator VALUE enter matching again."""
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.match import matching

    if not matching.lift(Membership.open(case_dir), _observable(value), SystemClock()):
        raise PolicyError(_("{value} is not held").format(value=printable(value)))
    return 0


def _observable(value: str) -> Observable:
    from pollwatch.events.observable import guessed

    try:
        return guessed(value)
    except ValueError as error:
        raise FormatError(str(error)) from None


def _preview(preview: Preview) -> str:
    lines = [
        _("with {peer}, epoch {epoch}: {items} indicators would enter, in a set that looks like {size}"),
        _("kept out: {young} released too recently, {held} held back, {known} entered before or known to be common, "
          "{left_out} for which there is no room"),
        _("it costs {size} of {items_left} items and 1 of {runs_left} runs that are left with {peer} in this epoch"),
        _("{peer} learns: that we match with it, the size {size}, and those of our indicators that it has too"),
        _("every member learns: that we match with {peer}, when, and the size {size}"),
        _("we send {sent} bytes and receive about as many"),
        _("audit by {auditor}: {opened} of {size} places are opened to it, chosen by a beacon")
        if preview.auditor
        else _("no auditor was agreed: that the other side made its set up would go unnoticed"),
    ]  # fmt: skip
    return "\n".join(printable(each.format(**preview.facts), 400) for each in lines)


def _group_preview(group: Group) -> str:
    lines = [
        _("members whose sets enter: {members}"),
        _("keys of the PRF are held by: {holders}; matches are looked for by: {collector}"),
        _("an item is shown to its holders when {threshold} members from {blocs} blocs hold it"),
        _("it costs every member {size} items and 1 run with each other one in epoch {epoch}"),
        _("{collector} learns which members hold something together, not what; a member that colludes with it learns "
          "who else holds what it entered itself"),
    ]  # fmt: skip
    facts = {key: ", ".join(value) if isinstance(value, list) else value for key, value in group.record().items()}
    return "\n".join(printable(each.format(**facts), 600) for each in lines)


def _told(membership: Membership, found: list[Run], stepped: Stepped | None, *, as_json: bool) -> int:
    """Runs for a person or a program; gives the exit code."""
    from pollwatch.node.match import matchview
    from pollwatch.sharing.matching.runs import State

    problems = stepped.problems if stepped else ()
    if as_json:
        documents: list[Json] = [matchview.document(membership, each) for each in found]
        told: list[Json] = [{"member": name, "problem": text} for name, text in problems]
        click.echo(pretty({"schema": "pollwatch.match/1", "runs": documents, "problems": told}))
    else:
        for each in found:
            _told_one(membership, each)
        for name, text in problems:
            options.complain(f"{name}: {text}")
    bad = any(each.state in {State.REFUSED, State.ABANDONED} for each in found)
    return PeerError.exit_code if stepped and (bad or problems) else 0


def _told_one(membership: Membership, run: Run) -> None:
    from pollwatch.node.match import matchview

    facts = {
        "run": run.run[:8],
        "peer": printable(run.peer),
        "state": _STATES[run.state.value],
        "at": rfc3339(run.at_us),
    }
    click.echo(_("run {run} with {peer} of {at}: {state}").format(**facts))
    if run.problem:
        click.echo(f"  {printable(run.problem, 600)}")
    for place, names in matchview.holders(membership, run).items():
        observable = run.leaves[place].observable
        if observable is not None:
            who = printable(", ".join(names), 400)
            click.echo(f"  {observable.kind.value}  {printable(observable.value)}  ({who})")
    if run.state.value == "completed":
        words = _("  {count} in common; to show more than that: pollwatch share")
        click.echo(words.format(count=len(run.common)))


_STATES = {
    "prepared": _("prepared"),
    "waiting": _("waiting for the other side"),
    "completed": _("completed"),
    "refused": _("refused"),
    "abandoned": _("given up"),
}
