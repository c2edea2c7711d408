"""What a page says to a reader, apart from how it is laid out: figures with what they are of, texts, pictures, code.

A page is an attacker's, perhaps: nothing of it is run, and what is read of it is bounded. Two pages that say the same
have the same meaning, whatever their markup, styles or the time that they name as "last updated".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec

#: Lines and other parts of a page beyond so many are not looked at.
MOST: Final = 20_000
_LONGEST: Final = 400
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)
_CODE: Final = frozenset({"script", "style", "template", "noscript"})
_CELLS: Final = frozenset({"td", "th"})
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?|\b\d{1,2}:\d\d(?::\d\d)?\b"
    r"|\b\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d\d)\b"
)
_NUMBER: Final = re.compile(r"\d(?:[\d.,'\u00a0\u202f\u2009]*\d)?")
_GROUPED: Final = re.compile(r"\d{1,3}(?:[.,'\u00a0\u202f\u2009]\d{3})+")


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A line of a page: its words with ``#`` for each number, and the numbers."""

    words: str
    numbers: tuple[str, ...]


class Meaning(msgspec.Struct, frozen=True):
    """What a page says.

    Attributes:
        title: of the page.
        lines: in order.
        images: address of each picture, in order; their content is hashed by whoever fetches them.
        scripts: address of each script, or ``sha256:`` of one within the page.
        links: where it leads: hosts other than its own.
        forms: where what is typed in is sent: whole addresses.
        whole: of what is no page of text: the digest of its bytes.
    """

    title: str = ""
    lines: tuple[Line, ...] = ()
    images: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    whole: str = ""


def meaning_of(body: bytes, content_type: str, url: str) -> Meaning:
    """What an answer says.

    Args:
        body: as it came.
        content_type: as the server calls it.
        url: where it is from; what it refers to is relative to that.
    """
    kind = content_type.partition(";")[0].strip().lower()
    text = body.decode(_charset(content_type), "replace")
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return Meaning(lines=tuple(_json_lines(msgspec.json.decode(text))))
        except (msgspec.DecodeError, RecursionError):
            return Meaning(whole=digest(body))
    if "html" in kind or (not kind and text.lstrip()[:1] == "<"):
        reader = _Reader(url)
        reader.feed(text)
        reader.close()
        return reader.meaning()
    if kind.startswith("text/"):
        return Meaning(lines=tuple(_line(each) for each in text.splitlines()[:MOST] if each.strip()))
    return Meaning(whole=digest(body))


def digest(data: bytes) -> str:
    """As records write it."""
    return f"sha256:{sha256(data).hexdigest()}"


def number(text: str) -> str:
    """A number in one spelling: ``1,234``, ``1.234`` and ``1 234`` are 1234; ``12,5`` is 12.5."""
    if _GROUPED.fullmatch(text):
        return re.sub(r"\D", "", text)
    last = max(text.rfind("."), text.rfind(","))
    whole, part = (text, "") if last < 0 else (text[:last], text[last + 1 :])
    return re.sub(r"\D", "", whole) + (f".{part}" if part else "")


def _charset(content_type: str) -> str:
    named = re.search(r"charset=\"?([\w-]+)", content_type)
    try:
        return "".encode(named[1]).decode() or named[1] if named else "utf-8"
    except LookupError:
        return "utf-8"


def _line(text: str) -> Line:
    """A text as a line; times and dates are no figures."""
    text = _TIME.sub("@", " ".join(text.split())[:_LONGEST])
    return Line(_NUMBER.sub("#", text), tuple(map(number, _NUMBER.findall(text))))


def _json_lines(value: object, path: str = "") -> Iterator[Line]:
    if isinstance(value, Mapping):
        named = next((str(value[key]) for key in ("name", "candidate", "choice", "label", "party") if key in value), "")
        for key, inner in value.items():
            yield from _json_lines(inner, f"{path}.{named}.{key}" if named else f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value[:MOST]:
            yield from _json_lines(inner, path)
    elif isinstance(value, bool) or value is None:
        yield Line(f"{path}: {value}", ())
    elif isinstance(value, int | float):
        yield Line(f"{path}: #", (number(str(value)),))
    else:
        line = _line(str(value))
        yield Line(f"{path}: {line.words}", line.numbers)


class _Reader(HTMLParser):
    """Reads a page; one line for each block, and one for each row of a table."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._url = url
        self._host = urlsplit(url).hostname or ""
        self._text: list[str] = []
        self._row = 0
        self._code: list[str] = []
        self._inside = ""
        self._titled = False
        self.title = ""
        self.lines: list[Line] = []
        self.found: dict[str, dict[str, None]] = {name: {} for name in ("images", "scripts", "links", "forms")}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag: what it refers to, and whether a line ends."""
        said = {name: value or "" for name, value in attrs}
        if tag in _CODE:
            self._inside, self._code = tag, []
        if tag == "tr":
            self._flush()
            self._row += 1
        elif tag in _BLOCKS and not self._row:
            self._flush()
        elif tag in _CELLS or tag in _BLOCKS:
            self._text.append(" | ")
        self._titled = tag == "title"
        self._refers(tag, said)

    def handle_endtag(self, tag: str) -> None:
        """The end of a line, a row, or code."""
        if tag == self._inside:
            if tag == "script" and "".join(self._code).strip():
                self._note("scripts", digest(" ".join("".join(self._code).split()).encode()))
            self._inside = ""
        if tag == "tr" and self._row:
            self._row -= 1
            self._flush()
        elif tag in _BLOCKS and not self._row:
            self._flush()
        self._titled = False

    def handle_data(self, data: str) -> None:
        """Text, or code."""
        if self._inside:
            self._code.append(data)
            return
        if self._titled and not self.title:
            self.title = " ".join(data.split())[:_LONGEST]
        self._text.append(data)

    def meaning(self) -> Meaning:
        """What was read."""
        self._flush()
        images, scripts, links, forms = (tuple(self.found[each]) for each in ("images", "scripts", "links", "forms"))
        return Meaning(self.title, tuple(self.lines), images, scripts, links, forms)

    def _flush(self) -> None:
        text = "".join(self._text).strip(" |\n\t")
        self._text = []
        if text.strip() and len(self.lines) < MOST:
            self.lines.append(_line(text))

    def _refers(self, tag: str, said: Mapping[str, str]) -> None:
        if tag == "img" and said.get("src"):
            self._note("images", self._whole(said["src"]))
        elif tag == "script" and said.get("src"):
            self._note("scripts", self._whole(said["src"]))
        elif tag in ("iframe", "frame", "embed", "object") and (said.get("src") or said.get("data")):
            self._note("scripts", self._whole(said.get("src") or said["data"]))
        elif tag == "form":
            self._note("forms", self._whole(said.get("action", "")))
        elif tag == "meta" and said.get("http-equiv", "").lower() == "refresh":
            self._note("scripts", "refresh: " + said.get("content", "")[:_LONGEST])
        elif tag in ("a", "base") and said.get("href"):
            host = urlsplit(self._whole(said["href"])).hostname
            if host and host != self._host:
                self._note("links", host)
        for name, value in said.items():
            if name.startswith("on") and value.strip():
                self._note("scripts", digest(value.encode()))

    def _whole(self, address: str) -> str:
        if address.startswith("data:"):
            return digest(address.encode())
        try:
            return urljoin(self._url, address)[:2_000]
        except ValueError:
            return address[:2_000]

    def _note(self, name: str, value: str) -> None:
        if len(self.found[name]) < MOST:
            self.found[name].setdefault(value)
