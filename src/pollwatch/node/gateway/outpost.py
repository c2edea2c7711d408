"""The inside node's way to its own gateway. The inside node always begins; the gateway never calls it.

One small interface, two ways to it: the gateway's folder, where both run on one machine as one user
(:class:`FolderOutpost`), and signed requests, where the gateway stands elsewhere or runs as another user
(:mod:`pollwatch.node.gateway.outpostclient`). The gateway's end of the second is the first: its ``/inside`` routes
(:mod:`pollwatch.node.gateway.inside`) do to its own folder what is asked for.

What is pushed is whole files, each put in the place of the one before; what is fetched stays there until the inside
node says that it has it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pollwatch import durable
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError, StoreError
from pollwatch.evidence import tiles
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keychain import KnownLog
from pollwatch.evidence.mirror import mirror_name
from pollwatch.evidence.published import CHECKPOINT, KEYS, Published
from pollwatch.evidence.tiles import TilePath
from pollwatch.evidence.witness import Witness
from pollwatch.evidence.witnessanswer import Response
from pollwatch.members.chain import Chain
from pollwatch.members.keys import GatewayKeys
from pollwatch.node.gateway.gatewayfolder import GatewayFolder
from pollwatch.sharing import clients, stages
from pollwatch.sharing.egress import Egress, Left
from pollwatch.sharing.inbox import Mail, Mailbox
from pollwatch.sharing.matching.box import Box, Waiting

#: Names of what is pushed; beside these, ``log/`` and the path of a file of the shared log.
CHARTERS: Final = "charters.json"
STAGES: Final = "stages.json"
CLIENTS: Final = "clients.json"
LOG: Final = "log/"
#: Where a witness takes what a log's owner tells it.
ADD_KEYS: Final = "/witness/add-keys"
ADD_CHECKPOINT: Final = "/witness/add-checkpoint"
_ROWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness was shown of a log. It comes from the gateway and is unchecked.

    Attributes:
        states: checkpoints: the one cosigned last, those refused, and those of keys misused.
        chains: key links: those that the witness goes by, and others that it was shown.
    """

    states: tuple[bytes, ...]
    chains: tuple[tuple[bytes, ...], ...]


class Outpost(Protocol):
    """A gateway, as its inside node sees it. Everything raises StoreError where the gateway cannot do it.

    Over HTTP everything raises PeerError as well.
    """

    def read(self, name: str) -> bytes | None:
        """A file that was pushed; None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Push a file; it is there, durably, when this returns.

        Raises:
            PolicyError: the gateway must not have it: no file of that name, or charters that do not go on from its own.
        """

    def restart_log(self) -> None:
        """Forget the shared log, to get another in its place. Only a dishonest member needs this."""

    def mail(self, *, fetched: bool = False) -> tuple[int, ...]:
        """Numbers of the deliveries that wait, oldest first; on demand of those that were fetched too."""

    def one_mail(self, number: int) -> Mail:
        """One delivery."""

    def mail_done(self, number: int) -> None:
        """Say that a delivery was taken in."""

    def messages(self) -> tuple[int, ...]:
        """Numbers of the messages of private matching that wait, oldest first."""

    def one_message(self, number: int) -> Waiting:
        """One message."""

    def message_done(self, number: int) -> None:
        """Say that a message was taken in; its bytes go."""

    def forget_mail(self, sender: str) -> None:
        """Delete what a member of that name delivered."""

    def seen(self, log: KnownLog) -> Seen:
        """What the witness was shown of a log."""

    def mirrored(self, origin: str, path: str) -> bytes | None:
        """A file of the mirror's copy of a log; None where there is none. Unchecked, as from anybody."""

    def witness(self, log: KnownLog, path: str, body: bytes) -> Response:
        """Tell the witness of a log what its owner would: a body for :data:`ADD_KEYS` or :data:`ADD_CHECKPOINT`."""

    def left(self, before_us: int, skip: int = 0) -> tuple[Left, ...]:
        """What was answered in hours that were over by then, a few thousand rows at a time."""

    def left_done(self, before_us: int) -> None:
        """Say that the inside node has all of that; the gateway forgets it."""


