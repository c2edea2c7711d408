"""Log-in services and code forges: Okta's system log, Duo's authentication log, GitHub's audit log.

Fields are as the records have them, nested ones with dots, as SigmaHQ's rules for ``okta/okta``, ``cisco/duo`` and
``github/audit`` ask for them.
Source: Okta "System Log API" and its list of event types; Duo "Admin API: authentication logs"; GitHub "audit log
events".
"""

from __future__ import annotations

from typing import Final

from pollwatch.formats.framing_cloud import CloudEvent, Deed, Fields, Record, degrees, given, part, parts, text

_OKTA: Final = {
    "user.mfa.factor.activate": "mfa-added",
    "user.mfa.factor.deactivate": "mfa-removed",
    "user.mfa.factor.reset_all": "mfa-removed",
    "user.mfa.factor.suspend": "mfa-removed",
    "user.mfa.okta_verify.deny_push": "mfa-refused",
    "user.account.privilege.grant": "role-given",
    "group.privilege.grant": "role-given",
    "iam.resourceset.bindings.add": "role-given",
    "system.api_token.create": "key-made",
    "app.oauth2.credentials.lifecycle.create": "key-made",
    "app.oauth2.consent.grant": "consent",
    "app.oauth2.as.consent.grant": "consent",
    "user.lifecycle.create": "account-made",
    "user.lifecycle.delete.initiated": "delete",
    "policy.rule.update": "policy",
    "policy.rule.delete": "policy",
    "policy.rule.deactivate": "policy",
    "policy.lifecycle.update": "policy",
    "policy.lifecycle.delete": "policy",
    "policy.lifecycle.deactivate": "policy",
    "zone.delete": "policy",
    "zone.deactivate": "policy",
    "zone.update": "policy",
    "system.idp.lifecycle.create": "policy",
    "system.idp.lifecycle.update": "policy",
    "system.agent.ad.create": "policy",
    "system.log_stream.lifecycle.deactivate": "log-off",
    "system.log_stream.lifecycle.delete": "log-off",
}
_SIGN_INS: Final = frozenset(
    {"user.session.start", "user.authentication.auth_via_mfa", "user.mfa.okta_verify.deny_push"}
)
_DENIED = ("LOCKED_OUT", "DENY", "ACCESS_DENIED", "BLOCKED", "Sign-on policy")


def okta(record: Record, fields: Fields) -> CloudEvent | None:
    """A record of Okta's system log."""
    kind = record.get("eventType")
    if not isinstance(kind, str) or not isinstance(record.get("actor"), dict) or "published" not in record:
        return None
    actor, client, outcome = part(record, "actor"), part(record, "client"), part(record, "outcome")
    result, place = (text(outcome, "result") or "").upper(), part(client, "geographicalContext")
    spot, network = part(place, "geolocation"), part(record, "securityContext")
    refused = kind == "user.mfa.okta_verify.deny_push" or (
        kind == "user.authentication.auth_via_mfa" and result == "FAILURE"
    )
    targets = parts(record, "target")
    entered = next((each for each in targets if text(each, "type") == "AppInstance"), None)
    values = fields(record) | given({"target.displayName": text(entered, "displayName") if entered else None})
    deed = Deed(
        operation=kind,
        ip=text(client, "ipAddress"),
        user=text(actor, "alternateId", "displayName", "id"),
        target=_okta_target(targets),
        kind="mfa-refused" if refused else _OKTA.get(kind),
        outcome="success" if result in {"SUCCESS", "ALLOW", "CHALLENGE"} else "failure" if result else None,
        agent=text(part(client, "userAgent"), "rawUserAgent"),
        country=text(place, "country"),
        place=degrees(spot.get("lat"), spot.get("lon")),
        network=text(network, "asNumber", "asOrg"),
        device=text(part(record, "device"), "id"),
        login=_okta_login(kind, result, text(outcome, "reason") or "") if kind in _SIGN_INS else None,
    )
    return CloudEvent("okta", "okta", record["published"], values, deed)


