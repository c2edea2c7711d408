"""``pollwatch egress``: what left over HTTP, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.sharing.egress import Left


@click.command(name="egress")
@options.required_case_dir
@click.option("--to", "receiver", default="", metavar="MEMBER", help="Only what left for this member.")
@options.as_json
def command(*, case_dir: Path, receiver: str, as_json: bool) -> int:
    """List what left over HTTP by the hour: answers of our gateway, and requests of this node.

    Each line says to whom, for which request, how many bytes and their SHA-256. What was told by a person's decision
    is in `pollwatch disclosures`; deliveries stand in both. It fetches the gateway's record first.
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.gateway import answered

    membership = Membership.open(case_dir)
    name = membership.charter.member(receiver).name if receiver else ""
    found = [each for each in answered.everything(membership, SystemClock()) if name in {"", each.member}]
    if as_json:
        rows: list[Json] = [_row(each) for each in found]
        click.echo(pretty({"schema": "pollwatch.egress/1", "left": rows}))
        return 0
    for each in found:
        who = printable(each.member, 80) or _("a stranger")
        what = f"{each.method} {printable(each.target, 200)}".strip()
        status = str(each.status) if each.status else _("asked by us")
        when = f"{rfc3339(each.first_us // 1_000_000 * 1_000_000)}  {each.times}×"
        click.echo(f"{when}  {who}  {what}  {status}  {each.size} B  {each.sha256.hex()[:16]}")
    return 0


def _row(each: Left) -> dict[str, Json]:
    return {
        "first": rfc3339(each.first_us),
        "last": rfc3339(each.last_us),
        "times": each.times,
        "member": each.member,
        "method": each.method,
        "target": each.target,
        "status": each.status,
        "size": each.size,
        "sha256": each.sha256.hex(),
    }
