"""Words that are added to somebody's name to make another that people trust, in several languages.

They are what offices, mail, log-ins and elections are about. A name made of an owner's and of these is suspicious; a
name made of these alone is nobody's.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from pollwatch.detect.lookalikes.folding import look

#: Every one of them; also as labels of domains these are nobody's own.
LURES: Final = frozenset(
    word
    for line in (Path(__file__).parent / "words.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
)
#: And what each of them looks like.
_SEEN: Final = LURES | frozenset(map(look, LURES))
_LONGEST: Final = max(map(len, LURES))
#: Little words that slip in without being noticed.
FILLERS: Final = ("the", "of", "for", "and", "de", "la", "my")


@cache
def only_lures(text: str) -> bool:
    """Whether a text is nothing but such words, numbers and hyphens; also the empty one."""
    text = text.strip("-")
    if not text or text.isdigit():
        return True
    head = len(text) - len(text.lstrip("0123456789"))
    if head and only_lures(text[head:]):
        return True
    return any(
        text[:length] in _SEEN and only_lures(text[length:]) for length in range(min(len(text), _LONGEST), 1, -1)
    )
