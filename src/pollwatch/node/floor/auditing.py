"""The audit trail in the private log: what people did is sealed like everything else, and checked against the seal.

Rows that are over are sealed together, as one ``decision`` entry that commits to all of them; what opens it, the rows
themselves with a salt, is kept with the case. So whoever changes or removes a row later, in the database or a backup of
it, is found out by :func:`check`, unless they also break the private log, whose seals others hold.

The console seals every few seconds what waits, commands about accounts at their end, the daemon at its tick: a scan
that holds the log delays a seal and never an action.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.console.accounts.trail import Trail
from pollwatch.errors import PollwatchError
from pollwatch.evidence import salted
from pollwatch.evidence.upkeep import Decision
from pollwatch.i18n import _
from pollwatch.node.evidence import rail
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.store.database import Database
from pollwatch.store.folder import CaseFolder

SCHEMA: Final = "pollwatch.audit/1"
_TOGETHER: Final = 200
_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is not as it was sealed.

    Attributes:
        row: its number.
        entry: the entry of the private log that commits to it; 0: none.
        what: what is wrong, in words.
    """

    row: int
    entry: int
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found.

    Attributes:
        sealed: how many rows the private log commits to.
        waiting: how many rows are not sealed yet.
        faults: rows that were changed, removed or put in.
    """

    sealed: int
    waiting: int
    faults: tuple[Fault, ...]


def seal(trail: Trail, evidence: CaseEvidence, clock: Clock) -> int:
    """Commit to all rows that are over; gives how many.

    Stop anywhere: rows whose entry was written and not noted are sealed once more, which harms nothing.
    """
    count = 0
    while rows := trail.unsealed(_TOGETHER):
        salt = salted.new_salt()
        content: dict[str, Any] = {"schema": SCHEMA, "rows": [row.record() for row in rows]}
        opening = canonical.dumps({**content, "salt": salt.hex()})
        commitment = salted.commitment(salt, canonical.dumps(content))
        entry = evidence.record(Decision(commitment, clock.now_us()), opening)
        trail.sealed([row.id for row in rows], entry)
        count += len(rows)
    return count


def check(trail: Trail, evidence: CaseEvidence) -> Checked:
    """Hold the trail against the private log.

    Raises:
        ProofError: the log's own openings do not fit it.
    """
    known: dict[int, tuple[int, dict[str, Any]]] = {}
    faults: list[Fault] = []
    for kept in evidence.openings.kept_entries(Decision.KIND):
        said = canonical.loads(kept.opening, max_bytes=64 << 20)
        if said.get("schema") != SCHEMA:
            continue
        salt = bytes.fromhex(said.pop("salt"))
        committed = Decision.parse(evidence.private.entry(kept.entry)).content
        if salted.commitment(salt, canonical.dumps(said)) != committed:
            faults.append(Fault(0, kept.entry, _("what opens this entry was changed")))
            continue
        for record in said["rows"]:
            known.setdefault(record["id"], (kept.entry, record))
    found = trail.rows_sealed()
    for number, (entry, record) in sorted(known.items()):
        row = found.pop(number, None)
        if row is None:
            faults.append(Fault(number, entry, _("was removed")))
        elif row.record() != record:
            changed = sorted(key for key in record if row.record().get(key) != record[key])
            faults.append(Fault(number, entry, _("was changed: {fields}").format(fields=", ".join(changed))))
    faults += [Fault(number, row.entry or 0, _("was put in")) for number, row in sorted(found.items())]
    faults += [
        Fault(number, 0, _("is missing, and was never sealed")) for number in trail.gaps() if number not in known
    ]
    return Checked(len(known), trail.waiting(), tuple(faults))


def seal_case(case_dir: Path, evidence: CaseEvidence, clock: Clock) -> int:
    """Commit to what waits in the trail of a case whose evidence is open; nothing where it has no database."""
    database_path = CaseFolder(case_dir).database
    if not database_path.exists():
        return 0
    database = Database(database_path)
    try:
        return seal(Trail(database, clock), evidence, clock)
    finally:
        database.close()


@contextmanager
def sealing(case_dir: Path, trail: Trail, clock: Clock) -> Iterator[None]:
    """Seal what comes into the trail, in a thread, until the block ends; then once more."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(_EVERY_S):
            seal_now(case_dir, trail, clock)

    thread = threading.Thread(target=work, name="sealing the trail", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        seal_now(case_dir, trail, clock)


def seal_now(case_dir: Path, trail: Trail, clock: Clock) -> None:
    """Seal what waits, unless somebody holds the log: they seal it, or the next try does."""
    with suppress(PollwatchError):
        if trail.waiting():
            with rail.opened(case_dir, clock) as evidence:
                seal(trail, evidence, clock)
