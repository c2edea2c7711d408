"""The words of a dossier for what signed objects say by code, in the reader's language."""

from __future__ import annotations

from typing import Final

from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.hypotheses import ALWAYS, Fit, Hypothesis
from pollwatch.attribution.measure import Kind, Result
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.attribution.tally import Part
from pollwatch.evidence.report import Grade
from pollwatch.i18n import _
from pollwatch.members.marking import Tlp
from pollwatch.report.dossier import inert
from pollwatch.report.dossier.inert import name

#: How an item fits a hypothesis, as the matrix shows it; beside colour, so that nobody needs to see that.
SIGNS: Final = {
    Fit.STRONGLY_CONSISTENT: "++",
    Fit.CONSISTENT: "+",
    Fit.NEUTRAL: "0",
    Fit.INCONSISTENT: "–",
    Fit.STRONGLY_INCONSISTENT: "– –",
}


def likelihood(band: Likelihood) -> str:
    """A band of ICD 203."""
    return {
        Likelihood.ALMOST_NO_CHANCE: _("almost no chance"),
        Likelihood.VERY_UNLIKELY: _("very unlikely"),
        Likelihood.UNLIKELY: _("unlikely"),
        Likelihood.ROUGHLY_EVEN: _("roughly even chance"),
        Likelihood.LIKELY: _("likely"),
        Likelihood.VERY_LIKELY: _("very likely"),
        Likelihood.ALMOST_CERTAIN: _("almost certain"),
    }[band]


def chances(band: Likelihood) -> str:
    """What a band means in numbers."""
    _word, least, most, _stix = band.value
    return _("{least} to {most} in 100").format(least=least, most=most)


def confidence(level: Confidence) -> str:
    """How good evidence and reasoning are."""
    return {
        Confidence.LOW: _("low"),
        Confidence.MODERATE: _("moderate"),
        Confidence.HIGH: _("high"),
    }[level]


def finding(found: Finding) -> str:
    """What a claim finds that names nobody."""
    return {
        Finding.NAMED: _("somebody is named"),
        Finding.UNKNOWN: _("the actor is unknown"),
        Finding.CANNOT_BE_DETERMINED: _("who acted cannot be determined"),
    }[found]


def outcome(ended: Outcome) -> str:
    """How a claim ended."""
    return {
        Outcome.UPHELD: _("upheld"),
        Outcome.REFUTED: _("refuted; it was not so"),
        Outcome.UNDETERMINED: _("undetermined; nobody will know"),
        Outcome.SETTLED: _("settled; the respondent made good"),
    }[ended]


def stance(said: Stance) -> str:
    """A member's opinion."""
    return {
        Stance.STRONGLY_DISAGREE: _("strongly disagrees"),
        Stance.DISAGREE: _("disagrees"),
        Stance.NEUTRAL: _("is neutral"),
        Stance.AGREE: _("agrees"),
        Stance.STRONGLY_AGREE: _("strongly agrees"),
    }[said]


def measure(kind: Kind) -> str:
    """What was done."""
    return {
        Kind.ABUSE: _("abuse report"),
        Kind.TAKEDOWN: _("takedown request"),
        Kind.BLOCK: _("block"),
        Kind.PROSECUTOR: _("package for a prosecutor"),
        Kind.FACT_SHEET: _("fact sheet"),
        Kind.OTHER: _("another measure"),
    }[kind]


def result(came: Result) -> str:
    """What came of a measure."""
    return {
        Result.ACTED: _("acted upon"),
        Result.REFUSED: _("refused"),
        Result.NO_ANSWER: _("no answer"),
        Result.LIFTED: _("lifted again"),
    }[came]


def part(played: Part) -> str:
    """What a member did about a statement."""
    return {
        Part.SIGNED: _("signed"),
        Part.DISSENTS: _("dissents"),
        Part.ABSTAINS: _("abstains"),
        Part.SILENT: _("silent"),
        Part.UNREACHED: _("said nothing; not shown to have been reached"),
        Part.LEFT: _("has left, and said nothing"),
        Part.RESPONDENT: _("is named in it, and counts for neither side"),
        Part.OBSERVES: _("observes, without a vote"),
    }[played]


def fit(rating: Fit) -> str:
    """How an item fits a hypothesis."""
    return {
        Fit.STRONGLY_CONSISTENT: _("fits very well"),
        Fit.CONSISTENT: _("fits"),
        Fit.NEUTRAL: _("says nothing either way"),
        Fit.INCONSISTENT: _("speaks against it"),
        Fit.STRONGLY_INCONSISTENT: _("speaks strongly against it"),
    }[rating]


def hypothesis(each: Hypothesis) -> str:
    """A hypothesis in its author's words, or ours where it is on every list."""
    always = {
        ALWAYS["false-flag"]: _("It was made to look like somebody else's doing."),
        ALWAYS["insider"]: _("It came from within the office that was attacked."),
    }
    return always.get(each.text, each.text) if each.author is None else inert.words(each.text)


def marking(tlp: Tlp) -> str:
    """What a TLP 2.0 label allows."""
    return {
        Tlp.CLEAR: _("may be told to anybody"),
        Tlp.GREEN: _("for the community that this belongs to, and not for the public"),
        Tlp.AMBER: _("for those in the recipient's organisation and its clients who need to know"),
        Tlp.AMBER_STRICT: _("for those in the recipient's organisation who need to know, and nobody else"),
        Tlp.RED: _("for the eyes of the named recipients only"),
    }[tlp]


def grade(reached: Grade) -> str:
    """How much stands behind evidence."""
    return {
        "asserted": _("asserted: its owner's own word, unchanged since it was sealed"),
        "quorum": _("quorum: enough other members saw it too"),
        "cross-bloc": _("cross-bloc: a quorum saw it too, and a rival bloc is part of it"),
        "timestamped": _("time-stamped: an authority that neither side runs has stamped it"),
    }[reached]


def listed(names: list[str]) -> str:
    """Names in one line; "nobody" where there are none."""
    return ", ".join(map(name, names)) or _("nobody")
