"""Google: activities of Workspace's Reports API, and entries of Google Cloud's audit logs.

An activity may hold several events; it is told by the first whose kind is known, with the parameters of all.
SigmaHQ's rules call Workspace ``gcp/google_workspace.admin`` and ``.login`` and Cloud ``gcp/gcp.audit``, each in
the names of another shipper: all of these names are there.
Source: Reports API "Activities", and the lists of events of each application; Cloud Logging "AuditLog".
"""

from __future__ import annotations

from typing import Any, Final

from pollwatch.formats.framing import Value
from pollwatch.formats.framing_cloud import CloudEvent, Deed, Fields, Record, given, part, parts, text
from pollwatch.formats.framing_json import as_column, flat_name

PRODUCT: Final = "gcp"
_CLOUD: Final = "gcp.audit"
_APPLICATIONS: Final = frozenset(
    {"admin", "login", "drive", "token", "groups", "groups_enterprise", "user_accounts", "gmail", "mobile", "saml",
     "calendar", "chat", "meet", "rules", "data_studio", "context_aware_access", "access_transparency", "gcp", "keep",
     "jamboard", "gplus", "chrome", "takeout", "vault"}
)  # fmt: skip
_KINDS: Final = {
    "mfa-added": ("2sv_enroll",),
    "mfa-removed": ("2sv_disable", "TURN_OFF_2_STEP_VERIFICATION", "UNENROLL_USER_FROM_STRONG_AUTH"),
    "consent": ("authorize",),
    "read": ("view", "preview"),
    "download": ("download", "export", "copy", "DOWNLOAD_PENDING_INVITES_LIST", "user_takeout_download"),
    "delete": ("delete", "trash", "DELETE_USER", "DELETE_GROUP"),
    "mail-rule": ("email_forwarding_out_of_domain", "CREATE_EMAIL_MONITOR", "CHANGE_EMAIL_SETTING"),
    "role-given": ("GRANT_ADMIN_PRIVILEGE", "GRANT_DELEGATED_ADMIN_PRIVILEGES", "ASSIGN_ROLE", "ADD_PRIVILEGE"),
    "account-made": ("CREATE_USER", "UNDELETE_USER"),
    "key-made": ("AUTHORIZE_API_CLIENT_ACCESS",),
    "policy": (
        "ENFORCE_STRONG_AUTHENTICATION", "ALLOW_STRONG_AUTHENTICATION", "CHANGE_APPLICATION_SETTING",
        "CHANGE_DOCS_SETTING", "TOGGLE_ALLOW_ADMIN_PASSWORD_RESET", "ADD_TRUSTED_DOMAINS",
    ),
}  # fmt: skip
_EVENTS: Final = {name: kind for kind, names in _KINDS.items() for name in names}
_SIGN_INS: Final = {"login_success": "success", "login_failure": "failure", "account_disabled_hijacked": "denied"}
_PUBLIC = ("people_with_link", "public_on_the_web", "people_within_domain_with_link", "anyone")
_METHODS: Final = (
    ("serviceaccountkeys.create", "key-made"),
    (".createserviceaccountkey", "key-made"),
    (".setiampolicy", "role-given"),
    ("configservicev2.deletesink", "log-off"),
    ("configservicev2.updatesink", "log-off"),
    ("configservicev2.deletebucket", "log-off"),
    ("configservicev2.createexclusion", "log-off"),
    ("loggingservicev2.deletelog", "log-off"),
    ("storage.objects.get", "download"),
    ("storage.objects.delete", "delete"),
    ("storage.setiampermissions", "share"),
)


def read(record: Record, fields: Fields) -> CloudEvent | None:
    """A record, or None where it is none of Google's."""
    if isinstance(inner := record.get("data"), dict) and isinstance(inner.get("protoPayload"), dict):
        record = inner
    if isinstance(record.get("protoPayload"), dict) and ("logName" in record or "insertId" in record):
        return _entry(record, fields)
    application = text(part(record, "id"), "applicationName")
    if application not in _APPLICATIONS or not isinstance(record.get("events"), list):
        return None
    return _activity(record, application or "", fields)


