"""What to look out for, as STIX indicators; and, where it was seen by the one who tells, as sightings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.events.observable import Observable
from pollwatch.stix import constants, ids
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker
from pollwatch.stix.pattern import write

_COUNT_LIMIT: Final = 999_999_999  # STIX: of a sighting


@dataclass(frozen=True, slots=True)
class Watched:
    """Something to look out for.

    Attributes:
        name: how its owner names it, e.g. ``IND-...``.
        observable: the thing.
        from_us: since when.
        until_us: until when; None = open.
        seen_us: when the one who tells saw it itself; None = it did not.
    """

    name: str
    observable: Observable
    from_us: int
    until_us: int | None
    seen_us: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """That something was seen.

    Attributes:
        first_us: when first.
        last_us: when last.
        count: in how many records; 0 = not said.
    """

    first_us: int
    last_us: int
    count: int = 0


def to_stix(watched: Sequence[Watched], maker: Maker, identity: StixObject) -> tuple[StixObject, ...]:
    """The objects that tell another member what to look out for.

    Args:
        watched: each once.
        maker: makes the owner's objects.
        identity: the owner's.
    """
    made: list[StixObject] = [constants.marking(maker.tlp), constants.PROJECT, constants.SIGNATURE_DEFINITION, identity]
    for each in watched:
        indicator = maker.make(
            "indicator",
            each.name,
            name=f"Look out for {each.observable.kind.value}",
            description="An analyst released it. It may be shared, rented, hijacked, or planted to mislead.",
            indicator_types=["malicious-activity"],
            pattern=write(each.observable),
            pattern_type="stix",
            pattern_version="2.1",
            valid_from=ids.timestamp(each.from_us),
            # STIX wants it later, and writes milliseconds.
            valid_until=None if each.until_us is None else ids.timestamp(max(each.until_us, each.from_us + 1_000)),
        )
        made.append(indicator)
        if each.seen_us is not None:
            made.append(sighting(indicator, Seen(each.seen_us, each.seen_us), maker))
    return tuple(made)


def sighting(of: StixObject, seen: Seen, maker: Maker) -> StixObject:
    """That the maker's member saw what an indicator, its own or another's, names."""
    return maker.make(
        "sighting",
        f"seen {of['id']}",
        sighting_of_ref=of["id"],
        first_seen=ids.timestamp(seen.first_us),
        last_seen=ids.timestamp(max(seen.first_us, seen.last_us)),
        count=min(seen.count, _COUNT_LIMIT) or None,
        where_sighted_refs=[maker.member.identity],
    )
