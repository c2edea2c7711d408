"""``pollwatch sever``: stop everything outbound to a member, now."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _


@click.command(name="sever", epilog="To go on with it later: pollwatch members stage MEMBER STAGE --by NAME.")
@click.argument("member")
@options.required_case_dir
@click.option("--by", "person", default="", metavar="NAME", help="Who decides this.  [default: the account's name]")
@click.option("--reason", default="", metavar="TEXT", help="Why; may be given later as well.")
def command(*, member: str, case_dir: Path, person: str, reason: str) -> int:
    """Stop all traffic to MEMBER within a second, in every process of this node, and take nothing from it any more.

    What is under way is cut off; a scan goes on. It needs nobody's consent and no network. What MEMBER has received
    stays with it. The decision is recorded in the private log, at the latest when a scan that holds it ends.
    """
    from pollwatch.cli.members import told
    from pollwatch.node.charter import staging
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.sharing.decisions import Person
    from pollwatch.sharing.stages import Stage

    membership = Membership.open(case_dir)
    peer = membership.peer(member)
    said = reason or _("severed; no reason was given")
    told(staging.switch(membership, peer, Stage.ALONE, Person.here(person), said, SystemClock()))
    return 0
