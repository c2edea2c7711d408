"""Messages about log-ins: sshd's and PAM's, as ``formats.framing_sshd`` and ``framing_pam`` read them.

Only what can be read in one way is read here: accounts of letters, digits and a few marks, nothing behind the last
field that somebody outside may have worded freely.
"""

from __future__ import annotations

import numpy as np

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.linefields import (
    DOTTED,
    KEY,
    MODULE,
    NAME,
    PLACE,
    SERVICE,
    TERMINAL,
    WAY,
    WORDS,
    Bytes,
    Ints,
    Longs,
    digit,
    digits,
    field,
    number,
    run,
)

#: Fields of texts, and how many there are.
STAMP, HOST, PROGRAM, MESSAGE, USER, RUSER, SOURCE, METHOD = range(8)
TEXTS = 8
#: Numbers, and how many there are; one that is not there is :data:`NO_NUMBER`.
PRIORITY, PID, PORT, KIND = range(4)
NUMBERS = 4
NO_NUMBER = -1
#: Kinds of messages; those up to :data:`RECEIVED` are sshd's own, those behind it PAM's, whichever program speaks.
NOTHING, ACCEPTED, FAILED, INVALID, ENDED, RECEIVED, OPENED, CLOSED, PAM_FAILED, PAM_UNKNOWN = range(10)

_MOST_ID_DIGITS, _MOST_PORT_DIGITS = 18, 5
_SPACE, _COLON, _OPEN, _CLOSE = (ord(c) for c in " :()")
_E, _F = ord("E"), ord("F")
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
def _port(data: Bytes, at: int, end: int, row: int, numbers: Longs) -> int:
    """Read `` port N``; where it ends, or -1."""
    at = _is(data, at, end, _T_PORT)
    behind = digits(data, at, end, _MOST_PORT_DIGITS)
    if behind >= 0:
        numbers[PORT, row] = number(data, at, behind)
    return behind


