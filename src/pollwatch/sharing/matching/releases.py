"""What stands behind the opened items: an analyst's release of each, sealed in the private log before the run.

An opening travels with an evidence bundle (:mod:`pollwatch.evidence.bundle`) of the private log's entries about these
releases, whose attachments open them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pollwatch import canonical
from pollwatch.clock import US_PER_S, parse_rfc3339
from pollwatch.errors import FormatError, ProofError
from pollwatch.evidence import opened, salted
from pollwatch.evidence.bundle import Bundle, read_bundle
from pollwatch.evidence.manifest import Indicator, PrivateEntry
from pollwatch.evidence.policy import NONE, Policy
from pollwatch.members.member import Member
from pollwatch.members.rules import MatchingRules
from pollwatch.sharing.indicators.indicator import Act, indicator_id
from pollwatch.sharing.matching.audit import Audited
from pollwatch.sharing.matching.entering import Leaf

_SIZE_BYTES: Final = 4


def join(opening: bytes, bundle: bytes) -> bytes:
    """What is sent to the auditor."""
    return len(opening).to_bytes(_SIZE_BYTES, "big") + opening + bundle


def part(data: bytes) -> tuple[bytes, bytes]:
    """The opening and the bundle.

    Raises:
        FormatError: cut off.
    """
    end = _SIZE_BYTES + int.from_bytes(data[:_SIZE_BYTES], "big")
    if len(data) < end or end == _SIZE_BYTES:
        raise FormatError("an opening for the auditor is cut off")
    return data[_SIZE_BYTES:end], data[end:]


def name_of(entry: int) -> str:
    """The attachment that opens an entry."""
    return f"release-{entry:08d}.json"


def check(audited: Audited, data: bytes, member: Member, rules: MatchingRules) -> None:
    """Accept the releases behind the opened items.

    Args:
        audited: the opened places; they have been checked.
        data: the bundle; empty where no item was opened.
        member: whose set it is.
        rules: the charter's.

    Raises:
        ProofError: an item has no release, or one that is too young, or not sealed before the run.
        SignatureError: the bundle is not sealed in the member's log.
    """
    if not audited.items:
        return
    if any(each.entry is None for each in audited.items):
        raise ProofError("an item entered whose release was never sealed")
    bundle = read_bundle(data)
    opened.check_log(bundle, Policy((member.log,), {}, {}, NONE, following=member.pinned))
    seal, private = opened.check_seal(bundle)
    entries = opened.check_entries(bundle, private)
    committed_us = audited.commitment.at_us
    if rules.min_age_s and seal.at_us >= committed_us + US_PER_S:
        raise ProofError("the releases were sealed only after the run had begun")
    for leaf in audited.items:
        _check_release(leaf, bundle, entries)
        if too_young(leaf.released_us, committed_us, rules.min_age_s):
            raise ProofError(f"an item entered that was released less than {rules.min_age_s} s before")


def too_young(released_us: int, committed_us: int, min_age_s: int) -> bool:
    """Whether what was released then cannot have been old enough when it was committed to.

    Commitments state whole seconds: whoever commits late in a second may enter what became old enough within it.
    """
    return committed_us + US_PER_S - released_us <= min_age_s * US_PER_S


def _check_release(leaf: Leaf, bundle: Bundle, entries: Mapping[int, PrivateEntry]) -> None:
    place = -1 if leaf.entry is None else leaf.entry
    entry, data = entries.get(place), bundle.attachments.get(name_of(place))
    if not isinstance(entry, Indicator) or data is None or leaf.observable is None:
        raise ProofError("the release of an item is not shown")
    record = canonical.loads(data, max_bytes=1 << 22)
    try:
        salt = bytes.fromhex(record.pop("salt"))
        names, decision, at_us = record["indicators"], record["decision"], parse_rfc3339(record["time"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"a release cannot be read: {type(error).__name__}") from None
    if salted.commitment(salt, canonical.dumps(record)) != entry.content:
        raise ProofError("a release is shown in other words than were sealed")
    if decision != Act.RELEASE.value or indicator_id(leaf.observable) not in names or at_us != leaf.released_us:
        raise ProofError("an item entered that the release that is shown does not name, or with another date")
