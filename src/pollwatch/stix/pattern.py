"""STIX patterns: read by the standard's grammar (STIX 2.1, section 9), written for one observable.

Read is what a list of observables can say: comparisons with ``=``, ``IN`` or ``ISSUBSET``, joined by ``OR``. A
pattern that asks for two things at once, for an order, or for a count is understood as far as its grammar goes and
refused with the reason: taking half of it would look for something else than its author meant. Two kinds of ``AND``
say no more than one observable does, and are read: an address with its own type beside it, and several hashes (and
names) of one file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pollwatch.errors import FormatError
from pollwatch.events.observable import HASHES, Kind, Observable, normalised

MAX_CHARS: Final = 10_000
_MAX_DEPTH: Final = 32
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>[tbh]?'(?:[^'\\]|\\.)*')
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<sign><=|>=|!=|[=<>\[\]():.,*])
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_USER_AGENT: Final = "network-traffic:extensions.http-request-ext.request_header.User-Agent"
#: What our kinds are called in a pattern; hashes are named by their algorithm.
_PATHS: Final = {
    "ipv4-addr:value": Kind.IPV4,
    "ipv6-addr:value": Kind.IPV6,
    "domain-name:value": Kind.DOMAIN,
    "url:value": Kind.URL,
    "email-addr:value": Kind.EMAIL,
    "email-message:from_ref.value": Kind.EMAIL,
    "email-message:sender_ref.value": Kind.EMAIL,
    "network-traffic:src_ref.value": None,
    "network-traffic:dst_ref.value": None,
    _USER_AGENT: Kind.USER_AGENT,
}
_HASH_NAMES: Final = {name.replace("-", ""): length for length, name in HASHES.items()}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class _Term:
    """One comparison: a path and the values that it may have; or what stands in parentheses, read already."""

    path: str
    values: tuple[str, ...]
    inner: list[Observable]
    at: int


def observables(pattern: str) -> tuple[Observable, ...]:
    """What a pattern looks for: any one of these.

    Raises:
        FormatError: it is malformed, or asks for more than one of several observables; the message says where.
    """
    if len(pattern) > MAX_CHARS:
        raise FormatError(f"a pattern of {len(pattern)} characters; {MAX_CHARS} are read")
    reader = _Reader(tuple(_tokens(pattern)))
    found = reader.alternatives(reader.observation)
    reader.end()
    return tuple(dict.fromkeys(found))


def write(observable: Observable) -> str:
    """The pattern that matches an observable."""
    match observable.kind:
        case Kind.HASH:
            path = f"file:hashes.'{HASHES[len(observable.value)]}'"
        case Kind.USER_AGENT:
            path = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"
        case _:
            path = f"{observable.kind}:value"
    value = observable.value.replace("\\", "\\\\").replace("'", "\\'")
    is_network = observable.kind in {Kind.IPV4, Kind.IPV6} and "/" in value
    return f"[{path} {'ISSUBSET' if is_network else '='} '{value}']"


def _tokens(pattern: str) -> Iterator[_Token]:
    at, end = 0, len(pattern.rstrip())
    while at < end:
        found = _TOKEN.match(pattern, at)
        if found is None or found.lastgroup is None:
            raise FormatError(f"pattern, character {at + 1}: {pattern[at : at + 20]!r} is not understood")
        yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
        at = found.end()


class _Reader:
    """A recursive descent over the tokens; each method reads one rule of the grammar."""

    def __init__(self, tokens: tuple[_Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def alternatives(self, part: Callable[[], list[Observable]]) -> list[Observable]:
        """Parts joined by ``OR``."""
        found = part()
        while self._take_word("OR"):
            found += part()
        for word in ("AND", "FOLLOWEDBY"):  # between observations
            if self._peek_word(word):
                raise self._fail(f"{word}: it asks for several things at once, not for any one of them")
        return found

    def observation(self) -> list[Observable]:
        """``[...]``, or observations in parentheses; qualifiers are refused."""
        if self._take("("):
            found = self._nested(lambda: self.alternatives(self.observation))
            self._expect(")")
        else:
            self._expect("[")
            found = self.alternatives(self._conjunction)
            self._expect("]")
        for word in ("WITHIN", "REPEATS", "START"):
            if self._peek_word(word):
                raise self._fail(f"{word}: it asks for a count or a time, not for one observable")
        return found

    def _conjunction(self) -> list[Observable]:
        """Comparisons joined by ``AND``, which binds closer than ``OR``."""
        at = self._peek().at
        terms = [self._term()]
        while self._take_word("AND"):
            terms.append(self._term())
        if len(terms) > 1:
            terms = [each for each in terms if not each.path.endswith("_ref.type")]
            hashes = [each for each in terms if _kind(each.path) is Kind.HASH]
            if hashes and all(each.path.startswith("file:") for each in terms):
                terms = hashes
            elif len(terms) > 1:
                raise self._fail("AND: it asks for several things at once, not for any one of them", at)
        return [each for term in terms for each in (term.inner or [self._observable(term, v) for v in term.values])]

    def _term(self) -> _Term:
        """A comparison, or comparisons in parentheses."""
        if self._take("("):
            inner = self._nested(lambda: self.alternatives(self._conjunction))
            self._expect(")")
            return _Term("", (), inner, self._peek().at)
        if self._peek_word("NOT") or self._peek_word("EXISTS"):
            raise self._fail(f"{self._peek().text}: it asks for what is absent, or for anything at all")
        at, path = self._peek().at, self._path()
        operator = self._next()
        word = operator.text.upper()
        if word == "NOT":
            raise self._fail("NOT: it asks for everything but a value", operator.at)
        if word == "IN":
            self._expect("(")
            values = [self._value()]
            while self._take(","):
                values.append(self._value())
            self._expect(")")
            return _Term(path, tuple(values), [], at)
        if word == "ISSUBSET" and not path.endswith(("addr:value", "_ref.value")):
            raise self._fail("ISSUBSET: only addresses have subsets", operator.at)
        if word not in {"=", "ISSUBSET"}:
            raise self._fail(f"{operator.text!r}: only =, IN and ISSUBSET name values", operator.at)
        return _Term(path, (self._value(),), [], at)

    def _path(self) -> str:
        kind = self._next()
        if kind.kind != "word":
            raise self._fail(f"{kind.text!r} where an object type should stand", kind.at)
        self._expect(":")
        parts = [self._step()]
        while self._take("."):
            parts.append(self._step())
        if self._peek().text == "[":
            raise self._fail("an index: no observable of ours has a list")
        return f"{kind.text}:{'.'.join(parts)}"

    def _step(self) -> str:
        token = self._next()
        if token.kind == "word":
            return token.text
        if token.kind == "text" and token.text.startswith("'"):
            return _unquoted(token.text)
        raise self._fail(f"{token.text!r} where a property should stand", token.at)

    def _value(self) -> str:
        token = self._next()
        if token.kind == "text" and token.text.startswith("'"):
            return _unquoted(token.text)
        if token.kind in {"number", "text"} or token.text in {"true", "false"}:
            return ""  # no observable of ours is a number, a date, or bytes; what it stands beside says why
        raise self._fail(f"{token.text[:40]!r} where a value should stand", token.at)

    def _observable(self, term: _Term, value: str) -> Observable:
        kind = _kind(term.path)
        if term.path.startswith("network-traffic:") and term.path.endswith("_ref.value"):
            kind = Kind.IPV6 if ":" in value else Kind.IPV4
        if kind is None:
            raise self._fail(f"{term.path[:80]}: not among what is looked for in logs", term.at)
        try:
            return normalised(kind, value)
        except ValueError as error:
            raise self._fail(f"the value of {term.path[:80]}: {error}", term.at) from None

    def _nested(self, part: Callable[[], list[Observable]]) -> list[Observable]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._fail(f"more than {_MAX_DEPTH} parentheses in each other")
        found = part()
        self._depth -= 1
        return found

    def end(self) -> None:
        """Nothing may follow."""
        if self._at < len(self._tokens):
            raise self._fail(f"{self._peek().text[:40]!r} after its end")

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _Token("end", "its end", -2)

    def _next(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, sign: str) -> bool:
        fits = self._peek().kind == "sign" and self._peek().text == sign
        self._at += fits
        return fits

    def _peek_word(self, word: str) -> bool:
        return self._peek().kind == "word" and self._peek().text.upper() == word

    def _take_word(self, word: str) -> bool:
        fits = self._peek_word(word)
        self._at += fits
        return fits

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._fail(f"{self._peek().text[:40]!r} where {sign!r} should stand")

    def _fail(self, problem: str, at: int | None = None) -> FormatError:
        place = self._peek().at if at is None else at
        return FormatError(f"pattern, character {place + 1}: {problem}" if place >= 0 else f"pattern: {problem}")


def _kind(path: str) -> Kind | None:
    if path.startswith("file:hashes.") and path[12:].upper().replace("-", "") in _HASH_NAMES:
        return Kind.HASH
    return _PATHS.get(path)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
