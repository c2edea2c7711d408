r"""Where the fields of syslog lines about log-ins stand: the usual headers, sshd's messages and PAM's.

::

    [<PRI>]Mmm dd hh:mm:ss|ISO-time host program[pid]: message

Only what can be read in one way is read here, as the patterns of ``formats.framing_syslog``, ``framing_sshd`` and
``framing_pam`` read it: printable ASCII, accounts of letters, digits and a few marks, nothing behind the last field
that somebody outside may have worded freely. All else is left to those patterns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.distinct import ABSENT, Words, code_texts
from pollwatch.kernels.words import word_at

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

#: Fields of texts, and how many there are.
STAMP, HOST, PROGRAM, MESSAGE, USER, RUSER, SOURCE, METHOD = range(8)
TEXTS = 8
#: Numbers, and how many there are; one that is not there is :data:`NO_NUMBER`.
PRIORITY, PID, PORT, KIND = range(4)
NUMBERS = 4
NO_NUMBER = -1
#: Kinds of messages; those up to :data:`RECEIVED` are sshd's own, those behind it PAM's, whichever program speaks.
NOTHING, ACCEPTED, FAILED, INVALID, ENDED, RECEIVED, OPENED, CLOSED, PAM_FAILED, PAM_UNKNOWN = range(10)

_TILE = 2048
_LONGEST = 1024
_LONGEST_HOST, _LONGEST_PROGRAM = 255, 128
_MOST_PID_DIGITS, _MOST_PORT_DIGITS, _MOST_PRIORITY_DIGITS = 18, 5, 3
_SPACE, _COLON, _DASH, _OPEN, _CLOSE, _LESS, _MORE = (ord(c) for c in " :-[]<>")
_E, _F = ord("E"), ord("F")
_HIGH = np.uint64(0x8080808080808080)
_SPACES = np.uint64(0x2020202020202020)

#: What the bytes of a field may be, one bit each. No ``=``, ``%`` or comma, which other notations begin with; no space.
_NAME, _PLACE, _WAY, _MODULE, _SERVICE, _TERMINAL, _KEY, _WORDS, _DOTTED = (1 << bit for bit in range(9))


def _classes() -> npt.NDArray[np.uint16]:
    digits, lower, upper = b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    classes = np.zeros(256, np.uint16)
    for bit, members in (
        (_NAME, digits + lower + upper + b"_.@$\\+-"),
        (_PLACE, digits + lower + b".:-"),
        (_WAY, digits + lower + upper + b"/_-"),
        (_MODULE, digits + lower + upper + b"_"),
        (_SERVICE, digits + lower + b"_-"),
        (_TERMINAL, digits + lower + b"/:_.-"),
        (_KEY, digits + lower + upper + b"/+:-"),
        (_WORDS, digits + lower + upper + b" .:'()[]/_-"),
        (_DOTTED, digits + b"."),
    ):
        classes[np.frombuffer(members, np.uint8)] |= bit
    return classes


_CLASSES = _classes()
#: The words of messages: first those that one begins with, then those that may stand before an account.
(
    _T_ACCEPTED,
    _T_FAILED,
    _T_INVALID,
    _T_CLOSED,
    _T_RESET,
    _T_DISCONNECTED,
    _T_RECEIVED,
    _T_PAM,
    _T_TRYING,
    _T_INVALID_USER,
    _T_USER,
    _T_FOR,
    _T_FROM,
    _T_PORT,
    _T_SSH,
    _T_PREAUTH,
    _T_BEHIND,
    _T_OPENED,
    _T_CLOSED_FOR,
    _T_BY,
    _T_UID,
    _T_FAILURE,
    _T_UIDS,
    _T_EUIDS,
    _T_TTY,
    _T_RUSER,
    _T_RHOST,
    _T_ITS_USER,
    _T_UNKNOWN,
) = range(29)
_SPELLED_OUT = (
    b"Accepted ",
    b"Failed ",
    b"Invalid user ",
    b"Connection closed by ",
    b"Connection reset by ",
    b"Disconnected from ",
    b"Received disconnect from ",
    b"pam_",
    b"authenticating user ",
    b"invalid user ",
    b"user ",
    b" for ",
    b" from ",
    b" port ",
    b" ssh",
    b" [preauth]",
    b": ",
    b"session opened for user ",
    b"session closed for user ",
    b" by ",
    b"(uid=",
    b"authentication failure; logname=",
    b" uid=",
    b" euid=",
    b" tty=",
    b" ruser=",
    b" rhost=",
    b" user=",
    b"check pass; user unknown",
)
_SPELLED = np.frombuffer(b"".join(_SPELLED_OUT), np.uint8)
_BOUNDS = np.cumsum([0, *map(len, _SPELLED_OUT)])


@compiled
def _is(data: Bytes, at: int, end: int, text: int) -> int:
    """Where a text that stands at a place ends; -1 where it does not stand there, or the place is -1."""
    first = int(_BOUNDS[text])
    length = int(_BOUNDS[text + 1]) - first
    if at < 0 or end - at < length:
        return -1
    for place in range(length):
        if data[at + place] != _SPELLED[first + place]:
            return -1
    return at + length


@compiled
def _run(data: Bytes, at: int, end: int, kind: int) -> int:
    """Where a run of bytes of a class ends; it may be empty."""
    while at < end and _CLASSES[data[at]] & kind:
        at += 1
    return at


@compiled
def _digit(data: Bytes, at: int) -> bool:
    return 48 <= int(data[at]) <= 57


@compiled
def _digits(data: Bytes, at: int, end: int, most: int) -> int:
    """Where one to so many digits end, with no other digit behind them; -1 where they do not stand there."""
    if at < 0:
        return -1
    first = at
    while at < end and _digit(data, at) and at - first <= most:
        at += 1
    return -1 if at == first or at - first > most else at


@compiled
def _number(data: Bytes, at: int, end: int) -> int:
    value = 0
    for place in range(at, end):
        value = value * 10 + (int(data[place]) - 48)
    return value


@compiled
def _field(data: Bytes, at: int, end: int, kind: int, field: int, row: int, starts: Ints, ends: Ints) -> int:
    """Note a field of at least one byte of a class; where it ends, or -1."""
    if at < 0:
        return -1
    behind = _run(data, at, end, kind)
    if behind == at:
        return -1
    starts[field, row], ends[field, row] = at, behind
    return behind


@compiled
def _port(data: Bytes, at: int, end: int, row: int, numbers: Longs) -> int:
    """Read `` port N``; where it ends, or -1."""
    at = _is(data, at, end, _T_PORT)
    behind = _digits(data, at, end, _MOST_PORT_DIGITS)
    if behind >= 0:
        numbers[PORT, row] = _number(data, at, behind)
    return behind


@compiled
def _peer(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> int:
    """Read ``A port N``; where it ends, or -1."""
    return _port(data, _field(data, at, end, _PLACE, SOURCE, row, starts, ends), end, row, numbers)


@compiled
def _maybe(data: Bytes, at: int, end: int, text: int) -> int:
    """Where a text that may stand at a place ends, or the place."""
    behind = _is(data, at, end, text)
    return at if behind < 0 else behind


@compiled
def _printable(data: Bytes, at: int, end: int) -> bool:
    """Whether there is no byte beyond ASCII and no control character; a delete is let pass, which is in no class."""
    while at + 8 <= end:
        word = word_at(data, at)
        if (word | ((word - _SPACES) & ~word)) & _HIGH:
            return False
        at += 8
    while at < end:
        if data[at] < 32 or data[at] >= 128:
            return False
        at += 1
    return True


@compiled
def _no_bars(data: Bytes, at: int, end: int) -> bool:
    """Whether ``EF:`` nowhere stands, as at the beginning of CEF and LEEF."""
    for place in range(at + 2, end):
        if data[place] == _COLON and data[place - 1] == _F and data[place - 2] == _E:
            return False
    return True


@compiled
def _clock(data: Bytes, at: int) -> bool:
    """Whether ``hh:mm:ss`` stands there; the caller knows that there are so many bytes."""
    for place in range(8):
        if place == 2 or place == 5:
            if data[at + place] != _COLON:
                return False
        elif not _digit(data, at + place):
            return False
    return True


@compiled
def _stamp(data: Bytes, at: int, end: int) -> int:
    """Where ``Mmm dd hh:mm:ss`` or an ISO 8601 time ends, with a space behind it; -1 where neither is there."""
    if end - at < 20:
        return -1
    if not _digit(data, at):
        month = 65 <= data[at] <= 90 and 97 <= data[at + 1] <= 122 and 97 <= data[at + 2] <= 122
        day = (data[at + 4] == _SPACE or _digit(data, at + 4)) and _digit(data, at + 5)
        spaces = data[at + 3] == _SPACE and data[at + 6] == _SPACE and data[at + 15] == _SPACE
        return at + 15 if month and day and spaces and _clock(data, at + 7) else -1
    for place in range(10):
        if place == 4 or place == 7:
            if data[at + place] != _DASH:
                return -1
        elif not _digit(data, at + place):
            return -1
    if data[at + 10] != 84 or not _clock(data, at + 11):
        return -1
    behind = at + 19
    while behind < end and data[behind] != _SPACE:
        behind += 1
    return behind if behind < end else -1


@compiled
def _word(data: Bytes, at: int, end: int) -> int:
    """Where a run of bytes ends that are no space, colon or bracket."""
    while at < end and data[at] != _SPACE and data[at] != _COLON and data[at] != _OPEN and data[at] != _CLOSE:
        at += 1
    return at


@compiled
def _header(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> int:
    """Read all before the message; where that begins, or -1."""
    if at < end and data[at] == _LESS:
        behind = _digits(data, at + 1, end, _MOST_PRIORITY_DIGITS)
        if behind < 0 or behind >= end or data[behind] != _MORE:
            return -1
        numbers[PRIORITY, row] = _number(data, at + 1, behind)
        at = behind + 1
    stamp = _stamp(data, at, end)
    if stamp < 0:
        return -1
    host = _word(data, stamp + 1, end)
    if host == stamp + 1 or host - stamp - 1 > _LONGEST_HOST or host >= end or data[host] != _SPACE:
        return -1
    program = _word(data, host + 1, end)
    if program == host + 1 or program - host - 1 > _LONGEST_PROGRAM or program >= end:
        return -1
    behind = program
    if data[behind] == _OPEN:
        closing = _digits(data, behind + 1, end, _MOST_PID_DIGITS)
        if closing < 0 or closing >= end or data[closing] != _CLOSE:
            return -1
        numbers[PID, row] = _number(data, behind + 1, closing)
        behind = closing + 1
    if behind >= end or data[behind] != _COLON:
        return -1
    starts[STAMP, row], ends[STAMP, row] = at, stamp
    starts[HOST, row], ends[HOST, row] = stamp + 1, host
    starts[PROGRAM, row], ends[PROGRAM, row] = host + 1, program
    return behind + 2 if behind + 1 < end and data[behind + 1] == _SPACE else behind + 1


@compiled
def _try(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs, kind: int) -> bool:
    """Read ``METHOD for [invalid user ]U from A port N[ ssh2][ [preauth]][: KIND KEY]``."""
    at = _is(data, _field(data, at, end, _WAY, METHOD, row, starts, ends), end, _T_FOR)
    unknown = _is(data, at, end, _T_INVALID_USER)
    at = _field(data, unknown if unknown >= 0 else at, end, _NAME, USER, row, starts, ends)
    at = _peer(data, _is(data, at, end, _T_FROM), end, row, starts, ends, numbers)
    if at < 0:
        return False
    version = _is(data, at, end, _T_SSH)
    if version >= 0:
        at = version + 1 if version < end and _digit(data, version) else version
    at = _maybe(data, at, end, _T_PREAUTH)
    if at == end:
        return True
    key = _is(data, at, end, _T_BEHIND)
    if kind != ACCEPTED or unknown >= 0 or key < 0:
        return False
    space = _run(data, key, end, _KEY)
    if space == key or space >= end or data[space] != _SPACE:
        return False
    return space + 1 < end and _run(data, space + 1, end, _KEY) == end and _no_bars(data, key, end)


@compiled
def _invalid(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> bool:
    """Read ``U from A[ port N]``."""
    at = _is(data, _field(data, at, end, _NAME, USER, row, starts, ends), end, _T_FROM)
    at = _field(data, at, end, _PLACE, SOURCE, row, starts, ends)
    return at >= 0 and (at == end or _port(data, at, end, row, numbers) == end)


@compiled
def _ended(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> bool:
    """Read ``[authenticating user U |invalid user U |user U ]A port N[ [preauth]]``."""
    named = -1
    for text in range(_T_TRYING, _T_USER + 1):
        named = max(named, _is(data, at, end, text))
    if named >= 0:
        at = _field(data, named, end, _NAME, USER, row, starts, ends)
        if at < 0 or at >= end or data[at] != _SPACE:
            return False
        at += 1
    at = _peer(data, at, end, row, starts, ends, numbers)
    return at >= 0 and _maybe(data, at, end, _T_PREAUTH) == end


@compiled
def _received(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> bool:
    """Read ``A port N:REASON``; the reason is the other side's."""
    at = _field(data, at, end, _DOTTED, SOURCE, row, starts, ends)
    at = _port(data, at, end, row, numbers)
    if at < 0 or at >= end or data[at] != _COLON:
        return False
    return _run(data, at, end, _WORDS) == end and _no_bars(data, at, end)


