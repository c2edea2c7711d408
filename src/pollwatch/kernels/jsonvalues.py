"""One JSON value in a buffer: where it ends, and how it reads.

What is rare and hard (half surrogates, raw control characters) is broken here, as is what is no JSON; a slower reader
says which it is.
"""

from __future__ import annotations

import numpy as np

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.texts import ESCAPED, NULL, PLAIN
from pollwatch.kernels.words import Bytes, first_byte, marked, word_at

#: The bytes are some other JSON value.
ODD = 3
BROKEN = -1
QUOTE, OPEN, CLOSE = 0x22, 0x7B, 0x7D

_BACKSLASH, _MINUS, _BRACKET, _UNBRACKET = 0x5C, 0x2D, 0x5B, 0x5D
_QUOTE_WORD, _BACKSLASH_WORD = np.uint64(QUOTE), np.uint64(_BACKSLASH)
_SPACES, _TOPS = np.uint64(0x2020202020202020), np.uint64(0x8080808080808080)
_TRUE, _FALSE, _NULL = (np.frombuffer(word, np.uint8) for word in (b"true", b"false", b"null"))


@compiled
def space(data: Bytes, at: int, end: int) -> int:
    """Where white space that begins here ends."""
    while at < end and (data[at] == 0x20 or data[at] == 0x09 or data[at] == 0x0A or data[at] == 0x0D):
        at += 1
    return at


@compiled
def string(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Where the string that begins here closes, and how it reads; half surrogates and raw control characters break.

    Eight bytes at a time, up to the first quote, backslash or control character among them.
    """
    kind = PLAIN
    while at < end:
        if at + 8 <= end:
            marks = _remarkable(word_at(data, at))
            if not marks:
                at += 8
                continue
            at += first_byte(marks)
        byte = data[at]
        if byte == QUOTE:
            return at, kind
        if byte < 0x20:
            break
        at += 1
        if byte == _BACKSLASH:
            kind = ESCAPED
            at = _escape(data, at, end)
            if at < 0:
                break
    return at, BROKEN


@compiled
def _remarkable(word: np.uint64) -> np.uint64:
    """The top bit of each byte that is a quote, a backslash or a control character; the lowest is never wrong."""
    control = (word - _SPACES) & ~word & _TOPS
    return marked(word, _QUOTE_WORD) | marked(word, _BACKSLASH_WORD) | control


@compiled
def _escape(data: Bytes, at: int, end: int) -> int:
    if at >= end:
        return BROKEN
    byte = data[at]
    if byte != 0x75:
        for each in (0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74):
            if byte == each:
                return at + 1
        return BROKEN
    if at + 5 > end:
        return BROKEN
    point = 0
    for i in range(1, 5):
        digit = data[at + i]
        if 0x30 <= digit <= 0x39:
            point = point * 16 + digit - 0x30
        elif 0x61 <= digit | 0x20 <= 0x66:
            point = point * 16 + (digit | 0x20) - 0x57
        else:
            return BROKEN
    return BROKEN if 0xD800 <= point <= 0xDFFF else at + 5


@compiled
def value(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Where a value that is followed no further ends, and its kind; -1 where it is none."""
    byte = data[at]
    if byte == QUOTE:
        close, kind = string(data, at + 1, end)
        return (close + 1 if kind >= 0 else BROKEN), kind
    if byte == 0x6E:
        return _word(data, at, end, _NULL), NULL
    if byte == 0x74:
        return _word(data, at, end, _TRUE), PLAIN
    if byte == 0x66:
        return _word(data, at, end, _FALSE), PLAIN
    if byte == _BRACKET or byte == OPEN:
        return _nested(data, at, end), ODD
    return _number(data, at, end)


@compiled
def _word(data: Bytes, at: int, end: int, word: Bytes) -> int:
    if at + len(word) > end:
        return BROKEN
    for i in range(len(word)):
        if data[at + i] != word[i]:
            return BROKEN
    return at + len(word)


@compiled
def _number(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A plain integer of at most 18 digits reads as it is written; what else may be a number is odd."""
    start = at
    if at < end and data[at] == _MINUS:
        at += 1
    digits = at
    while at < end and 0x30 <= data[at] <= 0x39:
        at += 1
    whole = at - digits
    kind = PLAIN if 0 < whole <= 18 and (data[digits] != 0x30 or (whole == 1 and digits == start)) else ODD
    while at < end and (
        0x30 <= data[at] <= 0x39
        or data[at] == 0x2E
        or data[at] == 0x2B
        or data[at] == _MINUS
        or data[at] | 0x20 == 0x65
    ):
        kind = ODD
        at += 1
    return (at if at > start else BROKEN), kind


@compiled
def _nested(data: Bytes, at: int, end: int) -> int:
    """Where the brackets that open here are closed again, strings left out."""
    depth = 0
    while at < end:
        byte = data[at]
        if byte == QUOTE:
            at, kind = string(data, at + 1, end)
            if kind < 0:
                return BROKEN
        elif byte == _BRACKET or byte == OPEN:
            depth += 1
        elif byte == _UNBRACKET or byte == CLOSE:
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return BROKEN
