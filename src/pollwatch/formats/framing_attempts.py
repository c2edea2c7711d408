"""Log-ins in the words of programs that nobody listed: "Failed login attempt for jane from 203.0.113.7".

Programs without end write such sentences, in their own logs, in syslog and in the fields of JSON. They agree in little
but this: words for proof of identity (log-in, authentication, password, ...) near words for refusal or acceptance, an
address, perhaps an account. That is what is understood here, and no program's name. What fields beside a sentence
say is for ``framing_attemptfields``.

The law of :mod:`pollwatch.formats.framing_login` holds: account names are written by the outsider, so an address
inside a quoted name is not a source, and where two addresses could be meant, nobody is named.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from pollwatch.formats.framing_login import Login, Witness, address, only, port

#: Longer sentences carry something else than one log-in.
LONGEST = 4_096

_PROOF = (
    r"(?:log[- ]?(?:in|on)s?|sign[- ]?(?:in|on)|auth(?!or(?!i))\w*|pass(?:word|wd|phrase|code)?s?|credentials?|[12m]fa"
    r"|t?otp|two factor|(?:admin|access|api|security) token"
    r"|anmeldung|connexion|wachtwoord|passwort|inicio de sesi[oó]n)\b"
)
_ACCOUNT = r"(?:user ?(?:name)?|account|login)\b"
_FAILED = (
    r"\b(?:fail(?:ed|ure|ures|s|ing)?|unsuccessful(?:ly)?|den(?:ied|y)|reject(?:ed|s)?|refused|unauthori[sz]ed"
    r"|rate limited|incorrect|invalid|wrong|mismatch(?:ed)?|mislukte?|fehlgeschlagen\w*|[eé]chou[eé]e?|fallid[oa])\b"
)
_FAILURE = re.compile(
    rf"\b{_PROOF}.{{0,80}}?{_FAILED}|{_FAILED}.{{0,60}}?\b{_PROOF}"
    rf"|\b(?:bad|wrong|incorrect|invalid|unknown|non ?existent|no such) (?:\w+ )?{_ACCOUNT}"
    rf"|\bbad {_PROOF}|\b(?:auth\w*|log ?[io]n) error\b|\bwrongpass\b|\b(?:brute ?force|break in) attempt"
    r"|\battempt limit reached|\btoo many (?:failed )?(?:log ?[io]n |auth\w* )?attempts|\bregist(?:er"
    r"|ration)\b.{0,120}?\bfailed for\b"
)
#: Somebody was shut out: by a list, or by a program that watches for guessing.
_DENIED = re.compile(
    r"\b(?:rejected|denied|refused) by .{0,24}?\bacl\b|\[[\w -]+\] (?:restore )?ban [0-9a-f.:]+$"
    r"|\bsshguard\b.*\bblocking\b"
)
#: How many tries one message reports.
_TRIES = re.compile(r"\(auth failed, (\d{1,5}) attempts|: (\d{1,5}) in the last \d+ sec")
_SUCCESS = re.compile(
    rf"\b(?:successful(?:ly)?|succeeded|success)\b.{{0,40}}?\b{_PROOF}"
    rf"|\b{_PROOF}.{{0,60}}?\b(?:successful(?:ly)?|succeeded|success|granted)\b"
    r"|(?:^|[^ ] )\b(?:logged|signed) (?:in|on)\b"
)
#: Words that turn a sentence into another one: about nobody's log-in, or about one of ours somewhere else.
_OTHER = re.compile(
    r"\b(?:0|no|not|never|without|already|must be|needs? to be|please|if) (?:failed|logged|signed|authenticat|log ?in)"
    r"|\bsession (?:opened|closed)|\blog(?:ged|ging)? ?out\b|\b(?:connecting|connection|bind|binding|relay) to\b"
    r"|\bsaid: \d|\bserver (?:returned|refused|said)|\bupstream\b|\bpassword (?:was |has been )?(?:changed|reset)"
)
#: Another program's tag, in what an outsider made this one say.
_TAGGED = re.compile(r"\b[A-Za-z][\w-]*\[\d{1,10}\]: (?=\w)")
_LIKELY = re.compile(
    r"auth|log.?[io]n|log.?ge|sign.?|pass|cred|user|account|acl|fa\b|otp|wachtw|anmeld|connexion|sesi|attempt"
    r"|factor|token|\bban\b|blocking"
)

_QUOTED = (
    r"\"(?P<a>[^\"]{0,256})\"|'(?P<b>[^']{0,256})'|`(?P<c>[^`]{0,256})`|\[(?P<d>[^\[\]]{0,256})\]|<(?P<e>[^<>]{0,256})>"
)
_DOMAIN = re.compile(r"\[[^\[\]]*\]\\\[([^\[\]]{1,256})\]")  # Samba's: [DOMAIN]\[name]
_FOLLOWS = r"(?=\s*[:;,()]|\.?$|\.\s|\s+(?:from|at|has|failed|in|was|is|on|with|via|does|did|not|using|to|trying|[-(]))"
_STATUS = re.compile(r"\d{3}")
_BARE = r"(?P<f>[^\s,;:()\[\]\"'`<>=]{1,256})"
_KEYED = re.compile(
    r"\b(?:user(?:[ _-]?name)?|uname|account(?:[ _-]?name)?|acct|principal(?:[ _-]?name)?|e-?mail|login)"
    rf"(?:=|: ?)(?:{_QUOTED}|{_BARE})",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:\b(?:for|by|as|of) (?:the )?)?"
    r"\b(?:user(?:[ -]?name)?(?: input)?|account(?: name)?|e-?mail(?: address)?) "
    rf"(?:{_QUOTED}|{_BARE}{_FOLLOWS})"
    rf"|\b(?:for|by|as) (?:\"(?P<g>[^\"]{{0,256}})\"|'(?P<h>[^']{{0,256}})'|\[(?P<i>[^\[\]]{{0,256}})\]"
    rf"|(?P<j>[^\s,;:()\[\]\"'`<>=]{{1,256}}){_FOLLOWS})",
    re.IGNORECASE,
)
_NO_NAMES = frozenset({
    "a", "an", "and", "are", "at", "attempt", "attempts", "attempted", "authentication", "by", "client", "credentials",
    "disconnected", "do", "does", "error", "fail", "failed", "failure", "failures", "for", "found", "from", "group",
    "has", "have", "http", "in", "info", "invalid", "ip", "is", "it", "log", "login", "name", "not", "of", "on", "or",
    "password", "peer", "poging", "protocol", "register", "rejected", "request", "sasl", "service", "session", "ssh",
    "success",
    "that", "the", "this", "to", "tried", "unknown", "user", "username", "via", "was", "with", "n/a",
})  # fmt: skip
_IPV4 = r"(?:::ffff:)?\d{1,3}(?:\.\d{1,3}){3}"
_ADDRESS = re.compile(
    rf"(?:(?<![\w./])|(?<=UDP/)|(?<=TCP/)|(?<=TLS/))(?P<four>{_IPV4})(?:\]?:(?P<port>\d{{1,5}}))?(?![\w-]|\.\w)"
    r"|(?<![\w:.])(?P<six>(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?:\]:(?P<port6>\d{1,5}))?(?![\w:.]*\w)",
)
#: What stands before an address that is not the peer's: an end of ours, another hop.
_ELSE = re.compile(
    r"(?:\blip|\blocal(?: ?host| ?addr\w*|_ip)?|\bserver\w*|\bdest\w*|\bdst\w*|\bto|\blisten\w*|\bladdr|\bvia|->)"
    r"[\s=:\[(\"']*(?:ipv[46][:/](?:\w+/)?)?$|\b(?:x-)?forwarded(?:[-_]for)?\W.*$",
    re.IGNORECASE,
)
#: A quoted text; where there are other words than the address in it, somebody wrote it.
_TEXT = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
_WRITTEN = re.compile(r"[\s@<]")
_NOWHERE = frozenset({"::", "0.0.0.0"})  # noqa: S104 - "anywhere", not an address to listen at
_WELL_KNOWN_PORTS = 1_024
_PAGE = r"(?:log-?in|log-?on|sign-?in|auth|token|session)"
_REFUSED_POST = re.compile(
    rf"\bPOST[ :]++(?=\S*{_PAGE})\S++.{{0,300}}?"
    rf"(?:\b(?:returned|status\w{{0,8}}[=: ]+|http/[\d.]+\"? )|[\s=\"])40[13]\b"
    rf"|{_PAGE}: 40[13]\b|\b40[13](?: \w+)? \"?POST \S*{_PAGE}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Place:
    """An address in a sentence."""

    address: str
    port: int | None
    start: int
    end: int
    before: str


@lru_cache(maxsize=1 << 12)
def outcome(sentence: str) -> str | None:
    """``failure``, ``denied``, ``success``, or None where a sentence reports no attempt to log in."""
    words = _plain(sentence)
    if _LIKELY.search(words) is None or _OTHER.search(words):
        return None
    if _FAILURE.search(words):
        return "failure"
    if _DENIED.search(words):
        return "denied"
    return "success" if _SUCCESS.search(words) else None


def _plain(sentence: str) -> str:
    """Lower case; ``LogonDenied``, ``LOGIN_FAILED`` and ``Auth-Failure`` as words."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", sentence[:LONGEST])
    return re.sub(r"[_-]+", " ", spaced).lower()


