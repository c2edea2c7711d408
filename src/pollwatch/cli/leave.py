"""``pollwatch leave``: leave the joint watch, alone and at any moment."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.events.printable import printable
from pollwatch.i18n import _


@click.command(name="leave")
@options.required_case_dir
@click.option("--by", "person", required=True, metavar="NAME", help="Who decides this.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; the others read it.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Copy of the notice."
)
def command(*, case_dir: Path, person: str, reason: str, output: Path | None) -> int:
    """Leave the joint watch: a signed notice, a last checkpoint, and then no more traffic to anybody.

    It needs nobody's consent. The notice revokes all keys of this node and asks the others to delete what they got;
    each says in its own log whether it did. Your own evidence stays yours. Run it again if it was cut short.
    """
    from pollwatch.node.charter import leaving
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.sharing.decisions import Person

    left = leaving.leave(Membership.open(case_dir), Person.here(person), reason, SystemClock())
    if output is not None:
        output.write_bytes(left.notice)
    published = left.published
    click.echo(
        _("left; last checkpoint: size {size}, root {root}").format(size=published.size, root=published.root[:16])
    )
    for each in published.cosignings:
        click.echo(f"  {printable(each.member)}: {printable(each.problem) or _('cosigned')}")
    for name, count in left.received.items():
        words = _("{member} was sent {n} disclosures (pollwatch disclosures --to {member})")
        click.echo(words.format(member=printable(name), n=count))
    click.echo(_("The others are asked to delete what they received. What they have received cannot be recalled."))
    return 0
