"""Regular expressions that cannot stop the engine.

Where RE2 takes a pattern it runs there: linear time, whatever the text (Arrow carries RE2). What RE2 refuses
(look-around, back-references) runs in Python's ``re``, but only if no repeat holds another one and no more than two
that have no end follow one another, and only on the beginning of a text: :data:`CAPS`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.detect.sigma.plan import Regex
from pollwatch.errors import RuleError

#: Characters of a text that ``re`` looks at, by how many endless repeats follow one another: the time it may take
#: grows with the length to the power of one more than that.
CAPS = (2_048, 2_048, 256)
_MANY_TIMES = 8
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_ENDLESS = 100
_LARGEST_CLASS = 24
#: How often a repeat is written out: no longer literal is looked for.
_UNROLLED = 48
#: What RE2 takes for white space.
_SPACES = tuple(b"\t\n\f\r ")
_SPACED = re.compile(r"\s")
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


def check(test: Regex) -> None:
    """Refuse a pattern that cannot be run safely.

    Raises:
        RuleError: not a regular expression, or one that may take exponential time.
    """
    if linear(test):
        return
    pattern = _python(test)
    tree = parser.parse(pattern.pattern, pattern.flags)
    if _nested_repeat(tree):
        raise RuleError(
            f"regular expression {test.pattern[:80]!r} uses look-around or back-references and repeats a repeat;"
            " it could take forever on a long line. Rewrite it without one of the two"
        )
    if _degree(tree) >= len(CAPS):
        raise RuleError(
            f"regular expression {test.pattern[:80]!r} uses look-around or back-references and has more than"
            f" {len(CAPS) - 1} endless repeats in a row; it could take forever on a long line"
        )


def found(test: Regex, values: Sequence[str]) -> list[bool]:
    """For each value, whether the pattern is found in it."""
    if linear(test):
        result: list[bool] = pc.match_substring_regex(pa.array(values, pa.string()), _re2(test)).to_pylist()
        return result
    search, cap = _python(test).search, _cap(test)
    return [search(value[:cap]) is not None for value in values]


def found_in(test: Regex, values: pa.Array, longest: int) -> npt.NDArray[np.bool_]:
    """The same of texts as Arrow holds them, none of them null, of which the first ``longest`` characters count."""
    if not linear(test):
        return np.array(found(test, [value[:longest] for value in values.to_pylist()]), bool)
    if (pc.max(pc.binary_length(values)).as_py() or 0) > longest:
        values = pc.utf8_slice_codeunits(values, 0, longest)
    result: npt.NDArray[np.bool_] = pc.match_substring_regex(values, _re2(test)).to_numpy(zero_copy_only=False)
    return result


def place(test: Regex, text: str) -> int | None:
    """How many characters stand before the first place where the pattern is found; None where RE2 cannot say."""
    if not linear(test):
        return None
    at = pc.find_substring_regex(pa.array([text], pa.string()), _re2(test))[0].as_py()
    return len(text.encode()[:at].decode()) if at >= 0 else None


def any_of(tests: Sequence[Regex]) -> Regex | None:
    """One pattern that is found wherever any of some linear ones is; None where RE2 finds it too large."""
    together = Regex("|".join(f"(?:{_re2(test)})" for test in tests), "")
    return together if linear(together) else None


def _re2(test: Regex) -> str:
    return f"(?{test.flags}){test.pattern}" if test.flags else test.pattern


@lru_cache(maxsize=8_192)
def linear(test: Regex) -> bool:
    """Whether RE2 takes a pattern."""
    try:
        pc.match_substring_regex(pa.array([""], pa.string()), _re2(test))
    except pa.ArrowInvalid:
        return False
    return True


@lru_cache(maxsize=8_192)
def _python(test: Regex) -> re.Pattern[str]:
    flags = re.RegexFlag(0)
    for letter in test.flags:
        flags |= _FLAGS[letter]
    try:
        return re.compile(test.pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise RuleError(f"regular expression {test.pattern[:80]!r} is not understood: {error}") from error


@lru_cache(maxsize=8_192)
def _cap(test: Regex) -> int:
    pattern = _python(test)
    return CAPS[min(_degree(parser.parse(pattern.pattern, pattern.flags)), len(CAPS) - 1)]


def _nested_repeat(items: Any, inside: bool = False) -> bool:  # noqa: ANN401, FBT001, FBT002 - CPython's parse tree
    """Whether a repeat of open length stands in one that repeats many times."""
    for code, argument in items:
        if code in _REPEATS:
            least, most, body = argument
            if inside and most > 1 and least != most:
                return True
            if _nested_repeat(body, inside or most >= _MANY_TIMES):
                return True
        elif any(_nested_repeat(part, inside) for part in _within(code, argument)):
            return True
    return False


def _degree(items: Any) -> int:  # noqa: ANN401 - CPython's own parse tree
    """How many endless repeats follow one another; what looks ahead or behind is done with before what follows."""
    row = apart = 0
    for code, argument in items:
        if code in _REPEATS:
            row += (argument[1] > _ENDLESS) + _degree(argument[2])
        elif code in (codes.ASSERT, codes.ASSERT_NOT):
            apart = max(apart, _degree(argument[1]))
        else:
            row += max(map(_degree, _within(code, argument)), default=0)
    return max(row, apart)


def _within(code: Any, argument: Any) -> list[Any]:  # noqa: ANN401 - CPython's own parse tree
    """The parts of a group, choice, look-around or condition."""
    if code is codes.BRANCH:
        return list(argument[1])
    if code is codes.SUBPATTERN:
        return [argument[3]]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    if code is codes.GROUPREF_EXISTS:
        return [branch for branch in argument[1:] if branch is not None]
    return [argument] if code is codes.ATOMIC_GROUP else []


def necessary(test: Regex) -> frozenset[str] | None:
    """Lower-case literals of which at least one stands in every text that the pattern is found in.

    None where no such set is known. Longer sets and shorter literals are still right, only less useful.
    """
    return max(alternatives(test), key=_quality, default=None)


@lru_cache(maxsize=8_192)
def alternatives(test: Regex) -> Sequence[frozenset[str]]:
    """All such sets that are known: each by itself is necessary."""
    if "[:" in test.pattern and ":]" in test.pattern:
        return []  # RE2 reads [[:alpha:]] as a class, Python reads it as brackets
    try:
        tree = parser.parse(test.pattern, _python(test).flags)
    except (RuleError, re.error):
        return []
    known = _alternatives(tree)
    if linear(test):
        return known
    # Python's white space has more characters than RE2's.
    return [found for found in known if not any(map(_SPACED.search, found))]


def _alternatives(items: Any) -> list[frozenset[str]]:  # noqa: ANN401 - CPython's own parse tree
    """The sets of a sequence: each of its parts must be there."""
    found: list[frozenset[str]] = []
    runs: tuple[str, ...] = ()  # what may stand here, one after the other, so far
    for code, argument in items:
        if code is codes.AT:
            continue  # stands between characters, and is none
        characters = _characters(code, argument)
        if characters and max(len(runs), 1) * len(characters) <= _LARGEST_CLASS:
            runs = tuple(run + character for run in runs or ("",) for character in characters)
            continue
        found += [*([frozenset(runs)] if runs else []), *_part(code, argument)]
        runs = ()
    return [*found, *([frozenset(runs)] if runs else [])]


def _characters(code: Any, argument: Any) -> tuple[str, ...]:  # noqa: ANN401 - CPython's own parse tree
    """The few characters, lower-case, of which a part is exactly one; none where it is anything else."""
    if code is codes.LITERAL and argument < 0x80:
        return (chr(argument).lower(),)
    return tuple(sorted(_class(argument) or ())) if code is codes.IN else ()


def _best(items: Any) -> frozenset[str] | None:  # noqa: ANN401 - CPython's own parse tree
    """The set with the rarest literals."""
    return max(_alternatives(items), key=_quality, default=None)


def _part(code: Any, argument: Any) -> list[frozenset[str]]:  # noqa: ANN401 - CPython's own parse tree
    if code is codes.SUBPATTERN:
        return _alternatives(argument[3])
    if code is codes.BRANCH:
        branches = [_best(branch) for branch in argument[1]]
        known = [branch for branch in branches if branch]
        return [frozenset[str]().union(*known)] if len(known) == len(branches) else []
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and argument[0] > 0:
        return _alternatives([*argument[2]] * min(argument[0], _UNROLLED))
    only = _class(argument) if code is codes.IN else None
    return [only] if only else []


def _class(argument: Any) -> frozenset[str] | None:  # noqa: ANN401 - CPython's own parse tree
    found = set[int]()
    for code, value in argument:
        if code is codes.LITERAL:
            found.add(value)
        elif code is codes.RANGE and value[1] - value[0] < _LARGEST_CLASS:
            found.update(range(value[0], value[1] + 1))
        elif value is codes.CATEGORY_SPACE:
            found.update(_SPACES)
        else:
            return None
    if max(found) >= 0x80:
        return None
    letters = frozenset(chr(value).lower() for value in found)
    return letters if len(letters) <= _LARGEST_CLASS else None


#: Characters that seldom stand in what is logged of honest visitors.
_SELDOM = frozenset("'\"()<>{}[]$;|`*^\\!@~#,\x00")
#: Sets whose every member is at least this rare are worth scanning for.
USEFUL = 2


def rarity(literal: str) -> int:
    """How seldom a literal is likely to stand in a text: its length, odd characters counting three times."""
    return sum(3 if char in _SELDOM else 1 for char in literal)


def _quality(literals: frozenset[str]) -> tuple[int, int]:
    """Which set makes the better prefilter: whose commonest member is rarest, then the smallest."""
    return min(map(rarity, literals)), -len(literals)
