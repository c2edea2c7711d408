"""The keys of a case's two logs, and opening the logs with them.

::

    CASE/evidence/keys/shared.key         signs the shared log
    CASE/evidence/keys/shared-mldsa.key   cosigns it, under the same name
    CASE/evidence/keys/private.key        signs the private log
    CASE/evidence/keys/NAME.next          a key that a change brings in (:mod:`pollwatch.node.evidence.rekeying`)

While a key is being changed the old one and the new lie side by side; the log's own state says which of them signs. As
soon as a log that signs with the new key is opened, the new file takes the old one's place in one step. So there is no
moment at which a process that is killed leaves the log without its key, or with a choice.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pollwatch import durable
from pollwatch.clock import Clock, monotonic_s
from pollwatch.errors import SignatureError, StoreError
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log

_WAIT_S: Final = 60.0
_WAIT_STEP_S: Final = 0.02
_SHARED, _QUANTUM, _PRIVATE = "shared", "shared-mldsa", "private"
Which: TypeAlias = Literal["shared", "private"]
"""One of a case's logs, by the name of its folder."""


@dataclass(frozen=True, slots=True)
class CaseKeys:
    """The keys of a case's two logs.

    Attributes:
        shared: signs the shared log (type 01).
        shared_quantum: cosigns it with ML-DSA, under the same name.
        private: signs the private log.
        incoming: keys of a change that has begun.
    """

    shared: Signer
    shared_quantum: Signer
    private: Signer
    incoming: tuple[Signer, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> CaseKeys:
        """Read the keys of a case that has them.

        Raises:
            StoreError: nothing was ever sealed here.
            SignatureError: a key is missing, damaged, or readable by others.
        """
        if not (folder / "keys").is_dir():
            raise StoreError(f"no evidence in {folder}; `pollwatch scan PATH... --case DIR` makes it")
        names = (_SHARED, _QUANTUM, _PRIVATE)
        shared, quantum, private = (Signer.load(placed(folder, name)) for name in names)
        incoming = [Signer.load(arriving(folder, name)) for name in names if arriving(folder, name).exists()]
        return cls(shared, quantum, private, tuple(incoming))

    @classmethod
    def create_missing(cls, folder: Path, handle: str) -> None:
        """Make the keys where there is neither key nor log, and what a crash may have left out of them.

        The log's name is drawn once, with the first key.

        Raises:
            SignatureError: a key is damaged, or readable by others.
            StoreError: the disk says no.
        """
        keys = folder / "keys"
        try:
            durable.make_folder(folder, mode=0o700)
            durable.make_folder(keys, mode=0o700)
            if (folder / "shared").exists() or (folder / "private").exists():
                return
            first = placed(folder, _SHARED)
            if not first.exists():
                Signer.generate(f"{handle}-{secrets.token_hex(8)}/shared").save(first)
            name = Signer.load(first).name
            if not placed(folder, _QUANTUM).exists():
                Signer.generate(name, KeyType.MLDSA44).save(placed(folder, _QUANTUM))
            if not placed(folder, _PRIVATE).exists():
                Signer.generate(name.removesuffix("/shared") + "/private").save(placed(folder, _PRIVATE))
        except OSError as error:
            raise StoreError(f"{keys} cannot be written: {error}") from error

    def of(self, which: Which) -> tuple[Signer, ...]:
        """All keys at hand that may sign a log; which of them do is for its state to say."""
        present = (self.shared, self.shared_quantum) if which == "shared" else (self.private,)
        return (*present, *(each for each in self.incoming if each.name == present[0].name))


def placed(folder: Path, name: str) -> Path:
    """The file of a key in use: ``shared``, ``shared-mldsa`` or ``private``."""
    return folder / "keys" / f"{name}.key"


def arriving(folder: Path, name: str) -> Path:
    """The file of the key that a change brings in for it."""
    return folder / "keys" / f"{name}.next"


def open_log(folder: Path, which: Which, clock: Clock, *, wait: bool = False) -> Log:
    """Open one of a case's logs with the keys that it signs with.

    Args:
        folder: the case's evidence.
        which: of its logs.
        clock: for cosignature times.
        wait: for another process that has it open for a moment.

    Raises:
        StoreError: another process has it open and keeps it, or the disk says no.
        SignatureError: its key is missing, damaged, or readable by others.
        ProofError: it does not carry what it signed.
    """
    until_s = monotonic_s() + _WAIT_S
    while True:
        keys = CaseKeys.load(folder)
        try:
            return _settled(folder, Log.open(folder / which, keys.of(which), clock))
        except StoreError:
            if not wait or monotonic_s() > until_s:
                raise
            time.sleep(_WAIT_STEP_S)
        except SignatureError:
            if CaseKeys.load(folder) == keys:
                raise
            # The key was changed between reading it and getting hold of the log.


def _settled(folder: Path, log: Log) -> Log:
    """A log whose present keys are where they belong; what they retired is gone."""
    try:
        for name in (_QUANTUM, _SHARED, _PRIVATE):
            incoming = arriving(folder, name)
            if incoming.exists() and Signer.load(incoming).verifier in log.verifiers:
                incoming.replace(placed(folder, name))
                durable.sync_path(incoming.parent)
    except OSError as error:
        log.close()
        raise StoreError(f"the keys in {folder} cannot be put in place: {error}") from error
    except BaseException:
        log.close()
        raise
    return log
