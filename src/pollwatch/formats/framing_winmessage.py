"""What the text of a Windows event says, where an export has nothing but that text: its lines as the event's fields.

Texts are in the language of the machine, but their lines stand in one order whatever the language: an event's text is
a template with a line per field. So a line's place among the lines that have a value tells its field, for the events
and versions listed here; a text with another number of lines is left as it is. Sysmon's lines are named like its
fields in every language. Source: "Advanced security auditing", Microsoft; Sysmon's and the services' manifests.
"""

from __future__ import annotations

import re
from typing import Final

_SUBJECT = ("SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId")
_TARGET = ("TargetUserSid", "TargetUserName", "TargetDomainName", "TargetLogonId")
_ACCOUNT = ("TargetSid", "TargetUserName", "TargetDomainName")
_PROCESS = ("ProcessId", "ProcessName")
_NETWORK = ("WorkstationName", "IpAddress", "IpPort")
_DETAIL = ("LogonProcessName", "AuthenticationPackageName", "TransmittedServices", "LmPackageName", "KeyLength")
_FROM = ("IpAddress", "IpPort")
_CERTIFICATE = ("CertIssuerName", "CertSerialNumber", "CertThumbprint")
_SHARE = (*_SUBJECT, "ObjectType", *_FROM, "ShareName", "ShareLocalPath")
_TASK = (*_SUBJECT, "TaskName", "TaskContent")
_MEMBER = (*_SUBJECT, "MemberSid", "MemberName", "TargetSid", "TargetUserName", "TargetDomainName", "PrivilegeList")
_OBJECT = (*_SUBJECT, "ObjectServer", "ObjectType", "ObjectName", "HandleId")
_ATTRIBUTES = (
    *("SamAccountName", "DisplayName", "UserPrincipalName", "HomeDirectory", "HomePath", "ScriptPath", "ProfilePath"),
    *("UserWorkstations", "PasswordLastSet", "AccountExpires", "PrimaryGroupId", "AllowedToDelegateTo"),
    *("OldUacValue", "NewUacValue", "UserAccountControl", "UserParameters", "SidHistory", "LogonHours"),
)
_OLD_PROCESS = (*_SUBJECT, "NewProcessId", "NewProcessName", "TokenElevationType", "ProcessId")
_NEW_PROCESS = (
    *(*_SUBJECT, *_TARGET, "NewProcessId", "NewProcessName", "TokenElevationType", "MandatoryLabel"),
    *("ProcessId", "ParentProcessName", "CommandLine"),
)
_LOGON = (*_SUBJECT, "LogonType")
_NEW_LOGON = (*_TARGET, "TargetLinkedLogonId", "TargetOutboundUserName", "TargetOutboundDomainName", "LogonGuid")
_CONNECTED = (*_PROCESS, *_NETWORK, *_DETAIL)
_SESSION = ("User", "SessionID", "Address")

