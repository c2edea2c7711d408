"""What the inside node keeps of its runs, and of the keys of their epochs.

A run moves by single transactions, each of which also keeps the message that must leave next; sending comes after and
is repeated until the other gateway's receipt is here. Keys lie in files of their own, so that they can be destroyed:
overwritten, flushed and removed. (What a disk keeps of an overwritten block is beyond a program.)
"""

from __future__ import annotations

import functools
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from pollwatch import canonical, durable
from pollwatch.errors import FormatError, PolicyError, StoreError
from pollwatch.sharing import database
from pollwatch.sharing.matching.entering import Entered, Leaf
from pollwatch.sharing.matching.messages import Step
from pollwatch.sharing.matching.papers import Mode
from pollwatch.sharing.matching.secret import SEED_BYTES, Secret

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, mode TEXT NOT NULL, peer TEXT NOT NULL, epoch INTEGER NOT NULL, began INTEGER NOT NULL,
    state TEXT NOT NULL, at_us INTEGER NOT NULL, commitment BLOB NOT NULL, entry INTEGER, seed BLOB NOT NULL,
    nonce BLOB NOT NULL, leaves BLOB NOT NULL, elements BLOB NOT NULL, paper BLOB NOT NULL, theirs BLOB NOT NULL,
    evaluated BLOB NOT NULL, mine BLOB NOT NULL, their_nonce BLOB NOT NULL, common BLOB NOT NULL,
    problem TEXT NOT NULL, closed INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outgoing (
    run TEXT NOT NULL, step TEXT NOT NULL, receiver TEXT NOT NULL, body BLOB NOT NULL, receipt BLOB NOT NULL,
    PRIMARY KEY (run, step, receiver)) STRICT;
