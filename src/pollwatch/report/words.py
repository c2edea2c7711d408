"""Words that every kind of report uses, in the reader's language."""

from __future__ import annotations

from pollwatch.i18n import _, ngettext
from pollwatch.incidents.coverage import CoverageAnswer


def severity_word(severity: str) -> str:
    """The severity in the reader's language."""
    return {
        "info": _("info"),
        "low": _("low"),
        "medium": _("medium"),
        "high": _("high"),
        "critical": _("critical"),
    }[severity]


def status_word(status: str) -> str:
    """The work-flow status in the reader's language."""
    return {
        "open": _("open"),
        "acknowledged": _("acknowledged"),
        "closed": _("closed"),
        "false-positive": _("false positive"),
    }[status]


def phase_word(phase: str) -> str:
    """The phase of an election (a word of ``PHASES``) in the reader's language; empty for none."""
    words = {
        "preparation": _("preparation"),
        "registration": _("registration"),
        "registration-deadline": _("registration deadline"),
        "campaign": _("campaign"),
        "early-voting": _("early voting"),
        "election-day": _("election day"),
        "results-night": _("results night"),
        "canvass": _("canvass"),
        "certification": _("certification"),
        "aftermath": _("aftermath"),
    }
    return words.get(phase, phase)


def exercise_words(exercise: bool) -> str:  # noqa: FBT001 - the case's own word
    """What goes before a title of an exercise, and nothing before a real one."""
    return _("EXERCISE: nothing in it is real") + ". " if exercise else ""


def thousands(n: int) -> str:
    """A count with thin spaces between groups of three digits, which no country reads as a decimal point."""
    return f"{n:,}".replace(",", "\u2009")


def lines_words(n: int) -> str:
    """``1 line``, ``3 561 lines``."""
    return ngettext("{n} line", "{n} lines", n).format(n=thousands(n))


def missing_words(answer: CoverageAnswer) -> str:
    """What is missing for a full answer, or a dash."""
    return answer.missing or "–"
