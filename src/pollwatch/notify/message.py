"""What a message says: pure, in the reader's language, and no more than its channel may carry.

Three levels of detail. ``bare`` (SMS, Signal): that there is something, how grave, and how to say that one has it; it
fits into one text message. ``plain`` (mail, chat): what kind of thing and how urgent, no system, address or name.
``full``: what the console's inbox says, for channels that do not leave the house.

What an attacker wrote can only stand in ``full``. It is made inert there: one line, no control or direction characters,
no address that a client makes a link of, no mention, no markup. No subject holds any of it, at any level.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.events.detection import Severity
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.attack import technique
from pollwatch.incidents.inboxrows import InboxRow
from pollwatch.notify.plan import Alarm
from pollwatch.notify.settings import Detail

#: So many incidents are told of one by one.
MOST_TOLD: Final = 5
_MOST_SUBJECT: Final = 120
_LINKED: Final = re.compile(r"(?<=\w)\.(?=[^\W\d_]{2,})")
#: What makes links, mentions, markup or tables in chats and mail.
_MARKS: Final = str.maketrans(
    {**dict.fromkeys("<[", "("), **dict.fromkeys(">]", ")"), "@": "(at)", **dict.fromkeys("`*~|", "'")}
)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent; ``subject`` is empty where the channel has one line only."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Item:
    """An incident as messages tell of it.

    Attributes:
        id: ours.
        techniques: ATT&CK ids.
        phase: of the election; empty for none.
        title: with what attackers wrote; only for ``full``.
        summary: likewise.
    """

    id: str
    severity: Severity
    techniques: tuple[str, ...]
    phase: str
    priority: int
    title: str
    summary: str

    @classmethod
    def of(cls, row: InboxRow) -> Item:
        """From the inbox."""
        context = row.election
        return cls(row.id, row.severity, row.techniques, context.phase, context.priority, row.title, row.summary)


@dataclass(frozen=True, slots=True)
class Answer:
    """How somebody says that they have it: a code for the command line, a link to the console; either may be empty."""

    code: str
    link: str


def alarm(told: Alarm, items: Sequence[Item], detail: Detail, answer: Answer, number: str, *, again: bool) -> Message:
    """About an alarm.

    Args:
        told: the alarm.
        items: its gravest incidents, the gravest first.
        detail: how much may be said.
        answer: how the reader says that they have it.
        number: of the message: who gets it twice sees that it is one.
        again: whether the reader was told of it before.
    """
    first = head(told)
    if detail == "bare":
        code = _("Code") + f" {answer.code}" if answer.code else ""
        short = f"pollwatch: {first} {code}".rstrip()
        return Message("", f"{short} ({number})")
    before = _("Again:") + " " if again else ""
    subject = f"[pollwatch] {before}{first}"
    lines = [first, *_about(told, items, detail)]
    lines += ["", *_answer(answer), *_foot(number)]
    return Message(subject[:_MOST_SUBJECT], "\n".join(lines))


def end(told: Alarm, detail: Detail, number: str, by: str) -> Message:
    """An alarm is over, or somebody has it: the others can put their telephones down."""
    if told.kind == "blind" and not by:
        words = _("We are watching again (alarm {id}).").format(id=told.id)
    elif by:
        words = _("{name} has alarm {id}; you need not do anything.").format(name=inert(by, 80), id=told.id)
    else:
        words = _("Alarm {id} is over; you need not do anything.").format(id=told.id)
    if detail == "bare":
        return Message("", f"pollwatch: {words} ({number})")
    return Message(f"[pollwatch] {words}"[:_MOST_SUBJECT], "\n".join([words, "", *_foot(number)]))


def digest(
    counts: Sequence[tuple[Severity, int]], items: Sequence[Item], detail: Detail, link: str, number: str, since: str
) -> Message:
    """What came since the last summary.

    Args:
        counts: how many incidents of each severity, the gravest first; none of zero.
        items: those to look at first.
        detail: how much may be said.
        link: of the console; empty for none.
        number: of the message.
        since: from when on, for people.
    """
    total = sum(count for _severity, count in counts)
    first = ngettext("{n} incident since {since}", "{n} incidents since {since}", total).format(n=total, since=since)
    words = ", ".join(f"{count} {severity_word(severity)}" for severity, count in counts)
    if detail == "bare":
        return Message("", f"pollwatch: {first}: {words} ({number})")
    lines = [f"{first}: {words}", ""]
    lines += [line for each in items[:MOST_TOLD] for line in _item(each, detail)]
    if total > len(items[:MOST_TOLD]):
        lines.append(_("and {n} more").format(n=total - len(items[:MOST_TOLD])))
    lines += ["", *([link] if link else []), *_foot(number)]
    return Message(f"[pollwatch] {first}"[:_MOST_SUBJECT], "\n".join(lines))


def trial(person: str, channel: str, detail: Detail, number: str) -> Message:
    """To see whether a channel works."""
    words = _("This is a test: alarms for {person} come over {channel}. Nothing has happened.")
    words = words.format(person=inert(person, 80), channel=inert(channel, 80))
    if detail == "bare":
        return Message("", f"pollwatch: {words} ({number})")
    test = _("Test")
    return Message(f"[pollwatch] {test}", "\n".join([words, "", *_foot(number)]))


def severity_word(severity: Severity) -> str:
    """In the reader's language."""
    return {
        Severity.INFO: _("info"),
        Severity.LOW: _("low"),
        Severity.MEDIUM: _("medium"),
        Severity.HIGH: _("high"),
        Severity.CRITICAL: _("critical"),
    }[severity]


