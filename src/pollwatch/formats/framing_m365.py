"""Microsoft 365's unified audit log, as the Management API and the exports of Purview and PowerShell give it.

Its lists of names and values (``Parameters``, ``OperationProperties``, ``ExtendedProperties``, ...) become columns
named ``Parameters.ForwardTo``, and stand as a whole besides. SigmaHQ's rules call the same record by ``m365/audit``
(``Workload``, ``Operation``) and by the names of an older interface (``eventSource``, ``eventName``, ``status``):
both are there.
Source: "Office 365 Management Activity API schema"; "Audit log activities".
"""

from __future__ import annotations

import re
from typing import Final

from pollwatch.formats.framing import Value
from pollwatch.formats.framing_azurenames import ACTIVITIES, DENIED, UNKNOWN, WRONG
from pollwatch.formats.framing_cloud import CloudEvent, Deed, Fields, Record, given, parts, text
from pollwatch.formats.framing_json import flat_name, json_text

PRODUCT: Final = "m365"
SERVICE: Final = "audit"

#: Lists of ``{"Name": ..., "Value": ...}``; rules name the fields of these two also without their list's name.
_ALONE = ("ExtendedProperties", "ModifiedProperties")
_PAIRS = ("Parameters", "OperationProperties", "DeviceProperties", *_ALONE)
_KINDS: Final = {
    "mail-rule": (
        "New-InboxRule", "Set-InboxRule", "Enable-InboxRule", "UpdateInboxRules", "New-TransportRule",
        "Set-TransportRule", "Enable-TransportRule", "Set-MailboxAutoReplyConfiguration",
    ),
    "read": ("FileAccessed", "FileAccessedExtended", "FilePreviewed", "MailItemsAccessed", "SearchQueryPerformed"),
    "download": ("FileDownloaded", "FileSyncDownloadedFull", "FileSyncDownloadedPartial"),
    "delete": (
        "FileDeleted", "FileRecycled", "FolderDeleted", "FolderRecycled", "FileDeletedFirstStageRecycleBin",
        "FileDeletedSecondStageRecycleBin", "FileVersionsAllDeleted", "HardDelete", "SoftDelete", "MoveToDeletedItems",
        "Remove-Mailbox", "SiteDeleted",
    ),
    "share": (
        "AnonymousLinkCreated", "AnonymousLinkUpdated", "AnonymousLinkUsed", "SecureLinkCreated",
        "Add-MailboxPermission", "Add-MailboxFolderPermission", "AddFolderPermissions", "Add-RecipientPermission",
        "SharingInvitationCreated",
    ),
    "role-given": ("Add-RoleGroupMember", "New-ManagementRoleAssignment", "SiteCollectionAdminAdded"),
    "account-made": ("New-Mailbox", "New-MailUser"),
    "log-off": (
        "Set-AdminAuditLogConfig", "Set-MailboxAuditBypassAssociation", "Remove-UnifiedAuditLogRetentionPolicy",
    ),
    "policy": (
        "Set-CASMailbox", "Add-FederatedDomain", "New-AcceptedDomain", "Set-TransportConfig", "Disable-AntiPhishRule",
        "Remove-AntiPhishPolicy", "Disable-SafeLinksRule", "Remove-SafeLinksRule", "Disable-SafeAttachmentRule",
        "Remove-SafeAttachmentRule", "Disable-MalwareFilterRule", "Remove-MalwareFilterPolicy",
        "Set-HostedContentFilterPolicy", "SharingPolicyChanged", "Set-AuthenticationPolicy",
    ),
}  # fmt: skip
KINDS: Final = {name: kind for kind, names in _KINDS.items() for name in names}
_KEY = re.compile(r"[A-Za-z][\w.]{0,63}")
_FORWARDS = (
    "Parameters.ForwardingSmtpAddress",
    "Parameters.ForwardingAddress",
    "Parameters.DeliverToMailboxAndForward",
)
_SUCCEEDED = frozenset({"", "success", "succeeded", "true", "partiallysucceeded", "completed"})
_COMPLIANCE = "SecurityComplianceCenter"
_ALERTS = ("AlertTriggered", "AlertEntityGenerated", "AlertUpdated")
_SIGN_INS = {"UserLoggedIn": "success", "UserLoginFailed": "failure", "TeamsSessionStarted": ""}


