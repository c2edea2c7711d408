"""Entra's sign-in and audit logs, its risk detections, and Azure's activity log, in all shapes that are handed on.

Microsoft Graph gives the bare record, diagnostic settings put it under ``properties`` of a common head, Log Analytics
writes its names with capitals and nested objects as JSON text, and the portals export tables. Names are therefore
compared without case; SigmaHQ's rules (``azure/signinlogs``, ``auditlogs``, ``activitylogs``, ``riskdetection``) are,
too, and find in addition the names that only they use (``properties.message``, ``ResultType``, ``Status``).
Source: Graph reference "signIn", "directoryAudit", "riskDetection"; Azure Monitor "activity log event schema";
Entra "authentication and authorization error codes".
"""

from __future__ import annotations

from typing import Any, Final

from pollwatch.formats.framing import Value
from pollwatch.formats.framing_azurenames import ACTIVITIES, DENIED, OPERATIONS, UNKNOWN, WRONG
from pollwatch.formats.framing_cloud import CloudEvent, Deed, Fields, Record, degrees, given, opened, part, parts, text
from pollwatch.formats.framing_json import json_text

PRODUCT: Final = "azure"
SIGN_IN, AUDIT, ACTIVITY, RISK = "signinlogs", "auditlogs", "activitylogs", "riskdetection"

_ACTIVITY_CATEGORIES = frozenset(
    {"administrative", "security", "servicehealth", "alert", "autoscale", "recommendation", "policy", "resourcehealth"}
)
_SIGN_IN_CATEGORIES = ("signinlogs", "usersigninlogs", "serviceprincipalsigninlogs", "managedidentitysigninlogs")
#: How a client asked for the token -> what rules call it.
_PROTOCOLS = {"devicecode": "Device Code", "ropc": "ROPC"}
_STEP = "authenticationstepresultdetail"
#: Changed properties that become columns of their own.
_TOLD = (
    *("ConsentContext.IsAdminConsent", "ConsentAction.Permissions", "DelegatedPermissionGrant.Scope", "AppRole.Value"),
    *("Role.DisplayName", "Role.TemplateId", "AccountEnabled", "StrongAuthenticationRequirement"),
)


def read(record: Record, fields: Fields) -> CloudEvent | None:
    """A record, or None where it is none of these logs."""
    record = {name: opened(value) for name, value in record.items()}
    head = _lowered(record)
    inner = head.get("properties")
    body = inner if isinstance(inner, dict) else head
    category = (text(head, "category") or "").lower()
    if _is_sign_in(body, category):
        return _sign_in(record, head, body, fields)
    if "initiatedby" in body and "targetresources" in body:
        return _audit(record, head, body, fields)
    if "riskeventtype" in body and ("risklevel" in body or "riskstate" in body):
        return _risk(record, head, body, fields)
    operation = _plain(head, "operationnamevalue", "operationname")
    where = text(head, "calleripaddress", "caller", "_resourceid", "resourceid", "resourceuri", "subscriptionid")
    if operation and "/" in operation and where and _plain(head, "categoryvalue", "category"):
        kind = (_plain(head, "categoryvalue", "category") or "").lower()
        return _activity(record, head, operation, fields) if kind in _ACTIVITY_CATEGORIES else None
    return None


def _lowered(record: Record) -> Record:
    """The record with names in lower case, at any depth: PowerShell writes them with capitals."""
    return {name.lower(): _lowered_too(value) for name, value in record.items()}


def _lowered_too(value: Any) -> Any:  # noqa: ANN401 - any JSON value, of bounded depth
    if isinstance(value, dict):
        return _lowered(value)
    return [_lowered_too(each) for each in value] if isinstance(value, list) else value


def _plain(body: Record, *names: str) -> str | None:
    """A text that some shapes wrap as ``{"value": ..., "localizedvalue": ...}``."""
    for name in names:
        value = body.get(name)
        found = text(value, "value", "localizedvalue") if isinstance(value, dict) else text(body, name)
        if found is not None:
            return found
    return None


