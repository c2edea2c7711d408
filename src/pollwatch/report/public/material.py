"""What the public page shows, gathered beforehand: nothing but what was published, and what the log says of itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.clock import UTC, to_datetime
from pollwatch.report.dossier.material import Material
from pollwatch.sharing.publication import Publication, Words


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness of the log.

    Attributes:
        name: the member's, or as the policy calls it.
        bloc: which members it would side with; empty where nobody says.
        size: of the latest state of the log that it signed for; None where it never did.
        at_us: when it did, as it states itself.
        present: whether that is the state that is shown.
    """

    name: str
    bloc: str
    size: int | None = None
    at_us: int | None = None
    present: bool = False


@dataclass(frozen=True, slots=True)
class LogState:
    """The latest state of the office's shared log.

    Attributes:
        origin: its name.
        fingerprint: of its key, for comparing by telephone.
        size: how many entries.
        root: its root hash in hex.
        note: the signed checkpoint itself.
        signed_us: when the log signed it, by its own clock; None where its key states no time.
        cosigners: everybody who could have signed for it too.
        needed: how many of them the charter or the policy asks for; 0 where it asks for none.
        met: whether enough have.
    """

    origin: str
    fingerprint: str
    size: int
    root: str
    note: bytes
    signed_us: int | None
    cosigners: tuple[Cosigner, ...]
    needed: int
    met: bool


@dataclass(frozen=True, slots=True)
class File:
    """A file that can be fetched from the page.

    Attributes:
        name: relative to the page.
        size_bytes: of it.
        sha256: of it, in hex.
    """

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A publication as the page shows it.

    Attributes:
        publication: what it says; nothing of it is shown where it was withdrawn.
        first_us: when it was published.
        changed_us: when the page changed last about it.
        material: for the chapters on claims and statements; None where it holds none.
        body: the publication itself, as a file; None where it was withdrawn.
        proof: the bundle that shows when it was sealed; None while there is none.
        record: names of the files with what members signed about it, as STIX; none where they signed nothing.
        reasons: why it was withdrawn; None where it stands.
        withdrawn_us: when.
    """

    publication: Publication
    first_us: int
    changed_us: int
    material: Material | None = None
    body: File | None = None
    proof: File | None = None
    record: tuple[str, ...] = ()
    reasons: tuple[Words, ...] | None = None
    withdrawn_us: int | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """All of the page.

    Attributes:
        title: of the watch.
        office: whose page it is.
        exercise: whether nothing in it is real.
        log: the latest state of the office's log; None before it has any.
        entries: what was published, newest first.
        files: what can be fetched besides, by what it is: ``checkpoint``, ``policy``, ``charter``, ``keys``.
        languages: of the pages; the first is ``index.html``.
        zone: for times.
        url: where the page is served, with a final slash; empty where that is not said.
    """

    title: str
    office: str
    exercise: bool
    log: LogState | None
    entries: Sequence[Entry]
    files: dict[str, File]
    languages: tuple[str, ...]
    zone: dt.tzinfo = UTC
    url: str = ""

    @property
    def as_of_us(self) -> int | None:
        """When anything that is shown changed last; None where nothing is shown."""
        times = [each.changed_us for each in self.entries]
        if self.log is not None:
            times += [each.at_us for each in self.log.cosigners if each.at_us is not None]
            times += [] if self.log.signed_us is None else [self.log.signed_us]
        return max(times, default=None)

    def page_name(self, language: str) -> str:
        """File name of the page in a language."""
        return "index.html" if language == self.languages[0] else f"index.{language}.html"

    def feed_name(self, language: str) -> str:
        """File name of the feed in a language."""
        return "feed.xml" if language == self.languages[0] else f"feed.{language}.xml"

    def when(self, us: int | None) -> str:
        """A moment in the page's zone, named; a dash for none."""
        if us is None:
            return "–"
        return to_datetime(us).astimezone(self.zone).strftime("%Y-%m-%d %H:%M %Z")
