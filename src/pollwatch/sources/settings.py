"""``[watch]`` and ``[[watch.source]]`` of the configuration: what is watched live, and where to listen for it."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args
from zoneinfo import ZoneInfo

from pollwatch.election.tables import Table, numbered
from pollwatch.errors import ConfigError
from pollwatch.sources.finding import Begin, Watched

Kind = Literal["files", "syslog-udp", "syslog-tcp", "syslog-tls", "http", "journald", "stdin"]
NETWORK: Final = ("syslog-udp", "syslog-tcp", "syslog-tls", "http")
HEALTH: Final = "127.0.0.1:9464"
SPOOL_MIB: Final = 1024
_CREDENTIAL: Final = "credential:"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_KEYS: Final = ("path", "begin", "listen", "certificate", "key", "client_ca", "token", "units")
#: What each kind of source may be given besides ``name``, ``kind``, ``format``, ``zone`` and ``silent_after``.
TAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "files": ("path", "begin"),
    "syslog-udp": ("listen",),
    "syslog-tcp": ("listen",),
    "syslog-tls": ("listen", "certificate", "key", "client_ca"),
    "http": ("listen", "certificate", "key", "token"),
    "journald": ("units",),
    "stdin": (),
}
_LEAST_SPOOL_MIB: Final = 64
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a receiver listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """``HOST:PORT``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """One source of a watch.

    Attributes:
        name: unique; also the name of its folder in the spool.
        kind: how it comes in.
        paths: of ``files``: absolute paths, folders and patterns.
        begin: of ``files``: where reading begins the first time.
        listen: of network receivers.
        certificate: PEM file, to end TLS here.
        key: PEM file with its key.
        client_ca: PEM file; whoever connects must show a certificate of one of these.
        token: of ``http``: file with the tokens, one a line, that may push.
        units: of ``journald``: whose messages; empty = all.
        format: ``NAME`` or ``NAME:DEFINITION``; empty = find out.
        zone: of times that name none; None = UTC.
        silent_after_s: silent for longer, the source counts as dead; None = by its own norm, 0 = never.
    """

    name: str
    kind: Kind
    paths: tuple[str, ...] = ()
    begin: Begin = "file"
    listen: Address | None = None
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    token: Path | None = None
    units: tuple[str, ...] = ()
    format: str = ""
    zone: ZoneInfo | None = None
    silent_after_s: float | None = None

    @property
    def received(self) -> bool:
        """Whether a receiver writes it into the spool."""
        return self.kind != "files"

    def watched(self, spool: Path) -> Watched:
        """What is followed: the source's own files, or its folder in the spool."""
        if self.received:
            return Watched(self.name, (str(spool / self.name),), "all", whole=True)
        return Watched(self.name, self.paths, self.begin)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """The watch.

    Attributes:
        health: where ``/healthz`` and ``/metrics`` are served; None = nowhere.
        spool_bytes: how much of each received source is kept until it was read; then senders wait.
        sources: what is watched.
    """

    health: Address | None = Address("127.0.0.1", 9464)
    spool_bytes: int = SPOOL_MIB << 20
    sources: tuple[WatchedSource, ...] = ()


def parse_watch(values: Mapping[str, object], where: str) -> WatchSettings:
    """What ``[watch]`` says.

    Args:
        values: the parsed table.
        where: path of the file; relative paths are relative to it.

    Raises:
        ConfigError: naming file, key and the nearest valid one.
    """
    table = Table(values, f"{where}: [watch]")
    health = table.text("health", HEALTH)
    mib = table.count("spool_mib", SPOOL_MIB)
    if mib < _LEAST_SPOOL_MIB:
        raise table.fail("spool_mib", f"must be at least {_LEAST_SPOOL_MIB}, for what one sender may send at once")
    folder = Path(where).parent.absolute()
    sources: list[WatchedSource] = []
    for each in numbered(table.tables("source"), f"{where}: [[watch.source]]"):
        source = _source(each, folder)
        if any(source.name == other.name for other in sources):
            raise each.fail("name", f"{source.name!r} is the name of another source too")
        if source.kind == "stdin" and any(other.kind == "stdin" for other in sources):
            raise each.fail("kind", "there is one standard input only")
        sources.append(source)
    table.done()
    return WatchSettings(None if health == "none" else _address(table, "health", health), mib << 20, tuple(sources))


