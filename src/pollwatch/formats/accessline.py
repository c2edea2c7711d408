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
_USUAL_BEHIND = re.compile(r'(?s) ([1-9][0-9]{2}|-) ([0-9]+|-) "((?:[^"\\]|\\.)*+)" "((?:[^"\\]|\\.)*+)"((?: .*)?)$')
_WORD = re.compile(r'(?s)[ \t]*+("(?:[^"\\]|\\.)*+"(?=[ \t]|$)|[^" \t]++)')
_STATUS = re.compile(r"[1-9][0-9]{2}\Z")
_METHOD = re.compile(r"[A-Z]{3,16} |\\x|-$")
_NUMBER = re.compile(r"[0-9]+\Z|-\Z")
_PLAIN_IPV4 = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,63}(?::[0-9]{1,5})?\Z")
_MOST_WORDS = 64

Fields = dict[str, str | None]


def read_access(text: str) -> Fields | None:
    """The fields of an access line (names of ``webfields.FIELDS``), or None where it is none."""
    head = _HEAD.match(text)
    if head is None:
        return None
    before = _read_before(head["before"].split())
    if before is None:
        return None
    fields: Fields = {"time": head["time"], **before}
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


def _read_before(words: list[str]) -> Fields | None:
    """Who asked, from what stands before the time: ``[vhost] client ident [id] user``; None where it is prose.

    Another program's message may quote what an attacker wrote as a name: it must not pass for a request.
    """
    at = next((n for n, word in enumerate(words[:4]) if is_address(word)), None)
    if at is None:
        if not 1 < len(words) < 5:
            return None
        at = 1 if len(words) > 3 and words[1] != "-" else 0
    vhost = words[at - 1] if at else None
    client = words[at]
    last = next((n for n in range(at, len(words)) if not words[n].endswith(",")), at)
    client = " ".join(words[at : last + 1])  # a list of proxies where there are several
    after = words[last + 1 :]
    user = " ".join(after[1:]) if len(after) > 1 and after[-1] != "-" else None
    if vhost is None and len(after) > 1 and _HOST.match(after[0]):  # lighttpd has it where others have ident
        vhost = after[0]
    return {"client": client, "user": user, "host": vhost, "forwarded": client if last > at else None}


def is_address(word: str) -> bool:
    """Whether a word is an IP address, perhaps with a port or a comma behind it."""
    if _PLAIN_IPV4.match(word):
        return True
    if not word or word[0] not in "0123456789abcdefABCDEF:[" or len(word) > 64:
        return False
    word = word.rstrip(",")
    for candidate in (word, split_host_port(word)[0]):
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            continue
        return True
    return False


def _read_behind(text: str, start: int) -> Fields | None:
    """Status, size, referer, user agent and the rest, from what stands behind the request; None without a status."""
    if usual := _USUAL_BEHIND.match(text, start):
        status_word, size_word, referer, agent, rest = usual.groups()
        fields = {"status": status_word, "bytes": size_word, "referer": referer, "agent": agent}
        return fields | {"extra": rest.strip() or None}
    words, end = _words(text, start)
    status = next((n for n, word in enumerate(words[:3]) if _STATUS.match(word) or word == "-"), None)
    if status is None:
        return None
    size = next((n for n in range(status + 1, min(status + 3, len(words))) if _NUMBER.match(words[n])), None)
    fields = {"status": words[status], "bytes": words[size] if size is not None else None}
    first = next((n for n, word in enumerate(words) if word[0] == '"' and n > status), None)
    used = {status, size}
    if first is not None and first + 1 < len(words) and words[first + 1][0] == '"':
        fields |= {"referer": words[first][1:-1], "agent": words[first + 1][1:-1]}
        used |= {first, first + 1}
        extra = [word for n, word in enumerate(words) if n not in used]
        return fields | {"extra": " ".join([*extra, text[end:].strip()]).strip() or None}
    return fields | _read_raw_quotes(" ".join(word for n, word in enumerate(words) if n not in used), text[end:])


def _words(text: str, start: int) -> tuple[list[str], int]:
    """Words and quoted texts from a place on, and where what does not fall into them begins."""
    words: list[str] = []
    at = start
    while len(words) < _MOST_WORDS:
        match = _WORD.match(text, at)
        if match is None:
            break
        words.append(match[1])
        at = match.end()
    return words, at


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
