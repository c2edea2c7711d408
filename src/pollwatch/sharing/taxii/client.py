"""A TAXII 2.1 client that pulls. The server may be broken, hostile, or merely not quite standard; it costs us little.

Every answer is bounded in size and time, a whole pull in pages, bytes and objects. Pages that repeat, a ``next`` that
was given before, dates that do not advance, redirects, compressed or foreign media types end the pull with a
:class:`pollwatch.errors.PeerError` that says which. Credentials never go to another origin than the one they are for,
whatever discovery says.

A pull can be stopped after any page and gone on with: each :class:`Pulled` page carries the :class:`Bookmark` from
which to ask next. The bookmark lies a little before what was seen (servers differ in what `date_added` promises), and
what was given shortly before is not given again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urljoin, urlsplit

import httpx

from pollwatch import canonical
from pollwatch.clock import monotonic_s
from pollwatch.errors import FormatError, PeerError, PolicyError
from pollwatch.sharing import bounded
from pollwatch.sharing.taxii import intake, media, times
from pollwatch.sharing.taxii.bookmark import Bookmark
from pollwatch.sharing.taxii.intake import Candidate, Failure
from pollwatch.stix.constants import StixObject

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_RETRIES: Final = 3
_SILENCE_S: Final = 60.0  # until the next byte: large servers think long before a page
_MAX_WAIT_S: Final = 60.0
_IDLE_PAGES: Final = 3  # pages without anything new, one after the other, while the server says there is more
_MAX_TOKEN: Final = 8_192
_REMEMBERED: Final = 100_000  # objects that are not given twice in one pull
_DELAY: Final = re.compile(r"\d{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one pull may cost.

    Attributes:
        page_bytes: of one answer.
        total_bytes: of all answers together.
        pages: answers.
        objects: that are given.
        page_s: seconds until an answer is complete.
        page_size: objects that are asked for at once.
    """

    page_bytes: int = 64 << 20
    total_bytes: int = 4 << 30
    pages: int = 20_000
    objects: int = 5_000_000
    page_s: float = 120.0
    page_size: int = 1_000


@dataclass(frozen=True, slots=True)
class RemoteCollection:
    """A collection of a server.

    Attributes:
        url: ends in a slash.
        id: as the server names it.
        title: the server's words; print it with care.
        can_read: whether it says that we may read it.
    """

    url: str
    id: str
    title: str
    can_read: bool


@dataclass(frozen=True, slots=True)
class Pulled:
    """One page.

    Attributes:
        objects: those that have the shape of STIX 2.1 objects and were not given before.
        failures: the others, with reasons.
        bookmark: from which to go on once this page is kept.
    """

    objects: tuple[StixObject, ...] = field(repr=False)
    failures: tuple[Failure, ...]
    bookmark: Bookmark


def validate(listed: Iterable[object]) -> tuple[list[tuple[StixObject, Candidate]], list[Failure]]:
    """Which of these have the shape of STIX 2.1 objects; no file, no network.

    Returns:
        Each good object with its canonical form, and for each other one the reason.
    """
    good: list[tuple[StixObject, Candidate]] = []
    bad: list[Failure] = []
    for place, each in enumerate(listed):
        try:
            found = intake.candidate(each)
        except FormatError as error:
            bad.append(intake.failure(place, each, str(error)))
        else:
            good.append((dict(each) if isinstance(each, dict) else {}, found))
    return good, bad


