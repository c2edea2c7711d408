"""Microsoft Defender's advanced hunting tables: what programs did on machines, and who logged in where.

What happens on machines becomes events of Sigma's Windows categories, in the field names that Sysmon gave them, as
Sigma's own mapping for these tables has it; log-ins become log-ins.
Source: Defender XDR "advanced hunting schema"; pySigma's pipeline for Microsoft XDR.
"""

from __future__ import annotations

from typing import Final

from pollwatch.formats.framing import Value
from pollwatch.formats.framing_cloud import CloudEvent, Deed, Fields, Record, given, text

_ACTOR: Final = {"Image": "InitiatingProcessFolderPath", "CommandLine": "InitiatingProcessCommandLine"}
_PROCESS: Final = {
    "Image": "FolderPath",
    "CommandLine": "ProcessCommandLine",
    "OriginalFileName": "ProcessVersionInfoOriginalFileName",
    "Description": "ProcessVersionInfoFileDescription",
    "Product": "ProcessVersionInfoProductName",
    "Company": "ProcessVersionInfoCompanyName",
    "IntegrityLevel": "ProcessIntegrityLevel",
    "ProcessId": "ProcessId",
    "User": "AccountName",
    "ParentImage": "InitiatingProcessFolderPath",
    "ParentCommandLine": "InitiatingProcessCommandLine",
    "ParentProcessId": "InitiatingProcessId",
    "ParentUser": "InitiatingProcessAccountName",
}
_NETWORK: Final = _ACTOR | {
    "DestinationIp": "RemoteIP",
    "DestinationPort": "RemotePort",
    "DestinationHostname": "RemoteUrl",
    "SourceIp": "LocalIP",
    "SourcePort": "LocalPort",
    "Protocol": "Protocol",
    "User": "InitiatingProcessAccountName",
}
_FILE: Final = _ACTOR | {"TargetFilename": "FolderPath", "User": "InitiatingProcessAccountName"}
_IMAGE: Final = _ACTOR | {"ImageLoaded": "FolderPath", "User": "InitiatingProcessAccountName"}
_REGISTRY: Final = _ACTOR | {"Details": "RegistryValueData", "User": "InitiatingProcessAccountName"}
#: What was done -> Sigma's category, and its fields.
_CATEGORIES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "ProcessCreated": ("process_creation", _PROCESS),
    "ConnectionSuccess": ("network_connection", _NETWORK),
    "ConnectionAttempt": ("network_connection", _NETWORK),
    "ConnectionRequest": ("network_connection", _NETWORK),
    "FileCreated": ("file_event", _FILE),
    "FileModified": ("file_event", _FILE),
    "FileRenamed": ("file_rename", _FILE),
    "FileDeleted": ("file_delete", _FILE),
    "ImageLoaded": ("image_load", _IMAGE),
    "RegistryValueSet": ("registry_set", _REGISTRY),
    "RegistryKeyCreated": ("registry_add", _REGISTRY),
    "RegistryKeyDeleted": ("registry_delete", _REGISTRY),
    "RegistryValueDeleted": ("registry_delete", _REGISTRY),
}
_LOGINS: Final = {"LogonSuccess": "success", "LogonFailed": "failure", "LogonAttempted": ""}


def read(record: Record, fields: Fields) -> CloudEvent | None:
    """A row of one of the tables; None where it is none."""
    action = record.get("ActionType")
    if not isinstance(action, str) or "Timestamp" not in record or not _TABLE & record.keys():
        return None
    values = fields(record)
    login = _LOGINS.get(action)
    category, names = _CATEGORIES.get(action, ("", {}))
    values |= given({ours: text(record, theirs) for ours, theirs in names.items()})
    if category:
        values |= given(
            {"Computer": text(record, "DeviceName"), "Hashes": _hashes(record), **_target(record, category)}
        )
    deed = Deed(
        operation=action,
        ip=text(record, "IPAddress") or (text(record, "RemoteIP") if login is not None else None),
        user=_account(record),
        host=text(record, "RemoteDeviceName"),
        target=text(record, "DeviceName", "TargetDeviceName", "DestinationDeviceName", "Application"),
        outcome={"success": "success", "failure": "failure"}.get(login or ""),
        login=login,
    )
    product, service = ("windows", "") if category else ("m365", "defender")
    return CloudEvent(product, service, record["Timestamp"], values, deed, category)


#: Fields of which each table has one.
_TABLE: Final = frozenset({"DeviceName", "ReportId", "AccountUpn", "DeviceId"})


def _account(record: Record) -> str | None:
    return text(record, "AccountUpn", "AccountName", "InitiatingProcessAccountUpn", "InitiatingProcessAccountName")


def _hashes(record: Record) -> str | None:
    known = ((name, text(record, name)) for name in ("SHA1", "MD5", "SHA256"))
    return ",".join(f"{name}={value}" for name, value in known if value) or None


def _target(record: Record, category: str) -> dict[str, Value]:
    """Key and value of the registry in one, as Sysmon writes them."""
    if not category.startswith("registry"):
        return {}
    key, value = text(record, "RegistryKey") or "", text(record, "RegistryValueName")
    key = key.replace("HKEY_LOCAL_MACHINE", "HKLM", 1).replace("HKEY_CURRENT_USER", "HKCU", 1)
    return {"TargetObject": f"{key}\\{value}" if value else key or None}
