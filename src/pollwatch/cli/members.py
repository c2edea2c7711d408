"""``pollwatch members``: introduce oneself, publish, and look after the others' logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options, record, renew
from pollwatch.clock import SystemClock
from pollwatch.errors import SplitError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.charter.staging import Switched
    from pollwatch.node.logs.watching import Checked

_STAGES = ("alone", "receive", "witness", "match", "share", "claim")


@click.group(name="members", invoke_without_command=True)
@options.case_dir
@options.as_json
@click.pass_context
def command(context: click.Context, *, case_dir: Path | None, as_json: bool) -> int:
    """Show the members of the joint watch, and how far this one goes with each; without network.

    The subcommands introduce this node, publish its log, check the logs of the others, and switch stages.
    """
    from pollwatch.node.charter import roster
    from pollwatch.node.charter.jointfolder import Membership

    if context.invoked_subcommand is not None:
        return 0
    if case_dir is None:
        raise UsageError(_("name the case folder: pollwatch members --case DIR"))
    membership = Membership.open(case_dir)
    lines = roster.lines(membership)
    if as_json:
        members: list[Json] = [each.record() for each in lines]
        charter: Json = {"name": membership.charter.name, "digest": membership.charter.digest}
        click.echo(pretty({"schema": "pollwatch.members/1", "charter": charter, "members": members}))
        return 0
    head = _("{name} ({digest})").format(name=membership.charter.name, digest=membership.charter.digest[:16])
    click.echo(printable(head))
    for each in lines:
        click.echo(printable(each.sentence, 1000))
    return 0


command.add_command(renew.command)
command.add_command(record.command)


@command.command()
@click.argument("member")
@click.argument("stage", type=click.Choice(_STAGES))
@options.required_case_dir
@click.option("--by", "person", required=True, metavar="NAME", help="Who decides this.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
def stage(*, member: str, stage: str, case_dir: Path, person: str, reason: str) -> int:
    """Go exactly so far with MEMBER from now on; STAGE includes those before it.

    \b
    alone     nothing leaves for it, nothing that it sends is taken
    receive   what it sends is taken, and its log is read
    witness   each cosigns and mirrors the other's log (so it is after joining)
    match     private matching
    share     releases go to it, and it reads what was released
    claim     claims, opinions and statements go to it

    Who decided, when and why is recorded in the private log, which no other member sees. Retractions that MEMBER is
    owed since it was severed leave now. To stop at once: pollwatch sever MEMBER.
    """  # noqa: D301 - click's mark has to be the character itself
    from pollwatch.node.charter import staging
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.sharing.decisions import Person
    from pollwatch.sharing.stages import Stage

    membership = Membership.open(case_dir)
    peer = membership.peer(member)
    switched = staging.switch(membership, peer, Stage.parse(stage), Person.here(person), reason, SystemClock())
    told(switched)
    if switched.after > switched.before:
        from pollwatch.cli import share
        from pollwatch.node.sharing import releasing

        for sent in releasing.remind(membership, peer, SystemClock()):
            share.tell(sent)
    return 0


@command.command()
@click.argument("member")
@options.required_case_dir
@click.option("--by", "person", required=True, metavar="NAME", help="Who decides this.")
@click.option("--refuse", default="", metavar="TEXT", help="Do not delete, and say why.")
def forget(*, member: str, case_dir: Path, person: str, refuse: str) -> int:
    """Delete what MEMBER delivered, after it left, and say so under this node's signature in its shared log.

    Claims, opinions and what else was posted in shared logs stay. Copies elsewhere are not reached: the attestation
    says so. With --refuse nothing is deleted, and that is what is attested.
    """
    from pollwatch.node.charter import leaving
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.sharing.decisions import Person

    membership = Membership.open(case_dir)
    peer, who = membership.peer(member), Person.here(person)
    _signed, deleted = leaving.answer(membership, peer, who, SystemClock(), refusal=refuse)
    words = _("{n} objects of {member} deleted; posted in the shared log")
    click.echo(words.format(n=deleted, member=printable(peer.name)))
    return 0


@command.command()
@options.required_case_dir
@click.option("--address", metavar="URL", help="It stands elsewhere, and the inside node reaches it there.")
@click.option("--here", is_flag=True, help="Its folder is in the case folder (so it is at first).")
@click.option("--push", is_flag=True, help="Bring it up to date now, and say if it cannot be reached.")
def gateway(*, case_dir: Path, address: str | None, here: bool, push: bool) -> int:
    """Say where this member's gateway stands: in the case folder, or elsewhere (in a DMZ), reached by signed requests.

    The inside node always begins: it pushes the shared log, charters, stages and clients, and fetches what came. To
    move a gateway: stop it, move the folder CASE/joint/gateway to its machine, start `pollwatch gateway --folder DIR`
    there, then say --address URL here. The folder must not stay behind: two of it would cosign two histories.
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.gateway import pushing

    if here and address is not None:
        raise UsageError(_("--here and --address exclude each other"))
    membership = Membership.open(case_dir)
    if here or address is not None:
        pushing.settle(membership.folder, address or "")
    if push or address is not None:
        pushing.push(membership, SystemClock())
    where = pushing.address(membership.folder)
    click.echo(printable(where) if where else str(membership.folder.outer))
    return 0


