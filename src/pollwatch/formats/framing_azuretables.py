"""The tables that the Entra and Azure portals export, line by line as the records that Microsoft Graph would give.

Source: Entra "How to download logs"; the columns as the portal wrote them in 2024 to 2026. Tables of other years have
more or fewer: what is not known keeps its name.
"""

from __future__ import annotations

import re
from typing import Final

from pollwatch.formats.framing_cloud import Record, put

_SIGN_IN: Final = {
    "date (utc)": "createdDateTime",
    "date": "createdDateTime",
    "request id": "id",
    "user": "userDisplayName",
    "username": "userPrincipalName",
    "user principal name": "userPrincipalName",
    "user id": "userId",
    "user type": "userType",
    "user agent": "userAgent",
    "application": "appDisplayName",
    "application id": "appId",
    "service principal name": "servicePrincipalName",
    "service principal id": "servicePrincipalId",
    "resource": "resourceDisplayName",
    "resource id": "resourceId",
    "ip address": "ipAddress",
    "client app": "clientAppUsed",
    "sign-in error code": "status.errorCode",
    "failure reason": "status.failureReason",
    "additional details": "status.additionalDetails",
    "multifactor authentication result": "status.additionalDetails",
    "conditional access": "conditionalAccessStatus",
    "authentication requirement": "authenticationRequirement",
    "authentication protocol": "authenticationProtocol",
    "incoming token type": "incomingTokenType",
    "autonomous system number": "autonomousSystemNumber",
    "device id": "deviceDetail.deviceId",
    "browser": "deviceDetail.browser",
    "operating system": "deviceDetail.operatingSystem",
    "compliant": "deviceDetail.isCompliant",
    "managed": "deviceDetail.isManaged",
    "join type": "deviceDetail.trustType",
    "correlation id": "correlationId",
    "session id": "sessionId",
}
_AUDIT: Final = {
    "date (utc)": "activityDateTime",
    "date": "activityDateTime",
    "correlationid": "correlationId",
    "service": "loggedByService",
    "category": "category",
    "activity": "activityDisplayName",
    "result": "result",
    "resultreason": "resultReason",
    "actoruserprincipalname": "initiatedBy.user.userPrincipalName",
    "actorobjectid": "initiatedBy.user.id",
    "ipaddress": "initiatedBy.user.ipAddress",
    "actorserviceprincipalname": "initiatedBy.app.servicePrincipalName",
    "useragent": "userAgent",
}
_TARGET = {"type": "type", "displayname": "displayName", "objectid": "id", "userprincipalname": "userPrincipalName"}
_TARGET_COLUMN = re.compile(r"target(\d)(?:modifiedproperty(\d)(name|oldvalue|newvalue)|(\w+))")
_PROPERTY = {"name": "displayName", "oldvalue": "oldValue", "newvalue": "newValue"}
_ACTIVITY: Final = {
    "time": "time",
    "time (utc)": "time",
    "operation name": "operationName",
    "status": "status",
    "event category": "category",
    "event initiated by": "caller",
    "resource": "resourceId",
    "subscription": "subscriptionId",
    "correlation id": "correlationId",
}
_VERBS = {"delete": "delete", "create": "write", "update": "write", "write": "write"}
_SUCCEEDED = {"success": "0", "interrupted": "50140"}


def of_row(row: dict[str, str]) -> Record | None:
    """A line of such a table as a record; None where it is another table. Names are in lower case."""
    names = row.keys()
    if "ip address" in names and ("sign-in error code" in names or {"application", "status"} <= names):
        return _sign_in(row)
    if {"activity", "service", "category"} <= names and ("actortype" in names or "actoruserprincipalname" in names):
        return _audit(row)
    if {"operation name", "event category", "event initiated by"} <= names:
        return _activity(row)
    return None


def _activity(row: dict[str, str]) -> Record:
    """The portal's names of operations in place of the provider's: what was done follows from their verb."""
    record = _filled(row, _ACTIVITY)
    name, kind = row["operation name"], row.get("resource type", "")
    if "/" not in name and kind:
        verb = name.partition(" ")[0].lower()
        record["operationName"] = f"{kind}/{_VERBS.get(verb, 'action')}"
        record["operationDisplayName"] = name
    return record


def _filled(row: dict[str, str], places: dict[str, str]) -> Record:
    """The cells that say something, at their places."""
    record: Record = {}
    for name, value in row.items():
        if value and name in places:
            put(record, places[name], value)
        elif value:
            record.setdefault(name, value)
    return record


def _sign_in(row: dict[str, str]) -> Record:
    record = _filled({name: value for name, value in row.items() if name not in {"status", "location"}}, _SIGN_IN)
    status = record.setdefault("status", {})
    if not str(status.get("errorCode", "")).isdecimal():
        status["errorCode"] = _SUCCEEDED.get(row.get("status", "").lower(), "50126")
    *towns, country = [each.strip() for each in row.get("location", "").split(",")]
    record["location"] = {"city": towns[0] if towns else "", "countryOrRegion": country}
    return record


def _audit(row: dict[str, str]) -> Record:
    record = _filled({name: value for name, value in row.items() if not _TARGET_COLUMN.fullmatch(name)}, _AUDIT)
    by = record.setdefault("initiatedBy", {})
    if row.get("actortype", "").lower() == "application" and row.get("actordisplayname"):
        by.setdefault("app", {})["displayName"] = row["actordisplayname"]
    targets: dict[str, Record] = {}
    for name, value in row.items():
        found = _TARGET_COLUMN.fullmatch(name)
        if found is None or not value:
            continue
        target = targets.setdefault(found[1], {})
        if found[2]:
            changed = target.setdefault("properties", {}).setdefault(found[2], {})
            changed[_PROPERTY[found[3]]] = value
        else:
            target[_TARGET.get(found[4], found[4])] = value
    record["targetResources"] = [_target(targets[number]) for number in sorted(targets)]
    return record


def _target(target: Record) -> Record:
    changed = target.pop("properties", {})
    return {**target, "modifiedProperties": [changed[number] for number in sorted(changed)]}
