"""Whether something may have changed in some folders (not below them): the system tells, or one looks at intervals.

inotify tells of what happens on this machine. A network file system tells nothing of what others write, so folders
there are looked at again and again, and so is everything where ``watchfiles`` is not installed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pollwatch.clock import monotonic_s

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

_SETTLE_MS: Final = 40
_STEP_MS: Final = 10
_SLICE_S: Final = 0.25
_REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "glusterfs", "afs", "vboxsf"}
)


class Changes:
    """See the module."""

    def __init__(self, poll_s: float, *, polling: bool = False) -> None:
        """Watch nothing yet.

        Args:
            poll_s: between two looks where nothing is told.
            polling: do not ask the system at all.
        """
        self._poll_s = poll_s
        self._polling = polling
        self._folders: frozenset[str] = frozenset()
        self._told: RustNotify | None = None
        self._woken = threading.Event()
        self._seen = False

    def take(self) -> bool:
        """Whether a wait ended because something changed; asked once."""
        seen, self._seen = self._seen, False
        return seen

    def wait(self, folders: Iterable[str], timeout_s: float) -> bool:
        """Wait for a change in these folders, :meth:`wake`, or so many seconds; True unless it is the last."""
        wanted = frozenset(folders)
        if wanted != self._folders:
            self._watch(wanted)
            self._seen = True
            return True  # what happened in a folder before it was watched, nobody told
        until_s = monotonic_s() + timeout_s
        while not self._woken.is_set():
            left_s = until_s - monotonic_s()
            if left_s <= 0:
                return False
            if self._told is None:
                if self._woken.wait(min(left_s, self._poll_s)):
                    break
                self._seen = True
                return True
            slice_ms = max(1, int(min(left_s, _SLICE_S) * 1000))
            change = self._told.watch(_SETTLE_MS, _STEP_MS, slice_ms, self._woken)
            if change not in {"timeout", "stop"}:
                self._seen = True
                return True
        self._woken.clear()
        return True

    def wake(self) -> None:
        """End the wait."""
        self._woken.set()

    def close(self) -> None:
        """Watch nothing any more."""
        if self._told is not None:
            self._told.close()
            self._told = None

    def _watch(self, folders: frozenset[str]) -> None:
        self.close()
        self._folders = folders
        self._told = None
        if self._polling or any(is_remote(each) for each in folders):
            return
        try:
            from watchfiles._rust_notify import RustNotify  # noqa: PLC0415 - the watch's own, not everybody's

            self._told = RustNotify(sorted(folders), False, False, 0, False, True)
        except (ImportError, OSError):  # not installed; or too many folders for the system's limit
            self._told = None


def is_remote(folder: str) -> bool:
    """Whether a folder lies on a file system on which others may write unseen."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    real, best = os.path.realpath(folder), ("", "")
    for line in mounts:
        _device, place, kind, *_rest = line.split(" ")
        place = place.replace("\\040", " ")
        if (real == place or real.startswith(place.rstrip("/") + "/")) and len(place) >= len(best[0]):
            best = (place, kind)
    return best[1] in _REMOTE or best[1].startswith("fuse")
