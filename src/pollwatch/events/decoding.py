"""Text as a server reads it: percent signs, entities and escapes undone, over and over, within bounds."""

from __future__ import annotations

import html
import re
import unicodedata

ROUNDS = 5
#: Longer texts are decoded at their beginning and their end only.
LONGEST = 16_384
_TAIL = 2_048
#: So many percent signs in front of other letters are no accident.
_STRAYS = 6

_PERCENT = re.compile(r"(?:%[0-9a-f]{2})+", re.IGNORECASE)
_PERCENT_U = re.compile(r"%u([0-9a-f]{4})", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#0{0,80}\d{1,7}|#x0{0,80}[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?:u\{?([0-9a-f]{4,6})\}?|x([0-9a-f]{2}))", re.IGNORECASE)
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf][\x80-\xbf]")


def decoded(text: str, *, plus: bool = True) -> tuple[str, int]:
    """A text decoded, and how many layers of percent-encoding it wore.

    Args:
        text: as sent.
        plus: whether ``+`` means a space, as in queries (and in paths, to careless servers).
    """
    if len(text) > LONGEST:
        text = text[: LONGEST - _TAIL] + text[-_TAIL:]
    if plus:
        text = text.replace("+", " ")
    layers = 0
    for _round in range(ROUNDS):
        further = _percent(text)
        layers += further != text
        further = _ENTITY.sub(_entity, further) if "&" in further else further
        further = _ESCAPE.sub(_escape, further) if "\\" in further else further
        if further == text:
            break
        text = further
    if text.count("%") >= _STRAYS and 3 * text.count("%") >= len(text):
        text = text.replace("%", "")  # a%n%d, of which some servers drop what is no code
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text, layers


def _percent(text: str) -> str:
    if "%" not in text:
        return text
    text = _PERCENT_U.sub(lambda match: _char(int(match[1], 16)), text)
    return _PERCENT.sub(lambda match: _decode(bytes.fromhex(match[0].replace("%", ""))), text)


def _decode(data: bytes) -> str:
    """UTF-8, forgiving overlong forms as careless servers do, else Latin-1.

    Other encodings (of Korea, China, Ukraine) have the bytes of overlong forms among their letters: what is no UTF-8
    even when those are forgiven is theirs, and has no slashes and quotes in it.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        forgiven = _OVERLONG.sub(_shorten, data)
    try:
        return forgiven.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _shorten(match: re.Match[bytes]) -> bytes:
    lead, *rest = match[0]
    code = lead & (0x1F if len(rest) == 1 else 0x0F if len(rest) == 2 else 0x07)
    for byte in rest:
        code = code << 6 | byte & 0x3F
    return _char(code).encode()


def _entity(match: re.Match[str]) -> str:
    plain = html.unescape(match[0])
    return "" if plain == "\x00" else plain


def _escape(match: re.Match[str]) -> str:
    return _char(int(match[1] or match[2], 16))


def _char(code: int) -> str:
    """A character; lone surrogates and numbers beyond Unicode become the replacement character."""
    return "\ufffd" if 0xD800 <= code < 0xE000 or code > 0x10FFFF else chr(code)
