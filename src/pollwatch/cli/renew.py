"""``pollwatch members renew``: a second card, with other keys or another address."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _

_USES = ("statement", "request", "witness", "gateway")
_key_file = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command(
    name="renew", epilog="Exit codes: 3 the next statement key is not here, 4 it is not the one that was committed to."
)
@options.required_case_dir
@click.option("--address", default="", metavar="URL", help="Where the others reach the gateway from then on.")
@click.option("--key", "uses", multiple=True, type=click.Choice(_USES), help="A key that is new; may be repeated.")
@click.option(
    "--next",
    "next_key",
    type=_key_file,
    metavar="FILE",
    help="The statement key that the present card commits to.  [default: as made here]",
)
@click.option(
    "--following",
    type=_key_file,
    metavar="FILE",
    help="The statement key after that: a key file, or one with its public half alone.  [default: made here]",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the card.",
)
def command(
    *,
    case_dir: Path,
    address: str,
    uses: tuple[str, ...],
    next_key: Path | None,
    following: Path | None,
    output: Path,
) -> int:
    """Make this member's second card: with new keys, or for a gateway at another address.

    It takes effect by a change of the charter: pollwatch charter amend --card FILE. Until that is in force everything
    goes on with the present keys, and the new ones lie beside them, readable by their owner only; then they take their
    places, and the old ones are gone. The new statement key is the one that the present card commits to; the others
    check that. The shared log's own key is changed by `pollwatch evidence key`; the card names the one that signs now.
    """
    from pollwatch.members.card import read_card
    from pollwatch.node.charter import renewing

    wish = renewing.Wish(address.rstrip("/"), uses, next_key, following)
    renewed = renewing.renew(case_dir, wish, SystemClock())
    output.write_bytes(renewed.card)
    fingerprint = read_card(renewed.card).statement.fingerprint
    click.echo(_("fingerprint, to read out over the telephone: {digest}").format(digest=fingerprint), err=True)
    if renewed.following is not None:
        words = _("the statement key after it is {path}: put it into a safe, and take it away from here")
        click.echo(words.format(path=renewed.following), err=True)
    words = _("bring it in with: pollwatch charter amend --card {file} --case {case} -o CHANGE")
    click.echo(words.format(file=output, case=case_dir), err=True)
    return 0
