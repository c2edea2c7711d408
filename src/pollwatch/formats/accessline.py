r"""One access log line that need not be well-formed: who asked, when, for what, and with what result.

The fixed point of every access log is ``[time] "request" status``. In front of it stand the client and perhaps a
virtual host, a user, an id; behind it sizes, referer, user agent and whatever the administrator added. A request
may be any bytes at all, escaped or not, and a line may end in its middle.

Every expression here is linear in the line's length: lines are up to 1 MB and attacker-written.
"""

from __future__ import annotations

import ipaddress
import re

from pollwatch.formats.framing import split_host_port

_TIME = r"\[(?P<time>[0-9]{1,4}[/.-][A-Za-z0-9]{1,3}[^\]\[\"]{6,40}|[0-9]{10}(?:\.[0-9]{1,9})?)\]"
_BEFORE = r'(?P<before>(?:\[[0-9A-Fa-f:.]{2,45}\])?(?:[^\["]|""){1,2048}+)'
_HEAD = re.compile(rf'(?s){_BEFORE}{_TIME}[ \t]{{1,8}}"')
_REQUEST = re.compile(r'(?s)((?:[^"\\]|\\.)*+)"(?=[ \t]|$)')
_RAW_REQUEST_END = re.compile(r'" ([1-9][0-9]{2}|-) ([0-9]+|-)(?= |$)')
_TOKEN = re.compile(r'(?s)[ \t]*+("(?:[^"\\]|\\.)*+"(?=[ \t]|$)|[^" \t]++)')
_STATUS = re.compile(r"[1-9][0-9]{2}\Z")
_METHOD = re.compile(r"[A-Z]{3,16} |\\x|-$")
_NUMBER = re.compile(r"[0-9]+\Z|-\Z")
_MOST_TOKENS = 64

Fields = dict[str, str | None]


def read_access(text: str) -> Fields | None:
    """The fields of an access line (names of ``webfields.FIELDS``), or None where it is none."""
    head = _HEAD.match(text)
    if head is None:
        return None
    words = head["before"].split()
    if not words:
        return None
    fields: Fields = {"time": head["time"], **_read_before(words)}
    request = _REQUEST.match(text, head.end())
    behind = _read_behind(text, request.end()) if request else None
    if request and behind is not None:
        return fields | {"request": request[1]} | behind
    raw = _RAW_REQUEST_END.search(text, head.end())
    if raw:  # unescaped quotes in the request
        end = _read_behind(text, raw.start() + 1)
        return fields | {"request": text[head.end() : raw.start()]} | (end or {"status": raw[1]})
    cut = request[1] if request else text[head.end() :]
    if _METHOD.match(cut):  # the line ends in its middle: who asked for what is worth keeping
        return fields | {"request": cut, "extra": text[request.end() :].strip() if request else None}
    return None


def _read_before(tokens: list[str]) -> Fields:
    """Who asked, from what stands before the time: ``[vhost] client ident [id] user``."""
    at = next((n for n, token in enumerate(tokens[:4]) if is_address(token)), None)
    if at is None:
        at = 1 if len(tokens) > 3 and tokens[1] != "-" else 0
    vhost = tokens[at - 1].rstrip(",") if at else None
    client = tokens[at]
    while client.endswith(",") and at + 1 < len(tokens):  # a list of proxies: the last one is the nearest
        at += 1
        client = tokens[at]
    after = tokens[at + 1 :]
    user = " ".join(after[1:]) if len(after) > 1 and after[-1] != "-" else None
    user = "" if user == '""' else user  # Apache's way to say that it was sent and empty
    host = vhost if vhost is not None and not vhost[:1].isdigit() else None
    return {"client": client, "user": user, "host": host or vhost}


def is_address(token: str) -> bool:
    """Whether a word is an IP address, perhaps with a port or a comma behind it."""
    if not token[:1] or token[0] not in "0123456789abcdefABCDEF:[" or len(token) > 64:
        return False
    word = token.rstrip(",")
    for candidate in (word, split_host_port(word)[0]):
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            continue
        return True
    return False


def _read_behind(text: str, start: int) -> Fields | None:
    """Status, size, referer, user agent and the rest, from what stands behind the request; None without a status."""
    tokens, end = _tokens(text, start)
    status = next((n for n, token in enumerate(tokens[:3]) if _STATUS.match(token) or token == "-"), None)
    if status is None:
        return None
    size = next((n for n in range(status + 1, min(status + 3, len(tokens))) if _NUMBER.match(tokens[n])), None)
    fields: Fields = {"status": tokens[status], "bytes": tokens[size] if size is not None else None}
    first = next((n for n, token in enumerate(tokens) if token[0] == '"' and n > status), None)
    used = {status, size}
    if first is not None and first + 1 < len(tokens) and tokens[first + 1][0] == '"':
        fields |= {"referer": tokens[first][1:-1], "agent": tokens[first + 1][1:-1]}
        used |= {first, first + 1}
        extra = [token for n, token in enumerate(tokens) if n not in used]
        return fields | {"extra": " ".join([*extra, text[end:].strip()]).strip() or None}
    return fields | _read_raw_quotes(" ".join(token for n, token in enumerate(tokens) if n not in used), text[end:])


def _tokens(text: str, start: int) -> tuple[list[str], int]:
    """Words and quoted texts from a place on, and where what does not fall into them begins."""
    tokens: list[str] = []
    at = start
    while len(tokens) < _MOST_TOKENS:
        match = _TOKEN.match(text, at)
        if match is None:
            break
        tokens.append(match[1])
        at = match.end()
    return tokens, at


def _read_raw_quotes(read: str, unread: str) -> Fields:
    """Referer and user agent where quotes inside them were not escaped: ``"-" "Mozilla "x" y"``."""
    whole = f"{read} {unread.strip()}".strip()
    before, quote, inside = whole.partition('"')
    if not (quote and inside.endswith('"')):
        return {"extra": whole or None}
    referer, between, agent = inside[:-1].partition('" "')
    if not between:
        return {"extra": whole}
    return {"referer": referer, "agent": agent, "extra": before.strip() or None}
