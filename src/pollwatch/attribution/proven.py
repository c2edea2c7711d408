"""What is proven of when papers were said: which came after which, by when others had them, and what was dated back.

Follows from an order file (:mod:`pollwatch.attribution.order`) that was checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Final

from pollwatch.attribution.subject import Named
from pollwatch.clock import US_PER_S, rfc3339
from pollwatch.i18n import _
from pollwatch.members.member import Member, Role

#: How many pairs that cannot be ordered are told one by one.
_PAIRS: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was proven.

    Attributes:
        member: whose log.
        index: of the entry.
        seen: when others than the owner had cosigned it, in seconds, by their names; earliest first.
        grade: ``asserted``, ``quorum``, or ``cross-bloc``, as :mod:`pollwatch.evidence.grades` uses the words.
    """

    member: Member
    index: int
    seen: Mapping[str, int]
    grade: str


@dataclass(frozen=True, slots=True)
class Proven:
    """One paper, and what is proven of its time.

    Attributes:
        name: the paper.
        author: who signed it.
        kind: what it is posted as.
        created: when it was said, as its author says.
        places: in its author's log first.
        after: digests of the papers that it names by hash, in one of the record's logs or not.
        followed: digests of the papers that its author's log had before it.
        contradicted: digests of the papers that its author's log had before it although they came after it, by what
            they name: it was posted later than it was sent.
    """

    name: Named
    author: Member
    kind: str
    created: str
    places: tuple[Place, ...]
    after: frozenset[str]
    followed: frozenset[str]
    contradicted: frozenset[str] = frozenset()

    @property
    def not_later_s(self) -> int | None:
        """The earliest time, in seconds, that anybody besides a log's owner states; None where nobody does."""
        return min((each for place in self.places for each in place.seen.values()), default=None)


def uncontradicted(found: Mapping[str, Proven]) -> dict[str, Proven]:
    """Papers without what logs say against hashes: somebody posted what it said later than it sent it.

    What a paper names by hash was there before it, whatever a log says; so a log's order gives way, and that is told.
    """
    left = dict(found)
    while True:
        sooner = {digest: each.after | each.followed for digest, each in left.items()}
        try:
            TopologicalSorter(sooner).prepare()
        except CycleError as error:
            cycle = frozenset(error.args[1])
            for digest in cycle:
                each = left[digest]
                wrong = (each.followed & cycle) - each.after
                followed, contradicted = each.followed - wrong, each.contradicted | wrong
                left[digest] = replace(each, followed=followed, contradicted=contradicted)
            continue
        return left


def unordered(found: Sequence[Proven]) -> tuple[tuple[Proven, Proven], ...]:
    """The pairs of papers of whose order nothing is proven, not even by way of others."""
    sooner = _sooner(found)
    return tuple(
        (one, other)
        for number, one in enumerate(found)
        for other in found[number + 1 :]
        if one.name.digest not in sooner[other.name.digest]
    )


def dated_back(found: Sequence[Proven], blocs: int) -> dict[str, str]:
    """The papers that came later than their authors say: later than when, by digest.

    A paper came after others, by hash or by its own author's log. What its author says itself of when it said one of
    them is held against it. What others say of when they said theirs is held against it where members of as many blocs
    say so as a statement needs, and of two at least: otherwise one side could make another's word late by dating its
    own ahead. How late others received or cosigned something shows nothing: it may have been on its way.

    Args:
        found: all papers of a record, in a proven order.
        blocs: how many a statement needs.
    """
    by_digest, late = {each.name.digest: each for each in found}, {}
    for digest, others in _sooner(found).items():
        each = by_digest[digest]
        said = [by_digest[other] for other in others]
        own = [other.created for other in said if other.author.identity == each.author.identity]
        since = max(
            (*own, _agreed([other for other in said if other.author != each.author], max(2, blocs))), default=""
        )
        if since > each.created:
            late[digest] = since
    return late


def _agreed(said: Sequence[Proven], blocs: int) -> str:
    """The latest time that members of so many blocs say; empty where there is none."""
    latest: dict[str, str] = {}
    for each in said:
        if each.author.role is Role.MEMBER:
            latest[each.author.bloc] = max(latest.get(each.author.bloc, ""), each.created)
    return sorted(latest.values(), reverse=True)[blocs - 1] if len(latest) >= blocs else ""


def _sooner(found: Sequence[Proven]) -> dict[str, frozenset[str]]:
    """The papers that each came after, also by way of others."""
    by_digest = {each.name.digest: each for each in found}
    sooner: dict[str, frozenset[str]] = {}
    for each in found:  # what a paper came after stands before it
        direct = (each.after | each.followed) & by_digest.keys()
        sooner[each.name.digest] = direct.union(*(sooner[other] for other in direct))
    return sooner


def told(found: Sequence[Proven], back: Mapping[str, str]) -> Iterator[str]:
    """The order in words, one line a paper and one for each thing that is known of it, and what was dated back."""
    numbers = {each.name.digest: number for number, each in enumerate(found, 1)}
    yield _("order of events, by the members' logs:")
    for number, each in enumerate(found, 1):
        yield f"  {number}. " + _("{kind} by {author} [{id}]").format(
            kind=each.kind, author=each.author.name, id=each.name.id
        )
        for place in each.places:
            yield "     " + _place_words(place)
        if not each.places:
            yield "     " + _("in no log that is shown: when it was signed is its author's word alone")
        if each.name.digest in back:
            words = _("dated back: its author says {created}, and it came after what was said on {since}")
            yield "     " + words.format(created=each.created, since=back[each.name.digest])
        named = sorted(numbers[other] for other in each.after if other in numbers)
        if named:
            yield "     " + _("after {numbers}, which it names by hash").format(numbers=", ".join(map(str, named)))
        stood = sorted(numbers[other] for other in each.followed if other in numbers and other not in each.after)
        if stood:
            words = _("after {numbers}, which {author}'s own log had before it")
            yield "     " + words.format(numbers=", ".join(map(str, stood)), author=each.author.name)
        against = sorted(numbers[other] for other in each.contradicted if other in numbers)
        if against:
            words = _(
                "{author}'s own log had {numbers} before it, which cannot be: it was posted later than it was sent"
            )
            yield "     " + words.format(numbers=", ".join(map(str, against)), author=each.author.name)
    yield from _told_unordered(found, numbers)


def _told_unordered(found: Sequence[Proven], numbers: Mapping[str, int]) -> Iterator[str]:
    pairs = [(numbers[one.name.digest], numbers[other.name.digest]) for one, other in unordered(found)]
    if not pairs:
        yield _("each came after the one before it in this list; that is proven")
        return
    told = ", ".join(f"{one}/{other}" for one, other in pairs[:_PAIRS])
    more = " " + _("and {n} more").format(n=len(pairs) - _PAIRS) if len(pairs) > _PAIRS else ""
    words = _("which of two came first cannot be determined for {pairs}; their order in this list says nothing")
    yield words.format(pairs=told + more)


def _place_words(place: Place) -> str:
    where = _("entry {index} of the log of {member}").format(index=place.index, member=place.member.name)
    if not place.seen:
        return f"{where}; " + _("nobody else has cosigned that ({grade})").format(grade=place.grade)
    # Each with its own time: the earliest may be that of a friend of the owner alone, whatever the grade of all.
    one = _("{name} not later than {time}")
    seen = (one.format(name=name, time=rfc3339(time_s * US_PER_S)) for name, time_s in place.seen.items())
    return f"{where}; " + _("cosigned by {names} ({grade})").format(names=", ".join(seen), grade=place.grade)
