"""``[console]`` in ``pollwatch.toml``: where the console is, how long sessions last, second factors, OIDC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pollwatch.console.roles import Role
from pollwatch.election.tables import Table
from pollwatch.errors import ConfigError

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULT_SECOND: Final = frozenset({Role.LEAD, Role.ANALYST})
_PORTS: Final = {"http": 80, "https": 443}
_MAX_SECRET: Final = 4096


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider (OpenID Connect).

    Attributes:
        issuer: its address, as it names itself.
        client_id: what it calls this console.
        secret_file: holds the console's secret there; None for a public client.
        label: what the button says.
        scopes: what is asked for.
        claim: which claim names the groups that roles come from.
        roles: group -> role; whoever is in none of these groups is not let in.
    """

    issuer: str
    client_id: str
    secret_file: Path | None
    label: str
    scopes: tuple[str, ...]
    claim: str
    roles: Mapping[str, Role]


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """How people come in.

    Attributes:
        origin: how browsers call this console, e.g. ``https://watch.example``; empty: as it listens.
        idle_minutes: after which a session that is not used ends.
        session_hours: after which every session ends.
        second_factor: roles that need a passkey or six digits beside a password.
        provider: of identities; None: only local accounts.
    """

    origin: str = ""
    idle_minutes: int = 60
    session_hours: int = 12
    second_factor: frozenset[Role] = DEFAULT_SECOND
    provider: Provider | None = None

    def words(self) -> list[tuple[str, str]]:
        """Each setting and what it is, for `pollwatch config show`."""
        return [
            ("origin", self.origin),
            ("idle_minutes", str(self.idle_minutes)),
            ("session_hours", str(self.session_hours)),
            ("second_factor", ", ".join(sorted(role.value for role in self.second_factor))),
            ("oidc", "" if self.provider is None else f"{self.provider.issuer} as {self.provider.client_id}"),
        ]


def parse_console(values: Mapping[str, object], where: str) -> AccessSettings:
    """Read ``[console]``.

    Args:
        values: the table.
        where: the file; what it names is beside it.

    Raises:
        ConfigError: naming file, key and what to write.
    """
    table = Table(values, f"{where}: [console]")
    origin = table.text("origin", "")
    if origin and origin_of(origin) != origin:
        raise table.fail("origin", f"{origin!r} must be as browsers write it, e.g. https://watch.example")
    roles = table.choices("second_factor", [role.value for role in Role])
    inner = table.table("oidc")
    settings = AccessSettings(
        origin=origin,
        idle_minutes=_between(table, "idle_minutes", 60, 5, 24 * 60),
        session_hours=_between(table, "session_hours", 12, 1, 24 * 7),
        second_factor=frozenset(map(Role, roles)) if "second_factor" in values else DEFAULT_SECOND,
        provider=None if inner is None else _provider(inner, where),
    )
    table.done()
    return settings


def origin_of(address: str) -> str:
    """Scheme, host and port of an address, as browsers write them; empty where it has none."""
    try:
        parts = urlsplit(address)
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        return ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in {None, _PORTS[parts.scheme]} else "")


def _between(table: Table, key: str, default: int, low: int, high: int) -> int:
    found = table.count(key, default)
    if not low <= found <= high:
        raise table.fail(key, f"must be from {low} to {high}, not {found}")
    return found


def _provider(values: Mapping[str, object], where: str) -> Provider:
    table = Table(values, f"{where}: [console.oidc]")
    issuer = table.text("issuer")
    parts = urlsplit(issuer)
    if not origin_of(issuer) or parts.query or parts.fragment:
        raise table.fail("issuer", f"{issuer!r} is no address of an identity provider, e.g. https://id.example")
    if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        raise table.fail("issuer", f"{issuer!r} must begin with https:// (http only on this machine)")
    named = table.text("client_secret_file", "")
    groups = table.table("roles") or {}
    if not groups:
        raise table.fail("roles", 'is missing: write [console.oidc.roles] with lines such as "watch-leads" = "lead"')
    words, known = Table(groups, f"{where}: [console.oidc.roles]"), [role.value for role in Role]
    provider = Provider(
        issuer=issuer,
        client_id=table.text("client_id"),
        secret_file=Path(where).parent.absolute() / Path(named).expanduser() if named else None,
        label=table.text("label", parts.hostname),
        scopes=("openid", *(each for each in table.texts("scopes") if each != "openid")),
        claim=table.text("claim", "groups"),
        roles={group: Role(words.choice(group, known)) for group in groups},
    )
    table.done()
    return provider


def secret_of(provider: Provider) -> str:
    """The console's secret at the identity provider; empty for a public client.

    Raises:
        ConfigError: its file cannot be read, or is no secret.
    """
    if provider.secret_file is None:
        return ""
    try:
        text = provider.secret_file.read_text("utf-8")[: _MAX_SECRET + 1].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"client_secret_file {provider.secret_file} cannot be read: {error}") from error
    if not text or len(text) > _MAX_SECRET or not text.isprintable():
        raise ConfigError(f"client_secret_file {provider.secret_file} must hold one line with the secret")
    return text
