"""What a blind SQL injection took, inferred from its questions and from how they were answered.

A page that shows no data still answers *yes* or *no*, by what it shows or by how long it takes. So an attacker asks for
a text letter by letter: is the third letter's code above 77? above 109? Whoever has the log has the questions;
and where yes and no differ in status, size or time, the answers, too. The log then lets one infer the text.

Each question is a *fact* about one character if it is answered with yes, and the opposite of it if with no. Which of
two kinds of answers means yes is not known beforehand: the reading that contradicts itself less is taken, and a reading
that contradicts itself much is no reading at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pollwatch.events.grammar import sqlwords

#: Codes of characters that are told apart; a text has none behind.
_CODES: Final = 1 << 16
#: Positions of one text that are looked at.
MOST_POSITIONS: Final = 2_000
#: Contradicting answers of so many to one that a reading may have.
_NOISE: Final = 0.05
_LEAST_QUESTIONS: Final = 12
_SLOWER_US: Final = 700_000
_SUBJECT: Final = 200
UNKNOWN: Final = "\N{MIDDLE DOT}"

_CUT = re.compile(r"\b(?:substr(?:ing|c|b)?|mid)\s*\(")
_RELATION = re.compile(
    r"[\s)]*(?:,\s*(?:\d+|'')\s*\)[\s)]*)?(?:::\w+)?[\s)]*(?:collate\s+\w+\s*|escape\s+'.'\s*)?(?P<not>not\s+)?(?P<sign>between|<=>|>=|<=|<>|!=|>|<|=|like(?:\s+binary)?|&|in\s*\()\s*(?P<rest>.{0,80})",
    re.DOTALL,
)
_VALUE = re.compile(
    r"(?:binary\s+)?(?:(?:n?char|chr|cast)\s*\(\s*(?P<called>\d{1,5})|(?P<hex>0x[0-9a-f]{2,4})\b|(?P<number>\d{1,5})|(?:ord|ascii|unicode)?\(?\s*n?['\"](?P<letter>[^'\"]|'')['\"%]?)"
)
_NUMBER = re.compile(r"\s*(?P<number>\d{1,5})\s*\)*\s*(?P<and>and\s+(?P<high>\d{1,5}))?")
_WAITS = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(sqlwords.DELAYS)) + r"|\bwaitfor\b")


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one character.

    Attributes:
        subject: the text that is asked about, as SQL.
        position: of the character, from 1.
        low, high: yes means that the character's code is from ``low`` to ``high`` ...
        mask: ... or, where it is not 0, that its bits under the mask are ``low``.
        opposite: yes means that it is not so.
        waits: yes or no is told by how long the answer takes.
    """

    subject: str
    position: int
    low: int
    high: int
    mask: int = 0
    opposite: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """How a question was answered: status, bytes, and the time taken in microseconds (-1 = not logged)."""

    status: int
    size: int
    taken_us: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that was taken.

    Attributes:
        text: what is inferred; ``UNKNOWN`` for a character that the answers do not settle.
        sure: how many characters they do settle.
        questions: how many questions it took.
        doubts: answers that contradict the others.
    """

    text: str
    sure: int
    questions: int
    doubts: int


def question(value: str) -> Question | None:
    """The question that a parameter's value asks about one character of a text, if it asks one.

    Args:
        value: decoded.
    """
    text = re.sub(r"/\*.*?\*/", " ", value.lower(), flags=re.DOTALL)
    for match in reversed(list(_CUT.finditer(text))):
        arguments, end = _arguments(text, match.end())
        place = _place(arguments)
        if place is None or end < 0:
            continue
        relation = _RELATION.match(text, end)
        bounds = _bounds(relation) if relation else None
        if relation is None or bounds is None or not 0 < place[1] <= MOST_POSITIONS:
            continue
        # Letters are asked for as they are; only a text's words were made small.
        if relation["sign"] in {"=", "<>", "!=", "<=>", "like", "like binary"}:
            bounds = _letter(value, bounds)
        low, high, mask, opposite = bounds
        subject = " ".join(place[0].split())[:_SUBJECT]
        return Question(subject, place[1], low, high, mask, opposite, _WAITS.search(text) is not None)
    return None


def _arguments(text: str, begin: int) -> tuple[list[str], int]:
    """The arguments of a call, and where it ends; -1 where it does not."""
    found, depth, since, quote = list[str](), 0, begin, ""
    for at in range(begin, min(len(text), begin + 2_000)):
        sign = text[at]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "(":
            depth += 1
        elif sign == ")" and depth == 0:
            return [*found, text[since:at]], at + 1
        elif sign == ")":
            depth -= 1
        elif sign == "," and depth == 0:
            found.append(text[since:at])
            since = at + 1
    return found, -1


def _place(arguments: Sequence[str]) -> tuple[str, int] | None:
    """Subject and position of SUBSTRING's arguments, if one character is cut out."""
    if len(arguments) == 1:
        match = re.fullmatch(r"(.+)\s+from\s+(\d{1,5})\s+for\s+1\s*", arguments[0], re.DOTALL)
        return (match[1], int(match[2])) if match else None
    if len(arguments) == 3 and arguments[1].strip().isdecimal() and arguments[2].strip() == "1":
        return arguments[0], int(arguments[1].strip()[:6])
    return None


