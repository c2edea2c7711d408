"""The chain of custody of a case: what was read, when it was sealed, who had it in hand, and who got it."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.canonical import Json
from pollwatch.clock import rfc3339
from pollwatch.i18n import _
from pollwatch.report.dossier.factsheet import marks
from pollwatch.report.dossier.inert import name
from pollwatch.report.dossier.material import Material
from pollwatch.report.dossier.sheet import Section, Sheet


@dataclass(frozen=True, slots=True)
class Original:
    """An input that shows the incident: its SHA-256 in hex, of the decompressed content, and its size."""

    path: str
    sha256: str
    size_bytes: int
    lines: int


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """Lines of an input as they were sealed.

    Attributes:
        path: the input.
        first_number: of its first line.
        lines: how many.
        entry: in the private log.
        seal: entry of the shared log that covers it; None where it is not sealed yet.
        at_us: when, by the issuer's clock; cosignatures say it better.
        erased: whether it can no longer be opened.
    """

    path: str
    first_number: int
    lines: int
    entry: int
    seal: int | None
    at_us: int | None
    erased: bool


@dataclass(frozen=True, slots=True)
class Handled:
    """What somebody did with the case, in words, and when."""

    at_us: int
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Told:
    """What left for another member.

    Attributes:
        at_us: when it was recorded.
        receiver: to whom.
        released_by: who decided.
        basis: why that was allowed.
        sha256: of the exact bytes, in hex.
        received_us: when, by the receiver's signed receipt; None without one.
    """

    at_us: int
    receiver: str
    released_by: str
    basis: str
    sha256: str
    received_us: int | None


@dataclass(frozen=True, slots=True)
class Custody:
    """All of it, and for whom the package is made: the person who decided it, to whom it goes, and why."""

    originals: tuple[Original, ...]
    sealed: tuple[SealedBatch, ...]
    handled: tuple[Handled, ...]
    told: tuple[Told, ...]
    person: str
    addressee: str
    reason: str


def sheet(custody: Custody, material: Material) -> Sheet:
    """The chain of custody for people, with how to check it."""
    lead = _("Held by {member}. Package decided by {person} for {addressee}: {reason}")
    originals = [f"{name(each.path)}: {each.size_bytes} B, SHA-256 {each.sha256}" for each in custody.originals]
    handled = [
        f"{material.when(each.at_us, seconds=True)}: {name(each.who)}: {name(each.what, 1000)}"
        for each in custody.handled
    ]
    sealed = [_sealed(material, each) for each in custody.sealed]
    told = [_told(material, each) for each in custody.told]
    commands = [each.command for each in material.files if each.command]
    return Sheet(
        _("en"),
        _("Chain of custody"),
        lead.format(
            member=name(material.issuer.name),
            person=name(custody.person),
            addressee=name(custody.addressee),
            reason=name(custody.reason, 1000),
        ),
        marks(material),
        (
            Section(_("What was read"), tuple(originals)),
            Section(_("When it was sealed"), tuple(sealed) or (_("Nothing of it was sealed."),)),
            Section(_("Who had it in hand"), tuple(handled) or (_("No person's work on it is on record."),)),
            Section(_("Who got it before"), tuple(told) or (_("Nobody, as far as the ledger says."),)),
            Section(_("What this rests on"), _rests()),
            Section(_("Check it yourself"), commands=("sha256sum -c SHA256SUMS", *commands)),
        ),
    )


def _rests() -> tuple[str, ...]:
    return (
        _("Times of sealing are the issuer's; cosignatures of other members hold them in place."),
        _("Who had it in hand is the issuer's own record. Seals and ledger are committed to in its logs."),
        _("The originals stay with the office. The dossier beside this sheet says in plain words what happened."),
    )


def _sealed(material: Material, each: SealedBatch) -> str:
    if each.erased:
        state = _("erased: it cannot be proven any more")
    elif each.seal is None:
        state = _("not sealed yet")
    else:
        state = _("sealed {when}, shared entry {entry}")
        state = state.format(when=material.when(each.at_us, seconds=True), entry=each.seal)
    text = _("{path}, {n} lines from line {first}: private entry {entry}; {state}")
    return text.format(path=name(each.path), n=each.lines, first=each.first_number, entry=each.entry, state=state)


def _told(material: Material, each: Told) -> str:
    receipt = _("no receipt")
    if each.received_us is not None:
        receipt = _("received {when}, by its own receipt").format(when=material.when(each.received_us, seconds=True))
    text = _("{when}: to {member}, decided by {person} ({basis}), SHA-256 {digest}; {receipt}")
    return text.format(
        when=material.when(each.at_us, seconds=True),
        member=name(each.receiver),
        person=name(each.released_by),
        basis=name(each.basis),
        digest=each.sha256,
        receipt=receipt,
    )


def document(custody: Custody) -> Json:
    """The chain of custody for machines."""
    return {
        "schema": "pollwatch.custody/1",
        "decided_by": custody.person,
        "addressee": custody.addressee,
        "reason": custody.reason,
        "originals": [
            {"path": each.path, "sha256": each.sha256, "size": each.size_bytes, "lines": each.lines}
            for each in custody.originals
        ],
        "sealed": [
            {
                "path": each.path,
                "first_line": each.first_number,
                "lines": each.lines,
                "private_entry": each.entry,
                "shared_entry": each.seal,
                "sealed": rfc3339(each.at_us),
                "erased": each.erased,
            }
            for each in custody.sealed
        ],
        "handled": [{"time": rfc3339(each.at_us), "who": each.who, "what": each.what} for each in custody.handled],
        "told": [
            {
                "time": rfc3339(each.at_us),
                "receiver": each.receiver,
                "released_by": each.released_by,
                "legal_basis": each.basis,
                "sha256": each.sha256,
                "received": rfc3339(each.received_us),
            }
            for each in custody.told
        ],
    }
