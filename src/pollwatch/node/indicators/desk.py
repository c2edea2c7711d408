"""The desk at which a member works with indicators: its store, whom to spare, and its private log for every step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pollwatch import cache, canonical, durable
from pollwatch.clock import Clock
from pollwatch.election.assets import Assets
from pollwatch.evidence import salted
from pollwatch.evidence.manifest import Indicator as IndicatorEntry
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence import rail
from pollwatch.sharing.indicators import standing
from pollwatch.sharing.indicators.indicator import Origin, Source
from pollwatch.sharing.indicators.innocents import Innocents
from pollwatch.sharing.indicators.store import IndicatorStore
from pollwatch.sharing.indicators.warninglists import WarningLists
from pollwatch.store.folder import CaseFolder

#: How our own observations are named where no charter names us.
OWN = "own"


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to work with the indicators of a case.

    Attributes:
        case_dir: the case folder.
        clock: for when things came and were decided.
        store: the indicators.
        innocents: whom to spare.
        membership: who we are in the joint watch; None where no charter is in force.
    """

    case_dir: Path
    clock: Clock
    store: IndicatorStore
    innocents: Innocents
    membership: Membership | None

    @classmethod
    def open(cls, case_dir: Path, clock: Clock, assets: Assets, env: Mapping[str, str] = os.environ) -> Desk:
        """The desk of a case; the folder becomes a case where it is empty or new.

        Args:
            case_dir: the case folder.
            clock: the time.
            assets: our own systems, as the configuration names them.
            env: says where the user's cache is.

        Raises:
            StoreError: the folder holds other things.
            ConfigError: the warning lists are not installed, or the charter does not name this node.
        """
        folder = JointFolder(case_dir)
        CaseFolder(case_dir).prepare(create=True)
        durable.make_folder(folder.root, mode=0o700)
        membership = Membership.open(case_dir) if folder.charter.exists() else None
        members = membership.peers if membership else ()
        innocents = Innocents(WarningLists.load(cache.folder_of(env)), assets, members)
        return cls(case_dir, clock, IndicatorStore(folder.indicators), innocents, membership)

    @property
    def own(self) -> Source:
        """We ourselves, as a source."""
        me = self.membership.me if self.membership else None
        return Source(me.name if me else OWN, Origin.OWN, me.bloc if me else OWN)

    def standings(self) -> standing.Records:
        """Everybody's record."""
        return standing.records(self.store.all())


def source_of(member: Member, me: Member | None) -> Source:
    """A member as a source."""
    own = me is not None and member.name == me.name
    return Source(member.name, Origin.OWN if own else Origin.MEMBER, member.bloc)


def seal(desk: Desk, record: Mapping[str, Any]) -> int:
    """Seal a step about indicators in the private log; what it commits to is kept with the case.

    Raises:
        StoreError: the log cannot be written.
    """
    salt = salted.new_salt()
    content = canonical.dumps(dict(record))
    opening = canonical.dumps({**record, "salt": salt.hex()})
    with rail.opened(desk.case_dir, desk.clock) as evidence:
        return evidence.record(IndicatorEntry(salted.commitment(salt, content), desk.clock.now_us()), opening)
