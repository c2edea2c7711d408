"""A log or witness that was restored from a backup is held: it can be read, and signs nothing.

What a backup holds is what was signed when it was made. What was signed after that is unknown to it, and others may
have it. Were the log to go on from there, it would sign a second history of the same size, which is the one thing that
proves its owner dishonest; a witness would cosign one for somebody else. So a restore leaves a note beside the signed
state, and as long as that is there nothing is signed. Only somebody who shows what others have seen, and takes the
responsibility that there is nothing beyond it, may take the note away (:mod:`pollwatch.node.backup.resuming`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.errors import StoreError

HELD: Final = "held"


def hold(folder: Path, why: str) -> None:
    """Let nothing be signed from a folder's state any more.

    Raises:
        OSError: the disk says no.
    """
    durable.write_file(folder / HELD, why.encode() + b"\n", mode=0o600)


def lift(folder: Path) -> None:
    """Let it sign again; the caller has made sure that this makes no second history.

    Raises:
        OSError: the disk says no.
    """
    (folder / HELD).unlink(missing_ok=True)
    durable.sync_path(folder)


def held(folder: Path) -> bool:
    """Whether nothing may be signed from a folder's state."""
    return (folder / HELD).exists()


def check(folder: Path) -> None:
    """Refuse where a folder's state is held.

    Raises:
        StoreError: it is; the message says how to go on.
    """
    if held(folder):
        raise StoreError(
            f"{folder} was restored from a backup and may have signed more since that was made; it signs nothing "
            "before `pollwatch db resume` has shown that it did not. To go on watching at once, begin a new case"
        )
