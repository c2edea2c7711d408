"""The settings of ``[notify]`` with their meaning, for the reference page."""

from __future__ import annotations

from typing import Final

from pollwatch.config.setting import Setting
from pollwatch.election.vocabulary import HOT_PHASES, PHASES
from pollwatch.events.detection import Severity
from pollwatch.notify.settings import DETAILS, ON_DUTY

_PHASE_WORDS: Final = ", ".join(f"`{each}`" for each in PHASES)
_HOT: Final = ", ".join(f"`{each}`" for each in PHASES if each in HOT_PHASES)
_SEVERITIES: Final = ", ".join(f"`{each.word}`" for each in Severity)
_DETAIL: Final = ", ".join(f"`{each}`" for each in DETAILS)

NOTIFY: Final = (
    Setting("[notify]", "zone", "IANA time zone; UTC", "Of quiet hours, shifts and summaries.", '"Europe/Amsterdam"'),
    Setting("[notify]", "language", "language; en", "Of messages to people of whom nothing else is said.", '"nl"'),
    Setting(
        "[notify]",
        "link",
        "https address",
        "Where the console is reached: messages then hold a link by which one says that one has an alarm.",
        '"https://watch.alder.example"',
    ),
    Setting(
        "[notify]", "urgent_from", f"one of {_SEVERITIES}; high", "From which severity on it is an alarm.", '"high"'
    ),
    Setting(
        "[notify]",
        "urgent_priority",
        "0 to 5; 2",
        "Or from which priority of the election calendar on (1 is the highest; 0 = the calendar makes no alarm).",
        "2",
    ),
    Setting("[notify]", "wake_priority", "0 to 5; 2", "From which priority on quiet hours do not hold.", "1"),
    Setting(
        "[notify]",
        "awake_in",
        f"list of {_PHASE_WORDS}; {_HOT}",
        "Phases of an election in which nobody's quiet hours hold.",
        '["election-day", "results-night"]',
    ),
    Setting("[notify]", "digest_at", "list of times; 08:00", "When the summary goes out.", '["08:00", "17:00"]'),
    Setting(
        "[notify]",
        "gather_minutes",
        "1 to 10080; 5",
        "Further incidents of an alarm are told after so long, unless they are graver.",
        "5",
    ),
    Setting(
        "[notify]", "repeat_minutes", "1 to 10080; 30", "An alarm that nobody answers begins again after so long.", "20"
    ),
    Setting("[notify]", "most_per_hour", "1 to 1000; 12", "Messages of alarms to one person.", "12"),
    Setting(
        "[notify]", "stale_hours", "1 to 10000; 24", "What happened longer ago is in the summary, and no alarm.", "24"
    ),
    Setting("[[notify.channel]]", "name", "text, required", "What people call it.", '"sms of Ada"'),
    Setting(
        "[[notify.channel]]",
        "file",
        "file; this or `credential`",
        "Holds its address (an apprise URL, one a line); relative to this file. Others must not be able to read it.",
        '"notify/sms-ada"',
    ),
    Setting(
        "[[notify.channel]]", "credential", "name; this or `file`", "The systemd credential that holds it.", '"sms-ada"'
    ),
    Setting(
        "[[notify.channel]]",
        "detail",
        f"one of {_DETAIL}; plain",
        "What may be said over it. `bare`: that there is something, and how grave. `plain`: what kind of attack, no "
        "system, address or name. `full`: what the inbox says, for channels that do not leave the house.",
        '"bare"',
    ),
    Setting("[[notify.person]]", "name", "text, required", "Who is told.", '"Ada Duty"'),
    Setting("[[notify.person]]", "role", "text", "What they are, for the telephone tree.", '"duty officer"'),
    Setting(
        "[[notify.person]]", "telephone", "text", "For the telephone tree, and nothing else.", '"+31 20 123 45 67"'
    ),
    Setting("[[notify.person]]", "urgent", "list of channels", "Over which alarms come.", '["sms of Ada"]'),
    Setting("[[notify.person]]", "digest", "list of channels", "Over which the summary comes.", '["sms of Ada"]'),
    Setting("[[notify.person]]", "language", "language", "Of their messages.", '"nl"'),
    Setting("[[notify.person]]", "quiet", "hours", "When they are left in peace; past midnight, too.", '"22:00-07:00"'),
    Setting(
        "[[notify.step]]",
        "after_minutes",
        "number; 0",
        "When nobody has answered an alarm for so long, it reaches these, too. Without steps all are told at once.",
        "15",
    ),
    Setting(
        "[[notify.step]]",
        "people",
        "list of names, required",
        f"Who; `{ON_DUTY}` is whoever has a shift then.",
        f'["{ON_DUTY}"]',
    ),
    Setting("[[notify.shift]]", "person", "name, required", "Who is on duty.", '"Ada Duty"'),
    Setting("[[notify.shift]]", "start", "date or date with time, required", "From when.", "2026-11-03T07:00:00"),
    Setting("[[notify.shift]]", "end", "date or date with time, required", "Until when.", "2026-11-03T19:00:00"),
)
