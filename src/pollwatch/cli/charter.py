"""``pollwatch charter``: draft, sign and show the constitution of a joint watch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.errors import UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.members.charter import Charter, SignedCharter

_TLP = ("clear", "green", "amber", "amber+strict", "red")
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group(name="charter")
def command() -> None:
    """Draft, sign and show the charter: who is in the joint watch, and by which rules.

    Each member runs `pollwatch members card` and hands over its card; one drafts with `charter new`; each signs with
    `charter sign`. The charter is in force at a node when the last signature is on the file that it signs.
    """


@command.command()
@click.argument("cards", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the joint watch.")
@click.option("--election", "elections", multiple=True, help="Election that is watched; may be given more than once.")
@click.option("--statements", type=int, help="How many members sign a statement.  [default: all]")
@click.option("--blocs", type=int, help="From how many blocs they come.  [default: all]")
@click.option(
    "--cosigners",
    type=int,
    help="How many others cosign a log to raise its grade.  [default: 1; from 4 members: all but a bloc]",
)
@click.option(
    "--tlp", type=click.Choice(_TLP), default="amber", show_default=True, help="Marking unless said otherwise."
)
@click.option("--reply-days", type=click.IntRange(0, 365), default=7, show_default=True, help="Time to answer a claim.")
@click.option("--releasers", type=click.IntRange(1, 2), default=1, show_default=True, help="People who release.")
@click.option("--amend-members", type=int, help="How many members sign a change.  [default: two thirds; of two, both]")
@click.option("--amend-blocs", type=int, help="From how many blocs they come.  [default: two, where there are two]")
@options.required_case_dir
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
def new(  # noqa: PLR0913 - one argument per option
    *,
    cards: tuple[Path, ...],
    name: str,
    elections: tuple[str, ...],
    statements: int | None,
    blocs: int | None,
    cosigners: int | None,
    tlp: str,
    reply_days: int,
    releasers: int,
    amend_members: int | None,
    amend_blocs: int | None,
    case_dir: Path,
    output: Path,
) -> int:
    """Draft a charter from the members' CARDS and sign it as the first; hand FILE to the others.

    It is an exercise where the cards are (see: pollwatch members card --exercise).
    """
    from pollwatch.members.marking import Tlp
    from pollwatch.members.rules import Amendment, Quorum
    from pollwatch.node import enrol

    if len(cards) < 2:
        raise UsageError(_("a joint watch has at least two members; give each member's card"))
    counts = (statements, blocs, cosigners)
    if any(each is not None for each in counts) and None in counts:
        raise UsageError(_("give all of --statements, --blocs and --cosigners, or none of them"))
    quorum = Quorum(statements, blocs, cosigners) if statements and blocs and cosigners is not None else None
    if (amend_members is None) != (amend_blocs is None):
        raise UsageError(_("give both of --amend-members and --amend-blocs, or none of them"))
    amendment = Amendment(amend_members, amend_blocs) if amend_members is not None and amend_blocs is not None else None
    terms = enrol.Terms(
        name, elections, quorum, Tlp.parse(tlp), reply_days * 86_400, releasers=releasers, amendment=amendment
    )
    draft = enrol.draft([card.read_bytes() for card in cards], terms, SystemClock())
    signed = enrol.begin(case_dir, draft)
    output.write_bytes(signed.to_bytes())
    _tell_missing(signed, output)
    return 0


@command.command()
@_file
@options.required_case_dir
def sign(*, file: Path, case_dir: Path) -> int:
    """Sign the charter in FILE with this node's statement key; FILE then carries the signature.

    With the last signature it comes into force here. Whoever signed earlier runs this again on the complete file.
    Read it first: pollwatch charter show FILE.
    """
    from pollwatch.node import enrol

    outcome = enrol.sign(case_dir, file.read_bytes(), SystemClock())
    file.write_bytes(outcome.signed.to_bytes())
    if outcome.in_force:
        words = _("signed by all; in force here. Its fingerprint, to compare with the others: {digest}")
        click.echo(words.format(digest=outcome.signed.charter.digest), err=True)
    else:
        _tell_missing(outcome.signed, file)
    return 0


@command.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.case_dir
@click.option("--policy", metavar="MEMBER", default="", help="The C2SP policy by which MEMBER's log is judged.")
@options.as_json
def show(*, file: Path | None, case_dir: Path | None, policy: str, as_json: bool) -> int:
    """Show a charter and who signed it: that of FILE, or the one in force in --case DIR."""
    from pollwatch.members.charter import SignedCharter
    from pollwatch.node.jointfolder import JointFolder

    if file is not None:
        signed = SignedCharter.parse(file.read_bytes())
    elif case_dir is not None:
        signed = JointFolder(case_dir).load_charter()
    else:
        raise UsageError(_("name a charter's FILE, or --case DIR"))
    charter = signed.charter
    if policy:
        click.echo(charter.policy(charter.member(policy)), nl=False)
    elif as_json:
        missing = [each.name for each in signed.missing()]
        document = {"schema": "pollwatch.charter-show/1", "digest": charter.digest, "missing": missing}
        click.echo(pretty({**document, "charter": charter.record()}))
    else:
        _show(charter, signed)
    return 0


def _show(charter: Charter, signed: SignedCharter) -> None:
    unsigned = {each.name for each in signed.missing()}
    quorum = charter.quorum
    words = _(
        "{name}\nfingerprint {digest}\neffective {effective}; watches {elections}\n"
        "a statement takes {statements} members from {blocs} blocs; a log is raised by {cosigners} cosigners; "
        "default marking {tlp}; {days} days to answer a claim"
    ).format(
        name=printable(charter.name),
        digest=charter.digest,
        effective=rfc3339(charter.effective_us),
        elections=printable(", ".join(charter.elections)) or _("whatever its members watch"),
        statements=quorum.statements,
        blocs=quorum.blocs,
        cosigners=quorum.cosigners,
        tlp=charter.tlp_default.label,
        days=charter.reply_window_s // 86_400,
    )
    click.echo(words)
    for each in charter.members:
        state = _("NOT SIGNED") if each.name in unsigned else _("signed")
        line = f"  {each.name} ({each.bloc}, {each.role.value}) {each.address}"
        click.echo(f"{printable(line)}  {state}  {each.statement.fingerprint[:16]}")


def _tell_missing(signed: SignedCharter, file: Path) -> None:
    names = printable(", ".join(each.name for each in signed.missing()))
    if not names:
        click.echo(_("signed by all; run: pollwatch charter sign {file}").format(file=file), err=True)
        return
    words = _("signed; still to sign: {names}. Hand them {file}; they run: pollwatch charter sign {file}")
    click.echo(words.format(names=names, file=file), err=True)
