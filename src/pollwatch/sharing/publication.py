"""What an office tells everybody: a publication, and taking one back, as the bytes that go on the public page.

A publication is canonical JSON. It says what it is about in the office's own words, in one language or several; of an
incident of one's own, which steps it had and on which days; of a claim or statement, all that members signed about it,
unaltered, with the charter by which it can be checked. It holds no time of its own: the disclosure ledger and the seal
have it, and what was previewed is what goes out.

What never goes out is looked for by :func:`check`: voters' data, addresses, names of accounts, telephone numbers, mail
addresses. A minute and a count would tell an attacker which of its steps were seen; a day and a technique do not.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pollwatch import canonical
from pollwatch.errors import FormatError, PolicyError
from pollwatch.stix.constants import StixObject

#: Who gets it, in the ledger: no member can be called so, since a name begins with no blank.
PUBLIC: Final = " everybody"
MAX_BYTES: Final = 8 << 20
MAX_TEXT: Final = 20_000
_MAX_TITLE: Final = 200
_PUBLICATION: Final = "pollwatch.publication/1"
_WITHDRAWAL: Final = "pollwatch.withdrawal/1"
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?", re.ASCII)
_ID: Final = re.compile(r"PUB-[A-Z2-7]{10}", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SPEECH: Final = ("description", "explanation", "content", "abstract", "name")
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE: Final = re.compile(r"(?<![\w.])(?:\+|00|0)\d[\d ()/-]{6,}\d")
_ADDRESS: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)(?![\w:])"
)


class Kind(StrEnum):
    """What a publication is about."""

    INCIDENT = "incident"
    CLAIM = "claim"
    STATEMENT = "statement"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Words:
    """What the office says itself, in one language."""

    language: str
    title: str
    text: str

    def __post_init__(self) -> None:
        """Check what a page can show.

        Raises:
            FormatError: no language, no title on one line, or too much text.
        """
        if not _LANGUAGE.fullmatch(self.language):
            raise FormatError(f"{self.language[:20]!r} is no language; write e.g. en, nl or pt_BR")
        if not self.title.strip() or len(self.title) > _MAX_TITLE or not self.title.isprintable():
            raise FormatError(f"a title is one line of at most {_MAX_TITLE} printable characters: {self.title[:40]!r}")
        if len(self.text) > MAX_TEXT:
            raise FormatError(f"{self.title[:40]!r}: more than {MAX_TEXT} characters; say it shorter")


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of an incident of one's own: no minute, no count, no name.

    Attributes:
        severity: ``info`` ... ``critical``.
        status: of the work on it.
        steps: name and ATT&CK technique of each step, in order.
        days: the first and the last day, ``2026-11-03``, in the office's zone; empty where no line has a time.
    """

    severity: str
    status: str
    steps: tuple[tuple[str, str], ...]
    days: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Publication:
    """One thing that is told to everybody.

    Attributes:
        kind: what it is about.
        subject: STIX id of the claim or statement; empty for what is told in one's own words alone.
        words: the office's own, by language; may be none where others' words are published.
        told: of an incident of one's own; None for all else.
        said: everything that members signed about the subject, as STIX objects; none for one's own words.
        charter: the chain of charters by which that is checked; empty where nothing is.
        order: where it stands in the members' logs; empty where nothing is.
        silent: members that said something about it which they do not let be public.
    """

    kind: Kind
    subject: str
    words: tuple[Words, ...]
    told: Told | None = None
    said: tuple[StixObject, ...] = ()
    charter: bytes = b""
    order: bytes = b""
    silent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what holds between the fields.

        Raises:
            FormatError: nothing is said, or one language stands twice.
        """
        if not self.words and not self.said:
            raise FormatError("a publication says something: give words, or a claim or statement")
        if len({each.language for each in self.words}) != len(self.words):
            raise FormatError("a publication says its words once in each language")
        if (self.kind in {Kind.CLAIM, Kind.STATEMENT}) != bool(self.said and self.subject):
            raise FormatError(f"a publication of kind {self.kind} {'lacks' if not self.said else 'holds'} signed words")

    @property
    def id(self) -> str:
        """How it is called: the same for the same words about the same, whatever others add to it later."""
        about = [_PUBLICATION, self.kind.value, self.subject, _words(self.words), _told(self.told)]
        digest = hashlib.sha256(canonical.dumps(about)).digest()
        return "PUB-" + base64.b32encode(digest).decode("ascii")[:10]

    def to_bytes(self) -> bytes:
        """What goes out."""
        return canonical.dumps(
            {
                "schema": _PUBLICATION,
                "id": self.id,
                "kind": self.kind.value,
                "subject": self.subject,
                "words": _words(self.words),
                "told": _told(self.told),
                "said": list(self.said),
                "charter": self.charter.decode("utf-8"),
                "order": self.order.decode("utf-8"),
                "silent": list(self.silent),
            }
        )

    def in_language(self, language: str) -> Words | None:
        """The office's words in a language, else those that it gave first; None where it gave none."""
        return next((each for each in self.words if each.language == language), next(iter(self.words), None))


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A publication is taken back: what it said goes from the page, and that it was there stays.

    Attributes:
        id: of the publication.
        reasons: why, by language.
    """

    id: str
    reasons: tuple[Words, ...]

    def to_bytes(self) -> bytes:
        """What goes out."""
        return canonical.dumps({"schema": _WITHDRAWAL, "id": self.id, "reasons": _words(self.reasons)})


def read(data: bytes) -> Publication | Withdrawal:
    """Read what :meth:`Publication.to_bytes` or :meth:`Withdrawal.to_bytes` writes, and nothing else.

    Raises:
        FormatError: it is neither, or not byte for byte.
    """
    value = canonical.loads(data, max_bytes=MAX_BYTES)
    try:
        found = _withdrawal(value) if value["schema"] == _WITHDRAWAL else _publication(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"no publication of ours: {error!r}") from None
    if found.to_bytes() != data:
        raise FormatError(f"publication {found.id[:20]!r} is not in the one form that it has")
    return found


def check(publication: Publication, names: Iterable[str], allowed: Iterable[str] = ()) -> None:
    """Accept a publication in which nothing personal is found, as far as a program can see that.

    Args:
        publication: what would go out.
        names: accounts, addresses and hosts that the incident's own log lines name.
        allowed: what may stand in it all the same, as somebody decided: the office's own mail address.

    Raises:
        PolicyError: it holds an address, a mail address, a telephone number, or one of the names.
    """
    fine = {each.casefold() for each in allowed}
    hidden = [each for each in names if len(each) > 2 and each.casefold() not in fine]
    for where, text in _texts(publication):
        for what, found in _personal(text):
            if found.casefold() not in fine:
                raise PolicyError(
                    f"{where} holds {what}, {found[:80]!r}; leave it out, or say that it may be public: --allow"
                )
        for name in hidden:
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE):
                raise PolicyError(f"{where} names {name[:80]!r}, which the log names too; leave it out, or --allow it")


def _personal(text: str) -> Iterator[tuple[str, str]]:
    for match in _ADDRESS.finditer(text):
        try:
            ipaddress.ip_address(match[0].rstrip(".:"))
        except ValueError:
            continue
        yield "an IP address", match[0].rstrip(".:")
    yield from (("a mail address", match[0]) for match in _MAIL.finditer(text))
    yield from (("a telephone number", match[0]) for match in _PHONE.finditer(text))


def _texts(publication: Publication) -> Iterator[tuple[str, str]]:
    """What people wrote in it, with where."""
    for words in publication.words:
        yield f"the text in {words.language!r}", f"{words.title}\n{words.text}"
    for each in publication.said:
        for field in _SPEECH:
            if isinstance(each.get(field), str) and each["type"] != "identity":
                yield f"{each['type']} {each['id']}", each[field]


def _words(words: Iterable[Words]) -> list[dict[str, str]]:
    return [{"language": each.language, "title": each.title, "text": each.text} for each in words]


def _told(told: Told | None) -> dict[str, Any] | None:
    if told is None:
        return None
    steps = [{"name": name, "technique": technique} for name, technique in told.steps]
    return {"severity": told.severity, "status": told.status, "steps": steps, "days": list(told.days)}


def _withdrawal(value: Mapping[str, Any]) -> Withdrawal:
    if not _ID.fullmatch(value["id"]):
        raise FormatError(f"{value['id'][:40]!r} is no publication")
    return Withdrawal(value["id"], tuple(Words(**each) for each in value["reasons"]))


def _publication(value: Mapping[str, Any]) -> Publication:
    told = value["told"]
    if told is not None:
        days = tuple(told["days"])
        if len(days) != 2 or not all(_DAY.fullmatch(each) or not each for each in days):
            raise FormatError("a publication says a first and a last day")
        steps = tuple((each["name"], each["technique"]) for each in told["steps"])
        told = Told(told["severity"], told["status"], steps, (days[0], days[1]))
    return Publication(
        Kind(value["kind"]),
        value["subject"],
        tuple(Words(**each) for each in value["words"]),
        told,
        tuple(value["said"]),
        value["charter"].encode("utf-8"),
        value["order"].encode("utf-8"),
        tuple(value["silent"]),
    )