def inert(text: str, limit: int = 300) -> str:
    """What anybody may have written, as a chat, a mail program or a telephone shows it and does nothing with it."""
    plain = printable(" ".join(text.split()), limit).translate(_MARKS)
    return _LINKED.sub("(.)", plain.replace("://", "(:)//"))


def head(told: Alarm) -> str:
    """What an alarm is, in one sentence that holds nothing but numbers and words of ours."""
    match told.kind:
        case "blind":
            return _("Not watching: nobody would see an attack now (alarm {id}).").format(id=told.id)
        case "asked":
            return ngettext(
                "Somebody is not sure and asks (alarm {id}).",
                "{n} questions wait for an answer (alarm {id}).",
                told.count,
            ).format(n=told.count, id=told.id)
        case "incidents":
            word = _("Call now") if told.severity >= Severity.HIGH else _("Look now")
            many = ngettext("{n} incident, {severity}", "{n} incidents, up to {severity}", told.count)
            many = many.format(n=told.count, severity=severity_word(told.severity))
            alarm_words = _("alarm {id}").format(id=told.id)
            return f"{word}: {many} ({alarm_words})."


def _about(told: Alarm, items: Sequence[Item], detail: Detail) -> list[str]:
    if told.kind != "incidents":
        return ["", *(inert(each) for each in told.text.splitlines()[:10])] if detail == "full" else []
    lines = [""]
    for each in items[:MOST_TOLD]:
        lines += _item(each, detail)
    if told.count > len(items[:MOST_TOLD]):
        lines.append(_("and {n} more").format(n=told.count - len(items[:MOST_TOLD])))
    return lines


def _item(each: Item, detail: Detail) -> list[str]:
    if detail == "full":
        return [f"- {each.id} ({severity_word(each.severity)}): {inert(each.title)}", f"  {inert(each.summary, 600)}"]
    named = dict.fromkeys(technique(one).name or one for one in each.techniques)
    what = ", ".join([*named][:3]) or _("suspicious activity")
    priority = _("priority {n}").format(n=each.priority)
    return [f"- {each.id} ({severity_word(each.severity)}, {priority}): {what}"]


def _answer(answer: Answer) -> list[str]:
    lines = []
    if answer.link:
        lines += [_("Say that you have it:"), answer.link]
    if answer.code:
        lines.append(_("Or tell whoever is at the watch this code: {code}").format(code=answer.code))
    return lines


def _foot(number: str) -> list[str]:
    return [_("Message {number}. If it comes twice, it is the same one.").format(number=number)]
