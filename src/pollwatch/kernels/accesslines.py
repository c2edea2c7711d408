r"""Where the fields of access log lines stand: the common and the combined layout, with a virtual host in front too.

::

    [vhost ]client ident user [time] "request" status bytes[ "referer" "agent"][ more]

Just what the regular expressions of those layouts match (``formats.weblines``), and nothing is decoded or judged. A
request is cut into method, URI and version where it is well-formed and holds no escape; else it stays in one piece.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.distinct import ABSENT, Words, code_fields
from pollwatch.kernels.words import find, find_either, first_byte, marked, word_at

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

#: Fields of texts, and how many there are.
CLIENT, USER, TIME, METHOD, URI, VERSION, REFERER, AGENT, MORE, HOST, REQUEST = range(11)
TEXTS = 11
#: Numbers, and how many there are; one that is not there is :data:`NO_NUMBER`.
STATUS, BYTES = range(2)
NUMBERS = 2
NO_NUMBER = -1

_TILE = 2048
_MOST_DIGITS = 18
_SPACE, _QUOTE, _ESCAPE, _DASH, _SLASH, _OPEN, _CLOSE, _DOT, _COLON, _COMMA, _LESS = (ord(c) for c in ' "\\-/[].:,<')
_QUOTE_WORD, _ESCAPE_WORD = np.uint64(_QUOTE), np.uint64(_ESCAPE)
_HIGH = np.uint64(0x8080808080808080)
_H, _T, _P = ord("H"), ord("T"), ord("P")


@compiled
def _closing(data: Bytes, at: int, end: int) -> int:
    """Where the quoted text that begins at a place ends, a character behind a backslash passed over; -1: nowhere."""
    while at < end:
        if at + 8 <= end:
            word = word_at(data, at)
            hit = marked(word, _QUOTE_WORD) | marked(word, _ESCAPE_WORD)
            if not hit:
                at += 8
                continue
            at += first_byte(hit)
        if data[at] == _QUOTE:
            return at
        at += 2 if data[at] == _ESCAPE else 1
    return -1


@compiled
def _text(data: Bytes, start: int, end: int, field: int, row: int, starts: Ints, ends: Ints) -> None:
    """Note where a field stands; ``-`` alone is the logs' word for absent."""
    if end - start == 1 and data[start] == _DASH:
        starts[field, row] = ABSENT
    else:
        starts[field, row] = start
        ends[field, row] = end


@compiled
def _digit(byte: int) -> bool:
    return 48 <= byte <= 57


@compiled
def _version(data: Bytes, at: int, end: int) -> bool:
    """Whether ``HTTP/1.1`` or ``HTTP/2`` stands there and nothing else."""
    length = end - at
    if length != 6 and length != 8:
        return False
    if data[at] != _H or data[at + 1] != _T or data[at + 2] != _T or data[at + 3] != _P or data[at + 4] != _SLASH:
        return False
    return _digit(data[at + 5]) and (length == 6 or (data[at + 6] == _DOT and _digit(data[at + 7])))


@compiled
def _request(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints) -> None:
    method = at
    while method < end and 65 <= data[method] <= 90:
        method += 1
    if method > at and method + 1 < end and data[method] == _SPACE and data[method + 1] == _SLASH:
        uri = find(data, method + 1, end, _SPACE)
        if uri < end and _version(data, uri + 1, end) and find(data, method + 1, uri, _ESCAPE) == uri:
            starts[METHOD, row], ends[METHOD, row] = at, method
            starts[URI, row], ends[URI, row] = method + 1, uri
            starts[VERSION, row], ends[VERSION, row] = uri + 1, end
            return
    _text(data, at, end, REQUEST, row, starts, ends)


@compiled
def _before(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints) -> int:
    """Read ``client ident user [``; where the time begins, or -1."""
    client = find(data, at, end, _SPACE)
    ident = find(data, client + 1, end, _SPACE)
    user = find(data, ident + 1, end, _SPACE)
    if client == at or ident <= client + 1 or user <= ident + 1 or user + 1 >= end or data[user + 1] != _OPEN:
        return -1
    for place in range(client + 1, ident):
        if data[place] == _DOT or data[place] == _COLON:
            return -1
    _text(data, at, client, CLIENT, row, starts, ends)
    _text(data, ident + 1, user, USER, row, starts, ends)
    return user + 2


@compiled
def _hosted(data: Bytes, at: int, end: int) -> int:
    """Where the client stands behind a virtual host without ``,`` or ``<``, or -1; it must look like an address."""
    host = find(data, at, end, _SPACE)
    client = find(data, host + 1, end, _SPACE)
    if host == at or client <= host + 1 or client >= end:
        return -1
    for place in range(at, host):
        if data[place] == _COMMA or data[place] == _LESS:
            return -1
    for place in range(host + 1, client):
        byte = int(data[place])
        if not (48 <= byte <= 58 or 97 <= (byte | 0x20) <= 102 or byte == _DOT):
            return -1
    return host + 1


