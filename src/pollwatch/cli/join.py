"""``pollwatch join``: put a charter in force here that was agreed to, and greet the other members."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _

_STAGES = ("receive", "witness", "match", "share", "claim")


@click.command(
    name="join", epilog="Exit codes: 0 all members hold this charter, 4 a split of charters, 5 somebody does not."
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.required_case_dir
@click.option("--stage", type=click.Choice(_STAGES), help="Go so far with every member.  [default: witness]")
@click.option("--by", "person", default="", metavar="NAME", help="Who decides the stage.")
@click.option("--reason", default="", metavar="TEXT", help="Why.")
def command(*, file: Path, case_dir: Path, stage: str | None, person: str, reason: str) -> int:
    """Put the charter in FILE in force here, if it was agreed to, and ask every member for the charter that it holds.

    FILE is what `charter sign` made of it; where this node's signature is still missing, it is added. From then on the
    members find and check one another from the charter alone. Who goes further than cosigning is named: --stage, --by.
    """
    from pollwatch.cli import charter
    from pollwatch.errors import PolicyError, UsageError
    from pollwatch.node.charter import enrol, greeting, staging
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.sharing.decisions import Person
    from pollwatch.sharing.stages import Stage

    if stage is not None and not (person and reason):
        raise UsageError(_("a stage is switched on by a named person, for a reason: --by NAME --reason TEXT"))
    clock = SystemClock()
    outcome = enrol.sign(case_dir, file.read_bytes(), clock)
    file.write_bytes(outcome.chain.to_bytes())
    charter.tell_signed(outcome.chain, file, in_force=outcome.in_force)
    if not outcome.in_force:
        raise PolicyError(_("the charter is not in force yet; join again when it is"))
    membership = Membership.open(case_dir)
    if stage is not None:
        for each in membership.peers:
            staging.switch(membership, each, Stage.parse(stage), Person.here(person), reason, clock)
    found = greeting.greet(membership, clock)
    charter.tell_greeted(found)
    return greeting.worst(found)