def _all(record: Record, fields: Fields) -> dict[str, Value]:
    """The fields of the head and, before them where both have one, of what it carries."""
    inner = record.get("properties")
    if not isinstance(inner, dict):
        return fields(record)
    mine = fields(inner)
    hidden = {name.lower() for name in mine}
    outer = fields({name: value for name, value in record.items() if name != "properties"})
    return {name: value for name, value in outer.items() if name.lower() not in hidden} | mine


def _is_sign_in(body: Record, category: str) -> bool:
    if category.endswith(_SIGN_IN_CATEGORIES):
        return True
    who = "userprincipalname" in body or "serviceprincipalid" in body or "serviceprincipalname" in body
    what = "appid" in body or "appdisplayname" in body
    return who and what and "ipaddress" in body and ("status" in body or "resulttype" in body)


def _sign_in(record: Record, head: Record, body: Record, fields: Fields) -> CloudEvent:
    status, device, place = part(body, "status"), part(body, "devicedetail"), part(body, "location")
    place = place or part(body, "locationdetails")
    coordinates = part(place, "geocoordinates")
    code = text(status, "errorcode") or text(body, "resulttype") or text(head, "resulttype") or ""
    reason = text(status, "failurereason") or text(body, "resultdescription") or text(head, "resultdescription")
    detail = text(status, "additionaldetails") or ""
    steps = " ".join(text(each, _STEP) or "" for each in parts(body, "authenticationdetails"))
    refused = code == "500121" or (code != "0" and "mfa denied" in f"{detail} {steps}".lower())
    login, outcome = _outcome(code, reason)
    shown = (
        detail if "mfa denied" in detail.lower() else {"success": "Success", "failure": "Failure"}.get(outcome or "")
    )
    protocol = (text(body, "authenticationprotocol") or "").lower()
    values = _all(record, fields) | given({
        "ResultType": code or None,
        "ResultDescription": reason,
        "Status": shown,
        "ActivityDetails": "Sign-ins",
        "ClientApp": text(body, "clientappused"),
        "properties.message": _PROTOCOLS.get(protocol),
        "NetworkLocationDetails": _json(body.get("networklocationdetails")),
        "MfaDetail": f"{detail} {steps}".strip() or None,
    })  # fmt: skip
    deed = Deed(
        operation="Sign-in",
        ip=text(body, "ipaddress") or text(head, "calleripaddress"),
        user=_principal(body) or text(head, "identity"),
        host=text(device, "displayname"),
        target=text(body, "appdisplayname", "resourcedisplayname"),
        kind="mfa-refused" if refused else "sign-in",
        outcome="failure" if refused else outcome,
        agent=text(body, "useragent"),
        country=text(place, "countryorregion") or text(body, "location") or text(head, "location"),
        place=degrees(coordinates.get("latitude"), coordinates.get("longitude")),
        network=text(body, "autonomoussystemnumber"),
        device=text(device, "deviceid"),
        login="" if refused else login,
    )
    return CloudEvent(PRODUCT, SIGN_IN, _time(head, body), values, deed)


def _outcome(code: str, reason: str | None) -> tuple[str, str | None]:
    """``(log-in action, outcome)``; a sign-in that was interrupted to ask for more is neither success nor failure."""
    if code == "0":
        return "success", "success"
    if code in WRONG:
        return "failure", "failure"
    if code in UNKNOWN:
        return "invalid_user", "failure"
    if code in DENIED:
        return "denied", "failure"
    return "", None if code or not reason else "failure"


