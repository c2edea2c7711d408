"""Changing the keys of a case's logs: commit to the next one, and put it in the present one's place.

::

    CASE/evidence/next/LOG-ID.key   a next key that was made here; it belongs elsewhere, until it is needed

A change goes through these steps, and a process that is killed between any two of them leaves a log that signs with
either the old key or the new, as it would have without us:

1. the key after the next is at hand (made here, or its public half given);
2. the new keys lie beside the old ones (:mod:`pollwatch.node.evidence.casekeys`); nothing refers to them yet;
3. the link is appended: in one step of the log's state the new key is the one that signs;
4. the new files take the old ones' places: the old secret is gone from here.

Doing it again goes on where it stopped, and removes half-written files. The shared log's ML-DSA key is changed with its
key: the link names both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, PolicyError, SignatureError, StoreError
from pollwatch.evidence import keychain, rotation
from pollwatch.evidence import log as logs
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.log import Log
from pollwatch.node.evidence import casekeys
from pollwatch.node.evidence.casekeys import CaseKeys, Which
from pollwatch.node.evidence.openings import Openings
from pollwatch.node.evidence.sealing import last_index
from pollwatch.store import disk

_MAX_PUBLIC: Final = 4096


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one of a case's logs.

    Attributes:
        which: of the logs.
        chain: its keys, from the first.
        beside: next keys that still lie in the case, where a thief of the present key would find them.
    """

    which: Which
    chain: KeyChain
    beside: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """What a step did.

    Attributes:
        chain: the log's keys now.
        following: the file of the next key, where it was made here: it belongs elsewhere. None where its owner has it.
    """

    chain: KeyChain
    following: Path | None


def show(case_dir: Path, which: Which) -> Keys:
    """The keys of a log, read beside whoever has it open.

    Raises:
        StoreError: nothing was ever sealed here.
        EvidenceError: the keys that the log publishes do not belong to its key here.
    """
    folder = case_dir / "evidence"
    present = CaseKeys.load(folder).of(which)[0]
    chain = logs.read_keys(folder / which / "public", present.verifier)
    return Keys(which, chain, tuple(path for path, _signer in _made(folder, which)))


def begin(case_dir: Path, which: Which, clock: Clock, following: Path | None = None) -> Changed:
    """Commit a log to its next key. It then can be changed, by whoever has that one.

    Args:
        case_dir: the case folder.
        which: of its logs.
        clock: for cosignature times.
        following: a key file, or a file with the public half alone; None makes a key.

    Raises:
        PolicyError: the log has committed to a next key already.
        StoreError: a scan has the case open, or the disk says no.
        SignatureError: the file holds no key that can follow.
    """
    folder = case_dir / "evidence"
    with _alone(folder), _opened(folder, which, clock) as log:
        if log.chain.links:
            raise PolicyError(f"log {log.origin} has committed to its next key already; change it: evidence key rotate")
        return commit(folder, which, log, following)


def commit(folder: Path, which: Which, log: Log, following: Path | None = None) -> Changed:
    """The same for a log that is open; nothing happens to one that has committed already."""
    if log.chain.links:
        return Changed(log.chain, None)
    after, made = _following(folder, which, log.origin, following, ())
    cosigner = next((each for each in log.verifiers if each.type is KeyType.MLDSA44), None)
    link = rotation.begin(log.signer, after, log.size + 1, cosigner)
    log.append([rotation.posted(link).to_bytes()])
    return Changed(log.chain, made)


def rotate(
    case_dir: Path, which: Which, clock: Clock, next_key: Path | None = None, following: Path | None = None
) -> Changed:
    """Put the next key of a log in the present one's place, and commit to the one after it.

    Args:
        case_dir: the case folder.
        which: of its logs.
        clock: for cosignature times.
        next_key: the file of the key that was committed to; None looks for it where it was made.
        following: as for :func:`begin`.

    Raises:
        PolicyError: the log has committed to no next key.
        StoreError: a scan has the case open, the next key is not here, or the disk says no.
        SignatureError: it is not the key that was committed to.
    """
    folder = case_dir / "evidence"
    with _alone(folder):
        with _opened(folder, which, clock) as log:  # what was begun earlier is finished first
            chain = log.chain
        if not chain.links:
            raise PolicyError(f"log {chain.name} has committed to no next key; do that first: evidence key begin")
        if _was_done(folder, which, chain, next_key):
            return Changed(chain, next((path for path, _signer in _made(folder, which)), None))
        source, new = _next(folder, which, chain, next_key)
        after, made = _following(folder, which, chain.name, following, (*chain.keys, new.verifier))
        _bring_in(folder, which, source)
        with _opened(folder, which, clock) as log:
            mine = CaseKeys.load(folder).incoming
            cosigner = next((each.verifier for each in mine if each.type is KeyType.MLDSA44), None)
            link = rotation.rotate(chain, log.signer, new, after, log.size + 1, cosigner if which == "shared" else None)
            log.append([rotation.posted(link).to_bytes()])
            chain = log.chain
        with _opened(folder, which, clock):
            pass  # opening it puts the new keys in place of the old
        if source.parent == folder / "next":
            source.unlink(missing_ok=True)
        return Changed(chain, made)


