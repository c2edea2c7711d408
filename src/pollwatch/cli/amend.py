"""``pollwatch charter amend``: draft a change of the charter, and sign it as the first."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options, terms
from pollwatch.clock import UTC, SystemClock

_NAMED = "NAME=VALUE"


@click.command(name="amend")
@click.option(
    "--card",
    "cards",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="CARD",
    help="Card of a member that is added, or that has new keys or another address; may be repeated.",
)
@click.option("--remove", "leaving", multiple=True, metavar="MEMBER", help="Member that is removed; may be repeated.")
@click.option("--bloc", "moved", multiple=True, metavar=_NAMED, help="Another bloc for a member; may be repeated.")
@click.option("--role", "roles", multiple=True, metavar=_NAMED, help="Another role for a member; may be repeated.")
@terms.options
@click.option("--effective", type=options.Moment(), metavar="TIME", help="From when it holds.  [default: from now on]")
@options.required_case_dir
@click.option("--instead", is_flag=True, help="Take back, on the record, what was signed before and excludes this.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
def command(  # noqa: PLR0913 - one argument per option
    *,
    cards: tuple[Path, ...],
    leaving: tuple[str, ...],
    moved: tuple[str, ...],
    roles: tuple[str, ...],
    effective: str | None,
    case_dir: Path,
    instead: bool,
    output: Path,
    **given: terms.Given,
) -> int:
    """Draft a change of the charter in force, sign it as the first, and write FILE for the others to sign.

    What is not named stays. It is agreed to when as many members of as many blocs have signed as the present charter
    says, and every member that it adds or says something new about; a member that it removes need not. FILE holds all
    charters from the first, so that anybody can check it alone: pollwatch charter check FILE.
    """
    from pollwatch.cli.charter import tell_signed
    from pollwatch.members.member import Role
    from pollwatch.node.charter import drafting, enrol
    from pollwatch.node.charter.jointfolder import JointFolder

    clock = SystemClock()
    chain = JointFolder(case_dir).load_chain()
    change = drafting.Change(
        cards=[each.read_bytes() for each in cards],
        leaving=leaving,
        blocs=drafting.pairs(moved, "--bloc"),
        roles={name: Role.parse(word) for name, word in drafting.pairs(roles, "--role").items()},
        terms=terms.chosen(given).for_change(chain.last.charter),
        effective_us=None if effective is None else options.moment_us(effective, clock.now_us(), UTC),
    )
    outcome = enrol.amend(case_dir, drafting.changed(chain, change, clock), clock, instead=instead)
    output.write_bytes(outcome.chain.to_bytes())
    tell_signed(outcome.chain, output, in_force=outcome.in_force)
    return 0