@compiled
def _uid(data: Bytes, at: int, end: int) -> int:
    """Where ``(uid=N)`` ends, or the place where it may stand."""
    behind = _digits(data, _is(data, at, end, _T_UID), end, _MOST_PID_DIGITS)
    return behind + 1 if 0 <= behind < end and data[behind] == 41 else at


@compiled
def _labelled(
    data: Bytes, at: int, end: int, label: int, kind: int, field: int, row: int, starts: Ints, ends: Ints
) -> int:
    """Read `` name=VALUE``, a value of nothing being none, a field of -1 being nobody's; where it ends, or -1."""
    at = _is(data, at, end, label)
    if at < 0:
        return -1
    behind = _run(data, at, end, kind)
    if field >= 0 and behind > at:
        starts[field, row], ends[field, row] = at, behind
    return behind


@compiled
def _pam_failure(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints) -> bool:
    """Read ``authentication failure; logname= uid=0 euid=0 tty=T ruser=R rhost=A  user=U``."""
    at = _labelled(data, at, end, _T_FAILURE, _NAME, -1, row, starts, ends)
    at = _digits(data, _is(data, at, end, _T_UIDS), end, _MOST_PID_DIGITS)
    at = _digits(data, _is(data, at, end, _T_EUIDS), end, _MOST_PID_DIGITS)
    at = _labelled(data, at, end, _T_TTY, _TERMINAL, -1, row, starts, ends)
    at = _labelled(data, at, end, _T_RUSER, _NAME, RUSER, row, starts, ends)
    at = _labelled(data, at, end, _T_RHOST, _PLACE, SOURCE, row, starts, ends)
    if at < 0:
        return False
    if at < end and data[at] == _SPACE and (at + 1 == end or data[at + 1] == _SPACE):
        at += 1  # two before the account, one or none at the end
        if at == end:
            return True
    if at == end:
        return True
    return _field(data, _is(data, at, end, _T_ITS_USER), end, _NAME, USER, row, starts, ends) == end


