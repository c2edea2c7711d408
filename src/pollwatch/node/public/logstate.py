"""The state of the shared log as everybody may see it: the latest checkpoint, who signed for it too, and who did not.

Read beside whoever writes the log: a page can be built while the watch goes on. A witness that stays away is shown with
the last state that it did sign for and when, which is since when it has not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pollwatch.clock import US_PER_S
from pollwatch.errors import EvidenceError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import log as logs
from pollwatch.evidence import signedstate
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.policy import NONE, Policy
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.report.public.material import Cosigner, LogState


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who could sign for the log: what it is called, its bloc, its key."""

    name: str
    bloc: str
    key: Verifier


def witnesses(membership: Membership | None, policy: Policy | None) -> tuple[Witness, ...]:
    """The other members, and whoever else the policy names."""
    found = [] if membership is None else [Witness(each.name, each.bloc, each.witness) for each in membership.peers]
    known = {each.key for each in found}
    if policy is not None:
        named = policy.witnesses.items()
        found += [Witness(name, policy.blocs.get(name, ""), key) for name, key in named if key not in known]
    return tuple(found)


def read(case_dir: Path, membership: Membership | None, policy: Policy | None) -> LogState | None:
    """The log's latest state; None before anything was sealed.

    Raises:
        StoreError: it cannot be read.
        EvidenceError: what lies there is not what the log signed.
    """
    folder = case_dir / "evidence"
    public = folder / "shared" / "public"
    if not (public / "checkpoint").exists():
        return None
    keys = CaseKeys.load(folder)
    signed, tiles = logs.open_reader(public, keys.shared.verifier)
    state = signed.checkpoint
    if tiles.root() != state.root:
        raise EvidenceError(f"{public}: the entries do not lead to the checkpoint; see: pollwatch evidence fsck")
    kept = signedstate.read_cosigned(folder / "shared" / "state.sqlite")
    named = witnesses(membership, policy)
    cosigners = tuple(_cosigner(each, (signed, *kept), state.size) for each in named)
    own = [each.time_s for each in checkpoints.verify(signed, (keys.shared_quantum.verifier,)) if each.time_s]
    needed, met = _quorum(membership, policy, named, cosigners)
    return LogState(
        origin=state.origin,
        fingerprint=keys.shared.verifier.fingerprint,
        size=state.size,
        root=state.root.hex(),
        note=signed.to_bytes(),
        signed_us=min(own) * US_PER_S if own else None,
        cosigners=cosigners,
        needed=needed,
        met=met,
    )


def _cosigner(witness: Witness, states: Sequence[SignedCheckpoint], size: int) -> Cosigner:
    """The largest state that a witness signed for (states are given so), with the earliest time that it states."""
    found: tuple[int, int] | None = None
    for state in states:
        at = state.checkpoint.size
        if found is not None and at < found[0]:
            break
        for each in checkpoints.verify(state, (witness.key,)):
            if each.time_s is not None and (found is None or each.time_s < found[1]):
                found = (at, each.time_s)
    if found is None:
        return Cosigner(witness.name, witness.bloc)
    return Cosigner(witness.name, witness.bloc, found[0], found[1] * US_PER_S, found[0] == size)


def _quorum(
    membership: Membership | None, policy: Policy | None, named: Sequence[Witness], cosigners: Sequence[Cosigner]
) -> tuple[int, bool]:
    """How many have to sign by the charter, or by the policy where there is none, and whether they have."""
    present: Mapping[str, Verifier] = {
        witness.name: witness.key for witness, each in zip(named, cosigners, strict=True) if each.present
    }
    if membership is not None:
        peers = {each.name for each in membership.peers}
        needed = membership.charter.quorum.cosigners
        return needed, len(peers.intersection(present)) >= needed
    if policy is None or policy.quorum == NONE:
        return 0, True
    group = policy.groups.get(policy.quorum)
    keys = set(present.values())
    met = policy.is_met([name for name, key in policy.witnesses.items() if key in keys])
    return (1 if group is None else group.k), met
