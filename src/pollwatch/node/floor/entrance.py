"""The entrance of a case's console: its accounts, how it is called, and where it may listen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.console.accounts import settings as access
from pollwatch.console.accounts.desk import Desk
from pollwatch.console.accounts.hosts import Hosts
from pollwatch.console.accounts.passwords import USUAL_COST, Cost
from pollwatch.console.accounts.settings import LOCAL_HOSTS, AccessSettings
from pollwatch.console.accounts.within import Entrance
from pollwatch.errors import UsageError
from pollwatch.i18n import _
from pollwatch.node.gateway.serving import Listening
from pollwatch.store.database import Database
from pollwatch.store.folder import CaseFolder


@contextmanager
def desk_of(case_dir: Path, settings: AccessSettings, clock: Clock, cost: Cost = USUAL_COST) -> Iterator[Desk]:
    """The accounts of a case, until the block ends.

    Raises:
        StoreError: there is no case, or it cannot be written.
    """
    folder = CaseFolder(case_dir)
    folder.prepare(create=False)
    database = Database(folder.database)
    try:
        yield Desk(database, clock, settings, cost)
    finally:
        database.close()


def entrance_of(desk: Desk) -> Entrance:
    """Everything through which people come in.

    Raises:
        ConfigError: the secret at the identity provider cannot be read.
    """
    settings, provider = desk.settings, None
    if settings.provider is not None:
        from pollwatch.console.accounts.oidc import OpenId  # noqa: PLC0415 - loads much; most have no provider

        provider = OpenId(settings.provider, access.secret_of(settings.provider), desk.challenges, desk.clock)
    return Entrance(desk, Hosts(settings.origin), provider)


def check_listening(listening: Listening, settings: AccessSettings) -> None:
    """Refuse to show a case to a network in clear, or under a name that is not said.

    Raises:
        UsageError: it would be.
    """
    if listening.host in LOCAL_HOSTS and not listening.behind_proxy:
        return
    if not settings.origin:
        raise UsageError(
            _("say how browsers call this console: origin in [console] of pollwatch.toml, e.g. https://watch.example")
        )
    encrypted = listening.certificate is not None or listening.behind_proxy
    if not settings.origin.startswith("https:") or not encrypted:
        raise UsageError(
            _("a console that others reach needs TLS: --tls-cert and --tls-key, or --behind-proxy, and an https origin")
        )
