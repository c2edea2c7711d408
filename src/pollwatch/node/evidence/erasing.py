"""Erasure and legal holds: what a person or a law asks to be forgotten, and what a court asks to be kept.

What opens a batch is its seed. Without it, its leaf hashes tell nothing, and no line of it can be proven any more; the
log and every other proof stay as they are. A tombstone says that this was done, when, and (under a salt) why; it is
appended before anything is erased, so that nothing is ever erased without a record.

A hold outranks erasure. It names an input or the whole case, and its reason; both are sealed.
Batches are erased whole: a seed opens all lines of its batch, or none.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError, ProofError
from pollwatch.evidence import salted
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.manifest import Batch, Hold, Tombstone
from pollwatch.evidence.references import References
from pollwatch.incidents.erasing import ErasedLines
from pollwatch.incidents.export import encodable
from pollwatch.incidents.records import Case
from pollwatch.node.evidence.openings import KeptBatch
from pollwatch.node.evidence.sealing import CaseEvidence

_ALL = ""
"""How a hold names the whole case; no input is called so."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be erased: exactly one of these is given.

    Attributes:
        path: all of this input, or of it only ``lines``.
        lines: ``(first, last)`` record numbers; the batches that hold any of them.
        before_us: all batches whose last time is earlier than this.
    """

    path: str | None = None
    lines: tuple[int, int] | None = None
    before_us: int | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased.

    Attributes:
        tombstone: its index in the private log.
        lines: ``(first, last)`` record numbers by input; whole batches.
        batches: how many.
        incidents: sealed forms of incidents that showed such lines and cannot be opened any more.
        case: what was erased from the case's own record.
    """

    tombstone: int
    lines: Mapping[str, Sequence[tuple[int, int]]]
    batches: int
    incidents: int
    case: ErasedLines


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold that is in force.

    Attributes:
        id: its name.
        path: the input; empty for the whole case.
        reason: why.
        at_us: since when.
    """

    id: str
    path: str
    reason: str
    at_us: int

    def covers(self, path: str) -> bool:
        """Whether this input must be kept."""
        return self.path in (_ALL, path)


def erase(case: Case, evidence: CaseEvidence, asked: Asked, reason: str, clock: Clock) -> Erased:
    """Erase what opens some lines, and what the case kept of them.

    Raises:
        PolicyError: a hold covers some of them, or no reason is given; nothing was erased.
        ProofError: there are no such lines, or they were erased before.
        StoreError: the disk says no; asking again goes on where this stopped.
    """
    if not reason.strip():
        raise PolicyError("an erasure needs a reason: who asked for it, or which rule")
    chosen = _chosen(evidence, asked)
    if not chosen:
        raise ProofError("no sealed lines fit, or they were erased before; nothing was erased")
    for hold in holds(evidence):
        for path in sorted({each.path for each in chosen}):
            if hold.covers(path):
                raise PolicyError(f"{path} must be kept: hold {hold.id} ({hold.reason}); nothing was erased")
    lines: dict[str, list[tuple[int, int]]] = {}
    for each in chosen:
        lines.setdefault(each.path, []).append((each.first_number, each.first_number + each.lines - 1))
    entries = [each.entry for each in chosen]
    shown = evidence.openings.incidents_where(lambda refs: _touches(refs, set(entries)))
    content = canonical.dumps({"batches": entries, "incidents": list(shown), "reason": encodable(reason)})
    salt, now_us = salted.new_salt(), clock.now_us()
    opening = document("tombstone-opening", 1, {"content": content.decode("utf-8"), "salt": salt.hex()})
    entry = Tombstone(len(entries) + len(shown), salted.commitment(salt, content), now_us)
    tombstone = evidence.record(entry, opening)
    gone = case.erase(lines)
    evidence.openings.erase(entries, shown)
    return Erased(tombstone, lines, len(chosen), len(shown), gone)


def place_hold(evidence: CaseEvidence, path: str | None, reason: str, clock: Clock) -> LegalHold:
    """Put an input, or the whole case, under a hold.

    Raises:
        PolicyError: no reason is given.
        ProofError: there is no such input.
    """
    if path is not None and not evidence.openings.batches_of(path):
        raise ProofError(f"{path} is no sealed input of this case; `pollwatch incidents` shows how it calls them")
    hold = LegalHold(secrets.token_hex(4), path or _ALL, encodable(reason), clock.now_us())
    _record(evidence, hold, "placed")
    return hold


def release_hold(evidence: CaseEvidence, hold_id: str, reason: str, clock: Clock) -> LegalHold:
    """End a hold.

    Raises:
        PolicyError: there is no such hold in force, or no reason is given.
    """
    for hold in holds(evidence):
        if hold.id == hold_id:
            released = LegalHold(hold.id, hold.path, encodable(reason), clock.now_us())
            _record(evidence, released, "released")
            return released
    raise PolicyError(f"no hold {hold_id!r} is in force; `pollwatch evidence hold list` shows them")


def holds(evidence: CaseEvidence) -> tuple[LegalHold, ...]:
    """The holds in force, oldest first.

    Raises:
        ProofError: what opens one is damaged, or is not what was sealed.
    """
    found: dict[str, LegalHold] = {}
    for kept in evidence.openings.kept_entries(Hold.KIND):
        fields = Fields.load(kept.opening, "hold opening")
        fields.kind("hold-opening")
        path, reason = fields.text("path"), fields.text("reason")
        salt = fields.hex("salt", salted.SALT_BYTES)
        fields.done()
        entry = Hold.parse(evidence.private.entry(kept.entry))
        if salted.commitment(salt, _hold_content(path, reason)) != entry.content:
            raise ProofError(f"the hold of entry {kept.entry} is not what was sealed")
        if entry.action == "released":
            found.pop(entry.id, None)
        else:
            found[entry.id] = LegalHold(entry.id, path, reason, entry.at_us)
    return tuple(found.values())


def _record(evidence: CaseEvidence, hold: LegalHold, action: str) -> None:
    if not hold.reason.strip():
        raise PolicyError("a hold needs a reason: which court, which case, until when")
    salt = salted.new_salt()
    opening = document("hold-opening", 1, {"path": hold.path, "reason": hold.reason, "salt": salt.hex()})
    content = salted.commitment(salt, _hold_content(hold.path, hold.reason))
    evidence.record(Hold(hold.id, "placed" if action == "placed" else "released", content, hold.at_us), opening)


def _hold_content(path: str, reason: str) -> bytes:
    return canonical.dumps({"path": path, "reason": reason})


def _chosen(evidence: CaseEvidence, asked: Asked) -> list[KeptBatch]:
    if asked.path is not None:
        found = [each for each in evidence.openings.batches_of(asked.path) if not each.erased]
        if asked.lines is not None:
            first, last = asked.lines
            found = [each for each in found if each.first_number <= last and first < each.first_number + each.lines]
        return sorted(found, key=lambda each: each.entry)
    before_us = asked.before_us or 0
    return [
        each
        for each in evidence.openings.batches_between(0, evidence.private.size)
        if not each.erased and _last_us(evidence, each) < before_us
    ]


def _last_us(evidence: CaseEvidence, kept: KeptBatch) -> int:
    """The last time in a batch; one without any time is never older than anything."""
    last_us = Batch.parse(evidence.private.entry(kept.entry)).last_us
    return 1 << 62 if last_us is None else last_us


def _touches(references: bytes, entries: set[int]) -> bool:
    return any(each.entry in entries for each in References.parse(references).batches)
