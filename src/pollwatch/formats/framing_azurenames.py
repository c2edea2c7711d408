"""What Entra's error codes and the names of activities mean, in the words of ``taxonomy.CLOUD_KINDS``.

Source: "Microsoft Entra authentication and authorization error codes"; "Entra audit activity reference"; "Azure
resource provider operations".
"""

from __future__ import annotations

from typing import Final

#: Error codes: password or other proof was wrong.
WRONG: Final = frozenset({"50126", "50056", "50064", "50144", "50128", "7000215", "7000222", "700027", "700016"})
#: There is no such account here.
UNKNOWN: Final = frozenset({"50034", "50020", "51004", "90072", "90100"})
#: Refused by a rule, a lock or a switched-off account, whatever the password.
DENIED: Final = frozenset(
    {"50053", "50057", "50105", "53000", "53001", "53002", "53003", "53004", "530032", "50131", "53011", "7000112"}
)

_ACTIVITIES: Final = {
    "consent": (
        "Consent to application",
        "Add delegated permission grant",
        "Add OAuth2PermissionGrant",
        "Add app role assignment to service principal",
        "Add app role assignment grant to user",
    ),
    "mfa-added": (
        "User registered security info",
        "User registered all required security info",
        "Admin registered security info",
        "User changed default security info",
        "Add Passkey (device-bound)",
        "Register device",
        "Update per-user multifactor authentication state",
    ),
    "mfa-removed": (
        "User deleted security info",
        "Admin deleted security info",
        "Disable Strong Authentication",
        "Delete Passkey (device-bound)",
        "Admin reset user's MFA registrations",
    ),
    "role-given": (
        "Add member to role",
        "Add eligible member to role",
        "Add scoped member to role",
        "Add member to role in PIM completed (permanent)",
        "Add eligible member to role in PIM completed (permanent)",
        "Add member to role in PIM completed (timebound)",
        "Add member to role completed (PIM activation)",
        "Add member to role outside of PIM (permanent)",
        "Add eligible member (permanent)",
        "Add eligible member (eligible)",
        "Assigns the caller to user access admin",
        "Add owner to application",
        "Add owner to service principal",
    ),
    "account-made": ("Add user", "Invite external user", "Redeem external user invite", "Restore user"),
    "key-made": (
        "Add service principal credentials",
        "Update application – Certificates and secrets management",
        "Update application - Certificates and secrets management",
        "Add password credentials",
        "Add key credentials",
    ),
    "policy": (
        "Add conditional access policy",
        "Update conditional access policy",
        "Delete conditional access policy",
        "Update named location",
        "Add named location",
        "Delete named location",
        "Disable security defaults",
        "Set federation settings on domain",
        "Set domain authentication",
        "Add unverified domain",
        "Verify domain",
        "Authentication Methods Policy Update",
        "Update authorization policy",
        "Set Company Information",
        "Update User Risk and MFA Registration Policy",
        "Set device registration policies",
    ),
    "delete": (
        "Delete user",
        "Hard Delete user",
        "Delete group",
        "Hard Delete group",
        "Delete application",
        "Hard Delete application",
        "Delete device",
        "Delete administrative unit",
    ),
}
#: The name of an audited activity, in lower case -> its kind.
ACTIVITIES: Final = {name.lower(): kind for kind, names in _ACTIVITIES.items() for name in names}

#: How the name of an operation on a resource ends -> its kind.
OPERATIONS: Final = (
    ("microsoft.insights/diagnosticsettings/delete", "log-off"),
    ("microsoft.insights/logprofiles/delete", "log-off"),
    ("microsoft.operationalinsights/workspaces/delete", "log-off"),
    ("microsoft.network/networkwatchers/flowlogs/delete", "log-off"),
    ("microsoft.securityinsights/alertrules/delete", "log-off"),
    ("microsoft.security/alertssuppressionrules/write", "log-off"),
    ("microsoft.security/pricings/write", "policy"),
    ("microsoft.authorization/roleassignments/write", "role-given"),
    ("microsoft.authorization/elevateaccess/action", "role-given"),
    ("microsoft.authorization/policyassignments/delete", "policy"),
    ("/listkeys/action", "key-made"),
    ("/listaccountsas/action", "share"),
    ("/listservicesas/action", "share"),
    ("microsoft.compute/snapshots/begingetaccess/action", "share"),
    ("microsoft.compute/disks/begingetaccess/action", "share"),
)
