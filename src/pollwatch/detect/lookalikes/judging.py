"""Whether one name copies an owner's, by which trick, and how surely. Each trick is one function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pollwatch.detect.lookalikes.folding import look, plain
from pollwatch.detect.lookalikes.owned import Name, Owned, shortened
from pollwatch.detect.lookalikes.words import FILLERS, LURES, only_lures
from pollwatch.i18n import _

#: Below this nothing is reported.
LEAST_SCORE: Final = 0.5
_ROWS: Final = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop", "qsdfghjklm", "qwertzuiop", "yxcvbnm")
_LONG, _LONGER, _LONGEST = 6, 8, 11


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A name that copies an owner's.

    Attributes:
        domain: as it stood in the list.
        target: the owner's domain.
        reason: the trick, in plain words.
        score: 0.5 (worth a look) to 1.0 (nothing else it could be).
    """

    domain: str
    target: str
    reason: str
    score: float


def judged(name: Name, own: Owned) -> Lookalike | None:
    """The surest of what can be said of a name; None where it copies nobody."""
    if name.domain in own.domains or name.restricted:
        return None
    tricks = (_same_look, _other_ending, _spelled_apart, _typing_error, _with_words, _filled_in, _tail, _above)
    found = [each for trick in tricks for each in trick(name, own)]
    best = max(found, key=lambda each: each[2], default=None)
    if best is None or best[2] < LEAST_SCORE:
        return None
    target, reason, score = best
    return Lookalike(name.host, target, reason, round(score, 2))


_Said = tuple[str, str, float]


def _weight(label: str) -> float:
    """How much a label says by itself: words that anybody uses, and short ones, say little."""
    if only_lures(label):
        return 0.6
    return 0.75 if len(label) < _SHORT else 1.0


_SHORT: Final = 4


def _same_look(name: Name, own: Owned) -> Iterator[_Said]:
    target = own.looks.get(look(name.label))
    written = name.domain.partition(".")[0]
    if target is not None and (name.label not in own.labels or written != name.label):
        foreign = written.startswith("xn--") or not written.isascii()
        yield (
            target,
            _("looks the same, with letters of another alphabet")
            if foreign
            else _("looks the same, with letters that the eye mistakes for others"),
            0.99 if foreign else 0.95 * _weight(name.label),
        )


def _other_ending(name: Name, own: Owned) -> Iterator[_Said]:
    target = own.labels.get(name.label)
    if target is not None:
        yield target, _("the same name under another ending"), 0.9 * _weight(name.label)


def _spelled_apart(name: Name, own: Owned) -> Iterator[_Said]:
    bare = name.label.replace("-", "")
    target = own.bare.get(bare)
    if target is not None and name.label not in own.labels:
        if bare == target.partition(".")[0].replace("-", ""):
            yield target, _("the same name with a hyphen put in or left out"), 0.9 * _weight(bare)
        else:
            yield target, _("the same words the other way round"), 0.7
    target = own.joined.get(bare.removeprefix("www"))
    if target is not None:
        yield target, _("the name and its ending written as one"), 0.95


def _typing_error(name: Name, own: Owned) -> Iterator[_Said]:
    for label in near(name.label, own):
        kind, score = _error(name.label, label)
        if score and not (name.label in LURES or only_lures(label)):
            yield own.labels[label], kind, score


def near(text: str, own: Owned) -> set[str]:
    """Own labels that are one letter away."""
    if len(text) < 4:
        return set()
    bare = text.replace("-", "")
    tried = {text, *shortened(text), *(shortened(bare) if bare != text else ())}
    return {label for each in tried for label in own.neighbours.get(each, ()) if label != text}


def _error(written: str, meant: str) -> tuple[str, float]:
    """Which slip makes the one of the other, and how surely; no score where it takes more than one."""
    long = len(meant) >= _LONG
    if len(written) == len(meant) - 1 and written in shortened(meant):
        return _("a letter left out"), 0.8 if long else 0.55
    if len(written) == len(meant) + 1 and meant in shortened(written):
        twice = any(one == other for one, other in pairwise(written)) and meant in _singled(written)
        return (_("a letter doubled"), 0.85) if twice else (_("a letter too many"), 0.75 if long else 0)
    wrong = [at for at in range(len(meant)) if written[at] != meant[at]] if len(written) == len(meant) else []
    if len(wrong) == 1:
        return _replaced(written[wrong[0]], meant[wrong[0]], long=long)
    if len(wrong) == 2 and _turned(written, wrong[0]) == meant:
        return _("two letters changed places"), 0.85
    return "", 0


def _singled(text: str) -> set[str]:
    """A text with each of its doubled letters made one."""
    return {text[:at] + text[at + 1 :] for at in range(len(text) - 1) if text[at] == text[at + 1]}


