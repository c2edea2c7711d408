"""Time-stamps of a case's shared log: asked for over HTTP, kept with the case, added to what is exported.

::

    CASE/evidence/timestamps/SIZE-HASH.json   a stamped checkpoint (:mod:`pollwatch.evidence.timestamp`)

An authority learns the SHA-256 of a checkpoint and our address, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import httpx

from pollwatch import durable
from pollwatch.errors import EvidenceError, PeerError, ProofError, StoreError
from pollwatch.evidence import timestamp
from pollwatch.evidence.log import Log, open_reader
from pollwatch.evidence.report import STAMPED
from pollwatch.evidence.timestamp import Authorities, Query, StampedCheckpoint, TimestampProof
from pollwatch.node.evidence import rekeying
from pollwatch.sharing import bounded

_FOLDER: Final = "timestamps"
_MOST: Final = 4
"""Time-stamps per bundle: one of each of the first few authorities is enough."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A time-stamp that was obtained and kept.

    Attributes:
        address: of the authority.
        size: of the shared log whose checkpoint was stamped.
        time_us: as the authority says.
        path: where it is kept.
    """

    address: str
    size: int
    time_us: int
    path: Path


def stamp(
    case_dir: Path,
    address: str,
    authorities: Authorities | None = None,
    transport: httpx.BaseTransport | None = None,
) -> Stamped:
    """Let an authority stamp the shared log's published checkpoint, and keep the token.

    Args:
        case_dir: the case folder.
        address: the authority's URL.
        authorities: certificates to check the token with at once; None only checks that it is of what was asked.
        transport: another way to reach it than TCP.

    Raises:
        PeerError: it cannot be reached, or answers nonsense, or too much, or too slowly.
        EvidenceError: the answer is no time-stamp of the checkpoint, or not by a trusted authority.
        StoreError: there is no shared log, or the disk says no.
    """
    folder = case_dir / "evidence"
    log = rekeying.show(case_dir, "shared").chain
    signed, _tiles = open_reader(folder / "shared" / "public", log)
    note = log.bare(signed).to_bytes()
    query = Query.of(note)
    token = _post(address, query.data, transport)
    time_us = timestamp.check_answer(token, note, query.nonce)
    if authorities is not None:
        authorities.check(token, note, query.nonce)
    data = StampedCheckpoint(note, token).to_bytes()
    size = signed.checkpoint.size
    path = folder / _FOLDER / f"{size:010d}-{sha256(address.encode('utf-8', 'replace')).hexdigest()[:12]}.json"
    try:
        durable.make_folder(path.parent, mode=0o700)
        durable.write_file(path, data, mode=0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    return Stamped(address, size, time_us, path)


def attachments(shared: Log, seal_entry: int) -> dict[str, bytes]:
    """The earliest kept time-stamp of each authority that covers a seal, as a bundle carries them.

    Raises:
        StoreError: a kept one is damaged.
    """
    found: dict[str, bytes] = {}
    taken: set[str] = set()
    for path in _kept(shared.folder.parent):
        size, _dash, authority = path.stem.partition("-")
        if authority in taken or len(taken) == _MOST or not size.isdecimal() or int(size) <= seal_entry:
            continue
        try:
            stamped = StampedCheckpoint.parse(path.read_bytes())
            at = shared.chain.open(stamped.note).checkpoint
            if at.size != int(size) or shared.reader().root(at.size) != at.root:
                raise ProofError("it is of another log")
        except (OSError, EvidenceError) as error:
            raise StoreError(f"time-stamp {path} is damaged ({error}); move it away") from error
        taken.add(authority)
        proof = TimestampProof(seal_entry, shared.inclusion(seal_entry, at.size), stamped)
        found[f"{STAMPED}{len(taken)}.json"] = proof.to_bytes()
    return found


def _kept(folder: Path) -> Sequence[Path]:
    """Smallest size first."""
    return sorted((folder / _FOLDER).glob("*.json"))


def _post(address: str, query: bytes, transport: httpx.BaseTransport | None) -> bytes:
    headers = {"content-type": timestamp.QUERY, "accept": timestamp.REPLY}
    who = f"time-stamp authority {address}"
    with bounded.client(transport=transport) as client:
        answer = bounded.exchange(client, "POST", address, who, body=query, headers=headers, limit=timestamp.MAX_TOKEN)
    kind = answer.content_type.partition(";")[0].strip()
    if answer.status != httpx.codes.OK or kind != timestamp.REPLY:
        raise PeerError(f"{who} answers {answer.status} ({kind or 'no type'})")
    return answer.body