CREATE TABLE IF NOT EXISTS openings (run TEXT PRIMARY KEY, body BLOB NOT NULL, sent INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS refused (
    run TEXT NOT NULL, peer TEXT NOT NULL, epoch INTEGER NOT NULL, reason TEXT NOT NULL, at_us INTEGER NOT NULL,
    PRIMARY KEY (run, peer)) STRICT;
CREATE TABLE IF NOT EXISTS holds (
    kind TEXT NOT NULL, value TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, at_us INTEGER NOT NULL,
    lifted_us INTEGER, PRIMARY KEY (kind, value, at_us)) STRICT;
"""
_COLUMNS: Final = (
    "run, mode, peer, epoch, began, state, at_us, commitment, entry, seed, nonce, leaves, elements, paper, theirs,"
    " evaluated, mine, their_nonce, common, problem, closed"
)


class State(StrEnum):
    """Where a run stands for us."""

    #: The commitment is kept but may not be in the log.
    PREPARED = "prepared"
    WAITING = "waiting"
    COMPLETED = "completed"
    REFUSED = "refused"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as we have it.

    Attributes:
        run: its id.
        mode: with one other or in a group.
        peer: with whom; for a group, its initiator.
        epoch: its epoch.
        began: whether we began it.
        state: where it stands.
        at_us: when we joined it.
        commitment: our signed commitment.
        entry: its place in our shared log; None while that is not known.
        seed: of our salts.
        nonce: our share of the beacon.
        leaves: our set, in the order of its elements.
        elements: our set as it was sent.
        paper: the other side's signed commitment; empty until it came.
        theirs: the other side's elements.
        evaluated: these under our key too.
        mine: our elements under the other side's key too; checked.
        their_nonce: the other side's share of the beacon.
        common: places of our leaves that the other side has too.
        problem: why it ended, where it did not end well.
        closed: whether our log says how it ended.
    """

    run: str
    mode: Mode
    peer: str
    epoch: int
    began: bool
    state: State
    at_us: int
    commitment: bytes = field(repr=False)
    entry: int | None
    seed: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    leaves: tuple[Leaf, ...] = field(repr=False)
    elements: bytes = field(repr=False)
    paper: bytes = field(default=b"", repr=False)
    theirs: bytes = field(default=b"", repr=False)
    evaluated: bytes = field(default=b"", repr=False)
    mine: bytes = field(default=b"", repr=False)
    their_nonce: bytes = field(default=b"", repr=False)
    common: tuple[int, ...] = ()
    problem: str = ""
    closed: bool = False

    @property
    def entered(self) -> Entered:
        """Our set."""
        return Entered(self.leaves, self.elements, self.seed)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that must reach somebody.

    Attributes:
        run: of which run.
        step: which message.
        receiver: member name.
        body: the bytes.
        receipt: the receiver's gateway's; empty while there is none.
    """

    run: str
    step: Step
    receiver: str
    body: bytes = field(repr=False)
    receipt: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Held:
    """An observable that somebody keeps out of matching."""

    kind: str
    value: str
    who: str
    reason: str
    at_us: int


class Runs:
    """All runs of one member. Safe to use from several processes, which take turns."""

    def __init__(self, folder: Path) -> None:
        """Use this folder; it is made when needed."""
        durable.make_folder(folder / "keys", mode=0o700)
        self._path = folder / "runs.sqlite"
        self._keys = folder / "keys"

    def key(self, mode: Mode, peer: str, epoch: int) -> Secret:
        """The secret key for a peer and an epoch; made the first time.

        Raises:
            StoreError: it was destroyed or damaged.
        """
        path = self._key_path(mode, peer, epoch)
        if not path.exists():
            if any(each.epoch == epoch and each.mode is mode for each in self.of(peer)):
                raise StoreError(f"the key for {peer} in epoch {epoch} was destroyed; the next epoch has a new one")
            durable.create_file(path, Secret.new().seed)
        try:
            return Secret(path.read_bytes())
        except (OSError, FormatError) as error:
            raise StoreError(f"{path} cannot be read: {error}") from error

    def destroy_key(self, mode: Mode, peer: str, epoch: int) -> bool:
        """Destroy a key; gives whether there was one."""
        path = self._key_path(mode, peer, epoch)
        try:
            with path.open("r+b", buffering=0) as opened:
                opened.write(os.urandom(SEED_BYTES))
                os.fsync(opened.fileno())
            path.unlink()
        except FileNotFoundError:
            return False
        durable.sync_path(self._keys)
        return True

    def has_key(self, mode: Mode, peer: str, epoch: int) -> bool:
        """Whether a key still exists."""
        return self._key_path(mode, peer, epoch).exists()

    def add(self, run: Run) -> None:
        """Keep a run before its commitment is posted.

        Raises:
            PolicyError: there is one of that id.
        """
        with database.opened(self._path, _SCHEMA) as opened:
            try:
                opened.execute(f"INSERT INTO runs ({_COLUMNS}) VALUES ({', '.join('?' * 21)})", _row(run))  # noqa: S608 - our words
            except sqlite3.IntegrityError:
                raise PolicyError(f"there is a run {run.run} already") from None

    def posted(self, run: str, entry: int, messages: Iterable[Outgoing]) -> None:
        """Note where a run's commitment stands in the log, and what must leave now."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute(
                "UPDATE runs SET entry = ?, state = ? WHERE run = ? AND state = ?",
                (entry, State.WAITING.value, run, State.PREPARED.value),
            )
            _keep(opened, messages)

    def advance(self, run: Run, messages: Iterable[Outgoing] = (), opening: bytes = b"") -> None:
        """Keep a run's next state, and what must leave because of it, in one step.

        Args:
            run: as it is now.
            messages: what must leave.
            opening: what the auditor gets to see; empty for nothing.
        """
        values = (
            run.state.value, run.paper, run.theirs, run.evaluated, run.mine, run.their_nonce,
            canonical.dumps(list(run.common)), run.problem, run.run,
        )  # fmt: skip
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute(
                "UPDATE runs SET state = ?, paper = ?, theirs = ?, evaluated = ?, mine = ?, their_nonce = ?,"
                " common = ?, problem = ? WHERE run = ?",
                values,
            )
            _keep(opened, messages)
            if opening:
                opened.execute("INSERT OR IGNORE INTO openings VALUES (?, ?, 0)", (run.run, opening))

    def openings(self) -> tuple[tuple[str, bytes], ...]:
        """What the auditor must still get to see: run and opening."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute("SELECT run, body FROM openings WHERE sent = 0 ORDER BY rowid").fetchall()
        return tuple((run, bytes(body)) for run, body in rows)

    def opened(self, run: str, message: Outgoing) -> None:
        """Keep the message that carries an opening to the auditor, in one step with noting that there is one."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute("UPDATE openings SET sent = 1 WHERE run = ?", (run,))
            _keep(opened, (message,))

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Keep what must leave."""
        with database.opened(self._path, _SCHEMA) as opened:
            _keep(opened, messages)

    def drop(self, run: str) -> None:
        """Forget a run whose commitment never got into the log."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute("DELETE FROM runs WHERE run = ? AND entry IS NULL", (run,))

    def close(self, run: str) -> None:
        """Note that our log says how a run ended; what was computed in it goes."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute("UPDATE runs SET closed = 1, evaluated = x'', mine = x'' WHERE run = ?", (run,))

    def get(self, run: str) -> Run | None:
        """A run by its id."""
        found = self._select("run = ?", run)
        return found[0] if found else None

    def of(self, peer: str) -> tuple[Run, ...]:
        """All runs with a peer, oldest first."""
        return self._select("peer = ?", peer)

    def all(self) -> tuple[Run, ...]:
        """All runs, oldest first."""
        return self._select("1")

    def unsent(self) -> tuple[Outgoing, ...]:
        """What has no receipt yet, in the order in which it was to leave."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute(
                "SELECT run, step, receiver, body, receipt FROM outgoing WHERE receipt = x'' ORDER BY rowid"
            ).fetchall()
        return tuple(Outgoing(run, Step(step), to, bytes(body), bytes(note)) for run, step, to, body, note in rows)

    def received(self, message: Outgoing, receipt: bytes) -> None:
        """Keep the receipt of a message."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute(
                "UPDATE outgoing SET receipt = ? WHERE run = ? AND step = ? AND receiver = ?",
                (receipt, message.run, message.step.value, message.receiver),
            )

    def forget(self, run: str) -> None:
        """Send no more of a run: nobody would take it."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute("DELETE FROM outgoing WHERE run = ? AND receipt = x''", (run,))

    def refuse(self, run: str, peer: str, epoch: int, reason: str, at_us: int) -> bool:
        """Note a refusal; gives whether it is the first of that run."""
        with database.opened(self._path, _SCHEMA) as opened:
            values = (run, peer, epoch, reason, at_us)
            return bool(opened.execute("INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?, ?)", values).rowcount)

    def refusals(self, peer: str, epoch: int) -> int:
        """How many requests of a peer were refused in an epoch."""
        with database.opened(self._path, _SCHEMA) as opened:
            row = opened.execute("SELECT count(*) FROM refused WHERE peer = ? AND epoch = ?", (peer, epoch)).fetchone()
        return int(row[0])

    def hold(self, held: Held) -> None:
        """Keep an observable out of matching."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute(
                "INSERT INTO holds VALUES (?, ?, ?, ?, ?, NULL)",
                (held.kind, held.value, held.who, held.reason, held.at_us),
            )

    def lift(self, kind: str, value: str, at_us: int) -> bool:
        """Let an observable into matching again; gives whether it was held."""
        with database.opened(self._path, _SCHEMA) as opened:
            return bool(
                opened.execute(
                    "UPDATE holds SET lifted_us = ? WHERE kind = ? AND value = ? AND lifted_us IS NULL",
                    (at_us, kind, value),
                ).rowcount
            )

    def holds(self) -> tuple[Held, ...]:
        """What is held now."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute(
                "SELECT kind, value, who, reason, at_us FROM holds WHERE lifted_us IS NULL ORDER BY at_us"
            ).fetchall()
        return tuple(Held(*row) for row in rows)

    def _select(self, where: str, *values: str) -> tuple[Run, ...]:
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute(
                f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY at_us, rowid",  # noqa: S608 - our words
                values,
            ).fetchall()
        return tuple(_run(row) for row in rows)

    def _key_path(self, mode: Mode, peer: str, epoch: int) -> Path:
        name = hashlib.sha256(f"{mode}\n{peer}\n{epoch}".encode()).hexdigest()[:32]
        return self._keys / f"{name}.key"


