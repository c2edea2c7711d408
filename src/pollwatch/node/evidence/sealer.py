"""Seals at a fixed interval, so that nobody learns from the shared log when something happened or was looked at.

In every interval exactly one seal is appended, also when nothing happened. The sealer never waits for the private log:
a scan may hold that for hours, and its published checkpoint can be read all the same. A seal that is late or missing
shows that the sealer stood still, and nothing else; missed intervals are not made up for, since that would be a lie.

Entries that only keep the private log in order (:mod:`pollwatch.node.evidence.rhythm`) are left to when nobody holds
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.errors import StoreError
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.log import Log, open_reader
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence import rhythm
from pollwatch.node.evidence.casekeys import CaseKeys, open_log
from pollwatch.node.evidence.interval import Interval
from pollwatch.node.evidence.openings import Openings
from pollwatch.node.evidence.sealing import CaseEvidence, last_index, seal_state
from pollwatch.node.gateway import pushing
from pollwatch.node.logs import knowing


def configure(case_dir: Path, interval: Interval, clock: Clock) -> None:
    """Let seals of a case come at an interval from now on; makes the case's logs where it has none.

    Raises:
        StoreError: a scan holds the case, or the disk says no.
        EvidenceError: the case's evidence does not check out.
    """
    folder = case_dir / "evidence"
    if Interval.load(folder) == interval:
        return
    if not (folder / "shared" / "public" / "checkpoint").exists():
        CaseEvidence.open(case_dir, clock).close()
    interval.save(folder)


def seal_if_due(case_dir: Path, clock: Clock, rivals: Sequence[SignedCheckpoint] | None = None) -> int | None:
    """Append the present interval's seal, unless it has one.

    Args:
        case_dir: the case folder.
        clock: the time.
        rivals: the latest checkpoint seen of each other member's log; None: those that the joint watch noted.

    Returns:
        The seal's index in the shared log; None where this interval has its seal already.

    Raises:
        StoreError: no interval is configured, or the disk says no.
        EvidenceError: the case's evidence does not check out.
    """
    folder = case_dir / "evidence"
    interval = Interval.load(folder)
    if interval is None:
        raise StoreError(f"{case_dir} has no sealer; set its interval: pollwatch evidence sealer --every 5m")
    seen = latest_rivals(case_dir) if rivals is None else rivals
    keys = CaseKeys.load(folder)
    with shared_only(case_dir, clock) as shared, closing(Openings(folder / "openings.sqlite")) as openings:
        openings.settle_rest("seals", partial(last_index, shared))
        now_us = interval.stated_us(clock.now_us())
        last = openings.latest_seal()
        if last is not None and interval.slot(last.at_us) >= interval.slot(now_us):
            return None
        private, _reader = open_reader(folder / "private" / "public", keys.private.verifier)
        return seal_state(private.checkpoint, shared, openings, seen, now_us)


def keep_rhythm(case_dir: Path, clock: Clock) -> bool:
    """Append what is due in the private log itself, unless a scan holds it; gives whether it could."""
    try:
        with CaseEvidence.open(case_dir, clock) as evidence:
            rhythm.append_due(evidence, clock)
    except StoreError:
        return False  # a scan has the log; it appends its own sequence entry, and the canary can wait for its end
    return True


@contextmanager
def shared_only(case_dir: Path, clock: Clock) -> Iterator[Log]:
    """The shared log alone, for a moment; waits for others that have it open, but for no scan.

    Raises:
        StoreError: somebody keeps it open, or the disk says no.
        EvidenceError: it does not check out.
    """
    folder = case_dir / "evidence"
    try:
        with open_log(folder, "shared", clock, wait=True) as log:
            yield log
    finally:
        pushing.after_change(case_dir, clock)


def latest_rivals(case_dir: Path) -> tuple[SignedCheckpoint, ...]:
    """The latest checkpoint that was seen of each other member's log; none where no charter is in force.

    Raises:
        EvidenceError: keys are missing, or the charter was changed.
    """
    if not JointFolder(case_dir).charter.exists():
        return ()
    membership = Membership.open(case_dir)
    seen = (knowing.latest(membership, each) for each in membership.peers)
    return tuple(each for each in seen if each is not None)
