"""``pollwatch inquire``: ask another member formally, answer, and see what was never answered."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options, spoken
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.errors import UsageError
from pollwatch.i18n import _

_SCHEMA = "pollwatch.inquire/1"


@click.command(name="inquire", epilog=spoken.CODES)
@click.argument("member", required=False)
@click.option("--about", default="", metavar="ID", help="The incident or claim that the question is about.")
@click.option("--answer", "inquiry", default="", metavar="INQUIRY", help="Answer a question that was asked of you.")
@click.option("--text", default="", help="The question, or the answer.")
@click.option(
    "--reply-days", type=click.IntRange(1, 365), default=7, show_default=True, help="Days that the other has to answer."
)
@spoken.dry_run
@options.required_case_dir
@options.as_json
def command(  # noqa: PLR0913 - one argument per option
    *,
    member: str | None,
    about: str,
    inquiry: str,
    text: str,
    reply_days: int,
    dry_run: bool,
    case_dir: Path,
    as_json: bool,
) -> int:
    """Ask MEMBER a formal question, on record with all members; or answer one.

    A question gives something away, too: look first with --dry-run. The receipt of the other's gateway shows that it
    arrived, and the other's own log whether it was answered. Without MEMBER and --answer: list all questions.
    """
    if member and inquiry:
        raise UsageError(_("ask MEMBER, or --answer an inquiry; not both"))
    speaker = spoken.speaker(case_dir, preview=dry_run)
    if inquiry:
        return spoken.tell(speaker.answer(inquiry, text), _SCHEMA, as_json=as_json)
    if member:
        until_us = (SystemClock().now_us() // 1_000_000 + reply_days * 86_400) * 1_000_000
        asked = speaker.membership.charter.member(member)
        return spoken.tell(speaker.ask(asked, about, text, until_us), _SCHEMA, as_json=as_json)
    _list(case_dir, as_json=as_json)
    return 0


def _list(case_dir: Path, *, as_json: bool) -> None:
    from pollwatch.attribution.matrix import Papers
    from pollwatch.attribution.record import Record
    from pollwatch.node.attribution import casefile
    from pollwatch.node.charter.jointfolder import Membership

    asked = casefile.read(Membership.open(case_dir)).asked
    if not as_json:
        spoken.show(Record((), (), asked, Papers()), case_dir)
        return
    documents: list[Json] = [
        {
            "id": each.inquiry.name.id,
            "by": each.inquiry.asker.name,
            "asked": each.inquiry.asked.name,
            "about": each.inquiry.about,
            "text": each.inquiry.text,
            "reply_by": rfc3339(each.inquiry.reply_by_us),
            "answers": [{"id": given.id, "text": given.text, "created": given.created} for given in each.answers],
        }
        for each in asked
    ]
    click.echo(pretty({"schema": "pollwatch.inquiries/1", "inquiries": documents}))