@compiled
def _pam(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints) -> int:
    """Read ``MODULE(SERVICE:TYPE): TEXT`` behind ``pam_``; which kind it is."""
    behind = _run(data, at, end, _MODULE)
    if behind == at or behind >= end or data[behind] != 40:
        return NOTHING
    at = _run(data, behind + 1, end, _SERVICE)
    if at >= end or data[at] != _COLON:
        return NOTHING
    at = _run(data, at + 1, end, _SERVICE)
    if at >= end or data[at] != 41:
        return NOTHING
    at = _is(data, at + 1, end, _T_BEHIND)
    opened = _field(data, _is(data, at, end, _T_OPENED), end, _NAME, USER, row, starts, ends)
    if opened >= 0:
        by = _is(data, _uid(data, opened, end), end, _T_BY)
        if by < 0:
            return NOTHING
        acting = _run(data, by, end, _NAME)
        if acting > by:
            starts[RUSER, row], ends[RUSER, row] = by, acting
        return OPENED if end > by and _uid(data, acting, end) == end else NOTHING
    closed = _field(data, _is(data, at, end, _T_CLOSED_FOR), end, _NAME, USER, row, starts, ends)
    if closed >= 0:
        return CLOSED if closed == end else NOTHING
    if _pam_failure(data, at, end, row, starts, ends):
        return PAM_FAILED
    return PAM_UNKNOWN if at >= 0 and _is(data, at, end, _T_UNKNOWN) == end else NOTHING


