"""What a private log gets as time passes: sequence entries that leave no gap, and a canary every day.

None of it shows outside. A sequence entry covers all that was appended since the one before; a canary says that
recording was at work on that day, so that a quiet day and a dead watch differ in the record.
"""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.clock import US_PER_S, Clock, to_datetime
from pollwatch.errors import ProofError
from pollwatch.evidence import merkle, salted
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.manifest import Canary
from pollwatch.evidence.sequence import NONE_BEFORE, Place, Sequence, Span, spans
from pollwatch.node.evidence.openings import KeptEntry
from pollwatch.node.evidence.sealing import CaseEvidence

_DAY_US = 86_400 * US_PER_S
_MAX_OPENING_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class KeptSequence:
    """What opens a sequence entry: its seed (salt ``i`` is span ``i``'s) and its spans."""

    seed: bytes
    spans: tuple[Span, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        texts = [each.to_bytes().decode("utf-8") for each in self.spans]
        return document("sequence-opening", 1, {"seed": self.seed.hex(), "spans": texts})

    @classmethod
    def parse(cls, data: bytes) -> KeptSequence:
        """Read what :meth:`to_bytes` writes."""
        fields = Fields.load(data, "sequence opening", max_bytes=_MAX_OPENING_BYTES)
        fields.kind("sequence-opening")
        kept = cls(
            fields.hex("seed", salted.SEED_BYTES),
            tuple(Span.parse(each.encode("utf-8")) for each in fields.texts("spans")),
        )
        fields.done()
        return kept

    def tree(self) -> merkle.Tree:
        """The salted tree of the spans."""
        return salted.line_tree(self.seed, [each.to_bytes() for each in self.spans])


def append_due(evidence: CaseEvidence, clock: Clock) -> None:
    """Append today's canary and a sequence entry, where they are due.

    Raises:
        StoreError: the disk says no.
    """
    append_canary(evidence, clock)
    append_sequence(evidence)


def append_sequence(evidence: CaseEvidence) -> int | None:
    """Append a sequence entry over all batches since the last one; gives its index, None where there was none.

    Raises:
        ProofError: what opens the last one is damaged.
        StoreError: the disk says no.
    """
    last = evidence.openings.latest_kept(Sequence.KIND)
    number, previous, first = 0, NONE_BEFORE, 0
    if last is not None:
        data = evidence.private.entry(last.entry)
        before = Sequence.parse(data)
        number, previous, first = before.number + 1, merkle.leaf_hash(data), before.end_entry
    end = evidence.private.size
    batches = evidence.openings.batches_between(first, end)
    if not batches:
        return None
    found = spans((each.path, Place(each.entry, each.first_number, each.lines)) for each in batches)
    kept = KeptSequence(salted.new_seed(), found)
    entry = Sequence(number, previous, first, end, len(batches), len(found), kept.tree().root())
    return evidence.record(entry, kept.to_bytes())


def append_canary(evidence: CaseEvidence, clock: Clock) -> int | None:
    """Append today's canary (UTC); gives its index, None where today has one.

    Raises:
        StoreError: the disk says no.
    """
    day = to_datetime(clock.now_us() // _DAY_US * _DAY_US).strftime("%Y-%m-%d")
    last = evidence.openings.latest_kept(Canary.KIND)
    if last is not None and canary_day(last) >= day:
        return None
    salt = salted.new_salt()
    opening = document("canary-opening", 1, {"day": day, "salt": salt.hex()})
    return evidence.record(Canary(salted.commitment(salt, day.encode("ascii"))), opening)


def canary_day(kept: KeptEntry) -> str:
    """The day that a canary stands for.

    Raises:
        ProofError: what opens it is damaged.
    """
    fields = Fields.load(kept.opening, "canary opening")
    fields.kind("canary-opening")
    day, _salt = fields.text("day", max_chars=10), fields.hex("salt", salted.SALT_BYTES)
    fields.done()
    if len(day) != len("2026-11-03"):
        raise ProofError(f"canary opening: {day!r} is no day")
    return day