def _audit(record: Record, head: Record, body: Record, fields: Fields) -> CloudEvent:
    operation = (text(body, "activitydisplayname") or text(head, "operationname") or "").strip()
    user, app = part(body, "initiatedby", "user"), part(body, "initiatedby", "app")
    targets = parts(body, "targetresources")
    changes = [each for target in targets for each in parts(target, "modifiedproperties")]
    changed = {text(each, "displayname") or "": each for each in changes}
    inner = record.get("properties")
    logged = inner if isinstance(inner, dict) else record
    acted_upon = _json(next((logged[name] for name in logged if name.lower() == "targetresources"), None))
    names = [text(each, "userprincipalname", "displayname", "id") or "" for each in targets]
    result = text(body, "result") or text(head, "resulttype", "resultsignature") or ""
    failed = result.lower() in {"failure", "failed", "timeout"}
    status = "Failure" if failed else "Success" if result else None
    values = _all(record, fields) | given({
        "OperationName": operation,
        "ActivityDisplayName": operation,
        "ActivityType": operation,
        "properties.message": operation,
        "properties.targetResources": acted_upon,
        "TargetResources": acted_upon,
        "properties.result": result or None,
        "failure_status_reason": text(body, "resultreason"),
        "Category": text(body, "category"),
        "Status": text(body, "resultreason") if operation.startswith("Admin registered") else status,
        "Target": ", ".join(filter(None, names)) or None,
    })  # fmt: skip
    values |= given({name: _unquoted(changed[name]) for name in _TOLD if name in changed})
    deed = Deed(
        operation=operation,
        ip=text(user, "ipaddress") or text(head, "calleripaddress"),
        user=text(user, "userprincipalname") or text(app, "displayname", "serviceprincipalname"),
        target=next(filter(None, names), None),
        kind=ACTIVITIES.get(operation.lower()),
        outcome="failure" if failed else "success",
        agent=next(
            (text(e, "value") for e in parts(body, "additionaldetails") if text(e, "key") == "User-Agent"), None
        ),
    )
    return CloudEvent(PRODUCT, AUDIT, _time(head, body), values, deed)


def _activity(record: Record, head: Record, operation: str, fields: Fields) -> CloudEvent:
    claims, request = part(head, "identity", "claims") or part(head, "claims"), part(head, "httprequest")
    status = _plain(head, "activitystatusvalue", "status", "resulttype", "activitystatus") or ""
    resource = text(head, "resourceid", "_resourceid", "resourceuri", "resource")
    values = _all(record, fields) | given({
        "operationName": operation,
        "OperationNameValue": operation,
        "CategoryValue": _plain(head, "categoryvalue", "category"),
        "ResourceProviderValue": _plain(head, "resourceprovidervalue", "resourceprovidername"),
        "ResourceId": resource,
    })  # fmt: skip
    caller = text(head, "caller") or text(claims, _UPN, "upn", _NAME, "appid")
    deed = Deed(
        operation=operation,
        ip=text(head, "calleripaddress") or text(request, "clientipaddress") or text(claims, "ipaddr"),
        user=caller,
        target=(resource or "").rpartition("/")[2] or None,
        kind=_kind_of(operation.lower()),
        outcome="failure" if status.lower().startswith("fail") else "success" if status else None,
    )
    return CloudEvent(PRODUCT, ACTIVITY, _time(head, head), values, deed)


_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_UPN, _NAME = f"{_CLAIMS}upn", f"{_CLAIMS}name"


def _kind_of(operation: str) -> str | None:
    known = next((kind for ending, kind in OPERATIONS if operation.endswith(ending)), None)
    return known or ("delete" if operation.endswith("/delete") else None)


def _risk(record: Record, head: Record, body: Record, fields: Fields) -> CloudEvent:
    kind = text(body, "riskeventtype") or ""
    deed = Deed(
        operation=kind,
        ip=text(body, "ipaddress") or text(head, "calleripaddress"),
        user=_principal(body),
        outcome=None,
        country=text(part(body, "location"), "countryorregion"),
    )
    return CloudEvent(PRODUCT, RISK, _time(head, body), _all(record, fields), deed)


def _principal(body: Record) -> str | None:
    return text(body, "userprincipalname", "serviceprincipalname", "userdisplayname", "appdisplayname")


def _time(head: Record, body: Record) -> str | None:
    names = ("createddatetime", "activitydatetime", "detecteddatetime", "eventtimestamp", "timegenerated", "time")
    return text(body, *names) or text(head, *names)


def _json(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    return value if value is None or isinstance(value, str) else json_text(value)


def _unquoted(changed: Record) -> str | None:
    """What a property became; the log quotes it as JSON once more, and calls it off in brackets."""
    return (text(changed, "newvalue") or "").strip('"') or None