def _replaced(one: str, other: str, *, long: bool) -> tuple[str, float]:
    if any(abs(row.find(one) - row.find(other)) == 1 for row in _ROWS if one in row and other in row):
        return _("a neighbouring key"), 0.8 if long else 0.6
    if (ord(one) ^ ord(other)).bit_count() == 1:
        return _("one bit of a letter flipped"), 0.75 if long else 0.55
    return _("one letter replaced"), 0.75 if long else 0


def _turned(text: str, at: int) -> str:
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _with_words(name: Name, own: Owned) -> Iterator[_Said]:
    """An owner's name among words that make it look official."""
    for target, score in _combined(name.label, own):
        yield target, _("the name with words added to it"), score


def _combined(label: str, own: Owned) -> Iterator[tuple[str, float]]:
    for before, brand, after, target in _brands_in(label, own):
        if before or after:
            yield target, _added(before, brand, after, target)
    parts = label.split("-")
    for at, part in enumerate(parts if len(parts) > 1 else ()):
        for meant in near(part, own):
            rest = parts[:at] + parts[at + 1 :]
            if meant in own.brands and _error(part, meant)[1] >= 0.7 and all(map(_nearly_lure, rest)):
                yield own.brands[meant], 0.7


def _added(before: str, brand: str, after: str, target: str) -> float:
    """How surely what stands around a name was added to deceive."""
    apart = (not before or before.endswith("-")) and (not after or after.startswith("-"))
    before, after = before.strip("-"), after.strip("-")
    ending = target.partition(".")[2].replace(".", "")
    if only_lures(before) and (only_lures(after) or only_lures(after.removeprefix(ending))):
        return 0.8 if len(brand) >= _LONG else 0.65 if apart else 0.55 if len(brand) > _SHORT else 0
    if apart and len(brand) > _SHORT and _nearly_lure(before) and _nearly_lure(after):
        return 0.65
    if apart and len(brand) >= _LONGER:
        return 0.55
    return 0.5 if len(brand) >= _LONGEST else 0


def _nearly_lure(text: str) -> bool:
    """Whether it is made of such words, or is one with a letter too many."""
    return only_lures(text) or (len(text) >= _LONG and not LURES.isdisjoint(shortened(text)))


def _brands_in(label: str, own: Owned) -> Iterator[tuple[str, str, str, str]]:
    """Where owners' names stand in a label, as they are or looking alike: before, the name, after, whose it is."""
    texts = {label: own.brands, label.replace("-", ""): own.brands}
    texts.setdefault(look(label), own.brand_looks)
    for text, table in texts.items():
        for start in range(len(text)):
            for length in own.lengths:
                target = table.get(text[start : start + length]) if start + length <= len(text) else None
                if target is not None:
                    yield text[:start], text[start : start + length], text[start + length :], target


def _filled_in(name: Name, own: Owned) -> Iterator[_Said]:
    bare = name.label.replace("-", "")
    for word in FILLERS:
        target = own.bare.get(bare.replace(word, "", 1)) if word in bare else None
        if target is not None and len(bare) - len(word) >= _LONGER and bare not in own.bare:
            yield target, _("a little word put into the name"), 0.7


def _tail(name: Name, own: Owned) -> Iterator[_Said]:
    """The whole of somebody's domain, written with other letters: ``mon.g0v.example``."""
    labels = [*name.above, *map(plain, name.domain.split("."))]
    for at in range(len(labels) - 1):
        target = own.domain_looks.get(".".join(map(look, labels[at:])))
        if target is not None and target != name.domain:
            yield target, _("the whole domain with letters that the eye mistakes for others"), 0.95


def _above(name: Name, own: Owned) -> Iterator[_Said]:
    """An owner's name before the domain of somebody else: ``own.gov.example.com``."""
    labels = name.host.split(".")
    for start in range(len(name.above)):
        for end in range(start + 2, len(labels)):
            if ".".join(labels[start:end]) in own.domains:
                yield ".".join(labels[start:end]), _("your domain as the beginning of somebody else's"), 0.97
    for at, label in enumerate(name.above):
        target = own.joined.get(label.replace("-", ""))
        if target is not None:
            yield target, _("the name and its ending before somebody else's domain"), 0.9
        elif label in own.brands and len(label) >= _LONG:
            rest = (*name.above[:at], *name.above[at + 1 :], name.label)
            sure = 0.75 if all(map(only_lures, rest)) else 0.5
            yield own.brands[label], _("the name before somebody else's domain"), sure
        else:
            for target, score in _combined(label, own):
                yield target, _("the name with words added to it, before somebody else's domain"), score - 0.1
