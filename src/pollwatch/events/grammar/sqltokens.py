"""Tokens of SQL, of all its dialects at once, in text that may begin inside a string."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: So many tokens of a text are looked at: its beginning.
MOST_TOKENS = 1_500

_TOKEN = re.compile(
    r"(?P<space>[\s\x00-\x20\x7f\xa0]+|/\*!\d{0,6}|\*/)"
    r"|(?P<block>/\*(?:[^*]|\*(?!/))*\*/|(?:--|#)[^\n]*\n(?=\s*\S))"
    r"|(?P<cut>/\*|--[^\n]*|#[^\n]*)"
    r"|(?P<number>0x[0-9a-f]+\b|0b[01]+\b|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?:[df](?=union\b))?)"
    r"|(?P<dollar>\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))"
    r"|(?P<variable>@@?[a-z_$][\w$.]*|@@?[`'\"]\w*[`'\"]|[:$]\d+\b)"
    r"|(?P<word>[^\W\d][\w$]*|`[^`]*`)"
    r"|(?P<punct><=>|<>|!=|!<|!>|>=|<=|\|\||&&|:=|::|<<|>>|->>?|@>|<@|@\?|@@|!~\*?|~\*|\?[|&]|\.\.|[^\s])",
    re.IGNORECASE | re.DOTALL,
)
_BODY = {quote: re.compile(rf"(?:[^{quote}\\]|\\.|{quote}{quote})*", re.DOTALL) for quote in "'\""}

#: Kinds of tokens.
NUMBER, STRING, OPEN, WORD, VARIABLE, PUNCT, CUT = "number", "string", "open", "word", "variable", "punct", "cut"


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    Attributes:
        kind: ``open`` is a string that does not end; ``cut`` a comment up to the end of its line or of the text.
        text: lower-case; of a string what is in it.
        glued: a comment, and no space, stands before it: nobody writes so who does not hide something.
    """

    kind: str
    text: str
    glued: bool = False


def tokens(text: str, inside: str = "") -> list[Token]:
    """The tokens of a text.

    Args:
        text: decoded and lower-case.
        inside: the quote of the string that the text begins in; empty = in none.
    """
    found: list[Token] = []
    at, glued = 0, False
    if inside:
        at = _string(text, 0, inside, found, glued=False)
    while at < len(text) and len(found) < MOST_TOKENS:
        if text[at] in "'\"":
            at = _string(text, at + 1, text[at], found, glued=glued)
            glued = False
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        at, kind = match.end(), str(match.lastgroup)
        if kind in {"space", "block"}:
            glued = kind == "block" or (match[0].startswith("/*!") or glued)
            continue
        if match["dollar"] is not None:
            found.append(Token(STRING, match[0].strip("$"), glued))
            glued = False
            continue
        if kind == CUT and match[0] == "/*":
            at = len(text)
        found.append(Token(kind, match[0].strip("`"), glued))
        glued = False
    return found


def _string(text: str, begin: int, quote: str, found: list[Token], *, glued: bool) -> int:
    """Take the string whose body begins here; where the text goes on."""
    match = _BODY[quote].match(text, begin)
    end = match.end() if match else begin
    closed = end < len(text) and text[end] == quote
    found.append(Token(STRING if closed else OPEN, text[begin:end], glued))
    return end + 1 if closed else len(text)
