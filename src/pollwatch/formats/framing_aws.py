"""AWS CloudTrail's records, as JSON and as the console's table of the event history.

Fields are as the records have them, nested ones with dots (``userIdentity.sessionContext.sessionIssuer.arn``), which is
what SigmaHQ's rules for ``aws/cloudtrail`` ask for; ``requestParameters`` and ``responseElements`` are there as a
whole besides.
The acting account is its ARN: names of users and roles are unique within one AWS account only.
Source: CloudTrail user guide, "CloudTrail record contents", "userIdentity element", "Console sign-in
events".
"""

from __future__ import annotations

import re
from typing import Any, Final

from pollwatch.formats.framing_cloud import CloudEvent, Deed, Fields, Record, given, part, put, text
from pollwatch.formats.framing_json import json_text

PRODUCT: Final = "aws"
SERVICE: Final = "cloudtrail"

_WHOLE = ("requestParameters", "responseElements")
_KINDS: Final = {
    "CreateAccessKey": "key-made",
    "CreateServiceSpecificCredential": "key-made",
    "CreateKeyPair": "key-made",
    "GetFederationToken": "key-made",
    "CreateUser": "account-made",
    "CreateLoginProfile": "account-made",
    "UpdateLoginProfile": "account-made",
    "EnableMFADevice": "mfa-added",
    "DeactivateMFADevice": "mfa-removed",
    "DeleteVirtualMFADevice": "mfa-removed",
    "AttachUserPolicy": "role-given",
    "AttachRolePolicy": "role-given",
    "AttachGroupPolicy": "role-given",
    "PutUserPolicy": "role-given",
    "PutRolePolicy": "role-given",
    "PutGroupPolicy": "role-given",
    "AddUserToGroup": "role-given",
    "UpdateAssumeRolePolicy": "role-given",
    "StopLogging": "log-off",
    "DeleteTrail": "log-off",
    "DeleteEventDataStore": "log-off",
    "StopEventDataStoreIngestion": "log-off",
    "DeleteFlowLogs": "log-off",
    "DeleteDetector": "log-off",
    "DisableSecurityHub": "log-off",
    "StopConfigurationRecorder": "log-off",
    "DeleteConfigurationRecorder": "log-off",
    "DeleteLogGroup": "log-off",
    "DeleteLogStream": "log-off",
    "UpdateAccountPasswordPolicy": "policy",
    "DeleteAccountPasswordPolicy": "policy",
    "PutBucketPolicy": "share",
    "PutBucketAcl": "share",
    "PutObjectAcl": "share",
    "ModifySnapshotAttribute": "share",
    "ModifyImageAttribute": "share",
    "ModifyDBSnapshotAttribute": "share",
    "ModifyDBClusterSnapshotAttribute": "share",
    "GetObject": "download",
    "DeleteObject": "delete",
    "DeleteObjects": "delete",
    "ListObjects": "read",
    "ListBuckets": "read",
}
#: What a request acts upon: the first of these parameters that is there.
_TARGETS = (
    *("bucketName", "userName", "roleName", "groupName", "functionName", "trailName", "instanceId", "snapshotId"),
    *("imageId", "dBInstanceIdentifier", "dBSnapshotIdentifier", "keyId", "secretId", "detectorId", "name", "roleArn"),
)
_VERSION = re.compile(r"\d{8}(?:v\d)?$|_\d{4}_\d\d_\d\d$")
_UNKNOWN = "No username found in supplied account"


def read(record: Record, fields: Fields) -> CloudEvent | None:
    """A record, or None where it is none of CloudTrail."""
    name, source = record.get("eventName"), record.get("eventSource")
    if not isinstance(name, str) or not isinstance(source, str):
        return None
    if not ("eventTime" in record or "@timestamp" in record) or not source.endswith(
        (".amazonaws.com", ".aws.internal")
    ):
        return None
    values = fields(record)
    values |= given({each: json_text(record[each]) for each in _WHOLE if isinstance(record.get(each), dict)})
    deed = _deed(record, name, source)
    values |= given({"status": deed.outcome})
    time = record.get("eventTime") or record.get("@timestamp")
    return CloudEvent(PRODUCT, SERVICE, time, values, deed)


def _deed(record: Record, name: str, source: str) -> Deed:
    asked = part(record, "requestParameters")
    bare = _VERSION.sub("", name)
    login = _login(record, name) if name == "ConsoleLogin" else None
    return Deed(
        operation=name,
        ip=text(record, "sourceIPAddress"),
        user=actor(part(record, "userIdentity")),
        host=_instance(part(record, "userIdentity")),
        target=text(asked, *_TARGETS) or source.partition(".")[0],
        kind=_KINDS.get(bare),
        outcome=_outcome(record, login),
        agent=(text(record, "userAgent") or "").strip("[]"),
        device=text(part(record, "userIdentity"), "accessKeyId"),
        login=login,
    )


def _outcome(record: Record, login: str | None) -> str | None:
    if login == "":
        return None
    failed = text(record, "errorCode", "errorMessage") is not None or login not in {None, "success"}
    return "failure" if failed else "success"


def _login(record: Record, name: str) -> str:
    answered = text(part(record, "responseElements"), name)
    if text(record, "errorMessage") == _UNKNOWN:
        return "invalid_user"
    if answered is None:  # the console's table leaves the answer out
        return "failure" if text(record, "errorCode", "errorMessage") else ""
    return "success" if answered == "Success" else "failure"


def actor(identity: Record) -> str | None:
    """Who acts: the ARN, also where a failed log-in leaves it out; else the nearest to it that the record says."""
    issuer = part(identity, "sessionContext", "sessionIssuer")
    arn = text(identity, "arn") or text(issuer, "arn")
    name, account = text(identity, "userName"), text(identity, "accountId")
    if arn is None and name and account and identity.get("type") == "IAMUser" and not name.startswith("HIDDEN_"):
        return f"arn:aws:iam::{account}:user/{name}"
    return arn or name or text(identity, "principalId", "invokedBy", "type")


def _instance(identity: Record) -> str | None:
    """The machine whose role it is: sessions of an instance's own role are named after it."""
    session = (text(identity, "arn") or "").rpartition("/")[2]
    return session if re.fullmatch(r"i-[0-9a-f]{8,17}", session) else None


#: The console's table of the event history: its column -> the record's field.
COLUMNS: Final = {
    "event name": "eventName",
    "event time": "eventTime",
    "event source": "eventSource",
    "event id": "eventID",
    "user name": "userIdentity.userName",
    "username": "userIdentity.userName",
    "aws access key": "userIdentity.accessKeyId",
    "access key": "userIdentity.accessKeyId",
    "aws region": "awsRegion",
    "region": "awsRegion",
    "source ip address": "sourceIPAddress",
    "error code": "errorCode",
    "read-only": "readOnly",
    "request id": "requestID",
    "resource type": "resources.type",
    "resource name": "resources.resourceName",
    "resources": "resources",
    "cloudtrail event": "CloudTrailEvent",
}


def of_row(row: dict[str, str]) -> Record | None:
    """A line of that table as the record that it tells of; None where it is another table."""
    if not {"event name", "event time"} <= row.keys() or not ("event source" in row or "cloudtrail event" in row):
        return None
    record: dict[str, Any] = {}
    for name, value in row.items():
        if value:
            put(record, COLUMNS.get(name, name), value)
    return record
