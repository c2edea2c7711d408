"""What of a page has changed since it was recorded, or is not as the official feed says; told in plain words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec

from pollwatch.detect.pages.meaning import Line, Meaning
from pollwatch.i18n import _, ngettext

_LONGEST: Final = 160
#: A page of which so much is gone shows something else altogether.
_ALTERED: Final = 0.5


class Change(Enum):
    """What kind of thing changed; rules ask for these words."""

    FIGURES = "figures"
    FEED = "feed"
    REPLACED = "replaced"
    TEXT = "text"
    IMAGES = "images"
    SCRIPTS = "scripts"
    LINKS = "links"
    FORMS = "forms"
    CONTENT = "content"
    UNREACHABLE = "unreachable"
    SAME = "same"


class Recorded(msgspec.Struct, frozen=True):
    """A page as it was recorded.

    Attributes:
        url: its address.
        meaning: what it said.
        images: digest of each picture's content by its address.
        recorded: when, RFC 3339.
    """

    url: str
    meaning: Meaning
    images: dict[str, str]
    recorded: str


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it was."""

    change: Change
    said: str


class Official(msgspec.Struct, frozen=True):
    """One figure of the official feed."""

    label: str
    number: str


def compared(then: Recorded, meaning: Meaning, images: Mapping[str, str]) -> list[Finding]:
    """What has changed on a page."""
    before = then.meaning
    found = [*_figures(before.lines, meaning.lines), *_texts(before, meaning), *_pictures(then.images, images)]
    for change, old, new, words in (
        (Change.SCRIPTS, before.scripts, meaning.scripts, _("a script or embedded page that was not there: {what}")),
        (Change.FORMS, before.forms, meaning.forms, _("what visitors type in is now sent to {what}")),
        (Change.LINKS, before.links, meaning.links, _("a link to a site that it did not lead to: {what}")),
    ):
        found += [Finding(change, words.format(what=each[:_LONGEST])) for each in new if each not in old]
    if before.whole != meaning.whole:
        found.append(Finding(Change.CONTENT, _("the file is not the one that was recorded")))
    return found


def against_feed(official: Sequence[Official], meaning: Meaning) -> list[Finding]:
    """What a page shows otherwise than the official feed says, and what of the feed it does not show."""
    found = []
    for each in official:
        named = [line for line in meaning.lines if each.label.casefold() in line.words.casefold() and line.numbers]
        if not named:
            found.append(Finding(Change.FEED, _("{label} is not on the page").format(label=each.label[:_LONGEST])))
        elif not any(each.number in line.numbers for line in named):
            said = _("{label}: the page says {page}, the official feed says {feed}")
            shown = ", ".join(named[0].numbers)[:_LONGEST]
            found.append(Finding(Change.FEED, said.format(label=each.label[:_LONGEST], page=shown, feed=each.number)))
    return found


def _figures(before: Iterable[Line], now: Iterable[Line]) -> list[Finding]:
    """Lines that say the same words with other numbers."""
    old, new = _by_words(before), _by_words(now)
    found = []
    for words, numbers in old.items():
        left = Counter(numbers) - Counter(new.get(words, []))
        came = Counter(new.get(words, [])) - Counter(numbers)
        for was, is_now in zip(left.elements(), came.elements(), strict=False):
            said = _("{line}: was {was}, is now {now}").format(
                line=words.replace("#", "…")[:_LONGEST], was=", ".join(was)[:_LONGEST], now=", ".join(is_now)[:_LONGEST]
            )
            found.append(Finding(Change.FIGURES, said))
    return found


def _by_words(lines: Iterable[Line]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for line in lines:
        if line.numbers:
            found[line.words].append(line.numbers)
    return found


def _texts(before: Meaning, now: Meaning) -> list[Finding]:
    old, new = Counter(line.words for line in before.lines), Counter(line.words for line in now.lines)
    gone, came = old - new, new - old
    if old and gone.total() >= _ALTERED * old.total() and now.whole == before.whole:
        first = next(iter(came), "")[:_LONGEST]
        return [Finding(Change.REPLACED, _("most of the page is gone; it now begins: {first}").format(first=first))]
    found = []
    if before.title != now.title:
        said = _("the title was “{was}”, is now “{now}”").format(was=before.title[:_LONGEST], now=now.title[:_LONGEST])
        found.append(Finding(Change.TEXT, said))
    if gone or came:
        said = ngettext("{n} line of text changed; it now says: {first}", "{n} lines of text changed; now: {first}",
                        max(gone.total(), came.total()))  # fmt: skip
        first = next(iter(came), "-")[:_LONGEST]
        found.append(Finding(Change.TEXT, said.format(n=max(gone.total(), came.total()), first=first)))
    return found


def _pictures(before: Mapping[str, str], now: Mapping[str, str]) -> list[Finding]:
    by_content = {content: address for address, content in before.items()}
    found = []
    for address, content in now.items():
        if before.get(address) == content:
            continue
        other = by_content.get(content)
        if address in before and other is not None:
            said = _("{image} now shows what {other} showed").format(image=_file(address), other=_file(other))
        elif address in before:
            said = _("{image} shows another picture").format(image=_file(address))
        elif other is not None:
            continue  # the same picture from another address
        else:
            said = _("a picture that was not there: {image}").format(image=_file(address))
        found.append(Finding(Change.IMAGES, said))
    missing = [each for each in before if each not in now and before[each] not in now.values()]
    return [*found, *(Finding(Change.IMAGES, _("{image} is gone").format(image=_file(each))) for each in missing)]


def _file(address: str) -> str:
    return address.rpartition("/")[2][:_LONGEST] or address[:_LONGEST]
