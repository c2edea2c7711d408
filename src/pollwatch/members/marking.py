"""Traffic Light Protocol 2.0: who may be told. A missing marking is never a permission."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from pollwatch.errors import PolicyError


class Tlp(IntEnum):
    """The TLP 2.0 labels, ordered: a higher one allows fewer readers."""

    CLEAR = 0
    GREEN = 1
    AMBER = 2
    AMBER_STRICT = 3
    RED = 4

    @property
    def word(self) -> str:
        """``clear`` ... ``amber+strict``, ``red``: as the STIX extension spells it."""
        return self.name.lower().replace("_", "+")

    @property
    def label(self) -> str:
        """``TLP:AMBER+STRICT``: as people write it."""
        return f"TLP:{self.word.upper()}"

    @classmethod
    def parse(cls, text: str) -> Tlp:
        """The label of a word, in either spelling.

        Raises:
            PolicyError: no such label (``white`` was renamed to ``clear`` in 2.0).
        """
        word = text.lower().removeprefix("tlp:")
        for each in cls:
            if each.word == word:
                return each
        raise PolicyError(f"no TLP 2.0 label {text[:40]!r}; use clear, green, amber, amber+strict or red")


WORDS = tuple(each.word for each in Tlp)


def check_release(release: Tlp | None, parts: Iterable[tuple[str, Tlp | None]]) -> Tlp:
    """Whether a release under one marking may hold these parts and go to another organisation.

    Args:
        release: the marking of the whole; None = none was given.
        parts: what it holds, each with its own marking.

    Returns:
        The marking of the release.

    Raises:
        PolicyError: a marking is missing, a part is marked stricter than the whole, or the marking names people
            and not organisations (TLP:RED).
    """
    if release is None:
        raise PolicyError("the release carries no TLP marking; say which with --tlp")
    if release is Tlp.RED:
        raise PolicyError("TLP:RED is for the named people in the room; it cannot be released to an organisation")
    for name, marking in parts:
        if marking is None:
            raise PolicyError(f"{name} carries no TLP marking; without one nothing leaves")
        if marking > release:
            raise PolicyError(f"{name} is marked {marking.label} and cannot leave under {release.label}")
    return release
