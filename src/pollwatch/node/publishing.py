"""Publishing as a member does it: the shared log, the others' cosignatures, and a copy at each of their mirrors."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.clock import Clock
from pollwatch.evidence import log as logs
from pollwatch.node import joint, sealer
from pollwatch.node.joint import Cosigning, Published
from pollwatch.node.jointfolder import Membership


@dataclass(frozen=True, slots=True)
class Spread:
    """What became of one publishing.

    Attributes:
        published: the checkpoint, and who cosigned it.
        mirrors: by member, whether its mirror now holds all of the log. A refusal is no veto.
    """

    published: Published
    mirrors: tuple[Cosigning, ...]


def publish(membership: Membership, clock: Clock) -> Spread:
    """Publish, ask for cosignatures, then bring every other member's mirror up to date.

    Raises:
        StoreError: the log cannot be written.
    """
    published = joint.publish(membership, clock)
    return Spread(published, mirror(membership, clock))


def mirror(membership: Membership, clock: Clock) -> tuple[Cosigning, ...]:
    """Give every other member's mirror what it lacks of our shared log, and keep their cosignatures.

    Raises:
        StoreError: the log cannot be read, or a cosignature not be kept.
    """
    signed, tiles = logs.open_reader(membership.folder.public, membership.me.log)
    lines, found = joint.ask_all(membership, lambda peer: peer.mirror(signed, tiles))
    if lines:
        with sealer.shared_only(membership.folder.case, clock) as shared:
            shared.add_cosignatures(lines, signed)
    return found
