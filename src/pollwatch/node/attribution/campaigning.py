"""The campaigns that a member can see: over its own incidents as it released them, and others' as it received them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pollwatch.attribution import campaigns
from pollwatch.attribution.campaigns import Campaign
from pollwatch.clock import Clock
from pollwatch.config.settings import Config
from pollwatch.node.attribution import lookup
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.indicators.desk import Desk
from pollwatch.sharing.collection import Collection


@dataclass(frozen=True, slots=True)
class View:
    """What one member sees.

    Attributes:
        campaigns: what began last comes first.
        words: what the key of a warning means, for people.
    """

    campaigns: tuple[Campaign, ...]
    words: Callable[[str], str]


def view(case_dir: Path, settings: Config, clock: Clock) -> View:
    """The campaigns as one member can see them.

    Args:
        case_dir: the member's case.
        settings: has the calendar of elections, and our own systems.
        clock: the time.

    Raises:
        ConfigError: no charter is in force, or the warning lists are not installed.
        FormatError: something that was kept is malformed.
    """
    membership = Membership.open(case_dir)
    innocents = Desk.open(case_dir, clock, settings.assets).innocents
    collection = Collection(membership.folder.record)
    objects = (each.source for kind in campaigns.TYPES for each in collection.of_type(kind))
    judged = lookup.all_judged(membership)
    found = campaigns.find(objects, judged, membership.roll.by_identity, settings.calendar, innocents.warnings)
    return View(found, innocents.words)
