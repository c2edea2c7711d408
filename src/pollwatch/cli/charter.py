"""``pollwatch charter``: draft, sign, change, compare and explain the constitution of a joint watch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import amend, options, terms
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.errors import UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pollwatch.members.chain import Chain
    from pollwatch.members.charter import Charter
    from pollwatch.node.charter.greeting import Greeted

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group(name="charter")
def command() -> None:
    """Draft, sign, change and explain the charter: who is in the joint watch, and by which rules.

    Each member runs `pollwatch members card` and hands over its card; one drafts with `charter new`; each signs with
    `charter sign`. The charter is in force at a node when the last signature is on the file that it signs.
    """


command.add_command(amend.command)


@command.command()
@click.argument("cards", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the joint watch.")
@terms.options
@options.required_case_dir
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
def new(*, cards: tuple[Path, ...], name: str, case_dir: Path, output: Path, **given: terms.Given) -> int:
    """Draft a charter from the members' CARDS and sign it as the first; hand FILE to the others.

    It is an exercise where the cards are (see: pollwatch members card --exercise).
    """
    from pollwatch.node.charter import enrol

    if len(cards) < 2:
        raise UsageError(_("a joint watch has at least two members; give each member's card"))
    chosen = terms.chosen(given)
    draft = enrol.draft([card.read_bytes() for card in cards], chosen.for_first(name), SystemClock())
    outcome = enrol.sign(case_dir, enrol.begin(case_dir, draft).to_bytes(), SystemClock())
    output.write_bytes(outcome.chain.to_bytes())
    tell_missing(outcome.chain, output)
    return 0


@command.command()
@_file
@click.argument("cards", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.required_case_dir
@click.option("--instead", is_flag=True, help="Take back, on the record, what was signed before and excludes this.")
def sign(*, file: Path, cards: tuple[Path, ...], case_dir: Path, instead: bool) -> int:
    """Sign the charter in FILE with this node's statement key; FILE then carries the signature.

    Read it first: pollwatch charter brief FILE. With the last signature that it needs it comes into force here.
    Whoever signed earlier runs this again on the complete file. With the others' CARDS, it is also checked that they
    have the keys that the charter says are theirs.
    """
    from pollwatch.node.charter import enrol

    data = file.read_bytes()
    enrol.check_cards(data, [card.read_bytes() for card in cards])
    outcome = enrol.sign(case_dir, data, SystemClock(), instead=instead)
    file.write_bytes(outcome.chain.to_bytes())
    tell_signed(outcome.chain, file, in_force=outcome.in_force)
    return 0


@command.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.case_dir
@click.option("--policy", metavar="MEMBER", default="", help="The C2SP policy by which MEMBER's log is judged.")
@options.as_json
def show(*, file: Path | None, case_dir: Path | None, policy: str, as_json: bool) -> int:
    """Show a charter and who signed it: that of FILE, or the one in force in --case DIR."""
    chain, charter = _opened(file, case_dir)
    if policy:
        click.echo(charter.policy(charter.member(policy)), nl=False)
        return 0
    number = chain.digests.index(charter.digest)
    signed = chain.charters[number]
    names: list[Json] = [line.name for line in signed.note.signatures]
    lacking = chain.missing() if number == len(chain.charters) - 1 else ""
    if as_json:
        document: dict[str, Json] = {"schema": "pollwatch.charter-show/1", "digest": charter.digest}
        document |= {"number": number + 1, "signed_by": names, "missing": lacking, "charter": charter.record()}
        click.echo(pretty(document))
        return 0
    _show(charter, number + 1)
    click.echo(_("  signed with: {names}").format(names=printable(", ".join(map(str, names)), 2000)))
    if lacking:
        click.echo(_("  NOT AGREED TO: lacks {what}").format(what=printable(lacking, 2000)))
    return 0


@command.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.case_dir
def brief(*, file: Path | None, case_dir: Path | None) -> int:
    """One page in plain words for whoever has to answer for it: who, what may leave, who decides, how to get out.

    In the reader's language (POLLWATCH_LANGUAGE). Of FILE, or of the charter in force in --case DIR.
    """
    from pollwatch.members.brief import brief as page
    from pollwatch.node.charter import enrol

    _chain, charter = _opened(file, case_dir)
    me = enrol.own_card(case_dir) if case_dir is not None else None
    for line in page(charter, me).splitlines():
        click.echo(printable(line, 1000))
    return 0


@command.command(epilog="Exit codes: 0 they are the same, 1 they differ.")
@click.argument("left", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("right", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.case_dir
@options.as_json
def diff(*, left: Path, right: Path | None, case_dir: Path | None, as_json: bool) -> int:
    """Say field by field how two charters differ: LEFT and RIGHT, or the one in force in --case DIR and LEFT.

    Of a file with several charters the last one counts. What a peer refused us for is kept: pollwatch members.
    """
    from pollwatch.members.charter import difference

    if (right is None) == (case_dir is None):
        raise UsageError(_("name two files, or one file and --case DIR"))
    first = _opened(left, None)[1] if right is not None else _opened(None, case_dir)[1]
    second = _opened(right or left, None)[1]
    lines = difference(first, second)
    if as_json:
        found: list[Json] = list(lines)
        document: dict[str, Json] = {"left": first.digest, "right": second.digest, "differences": found}
        click.echo(pretty({"schema": "pollwatch.charter-diff/1", **document}))
    else:
        for line in lines:
            click.echo(printable(line, 1000))
    return 1 if lines else 0


@command.command(epilog="Exit codes: 0 all is in order, 4 two charters exclude each other, or a signature is wrong.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(*, files: tuple[Path, ...]) -> int:
    """Check FILES with all charters of a watch, offline and alone: each agreed to by the rule of the one before it.

    Where two files go apart, it says where, how, and who signed both.
    """
    from pollwatch.members import chain as chains
    from pollwatch.members.chain import Chain

    read = [Chain.parse(each.read_bytes()) for each in files]
    for path, chain in zip(files, read, strict=True):
        chain.verify()
        for number, each in enumerate(chain.charters, 1):
            words = _("{file}: charter {number}, {digest}, from {when}: agreed to")
            when = rfc3339(each.charter.effective_us)
            click.echo(words.format(file=path, number=number, digest=each.charter.digest[:16], when=when))
    for other in read[1:]:
        chains.check_not_split(read[0], other)
    return 0


@command.command(epilog="Exit codes: 0 all members hold this charter, 4 a split of charters, 5 somebody does not.")
@options.required_case_dir
def update(*, case_dir: Path) -> int:
    """Ask every member for the charters that it holds, and take up what was agreed to since.

    A change is taken up only after every charter from the first was checked; nobody's word counts. Where a member holds
    something else, it is said what differs; two changes that exclude each other are kept, with who signed both.
    """
    from pollwatch.node.charter import greeting
    from pollwatch.node.charter.jointfolder import Membership

    found = greeting.greet(Membership.open(case_dir), SystemClock())
    tell_greeted(found)
    return greeting.worst(found)


def tell_greeted(found: Iterable[Greeted]) -> None:
    """What each member holds, for a person."""
    for each in found:
        for number, line in enumerate(each.detail.splitlines()):
            head = f"{each.member.name}: " if number == 0 else "  "
            click.echo(printable(f"{head}{line}", 1000))


def _opened(file: Path | None, case_dir: Path | None) -> tuple[Chain, Charter]:
    """The charters of a file and the last of them, or those of a case and the one in force."""
    from pollwatch.members.chain import Chain
    from pollwatch.node.charter.jointfolder import JointFolder

    if file is not None:
        chain = Chain.parse(file.read_bytes())
        chain.check_draft()
        return chain, chain.last.charter
    if case_dir is None:
        raise UsageError(_("name a charter's FILE, or --case DIR"))
    folder = JointFolder(case_dir)
    folder.turn(SystemClock().now_us())
    return folder.load_chain(), folder.load_charter().charter


def _show(charter: Charter, number: int) -> None:
    quorum, rule = charter.quorum, charter.amendment
    if charter.exercise:
        click.echo(_("EXERCISE"))
    words = _(
        "{name}\nfingerprint {digest}\nnumber {number}, effective {effective}; watches {elections}\n"
        "a statement takes {statements} members from {blocs} blocs; a change takes {members} voting members from "
        "{changers} blocs; a log is raised by {cosigners} cosigners\n"
        "default marking {tlp}; released by {releasers}; {days} days to answer a claim"
    ).format(
        name=printable(charter.name),
        digest=charter.digest,
        number=number,
        effective=rfc3339(charter.effective_us),
        elections=printable(", ".join(charter.elections)) or _("whatever its members watch"),
        statements=quorum.statements,
        blocs=quorum.blocs,
        members=rule.members or _("all"),
        changers=rule.blocs,
        cosigners=quorum.cosigners,
        tlp=charter.tlp_default.label,
        releasers=charter.releasers,
        days=charter.reply_window_s // 86_400,
    )
    click.echo(words)
    for each in charter.members:
        line = f"  {each.name} ({each.bloc}, {each.role.value}) {each.address}"
        click.echo(f"{printable(line)}  {each.statement.fingerprint[:16]}")


def tell_signed(chain: Chain, file: Path, *, in_force: bool) -> None:
    """What came of a signature, for a person."""
    if chain.missing():
        tell_missing(chain, file)
    elif in_force:
        words = _("agreed to, and in force here. Its fingerprint, to compare with the others: {digest}")
        click.echo(words.format(digest=chain.last.charter.digest), err=True)
    else:
        words = _("agreed to; it comes into force at {when}. Its fingerprint, to compare with the others: {digest}")
        when = rfc3339(chain.last.charter.effective_us)
        click.echo(words.format(when=when, digest=chain.last.charter.digest), err=True)


def tell_missing(chain: Chain, file: Path) -> None:
    """Who is still to sign, for a person."""
    lacking = printable(chain.missing(), 2000)
    if not lacking:
        click.echo(_("signed by all; run: pollwatch charter sign {file}").format(file=file), err=True)
        return
    words = _("signed; still to sign: {names}. Hand them {file}; they run: pollwatch charter sign {file}")
    click.echo(words.format(names=lacking, file=file), err=True)