@compiled
def _peer(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> int:
    """Read ``A port N``; where it ends, or -1."""
    return _port(data, field(data, at, end, PLACE, SOURCE, row, starts, ends), end, row, numbers)


@compiled
def _maybe(data: Bytes, at: int, end: int, text: int) -> int:
    """Where a text that may stand at a place ends, or the place."""
    behind = _is(data, at, end, text)
    return at if behind < 0 else behind


@compiled
def _no_bars(data: Bytes, at: int, end: int) -> bool:
    """Whether ``EF:`` nowhere stands, as at the beginning of CEF and LEEF."""
    for place in range(at + 2, end):
        if data[place] == _COLON and data[place - 1] == _F and data[place - 2] == _E:
            return False
    return True


@compiled
def _try(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs, kind: int) -> bool:
    """Read ``METHOD for [invalid user ]U from A port N[ ssh2][ [preauth]][: KIND KEY]``."""
    at = _is(data, field(data, at, end, WAY, METHOD, row, starts, ends), end, _T_FOR)
    unknown = _is(data, at, end, _T_INVALID_USER)
    at = field(data, unknown if unknown >= 0 else at, end, NAME, USER, row, starts, ends)
    at = _peer(data, _is(data, at, end, _T_FROM), end, row, starts, ends, numbers)
    if at < 0:
        return False
    version = _is(data, at, end, _T_SSH)
    if version >= 0:
        at = version + 1 if version < end and digit(data, version) else version
    at = _maybe(data, at, end, _T_PREAUTH)
    if at == end:
        return True
    key = _is(data, at, end, _T_BEHIND)
    if kind != ACCEPTED or unknown >= 0 or key < 0:
        return False
    space = run(data, key, end, KEY)
    if space == key or space >= end or data[space] != _SPACE:
        return False
    return space + 1 < end and run(data, space + 1, end, KEY) == end and _no_bars(data, key, end)


@compiled
def _invalid(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> bool:
    """Read ``U from A[ port N]``."""
    at = _is(data, field(data, at, end, NAME, USER, row, starts, ends), end, _T_FROM)
    at = field(data, at, end, PLACE, SOURCE, row, starts, ends)
    return at >= 0 and (at == end or _port(data, at, end, row, numbers) == end)


@compiled
def _ended(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> bool:
    """Read ``[authenticating user U |invalid user U |user U ]A port N[ [preauth]]``."""
    named = -1
    for text in range(_T_TRYING, _T_USER + 1):
        named = max(named, _is(data, at, end, text))
    if named >= 0:
        at = field(data, named, end, NAME, USER, row, starts, ends)
        if at < 0 or at >= end or data[at] != _SPACE:
            return False
        at += 1
    at = _peer(data, at, end, row, starts, ends, numbers)
    return at >= 0 and _maybe(data, at, end, _T_PREAUTH) == end


@compiled
def _received(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> bool:
    """Read ``A port N:REASON``; the reason is the other side's."""
    at = field(data, at, end, DOTTED, SOURCE, row, starts, ends)
    at = _port(data, at, end, row, numbers)
    if at < 0 or at >= end or data[at] != _COLON:
        return False
    return run(data, at, end, WORDS) == end and _no_bars(data, at, end)


@compiled
def _uid(data: Bytes, at: int, end: int) -> int:
    """Where ``(uid=N)`` ends, or the place where it may stand."""
    behind = digits(data, _is(data, at, end, _T_UID), end, _MOST_ID_DIGITS)
    return behind + 1 if 0 <= behind < end and data[behind] == _CLOSE else at


@compiled
def _labelled(
    data: Bytes, at: int, end: int, label: int, kind: int, which: int, row: int, starts: Ints, ends: Ints
) -> int:
    """Read `` name=VALUE``, a value of nothing being none, a field of -1 being nobody's; where it ends, or -1."""
    at = _is(data, at, end, label)
    if at < 0:
        return -1
    behind = run(data, at, end, kind)
    if which >= 0 and behind > at:
        starts[which, row], ends[which, row] = at, behind
    return behind


@compiled
def _pam_failure(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints) -> bool:
    """Read ``authentication failure; logname= uid=0 euid=0 tty=T ruser=R rhost=A  user=U``."""
    at = _labelled(data, at, end, _T_FAILURE, NAME, -1, row, starts, ends)
    at = digits(data, _is(data, at, end, _T_UIDS), end, _MOST_ID_DIGITS)
    at = digits(data, _is(data, at, end, _T_EUIDS), end, _MOST_ID_DIGITS)
    at = _labelled(data, at, end, _T_TTY, TERMINAL, -1, row, starts, ends)
    at = _labelled(data, at, end, _T_RUSER, NAME, RUSER, row, starts, ends)
    at = _labelled(data, at, end, _T_RHOST, PLACE, SOURCE, row, starts, ends)
    if at < 0:
        return False
    if at < end and data[at] == _SPACE and (at + 1 == end or data[at + 1] == _SPACE):
        at += 1  # two before the account, one or none at the end
        if at == end:
            return True
    if at == end:
        return True
    return field(data, _is(data, at, end, _T_ITS_USER), end, NAME, USER, row, starts, ends) == end


@compiled
def _pam(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints) -> int:
    """Read ``MODULE(SERVICE:TYPE): TEXT`` behind ``pam_``; which kind it is."""
    behind = run(data, at, end, MODULE)
    if behind == at or behind >= end or data[behind] != _OPEN:
        return NOTHING
    at = run(data, behind + 1, end, SERVICE)
    if at >= end or data[at] != _COLON:
        return NOTHING
    at = run(data, at + 1, end, SERVICE)
    if at >= end or data[at] != _CLOSE:
        return NOTHING
    at = _is(data, at + 1, end, _T_BEHIND)
    opened = field(data, _is(data, at, end, _T_OPENED), end, NAME, USER, row, starts, ends)
    if opened >= 0:
        by = _is(data, _uid(data, opened, end), end, _T_BY)
        if by < 0:
            return NOTHING
        acting = run(data, by, end, NAME)
        if acting > by:
            starts[RUSER, row], ends[RUSER, row] = by, acting
        return OPENED if end > by and _uid(data, acting, end) == end else NOTHING
    closed = field(data, _is(data, at, end, _T_CLOSED_FOR), end, NAME, USER, row, starts, ends)
    if closed >= 0:
        return CLOSED if closed == end else NOTHING
    if _pam_failure(data, at, end, row, starts, ends):
        return PAM_FAILED
    return PAM_UNKNOWN if at >= 0 and _is(data, at, end, _T_UNKNOWN) == end else NOTHING


@compiled
def said(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> int:
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
