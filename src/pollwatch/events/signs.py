"""Which texts a pattern cannot fit, told at a glance: most texts of a log fit none of a hundred patterns.

A pattern is taken apart into what each of its alternatives needs: three (or fewer) neighbouring characters of certain
classes, of which the rarest are picked. One look at each character of a text then says for all patterns whether
anything that they need is there. Where it is, the pattern itself is asked, so nothing is found that it does not fit;
and nothing that it fits is lost, since what is picked is needed. What is common (``=``) counts only with the next thing
that is needed somewhere behind it.

Characters beyond printable ASCII mean different things to different engines: a text that has one is always asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pollwatch.events.batch import offsets_and_bytes
from pollwatch.kernels.compiled import ready, threshold
from pollwatch.kernels.signs import APART, BITS, FIRST, SECOND, signs

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

#: Fewer texts than these are not worth loading, or compiling, kernels for.
_WORTH_LOADING, _WORTH_COMPILING, _WORTH_IT = 10_000, 100_000, 200
_CLASSES: Final = 1 << BITS
_EDGE: Final = 0
_PRINTABLE: Final = range(0x20, 0x7F)
#: So many ways through a pattern are followed.
_MOST_PATHS: Final = 2_000
#: What is likelier than this to stand in an honest text should not count alone.
_COMMON: Final = 0.004
#: The signs that there may be: what a text of characters beyond printable ASCII has, whose patterns are always asked.
EVERY_SIGN: Final = 15
#: In how many orders two things may be looked for.
_ORDERS = 4


def _classes() -> Bytes:
    """A class per byte: letters whatever their case, digits, each other printable character, and all that is left."""
    found = np.full(256, _CLASSES - 1, np.uint8)
    marks = [byte for byte in _PRINTABLE if not chr(byte).isalnum()]
    for byte in _PRINTABLE:
        char = chr(byte)
        found[byte] = ord(char.lower()) - 96 if char.isalpha() else 27 if char.isdigit() else 28 + marks.index(byte)
    return found


CLASSES: Final = _classes()
_OTHER: Final = _CLASSES - 1


def _likely() -> npt.NDArray[np.float64]:
    """How likely a character of an honest text is of each class, roughly."""
    found = np.full(_CLASSES, 0.002)
    for chars, share in (("etaoinsr", 0.05), ("dlcumpghbfyw", 0.02), ("kvjqxz", 0.006), ("/.", 0.06), ("-_=", 0.03)):
        found[CLASSES[[*chars.encode()]]] = share
    for chars, share in (("0", 0.15), ("&?", 0.02), (":%+", 0.01), (" ", 0.005)):
        found[CLASSES[[*chars.encode()]]] = share
    found[_EDGE] = 0.03
    return found


_LIKELY: Final = _likely()
_EVERY: Final = frozenset(range(1, _CLASSES))


class _Token(NamedTuple):
    """One character of a way through a pattern, or what is repeated between two.

    Attributes:
        classes: of the character, or of those between.
        gap: it is any number of them.
        echo: the last one of such, which may be the one in front of them, too.
    """

    classes: frozenset[int]
    gap: bool = False
    echo: bool = False

    @property
    def share(self) -> float:
        """How likely a character is one of these."""
        return _shared(self.classes)


@cache
def _shared(classes: frozenset[int]) -> float:
    return min(1.0, float(_LIKELY[[*classes]].sum()))


_Path = tuple[_Token, ...]
_BOUNDARY: Final = _Token(frozenset())
_ANYTHING: Final = _Token(_EVERY | {_EDGE}, gap=True)


def _paths(items: Any) -> list[_Path]:  # noqa: ANN401 - CPython's own parse tree
    """The ways through a sequence."""
    found: list[_Path] = [()]
    for code, argument in items:
        options = _options(code, argument)
        if len(found) * len(options) > _MOST_PATHS:
            options = [(_ANYTHING,)]
        found = [(*path, *option) for path in found for option in options]
    return found


def _options(code: Any, argument: Any) -> list[_Path]:  # noqa: ANN401 - CPython's own parse tree
    """The ways through one part of a pattern."""
    if code is codes.SUBPATTERN:
        return _paths(argument[3])
    if code is codes.BRANCH:
        found = [path for branch in argument[1] for path in _paths(branch)]
        return found if len(found) <= _MOST_PATHS else [(_ANYTHING,)]
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        return _repeated(*argument)
    if code is codes.AT:
        bounds = (codes.AT_BOUNDARY, codes.AT_UNI_BOUNDARY)
        edges = (codes.AT_BEGINNING, codes.AT_BEGINNING_STRING, codes.AT_END, codes.AT_END_STRING)
        return [(_Token(frozenset({_EDGE})),)] if argument in edges else [(_BOUNDARY,) if argument in bounds else ()]
    classes = _one(code, argument)
    return [(_ANYTHING if classes is None else _Token(classes),)]


def _repeated(least: int, most: int, body: Any) -> list[_Path]:  # noqa: ANN401 - CPython's own parse tree
    if (least, most) in ((0, 1), (1, 1)):
        return [*([()] if not least else []), *_paths(body)]
    classes = _one(*body[0]) if len(body) == 1 else None
    if classes is None:
        return [(*path, _ANYTHING) for path in _paths(body)] if least else [(_ANYTHING,)]
    one, between = _Token(classes), _Token(classes, gap=True)
    if not least:
        return [(between,)]
    if least == most <= 3:
        return [(one,) * least]
    return [(*(one,) * min(least, 3), between, _Token(classes, echo=True))]


def _one(code: Any, argument: Any) -> frozenset[int] | None:  # noqa: ANN401 - CPython's own parse tree
    """The classes of a part that is one character; None where it is anything else."""
    if code is codes.LITERAL:
        return frozenset({_class(argument)})
    if code is codes.ANY:
        return _EVERY
    if code is codes.NOT_LITERAL:
        return _but({argument})
    if code is not codes.IN:
        return None
    named: set[int] = set()
    for kind, value in argument:
        if kind is codes.LITERAL:
            named.add(value)
        elif kind is codes.RANGE:
            named.update(range(value[0], min(value[1], 0x7F) + 1), (value[0], value[1]))
        elif kind is codes.CATEGORY:
            named.update(_CATEGORIES[value])
    if argument[0][0] is codes.NEGATE:
        return _but(named)
    return frozenset(map(_class, named))


_WORD: Final = {ord("_"), *(byte for byte in _PRINTABLE if chr(byte).isalnum())}
_DIGITS: Final = {*range(0x30, 0x3A)}
#: Beyond printable ASCII there may be any: -1 stands for what is there.
_CATEGORIES: Final = {
    codes.CATEGORY_WORD: {-1, *_WORD},
    codes.CATEGORY_NOT_WORD: {-1, *_PRINTABLE} - _WORD,
    codes.CATEGORY_DIGIT: {-1, *_DIGITS},
    codes.CATEGORY_NOT_DIGIT: {-1, *_PRINTABLE} - _DIGITS,
    codes.CATEGORY_SPACE: {-1, 0x20},
    codes.CATEGORY_NOT_SPACE: {-1, *_PRINTABLE} - {0x20},
}


#: The classes of letters, digits and the underscore.
_WORDS: Final = frozenset(int(CLASSES[char]) for char in _WORD)


def _class(char: int) -> int:
    return int(CLASSES[char]) if char in _PRINTABLE else _OTHER


def _but(characters: set[int]) -> frozenset[int]:
    return frozenset({_OTHER, *(_class(char) for char in _PRINTABLE if char not in characters)})


class _Need(NamedTuple):
    """What a way through a pattern needs: three neighbours, and perhaps others behind these.

    Attributes:
        share: how likely an honest text has it at a place.
        alone: the rarest three, for whoever cannot look for two things in order.
        between: what may stand between the two, if there are two.
    """

    share: float
    window: _Path
    alone: _Path
    behind: _Path = ()
    between: frozenset[int] = frozenset()


def _need(path: _Path) -> _Need | None:
    """The rarest thing that a way needs; None where it needs nothing."""
    path = _bounded(path)
    single = min(
        (_Need(_share(each), each, each) for each in _windows(path)), key=lambda need: need.share, default=None
    )
    if single is None or single.share <= _COMMON:
        return single
    return min([single, *_in_order(path, single.window)], key=lambda need: need.share)


def _bounded(path: _Path) -> _Path:
    """Where a word begins behind a gap, or ends before one, what stands there is no letter."""
    found: list[_Token] = []
    for at, token in enumerate(path):
        if token is not _BOUNDARY:
            found.append(token)
            continue
        before, behind = path[at - 1] if at else _ANYTHING, path[at + 1] if at + 1 < len(path) else _ANYTHING
        if (before.gap and behind.classes <= _WORDS) or (behind.gap and before.classes <= _WORDS):
            found.append(_Token(_EVERY - _WORDS | {_EDGE}, echo=True))
    return tuple(found)


def _windows(path: _Path) -> list[_Path]:
    spans = [path[at : at + size] for size in (1, 2, 3) for at in range(len(path) - size + 1)]
    return [span for span in spans if not any(token.gap for token in span)]


def _in_order(path: _Path, alone: _Path) -> list[_Need]:
    """What must stand behind one another, with a gap between."""
    found = []
    for at, gap in enumerate(path):
        if gap.gap:
            before = [
                each for each in _windows(path[:at]) if each == path[at - len(each) : at] and not each[-1].echo
            ]  # fmt: skip
            behind = [
                each for each in _windows(path[at + 1 :])
                if each == path[at + 1 : at + 1 + len(each)] and not each[-1].echo
            ]  # fmt: skip
            for one in before:
                for other in behind:
                    between = gap.classes.union(*(token.classes for token in other[:-1]))
                    found.append(_Need(_share(one) * _share(other), one, alone, other, between))
    return found


def _share(window: _Path) -> float:
    """How likely neighbours stand in an honest text: letters like company, and words begin behind certain marks."""
    share = 1.0
    for token in window:
        share *= token.share
    for before, behind in pairwise(window):
        if len(behind.classes) == 1 and behind.classes <= _WORDS:
            known = _OF_A_WORD if before.classes <= _WORDS else _BEGINNING if before.classes <= _BEFORE_WORDS else 1.0
            share *= known if len(before.classes) <= len(_BEFORE_WORDS) else 1.0
    return share


_OF_A_WORD, _BEGINNING = 3.0, 10.0
_BEFORE_WORDS: Final = frozenset(CLASSES[[*b"/?&=. "]].tolist())


@dataclass(frozen=True)
class Signs:
    """The signs of some patterns.

    Attributes:
        patterns: in the dialect of RE2, by the bit that is their sign: 1, 2, 4 or 8.
    """

    patterns: Mapping[int, str]

    @cached_property
    def table(self) -> npt.NDArray[np.uint16]:
        """Per class of three neighbours, the last one's in the lowest bits: signs, as ``kernels.signs`` reads them."""
        table = np.zeros((_CLASSES,) * 3, np.uint16)
        orders: list[frozenset[int]] = []
        for bit, pattern in self.patterns.items():
            for need in needs(pattern):
                if need is None:
                    table |= np.uint16(bit)
                    continue
                ordered = bool(need.behind) and bit == 1
                if ordered and need.between not in orders and len(orders) < _ORDERS:
                    orders.append(need.between)
                if not ordered or need.between not in orders:
                    _mark(table, need.alone, bit)
                    continue
                order = 1 << orders.index(need.between)
                _mark(table, need.window, order << FIRST)
                _mark(table, need.behind, order << SECOND)
        for nth, between in enumerate(orders):
            table[:, :, sorted(_EVERY - between)] |= np.uint16(1 << nth << APART)
        table[:, :, _OTHER] |= np.uint16(EVERY_SIGN)
        return table.reshape(-1)

    def of(self, texts: pa.Array) -> Bytes:
        """Each text's signs: bits that are not set belong to patterns that it does not fit; null has none.

        Args:
            texts: strings.
        """
        least = _WORTH_IT if ready() else threshold(_WORTH_LOADING, _WORTH_COMPILING)
        if len(texts) < least:
            return np.full(len(texts), EVERY_SIGN, np.uint8)

        offsets, data = offsets_and_bytes(texts)
        found = np.empty(len(texts), np.uint8)
        signs(data, offsets, CLASSES, self.table, found)
        return found


def needs(pattern: str) -> Sequence[_Need | None]:
    """What each way through a pattern needs; None where one needs nothing that is known here."""
    # RE2's word for "no letter"; Python knows none, and any character is one more than enough.
    return [_need(path) for path in _paths(parser.parse(pattern.replace(r"\PL", r"[\s\S]")))]


def _mark(table: npt.NDArray[np.uint16], window: _Path, bit: int) -> None:
    """Set a bit wherever the last of three neighbours ends a window."""
    axes = [sorted(token.classes) for token in window]
    every = list(range(_CLASSES))
    table[np.ix_(*[every] * (3 - len(axes)), *axes)] |= np.uint16(bit)
