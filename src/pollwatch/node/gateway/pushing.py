"""Bringing the gateway up to date: the inside node pushes its shared log, charters and stages, and nothing else.

The order is that of safety: what takes something away (a stage) goes first, and of the log the checkpoint goes last,
so that nobody is ever shown a checkpoint whose entries are not there. A gateway that shows another history than our log
is not overwritten: it shows what we signed, and to sign two histories is what convicts a member.

Where the gateway stands is in ``CASE/joint/gateway.json``; without that file, its folder is ``CASE/joint/gateway``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pollwatch import canonical, durable
from pollwatch.clock import Clock
from pollwatch.errors import ConfigError, EvidenceError, FormatError, PeerError, SplitError, StoreError
from pollwatch.evidence import tiles
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.published import CHECKPOINT, KEYS, Published
from pollwatch.evidence.tiles import TileReader
from pollwatch.members import document
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.gateway.outpost import CHARTERS, CLIENTS, LOG, STAGES, FolderOutpost, Outpost
from pollwatch.node.gateway.outpostclient import HttpOutpost
from pollwatch.sharing import clients
from pollwatch.sharing.clients import Client

_SCHEMA: Final = "pollwatch.gateway/1"
_MAX_BYTES: Final = 4096


def address(folder: JointFolder) -> str:
    """Where the inside node reaches its gateway; empty where the gateway's folder is kept with the case.

    Raises:
        ConfigError: the file that says so is damaged.
    """
    try:
        value = canonical.loads(folder.outpost.read_bytes(), max_bytes=_MAX_BYTES)
        record = document.fields(value, "gateway.json", {"schema": str, "address": str})
    except FileNotFoundError:
        return ""
    except (OSError, FormatError) as error:
        raise ConfigError(f"{folder.outpost} cannot be used ({error}); say anew: pollwatch members gateway") from error
    return str(record["address"])


def settle(folder: JointFolder, where: str) -> None:
    """From now on the gateway stands at an address, or (where that is empty) in the case folder.

    Raises:
        FormatError: no address.
        ConfigError: the gateway's folder is still here, or not here any more.
        OSError: the disk says no.
    """
    if not where:
        if not folder.outer.exists():
            raise ConfigError(f"{folder.outer} is not here; move the gateway's folder back first")
        folder.outpost.unlink(missing_ok=True)
        return
    parts = urlsplit(where)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise FormatError(f"{where[:80]!r} is no address; write https://10.0.0.2:8443")
    if folder.outer.exists():
        raise ConfigError(
            f"{folder.outer} is still here, and two of it would cosign two histories: move it to where the gateway "
            "runs (it must not stay), then say this again"
        )
    durable.write_file(folder.outpost, canonical.dumps({"schema": _SCHEMA, "address": where.rstrip("/")}), mode=0o600)


@contextmanager
def opened(membership: Membership, clock: Clock) -> Iterator[Outpost]:
    """Our own gateway.

    Raises:
        ConfigError: the file that says where it stands is damaged.
    """
    if not address(membership.folder):
        yield FolderOutpost(membership.folder.gateway, clock)
        return
    with reached(membership, clock) as outpost:
        yield outpost


def reached(membership: Membership, clock: Clock) -> HttpOutpost:
    """Our own gateway where it stands elsewhere; use it with ``with``.

    Raises:
        ConfigError: the file that says where it stands is damaged.
    """
    return HttpOutpost(membership.own_way(clock), address(membership.folder))


def push(membership: Membership, clock: Clock) -> None:
    """Give the gateway what it lacks.

    Raises:
        PeerError: it cannot be reached.
        StoreError: it cannot be written, or our own log not be read.
        SplitError: it shows a history that is not in our log.
    """
    with opened(membership, clock) as outpost:
        _push(outpost, membership.folder)


def after_change(case_dir: Path, clock: Clock) -> str:
    """Push after something changed here; a gateway that stands elsewhere and is out of reach holds nothing up.

    Returns:
        Why it could not be reached; empty where it could, or where no charter is in force yet.

    Raises:
        StoreError: the gateway's folder cannot be written, or our own log not be read.
        SplitError: the gateway shows a history that is not in our log.
    """
    folder = JointFolder(case_dir)
    if not folder.charter.exists():
        return ""
    try:
        if address(folder):
            push(Membership.open(case_dir), clock)
        else:
            _push(FolderOutpost(folder.gateway, clock), folder)
    except PeerError as error:
        return str(error)
    return ""


def _push(outpost: Outpost, folder: JointFolder) -> None:
    for name, path in ((STAGES, folder.stages), (CHARTERS, folder.charters)):
        ours = path.read_bytes() if path.exists() else None
        if ours is not None and outpost.read(name) != ours:
            outpost.write(name, ours)
    push_log(outpost, Published(folder.public))


def clients_of(membership: Membership, clock: Clock) -> tuple[Client, ...]:
    """Third parties' clients that our gateway knows.

    Raises:
        PeerError: it cannot be reached.
        FormatError: the file is damaged.
    """
    with opened(membership, clock) as outpost:
        return _clients(outpost)


def change_clients(
    membership: Membership, clock: Clock, change: Callable[[tuple[Client, ...]], tuple[Client, ...]]
) -> None:
    """Let our gateway know other clients.

    Raises:
        PeerError: it cannot be reached.
        FormatError: the file is damaged.
        PolicyError: what the change says.
    """
    with opened(membership, clock) as outpost:
        outpost.write(CLIENTS, clients.dump(change(_clients(outpost))))


def _clients(outpost: Outpost) -> tuple[Client, ...]:
    data = outpost.read(CLIENTS)
    return () if data is None else clients.parse(data)


def push_log(outpost: Outpost, log: Published) -> None:
    """Push what was published of our shared log since.

    Raises:
        PeerError: the gateway cannot be reached.
        StoreError: it cannot be written, or our own log not be read.
        SplitError: it shows a history that is not in our log.
    """
    ours, theirs = log.read(CHECKPOINT), outpost.read(LOG + CHECKPOINT)
    if ours is None or ours == theirs:
        return
    new = SignedCheckpoint.parse(ours).checkpoint
    old = 0 if theirs is None else _grown_from(SignedCheckpoint.parse(theirs), new.size, log)
    for path in (*tiles.added(old, new.size), KEYS):
        data = log.read(path)
        if data is not None:
            outpost.write(LOG + path, data)
        elif path != KEYS:
            raise StoreError(f"{log.folder / path} is missing; run: pollwatch evidence fsck")
    outpost.write(LOG + CHECKPOINT, ours)


def _grown_from(shown: SignedCheckpoint, size: int, log: Published) -> int:
    """The size that the gateway shows, if our log has merely grown from there."""
    old = shown.checkpoint.size

    def fetch(path: str) -> bytes:
        data = log.read(path)
        if data is None:
            raise FileNotFoundError(path)
        return data

    try:
        if old <= size and TileReader(fetch, old).root() == shown.checkpoint.root:
            return old
    except EvidenceError as error:
        raise StoreError(f"our own shared log cannot be read ({error}); run: pollwatch evidence fsck") from error
    raise SplitError(
        f"our gateway shows a log of {old} entries that is not the beginning of ours ({size} entries): was the case "
        "restored from a backup? Others have seen what the gateway shows; ours must not be published"
    )