def told(switched: Switched) -> None:
    """A change of stage, for a person."""
    facts = {"member": printable(switched.member.name), "before": switched.before.word, "after": switched.after.word}
    click.echo(_("{member}: {before} → {after}").format(**facts))
    if not switched.sealed:
        click.echo(_("a scan holds the private log; the decision is kept, and sealed when the scan ends"), err=True)
    if switched.unreached:
        said = _("our gateway does not know yet and goes on as before ({problem}): to be sure, unplug it")
        click.echo(printable(said.format(problem=switched.unreached), 1000), err=True)


@command.command()
@options.required_case_dir
@click.option("--name", required=True, help="Name of the organisation.")
@click.option("--bloc", required=True, help="Which members it would side with; members of one bloc count as one.")
@click.option("--address", required=True, metavar="URL", help="Where the others reach its gateway.")
@click.option(
    "--role",
    type=click.Choice(("member", "observer", "auditor")),
    default="member",
    show_default=True,
    help="Its part in the watch.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to write it."
)
@click.option("--exercise", is_flag=True, help="Keys for an exercise: nothing that they sign is ever taken as real.")
def card(*, case_dir: Path, name: str, bloc: str, address: str, role: str, output: Path | None, exercise: bool) -> int:
    """Make this node's keys and its card, which goes to whoever drafts the charter.

    The keys stay in the case folder, readable by their owner only; each of them has signed the card. One belongs into
    a safe: the statement key after the present one, to which the card commits. Asked again, it gives the same card.
    """
    from pollwatch.members.card import read_card
    from pollwatch.members.member import Role
    from pollwatch.node.charter import enrol
    from pollwatch.node.charter.jointfolder import JointFolder

    data = enrol.introduce(case_dir, name, bloc, Role(role), address.rstrip("/"), SystemClock(), exercise=exercise)
    if output is None:
        click.echo(data.decode("utf-8"), nl=False)
    else:
        output.write_bytes(data)
    fingerprint = read_card(data).statement.fingerprint
    click.echo(_("fingerprint, to read out over the telephone: {digest}").format(digest=fingerprint), err=True)
    if (following := JointFolder(case_dir).following).exists():
        words = _("your next statement key is {path}: put it into a safe, and take it away from here")
        click.echo(words.format(path=following), err=True)
    return 0


@command.command()
@options.required_case_dir
@click.option(
    "--every",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="Go on at this interval until stopped: seals come at a fixed time, also when nothing happened.",
)
@options.as_json
def publish(*, case_dir: Path, every: int | None, as_json: bool) -> int:
    """Seal what was recorded, publish the shared log, and ask the other members to cosign and to mirror it.

    Nobody's silence or refusal holds it up; it only lowers the grade to "asserted".
    """
    import time

    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.logs import publishing

    membership = Membership.open(case_dir)
    while True:
        published = publishing.publish(membership, SystemClock())
        cosignings = [{"member": each.member, "problem": each.problem} for each in published.cosignings]
        if as_json:
            document = {"schema": "pollwatch.published/1", "size": published.size, "root": published.root}
            mirrors = [{"member": each.member, "problem": each.problem} for each in published.mirrors]
            click.echo(pretty({**document, "grade": published.grade, "cosignings": cosignings, "mirrors": mirrors}))
        else:
            words = _("published size {size}, root {root}: {grade}")
            click.echo(words.format(size=published.size, root=published.root[:16], grade=published.grade))
            for done, asked in ((_("cosigned"), published.cosignings), (_("mirrored"), published.mirrors)):
                for each in asked:
                    click.echo(f"  {printable(each.member)}: {printable(each.problem) or done}")
        if every is None:
            return 0
        time.sleep(every)


@command.command(epilog="Exit codes: 0 all is well, 4 a log forked or is damaged, 5 a member cannot be reached.")
@click.argument("names", nargs=-1, metavar="[MEMBER...]")
@options.required_case_dir
@options.as_json
def check(*, names: tuple[str, ...], case_dir: Path, as_json: bool) -> int:
    """Fetch the logs of the other members, read all of them, and compare with what was seen before.

    A log that contradicts itself leaves a proof file that anybody can check: pollwatch verify FILE.
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.logs import watching

    checked = watching.check_peers(Membership.open(case_dir), SystemClock(), names)
    if as_json:
        click.echo(pretty({"schema": "pollwatch.members-check/1", "members": [_document(each) for each in checked]}))
    else:
        for each in checked:
            click.echo(f"{printable(each.member)}: {_verdict(each)}")
            click.echo(f"  {printable(each.detail)}")
            if each.proof is not None:
                click.echo(_("  proof: {path} (pollwatch verify {path})").format(path=each.proof))
    return _exit_code(checked)


def _exit_code(checked: tuple[Checked, ...]) -> int:
    if any(each.verdict in {"forked", "damaged", "went-back"} for each in checked):
        return SplitError.exit_code
    return 5 if any(each.verdict == "unreachable" for each in checked) else 0


def _document(each: Checked) -> dict[str, str | int | None]:
    return {
        "member": each.member,
        "verdict": each.verdict.value,
        "size": each.size,
        "before": each.before,
        "detail": each.detail,
        "proof": str(each.proof) if each.proof is not None else None,
    }


def _verdict(each: Checked) -> str:
    words = {
        "first-seen": _("seen for the first time, {size} entries, all read"),
        "unchanged": _("as before, {size} entries, all read"),
        "grown": _("grew from {before} to {size} entries, all read"),
        "went-back": _("went back from {before} to {size} entries"),
        "forked": _("FORKED: it signed two histories"),
        "damaged": _("DAMAGED: it is not what its checkpoint says"),
        "unreachable": _("cannot be reached"),
    }[each.verdict.value]
    return words.format(size=each.size, before=each.before)
