# ruff: noqa: E501 - a pattern reads best unbroken
"""One request's address, or one header, before all grammars: which languages it speaks, where, and with what words."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pollwatch.events.decoding import decoded
from pollwatch.events.grammar import addresses, shellwords

#: So many values of a request are looked at, the first ones.
MOST_VALUES = 200
#: Of longer values the beginning and the end are looked at.
LONGEST = 4_096
_TAIL = 1_024
_SHOWN = 120
#: Programs that are a command without anything behind them, as a pattern.
ALONE = "|".join(sorted(shellwords.ALONE))
#: A page's view in Zope, ``@@search``; ``@@version`` and its like are variables of databases.
_VIEW = re.compile(
    r"@@(?!(?:global|session|version|datadir|basedir|hostname|servername|tmpdir|plugin_dir)\b)[a-z][\w.+-]*"
)
#: A short word or a number: nothing is in it, but for a few commands; most values are.
_DULL = re.compile(rf"(?!(?:{ALONE}|passwd|shadow|engine)$)[a-zA-Z0-9]{{0,15}}|[0-9.,-]*")
#: A value without signs of any language, as names, dates, paths and sentences are ...
_PLAIN = re.compile(r"[\w,@ +~%/.:'?!&-]*", re.ASCII)
#: ... in which nothing can be found unless one of these is in it.
_PLAIN_TROUBLE = re.compile(
    r"\bunion\b.*\bselect|\bselect\b.*(?:\d|\bfrom\b)|waitfor|having\b.*\d|procedure|(?:order|group)\s+by\s+\d|execute|\bdiv\b|"
    r"information_schema|pg_catalog|sqlite_master|aced0005|\b(?:and|or|xor|where|rlike)\b.*\b(?:like|between|is|in|true|false|null|not|rlike|regexp)\b|"
    r"'\s*(?:and|or|xor|union|like|in|is|between|order|group|having|limit|div|mod|rlike|&&)|'[ ,.?!']*$|'.*'\s*\w|'\w+'\w|::|--|\.\.|\?|&|/\.|\s[-/+]|"
    rf"\b(?:{ALONE})$|(?:^|[\s/])(?:time|nohup|strace|sudo|env|exec)\s+\w|(?:^|/)s?bin/|"
    r"(?:^|/)/?(?:etc|proc|sys|root|var|usr|home|dev|boot|opt|tmp)/|\bini\b|web-inf|meta-inf|passwd|shadow|__|\bsam$|"
    rf"^{addresses.BARE}|"
    r"^php_|^[a-z_]+_(?:functions|classes|file|dir|limit|basedir|path|quotes|log|globals)$|^(?:session|suhosin|cgi|zend|opcache)\.|^safe_mode|^allow_url|^engine$|"
    r"\+ad[w4]|^~|0x2e|^[a-z][\w+.-]{1,14}:/?/?|\.exe|\.bat|java|classloader|console\.|%\w+%|"
    r"process\.|^[a-z-]+ \S*[/.]\S|@@|constructor|prototype|^(?:get|post|head|put)\s|rO0AB|AAEAAAD|gASV|BAh|\bif/?|^c:",
    re.IGNORECASE,
)
#: Three characters of ASCII text in base64, as four: the bits that are never set in them leave few letters.
TEXT_IN_BASE64 = "[I-Za-f][C-HS-Xi-ny-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
_BASE64 = re.compile(rf"(?:{TEXT_IN_BASE64}){{4}}[A-Za-z0-9+/_-]{{0,4080}}={{0,2}}")
_HEADER_ONLY_HONEST = frozenset({"markup.style", "files.wrapper", "code.php", "queries.xpath"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A construct of a language.

    Attributes:
        kind: language and construct, ``sql.union``.
        place: where it stands: ``path``, ``parameter NAME``, ``name of a parameter``; of a header empty.
        text: the value that it stands in, decoded, shortened.
    """

    kind: str
    place: str
    text: str


def of_uri(uri: str) -> list[Finding]:
    """What an address speaks, value by value.

    Args:
        uri: path and query, as sent.
    """
    found: list[Finding] = []
    for place, name, text in values(uri):
        kinds = _cached(text, name)
        found += [Finding(kind, place, text[:_SHOWN]) for kind in sorted(kinds)]
    return found


