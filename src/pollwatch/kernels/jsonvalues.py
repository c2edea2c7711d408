"""One JSON value in a buffer: where it ends, and how it reads.

What is rare and hard (half surrogates, raw control characters) is broken here, as is what is no JSON; a slower reader
says which it is.
"""

from __future__ import annotations

import numpy as np

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.texts import ESCAPED, NULL, PLAIN
from pollwatch.kernels.words import WIDE, Bytes, first_bit, marks_at

#: The bytes are some other JSON value.
ODD = 3
BROKEN = -1
QUOTE, OPEN, CLOSE = 0x22, 0x7B, 0x7D

_BACKSLASH, _MINUS, _BRACKET, _UNBRACKET = 0x5C, 0x2D, 0x5B, 0x5D
_SPACE, _ONE = 0x20, np.uint64(1)
#: What may follow a backslash and stands for one character.
_SHORT = np.isin(np.arange(256), np.frombuffer(b'"\\/bfnrt', np.uint8)).astype(np.uint8)
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

    Looks at many bytes at a time, which may lie behind the end: among them at each quote, backslash or control
    character.
    """
    kind = PLAIN
    while at < end:
        if at + WIDE > len(data):
            byte = data[at]
            if byte == QUOTE:
                return at, kind
            if byte < _SPACE:
                break
            at += 1
            if byte == _BACKSLASH:
                kind = ESCAPED
                at = _escape(data, at, end)
                if at < 0:
                    break
            continue
        marks = marks_at(data, at, QUOTE, _BACKSLASH, _SPACE)
        behind = at + WIDE
        while marks:
            place = at + first_bit(marks)
            byte = data[place]
            if place >= end or byte < _SPACE:
                return at, BROKEN
            if byte == QUOTE:
                return place, kind
            kind = ESCAPED
            if place + 1 >= end:
                return at, BROKEN
            if not _SHORT[data[place + 1]]:
                behind = _escape(data, place + 1, end)
                if behind < 0:
                    return at, BROKEN
                break
            marks &= marks - _ONE
            marks &= ~(_ONE << np.uint64(place + 1 - at))
            behind = max(behind, place + 2)
        at = behind
    return at, BROKEN


@compiled
def _escape(data: Bytes, at: int, end: int) -> int:
    if at >= end:
        return BROKEN
    byte = data[at]
    if byte != 0x75:
        return at + 1 if _SHORT[byte] else BROKEN
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