class TaxiiClient:
    """A connection to one TAXII 2.1 server; use it with ``with``."""

    def __init__(
        self,
        url: str,
        auth: tuple[str, str] | None = None,
        *,
        limits: Limits | None = None,
        transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect when needed.

        Args:
            url: of the server (discovery), an API root or a collection.
            auth: name and password for HTTP Basic.
            limits: what a pull may cost.
            transport: another way to reach it than TCP.
            wait: how to wait, in seconds, when the server asks for it.

        Raises:
            PolicyError: the URL is not HTTPS (loopback aside), or carries credentials.
        """
        self.url = _checked_url(url)
        self._limits = limits or Limits()
        self._wait = wait
        self._received = 0
        basic = httpx.BasicAuth(*auth) if auth else None
        self._client = bounded.client({"accept": media.TAXII}, transport, auth=basic)
        self._client.timeout = httpx.Timeout(_SILENCE_S)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._client.close()

    def api_roots(self) -> tuple[str, ...]:
        """The API roots that discovery at :attr:`url` names; those of another origin are left out.

        Raises:
            PeerError: the server cannot be reached, or answers with what the protocol does not allow.
        """
        found = self._get(self.url).get("api_roots", [])
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise PeerError(f"{self.url}: api_roots is no list of URLs")
        urls = (urljoin(self.url, each if each.endswith("/") else f"{each}/") for each in found)
        return tuple(each for each in urls if _origin(each) == _origin(self.url))

    def collections(self, api_root: str) -> tuple[RemoteCollection, ...]:
        """The collections of an API root.

        Raises:
            PeerError: the server cannot be reached, or answers with what the protocol does not allow.
        """
        base = urljoin(self.url, f"{api_root.removesuffix('/')}/collections/")
        found = self._get(base).get("collections", [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise PeerError(f"{base}: collections is no list of collections")
        return tuple(_collection(base, each) for each in found)

    def objects(self, collection: str = "", added_after: str = "", **match: str) -> Iterator[StixObject]:
        """The objects of a collection, in the order in which they were added there.

        Args:
            collection: its URL; absolute, or relative to :attr:`url`; empty = :attr:`url` itself.
            added_after: only what was added after this timestamp; empty = everything.
            **match: filters: ``id``, ``type``, ``version``, ``spec_version``, several values with commas.

        Raises:
            PeerError: the server cannot be reached, or answers with what the protocol does not allow.
        """
        for page in self.pages(collection, Bookmark(added_after), **match):
            yield from page.objects

    def pages(self, collection: str = "", bookmark: Bookmark | None = None, **match: str) -> Iterator[Pulled]:
        """The objects of a collection, page by page, each with the bookmark from which to go on.

        Args:
            collection: as for :meth:`objects`.
            bookmark: where the last pull ended; None = from the beginning.
            **match: as for :meth:`objects`.

        Raises:
            PeerError: the server cannot be reached, lies, or answers with what the protocol does not allow.
        """
        url = urljoin(_checked_url(urljoin(self.url, collection)), "objects/")
        place = bookmark or Bookmark()
        query = {f"match[{name}]": value for name, value in match.items() if value}
        query["limit"] = str(self._limits.page_size)
        if place.added_after:
            query["added_after"] = place.added_after
        turner = _Turner(url, place, self._limits)
        while turner.more:
            answer, last = self._page(url, {**query, **turner.turn})
            yield turner.take(answer, last)

    def _page(self, url: str, query: dict[str, str]) -> tuple[dict[str, Any], str]:
        encoded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
        answer, headers = self._ask(f"{url}?{encoded}")
        return answer, headers.get("x-taxii-date-added-last", "")

    def _get(self, url: str) -> dict[str, Any]:
        return self._ask(url)[0]

    def _ask(self, url: str) -> tuple[dict[str, Any], httpx.Headers]:
        """One answer, after waiting as often and as long as is reasonable where the server asks for it."""
        if _origin(url) != _origin(self.url):
            raise PeerError(f"{self.url} points to another origin, {url[:200]!r}; credentials do not go there")
        for attempt in range(_RETRIES):
            status, headers, body = self._fetch(url)
            if status not in {429, 503} or attempt == _RETRIES - 1:
                break
            asked = headers.get("retry-after", "")
            self._wait(min(float(asked) if _DELAY.fullmatch(asked) else 1.0, _MAX_WAIT_S))
        if status != httpx.codes.OK:
            raise PeerError(f"{url[:300]} answers {status}{_reason(status, headers, body)}")
        if not media.is_envelope(headers.get("content-type")):
            found = headers.get("content-type", "no media type")
            raise PeerError(f"{url[:300]} answers with {found[:80]!r}, not with {media.TAXII}")
        try:
            value = canonical.loads_lenient(body, max_bytes=self._limits.page_bytes)
        except FormatError as error:
            raise PeerError(f"{url[:300]}: {error}") from error
        if not isinstance(value, dict):
            raise PeerError(f"{url[:300]} answers with no JSON object")
        return value, headers

    def _fetch(self, url: str) -> tuple[int, httpx.Headers, bytes]:
        received = bytearray()
        deadline_s = monotonic_s() + self._limits.page_s
        try:
            with self._client.stream("GET", url) as answer:
                if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
                    raise PeerError(f"{url[:300]} compresses its answer, which it was asked not to")
                for chunk in answer.iter_raw():
                    received += chunk
                    self._received += len(chunk)
                    if monotonic_s() > deadline_s:
                        raise PeerError(f"{url[:300]} takes over {self._limits.page_s:.0f} s for an answer")
                    if len(received) > self._limits.page_bytes:
                        raise PeerError(f"{url[:300]} answers with more than {self._limits.page_bytes} bytes")
                    if self._received > self._limits.total_bytes:
                        raise PeerError(f"{self.url} has sent {self._received} bytes in all; that is enough")
                return answer.status_code, answer.headers, bytes(received)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise PeerError(f"{url[:300]} cannot be reached: {str(error) or type(error).__name__}") from error


class _Turner:
    """Turns the pages of one pull, and notices when a server leads it in circles."""

    def __init__(self, url: str, place: Bookmark, limits: Limits) -> None:
        self._url = url
        self._limits = limits
        self._place = place
        self._recent = dict.fromkeys(place.recent)
        self._tokens: set[str] = set()
        self._last_us = times.parse(place.added_after) if place.added_after else None
        self._pages = self._given = self._idle = 0
        self.turn: dict[str, str] = {}
        self.more = True

    def take(self, answer: dict[str, Any], last: str) -> Pulled:
        """A page as it came, and where the next one is asked for."""
        listed = answer.get("objects", [])
        if not isinstance(listed, list):
            raise PeerError(f"{self._url}: objects is no list")
        self._pages += 1
        good, bad = validate(listed)
        fresh = [(source, each) for source, each in good if each.sha256.hex()[:32] not in self._recent]
        self._recent.update((each.sha256.hex()[:32], None) for _source, each in good)
        while len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        self._given += len(fresh)
        self.more = answer.get("more", False) is True
        self._idle = 0 if fresh or bad else self._idle + 1
        self._check_cost()
        advanced = self._advance(last)
        if self.more:
            self._find_next(answer.get("next"), last, advanced=advanced)
        self._place = self._place.moved(self._last_us, list(self._recent))
        return Pulled(tuple(source for source, _ in fresh), tuple(bad), self._place)

    def _check_cost(self) -> None:
        if self.more and self._idle >= _IDLE_PAGES:
            raise PeerError(f"{self._url} says there is more, and gave nothing new {self._idle} times in a row")
        if self._pages > self._limits.pages or self._given > self._limits.objects:
            raise PeerError(f"{self._url} has given {self._given} objects on {self._pages} pages; that is enough")

    def _advance(self, last: str) -> bool:
        """Note the date of the last object; whether it is later than before."""
        if not last:
            return False
        try:
            last_us = times.parse(last)
        except FormatError as error:
            raise PeerError(f"{self._url}: X-TAXII-Date-Added-Last: {error}") from error
        if self._last_us is not None and last_us <= self._last_us:
            return False
        self._last_us = last_us
        return True

    def _find_next(self, token: object, last: str, *, advanced: bool) -> None:
        """By ``next`` where the server gives one, else by the date of the last object (section 3.5)."""
        if isinstance(token, str) and token:
            if token in self._tokens or len(token) > _MAX_TOKEN:
                raise PeerError(f"{self._url} gives a next that it gave before, or one that is too long")
            self._tokens.add(token)
            self.turn = {"next": token}
        elif advanced:
            self.turn = {"added_after": last}
        else:
            raise PeerError(f"{self._url} says there is more, and neither next nor a later date by which to get it")


def _collection(base: str, value: dict[str, Any]) -> RemoteCollection:
    identifier, title = value.get("id"), value.get("title")
    if not isinstance(identifier, str) or not identifier or not isinstance(title, str):
        raise PeerError(f"{base}: a collection has no id or title")
    url = f"{base}{quote(identifier, safe='')}/"
    return RemoteCollection(url, identifier, title, value.get("can_read") is True)


def _reason(status: int, headers: httpx.Headers, body: bytes) -> str:
    """What the server says about its refusal: a few characters of it."""
    if 300 <= status < 400:
        return f" to {headers.get('location', 'nowhere')[:200]!r}; redirects are not followed, give that URL yourself"
    text = body[:300].decode("utf-8", "replace").strip()
    return f": {text}" if text else ""


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise PolicyError(f"{url[:200]!r} is no URL; write https://taxii.example/taxii2/") from None
    if parts.username is not None or parts.password is not None:
        raise PolicyError("a password in a URL ends up in logs; give it in a file")
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise PolicyError(f"{url[:200]!r} is no URL of a TAXII server; write https://taxii.example/taxii2/")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise PolicyError(f"TAXII is spoken over HTTPS; {url[:200]!r} is not")
    return url if url.endswith("/") else f"{url}/"


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