class FolderOutpost:
    """A gateway's folder, on this machine."""

    def __init__(self, folder: GatewayFolder, clock: Clock) -> None:
        """Use this folder."""
        self._folder = folder
        self._clock = clock
        self._mailbox = Mailbox(folder.mailbox, clock)
        self._box = Box(folder.match_box, clock)

    def read(self, name: str) -> bytes | None:
        """See :class:`Outpost`."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"the gateway's {name} cannot be read: {error.strerror}") from error

    def write(self, name: str, data: bytes) -> None:
        """See :class:`Outpost`."""
        path = self._path(name)
        if name == CHARTERS:
            self._check_charters(data)
        elif name == CLIENTS:
            clients.parse(data)
        elif name == STAGES:
            stages.parse(data)
        before = self.read(name) if name == LOG + CHECKPOINT else None
        try:
            durable.make_folder(path.parent, mode=0o700)
            durable.write_file(path, data, mode=0o600)
            if before is not None:
                self._tidy(before, data)
        except OSError as error:
            raise StoreError(f"the gateway's {name} cannot be written: {error.strerror}") from error

    def restart_log(self) -> None:
        """See :class:`Outpost`."""
        if self._folder.log.exists():
            self._folder.log.rename(self._folder.path / f"log-until-{self._clock.now_us()}")

    def mail(self, *, fetched: bool = False) -> tuple[int, ...]:
        """See :class:`Outpost`."""
        return self._mailbox.numbers(fetched=fetched)

    def one_mail(self, number: int) -> Mail:
        """See :class:`Outpost`."""
        return self._mailbox.get(number)

    def mail_done(self, number: int) -> None:
        """See :class:`Outpost`."""
        self._mailbox.fetched(number)

    def messages(self) -> tuple[int, ...]:
        """See :class:`Outpost`."""
        return self._box.numbers()

    def one_message(self, number: int) -> Waiting:
        """See :class:`Outpost`."""
        return self._box.get(number)

    def message_done(self, number: int) -> None:
        """See :class:`Outpost`."""
        self._box.fetched(number)

    def forget_mail(self, sender: str) -> None:
        """See :class:`Outpost`."""
        self._mailbox.forget(sender)

    def seen(self, log: KnownLog) -> Seen:
        """See :class:`Outpost`."""
        if not self._folder.witness.exists():
            return Seen((), ())
        origin = log.verifier.name
        with closing(Witness(self._folder.witness, (), self._clock, (log,), silent=True)) as witness:
            last = witness.latest(origin)
            states = (*(() if last is None else (last,)), *witness.contradictions(origin), *witness.misused(origin))
            chains = (witness.chain(origin), *witness.other_keys(origin))
        return Seen(tuple(each.to_bytes() for each in states), tuple(each.notes for each in chains))

    def mirrored(self, origin: str, path: str) -> bytes | None:
        """See :class:`Outpost`."""
        return Published(self._folder.mirror / mirror_name(origin)).read(path)

    def witness(self, log: KnownLog, path: str, body: bytes) -> Response:
        """See :class:`Outpost`."""
        keys = GatewayKeys.load(self._folder.path)
        with closing(Witness(self._folder.witness, (keys.witness,), self._clock, (log,))) as witness:
            return witness.add_keys(body) if path == ADD_KEYS else witness.add_checkpoint(body)

    def left(self, before_us: int, skip: int = 0) -> tuple[Left, ...]:
        """See :class:`Outpost`."""
        with closing(Egress(self._folder.egress)) as egress:
            return egress.all(before_us, _ROWS, skip)

    def left_done(self, before_us: int) -> None:
        """See :class:`Outpost`."""
        with closing(Egress(self._folder.egress)) as egress:
            egress.forget(before_us)

    def _path(self, name: str) -> Path:
        """Where a file is; nothing else in the folder has a name here, and nothing outside it."""
        inside = name.removeprefix(LOG)
        if name in {CHARTERS, STAGES, CLIENTS}:
            return self._folder.path / name
        if inside != name and (inside in {CHECKPOINT, KEYS} or TilePath.parse(inside) is not None):
            return self._folder.log / inside
        raise PolicyError(f"a gateway takes no {name[:80]!r}")

    def _check_charters(self, data: bytes) -> None:
        """A gateway goes by charters that were agreed to, and only forward."""
        chain = Chain.parse(data)
        chain.verify()
        files = self._folder.charter_files
        held = files.load_chain().digests if files.charters.exists() else ()
        if chain.digests[: len(held)] != held:
            raise PolicyError("these charters do not go on from those that the gateway has")

    def _tidy(self, before: bytes, now: bytes) -> None:
        """Remove the partial tiles that full ones have replaced: the readers cut them from those."""
        old, new = (SignedCheckpoint.parse(each).checkpoint.size for each in (before, now))
        for each in tiles.outgrown(old, new):
            durable.remove_folder(self._folder.log / each)
