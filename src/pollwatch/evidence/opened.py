"""The checks of a bundle, from the lines up to the shared log's checkpoint. Each returns what it proved, or raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from pollwatch.errors import EvidenceError, ProofError, QuorumError, SignatureError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import merkle
from pollwatch.evidence.bundle import HISTORY, KEYS, Bundle, OpenedIncident
from pollwatch.evidence.checkpoint import Checkpoint, Signed, SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.manifest import IncidentEntry, PrivateEntry, parse_private
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.references import References
from pollwatch.evidence.report import ShownField
from pollwatch.evidence.salted import commitment
from pollwatch.evidence.seal import Seal

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Who cosigned, of those that count.

    Attributes:
        names: name in the policy to the earliest time that witness states, in seconds; earliest first.
        quorum_s: when the quorum was complete; None where it is not.
    """

    names: Mapping[str, int]
    quorum_s: int | None


def check_log(bundle: Bundle, policy: Policy | None) -> KeyChain:
    """Check the log's keys and its own signatures, and that the reader's policy knows the log.

    Returns:
        The log's keys.

    Raises:
        ProofError: its key history does not fit.
        SignatureError: not signed by the log, signed wrongly, or by a log that the policy does not know.
    """
    signed, log = bundle.seal.place.signed, bundle.keys.log
    if any(key.name != log[0].name for key in log):
        raise SignatureError(f"{KEYS} names keys of other logs than {log[0].name}")
    history = bundle.history
    chain = KeyChain(log[0]) if history is None else _placed(history.check)
    last = chain.links[-1] if chain.links else None
    if last is not None and log != (last.verifier,) + (() if last.cosigner is None else (last.cosigner,)):
        raise SignatureError(f"{KEYS} names other keys of {chain.name} than {HISTORY} leads to")
    if policy is not None:
        _check_known(chain, policy)
    chain.check(signed)
    link = chain.link_at(signed.checkpoint.size)
    checkpoints.verify(signed, log if link is None or link.cosigner is None else (link.cosigner,))
    if history is not None:
        _placed(partial(history.check_growth, signed.checkpoint))
    return chain


def _placed(check: Callable[[], _T]) -> _T:
    """What a check of the key history gives; its failure names the place."""
    try:
        return check()
    except EvidenceError as error:
        raise type(error)(f"{HISTORY}: {error}") from error


def _check_known(chain: KeyChain, policy: Policy) -> None:
    known = [key for key in chain.keys if key in policy.logs]
    if not known:
        shown = " / ".join(key.fingerprint for key in chain.keys)
        raise SignatureError(
            f"the log key {chain.name} ({shown}) is not in the policy: "
            "the bundle is not from whom you think, or its owner has a new key"
        )
    pinned = policy.following.get(chain.name)
    if chain.links and pinned is not None and pinned not in {x.following for x in chain.links if x.verifier in known}:
        raise SignatureError(
            f"{HISTORY}: the key {known[0].fingerprint} of {chain.name} was followed by another one than its owner "
            "gave you with it (# next in the policy): whoever changed it may have stolen it"
        )


def check_witnesses(signed: SignedCheckpoint, policy: Policy | None) -> Witnessed:
    """Count the cosignatures of the policy's witnesses.

    Raises:
        SignatureError: a cosignature by one of them is wrong.
    """
    if policy is None:
        return Witnessed({}, None)
    times: dict[str, int] = {}
    for name, key in policy.witnesses.items():
        found = checkpoints.verify(signed, (key,))
        stated = [each.time_s for each in found if each.time_s is not None]
        if stated:
            times[name] = min(stated)
    ordered = dict(sorted(times.items(), key=lambda item: item[1]))
    return Witnessed(ordered, _quorum_time(ordered, policy))


def check_claimed_witnesses(signed: SignedCheckpoint, witnesses: Iterable[Verifier]) -> tuple[Signed, ...]:
    """Cosignatures by keys that only the issuer vouches for.

    Raises:
        SignatureError: one of them is wrong.
    """
    return checkpoints.verify(signed, witnesses)


def check_seal(bundle: Bundle) -> tuple[Seal, Checkpoint]:
    """From the shared log's checkpoint down to the private log's.

    Raises:
        ProofError: the seal is not in the shared log, or the opening is not its.
        SignatureError: the opened text is no checkpoint.
    """
    bundle.seal.place.verify(bundle.seal.data)
    seal = Seal.parse(bundle.seal.data)
    seal.check(bundle.seal.opening)
    return seal, bundle.seal.opening.checkpoint


def check_entries(bundle: Bundle, private: Checkpoint) -> dict[int, PrivateEntry]:
    """The private entries at their places in the sealed tree.

    Raises:
        ProofError: one is not there, or is of no known type.
    """
    found: dict[int, PrivateEntry] = {}
    for entry in bundle.entries:
        merkle.verify_inclusion(entry.index, private.size, merkle.leaf_hash(entry.data), entry.proof, private.root)
        found[entry.index] = parse_private(entry.data)
    return found


def check_incident(opened: OpenedIncident, bundle: Bundle, entries: Mapping[int, PrivateEntry]) -> IncidentEntry:
    """The incident as it was sealed, and that all lines shown are its lines.

    Raises:
        ProofError: its content or its references are not what was sealed, or a line is not among them.
    """
    entry = entries.get(opened.entry)
    if not isinstance(entry, IncidentEntry):
        raise ProofError(f"incident: entry {opened.entry} of the private log is no incident, or is not in the bundle")
    if commitment(opened.content_salt, opened.content) != entry.content:
        raise ProofError("incident/content.json is not what was sealed")
    if commitment(opened.references_salt, opened.references) != entry.references:
        raise ProofError("incident/references.json is not what was sealed")
    references = References.parse(opened.references)
    if references.lines != entry.lines:
        raise ProofError(f"the incident has {entry.lines} lines, but its references name {references.lines}")
    for batch in bundle.batches:
        belonging = references.batch(batch.entry)
        for number in batch.numbers:
            if number not in belonging:
                raise ProofError(f"line {number} of entry {batch.entry} is not one of the incident's lines")
    return entry


def shown_fields(bundle: Bundle) -> tuple[ShownField, ...]:
    """The fields that are shown of lines that are not, in the order of the log's entries."""
    return tuple(
        ShownField(batch.source, part.number, field.name, field.value)
        for batch in bundle.batches
        for part in batch.parts
        for field in part.shown
    )


def check_nothing_idle(bundle: Bundle, entries: Mapping[int, PrivateEntry]) -> None:
    """Lines without their batch entry would be shown without proof.

    Raises:
        ProofError: there are such lines.
    """
    if not {batch.entry for batch in bundle.batches} <= entries.keys():
        raise ProofError("bundle: lines of a batch whose log entry is not in the bundle")


def parse_policy(data: bytes | None) -> Policy | None:
    """The reader's policy.

    Raises:
        QuorumError: malformed.
    """
    if data is None:
        return None
    policy = Policy.parse(data)
    if not policy.logs:
        raise QuorumError("the policy names no log; add a line 'log VKEY'")
    return policy


def _quorum_time(ordered: Mapping[str, int], policy: Policy) -> int | None:
    """When the last witness that the quorum needed had signed."""
    if policy.quorum == "none":
        return None
    seen: list[str] = []
    for name, time_s in ordered.items():
        seen.append(name)
        if policy.is_met(seen):
            return time_s
    return None
