"""The tables that Google Workspace's administrators export: admin, log-in and token audits, line by line as activities.

A line becomes the activity that the Reports API would have given. The console writes events by their titles ("Failed
Login"); titles that stand for events known to ``framing_google`` get their names, others keep their words. Consoles in
other languages translate the head, too: such tables are not told from others.
Source: Google "Admin log events", "User log events" and "OAuth log events", as the console exported them since 2020.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from pollwatch.formats.framing import MONTHS
from pollwatch.formats.framing_cloud import Record

_DATES: Final = ("date", "timestamp", "event date")
_EVENTS: Final = ("event", "event name")
_ACTORS: Final = ("actor", "actor email", "user", "user email", "admin", "admin email")
_ADDRESS: Final = "ip address"
#: Columns that only one audit has.
_APPLICATIONS: Final = (
    ("login", ("login type", "challenge type", "login challenge type", "is suspicious", "is suspicious login")),
    ("token", ("app name", "application name", "client id", "oauth client id", "scope", "scopes", "api name")),
    (
        "admin",
        ("admin", "setting name", "resource", "resource ids", "privilege name", "role name", "event description"),
    ),
)
_TITLES: Final = {
    "failed login": "login_failure",
    "login failure": "login_failure",
    "successful login": "login_success",
    "login success": "login_success",
    "login challenge": "login_challenge",
    "login verification": "login_verification",
    "suspicious login": "suspicious_login",
    "suspicious login blocked": "suspicious_login",
    "account disabled (hijacked)": "account_disabled_hijacked",
    "user suspended (suspicious activity)": "account_disabled_hijacked",
    "2-step verification enroll": "2sv_enroll",
    "2-step verification disable": "2sv_disable",
    "user creation": "CREATE_USER",
    "create user": "CREATE_USER",
    "user deletion": "DELETE_USER",
    "delete user": "DELETE_USER",
    "role assignment": "ASSIGN_ROLE",
    "assign role": "ASSIGN_ROLE",
    "admin privileges grant": "GRANT_ADMIN_PRIVILEGE",
    "grant admin privilege": "GRANT_ADMIN_PRIVILEGE",
    "authorize": "authorize",
    "authorized": "authorize",
    "authorization": "authorize",
    "grant": "authorize",
    "revoke": "revoke",
}
_PARAMETERS: Final = {
    "login type": "login_type",
    **dict.fromkeys(("challenge type", "login challenge type"), "login_challenge_method"),
    **dict.fromkeys(("failure type", "login failure type"), "login_failure_type"),
    **dict.fromkeys(("app name", "application name"), "app_name"),
    **dict.fromkeys(("client id", "oauth client id"), "client_id"),
    **dict.fromkeys(("scope", "scopes"), "scope"),
    **dict.fromkeys(("user agent", "useragent"), "user_agent"),
    **dict.fromkeys(("target user", "user name", "affected user"), "USER_EMAIL"),
}
_SPOKEN: Final = re.compile(
    r"([A-Z][a-z]{2}) (\d{1,2}), (\d{4}),? (\d{1,2}):(\d\d):(\d\d)\s?([AP]M)?(?: (?:UTC|GMT)([+-]\d{1,2})?)?"
)
_NOON: Final = 12


def of_row(row: dict[str, str]) -> Record | None:
    """A line of such a table as an activity; None where it is another table. Names are in lower case."""
    date, event, actor = (_first(row, names) for names in (_DATES, _EVENTS, _ACTORS))
    application = next((name for name, only in _APPLICATIONS if any(each in row for each in only)), None)
    if None in {date, event, actor, application} or _ADDRESS not in row:
        return None
    title = row[event or ""]
    told = [{"name": _PARAMETERS[name], "value": value} for name, value in row.items() if name in _PARAMETERS and value]
    described = _first(row, ("description", "event description"))
    if described and row[described]:
        told.append({"name": "description", "value": row[described]})
    name = _TITLES.get(title.strip().lower(), re.sub(r"\W+", "_", title.strip()).strip("_"))
    return {
        "id": {"applicationName": application, "time": _time(row[date or ""])},
        "actor": {"email": row[actor or ""]},
        "ipAddress": row[_ADDRESS] or None,
        "events": [{"name": name, "parameters": told}],
    }


def _first(row: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in row), None)


def _time(text: str) -> str:
    """A moment as ISO 8601 has it; ``Nov 3, 2026, 8:00:00 PM GMT+1`` in that form."""
    found = _SPOKEN.fullmatch(text.replace("\u202f", " ").strip())
    if found is None or found[1] not in MONTHS:
        return text
    hour = int(found[4]) % _NOON + (_NOON if found[7] == "PM" else 0) if found[7] else int(found[4])
    try:
        moment = dt.datetime(
            int(found[3]), MONTHS.index(found[1]) + 1, int(found[2]), hour, int(found[5]), int(found[6]), tzinfo=dt.UTC
        )
        return (moment - dt.timedelta(hours=int(found[8] or 0))).isoformat()
    except (ValueError, OverflowError):
        return text
