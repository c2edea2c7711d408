"""``pollwatch notify``: whether people would be told, what they were told, and saying that somebody has it."""

from __future__ import annotations

import getpass
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.errors import PeerError, StoreError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from types import FrameType

    from pollwatch.config import Config
    from pollwatch.notify.outbox import Outgoing
    from pollwatch.notify.plan import Alarm

_MOST = 200


@click.group(name="notify")
def command() -> None:
    """Tell people: test the channels, see what was sent, answer an alarm, print the telephone tree.

    Who is told of what, and over which channels, stands in `[notify]` of pollwatch.toml. `pollwatch watch` sends by
    itself; `notify run` does it beside it, and also tells when the watch itself has stopped.
    """


@command.command(epilog="Exit codes: 0 every channel took it, 5 one did not, 6 the settings are wrong.")
@options.required_case_dir
@click.option("--to", "names", multiple=True, metavar="NAME", help="Only this person; may be given more than once.")
@options.config_file
def test(*, case_dir: Path, names: tuple[str, ...], config_file: Path | None) -> int:
    """Send a test message to everybody over all their channels, now, quiet hours or not; say what came of each."""
    from pollwatch.node.notifying import loop, telling
    from pollwatch.notify import channels, outbox

    settings = _settings(config_file)
    clock = SystemClock()
    people = [each for each in settings.notify.people if not names or each.name in names]
    if not people:
        raise UsageError(_("[notify] names nobody of that name; see: pollwatch config show"))
    notifier = loop.opened(case_dir, settings.notify, settings.calendar, clock)
    failed = False
    for person in people:
        for channel in dict.fromkeys((*person.urgent, *person.digest)):
            told = f"{printable(person.name)}\t{printable(channel)}"
            with notifier.database.writing() as connection:
                key = telling.trial(connection, person, channel, settings.notify, clock.now_us())
                (mine,) = (each for each in outbox.lease(connection, clock.now_us(), _MOST, key) if each.key == key)
            try:
                to = channels.address(settings.notify.channels[channel], os.environ)
                channels.send(to, mine.message)
            except (channels.DeliveryError, UsageError) as error:
                failed = True
                click.echo(f"{told}\t{printable(str(error), 400)}")
                with notifier.database.writing() as connection:
                    outbox.give_up(connection, mine.id, str(error), clock.now_us())
            else:
                taken = _("taken by")
                click.echo(f"{told}\t{taken} {to.where} ({mine.key.number})")
                with notifier.database.writing() as connection:
                    outbox.sent(connection, mine.id, clock.now_us())
    notifier.database.close()
    return PeerError.exit_code if failed else 0


@command.command(
    epilog="Exit codes: 0 sent, or nothing to send; 5 a channel did not take a message, it is tried again."
)
@options.required_case_dir
@options.config_file
def send(*, case_dir: Path, config_file: Path | None) -> int:
    """Look once at what changed, and send what is due; for a timer, where `pollwatch watch` does not run."""
    from pollwatch.node.notifying import loop, sight

    settings = _settings(config_file)
    clock = SystemClock()
    notifier = loop.opened(case_dir, settings.notify, settings.calendar, clock)
    done = notifier.tick(sight.why_blind(notifier.database, clock))
    notifier.database.close()
    click.echo(_("{n} sent").format(n=done.sent), err=True)
    for problem in done.problems:
        options.complain(problem)
    return PeerError.exit_code if done.problems else 0


@command.command(epilog="Stop it with SIGTERM or Ctrl-C.")
@options.required_case_dir
@options.config_file
def run(*, case_dir: Path, config_file: Path | None) -> int:
    """Tell people as things happen, beside the watch; tells them too when the watch has stopped."""
    from functools import partial

    from pollwatch.node.notifying import loop, sight

    settings = _settings(config_file)
    clock = SystemClock()
    notifier = loop.opened(case_dir, settings.notify, settings.calendar, clock)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    click.echo(_("telling {n} people").format(n=len(settings.notify.people)), err=True)
    loop.run(notifier, stop, partial(sight.why_blind, notifier.database, clock), options.complain)
    notifier.database.close()
    return 0


@command.command(name="list")
@options.required_case_dir
@click.option("--messages", is_flag=True, help="The latest messages instead of alarms, with what came of each.")
@click.option("--show", "number", metavar="M-XXXXXXXX", default="", help="Write the text of one message.")
@options.as_json
def list_(*, case_dir: Path, messages: bool, number: str, as_json: bool) -> int:
    """List alarms: since when, about what, who was told, who has it."""
    from pollwatch.cli import present
    from pollwatch.notify import alarms, outbox
    from pollwatch.store.database import Database
    from pollwatch.store.folder import CaseFolder

    folder = CaseFolder(case_dir)
    folder.prepare(create=False)
    database = Database(folder.database)
    with database.reading() as connection:
        sent = outbox.latest(connection, _MOST)
        found = alarms.latest(connection, _MOST)
    database.close()
    if number:
        shown = next((each for each in sent if each.key.number == number.upper()), None)
        if shown is None:
            raise UsageError(_("no message {number} among the latest").format(number=printable(number)))
        for line in (shown.message.subject, "", *shown.message.body.splitlines()):
            click.echo(printable(line, 2_000))
        return 0
    if as_json:
        rows: list[Json] = [_message(each) for each in sent] if messages else [_alarm(each, sent) for each in found]
        name = "messages" if messages else "alarms"
        click.echo(pretty({"schema": f"pollwatch.{name}/1", name: rows}))
        return 0
    if messages:
        present.plain([_message_row(each) for each in sent])
    else:
        present.plain([_alarm_row(each, sent) for each in found])
    return 0


