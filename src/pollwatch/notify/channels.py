"""The ways out: mail, text messages, chats and webhooks, by apprise, from addresses that stand in files of their own.

An address is an apprise URL (``mailtos://user:password@mail.office.example?to=ada@office.example``), one a line; ``#``
begins a comment. It holds passwords and telephone numbers: a file that others can read is refused, and nothing of it
gets into an error or a log.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from pollwatch.errors import ConfigError, PollwatchError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.notify.message import Message
from pollwatch.notify.settings import Channel

if TYPE_CHECKING:
    from apprise import Apprise

_MAX_FILE: Final = 1 << 16
#: Runs programs or draws on this machine's screen: a notification is for people elsewhere.
_NOT_HERE: Final = frozenset({"dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog", "file"})


class DeliveryError(PollwatchError):
    """A channel did not take a message; it is tried again."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel leads.

    Attributes:
        urls: apprise's; secret.
        where: what may be shown of them: kind and host.
    """

    urls: tuple[str, ...]
    where: str


def address(channel: Channel, environment: Mapping[str, str]) -> Address:
    """Read where a channel leads.

    Raises:
        ConfigError: the file is missing, others can read it, or it holds no address that apprise knows.
    """
    path, forbidden = _place(channel, environment)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MAX_FILE).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"channel {channel.name!r}: {path} cannot be read: {what}") from None
    if mode & forbidden:
        raise ConfigError(
            f"channel {channel.name!r}: {path} holds secrets and others can read it; run: chmod 600 {path}"
        )
    urls = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    if not urls:
        raise ConfigError(f"channel {channel.name!r}: {path} holds no address; write an apprise URL into it")
    for number, url in enumerate(urls, 1):
        scheme = url.partition(":")[0].lower()
        if scheme in _NOT_HERE:
            raise ConfigError(f"channel {channel.name!r}: {path}: address {number} ({scheme}) reaches nobody elsewhere")
    _opened(urls, f"channel {channel.name!r}: {path}")
    return Address(urls, ", ".join(map(_shown, urls)))


def send(to: Address, message: Message) -> None:
    """Send a message over all of a channel's addresses; returns when each has taken it.

    Raises:
        DeliveryError: one has not. It may still have arrived: what follows is sent with the same number.
    """
    with _overheard() as said:
        sender = _opened(to.urls, to.where)
        taken = sender.notify(
            body=message.body,
            title=message.subject,
            body_format=_apprise().NotifyFormat.TEXT,
            interpret_escapes=False,
        )
    if not taken:
        why = printable(_masked(" / ".join(said[-3:]), to.urls), 300)
        raise DeliveryError(f"{to.where} did not take it: {why or 'no reason given'}")


def _opened(urls: tuple[str, ...], where: str) -> Apprise:
    apprise = _apprise()
    asset = apprise.AppriseAsset(app_id="pollwatch", app_desc="pollwatch", app_url="", secure_logging=True)
    asset.async_mode = False
    found: Apprise = apprise.Apprise(asset=asset)
    with _overheard():
        for number, url in enumerate(urls, 1):
            if not found.add(url):
                scheme = printable(url.partition(":")[0], 20)
                raise ConfigError(
                    f"{where}: address {number} ({scheme}://...) is none that apprise knows; see its wiki"
                )
    return found


@lru_cache(maxsize=1)
def _apprise() -> ModuleType:
    """Apprise with all its services loaded; some of them use what Python is about to drop, and would say so."""
    need_apprise()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise  # noqa: PLC0415 - loads two hundred services; most commands need none

        apprise.Apprise().add("json://localhost")
    return apprise


def need_apprise() -> None:
    """See that apprise is installed.

    Raises:
        UsageError: it is not; the message says how to get it.
    """
    if find_spec("apprise") is None:
        raise UsageError(
            _("messages need one more package (apprise): pip install 'pollwatch[console]', or make setup-console")
        )


def _place(channel: Channel, environment: Mapping[str, str]) -> tuple[Path, int]:
    """The file, and which permissions it must not have."""
    if channel.file:
        return Path(channel.file), 0o077
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise ConfigError(
            f"channel {channel.name!r} names the systemd credential {channel.credential!r}, but CREDENTIALS_DIRECTORY "
            "is not set: run it as the unit that has LoadCredential="
        )
    # systemd grants the service's user by an ACL, which shows as a group bit; others must have nothing.
    return Path(folder) / channel.credential, 0o007


def _shown(url: str) -> str:
    """Kind and host of an address: what may be shown."""
    scheme = url.partition(":")[0].lower()
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    # Of services without a host of one's own, what stands there is a token.
    return f"{scheme}://{host}" if scheme.rstrip("s") in {"mailto", "http", "json", "xml", "form"} and host else scheme


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What apprise says while it works, and nothing of that on stderr."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, listener = logging.getLogger("apprise"), Listener(logging.WARNING)
    before: tuple[bool, Any] = logger.propagate, logger.level
    logger.addHandler(listener)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    try:
        yield said
    finally:
        logger.removeHandler(listener)
        logger.propagate, level = before
        logger.setLevel(level)


def _masked(text: str, urls: tuple[str, ...]) -> str:
    """Without anything that could be a secret: every part of the addresses but kind and host."""
    parts: set[str] = set()
    for url in urls:
        host = _shown(url)
        parts |= {each for each in re.split(r"[/:@?&=,]+", url) if len(each) > 3 and each not in host}
        parts |= {unquote(each) for each in parts}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return text
