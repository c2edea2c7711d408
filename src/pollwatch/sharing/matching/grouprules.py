"""Which group runs the charter allows."""

from __future__ import annotations

from pollwatch.errors import PolicyError
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.matching import entering, messages
from pollwatch.sharing.matching.papers import Group
from pollwatch.sharing.matching.tables import Shape


def check(group: Group, sender: Member, charter: Charter) -> None:
    """Accept a group as one that the charter's rules allow.

    Raises:
        PolicyError: it is not.
    """
    rules = charter.matching
    known = {each.name: each for each in charter.members}
    problems = {
        "everybody in it is a member of the charter in force": group.charter == charter.digest
        and set(group.everybody) <= known.keys()
        and group.member == sender.name,
        "whoever begins it has a part in it": sender.name in group.everybody,
        f"at least {max(3, rules.threshold)} sets enter; with two members, match with one another": len(group.members)
        >= max(3, group.threshold, rules.threshold),
        f"the threshold is {rules.threshold} or more": group.threshold >= rules.threshold,
        f"holders of a hit come from {rules.blocs} blocs or more": group.blocs >= rules.blocs,
        "the collector's own set does not enter": group.collector not in group.members,
        f"sets have a public size of at most {rules.items}": group.size in entering.BUCKETS
        and group.size <= rules.items,
        "the shares fit into a message": Shape(group.size, group.threshold).share_bytes
        < messages.MAX_BYTES - (1 << 16),
    }
    for rule, holds in problems.items():
        if not holds:
            raise PolicyError(f"this group is not allowed: {rule}")
    blocs = {known[name].bloc for name in group.holders}
    every = {known[name].bloc for name in group.members}
    if len(group.holders) < 2 or len(blocs) < min(2, len(every)):
        raise PolicyError("this group is not allowed: at least two members from two blocs hold the PRF's keys")
