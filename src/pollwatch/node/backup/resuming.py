"""Letting a restored case sign again: only where nothing shows that it signed more than the backup has.

Checkpoints that others have of its logs (peers, witnesses, the gateway, the public page, bundles that were handed out)
are compared with what was restored. One of a larger size, or of another root, means that the log must never sign
again; it stays a record that can be read and proven. Where all of them are within what was restored, somebody who
answers for it says that there is nothing beyond, and that is written down beside the logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from pollwatch import canonical, durable
from pollwatch.clock import Clock, rfc3339
from pollwatch.errors import EvidenceError, PeerError, SignatureError, SplitError, StoreError, UsageError
from pollwatch.evidence import fsck, held, keychain, signedstate
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.tiles import TileReader
from pollwatch.node.backup.backing import LOGS
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.sharing import bounded

RECORD = "resumed.jsonl"


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint of one of the case's logs that somebody else had."""

    log: str
    checkpoint: Checkpoint


def resume(case_dir: Path, checkpoints: Sequence[bytes], who: str, reason: str, clock: Clock) -> tuple[Seen, ...]:
    """Let the logs and witnesses of a restored case sign again.

    Args:
        case_dir: the case.
        checkpoints: signed checkpoints of its logs, as others have them.
        who: answers for it that nothing was signed after the backup.
        reason: why they know.
        clock: for when that was.

    Returns:
        What was compared.

    Raises:
        UsageError: the case is not held, a checkpoint is of none of its logs, or nobody says why.
        SplitError: a log has signed more, or something else; nothing signs, then or later.
        EvidenceError: the logs do not carry what they signed.
    """
    if not reason.strip():
        raise UsageError("say why nothing can have been signed after the backup; it is kept with the logs")
    evidence = case_dir / "evidence"
    stopped = sorted(path.parent for path in case_dir.rglob(held.HELD) if path.is_file())
    if not stopped:
        raise UsageError(f"{case_dir} was not restored from a backup, or was resumed already")
    keys = CaseKeys.load(evidence)
    logs = {}
    for name, signer in zip(LOGS, (keys.private, keys.shared), strict=True):
        size, _root, links = signedstate.read_state(evidence / name / "state.sqlite", signer.name)
        reader = fsck.check_log(evidence / name, signer.verifier)
        logs[name] = (keychain.follow(keychain.of(signer.verifier).present, links), reader.resized(size))
    seen = tuple(_compared(data, logs) for data in checkpoints)
    note = {
        "at": rfc3339(clock.now_us()),
        "who": who,
        "reason": reason,
        "seen": [{"log": each.log, "size": each.checkpoint.size} for each in seen],
        "folders": [path.relative_to(case_dir).as_posix() for path in stopped],
    }
    try:
        record = evidence / RECORD
        earlier = record.read_bytes() if record.exists() else b""
        durable.write_file(record, earlier + canonical.dumps(note) + b"\n", mode=0o600)
        for folder in stopped:
            held.lift(folder)
    except OSError as error:
        raise StoreError(f"cannot write in {case_dir}: {error.strerror}") from error
    return seen


def fetched(case_dir: Path, address: str) -> bytes:
    """The checkpoint of the case's shared log that somebody shows at an address; unchecked.

    Args:
        case_dir: the case.
        address: of a member's gateway or a witness, which shows what it cosigned last (tlog-witness, monitoring); or of
            the checkpoint itself, as a public page has it.

    Raises:
        UsageError: it is no address.
        PeerError: nobody answers there, or without a checkpoint of this log.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{address}: an address begins with http:// or https://")
    origin = CaseKeys.load(case_dir / "evidence").shared.name
    with bounded.client() as client:
        for place in (f"{address.rstrip('/')}/witness/{sha256(origin.encode()).hexdigest()}/checkpoint", address):
            answer = bounded.exchange(client, "GET", place, parts.hostname)
            if answer.status == HTTPStatus.OK and answer.body.startswith(f"{origin}\n".encode()):
                return answer.body
    raise PeerError(f"{address} shows no checkpoint of {origin}; ask its owner for one, and give the file")


def _compared(data: bytes, logs: dict[str, tuple[KeyChain, TileReader]]) -> Seen:
    for name, (chain, reader) in logs.items():
        try:
            found = chain.open(data).checkpoint
        except EvidenceError:
            continue
        if found.size > reader.size:
            raise SplitError(
                f"the {name} log has signed size {found.size}, and the backup holds {reader.size} entries of it: it "
                "must never sign again. Keep this case to read and to prove; to go on watching, begin a new one"
            )
        if reader.root(found.size) != found.root:
            raise SplitError(
                f"the {name} log has signed another history of size {found.size}: it must never sign again"
            )
        return Seen(name, found)
    raise SignatureError("a checkpoint is not signed by any key of this case's logs; is it another's?")
