"""Drafting a change of a charter: what shall be otherwise, and the charter that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import FormatError, PolicyError
from pollwatch.members import amendment
from pollwatch.members.card import read_card
from pollwatch.members.chain import Chain
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member, Role
from pollwatch.members.rules import Amendment, Quorum


@dataclass(frozen=True, slots=True)
class Change:
    """What a charter shall say otherwise; what is not named stays.

    Attributes:
        cards: of members that are added, or that have new keys or another address.
        leaving: names of members that are removed.
        blocs: blocs by member's name.
        roles: roles by member's name.
        terms: other fields of the charter, with their new values.
        effective_us: from when it holds; None = from now on.
    """

    cards: Sequence[bytes] = ()
    leaving: Sequence[str] = ()
    blocs: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    terms: Mapping[str, Any] = field(default_factory=dict)
    effective_us: int | None = None


def changed(chain: Chain, change: Change, clock: Clock) -> Charter:
    """The charter that follows the last of a chain.

    Numbers that its members could no longer reach become those that they can, unless the change names others.

    Raises:
        SignatureError: a card whose owner has not shown that it has its keys.
        FormatError: members or numbers that do not fit together.
        PolicyError: nothing changes, or a member is not there, or it is what no change may be.
    """
    before = chain.last.charter
    members = {each.identity: each for each in before.members}
    for name in change.leaving:
        del members[before.member(name).identity]
    for member in map(read_card, change.cards):
        members[member.identity] = member
    by_name = {each.name.casefold(): each for each in members.values()}
    for name in (*change.blocs, *change.roles):
        if name.casefold() not in by_name:
            raise PolicyError(
                f"no member {name[:80]!r} would be in the charter; there are {', '.join(sorted(by_name))}"
            )
        found = by_name[name.casefold()]
        made = _judged(members[found.identity], change.blocs.get(name), change.roles.get(name))
        members[found.identity] = made
    now_us = clock.now_us() // US_PER_S * US_PER_S
    effective_us = max(before.effective_us, now_us if change.effective_us is None else change.effective_us)
    ordered = tuple(sorted(members.values(), key=lambda each: each.name))
    wanted = {**_fitting(before, ordered), **change.terms}
    after = replace(before, members=ordered, previous=before.digest, effective_us=effective_us, **wanted)
    if replace(after, previous=before.previous, effective_us=before.effective_us) == before:
        raise PolicyError("nothing would change; see: pollwatch charter amend --help")
    former = frozenset(key.public for each in chain.charters[:-1] for m in each.charter.members for key in m.keys)
    amendment.check_content(before, after, former)
    return after


def _fitting(before: Charter, members: Sequence[Member]) -> dict[str, Any]:
    """The numbers of a charter as far as so many members can still reach them."""
    voters = [each for each in members if each.role is Role.MEMBER]
    blocs = len({each.bloc for each in voters})
    quorum, rule = before.quorum, before.amendment
    statements, spread = min(quorum.statements, len(voters)), min(quorum.blocs, blocs)
    found: dict[str, Any] = {"quorum": Quorum(statements, spread, min(quorum.cosigners, len(members) - 1))}
    try:
        rule.check(len(voters), blocs)
    except FormatError:
        found["amendment"] = Amendment.usual(len(voters), blocs)
    return found


def _judged(member: Member, bloc: str | None, role: Role | None) -> Member:
    return replace(member, bloc=member.bloc if bloc is None else bloc, role=member.role if role is None else role)


def pairs(given: Sequence[str], what: str) -> dict[str, str]:
    """``NAME=VALUE`` as typed.

    Raises:
        FormatError: something else was typed.
    """
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise FormatError(f"{what} is written NAME=VALUE, not {each[:60]!r}")
        found[name.strip()] = value.strip()
    return found
