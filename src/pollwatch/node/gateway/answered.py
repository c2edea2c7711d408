"""What our gateway answered, and what this node asked others: the record of everything that left over HTTP.

The gateway's record is fetched once an hour is over: taken over here first, and only then forgotten there.
"""

from __future__ import annotations

from contextlib import closing
from typing import Final

from pollwatch.clock import Clock
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import pushing
from pollwatch.sharing.egress import Egress, Left

_FAR_US: Final = 1 << 60


def fetch(membership: Membership, clock: Clock) -> None:
    """Take over what the gateway answered in hours that are over. If we stop in between, the next call does the rest.

    Raises:
        PeerError: the gateway cannot be reached.
        StoreError: it cannot be read or written.
    """
    before_us, skip = clock.now_us(), 0
    with closing(Egress(membership.folder.egress)) as ours, pushing.opened(membership, clock) as outpost:
        while found := outpost.left(before_us, skip):
            ours.take_over(found)
            skip += len(found)
        if skip:
            outpost.left_done(before_us)


def everything(membership: Membership, clock: Clock) -> tuple[Left, ...]:
    """All that left for other members and strangers, by the hour: what was fetched, and this hour's as it stands now.

    Raises:
        PeerError: the gateway cannot be reached.
        StoreError: it cannot be read or written.
    """
    fetch(membership, clock)
    found: list[Left] = []
    with closing(Egress(membership.folder.egress)) as ours, pushing.opened(membership, clock) as outpost:
        found += ours.all()
        skip = 0
        while present := outpost.left(_FAR_US, skip):
            found += present
            skip += len(present)
    return tuple(sorted(found, key=lambda each: (each.hour, each.first_us)))
