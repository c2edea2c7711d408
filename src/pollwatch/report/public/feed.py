"""The page's feed (RFC 4287): one entry for each publication, and for each that was withdrawn."""

from __future__ import annotations

import uuid
from typing import Final
from xml.etree import ElementTree as ET

from pollwatch import __version__
from pollwatch.clock import rfc3339
from pollwatch.i18n import _, speaking
from pollwatch.report.dossier.inert import name
from pollwatch.report.public.material import Entry, Site
from pollwatch.report.public.page import Tongue, heading, kind_word, title

_ATOM: Final = "http://www.w3.org/2005/Atom"
#: Names of things are made from this one and their own: the same for the same, whoever makes them.
_SPACE: Final = uuid.UUID("6f5a2d0e-8c1b-5e0f-9b7a-2d4c6e8f0a13")
_EPOCH: Final = "1970-01-01T00:00:00Z"


def atom(site: Site, language: str) -> bytes:
    """The feed in one of the site's languages; its links are relative where the site's address is not known."""
    feed = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": Tongue.of(language).code})
    with speaking(language):
        _add(feed, "id", _urn(f"feed {site.log.origin if site.log else site.office} {language}"))
        _add(feed, "title", title(site))
        _add(feed, "updated", rfc3339(site.as_of_us) or _EPOCH)
        author = ET.SubElement(feed, "author")
        _add(author, "name", name(site.office) or _("Election office"))
        ET.SubElement(feed, "link", {"rel": "self", "href": site.url + site.feed_name(language)})
        ET.SubElement(feed, "link", {"rel": "alternate", "href": site.url + site.page_name(language)})
        _add(feed, "generator", f"pollwatch {__version__}")
        for each in site.entries:
            _entry(feed, site, each, language)
    whole: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return whole + b"\n"


def _entry(feed: ET.Element, site: Site, entry: Entry, language: str) -> None:
    identifier = entry.publication.id
    made = ET.SubElement(feed, "entry")
    _add(made, "id", _urn(f"{identifier} {entry.first_us}"))
    _add(made, "title", heading(entry, language))
    _add(made, "published", rfc3339(entry.first_us) or _EPOCH)
    _add(made, "updated", rfc3339(entry.changed_us) or _EPOCH)
    ET.SubElement(made, "link", {"rel": "alternate", "href": f"{site.url}{site.page_name(language)}#{identifier}"})
    ET.SubElement(made, "category", {"term": entry.publication.kind.value, "label": kind_word(entry.publication.kind)})
    _add(made, "summary", _summary(entry, language))


def _summary(entry: Entry, language: str) -> str:
    if entry.reasons is not None:
        reason = next((each for each in entry.reasons if each.language == language), next(iter(entry.reasons), None))
        return name(reason.title if reason else "", 300)
    said = entry.publication.in_language(language)
    if said is not None and said.text.strip():
        return name(" ".join(said.text.split()), 500)
    return _("See the page: what is said against it stands beside it.")


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _urn(text: str) -> str:
    return uuid.uuid5(_SPACE, text).urn