@command.command(epilog="Exit codes: 0 answered (by whomever), 2 there is no such alarm or code.")
@click.argument("alarm", metavar="ALARM|CODE")
@options.required_case_dir
@click.option("--who", default="", metavar="NAME", help="Who has it.  [default: whose code it is, or the user]")
@options.config_file
def ack(*, alarm: str, case_dir: Path, who: str, config_file: Path | None) -> int:
    """Say that somebody has ALARM, by its number, or by the CODE that stands in a message.

    Nobody else is called about it, those who were told get to know, and its incidents count as acknowledged.
    """
    from pollwatch.node.notifying import acting
    from pollwatch.store.database import Database
    from pollwatch.store.folder import CaseFolder

    settings = _settings(config_file).notify
    folder = CaseFolder(case_dir)
    folder.prepare(create=False)
    database = Database(folder.database)
    if alarm.isascii() and alarm.isdigit():
        number, person = int(alarm[:12]), who or getpass.getuser()
    else:
        found, whose = acting.whose(database, settings, alarm)
        number, person = found.id, who or whose
    done = acting.answer(database, settings, number, person, SystemClock())
    database.close()
    if done.first:
        words = _("{name} has alarm {id}; {n} incidents are acknowledged")
    else:
        words = _("{name} has alarm {id} already, or it is over")
    name = printable(done.alarm.acked_by or person)
    click.echo(words.format(name=name, id=done.alarm.id, n=len(done.incidents)))
    return 0


@command.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to write.")
@click.option("--office", default="", metavar="NAME", help="Whose tree it is.  [default: the node's name]")
@click.option("--language", default="", metavar="LANG", help="Of its words.  [default: the environment's]")
@click.option("--exercise", is_flag=True, help="Mark it as of an exercise.")
@options.config_file
def tree(*, output: Path | None, office: str, language: str, exercise: bool, config_file: Path | None) -> int:
    """Write the telephone tree: whom to call in which order, on one sheet (PDF or HTML, by FILE's ending)."""
    from pollwatch.i18n import speaking
    from pollwatch.node.notifying import tree as trees
    from pollwatch.report import phonetree

    settings = _settings(config_file)
    now_us = SystemClock().now_us()
    with speaking(language or _("en")):
        made = trees.of(settings, now_us, settings.notify.zone, office, exercise=exercise)
        is_pdf = output is not None and output.suffix.lower() == ".pdf"
        data = phonetree.pdf(made, now_us) if is_pdf else phonetree.html(made).encode("utf-8")
    if output is None or str(output) == "-":
        sys.stdout.buffer.write(data)
        return 0
    try:
        output.write_bytes(data)
    except OSError as error:
        raise StoreError(f"{output}: {error.strerror or error}") from error
    click.echo(_("written: {file}").format(file=output), err=True)
    return 0


def _settings(config_file: Path | None) -> Config:
    from pollwatch import config

    return config.load(Path.cwd(), os.environ, config_file)


def _alarm(each: Alarm, sent: tuple[Outgoing, ...]) -> dict[str, Json]:
    return {
        "id": each.id,
        "kind": each.kind,
        "opened": rfc3339(each.opened_us),
        "severity": each.severity.word,
        "priority": each.priority,
        "count": each.count,
        "told": [*sorted(_told(each, sent))],
        "acknowledged": rfc3339(each.acked_us),
        "acknowledged_by": each.acked_by or None,
        "ended": rfc3339(each.ended_us),
    }


def _alarm_row(each: Alarm, sent: tuple[Outgoing, ...]) -> tuple[str, ...]:
    if each.acked_us is not None:
        state = _("{name} has it").format(name=each.acked_by or "?")
    else:
        state = _("over") if each.ended_us is not None else _("NOBODY HAS IT")
    about = f"{each.count} {each.kind}, {each.severity.word}"
    return (str(each.id), rfc3339(each.opened_us) or "", about, ", ".join(sorted(_told(each, sent))) or "–", state)


def _told(alarm: Alarm, sent: tuple[Outgoing, ...]) -> set[str]:
    return {each.key.person for each in sent if each.alarm_id == alarm.id and each.sent_us is not None}


def _message(each: Outgoing) -> dict[str, Json]:
    return {
        "number": each.key.number,
        "kind": each.kind,
        "alarm": each.alarm_id,
        "to": each.key.person,
        "channel": each.key.channel,
        "written": rfc3339(each.created_us),
        "sent": rfc3339(each.sent_us),
        "given_up": rfc3339(each.failed_us),
        "attempts": each.attempts,
        "problem": each.problem or None,
    }


def _message_row(each: Outgoing) -> tuple[str, ...]:
    state = rfc3339(each.sent_us) or (_("not sent") if each.failed_us is not None else _("waiting"))
    problem = printable(each.problem, 120)
    return (
        each.key.number,
        rfc3339(each.created_us) or "",
        each.kind,
        each.key.person,
        each.key.channel,
        state,
        problem,
    )
