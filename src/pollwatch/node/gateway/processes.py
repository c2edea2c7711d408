"""Gateways as processes of their own, started and surely ended."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pollwatch.clock import monotonic_s
from pollwatch.errors import PeerError
from pollwatch.members.member import Member

_START_S: Final = 30.0
_END_S: Final = 8.0
_PAUSE_S: Final = 0.03
_LOWEST_PORT: Final = 12_000
_TRIES: Final = 1000  # as many may be taken before we let the system choose
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


class GatewayProcess:
    """One gateway, as ``python -m pollwatch gateway``. Start it, stop it, or let it die."""

    def __init__(self, case_dir: Path, member: Member, options: Sequence[str] = ()) -> None:
        """Prepare; nothing runs yet.

        Args:
            case_dir: the member's folder.
            member: as the charter names it; its address is where the gateway listens.
            options: more of ``pollwatch gateway``.
        """
        self._options = options
        self._case_dir = case_dir
        self._member = member
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it without waiting for it to listen; see :meth:`wait`."""
        _host, port = _host_port(self._member.address)
        command = [sys.executable, "-m", "pollwatch", "gateway", "--case", str(self._case_dir), "--port", str(port)]
        # It holds one end of a pipe and we the other: should we be killed, it ends too.
        command += ["--until-eof", *self._options]
        # What it says on stderr goes to a file: a full pipe would stop it, and the file tells why it died.
        with self._said().open("wb") as said:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )

    def wait(self) -> None:
        """Wait until it listens.

        Raises:
            PeerError: it ended, or does not listen in time.
        """
        host, port = _host_port(self._member.address)
        until_s = monotonic_s() + _START_S
        while monotonic_s() < until_s:
            if self._process is None or self._process.poll() is not None:
                said = self._said().read_text("utf-8", "replace")[-500:]
                raise PeerError(f"the gateway of {self._member.name} ended: {said.strip()}")
            if f"://{host}:{port}".encode() in self._said().read_bytes():  # it says so itself; a port may be another's
                return
            time.sleep(_PAUSE_S)
        raise PeerError(f"the gateway of {self._member.name} does not listen at {self._member.address}")

    def stop(self) -> None:
        """End it: ask, then insist."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self.kill()

    def kill(self) -> None:
        """Let it die as in a power cut (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None

    def _said(self) -> Path:
        return self._case_dir / "joint" / "gateway.stderr"


@contextmanager
def running(*gateways: GatewayProcess) -> Iterator[None]:
    """All of them listening; all of them ended afterwards, whatever happens.

    Raises:
        PeerError: one does not come up.
    """
    try:
        for each in gateways:
            each.start()
        for each in gateways:
            each.wait()
        yield
    finally:
        for each in gateways:
            each.stop()


def free_ports(count: int) -> tuple[int, ...]:
    """Ports on the loopback address that nobody listened on a moment ago, all different.

    They lie below those that the system gives to connections: whoever asks again and again for a gateway that is down
    would else be connected with itself one day, and hold the port when the gateway comes back.
    """
    ports = range(_LOWEST_PORT, _first_ephemeral())
    candidates = secrets.SystemRandom().sample(ports, min(len(ports), count + _TRIES))
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < count:
            tried = socket.socket()
            try:
                tried.bind(("127.0.0.1", candidates.pop() if candidates else 0))
            except OSError:
                tried.close()
            else:
                sockets.append(tried)
        return tuple(int(each.getsockname()[1]) for each in sockets)
    finally:
        for each in sockets:
            each.close()


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _LOWEST_PORT  # another system than Linux: let it choose


def run_module(module: str, *arguments: str, within_s: float = 60) -> tuple[int, str]:
    """Run ``python -m MODULE``, as a third party would: exit code, and what it said."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=within_s,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _host_port(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or 0