def _bounds(relation: re.Match[str]) -> tuple[int, int, int, bool] | None:
    """Low, high, mask, opposite: what a relation and the value behind it say when they hold."""
    sign, rest, opposite = relation["sign"].split()[0], relation["rest"], relation["not"] is not None
    if sign == "between":
        match = _NUMBER.match(rest)
        return (int(match["number"]), int(match["high"]), 0, opposite) if match and match["high"] else None
    value = _VALUE.match(rest)
    if value is None:
        return None
    if value["letter"] is not None:
        code = ord(value["letter"][0])
    else:
        code = int(value["hex"], 16) if value["hex"] else int(value["called"] or value["number"])
    if sign == "&":
        wanted = re.match(r"\s*\)*\s*(?P<sign>=|>|<>|!=)\s*(?P<number>\d{1,5})", rest[value.end() :])
        if wanted is None:
            return (0, 0, code, not opposite)
        same = (int(wanted["number"]), 0, code, opposite)
        return same if wanted["sign"] == "=" else (0, 0, code, not opposite)
    last = _CODES - 1
    return {
        ">": (code + 1, last, 0, opposite),
        ">=": (code, last, 0, opposite),
        "<": (0, code - 1, 0, opposite),
        "<=": (0, code, 0, opposite),
        "!=": (code, code, 0, not opposite),
        "<>": (code, code, 0, not opposite),
    }.get(sign, (code, code, 0, opposite))


def _letter(value: str, bounds: tuple[int, int, int, bool]) -> tuple[int, int, int, bool]:
    """The same bounds with the letter's own case, where a letter was asked for by itself."""
    low, high, mask, opposite = bounds
    if low == high and 0x61 <= low <= 0x7A and re.search(rf"['\"]{chr(low - 32)}['\"%]", value):
        return low - 32, low - 32, mask, opposite
    return bounds


def read(asked: Sequence[tuple[Question, Answer]]) -> Reading | None:
    """The text that questions about one subject, with their answers, let one infer; None where they tell nothing."""
    if len(asked) < _LEAST_QUESTIONS:
        return None
    best: Reading | None = None
    for yes in _said_yes(asked):
        facts: dict[int, list[tuple[Question, bool]]] = defaultdict(list)
        for (what, _answer), said in zip(asked, yes.tolist(), strict=True):
            facts[what.position].append((what, said))
        reading = _solved(facts, len(asked))
        if best is None or (reading.doubts, -reading.sure) < (best.doubts, -best.sure):
            best = reading
    if best is None or best.doubts > _NOISE * best.questions or not best.sure:
        return None
    return best


def _said_yes(asked: Sequence[tuple[Question, Answer]]) -> Iterable[npt.NDArray[np.bool_]]:
    """The ways to read the answers as yes and no: two kinds of answers, and either may be yes."""
    status = np.array([answer.status for _what, answer in asked])
    size = np.array([answer.size for _what, answer in asked])
    taken = np.array([answer.taken_us for _what, answer in asked])
    splits = []
    if any(what.waits for what, _answer in asked) and (taken >= 0).all():
        splits.append(_gap(taken, _SLOWER_US))
    else:
        if len(np.unique(status)) == 2:
            splits.append(status == status.max())
        splits += [_gap(size, 1)]
    for split in splits:
        if split is not None:
            yield split
            yield ~split


def _gap(values: npt.NDArray[np.int64], least: int) -> npt.NDArray[np.bool_] | None:
    """Which values lie above the widest gap between two that follow one another; None where none is wide enough."""
    ordered = np.unique(values)
    if len(ordered) < 2:
        return None
    gaps = np.diff(ordered)
    widest = int(gaps.argmax())
    return values > ordered[widest] if gaps[widest] >= least else None


def _solved(facts: dict[int, list[tuple[Question, bool]]], questions: int) -> Reading:
    letters: list[str] = []
    sure = doubts = 0
    for position in range(1, max(facts) + 1):
        possible, against = _possible(facts.get(position, []))
        doubts += against
        codes = np.flatnonzero(possible)
        if len(codes) == 1 and codes[0] and not against:
            letters.append(_shown(int(codes[0])))
            sure += 1
        elif len(codes) == 1 and not codes[0]:
            letters.append("")  # the text's end
        else:
            letters.append(UNKNOWN)
    return Reading("".join(letters).rstrip(UNKNOWN), sure, questions, doubts)


def _shown(code: int) -> str:
    letter = chr(code) if not 0xD800 <= code < 0xE000 else UNKNOWN
    return letter if letter.isprintable() else UNKNOWN


def _possible(facts: Sequence[tuple[Question, bool]]) -> tuple[npt.NDArray[np.bool_], int]:
    """The codes that a character may have, and how many facts contradict the ones before."""
    codes = np.arange(_CODES)
    possible, against = np.ones(_CODES, bool), 0
    for what, said in facts:
        inside = (codes & what.mask) == what.low if what.mask else (codes >= what.low) & (codes <= what.high)
        narrowed = possible & (inside == (said != what.opposite))
        if narrowed.any():
            possible = narrowed
        else:
            against += 1
    return possible, against
