"""Receivers under test: the real process, from a real configuration, on loopback ports that the system chooses."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pollwatch.node.receive.counts import Counts, read
from pollwatch.sources.spool import segment, segments

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a receiver on loopback, for seconds


@dataclass
class Receivers:
    """A ``pollwatch receive`` and its case."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def live(self) -> Path:
        """Where spool and counts are."""
        return self.folder / "case" / "live"

    def start(self) -> None:
        """Start it and wait until every source listens."""
        with (self.folder / "said").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pollwatch", "receive", "--case", "case"],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        wanted = (self.folder / "pollwatch.toml").read_text("utf-8").count("[[watch.source]]")
        process = self.process.pid
        until(lambda: self._listening(process) >= wanted, lambda: (self.folder / "said").read_text("utf-8"))

    def _listening(self, process: int) -> int:
        path = self.live / "receiving.json"
        if not path.exists() or f'"process":{process},'.encode() not in path.read_bytes():
            return 0
        return sum(bool(each.listening) for each in read(path)[1].values())

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End it."""
        assert self.process is not None
        os.kill(self.process.pid, how)
        self.process.wait(20)

    def counts(self, source: str) -> Counts:
        """What it has counted; at most a second old."""
        return read(self.live / "receiving.json")[1][source]

    def address(self, source: str) -> tuple[str, int]:
        """Where a source listens."""
        host, _colon, port = self.counts(source).listening.rpartition(":")
        return host, int(port)

    def lines(self, source: str) -> list[bytes]:
        """What lies in a source's spool."""
        folder = self.live / "spool" / source
        return [line for number in segments(folder) for line in segment(folder, number).read_bytes().splitlines()]


@contextmanager
def receivers(folder: Path, settings: str) -> Iterator[Receivers]:
    """Receivers as the settings say, running; ended whatever happens."""
    (folder / "pollwatch.toml").write_text(settings, "utf-8")
    (folder / "token").write_text(TOKEN + "\n", "utf-8")
    (folder / "token").chmod(0o600)
    made = Receivers(folder)
    try:
        made.start()
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.kill()


def source(name: str, kind: str, more: str = "") -> str:
    """One ``[[watch.source]]`` on a loopback port."""
    listen = 'listen = "127.0.0.1:0"' if kind not in {"journald", "stdin"} else ""
    return f'[[watch.source]]\nname = "{name}"\nkind = "{kind}"\n{listen}\n{more}\n'


def until(what: Callable[[], bool], said: Callable[[], object] = lambda: "", within_s: float = 20) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end_s, said()
        time.sleep(0.02)


def connect(address: tuple[str, int]) -> socket.socket:
    """A connection that gives up rather than hang."""
    return socket.create_connection(address, timeout=10)


def certificates(folder: Path) -> None:
    """``ca.pem``, and ``server`` and ``client`` signed by it; ``stranger`` signed by itself."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", "server", "client", "stranger")}
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for name, key in keys.items():
        signer = "stranger" if name == "stranger" else "ca"
        called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder()
            .subject_name(called)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=3650))
            .not_valid_after(now + dt.timedelta(days=36500))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(keys[signer], hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
