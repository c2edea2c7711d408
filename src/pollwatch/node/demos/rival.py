"""What a dishonest member can do, for the demo and for the tests: it really does it.

It has its own keys, so nothing can stop it. What it cannot do is to take back what it has signed before.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from pollwatch.clock import Clock
from pollwatch.evidence.log import Log
from pollwatch.evidence.manifest import SharedEntry, parse_shared
from pollwatch.evidence.published import Published
from pollwatch.members.delivery import Delivery
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.gateway import pushing
from pollwatch.node.gateway.outpost import FolderOutpost
from pollwatch.sharing.peer import Peer
from pollwatch.stix import bundle
from pollwatch.stix.constants import StixObject

#: The log that was signed first, among its evidence, and the other one while it is made.
_BEFORE: Final = "shared-before"
_OTHER: Final = "shared-other"


def rewrite(case_dir: Path, change: Callable[[SharedEntry], bytes | None], clock: Clock) -> int:
    """Replace a case's shared log by another history under the same key; stopped in between, go on.

    The other history takes the log's place once, whole: what was sealed into it since is not taken back.

    Args:
        case_dir: the member's folder; its gateway goes on with the other history.
        change: for each entry, what stands there instead; None = the entry as it was.
        clock: for the new log's cosignature times.

    Returns:
        How many entries were changed.
    """
    evidence = case_dir / "evidence"
    shared, other = evidence / "shared", evidence / _OTHER
    if not rewritten(case_dir):
        shutil.rmtree(other, ignore_errors=True)
        with _log(shared, clock) as log, _log(other, clock) as made:
            made.append([change(parse_shared(each)) or each for each in _entries(log)])
        # The signed state would refuse; so it is put away with the rest.
        shared.rename(evidence / _BEFORE)
    if other.exists():
        other.rename(shared)
    show(case_dir, clock)
    with _log(evidence / _BEFORE, clock) as log, _log(shared, clock) as made:  # which may have grown since
        return sum(old != new for old, new in zip(_entries(log), _entries(made), strict=False))


def rewritten(case_dir: Path) -> bool:
    """Whether a rewriting has begun that the next one only goes on with."""
    return (case_dir / "evidence" / _BEFORE).exists()


def _log(folder: Path, clock: Clock) -> Log:
    return Log.open(folder, CaseKeys.load(folder.parent).of("shared"), clock)


def _entries(log: Log) -> list[bytes]:
    return list(log.reader().entries(0, log.size))


def deliver(sender: Membership, receiver: Member, made: Iterable[StixObject], tlp: Tlp, clock: Clock) -> bytes:
    """Deliver objects past every check of one's own, and without one's ledger.

    Returns:
        The receipt.

    Raises:
        PeerError: the receiver refuses them, or cannot be reached.
    """
    body = bundle.write(made)
    digest = sha256(body).hexdigest()
    delivery = Delivery(sender.charter.digest, sender.me.name, receiver.name, digest, tlp, clock.now_us())
    with Peer(sender.way_to(receiver, clock)) as peer:
        return peer.deliver(delivery.to_header(sender.keys.statement), body)


def show(case_dir: Path, clock: Clock) -> None:
    """Let the gateway show what lies in the case now, whatever it showed before. An honest node refuses to."""
    folder = JointFolder(case_dir)
    outpost = FolderOutpost(folder.gateway, clock)
    outpost.restart_log()
    pushing.push_log(outpost, Published(folder.public))