#: Per event the fields of its lines that have a value, in their order; one entry per version that Windows wrote.
_SECURITY: Final[dict[int, tuple[tuple[str, ...], ...]]] = {
    1102: (_SUBJECT,),
    4616: ((*_SUBJECT, *_PROCESS, "PreviousTime", "NewTime"),),
    4624: (
        (*_LOGON, *_TARGET, "LogonGuid", *_CONNECTED),
        (*_LOGON, "ImpersonationLevel", *_TARGET, "LogonGuid", *_CONNECTED),
        (
            *_LOGON,
            "RestrictedAdminMode",
            "VirtualAccount",
            "ElevatedToken",
            "ImpersonationLevel",
            *_NEW_LOGON,
            *_CONNECTED,
        ),
        (
            *(*_LOGON, "RestrictedAdminMode", "RemoteCredentialGuard", "VirtualAccount", "ElevatedToken"),
            *("ImpersonationLevel", *_NEW_LOGON, *_CONNECTED),
        ),
    ),
    4625: ((*_LOGON, *_TARGET[:3], "FailureReason", "Status", "SubStatus", *_CONNECTED),),
    4634: ((*_TARGET, "LogonType"),),
    4647: (_TARGET,),
    4648: (
        (
            *(*_SUBJECT, "LogonGuid", "TargetUserName", "TargetDomainName", "TargetLogonGuid", "TargetServerName"),
            *("TargetInfo", *_PROCESS, *_FROM),
        ),
    ),
    4656: (
        (
            *(*_OBJECT, "ResourceAttributes", *_PROCESS, "TransactionId", "AccessList", "AccessReason", "AccessMask"),
            *("PrivilegeList", "RestrictedSidCount"),
        ),
    ),
    4663: (
        (*_OBJECT, *_PROCESS, "AccessList", "AccessMask"),
        (*_OBJECT, "ResourceAttributes", *_PROCESS, "AccessList", "AccessMask"),
    ),
    4672: ((*_SUBJECT, "PrivilegeList"),),
    4688: (_OLD_PROCESS, (*_OLD_PROCESS, "CommandLine"), _NEW_PROCESS),
    4689: ((*_SUBJECT, *_PROCESS, "Status"),),
    4697: ((*_SUBJECT, "ServiceName", "ServiceFileName", "ServiceType", "ServiceStartType", "ServiceAccount"),),
    **dict.fromkeys((4698, 4699, 4700, 4701, 4702), (_TASK,)),
    4719: ((*_SUBJECT, "CategoryId", "SubcategoryId", "SubcategoryGuid", "AuditPolicyChanges"),),
    **dict.fromkeys((4720, 4738), ((*_SUBJECT, *_ACCOUNT, *_ATTRIBUTES, "PrivilegeList"),)),
    **dict.fromkeys((4722, 4723, 4724, 4725, 4726), ((*_SUBJECT, *_ACCOUNT), (*_SUBJECT, *_ACCOUNT, "PrivilegeList"))),
    **dict.fromkeys((4728, 4729, 4732, 4733, 4756, 4757), (_MEMBER, _MEMBER[:-1])),
    4740: ((*_SUBJECT, "TargetSid", "TargetUserName", "TargetDomainName"),),
    4768: (
        (
            *("TargetUserName", "TargetDomainName", "TargetSid", "ServiceName", "ServiceSid", *_FROM, "TicketOptions"),
            *("Status", "TicketEncryptionType", "PreAuthType", *_CERTIFICATE),
        ),
    ),
    4769: (
        (
            *("TargetUserName", "TargetDomainName", "LogonGuid", "ServiceName", "ServiceSid", *_FROM, "TicketOptions"),
            *("TicketEncryptionType", "Status", "TransmittedServices"),
        ),
    ),
    4771: (
        ("TargetSid", "TargetUserName", "ServiceName", *_FROM, "TicketOptions", "Status", "PreAuthType", *_CERTIFICATE),
    ),
    4776: (("PackageName", "TargetUserName", "Workstation", "Status"),),
    **dict.fromkeys(
        (4778, 4779), (("AccountName", "AccountDomain", "LogonID", "SessionName", "ClientName", "ClientAddress"),)
    ),
    4781: ((*_SUBJECT, "TargetSid", "TargetDomainName", "OldTargetUserName", "NewTargetUserName", "PrivilegeList"),),
    5140: ((*_SHARE, "AccessMask", "AccessList"),),
    5145: ((*_SHARE, "RelativeTargetName", "AccessMask", "AccessList"),),
}
_OTHERS: Final[dict[tuple[str, int], tuple[tuple[str, ...], ...]]] = {
    ("system", 7045): (("ServiceName", "ImagePath", "ServiceType", "StartType", "AccountName"),),
    **{("terminalservices-localsessionmanager", each): (_SESSION, _SESSION[:2]) for each in (21, 22, 23, 24, 25)},
    ("terminalservices-remoteconnectionmanager", 1149): (("Param1", "Param2", "Param3"),),
    ("windefend", 5007): (("OldValue", "NewValue"),),
}
#: Texts of the protection against malware name what they say; only the language of most machines is known here.
_DEFENDER: Final = {
    "name": "ThreatName",
    "id": "ThreatID",
    "severity": "SeverityName",
    "category": "CategoryName",
    "path": "Path",
    "user": "DetectionUser",
    "process name": "ProcessName",
    "action": "ActionName",
}
#: A line with a value: behind a tab or two blanks; or indented, with no value, or with one behind a blank.
_LINE = re.compile(
    r"^(?:\s*[^\t:\uff1a]{1,80}?[ \u00a0\u202f]?[:\uff1a]{1,2}(?:\t[\t ]*| {2,})(.*)"
    r"|\t+[^\t:\uff1a]{1,80}?[ \u00a0\u202f]?[:\uff1a] ?(.*))$"
)
#: A line with a value behind a single blank, in texts without indentation.
_LOOSE = re.compile(r"^\s*([^\t:\uff1a]{1,80}?)[ \u00a0\u202f]?[:\uff1a][\t ]*(.*)$")
_HEADING = re.compile(r"^\S[^\t]*[:\uff1a]\s*$")
_SYSMON_LINE = re.compile(r"^([A-Z]\w{1,40}): ?(.*)$")
_PARTS = re.compile(r"\((\d+)\D{1,20}(\d+)\)[:\uff1a]\s*\n?")
_SCRIPT_END = re.compile(
    r"\n[^\n:\uff1a]{1,60}[:\uff1a]\s*([0-9a-fA-F-]{36})\s*\n[^\n:\uff1a]{1,40}[:\uff1a][ \t]*([^\n]*)\s*$"
)
_CONTEXT = re.compile(r"\n\s*\n?[^\n=:\uff1a]{1,40}[:\uff1a]\s*\n(?=\s+[^\n=]{1,40} = )")
#: How some lines of a failed log-in look in every language.
_FORMS: Final = {
    "SubjectLogonId": re.compile(r"0x[0-9a-fA-F]+"),
    "LogonType": re.compile(r"[0-9]{1,2}"),
    "Status": re.compile(r"0x[0-9a-fA-F]+"),
    "SubStatus": re.compile(r"0x[0-9a-fA-F]+"),
}
_MOST_LINES = 400


