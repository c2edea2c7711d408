"""Steps of reading a line's fields: a run of bytes of a class, digits, a field that is noted where it stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

#: What the bytes of a field may be, one bit each. No ``=``, ``%`` or comma, which other notations begin with; no space.
NAME, PLACE, WAY, MODULE, SERVICE, TERMINAL, KEY, WORDS, DOTTED = (1 << bit for bit in range(9))


def _classes() -> npt.NDArray[np.uint16]:
    digits, lower, upper = b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    classes = np.zeros(256, np.uint16)
    for bit, members in (
        (NAME, digits + lower + upper + b"_.@$\\+-"),
        (PLACE, digits + lower + b".:-"),
        (WAY, digits + lower + upper + b"/_-"),
        (MODULE, digits + lower + upper + b"_"),
        (SERVICE, digits + lower + b"_-"),
        (TERMINAL, digits + lower + b"/:_.-"),
        (KEY, digits + lower + upper + b"/+:-"),
        (WORDS, digits + lower + upper + b" .:'()[]/_-"),
        (DOTTED, digits + b"."),
    ):
        classes[np.frombuffer(members, np.uint8)] |= bit
    return classes


_CLASSES = _classes()


@compiled
def run(data: Bytes, at: int, end: int, kind: int) -> int:
    """Where a run of bytes of a class ends; it may be empty."""
    while at < end and _CLASSES[data[at]] & kind:
        at += 1
    return at


@compiled
def digit(data: Bytes, at: int) -> bool:
    """Whether a digit stands there."""
    return 48 <= int(data[at]) <= 57


@compiled
def digits(data: Bytes, at: int, end: int, most: int) -> int:
    """Where one to so many digits end, with no other digit behind them; -1 where they do not stand there."""
    if at < 0:
        return -1
    first = at
    while at < end and digit(data, at) and at - first <= most:
        at += 1
    return -1 if at == first or at - first > most else at


@compiled
def number(data: Bytes, at: int, end: int) -> int:
    """The number that these digits say."""
    value = 0
    for place in range(at, end):
        value = value * 10 + (int(data[place]) - 48)
    return value


@compiled
def field(data: Bytes, at: int, end: int, kind: int, which: int, row: int, starts: Ints, ends: Ints) -> int:
    """Note a field of at least one byte of a class; where it ends, or -1."""
    if at < 0:
        return -1
    behind = run(data, at, end, kind)
    if behind == at:
        return -1
    starts[which, row], ends[which, row] = at, behind
    return behind
