"""What people may do in the console: five roles, and which permissions each of them has.

This table is the whole policy. A role is what a person is in this office; a permission is what a route asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final


@unique
class Permission(StrEnum):
    """What a route asks for."""

    #: Change what is one's own: password, passkeys, sessions, language.
    SELF = "self"
    #: See the light, incidents, rules, sources, evidence, what others said.
    READ = "read"
    #: See raw lines and events, in which people's addresses and names stand.
    LINES = "lines"
    #: Acknowledge, assign, note, "I am not sure".
    TRIAGE = "triage"
    #: Call something a false positive, make an exception, merge, split, tune.
    DECIDE = "decide"
    #: Let something leave for other members or the public: disclosures, claims, statements, publishing.
    SHARE = "share"
    #: Ask in SQL over the events; read only.
    SQL = "sql"
    #: Read who did what.
    AUDIT = "audit"
    #: Accounts, tokens, elections, assets, settings.
    ADMIN = "admin"


@unique
class Role(StrEnum):
    """What a person is in this office."""

    CLERK = "clerk"
    ANALYST = "analyst"
    LEAD = "lead"
    AUDITOR = "auditor"
    OBSERVER = "observer"


_P = Permission

#: Who may what. An auditor sees everything and changes nothing; an observer sees what happened, and nobody's name.
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.CLERK: frozenset({_P.SELF, _P.READ, _P.LINES, _P.TRIAGE}),
        Role.ANALYST: frozenset({_P.SELF, _P.READ, _P.LINES, _P.TRIAGE, _P.DECIDE, _P.SQL}),
        Role.LEAD: frozenset(Permission),
        Role.AUDITOR: frozenset({_P.SELF, _P.READ, _P.LINES, _P.SQL, _P.AUDIT}),
        Role.OBSERVER: frozenset({_P.SELF, _P.READ}),
    }
)