@compiled
def _behind(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, hosted: int) -> bool:
    """Read what follows the size: referer and user agent, and more; whether it can be (behind a host: must be)."""
    if at == end:
        return not hosted
    if data[at] != _SPACE:
        return False
    if at + 1 == end or data[at + 1] != _QUOTE:
        _text(data, at, end, MORE, row, starts, ends)
        return not hosted and find(data, at, end, _QUOTE) == end
    referer = _closing(data, at + 2, end)
    if referer < 0 or referer + 2 >= end or data[referer + 1] != _SPACE or data[referer + 2] != _QUOTE:
        return False
    agent = _closing(data, referer + 3, end)
    if agent < 0 or (agent + 1 < end and data[agent + 1] != _SPACE):
        return False
    _text(data, at + 2, referer, REFERER, row, starts, ends)
    _text(data, referer + 3, agent, AGENT, row, starts, ends)
    if agent + 1 < end:
        _text(data, agent + 1, end, MORE, row, starts, ends)
    return True


@compiled
def _result(data: Bytes, at: int, end: int, row: int, numbers: Longs) -> int:
    """Read ``status bytes``; where it ends, or -1."""
    status, size = NO_NUMBER, NO_NUMBER
    if at + 3 < end and _digit(data[at]) and _digit(data[at + 1]) and _digit(data[at + 2]):
        status = (int(data[at]) - 48) * 100 + (int(data[at + 1]) - 48) * 10 + (int(data[at + 2]) - 48)
        at += 3
    elif at + 1 < end and data[at] == _DASH:
        at += 1
    else:
        return -1
    if data[at] != _SPACE:
        return -1
    at += 1
    first = at
    if at < end and data[at] == _DASH:
        at += 1
    else:
        size = 0
        while at < end and _digit(data[at]) and at - first <= _MOST_DIGITS:
            size = size * 10 + (int(data[at]) - 48)
            at += 1
    if at == first or at - first > _MOST_DIGITS:
        return -1
    numbers[STATUS, row] = status
    numbers[BYTES, row] = size
    return at


@compiled
def _who(data: Bytes, start: int, end: int, row: int, starts: Ints, ends: Ints) -> int:
    """Read what stands before the time, with or without a virtual host; where the time begins, or -1."""
    time = _before(data, start, end, row, starts, ends)
    if time >= 0:
        return time
    client = _hosted(data, start, end)
    if client < 0:
        return -1
    time = _before(data, client, end, row, starts, ends)
    starts[HOST, row], ends[HOST, row] = start, client - 1
    return time


@compiled
def _line(
    data: Bytes, start: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs, number_row: int
) -> bool:
    """Read one line into a row; False where it is of no layout known here, and then the row means nothing."""
    for field in range(TEXTS):
        starts[field, row] = ABSENT
    time = _who(data, start, end, row, starts, ends)
    if time < 0:
        return False
    at = find_either(data, time, end, _CLOSE, _QUOTE)
    if at == time or at + 3 >= end or data[at] != _CLOSE or data[at + 1] != _SPACE or data[at + 2] != _QUOTE:
        return False
    _text(data, time, at, TIME, row, starts, ends)
    closing = _closing(data, at + 3, end)
    if closing < 0 or closing + 1 >= end or data[closing + 1] != _SPACE:
        return False
    _request(data, at + 3, closing, row, starts, ends)
    at = _result(data, closing + 2, end, number_row, numbers)
    if at < 0 or not _behind(data, at, end, row, starts, ends, starts[HOST, row] != ABSENT):
        return False
    if starts[HOST, row] != ABSENT:
        _text(data, starts[HOST, row], ends[HOST, row], HOST, row, starts, ends)
    return True


@compiled
def _has_high(data: Bytes, at: int, end: int) -> bool:
    while at + 8 <= end:
        if word_at(data, at) & _HIGH:
            return True
        at += 8
    while at < end:
        if data[at] >= 128:
            return True
        at += 1
    return False


@compiled
def read(
    data: Bytes, starts: Longs, ends: Longs, all_text: int, slots: Words, codes: Ints, firsts: Ints, lasts: Ints,
    used: Longs, numbers: Longs, places: Longs,
) -> int:  # fmt: skip
    """Read lines; those of other layouts are left out.

    Args:
        data: the bytes.
        starts: where each line begins.
        ends: where each ends.
        all_text: 1 where the bytes are valid UTF-8 as a whole; else lines with a byte beyond ASCII are left out.
        slots: one row per field, as the next four; see ``distinct.code_fields``.
        codes: filled.
        firsts: filled.
        lasts: filled.
        used: filled.
        numbers: one row per number; filled.
        places: of each line that was read, which one it is; filled.

    Returns:
        How many were read.
    """
    tile_starts = np.empty((TEXTS, _TILE), dtype=np.int32)
    tile_ends = np.empty((TEXTS, _TILE), dtype=np.int32)
    done = 0
    held = 0
    for line in range(len(starts)):
        start, end = starts[line], ends[line]
        if (all_text or not _has_high(data, start, end)) and _line(
            data, start, end, held, tile_starts, tile_ends, numbers, done + held
        ):
            places[done + held] = line
            held += 1
        if held == _TILE or line + 1 == len(starts):
            code_fields(data, tile_starts, tile_ends, held, done, slots, codes, firsts, lasts, used)
            done += held
            held = 0
    return done