def _okta_target(targets: list[Record]) -> str | None:
    """The account, the application or whatever else was acted upon, in this order."""
    ranked = sorted(
        targets,
        key=lambda each: (
            ("User", "AppInstance").index(kind) if (kind := text(each, "type")) in {"User", "AppInstance"} else 2
        ),
    )
    return next((text(each, "alternateId", "displayName", "id") for each in ranked), None)


def _okta_login(kind: str, result: str, reason: str) -> str:
    if kind != "user.session.start":
        return ""
    if result == "SUCCESS":
        return "success"
    return "denied" if reason.startswith(_DENIED) or result == "DENY" else "failure"


_DUO_OUTCOMES = {"success": "success", "denied": "denied", "fraud": "denied", "failure": "failure"}
_DUO_REFUSED = frozenset(
    {"user_marked_fraud", "user_mistake", "no_response", "user_cancelled", "anomalous_push", "deny_unenrolled_user"}
)


def duo(record: Record, fields: Fields) -> CloudEvent | None:
    """A record of Duo's authentication log."""
    if not isinstance(record.get("access_device"), dict) or "event_type" not in record or "txid" not in record:
        return None
    device, user = part(record, "access_device"), part(record, "user")
    result, reason = text(record, "result") or "", text(record, "reason") or ""
    refused = reason in _DUO_REFUSED or result == "fraud"
    deed = Deed(
        operation=text(record, "event_type") or "",
        ip=text(device, "ip"),
        user=text(user, "name", "key") or text(record, "email", "username"),
        host=text(device, "hostname"),
        target=text(part(record, "application"), "name"),
        kind="mfa-refused" if refused else None,
        outcome="success" if result == "success" else "failure" if result else None,
        agent=text(device, "browser"),
        login="" if refused else _DUO_OUTCOMES.get(result, ""),
    )
    return CloudEvent("cisco", "duo", record.get("isotimestamp") or record.get("timestamp"), fields(record), deed)


_GITHUB: Final = {
    "org.disable_two_factor_requirement": "policy",
    "org.update_default_repository_permission": "policy",
    "org.disable_saml": "policy",
    "org.remove_outside_collaborator": None,
    "org.add_outside_collaborator": "share",
    "repo.access": "share",
    "repo.destroy": "delete",
    "repo.pages_public": "share",
    "repo.download_zip": "download",
    "org.update_member": "role-given",
    "org.invite_member": "account-made",
    "public_key.create": "key-made",
    "deploy_key.create": "key-made",
    "personal_access_token.create": "key-made",
    "personal_access_token.access_granted": "key-made",
    "org_credential_authorization.grant": "key-made",
    "oauth_authorization.create": "consent",
    "integration_installation.create": "consent",
    "audit_log_streaming.destroy": "log-off",
    "audit_log_streaming.update": "log-off",
    "protected_branch.destroy": "policy",
    "protected_branch.policy_override": "policy",
    "repository_secret_scanning.disable": "log-off",
}


def github(record: Record, fields: Fields) -> CloudEvent | None:
    """A record of GitHub's audit log."""
    action = record.get("action")
    if not isinstance(action, str) or "." not in action or "actor" not in record:
        return None
    if not ({"_document_id", "created_at"} & record.keys()) or not (
        {"org", "business", "repo", "user"} & record.keys()
    ):
        return None
    deed = Deed(
        operation=action,
        ip=text(record, "actor_ip"),
        user=text(record, "actor"),
        target=text(record, "repo", "user", "org", "business"),
        kind=_GITHUB.get(action),
        outcome="success",
        agent=text(record, "user_agent"),
        country=text(part(record, "actor_location"), "country_code"),
    )
    return CloudEvent("github", "audit", record.get("@timestamp") or record.get("created_at"), fields(record), deed)
