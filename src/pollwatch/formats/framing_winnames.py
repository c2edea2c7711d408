"""What Windows events are called besides: the names that rules of a category use, and who acts.

Rules for process creation say ``Image`` where the Security log says ``NewProcessName``: such an event has both. Who
acts is told in ``norm.user``, ``norm.ip`` and ``norm.host`` (``taxonomy.WINDOWS_ACTORS``): an account without its
domain, an address in its shortest form, and nothing where it is the machine itself.

All of it is done on columns of a kind of events: names that such events do not have cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from pollwatch.events.batch import LogSource
from pollwatch.events.taxonomy import WINDOWS_ACTORS
from pollwatch.formats.framing import split_host_port
from pollwatch.formats.framing_login import address
from pollwatch.formats.framing_windows import SECURITY
from pollwatch.formats.framing_winevent import EVENT_ID

Texts: TypeAlias = Sequence[str | None]
Columns: TypeAlias = "dict[str, Texts]"

_REGISTRY = {"Image": "ProcessName", "Details": "NewValue"}
#: What the fields of a category's rules are called in the Security log.
_AUDITED: dict[str, dict[str, str]] = {
    "process_creation": {
        "Image": "NewProcessName",
        "ParentImage": "ParentProcessName",
        "ParentProcessId": "ProcessId",
        "IntegrityLevel": "MandatoryLabel",
        "LogonId": "SubjectLogonId",
    },
    "process_termination": {"Image": "ProcessName"},
    "network_connection": {
        "Image": "Application",
        "SourceIp": "SourceAddress",
        "DestinationIp": "DestAddress",
        "DestinationPort": "DestPort",
    },
    "registry_set": _REGISTRY,
    "registry_delete": _REGISTRY,
}
_INITIATED = {"%%14592": "false", "%%14593": "true"}
_HIVES = (
    (re.compile(r"^\\REGISTRY\\MACHINE", re.IGNORECASE), "HKLM"),
    (re.compile(r"^\\REGISTRY\\USER", re.IGNORECASE), "HKU"),
    (re.compile(r"^(HKLM\\SYSTEM)\\ControlSet\d{3}(?=\\|$)", re.IGNORECASE), r"\1\\CurrentControlSet"),
)

#: Events about an account that somebody logs in to; in all others, the subject acts.
_LOGINS = frozenset({"4624", "4625", "4634", "4647", "4768", "4769", "4770", "4771", "4772", "4773", "4776", "4777"})
_SUBJECTS = ("SubjectUserName", "User", "SourceUser", "TargetUserName", "DetectionUser")
_MACHINE = frozenset({"", "-", "system", "local service", "network service", "anonymous logon", "iusr", "n/a"})
_ADDRESSES = ("IpAddress", "ClientAddress", "ClientIP", "Address", "SourceNetworkAddress")
_CALLERS = ("SourceIp", "SourceAddress")  # of a connection; our own where it was begun here
_PEERS = ("WorkstationName", "Workstation", "ClientName")


def looked_at(fields: Collection[str]) -> frozenset[str]:
    """Those of an event's fields that :func:`add_spoken` and :func:`add_actors` look at."""
    machine = () if set(_PEERS).isdisjoint(fields) else (WINDOWS_ACTORS.target,)
    return (LOOKED_AT | set(machine)).intersection(fields)


#: All that :func:`looked_at` may name.
LOOKED_AT = frozenset(
    {
        *(EVENT_ID, *_SUBJECTS, *_ADDRESSES, *_CALLERS, *_PEERS),
        *("SubjectDomainName", "Direction", "Initiated", "ObjectName", "ObjectValueName"),
    }
)


def audited(source: LogSource) -> Mapping[str, str]:
    """The names that rules of a category use for fields of the Security log, with those fields' own names."""
    return _AUDITED[source.category] if source.service == SECURITY and source.category else {}


def add_audited(source: LogSource, columns: Columns) -> None:
    """Add the names that rules of a category use for what the Security log says; those that are there stay."""
    for name, logged in audited(source).items():
        if logged in columns:
            columns.setdefault(name, columns[logged])
    add_spoken(source, columns)


