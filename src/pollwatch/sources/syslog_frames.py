"""Syslog as it travels: from bytes of a connection to messages, and from messages to lines. Sans-IO.

On TCP and TLS a message is framed by its length in front (octet counting, RFC 6587 3.4.1, RFC 5425) or by a line end
(non-transparent framing, 3.4.2; NUL is taken for one too). Which it is shows the first byte of each message, as rsyslog
and syslog-ng have it. Nothing that a sender does makes us hold more than one message of :data:`LONGEST_BYTES`.
"""

from __future__ import annotations

import re
from typing import Final

from pollwatch.clock import rfc3339

LONGEST_BYTES: Final = 256 << 10
"""Of a longer message the beginning is kept, and the cut is counted."""
_DIGITS: Final = frozenset(b"123456789")
_COUNT: Final = re.compile(rb"([1-9][0-9]{0,8}) ")
_ENDS: Final = re.compile(rb"[\n\0]")
_HEADER: Final = re.compile(
    rb"<\d{1,3}>(?:1 (?:-|\d{4}-\d\d-\d\dT\S+) \S|"
    rb"[*.]?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]?\d (?:\d{4} )?\d\d:\d\d:\d\d|"
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"
)
_PRIORITY: Final = re.compile(rb"<(\d{1,3})>")
_USER_NOTICE: Final = b"13"
"""What a message without a priority has (RFC 3164 4.3.3)."""


class Frames:
    """The messages of one connection, in order."""

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._held = bytearray()
        self._searched = 0
        self._left = 0  # of a counted message: bytes that are still to come, those beyond what is kept included
        self._counted = bytearray()
        self._dropping = False
        self.cut = 0
        """How many messages were too long, and lost their end."""

    @property
    def pending(self) -> bool:
        """Whether the beginning of a message is held."""
        return bool(self._held or self._left or self._dropping)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came; gives the messages that are complete now."""
        self._held += data
        messages: list[bytes] = []
        while self._held and self._next(messages):
            pass
        return messages

    def end(self) -> list[bytes]:
        """The connection has ended: what stands there without its end, if anything."""
        rest = bytes(self._counted or self._held)
        self._held.clear()
        self._counted.clear()
        self._left = 0
        if self._dropping or not rest.strip(b"\r\n\0 "):
            return []
        self.cut += 1
        return [rest]

    def _next(self, messages: list[bytes]) -> bool:
        """Take one message or a part of one; False where more bytes are needed."""
        held = self._held
        if self._left:
            part = held[: self._left]
            self._counted += part[: LONGEST_BYTES - len(self._counted)]
            self._left -= len(part)
            del held[: len(part)]
            if not self._left:
                messages.append(bytes(self._counted))
                self._counted.clear()
            return not self._left
        if self._dropping:
            return self._drop()
        if held[0] in _DIGITS:
            if (count := _COUNT.match(held)) is not None:
                self._left = int(count[1])
                self.cut += self._left > LONGEST_BYTES
                del held[: count.end()]
                return True
            if len(held) < 10 and bytes(held).isdigit():
                return False
        return self._line(messages)

    def _line(self, messages: list[bytes]) -> bool:
        held = self._held
        end = _ENDS.search(held, self._searched)
        if end is None and len(held) < LONGEST_BYTES:
            self._searched = len(held)
            return False
        self._searched = 0
        at = end.start() if end is not None else LONGEST_BYTES
        if at > LONGEST_BYTES or end is None:
            self.cut += 1
            messages.append(bytes(held[:LONGEST_BYTES]))
            self._dropping = end is None
        elif at:
            messages.append(bytes(held[:at]))
        del held[: end.end() if end is not None else LONGEST_BYTES]
        return True

    def _drop(self) -> bool:
        """Pass over the rest of a line that is too long."""
        end = _ENDS.search(self._held)
        self._dropping = end is None
        del self._held[: end.end() if end is not None else len(self._held)]
        return end is not None


def to_line(message: bytes, peer: str, now_us: int) -> bytes:
    """A message as one line of a log, with its line end.

    Line ends inside are written ``#012`` as rsyslog does. A message whose header names no time, as many appliances send
    them, gets one (RFC 5424) with the time at which it came and the address that sent it; its words stay as they are.

    Args:
        message: as it came.
        peer: the address that sent it.
        now_us: when.
    """
    text = message.rstrip(b"\r\n\0 ")
    if not text:
        return b""
    if _HEADER.match(text) is None:
        priority = _PRIORITY.match(text)
        level = priority[1] if priority is not None else _USER_NOTICE
        behind = text[priority.end() :] if priority is not None else text
        stamp = (rfc3339(now_us) or "-").encode()
        text = b"<%b>1 %b %b - - - - %b" % (level, stamp, peer.encode("ascii", "replace"), behind.lstrip())
    if b"\n" in text or b"\0" in text:
        text = text.replace(b"\n", b"#012").replace(b"\0", b"#000")
    return text + b"\n"
