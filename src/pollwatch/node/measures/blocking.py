"""A block list from an incident: whom else it would hit, and the file that a person decides to make of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pollwatch import durable
from pollwatch.clock import US_PER_S, rfc3339
from pollwatch.errors import PolicyError
from pollwatch.events.observable import Kind, Observable, guessed
from pollwatch.incidents import neighbours
from pollwatch.incidents.neighbours import Neighbours
from pollwatch.incidents.records import Case
from pollwatch.node.indicators.desk import Desk
from pollwatch.node.sharing import releasing
from pollwatch.report import blocklist
from pollwatch.report.blocklist import BlockList
from pollwatch.stix import bundle, course, objects
from pollwatch.stix.watching import Watched

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Hit:
    """What a block of one address or name would hit.

    Attributes:
        observable: the address or name.
        near: what the case's logs show of others there.
        warnings: what it is known to be, in words: our own, a member's, a shared service's.
    """

    observable: Observable
    near: Neighbours
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a block would hit, before anybody decides.

    Attributes:
        incident: its id.
        hits: by address or name.
        first_us: when the incident began; None where it has no times.
    """

    incident: str
    hits: tuple[Hit, ...]
    first_us: int | None

    @property
    def spared(self) -> tuple[Hit, ...]:
        """What is left out unless a person overrides the warnings."""
        return tuple(each for each in self.hits if each.warnings)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decides about a preview.

    Attributes:
        person: who decides.
        reason: why.
        days: how long it is to last.
        override: whether what warnings name is blocked too.
    """

    person: str
    reason: str
    days: int
    override: bool = False


def preview(desk: Desk, incident: str, only: Iterable[str] = ()) -> Preview:
    """Whom a block of an incident's addresses and names would hit.

    Args:
        desk: of the case.
        incident: its id or the beginning of it.
        only: addresses or names to look at; none = all of the incident's actors.

    Raises:
        StoreError: there is no such incident, or the case cannot be read.
        PolicyError: it names no address and no domain, or one that is asked for is none.
    """
    with Case.open(desk.case_dir, desk.clock, create=False) as case:
        found = case.incident(incident)
        values = tuple(only) or (*found.actors.ip, *found.actors.domain)
        blocked = list(dict.fromkeys(each for each in map(_observable, values) if each is not None))
        if not blocked:
            raise PolicyError(f"{found.id} names no address and no domain that could be blocked")
        near = neighbours.look(case.events(), {each.value for each in blocked}, case.accused(found))
    warned = desk.innocents.warnings(blocked)
    hits = tuple(
        Hit(each, near[each.value], tuple(map(desk.innocents.words, keys)))
        for each, keys in zip(blocked, warned, strict=True)
    )
    return Preview(found.id, hits, found.first_us)


def export(desk: Desk, seen: Preview, ruling: Ruling, form: str, out: Path) -> str:
    """Write a block list as a person decided it, and note the decision with the incident; gives its SHA-256.

    Args:
        desk: of the case.
        seen: what the person saw.
        ruling: what the person decided.
        form: one of :data:`pollwatch.report.blocklist.FORMATS`, or ``stix``.
        out: the file.

    Raises:
        PolicyError: nothing is left to block, no reason is given, or the form cannot say it.
        StoreError: it cannot be written.
    """
    if not ruling.person.strip() or not ruling.reason.strip():
        raise PolicyError("a block is decided by a person for a reason; give --by and --reason")
    chosen = [each for each in seen.hits if ruling.override or not each.warnings]
    if not chosen:
        raise PolicyError("everything in it is warned of; look at the preview, then --override with a --reason")
    now_us = desk.clock.now_us() // US_PER_S * US_PER_S
    blocked = tuple(each.observable for each in chosen)
    until_us = now_us + ruling.days * _DAY_S * US_PER_S
    blocks = BlockList(seen.incident, blocked, ruling.person, ruling.reason, now_us, until_us)
    data = _stix(desk, blocks) if form == "stix" else blocklist.FORMATS[form](blocks).encode("utf-8")
    durable.write_file(out, data)
    digest = sha256(data).hexdigest()
    with Case.open(desk.case_dir, desk.clock, create=False) as case:
        case.add_note(seen.incident, ruling.person, _note(chosen, blocks, form, digest))
    return digest


def _observable(text: str) -> Observable | None:
    """An address, network or domain; None for all else that an incident may name."""
    try:
        found = guessed(text)
    except ValueError:
        return None
    return found if found.kind in {Kind.IPV4, Kind.IPV6, Kind.DOMAIN} else None


def _note(chosen: Sequence[Hit], blocks: BlockList, form: str, digest: str) -> str:
    overridden = "; ".join(f"{each.observable.value}: {', '.join(each.warnings)}" for each in chosen if each.warnings)
    values = ", ".join(each.value for each in blocks.blocked)
    known = f" Overridden warnings: {overridden}." if overridden else ""
    until = rfc3339(blocks.until_us)
    return f"Block list ({form}, SHA-256 {digest}) of {values} until {until}: {blocks.reason}.{known}"


def _stix(desk: Desk, blocks: BlockList) -> bytes:
    if desk.membership is None:
        raise PolicyError("a STIX course of action is signed by a member; there is no charter here (take csv)")
    membership = desk.membership
    maker = releasing.maker(membership, membership.charter.tlp_default, desk.clock.now_us())
    watched = [
        Watched(f"block {blocks.incident} {each.value}", each, blocks.from_us, blocks.until_us, None)
        for each in blocks.blocked
    ]
    words = f"Decided by {blocks.decided_by}: {blocks.reason}"
    identity = objects.identity(membership.me, membership.charter)
    return bundle.write(course.to_stix(f"Block what {blocks.incident} came from", words, watched, maker, identity))