def _activity(record: Record, application: str, fields: Fields) -> CloudEvent:
    events = parts(record, "events")
    names = [text(each, "name") or "" for each in events]
    known = [at for at, name in enumerate(names) if name in _EVENTS or name in _SIGN_INS]
    name = names[known[0]] if known else next(iter(names), "")
    told = _parameters(events)
    service = f"{application}.googleapis.com"
    actor, network = part(record, "actor"), part(record, "networkInfo")
    values = fields({key: value for key, value in record.items() if key != "events"}) | told
    values |= given({
        "eventService": service,
        "eventName": name,
        "events": " ".join(names) or None,
        "protoPayload.serviceName": service,
        "protoPayload.metadata.event.eventName": name,
    })  # fmt: skip
    return CloudEvent(
        PRODUCT,
        f"google_workspace.{application}",
        text(part(record, "id"), "time"),
        values,
        Deed(
            operation=name,
            ip=text(record, "ipAddress"),
            user=text(actor, "email", "key", "profileId"),
            target=_text(told, "doc_title", "USER_EMAIL", "affected_email_address", "app_name", "APPLICATION_NAME"),
            kind=_kind(name, told),
            outcome="failure" if name in {"login_failure", "login_challenge"} and _wrong(name, told) else "success",
            agent=_text(told, "user_agent"),
            country=text(network, "regionCode"),
            network=as_text(network.get("ipAsn")),
            login=_login(name, told),
        ),
    )


def _parameters(events: list[Record]) -> dict[str, Value]:
    """The parameters of all events by name, each as the first event that has it says."""
    found: dict[str, Value] = {}
    for event in events[:16]:
        for each in parts(event, "parameters")[:64]:
            name = text(each, "name")
            value = next((each[key] for key in _VALUES if each.get(key) is not None), None)
            if name and len(name) < 64 and value is not None:
                found.setdefault(flat_name(name), as_text(value))
    return found


_VALUES = ("value", "boolValue", "intValue", "multiValue", "multiIntValue", "messageValue", "multiMessageValue")


def as_text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """A value as text; a list of one as that one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    column = as_column(value)
    return column if column is None or isinstance(column, str) else str(column)


def _text(told: dict[str, Value], *names: str) -> str | None:
    return next((str(told[name]) for name in names if told.get(name)), None)


def _kind(name: str, told: dict[str, Value]) -> str | None:
    if name in {"change_document_visibility", "change_user_access", "change_acl_editors"}:
        return "share" if str(told.get("visibility", "")).lower() in {*_PUBLIC, "shared_externally"} else None
    if name == "login_challenge" and _wrong(name, told):
        return "mfa-refused"
    return _EVENTS.get(name)


def _wrong(name: str, told: dict[str, Value]) -> bool:
    return name == "login_failure" or "incorrect" in str(told.get("login_challenge_status", "")).lower()


def _login(name: str, told: dict[str, Value]) -> str | None:
    if name == "login_challenge":
        return "" if _wrong(name, told) else None
    if name == "login_failure" and "unknown" in str(told.get("login_failure_type", "")):
        return "invalid_user"
    return _SIGN_INS.get(name)


def _entry(record: Record, fields: Fields) -> CloudEvent:
    """An entry of Cloud's audit logs, Workspace's own among them."""
    told = part(record, "protoPayload")
    method, service = text(told, "methodName") or "", text(told, "serviceName") or ""
    asked = part(told, "requestMetadata")
    status = text(part(told, "status"), "code")
    values = fields(record)
    event = text(part(told, "metadata", "event"), "eventName")
    values |= {
        f"data.{name}": value for name, value in list(values.items()) if name.startswith(("protoPayload.", "logName"))
    }
    values |= given(
        {
            "gcp.audit.method_name": method,
            "data.protoPayload.logName": text(record, "logName"),
            "data.protoPayload.resource.type": text(part(record, "resource"), "type"),
            "eventService": service,
            "eventName": event,
        }
    )
    application = service.partition(".")[0]
    workspace = event is not None and application in _APPLICATIONS
    deed = Deed(
        operation=event or method,
        ip=text(asked, "callerIp"),
        user=text(part(told, "authenticationInfo"), "principalEmail", "principalSubject"),
        target=(text(told, "resourceName") or "").rpartition("/")[2] or None,
        kind=_EVENTS.get(event or "") if workspace else _method_kind(method),
        outcome="failure" if status not in {None, "0"} else "success",
        agent=text(asked, "callerSuppliedUserAgent"),
        login=_SIGN_INS.get(event or "") if workspace else None,
    )
    kind = f"google_workspace.{application}" if workspace else _CLOUD
    return CloudEvent(PRODUCT, kind, text(record, "timestamp", "receiveTimestamp"), values, deed)


def _method_kind(method: str) -> str | None:
    lower = method.lower()
    return next((kind for ending, kind in _METHODS if lower.endswith(ending)), None)