def _keep(opened: sqlite3.Connection, messages: Iterable[Outgoing]) -> None:
    opened.executemany(
        "INSERT OR IGNORE INTO outgoing VALUES (?, ?, ?, ?, ?)",
        [(each.run, each.step.value, each.receiver, each.body, each.receipt) for each in messages],
    )


def _row(run: Run) -> tuple[object, ...]:
    leaves = canonical.dumps([each.record() for each in run.leaves])
    return (
        run.run, run.mode.value, run.peer, run.epoch, run.began, run.state.value, run.at_us, run.commitment, run.entry,
        run.seed, run.nonce, leaves, run.elements, run.paper, run.theirs, run.evaluated, run.mine, run.their_nonce,
        canonical.dumps(list(run.common)), run.problem, run.closed,
    )  # fmt: skip


def _run(row: Sequence[object]) -> Run:
    names = [each.strip() for each in _COLUMNS.split(",")]
    found = dict(zip(names, row, strict=True))
    found["mode"], found["state"] = Mode(found["mode"]), State(found["state"])  # type: ignore[arg-type]
    found["leaves"] = _leaves(found["leaves"])
    found["common"] = tuple(canonical.loads(found["common"], max_bytes=1 << 24))  # type: ignore[arg-type]
    found["began"], found["closed"] = bool(found["began"]), bool(found["closed"])
    return Run(**found)  # type: ignore[arg-type]


@functools.lru_cache(maxsize=8)
def _leaves(kept: bytes) -> tuple[Leaf, ...]:
    """The places of a set, which never changes and is asked for at every step of its run: checked once."""
    return tuple(map(Leaf.from_record, canonical.loads(kept, max_bytes=1 << 30)))