def read(record: Record, fields: Fields) -> CloudEvent | None:
    """A record, or None where it is none of this log."""
    operation = record.get("Operation")
    if not isinstance(operation, str) or "CreationTime" not in record or "UserId" not in record:
        return None
    if not ("Workload" in record or "RecordType" in record):
        return None
    values = fields({name: value for name, value in record.items() if name not in _PAIRS or isinstance(value, str)})
    for name in _PAIRS:
        values |= _pairs(record, name)
    alert = operation in _ALERTS
    failed = (text(record, "ResultStatus") or "").lower() not in _SUCCEEDED
    values |= given({
        "eventSource": text(record, "Workload"),
        "eventName": text(record, "Name") if alert else operation,
        "status": None if failed else "success",
        "Payload": f"{operation} {values.get('Parameters') or ''}" if text(record, "Workload") == _COMPLIANCE else None,
    })  # fmt: skip
    return CloudEvent(PRODUCT, SERVICE, record["CreationTime"], values, _deed(record, operation, values, failed=failed))


def _pairs(record: Record, name: str) -> dict[str, Value]:
    """A list of names and values as columns, and as a whole."""
    found: dict[str, Value] = {}
    listed = parts(record, name)
    for each in listed[:64]:
        key, value = text(each, "Name"), text(each, "Value", "NewValue")
        if key and value is not None and _KEY.fullmatch(key):
            found[f"{name}.{key}"] = value
            if name in _ALONE and key not in record:
                found[flat_name(key)] = value
    if listed:
        found[name] = json_text(listed)
    return found


def _deed(record: Record, operation: str, values: dict[str, Value], *, failed: bool) -> Deed:
    login = _SIGN_INS.get(operation)
    kind = KINDS.get(operation) or ACTIVITIES.get(operation.rstrip(". ").lower())
    if operation == "Set-Mailbox" and any(values.get(each) for each in _FORWARDS):
        kind = "mail-rule"
    if operation in {"Set-Mailbox", "Set-OrganizationConfig"} and _audit_off(values):
        kind = "log-off"
    if login == "failure":
        login, kind = _failure(record)
    target = (
        text(record, "Workload")
        if login is not None
        else text(record, "MailboxOwnerUPN", "ObjectId", "SiteUrl", "DestinationFileName", "SourceFileName")
    )
    agent = values.get("UserAgent")
    return Deed(
        operation=operation,
        ip=text(record, "ClientIPAddress", "ClientIP", "ActorIpAddress", "SenderIp"),
        user=text(record, "UserId"),
        target=_named(record) if operation.rstrip(".").startswith(("Add member", "Remove member")) else target,
        kind=kind,
        outcome="failure" if failed or login in {"failure", "invalid_user", "denied"} else "success",
        agent=str(agent) if agent else text(record, "UserAgent", "ClientInfoString", "BrowserName"),
        device=text(record, "DeviceId", "DeviceProperties.Id"),
        login=login,
    )


def _failure(record: Record) -> tuple[str, str | None]:
    """What became of a log-in that failed, and of which kind it was."""
    code, reason = text(record, "ErrorNumber") or "", text(record, "LogonError") or ""
    if code == "500121":
        return "", "mfa-refused"
    if code in UNKNOWN or reason == "UserAccountNotFound":
        return "invalid_user", None
    if code in DENIED or reason in {"IdsLocked", "UserDisabled", "BlockedByConditionalAccess"}:
        return "denied", None
    if (
        code in WRONG
        or reason in {"InvalidUserNameOrPassword", "InvalidPasswordExpiredPassword"}
        or not (code or reason)
    ):
        return "failure", None
    return "", None


def _audit_off(values: dict[str, Value]) -> bool:
    enabled, disabled = values.get("Parameters.AuditEnabled"), values.get("Parameters.AuditDisabled")
    return str(enabled).strip("$").lower() == "false" or str(disabled).strip("$").lower() == "true"


def _named(record: Record) -> str | None:
    """The account that was put into a role or group: the object, by its name."""
    return text(record, "ObjectId") or next((text(each, "ID") for each in parts(record, "Target")), None)


def of_row(row: dict[str, str]) -> Record | None:
    """A line of an export: the record stands as JSON in one of its cells."""
    if "auditdata" not in row or not ({"operation", "operations"} & row.keys()):
        return None
    return {"AuditData": row["auditdata"], "Operation": row.get("operation") or row.get("operations")}
