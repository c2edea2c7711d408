"""``pollwatch inbox``: what the other members delivered."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.sharing.inbox import Mail


@click.command(name="inbox")
@options.required_case_dir
@click.option("--show", "number", type=int, metavar="N", help="Write the STIX bundle of delivery N to stdout.")
@options.as_json
def command(*, case_dir: Path, number: int | None, as_json: bool) -> int:
    """Take in what other members delivered, and list all of it.

    Each delivery was checked when it came and is checked again now; claims and opinions are sealed in the shared log,
    so that nobody can say later that they were not received. What is signed with a key of a member that has left, or
    has another key by now, counts only where it stands in that member's log, or was here before.
    """
    from pollwatch import config
    from pollwatch.errors import UsageError
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.gateway import pushing
    from pollwatch.node.sharing import joint

    clock = SystemClock()
    membership = Membership.open(case_dir)
    assets = config.load(Path.cwd(), os.environ).assets
    taken = joint.take_in(membership, clock, assets)
    fresh = {each.mail.number for each in taken}
    for each in taken:
        if each.refused:
            words = _("delivery {number} was refused, nothing of it was kept: {why}")
            options.complain(words.format(number=each.mail.number, why=each.refused))
    with pushing.opened(membership, clock) as outpost:
        mails = [outpost.one_mail(each) for each in outpost.mail(fetched=True)]
    if number is not None:
        for mail in mails:
            if mail.number == number:
                sys.stdout.buffer.write(mail.body)
                return 0
        raise UsageError(_("no delivery {number}; see: pollwatch inbox").format(number=number))
    if as_json:
        documents: list[Json] = [_document(mail, fresh=mail.number in fresh) for mail in mails]
        click.echo(pretty({"schema": "pollwatch.inbox/1", "deliveries": documents}))
        return 0
    for mail in mails:
        mark = _("new") if mail.number in fresh else ""
        head = f"{mail.number}\t{rfc3339(mail.received_us)}\t{printable(mail.sender)}\t{mail.tlp.label}\t{mark}"
        click.echo(head)
        for line in _content(mail):
            click.echo(f"  {printable(line, 300)}")
    return 0


def _content(mail: Mail) -> list[str]:
    """What a person wants to know of a bundle: incidents, indicators, claims, opinions, and what is taken back."""
    from pollwatch.stix import bundle

    # Words inside an f-string would not be collected for translation.
    back, indicator, saw = _("taken back"), _("indicator"), _("saw")
    lines = []
    for each in bundle.read(mail.body):
        if each.get("revoked") is True:
            lines.append(f"{each['id']}  {back}: {each.get('description', '')}")
        elif each["type"] == "incident":
            lines.append(f"{each['id']}  {each.get('name')}")
        elif each.get("relationship_type") == "attributed-to":
            lines.append(f"{each['id']}  {_('claim')}: {each.get('description')}")
        elif each["type"] == "indicator":
            lines.append(f"{each['id']}  {indicator}: {each.get('pattern')}")
        elif each["type"] == "sighting":
            lines.append(f"{each['id']}  {saw} {each.get('sighting_of_ref')}")
        elif each["type"] == "opinion":
            lines.append(f"{each['id']}  {each.get('opinion')}: {each.get('explanation')}")
    return lines


def _document(mail: Mail, *, fresh: bool) -> Json:
    from pollwatch.stix import accept, bundle

    objects = bundle.read(mail.body)
    wanted = ("incident", "opinion")
    ids: list[Json] = [
        each["id"] for each in objects if each["type"] in wanted or each.get("relationship_type") == "attributed-to"
    ]
    return {
        "number": mail.number,
        "from": mail.sender,
        "tlp": mail.tlp.word,
        "sent": rfc3339(mail.sent_us),
        "received": rfc3339(mail.received_us),
        "sha256": mail.sha256,
        "objects": dict(accept.kinds(objects)),
        "ids": ids,
        "new": fresh,
    }
