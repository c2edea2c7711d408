"""Which received objects may be believed to be whose: the one rule, for the inbox and for an auditor.

An object is taken when it is one of the constants, a charter member's identity as the charter has it, an observable
whose id follows from its value, or signed by the charter member that it says created it. It does not matter who
brings it: a denial travels with a claim in the claimant's hands, and nobody but its author can have made it. What was
said by a member that has gone since, or with a key that it has changed since, is read as of when it was said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pollwatch.clock import parse_rfc3339
from pollwatch.errors import FormatError, PolicyError, SignatureError
from pollwatch.members import roll as rolls
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member
from pollwatch.members.roll import Charters, Roll
from pollwatch.stix import constants, ids, objects, signature
from pollwatch.stix.constants import StixObject

_OBSERVABLES: Final = frozenset({"ipv4-addr", "ipv6-addr", "domain-name"})
_SIGNED: Final = frozenset(
    {
        "incident",
        "threat-actor",
        "attack-pattern",
        "campaign",
        "observed-data",
        "indicator",
        "sighting",
        "relationship",
        "opinion",
        "note",
        "report",
    }
)
_UNMARKED: Final = frozenset({"marking-definition", "extension-definition", "identity"})


def check(received: Iterable[StixObject], charters: Charters) -> dict[str, Member]:
    """Check every object.

    Args:
        received: the objects.
        charters: the one in force, or all up to it: then earlier members and keys are known.

    Returns:
        For each signed object's id, the member that signed it.

    Raises:
        SignatureError: an object that nobody in the charter signed, or whose signature is wrong.
        FormatError: an object of a kind that is not exchanged, or an observable whose id does not fit.
        PolicyError: an object without TLP 2.0 marking.
    """
    authors: dict[str, Member] = {}
    roll = rolls.of(charters)
    for each in received:
        author = _check_one(each, roll)
        if author is not None:
            authors[each["id"]] = author
    return authors


def marking(each: StixObject) -> Tlp | None:
    """The TLP marking of an object; definitions and identities are public."""
    return Tlp.CLEAR if each["type"] in _UNMARKED else constants.marking_of(each)


def said_us(each: StixObject) -> int:
    """When its author says that it made this version of an object.

    Raises:
        FormatError: it states no time.
    """
    try:
        return parse_rfc3339(str(each.get("modified", each.get("created"))))
    except ValueError as error:
        raise FormatError(f"{str(each.get('id'))[:100]}: {error}") from None


def _check_one(each: StixObject, roll: Roll) -> Member | None:
    identifier, kind = each["id"], each["type"]
    if identifier in constants.CONSTANTS:
        if each != constants.CONSTANTS[identifier]:
            raise SignatureError(f"{identifier} is a known constant, and this is not it")
        return None
    named = roll.by_identity(identifier)
    if named is not None:
        had = ((charter, charter.by_identity(identifier)) for charter in reversed(roll.charters))
        if all(each != objects.identity(member, charter) for charter, member in had if member is not None):
            raise SignatureError(f"the identity of {named.name} is not as the charter has it")
        return None
    if marking(each) is None:
        raise PolicyError(f"{identifier} carries no TLP 2.0 marking")
    if kind in _OBSERVABLES:
        _check_observable(each)
        return None
    if kind not in _SIGNED:
        raise FormatError(f"{identifier}: objects of type {kind[:40]!r} are not exchanged")
    creator = each.get("created_by_ref")
    author = roll.by_identity(creator) if isinstance(creator, str) else None
    if author is None:
        raise SignatureError(f"{identifier} says it was created by {str(creator)[:80]!r}, who is not in the charter")
    terms = roll.terms(author)
    term = next((known for known in terms if signature.claims_key(each, known.key)), terms[0])
    signature.verify(each, term.key)
    term.check(identifier, author, said_us(each))
    return author


def _check_observable(each: StixObject) -> None:
    tlp, value = constants.marking_of(each), each.get("value")
    if tlp is None or not isinstance(value, str) or len(value) > 253:
        raise FormatError(f"{each['id']}: an observable has a value and a marking")
    if each["type"] == "domain-name":
        expected: StixObject | None = objects.observable("domain-name", value, tlp)
    else:
        expected = objects.address(value, tlp)
    if each != expected:
        raise FormatError(f"{each['id']} does not follow from its value {value[:80]!r}, or holds more than it")


def kinds(received: Iterable[StixObject]) -> dict[str, int]:
    """How many objects of each type, for people."""
    counted: dict[str, int] = {}
    for each in received:
        kind = ids.kind_of(each["id"])
        counted[kind] = counted.get(kind, 0) + 1
    return counted