def tries(sentence: str) -> int | None:
    """How many failed tries a message reports at once; None where it is one."""
    found = _TRIES.search(sentence)
    count = int(found[1] or found[2]) if found else 1
    return count if count > 1 else None


def read(sentence: str) -> Login | None:
    """What a sentence says of one attempt to log in; None where it says nothing, or names neither account nor peer."""
    if len(sentence) > LONGEST or not _may_be(sentence.lower()):
        return None
    action = "failure" if _REFUSED_POST.search(sentence) else outcome(sentence)
    if action is None or _TAGGED.search(sentence):
        return None
    user, span = _user(sentence)
    source = _source(sentence, span)
    if source is None and (user is None or action == "success"):
        return None  # a success is only worth knowing with its source
    where, source_port = source or (None, None)
    witness = Witness.SERVICE if action == "failure" else Witness.NOBODY
    return Login(action, user, None, where, None, source_port, None, None, witness)


def _may_be(text: str) -> bool:
    """Whether a text, in lower case, may report an attempt: most do not, and this is quicker than patterns."""
    verdict = (
        "fail" in text
        or "invalid" in text
        or "den" in text
        or "reject" in text
        or "refus" in text
        or "succe" in text
        or "logged" in text
        or "unauth" in text
        or "incorrect" in text
        or "wrong" in text
        or "bad" in text
        or "unknown" in text
        or "no such" in text
        or "no_such" in text
        or "limit" in text
        or "error" in text
        or "granted" in text
        or "signed" in text
        or "ban " in text
        or "block" in text
        or "attempt" in text
        or "mismatch" in text
        or "mislukt" in text
        or "fehl" in text
        or "chou" in text
        or "fallid" in text
        or "existent" in text
        or " 40" in text
        or "=40" in text
    )
    return verdict and (
        "auth" in text
        or "log" in text
        or "sign" in text
        or "pass" in text
        or "cred" in text
        or "user" in text
        or "account" in text
        or "acl" in text
        or "fa " in text
        or "otp" in text
        or "ban " in text
        or "block" in text
        or "token" in text
        or "factor" in text
        or "attempt" in text
        or "anmeld" in text
        or "wachtw" in text
        or "connexion" in text
        or "sesi" in text
        or "post" in text
    )


