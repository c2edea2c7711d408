# ruff: noqa: E501 - a pattern reads best unbroken
"""Whether a text goes on, behind a line break, with what is no longer text but protocol: headers, requests, commands."""

from __future__ import annotations

import re

_BREAK = r"(?:\r\n|\r|\n|[\u560a\u560d]{1,2}|\u0a0d|\u2028)"
#: Headers that matter to who reads an answer or a mail.
_HEADER = re.compile(
    rf"{_BREAK}[\s\x00]*(?:set-cookie2?|location|content-(?:type|length|disposition|encoding|security-policy)|transfer-encoding|refresh|cache-control|host|"
    rf"x-[a-z-]{{2,40}}|access-control-[a-z-]+|link|status|http/\d|connection|cookie|(?:b?cc|to|from|subject|reply-to|mime-version|sender))\s*[:\s]",
)
_ANY_HEADER = re.compile(rf"{_BREAK}[\s\x00]*[a-z]{{2,15}}(?:-[a-z]{{2,20}})+\s*:")
_MARKUP = re.compile(rf"{_BREAK}\s*{_BREAK}\s*<(?:html|script|body|meta|svg|img)")
_REQUEST = re.compile(
    r"(?:^|\s)(?:get|post|head|put|delete|options|connect|trace|patch|propfind)\s+(?:https?:/)?/\S*\s+http/\d|\bunix:[^&|]{0,4000}\|\w+:/"
)
#: Commands of mail servers and of databases that speak in lines.
_MAIL = re.compile(
    rf"{_BREAK}\s*(?:mail\s+from\s*:|rcpt\s+to\s*:|(?:ehlo|helo)\s+\S|(?:vrfy|expn)\s+\S|(?:data|quit|rset|noop|starttls|stat|list|capa|logout|help)\s*(?:$|{_BREAK})|help\s+\w|"
    r"retr\s+\d|dele\s+\d|top\s+\d+\s+\d|list\s+\d|uidl\s+\d|auth\s+\w+|apop\s+\S+\s+\S|user\s+\w+\s*$|pass\s+\w+\s*$|[a-z]+\d+\s+(?:examine|select|login|fetch|list|search|create|delete|rename|"
    r"subscribe|unsubscribe|lsub|status|append|check|close|expunge|copy|store|uid|authenticate|logout|capability|noop|starttls)\b)",
)
_STORE = re.compile(
    rf"{_BREAK}\s*(?:flushall|flushdb|slaveof\s|config\s+(?:set|get)\s|eval\s+[\"']|module\s+load|set\s+\w+\s+\d+\s+\d+\s+\d+|\*\d+{_BREAK}\$\d+)"
)


#: So many words are a sentence.
_SENTENCE = 4


def kinds(text: str) -> frozenset[str]:
    """What follows a line break in a text: header, request, mail, store.

    Args:
        text: decoded, line breaks kept; case is ignored.
    """
    text = text.lower()
    found: set[str] = set()
    if _REQUEST.search(text):
        found.add("request")
    if not any(sign in text for sign in "\r\n\u560a\u0a0d\u2028"):
        return frozenset(found)
    if (_HEADER.search(text) and not _letter(text)) or _ANY_HEADER.search(text) or _MARKUP.search(text):
        found.add("header")
    if _MAIL.search(text):
        found.add("mail")
    if _STORE.search(text):
        found.add("store")
    return frozenset(found)


def _letter(text: str) -> bool:
    """A message that a person wrote in a form: several lines, most of them sentences."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    sentences = sum(" " in line.strip() and not re.match(r"[\w-]+\s*:", line.strip()) for line in lines)
    if len(lines) > 2 and 2 * sentences >= len(lines):
        return True
    # A greeting, a sentence and a name behind "From:"; a header that is meant as one names an address or a value.
    headers = [at for at, line in enumerate(lines) if re.match(r"\s*[\w-]+\s*:", line)]
    told = [line for line in lines[: headers[0]] if len(line.split()) >= _SENTENCE] if headers else []
    return bool(told) and not any(sign in lines[at].partition(":")[2] for at in headers for sign in "@=:/;<")
