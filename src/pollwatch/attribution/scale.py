"""The words in which likelihood and confidence are said: ICD 203, and never one for the other.

Likelihood says how probable the claim is; confidence, how good the evidence and reasoning behind that is. STIX has
one number (``confidence``, 0-100), for which its DNI scale gives a value to each likelihood band.
"""

from __future__ import annotations

from enum import Enum, StrEnum

from pollwatch.errors import FormatError


class Likelihood(Enum):
    """The seven bands of ICD 203: word, from per cent, to per cent, value on STIX's DNI scale."""

    ALMOST_NO_CHANCE = ("almost-no-chance", 1, 5, 5)
    VERY_UNLIKELY = ("very-unlikely", 5, 20, 15)
    UNLIKELY = ("unlikely", 20, 45, 30)
    ROUGHLY_EVEN = ("roughly-even", 45, 55, 50)
    LIKELY = ("likely", 55, 80, 70)
    VERY_LIKELY = ("very-likely", 80, 95, 85)
    ALMOST_CERTAIN = ("almost-certain", 95, 99, 95)

    @property
    def word(self) -> str:
        """As the command line and the objects spell it."""
        return self.value[0]

    @property
    def stix(self) -> int:
        """STIX `confidence`, by its DNI scale."""
        return self.value[3]

    @classmethod
    def parse(cls, word: str) -> Likelihood:
        """The band of that name.

        Raises:
            FormatError: there is none.
        """
        for each in cls:
            if each.word == word:
                return each
        raise FormatError(f"no likelihood {word[:40]!r}; use one of {', '.join(each.word for each in cls)}")


class Confidence(StrEnum):
    """Analytic confidence: how good evidence and reasoning are."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class Finding(StrEnum):
    """What a claim finds. Not knowing is a finding too."""

    NAMED = "named"
    UNKNOWN = "unknown"
    CANNOT_BE_DETERMINED = "cannot-be-determined"


class Stance(StrEnum):
    """A member's opinion of a claim, in STIX's words."""

    STRONGLY_DISAGREE = "strongly-disagree"
    DISAGREE = "disagree"
    NEUTRAL = "neutral"
    AGREE = "agree"
    STRONGLY_AGREE = "strongly-agree"
