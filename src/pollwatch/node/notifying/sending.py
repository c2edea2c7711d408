"""From the outbox to the channels: leased, sent with nothing held, and what came of it written down."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias

from pollwatch.clock import Clock
from pollwatch.errors import PollwatchError
from pollwatch.notify import channels, outbox
from pollwatch.notify.channels import Address
from pollwatch.notify.message import Message
from pollwatch.notify.outbox import Outgoing
from pollwatch.notify.settings import NotifySettings
from pollwatch.store.database import Database

_AT_ONCE: Final = 4
_MOST: Final = 32
Way: TypeAlias = Callable[[Address, Message], None]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of sending.

    Attributes:
        sent: how many messages a channel took.
        problems: why others were not taken; they are tried again.
    """

    sent: int = 0
    problems: tuple[str, ...] = ()


def send_due(
    database: Database,
    settings: NotifySettings,
    clock: Clock,
    environment: Mapping[str, str] | None = None,
    way: Way = channels.send,
) -> Delivered:
    """Send what is due.

    Args:
        database: the case's.
        settings: the channels.
        clock: the time.
        environment: where systemd's credentials are looked up; None = the process's.
        way: sends one message.

    Raises:
        StoreError: the case cannot be written.
    """
    with database.writing() as connection:
        taken = outbox.lease(connection, clock.now_us(), _MOST)
    if not taken:
        return Delivered()
    found = os.environ if environment is None else environment

    def one(each: Outgoing) -> str:
        problem = _sent(each, settings, found, way)
        with database.writing() as connection:
            if problem:
                outbox.refused(connection, each.id, problem, clock.now_us())
            else:
                outbox.sent(connection, each.id, clock.now_us())
        return problem

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        problems = [each for each in pool.map(one, taken) if each]
    return Delivered(len(taken) - len(problems), tuple(dict.fromkeys(problems)))


def _sent(each: Outgoing, settings: NotifySettings, environment: Mapping[str, str], way: Way) -> str:
    """Send a message; why it was not taken, empty where it was."""
    name = each.key.channel
    channel = settings.channels.get(name)
    if channel is None:
        return f"there is no channel {name!r} any more"
    try:
        way(channels.address(channel, environment), each.message)
    except PollwatchError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - what a service's code stumbles over must not stop the others' messages
        return f"channel {name!r} failed: {type(error).__name__}"
    return ""
