"""The clerk's light: one of four states and one sentence. A watch that sees nothing is never green."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pollwatch.events.detection import Severity
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.coverage import CoverageAnswer
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.scanned import ScannedInput

State = Literal["normal", "look-now", "call-now", "not-watching"]

#: When fewer lines than this share were understood, the watch is blind in that input.
_UNDERSTOOD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Light:
    """What a clerk sees first.

    Attributes:
        state: for styles and scripts.
        word: the same for people.
        sentence: why, in one sentence.
    """

    state: State
    word: str
    sentence: str


def light(
    incidents: Iterable[Incident],
    inputs: Sequence[ScannedInput],
    coverage: Sequence[CoverageAnswer] = (),
    *,
    passed_over: int = 0,
    blind: str = "",
) -> Light:
    """The light over a scan or a case.

    Call now: an open incident of high or critical. Look now: one of medium. Not watching: nothing graver is
    open, and a live watch is dead or misses a source, no input could be read, none held a line, or of some input less
    than half was understood; what cannot be seen is never called normal. Normal: all else.

    Args:
        incidents: of any status; only open and acknowledged ones count.
        inputs: what was read.
        coverage: what it could show; where nothing could be told at all, nobody is watching.
        passed_over: files of no known format that lay beside logs; they do not dim the light, but "normal" says so.
        blind: why a live watch hears nothing (``liveness.Liveness.blind``); empty where there is no such reason.
    """
    still = [each for each in incidents if each.status in {"open", "acknowledged"}]
    grave = sum(each.severity >= Severity.HIGH for each in still)
    medium = sum(each.severity == Severity.MEDIUM for each in still)
    why = blind or blindness(inputs, coverage)
    return shown(grave, medium, len(still) - grave - medium, why, passed_over=passed_over)


def shown(grave: int, medium: int, minor: int, blind: str, *, passed_over: int = 0) -> Light:
    """The light over so many incidents that are open or being worked on.

    Args:
        grave: of high or critical severity.
        medium: of medium severity.
        minor: of less.
        blind: why nobody is watching, in a sentence; empty = somebody is.
        passed_over: files of no known format that lay beside logs.
    """
    if grave:
        sentence = ngettext(
            "{n} incident cannot wait: read its first step and call.",
            "{n} incidents cannot wait: begin with the first of the list, read its first step and call.",
            grave,
        )
        return Light("call-now", _("Call now"), sentence.format(n=grave))
    if medium:
        sentence = ngettext(
            "{n} incident should be looked at today.", "{n} incidents should be looked at today.", medium
        )
        return Light("look-now", _("Look now"), sentence.format(n=medium))
    if blind:
        return Light("not-watching", _("Not watching"), blind)
    sentence = (
        ngettext(
            "Nothing needs to be done; {n} small matter is listed for those who want to know.",
            "Nothing needs to be done; {n} small matters are listed for those who want to know.",
            minor,
        ).format(n=minor)
        if minor
        else _("Nothing that needs to be done was found in the logs at hand.")
    )
    if passed_over:
        sentence += " " + ngettext(
            "{n} file of no known format beside them was not looked into.",
            "{n} files of no known format beside them were not looked into.",
            passed_over,
        ).format(n=passed_over)
    return Light("normal", _("Normal"), sentence)


def blindness(inputs: Sequence[ScannedInput], coverage: Sequence[CoverageAnswer]) -> str:
    """Why nobody is watching; empty when somebody is."""
    if not inputs or not any(each.lines for each in inputs):
        return _("No log line was read, so nothing can be said: check that the logs are still being written.")
    if not any(each.parsed for each in inputs):
        return _("Not one line was understood, so nothing can be said: check the format of the logs.")
    dim = [each for each in inputs if each.lines and each.parsed < _UNDERSTOOD * each.lines]
    empty = [each for each in inputs if not each.lines]
    if dim:
        return ngettext(
            "In {n} log less than half of the lines were understood, so it cannot be called normal.",
            "In {n} logs less than half of the lines were understood, so it cannot be called normal.",
            len(dim),
        ).format(n=len(dim))
    if empty:
        return ngettext(
            "{n} log is empty: check that it is still being written.",
            "{n} logs are empty: check that they are still being written.",
            len(empty),
        ).format(n=len(empty))
    if coverage and not any(answer.can_tell for answer in coverage):
        return _("The logs at hand can show none of the attacks that are looked for.")
    return ""