def fields(service: str, event_id: int, message: str) -> dict[str, str]:
    """The event's fields that its text shows; none where the text is not one of those known here.

    Args:
        service: Sigma's service of its channel.
        event_id: its number.
        message: the text, lines separated in any way.
    """
    text = message.replace("\r\n", "\n").replace("\r", "\n")
    if service == "sysmon":
        return _of_sysmon(text)
    if service == "powershell":
        return _of_powershell(event_id, text)
    if service == "windefend" and event_id != 5007:
        return _of_defender(text)
    versions = _SECURITY.get(event_id, ()) if service == "security" else _OTHERS.get((service, event_id), ())
    if not versions:
        return {}
    found = _values(text, loose=service != "security")
    names = next((each for each in versions if len(each) == len(found)), ())
    if not names and (service, event_id) == ("security", 4625):
        return _of_cut(versions[0], found)
    return dict(zip(names, found, strict=bool(names)))


def _of_cut(names: tuple[str, ...], found: list[str]) -> dict[str, str]:
    """What a shipper with a limit left of a failed log-in's text: its first lines, if they are what they must be.

    The last one may have been cut itself and is left out: half an address is another address.
    """
    told = dict(zip(names, found[:-1], strict=False))
    if len(found) > len(names) or not told.get("TargetUserName"):
        return {}
    return told if all(form.fullmatch(told[name]) for name, form in _FORMS.items() if name in told) else {}


def _values(text: str, *, loose: bool) -> list[str]:
    """The values of a text's lines, in order; lines that go on are part of the value before them."""
    found: list[list[str]] = []
    for line in text.split("\n")[1:_MOST_LINES]:
        bare = line.strip()
        match = None if bare.startswith("<") else (_LOOSE if loose else _LINE).match(line)
        if match and not (not loose and _HEADING.match(line)):
            found.append([(match[match.lastindex or 0] or "").strip()])
        elif bare and found and (line[:1].isspace() or bare.startswith("<")):
            found[-1].append(bare)
        elif bare and found and not _HEADING.match(line):
            break  # from here on it explains
    return ["\n".join(each).strip() for each in found]


def _of_sysmon(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    last = ""
    for line in text.split("\n")[1:_MOST_LINES]:
        match = _SYSMON_LINE.match(line)
        if match and match[1] not in found:
            last = match[1]
            found[last] = match[2].rstrip()
        elif last and line:
            found[last] += "\n" + line
    return found


def _of_defender(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.split("\n")[1:_MOST_LINES]:
        match = _LOOSE.match(line)
        if match and (name := _DEFENDER.get(match[1].strip().lower())):
            found.setdefault(name, match[2].strip())
    return found


def _of_powershell(event_id: int, text: str) -> dict[str, str]:
    if event_id == 4104:
        start, end = _PARTS.search(text), _SCRIPT_END.search(text)
        if start is None:
            return {}
        told = {"MessageNumber": start[1], "MessageTotal": start[2]}
        told["ScriptBlockText"] = text[start.end() : end.start() if end else len(text)].strip("\n")
        return told | ({"ScriptBlockId": end[1], "Path": end[2]} if end else {})
    context = _CONTEXT.search(text) if event_id == 4103 else None
    if context is None:
        return {}
    return {"Payload": text[: context.start()].strip(), "ContextInfo": text[context.end() :].strip("\n")}
