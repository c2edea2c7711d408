"""Which files are parts of one log, and in which order they were written, told by their names.

``access.log``, ``access.log.1``, ``access.log.2.gz`` and ``access.log-20261103.zst`` are one log. So are the dated
files of a folder (``u_ex261103.log``, ``app-2026-11-03.log``) and numbered ones (``000000000007.log``). A name that is
misread does no harm: every file is followed for itself, and only who is read first depends on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_COMPRESSED: Final = re.compile(r"\.(?:gz|zst|bz2|xz)$", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"\.(\d{1,4})$")
_OLD: Final = re.compile(r"\.(?:old|bak|prev)$", re.IGNORECASE)
_SEQUENCE: Final = re.compile(r"\d+(?=\.[A-Za-z]+$|$)")
_DATE: Final = re.compile(
    r"[-_.]?(?<!\d)("
    r"(?:19|20)\d\d([-_.]?)[01]\d\2[0-3]\d(?:[-_.T]?[0-2]\d(?:[-_.:]?[0-5]\d(?:[-_.:]?[0-5]\d)?)?)?"
    r"|1\d{9}"  # seconds since 1970
    r"|[2-9]\d[01]\d[0-3]\d(?:[0-2]\d)?"  # IIS: u_ex261103.log
    r")Z?(?!\d)"
)
_PART: Final = re.compile(r"[-_.](\d{1,4})(?=\.[A-Za-z]+$|$)")


@dataclass(frozen=True, slots=True, order=True)
class Age:
    """Where a file stands among those of its log; the smallest was written first.

    Attributes:
        kind: 0 dated or numbered upwards, 1 numbered downwards, 2 the log itself.
        when: digits of its date or number, comparable within one log.
        part: further number.
    """

    kind: int
    when: str
    part: int


def generation_of(name: str) -> tuple[str, Age]:
    """The log that a file of this name (without its folder) is a part of, and its place there."""
    plain = _COMPRESSED.sub("", name)
    if (sequence := _SEQUENCE.match(plain)) is not None:
        return "*" + plain[sequence.end() :], Age(0, sequence[0].zfill(20), 0)
    if (numbered := _NUMBERED.search(plain)) is not None:
        below, age = generation_of(plain[: numbered.start()])
        number = int(numbered[1])
        return below, Age(age.kind, age.when, number) if age.kind == 0 else Age(1, "", -number)
    if (old := _OLD.search(plain)) is not None:
        below, age = generation_of(plain[: old.start()])
        return below, age if age.kind == 0 else Age(1, "", -1)
    if (date := _last(_DATE, plain)) is not None and date.start() > 0:
        digits = re.sub(r"\D", "", date[1])
        rest = plain[date.end() :]
        part = _PART.match(rest)
        behind = rest[part.end() :] if part else rest
        return f"{plain[: date.start()]}{behind}", Age(0, digits.ljust(20, "0"), int(part[1]) if part else 0)
    return plain, Age(2, "", 0)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for each in pattern.finditer(text):
        found = each
    return found