def _source(table: Table, folder: Path) -> WatchedSource:
    name = table.text("name")
    if not _NAME.fullmatch(name):
        raise table.fail("name", f"{name!r} must be of small letters, digits, - and _, at most 40")
    kind = cast("Kind", table.choice("kind", get_args(Kind), "files"))
    for key in _KEYS:
        if key not in TAKES[kind] and table.has(key):
            raise table.fail(key, f"does not go with kind {kind!r}; that takes {', '.join(TAKES[kind]) or 'none'}")
    paths = tuple(_below(folder, each) for each in table.one_or_more("path"))
    if kind == "files" and not paths:
        raise table.fail("path", "is missing: list the files, folders or patterns to follow")
    listen = _address(table, "listen", table.text("listen")) if kind in NETWORK else None
    files = {
        key: Path(_below(folder, table.text(key))) if table.has(key) else None
        for key in ("certificate", "key", "client_ca", "token")
    }
    _check_tls(table, kind, listen, files)
    source = WatchedSource(
        name,
        kind,
        paths,
        cast("Begin", table.choice("begin", get_args(Begin), "file")),
        listen,
        files["certificate"],
        files["key"],
        files["client_ca"],
        files["token"],
        table.texts("units"),
        table.text("format", ""),
        table.zone("zone") if table.has("zone") else None,
        _duration(table, "silent_after"),
    )
    table.done()
    return source


def _check_tls(table: Table, kind: Kind, listen: Address | None, files: Mapping[str, Path | None]) -> None:
    """Refuse settings by which secrets would travel in the clear, or nobody could connect."""
    if (files["certificate"] is None) != (files["key"] is None):
        raise table.fail("certificate", "and key go together")
    if kind == "syslog-tls" and files["certificate"] is None:
        raise table.fail("certificate", "is missing: TLS needs one, and its key")
    if kind == "http" and files["token"] is None:
        raise table.fail("token", "is missing: name the file with the token that senders show")
    if kind == "http" and listen is not None and not listen.loopback and files["certificate"] is None:
        raise table.fail(
            "certificate",
            "is missing: tokens would be sent in the clear; give one, or listen on 127.0.0.1 behind a proxy",
        )


def _below(folder: Path, path: str) -> str:
    if path.startswith(_CREDENTIAL):
        return path
    return os.path.normpath(folder / Path(path).expanduser())


def _address(table: Table, key: str, text: str) -> Address:
    host, _colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise table.fail(key, f"{text!r} must be ADDRESS:PORT, as 0.0.0.0:6514 or [::]:6514") from None
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise table.fail(key, f"{text!r} must end in a port from 0 to 65535")
    return Address(host, int(port))


def _duration(table: Table, key: str) -> float | None:
    text = table.text(key, "auto")
    if text == "auto":
        return None
    if text == "never":
        return 0.0
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is None or not int(found[1]):
        raise table.fail(key, f"{text!r} must be a time such as 90s, 15m, 6h or 2d; or auto, or never")
    return float(int(found[1]) * _UNITS[found[2]])


def secret(path: Path) -> Path:
    """Where a file of the settings lies: ``credential:NAME`` is what systemd hands to the service as NAME."""
    if not str(path).startswith(_CREDENTIAL):
        return path
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials")) / str(path).removeprefix(_CREDENTIAL)


def check_secret(path: Path, what: str) -> None:
    """Refuse a secret that others on this machine can read.

    Raises:
        ConfigError: it cannot be read, or others can.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"{path}: {what} cannot be read: {error.strerror}") from error
    if mode & 0o077 and not path.is_relative_to("/run/credentials"):
        raise ConfigError(f"{path}: others can read {what}; chmod 600 {path}")
