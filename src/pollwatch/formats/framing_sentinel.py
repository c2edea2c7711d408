"""What Log Analytics (Sentinel) and Defender's advanced hunting keep, turned back into the service's own records.

Both copy the logs of other services into tables with names of their own. ``OfficeActivity`` is Microsoft 365's
audit log, ``AWSCloudTrail`` CloudTrail; ``CloudAppEvents`` carries the audit record whole. The tables of Entra's
logs keep Entra's names but for their case, and need no turning (``framing_azure``).
Source: Azure Monitor Logs reference, tables "OfficeActivity" and "AWSCloudTrail"; Defender XDR "advanced hunting
schema".
"""

from __future__ import annotations

from typing import Final

from pollwatch.formats.framing_cloud import Record, opened, put

_OFFICE: Final = {
    "OfficeWorkload": "Workload",
    "OfficeObjectId": "ObjectId",
    "OfficeId": "Id",
    "TimeGenerated": "CreationTime",
    "Client_IPAddress": "ClientIPAddress",
    "Site_Url": "SiteUrl",
    "ApplicationId": "ApplicationId",
}
_CLOUDTRAIL: Final = {
    "EventName": "eventName",
    "EventSource": "eventSource",
    "TimeGenerated": "eventTime",
    "EventTypeName": "eventType",
    "EventVersion": "eventVersion",
    "AWSRegion": "awsRegion",
    "AwsRegion": "awsRegion",
    "SourceIpAddress": "sourceIPAddress",
    "UserAgent": "userAgent",
    "ErrorCode": "errorCode",
    "ErrorMessage": "errorMessage",
    "RequestParameters": "requestParameters",
    "ResponseElements": "responseElements",
    "AdditionalEventData": "additionalEventData",
    "AwsEventId": "eventID",
    "ReadOnly": "readOnly",
    "RecipientAccountId": "recipientAccountId",
    "UserIdentityType": "userIdentity.type",
    "UserIdentityArn": "userIdentity.arn",
    "UserIdentityUserName": "userIdentity.userName",
    "UserIdentityAccountId": "userIdentity.accountId",
    "UserIdentityPrincipalid": "userIdentity.principalId",
    "UserIdentityPrincipalId": "userIdentity.principalId",
    "UserIdentityAccessKeyId": "userIdentity.accessKeyId",
    "UserIdentityInvokedBy": "userIdentity.invokedBy",
    "SessionIssuerType": "userIdentity.sessionContext.sessionIssuer.type",
    "SessionIssuerArn": "userIdentity.sessionContext.sessionIssuer.arn",
    "SessionIssuerUserName": "userIdentity.sessionContext.sessionIssuer.userName",
    "SessionMfaAuthenticated": "userIdentity.sessionContext.attributes.mfaAuthenticated",
}
_HUNTING = "AdvancedHunting-"


def turned(record: Record) -> Record:
    """The record in the names of the service that wrote it; itself where it is of no such table."""
    category = record.get("category")
    if isinstance(category, str) and category.startswith(_HUNTING) and isinstance(record.get("properties"), dict):
        record = record["properties"]
    if "RawEventData" in record and "ActionType" in record:
        inner = opened(record["RawEventData"])
        return inner if isinstance(inner, dict) else record
    if "OfficeWorkload" in record and "Operation" in record:
        return _named(record, _OFFICE)
    if "EventSource" in record and "EventName" in record and "UserIdentityType" in record:
        return _named(record, _CLOUDTRAIL)
    return record


def _named(record: Record, places: dict[str, str]) -> Record:
    """The fields at their places, with what stands as JSON text read."""
    found: Record = {}
    for name, value in record.items():
        if value in (None, ""):
            continue
        if name in places:
            put(found, places[name], opened(value))
        else:
            found[name] = opened(value)
    return found