def public_half(path: Path) -> Verifier:
    """The public half in a key file of any kind, or in a file that holds nothing else.

    Raises:
        StoreError: it cannot be read.
        SignatureError: it holds no key, or others can read it.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_PUBLIC).decode("utf-8").removesuffix("\n")
        return Verifier.parse(text)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    except EvidenceError:
        return Signer.load(path).verifier


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One change at a time."""
    if not (folder / "keys").is_dir():
        raise StoreError(f"no evidence in {folder}; `pollwatch scan PATH... --case DIR` makes it")
    with disk.locked(folder / "keys" / "lock"):
        if (folder / "shared").exists():
            # Nobody makes the case's first keys any more: these are of a change that was stopped, and hold secrets.
            for left in (*(folder / "keys").glob(".tmp-*"), *(folder / "next").glob(".tmp-*")):
                left.unlink(missing_ok=True)
        yield


@contextmanager
def _opened(folder: Path, which: Which, clock: Clock) -> Iterator[Log]:
    """A log, with what a stopped process left undone settled: the link must not come between."""
    tables = ("seals",) if which == "shared" else ("batches", "incidents", "others")
    with casekeys.open_log(folder, which, clock, wait=which == "shared") as log:
        with closing(Openings(folder / "openings.sqlite")) as openings:
            for table in tables:
                openings.settle_rest(table, partial(last_index, log))
        yield log


def _was_done(folder: Path, which: Which, chain: KeyChain, given: Path | None) -> bool:
    """Whether this very change was stopped only after it had come into force; then it is tidied up after."""
    if given is not None:
        return Signer.load(given).verifier == chain.present
    left = [path for path, signer in _made(folder, which) if signer.verifier == chain.present]
    for path in left:
        path.unlink(missing_ok=True)
    return bool(left)


def _next(folder: Path, which: Which, chain: KeyChain, given: Path | None) -> tuple[Path, Signer]:
    """The key that the log committed to, and its file."""
    wanted = chain.links[-1].following
    if given is not None:
        signer = Signer.load(given)
        if signer.name != chain.name or keychain.commitment(signer.verifier) != wanted:
            raise SignatureError(f"{given} holds {signer.verifier.id.hex()}, not the next key of {chain.name}")
        return given, signer
    for path, signer in _made(folder, which):
        if keychain.commitment(signer.verifier) == wanted:
            return path, signer
    raise StoreError(f"the next key of {chain.name} is not in {folder / 'next'}; fetch it and name it with --next FILE")


def _following(
    folder: Path, which: Which, origin: str, given: Path | None, used: tuple[Verifier, ...]
) -> tuple[Verifier, Path | None]:
    """The key after the next: given, left over from a change that was stopped, or made."""
    if given is not None:
        return public_half(given), None
    for path, signer in _made(folder, which):
        if signer.verifier not in used and signer.name == origin:
            return signer.verifier, path
    signer = Signer.generate(origin)
    path = folder / "next" / f"{which}-{signer.verifier.id.hex()}.key"
    try:
        durable.make_folder(path.parent, mode=0o700)
        signer.save(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error
    return signer.verifier, path


def _made(folder: Path, which: Which) -> list[tuple[Path, Signer]]:
    return [(path, Signer.load(path)) for path in sorted((folder / "next").glob(f"{which}-*.key"))]


def _bring_in(folder: Path, which: Which, source: Path) -> None:
    """Lay the new keys beside the old."""
    try:
        quantum = casekeys.arriving(folder, "shared-mldsa")
        if which == "shared" and not quantum.exists():
            Signer.generate(CaseKeys.load(folder).shared.name, KeyType.MLDSA44).save(quantum)
        durable.write_file(casekeys.arriving(folder, which), source.read_bytes(), mode=0o600)
    except OSError as error:
        raise StoreError(f"the new keys cannot be written to {folder / 'keys'}: {error}") from error