def add_spoken(source: LogSource, columns: Columns) -> None:
    """Add what rules of a category expect in other words than the Security log's."""
    if not audited(source):
        return
    if "SubjectUserName" in columns and "User" not in columns:
        accounts = columns["SubjectUserName"]
        domains = columns.get("SubjectDomainName", [None] * len(accounts))
        columns["User"] = [_qualified(account, domain) for account, domain in zip(accounts, domains, strict=True)]
    if source.category == "network_connection" and "Direction" in columns:
        columns["Initiated"] = [_INITIATED.get(each or "") for each in columns["Direction"]]
    if source.category.startswith("registry_") and "ObjectName" in columns:
        keys = columns["ObjectName"]
        names = columns.get("ObjectValueName", [None] * len(keys))
        columns["EventType"] = ["DeleteValue" if source.category == "registry_delete" else "SetValue"] * len(keys)
        columns["TargetObject"] = [_registry_path(key, name) for key, name in zip(keys, names, strict=True)]


def _qualified(account: str | None, domain: str | None) -> str | None:
    return f"{domain}\\{account}" if account is not None and domain and domain != "-" else account


@lru_cache(maxsize=4096)
def _registry_path(key: str | None, value: str | None) -> str | None:
    r"""A key and the value in it as Sysmon writes them: ``HKLM\System\CurrentControlSet\...``."""
    if key is None:
        return None
    for pattern, short in _HIVES:
        key = pattern.sub(short, key)
    return f"{key}\\{value}" if value else key


def add_actors(columns: Columns) -> None:
    """Add who acts, from where, under which name."""
    ids = columns[EVENT_ID]
    logins = [each in _LOGINS for each in ids]
    if all(logins):
        users = _first_of(columns, ("TargetUserName",), _account)
    else:
        users = _first_of(columns, _SUBJECTS, _account)
        if any(logins):  # only where a block has too many kinds to be told apart
            targets = _first_of(columns, ("TargetUserName",), _account) or [None] * len(ids)
            subjects = users or [None] * len(ids)
            users = [t if login else s for login, t, s in zip(logins, targets, subjects, strict=True)]
    addresses = _first_of(columns, _ADDRESSES, _address)
    if "Initiated" in columns and (callers := _first_of(columns, _CALLERS, _address)) is not None:
        addresses = [ip if each == "false" else None for each, ip in zip(columns["Initiated"], callers, strict=True)]
    peers = _first_of(columns, _PEERS, _peer)
    if peers is not None:
        machines = columns[WINDOWS_ACTORS.target]
        peers = [None if _same_machine(peer, own) else peer for peer, own in zip(peers, machines, strict=True)]
    nobody: Texts = [None] * len(ids)
    columns[WINDOWS_ACTORS.user] = nobody if users is None else users
    columns[WINDOWS_ACTORS.ip] = nobody if addresses is None else addresses
    columns[WINDOWS_ACTORS.host] = nobody if peers is None else peers


def _first_of(columns: Columns, names: Sequence[str], told: Callable[[str], str | None]) -> Texts | None:
    """Per event, the first of the columns that tells somebody; None where there is no such column."""
    present = [columns[name] for name in names if name in columns]
    if not present:
        return None
    found: Texts = [told(each) if each else None for each in present[0]]
    for more in present[1:]:
        found = [
            (told(other) if other else None) if each is None else each for each, other in zip(found, more, strict=True)
        ]
    return found


@lru_cache(maxsize=4096)
def _account(logged: str) -> str | None:
    """An account's bare name; None for the machine's own accounts, which act for anybody and nobody."""
    name = logged.rpartition("\\")[2].partition("@")[0]
    own = name.lower() in _MACHINE or name.endswith("$") or name.upper().startswith(("DWM-", "UMFD-"))
    return None if own else name


@lru_cache(maxsize=4096)
def _address(logged: str) -> str | None:
    """The address of somebody else, with or without a port; None for this machine's own."""
    found = address(logged) or address(split_host_port(logged)[0])
    return None if found is None or found.startswith("127.") or found in {"::1", "0.0.0.0", "::"} else found  # noqa: S104 - compared


def _peer(logged: str) -> str | None:
    return None if logged == "-" else logged


def _same_machine(peer: str | None, own: str | None) -> bool:
    return peer is not None and own is not None and peer.lower() == own.partition(".")[0].lower()
