"""What to look out for, as STIX indicators; and, where it was seen by the one who tells, as sightings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.events.observable import HASHES, Kind, Observable
from pollwatch.stix import constants, ids
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker

_PATHS: Final = {
    Kind.IPV4: "ipv4-addr:value",
    Kind.IPV6: "ipv6-addr:value",
    Kind.DOMAIN: "domain-name:value",
    Kind.URL: "url:value",
    Kind.EMAIL: "email-addr:value",
    Kind.USER_AGENT: "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
}


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


def pattern(observable: Observable) -> str:
    """The STIX pattern that matches an observable; a network matches every address in it."""
    value = observable.value.replace("\\", "\\\\").replace("'", "\\'")
    if observable.kind is Kind.HASH:
        return f"[file:hashes.'{HASHES[len(observable.value)]}' = '{value}']"
    network = observable.kind in {Kind.IPV4, Kind.IPV6} and "/" in value
    return f"[{_PATHS[observable.kind]} {'ISSUBSET' if network else '='} '{value}']"


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
            pattern=pattern(each.observable),
            pattern_type="stix",
            pattern_version="2.1",
            valid_from=ids.timestamp(each.from_us),
            # STIX wants it later, and writes milliseconds.
            valid_until=None if each.until_us is None else ids.timestamp(max(each.until_us, each.from_us + 1_000)),
        )
        made.append(indicator)
        if each.seen_us is not None:
            seen = ids.timestamp(each.seen_us)
            made.append(
                maker.make(
                    "sighting",
                    each.name,
                    sighting_of_ref=indicator["id"],
                    first_seen=seen,
                    last_seen=seen,
                    where_sighted_refs=[maker.member.identity],
                )
            )
    return tuple(made)