def of_header(text: str) -> list[Finding]:
    """What the name of a browser speaks."""
    from pollwatch.events.grammar import code, files, markup, shell, sql  # noqa: PLC0415 - as in kinds_of

    plain = _cut(decoded(text, plus=False)[0].replace("\x00", ""))
    kinds = {f"sql.{each}" for each in sql.kinds(plain) - {"probe"}}
    kinds |= {f"markup.{each}" for each in markup.kinds(plain)}
    kinds |= {f"shell.{each}" for each in shell.kinds_of_header(plain)}
    kinds |= {f"code.{each}" for each in code.kinds(plain)}
    kinds |= {f"files.{each}" for each in files.kinds(plain)}
    return [Finding(kind, "", plain[:_SHOWN]) for kind in sorted(kinds - _HEADER_ONLY_HONEST)]


def of_referer(text: str) -> list[Finding]:
    """What the page that a visitor says to come from speaks, the address of its site apart."""
    match = re.match(r"[a-z][a-z0-9+.-]*://[^/?#]*", text, re.IGNORECASE)
    if match is None:
        return of_header(text)
    return [
        each
        for each in of_uri(text[match.end() :])
        if each.kind not in _HEADER_ONLY_HONEST and not each.kind.startswith(("address.", "files.wrapper"))
    ]


def values(uri: str) -> Iterator[tuple[str, str, str]]:
    """The parts of an address that a site takes for values: place, name of the parameter, decoded text."""
    stem, mark, query = uri.partition("?")
    path = decoded(stem)[0]
    yield "path", "/", path
    segments = [each for each in stem.split("/")[:MOST_VALUES] if not (_DULL.fullmatch(each) or _VIEW.fullmatch(each))]
    yield from (("path", "", decoded(each)[0]) for each in segments)
    if "/*" in path:
        yield "path", "", path.lstrip("/")  # a comment has slashes of its own
    if not mark:
        return
    pairs = query.split("&")
    if len(pairs) == 1 and "=" not in query:
        yield "query", "", decoded(query)[0]
        return
    for pair in pairs[:MOST_VALUES]:
        name, _, value = pair.partition("=")
        if not _DULL.fullmatch(name):
            name = decoded(name)[0]
            yield "name of a parameter", name, name
        if not _DULL.fullmatch(value):
            yield f"parameter {name[:40]}", name, decoded(value)[0]


@lru_cache(maxsize=8_192)
def _cached(text: str, name: str) -> frozenset[str]:
    return kinds_of(text, name)


def kinds_of(text: str, name: str = "") -> frozenset[str]:
    """What one value speaks, as language and construct.

    Args:
        text: decoded.
        name: of its parameter; ``/`` for a whole path, of which only what is told of paths is asked.
    """
    text = _cut(text)
    if _PLAIN.fullmatch(text) and not _PLAIN_TROUBLE.search(text):
        return _of_base64(text)
    # To make their patterns ready takes a tenth of a second, for which only who meets an odd text need wait.
    from pollwatch.events.grammar import (  # noqa: PLC0415
        code,
        conditions,
        files,
        markup,
        objects,
        queries,
        shell,
        splitting,
        sql,
    )

    found = {f"files.{each}" for each in files.kinds(text)}
    if name == "/":
        return frozenset(found - {"files.secret"})
    plain = text.replace("\x00", "")
    found |= {f"objects.{each}" for each in objects.kinds(text)}
    found |= {f"splitting.{each}" for each in splitting.kinds(plain)}
    found |= {f"queries.{each}" for each in queries.kinds(plain)}
    found |= {f"code.{each}" for each in code.kinds(plain)}
    found |= {f"markup.{each}" for each in markup.kinds(plain)}
    found |= {f"shell.{each}" for each in shell.kinds(plain)}
    found |= {f"address.{each}" for each in addresses.kinds(plain, name)}
    if not (name == "where" and re.fullmatch(r"\s*1\s*=\s*1\s*", plain)):  # map services ask so for everything
        found |= {f"sql.{each}" for each in sql.kinds(plain)}
    found -= conditions.usual(found, plain, name)
    return frozenset(found) or _of_base64(text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - _TAIL] + text[-_TAIL:]


def _of_base64(text: str) -> frozenset[str]:
    """What a value says that is text in base64."""
    match = _BASE64.fullmatch(text.strip().replace(" ", "+"))
    if match is None:
        return frozenset()
    raw = match[0].replace("-", "+").replace("_", "/").rstrip("=")
    try:
        inner = base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return frozenset()
    if not inner.isprintable() and not inner.rstrip().isprintable():
        return frozenset()
    inner = decoded(inner, plus=False)[0]
    return frozenset() if _BASE64.fullmatch(inner.strip()) else kinds_of(inner)