@compiled
def _said(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> int:
    """Read a message; which kind it is."""
    begin, text = -1, -1
    while begin < 0 and text < _T_PAM:
        text += 1
        begin = _is(data, at, end, text)
    if begin < 0:
        return NOTHING
    if text == _T_PAM:
        return _pam(data, begin, end, row, starts, ends)
    if text <= _T_FAILED:
        kind = ACCEPTED if text == _T_ACCEPTED else FAILED
        known = _try(data, begin, end, row, starts, ends, numbers, kind)
    elif text == _T_INVALID:
        kind, known = INVALID, _invalid(data, begin, end, row, starts, ends, numbers)
    elif text == _T_RECEIVED:
        kind, known = RECEIVED, _received(data, begin, end, row, starts, ends, numbers)
    else:
        kind, known = ENDED, _ended(data, begin, end, row, starts, ends, numbers)
    return kind if known else NOTHING


@compiled
def _line(data: Bytes, start: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> bool:
    """Read one line into a row; False where it is nothing known here, and then the row means nothing."""
    for field in range(TEXTS):
        starts[field, row] = ABSENT
    for number in range(NUMBERS):
        numbers[number, row] = NO_NUMBER
    message = _header(data, start, end, row, starts, ends, numbers)
    if message < 0 or message >= end or end - message > _LONGEST:
        return False
    kind = _said(data, message, end, row, starts, ends, numbers)
    if kind == NOTHING or not _printable(data, start, end):
        return False
    starts[MESSAGE, row], ends[MESSAGE, row] = message, end
    numbers[KIND, row] = kind
    return True


@compiled
def read(
    data: Bytes, starts: Longs, ends: Longs, slots: Words, codes: Ints, firsts: Ints, lasts: Ints, used: Longs,
    numbers: Longs, places: Longs,
) -> int:  # fmt: skip
    """Read lines; those that are nothing known here are left out.

    Args:
        data: the bytes.
        starts: where each line begins.
        ends: where each ends.
        slots: one row per field, as the next four; see ``distinct.code_texts``.
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
    tile_numbers = np.empty((NUMBERS, _TILE), dtype=np.int64)
    done = 0
    held = 0
    for line in range(len(starts)):
        if _line(data, starts[line], ends[line], held, tile_starts, tile_ends, tile_numbers):
            places[done + held] = line
            held += 1
        if held == _TILE or line + 1 == len(starts):
            for field in range(TEXTS):
                used[field] = code_texts(
                    data, tile_starts[field, :held], tile_ends[field, :held], slots[field],
                    codes[field, done : done + held], firsts[field], lasts[field], used[field],
                )  # fmt: skip
            for number in range(NUMBERS):
                numbers[number, done : done + held] = tile_numbers[number, :held]
            done += held
            held = 0
    return done