def _user(sentence: str) -> tuple[str | None, tuple[int, int]]:
    """The account, and where in the sentence it stands."""
    if found := _DOMAIN.search(sentence):
        return found[1], found.span(1)
    for pattern in (_KEYED, _NAMED):
        for found in pattern.finditer(sentence):
            group = found.lastgroup or "f"
            name, bare = found[group].strip(), group in {"f", "j"}
            if bare:
                name = name.rstrip(".!")
            if (
                not (bare and (name.lower() in _NO_NAMES or _STATUS.fullmatch(name)))
                and name
                and not _ADDRESS.fullmatch(name)
            ):
                return name, found.span(group)
    return None, (-1, -1)


def _source(sentence: str, name: tuple[int, int]) -> tuple[str, int | None] | None:
    """``(address, port)`` of the peer, where only one can be meant."""
    pool = [each for each in _places(sentence) if not name[0] <= each.start < name[1]]
    if not pool:
        return None
    if (one := only([each.address for each in pool])) is not None:
        return one, pool[0].port
    ephemeral = [each for each in pool if each.port is not None and each.port >= _WELL_KNOWN_PORTS]
    if len(pool) == 2 and len(ephemeral) == 1 and all(each.port is not None for each in pool):
        return ephemeral[0].address, ephemeral[0].port  # the other end is the service's
    return None


def _places(sentence: str) -> list[_Place]:
    """Addresses that may be a peer's: no end of ours, no header, nothing within a text that somebody else wrote."""
    found: list[_Place] = []
    spans = [each.span() for each in _TEXT.finditer(sentence)]
    for match in _ADDRESS.finditer(sentence):
        known, known_port = _end(match)
        before = sentence[max(0, match.start() - 32) : match.start()]
        if known is None or known in _NOWHERE or _ELSE.search(before):
            continue
        if any(start < match.start() < end and _WRITTEN.search(sentence[start:end]) for start, end in spans):
            continue
        place = _Place(known, known_port, match.start(), match.end(), before)
        if found and sentence[found[-1].end : match.start()] in {", ", ","} and "[" in found[-1].before[-8:]:
            place = _hop(found.pop(), place)
        found.append(place)
    return found


def first_address(text: str) -> tuple[str, int | None] | None:
    """The first address in a text, with its port; None where the first that looks like one is none."""
    found = _ADDRESS.search(text)
    known, known_port = _end(found) if found else (None, None)
    return None if known is None else (known, known_port)


def _end(found: re.Match[str]) -> tuple[str | None, int | None]:
    """Address and port of a match of :data:`_ADDRESS`."""
    return address(found["four"] or found["six"]), port(found["port"] or found["port6"])


def _hop(nearer_client: _Place, nearer_us: _Place) -> _Place:
    """Of two hops, the last one that is not our own network's; what stands before it its client could have written."""
    inner = ipaddress.ip_address(nearer_us.address).is_private
    kept = nearer_client if inner else nearer_us
    return _Place(kept.address, kept.port, nearer_client.start, nearer_us.end, nearer_client.before)
