"""The receiving process and those who want it: who starts it, who ends it, and who outlives whom.

The watch holds ``receive.wanted`` (shared) for as long as it runs; the receiving process holds ``receive.lock``. The
kernel frees both when their holders die, however they die:

- The watch finds nobody receiving: it starts a process. It finds one, of an earlier watch or of the service manager: it
  leaves it at its work.
- The watch is killed: the process goes on, and waits for the next watch for as long as :data:`LINGER_S`.
- The watch ends in good order: it ends the process that was started for a watch; not one of the service manager.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pollwatch.clock import monotonic_s
from pollwatch.errors import StoreError
from pollwatch.sources.settings import WatchedSource
from pollwatch.store.disk import make_folder

LINGER_S: Final = 900.0
_WANTED: Final = "receive.wanted"
_LOCK: Final = "receive.lock"
_SAID: Final = "receive.stderr"
_END_S: Final = 15.0
_AGAIN_S: Final = (0.0, 1.0, 5.0, 15.0)
_FOR_WATCH: Final = "watch"


class ReceiverProcess:
    """The watch's side. Hold it for as long as the watch runs."""

    def __init__(self, case_dir: Path, options: Sequence[str] = ()) -> None:
        """Say that receivers are wanted.

        Args:
            case_dir: the case folder.
            options: more of ``pollwatch receive``.

        Raises:
            StoreError: the case folder cannot be written.
        """
        self._live = case_dir / "live"
        make_folder(self._live)
        self._command = [sys.executable, "-m", "pollwatch", "receive", "--case", str(case_dir), *options]
        self._wanted = _open(self._live / _WANTED)
        fcntl.flock(self._wanted, fcntl.LOCK_SH)
        self.process: subprocess.Popen[bytes] | None = None
        self._tried_s = -1e9
        self._tries = 0

    def ensure(self) -> bool:
        """Have somebody receive; cheap, to be called again and again. Whether somebody does."""
        if self.process is not None and self.process.poll() is not None:
            self.process = None  # it ended: start it anew, less often each time
            self._tries += 1
        if holder(self._live) is not None:
            return True
        if self.process is not None or monotonic_s() - self._tried_s < _AGAIN_S[min(self._tries, len(_AGAIN_S) - 1)]:
            return False
        if monotonic_s() - self._tried_s > 60:
            self._tries = 0
        self._tried_s = monotonic_s()
        with (self._live / _SAID).open("ab") as said:
            if said.tell() > 1 << 20:
                said.truncate(0)
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [*self._command, "--for-watch"], stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )
        return False

    def said(self) -> str:
        """The last line that it said on stderr; for when it does not come up."""
        with suppress(OSError), (self._live / _SAID).open("rb") as said:
            said.seek(max(0, said.seek(0, os.SEEK_END) - 2_000))
            return said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        return ""

    def reload(self) -> None:
        """Have it read tokens and certificates again."""
        found = holder(self._live)
        if found is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(found[0], signal.SIGHUP)

    def abandon(self) -> None:
        """Want it no more, and leave it at work."""
        os.close(self._wanted)

    def stop(self) -> None:
        """End what was started for a watch, and wait until it has written what it took."""
        self.abandon()
        found = holder(self._live)
        if found is not None and found[1] == _FOR_WATCH:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(found[0], signal.SIGTERM)
        elif self.process is not None:  # not at work yet
            self.process.terminate()
        until_s = monotonic_s() + _END_S
        while holder(self._live) is not None and found is not None and found[1] == _FOR_WATCH:
            if monotonic_s() > until_s:
                break
            _wait(0.02)
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)


class Receivers:
    """What a watch has received, as its settings say now."""

    def __init__(self, case_dir: Path) -> None:
        """Nothing yet; see :meth:`use`."""
        self._case_dir = case_dir.absolute()
        self._sources: tuple[WatchedSource, ...] = ()
        self._process: ReceiverProcess | None = None

    def use(self, sources: tuple[WatchedSource, ...], options: Sequence[str]) -> None:
        """Have these received; where they are as before, tokens and certificates are read again.

        Args:
            sources: what is received; empty = nothing.
            options: more of ``pollwatch receive``.

        Raises:
            StoreError: the case folder cannot be written.
        """
        if self._process is not None and sources == self._sources:
            self._process.reload()
            return
        self.stop()
        self._sources = sources
        if sources:
            self._process = ReceiverProcess(self._case_dir, options)
            self._process.ensure()

    def ensure(self) -> None:
        """Start what has died; cheap."""
        if self._process is not None:
            self._process.ensure()

    def stop(self) -> None:
        """End what was started for a watch."""
        if self._process is not None:
            self._process.stop()
            self._process = None


class ReceiverLock:
    """The receiving process' side: one per case."""

    def __init__(self, live: Path, *, for_watch: bool) -> None:
        """Take it.

        Raises:
            StoreError: somebody receives for this case already.
        """
        make_folder(live)
        self._live = live
        self._for_watch = for_watch
        self._descriptor = _open(live / _LOCK)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise StoreError(f"{live}: another process receives for this case already") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()} {_FOR_WATCH if for_watch else 'service'}\n".encode(), 0)
        self._watch = _open(live / _WANTED)
        self._left_s = monotonic_s()

    def wanted(self) -> bool:
        """Whether to go on: a watch runs, or ran a while ago, or the service manager decides."""
        if not self._for_watch:
            return True
        try:
            fcntl.flock(self._watch, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._left_s = monotonic_s()
            return True
        fcntl.flock(self._watch, fcntl.LOCK_UN)
        return monotonic_s() - self._left_s < LINGER_S


def holder(live: Path) -> tuple[int, str] | None:
    """Who receives for a case: process id, and for whom; None where nobody does."""
    try:
        descriptor = os.open(live / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        process, _space, whom = os.pread(descriptor, 100, 0).decode("ascii", "replace").strip().partition(" ")
        return (int(process), whom) if process.isdigit() else None
    else:
        return None
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


def _wait(seconds: float) -> None:
    import time  # noqa: PLC0415 - only where something ends

    time.sleep(seconds)
