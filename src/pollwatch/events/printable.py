"""Attacker-written text made inert for a terminal or a log line."""

from __future__ import annotations

import unicodedata


def printable(text: str, limit: int = 400) -> str:
    r"""The text on one line, control, format and bidirectional characters escaped, cut at ``limit`` characters.

    What is escaped shows as ``\x1b`` or ``\u202e``, so that an analyst sees that it was there.
    """
    cut = text[:limit]
    if not (cut.isascii() and cut.isprintable()):
        cut = "".join(char if _harmless(char) else _escape(char) for char in cut)
    return cut + "…" if len(text) > limit else cut


def _harmless(char: str) -> bool:
    return char == " " or unicodedata.category(char)[0] in "LMNPS"


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
