"""What a name looks like: letters that the eye takes for one another are one.

Two names with the same look can be told apart by a machine only. The folding is the same for both sides, so that what
it does to honest names does not matter.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

#: Letters of other scripts that look like ASCII ones, beside those that Unicode itself takes apart (NFKD).
_LETTERS: Final = {
    **dict(zip("аеорсухіјѕԁԛԝһьӏкмтвнгп", "aeopcyxijsdqwhbikmtbhrn", strict=True)),
    **dict(zip("αοερυνικτωχγηβ", "aoepuviktwxynb", strict=True)),
    **dict(zip("օոսհցզԁ", "onuhgqd", strict=True)),  # noqa: RUF001 - Armenian
    **dict(zip("ıłđøħŧɡɩʟɴʀƅɑɐəʋꞁ", "ildohtgilnrbaaeul", strict=True)),
    "æ": "ae",
    "œ": "oe",
    "ß": "ss",
}
#: ASCII that looks like other ASCII, the longer first.
ALIKE: Final = {
    "rn": "m",
    "vv": "w",
    "cl": "d",
    "0": "o",
    "1": "l",
    "i": "l",
    "q": "g",
    "5": "s",
    "3": "e",
    "4": "a",
    "7": "t",
    "8": "b",
}


def plain(label: str) -> str:
    """A label in ASCII letters as far as it looks like them; ``xn--`` forms are read first."""
    if label.startswith("xn--"):
        try:
            label = label[4:].encode("ascii").decode("punycode").lower()
        except (UnicodeError, ValueError):
            return label
    if label.isascii():
        return label
    apart = unicodedata.normalize("NFKD", label)
    return "".join(_LETTERS.get(each, each) for each in apart if not unicodedata.combining(each))


@cache
def look(label: str) -> str:
    """What a plain label looks like: equal for labels that the eye takes for one another."""
    for one, other in ALIKE.items():
        label = label.replace(one, other)
    return label
