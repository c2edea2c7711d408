"""Pages fetched, recorded with a signature, and checked; what was found becomes lines that a scan reads like any log.

A record is JSON in canonical form; with a case it is a signed note by the key of the case's shared log. Each check
writes one line per finding (and one per page that is as it was, so that a watch that has stopped shows). Those lines
go through the same rules as every log: an altered page is an incident like any other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from pollwatch.canonical import Json
from pollwatch.clock import Clock, rfc3339
from pollwatch.detect.pages.comparing import Change, Finding, Official, Recorded, against_feed, compared
from pollwatch.detect.pages.meaning import Meaning, digest, meaning_of, number
from pollwatch.errors import PeerError, SignatureError, SourceError, UsageError
from pollwatch.evidence import note
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.sharing import bounded

SCHEMA: Final = "pollwatch.pages/1"
_LARGEST_BYTES: Final = 20 << 20
_MOST_PICTURES: Final = 300
_OK: Final = 200
_SIGNED: Final = b"\n\n\xe2\x80\x94 "


class Record(msgspec.Struct, frozen=True, tag_field="schema", tag=SCHEMA):
    """Pages as they were."""

    pages: tuple[Recorded, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """One page, compared.

    Attributes:
        at_us: when it was fetched.
    """

    url: str
    at_us: int
    findings: tuple[Finding, ...]


def record(urls: Sequence[str], clock: Clock) -> Record:
    """Fetch pages and say what they are.

    Raises:
        PeerError: one cannot be fetched; nothing is recorded then.
        UsageError: an address is none.
    """
    with bounded.client() as client:
        pages = []
        for url in urls:
            meaning, images = _fetch(client, url)
            pages.append(Recorded(url, meaning, images, rfc3339(clock.now_us()) or ""))
    return Record(tuple(pages))


def check(pages: Record, feed: Sequence[Official], clock: Clock) -> Iterator[Checked]:
    """Fetch the recorded pages again and compare.

    Args:
        pages: as they were recorded.
        feed: the official figures; with any, figures are held against these and not against the record.
        clock: for the time of each check.
    """
    with bounded.client() as client:
        for page in pages.pages:
            try:
                meaning, images = _fetch(client, page.url)
            except PeerError as error:
                findings = [Finding(Change.UNREACHABLE, str(error))]
            else:
                findings = compared(page, meaning, images)
                if feed:
                    others = [each for each in findings if each.change is not Change.FIGURES]
                    findings = [*against_feed(feed, meaning), *others]
            yield Checked(page.url, clock.now_us(), tuple(findings))


def lines(checked: Checked) -> Iterator[dict[str, Json]]:
    """What was found on a page, as records of a log."""
    for each in checked.findings or (Finding(Change.SAME, "as recorded"),):
        yield {
            "time": rfc3339(checked.at_us),
            "hostname": urlsplit(checked.url).hostname or "",
            "page": checked.url,
            "page_check": each.change.value,
            "message": each.said,
        }


def to_bytes(pages: Record, signer: Signer | None) -> bytes:
    """A record as a file, signed where there is a key."""
    text = msgspec.json.format(msgspec.json.encode(pages, order="sorted"), indent=1).decode() + "\n"
    return note.sign_note(text, [signer]).to_bytes() if signer is not None else text.encode()


def read(path: Path, verifier: Verifier | None) -> Record:
    """A record from a file.

    Raises:
        SourceError: it cannot be read, or is none.
        SignatureError: it is not signed by the key, or was changed since.
    """
    try:
        text = _text(path, verifier)
        return msgspec.json.decode(text, type=Record)
    except msgspec.DecodeError as error:
        raise SourceError(f"{path}: no record of pages as `pollwatch pages record` writes it: {error}") from error


def read_feed(path: Path, verifier: Verifier | None) -> list[Official]:
    """The official figures: CSV with the columns label and number, or a JSON list of such objects.

    Raises:
        SourceError: it cannot be read, or is none.
        SignatureError: it is not signed by the key, or was changed since.
    """
    text = _text(path, verifier)
    try:
        told = msgspec.json.decode(text) if text.lstrip()[:1] in "[{" else list(csv.DictReader(io.StringIO(text)))
        rows = told["results"] if isinstance(told, Mapping) else told
        return [Official(str(row["label"]), number(str(row["number"]))) for row in rows]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: a feed has a label and a number in each row: {error}") from error


def _text(path: Path, verifier: Verifier | None) -> str:
    try:
        with path.open("rb") as opened:
            data = opened.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    if verifier is not None:
        return note.open_note(data, verifier, max_bytes=_LARGEST_BYTES)
    if _SIGNED in data:
        raise SignatureError(f"{path} is signed; name the key that must have signed it with --key or --case")
    return data.decode("utf-8", "replace")


def _fetch(client: httpx.Client, url: str) -> tuple[Meaning, dict[str, str]]:
    """A page, and the digest of each of its pictures; one that cannot be fetched says so instead."""
    body, content_type = _get(client, url)
    meaning = meaning_of(body, content_type, url)
    images: dict[str, str] = {}
    for address in meaning.images[:_MOST_PICTURES]:
        if address.startswith("sha256:"):
            images[address] = address
            continue
        try:
            images[address] = digest(_get(client, address)[0])
        except (PeerError, UsageError):
            images[address] = "unreachable"
    return meaning, images


def _get(client: httpx.Client, url: str) -> tuple[bytes, str]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url}: a page's address begins with http:// or https://")
    answer = bounded.exchange(client, "GET", url, parts.hostname, limit=_LARGEST_BYTES)
    if answer.status != _OK:
        raise PeerError(f"{parts.hostname} answers {url} with status {answer.status}")
    return answer.body, answer.content_type
