"""A bundle: one zip file that proves something offline to somebody who trusts none of us.

It opens some entries of a private log: the entries, their places in the private tree, the seal that committed to that
tree, the seal's place in the shared log, and the shared log's checkpoint with whatever cosignatures it has. With them
come lines, or fields of lines, with their salts, an incident with its references, and attachments (a claim, its denial,
STIX objects).

``index.json`` lists every member's SHA-256 and ``index.sig`` is the log's signature over it. Reading re-serialises
everything and compares, so that there is one spelling per bundle. Checking what it proves is
:mod:`pollwatch.evidence.verify`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pollwatch import durable
from pollwatch.errors import ProofError
from pollwatch.evidence import container, merkle
from pollwatch.evidence import note as notes
from pollwatch.evidence.documents import OpenedDocuments
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.keyhistory import KeyHistory
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.evidence.note import Signature
from pollwatch.evidence.openedlines import OpenedBatch
from pollwatch.evidence.salted import SALT_BYTES
from pollwatch.evidence.seal import BLIND_BYTES, Opening
from pollwatch.evidence.sequenced import OpenedSequence
from pollwatch.evidence.tlogproof import TlogProof

_INDEX_HEADING = "pollwatch bundle index v1\n"
"""Above the index in what is signed; no checkpoint can begin so, hence the log's key may sign it."""

INDEX, SIGNATURE, COVER, KEYS, POLICY = "index.json", "index.sig", "README.txt", "keys.json", "policy.txt"
HISTORY = "keys/history.json"
_SEAL, _OPENING, _PLACE = "seal/entry.json", "seal/opening.json", "seal/shared.tlog-proof"
_CONTENT, _REFERENCES, _INCIDENT = "incident/content.json", "incident/references.json", "incident/opening.json"
_ATTACHED = "attachments/"
_LINES = "lines/"
_DOCUMENTS = "documents/"
_SEQUENCES = "sequence/"
_MAX_JSON = container.MAX_BYTES


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """A private log entry and its place in the sealed private tree."""

    index: int
    data: bytes
    proof: merkle.Proof


@dataclass(frozen=True, slots=True)
class OpenedIncident:
    """What an incident entry committed to.

    Attributes:
        entry: its index in the private log; that entry must be among the opened ones.
        content: the incident as canonical JSON.
        content_salt: its salt.
        references: :class:`pollwatch.evidence.references.References` as bytes.
        references_salt: its salt.
    """

    entry: int
    content: bytes
    content_salt: bytes
    references: bytes
    references_salt: bytes


@dataclass(frozen=True, slots=True)
class OpenedSeal:
    """A seal, its opening and its place in the shared log."""

    data: bytes
    opening: Opening
    place: TlogProof


@dataclass(frozen=True, slots=True)
class BundleKeys:
    """Keys as the issuer names them. A verifier who trusts them trusts the issuer; hence ``--policy``.

    Attributes:
        log: the shared log's own keys, the type 01 key first.
        witnesses: whose cosignatures the issuer says these are.
    """

    log: tuple[Verifier, ...]
    witnesses: tuple[Verifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that a bundle holds but its index.

    Attributes:
        created_us: when it was exported, as the issuer says.
        cover: the cover sheet, in plain language.
        keys: whose signatures are in it, as the issuer says.
        seal: what ties the private entries to the shared log.
        entries: ascending by index.
        batches: ascending by entry.
        incident: what the bundle is about, if it is about an incident.
        policy: a C2SP policy file that the issuer proposes; never believed without being given again by the reader.
        attachments: name (letters, digits, ``._-``) to bytes.
        documents: own documents that are shown, or disowned; ascending by entry.
        sequences: that an input's batches leave nothing out; ascending by entry.
        history: the shared log's keys, where they were changed; None where the first one signs to this day.
    """

    created_us: int
    cover: str
    keys: BundleKeys
    seal: OpenedSeal
    entries: tuple[OpenedEntry, ...]
    batches: tuple[OpenedBatch, ...]
    incident: OpenedIncident | None
    policy: bytes | None
    attachments: Mapping[str, bytes]
    documents: tuple[OpenedDocuments, ...] = ()
    sequences: tuple[OpenedSequence, ...] = ()
    history: KeyHistory | None = None

    def members(self) -> dict[str, bytes]:
        """Every member but the index and its signature.

        Raises:
            ProofError: two entries or two batches would be one member.
        """
        kinds = (self.batches, self.documents, self.sequences)
        for indexes in ([each.index for each in self.entries], *([each.entry for each in kind] for kind in kinds)):
            if len(set(indexes)) != len(indexes):
                raise ProofError("bundle: an entry or a batch stands twice")
        members = {COVER: self.cover.encode("utf-8"), KEYS: _keys_document(self.keys)}
        members[_SEAL] = self.seal.data
        opening = self.seal.opening
        members[_OPENING] = document("seal-opening", 1, {"blind": opening.blind.hex(), "checkpoint": opening.text})
        members[_PLACE] = self.seal.place.to_bytes()
        for entry in self.entries:
            members[f"private/{entry.index:08d}.entry.json"] = entry.data
            proof = {"index": entry.index, "proof": [each.hex() for each in entry.proof]}
            members[f"private/{entry.index:08d}.proof.json"] = document("inclusion", 1, proof)
        for batch in self.batches:
            members[f"{_LINES}{batch.entry:08d}.json"] = batch.to_bytes()
        members |= {f"{_DOCUMENTS}{each.entry:08d}.json": each.to_bytes() for each in self.documents}
        members |= {f"{_SEQUENCES}{each.entry:08d}.json": each.to_bytes() for each in self.sequences}
        if self.incident is not None:
            members[_CONTENT], members[_REFERENCES] = self.incident.content, self.incident.references
            members[_INCIDENT] = _incident_document(self.incident)
        if self.history is not None:
            members[HISTORY] = self.history.to_bytes()
        if self.policy is not None:
            members[POLICY] = self.policy
        return members | {_ATTACHED + name: data for name, data in self.attachments.items()}

    def to_bytes(self, signer: Signer) -> bytes:
        """The zip file, its index signed by the shared log's type 01 key.

        Raises:
            SignatureError: another key.
            ProofError: a name that the container cannot carry, or too much.
        """
        members = self.members()
        digests = {name: sha256(data).hexdigest() for name, data in members.items()}
        index = document("bundle-index", 1, {"created_us": self.created_us, "members": digests})
        line = notes.sign(_signed_text(index), signer).line
        return container.pack(members | {INDEX: index, SIGNATURE: line.encode("utf-8")})


def write_bundle(path: Path, bundle: Bundle, signer: Signer) -> None:
    """Write a bundle durably; it may hold personal data, so only its owner can read the file.

    Raises:
        OSError: the disk says no.
    """
    durable.write_file(path, bundle.to_bytes(signer), mode=0o600)


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle: the container, the index and its signature by the key that the bundle names, all fields.

    Raises:
        ProofError: any byte is not as it was written; names the member.
        SignatureError: the index is not signed by the log key that the bundle names, or a key is malformed.
    """
    members = container.unpack(data)
    created_us = _check_index(members)
    content = {name: value for name, value in members.items() if name not in {INDEX, SIGNATURE}}
    keys = _read_keys(_need(content, KEYS))
    line = Signature.parse(_text(members, SIGNATURE))
    if not notes.verify(notes.Note(_signed_text(members[INDEX]), (line,)), keys.log[:1]):
        raise ProofError(f"{SIGNATURE}: the index is not signed by the log key in {KEYS}")
    if line.line.encode("utf-8") != members[SIGNATURE]:
        raise ProofError(f"bundle: member {SIGNATURE} is not in its only form")
    bundle = Bundle(
        created_us=created_us,
        cover=_text(content, COVER),
        keys=keys,
        seal=_read_seal(content),
        entries=tuple(_read_entry(content, name) for name in sorted(content) if name.endswith(".entry.json")),
        batches=tuple(OpenedBatch.parse(content[name], name) for name in sorted(content) if name.startswith(_LINES)),
        incident=_read_incident(content) if _INCIDENT in content else None,
        policy=content.get(POLICY),
        attachments={
            name.removeprefix(_ATTACHED): value for name, value in content.items() if name.startswith(_ATTACHED)
        },
        documents=tuple(
            OpenedDocuments.parse(content[name]) for name in sorted(content) if name.startswith(_DOCUMENTS)
        ),
        sequences=tuple(OpenedSequence.parse(content[name]) for name in sorted(content) if name.startswith(_SEQUENCES)),
        history=KeyHistory.parse(content[HISTORY]) if HISTORY in content else None,
    )
    again = bundle.members()
    for name in sorted(again.keys() | content.keys()):
        if again.get(name) != content.get(name):
            raise ProofError(f"bundle: member {name} is unknown, missing, or not in its only form")
    return bundle


def _check_index(members: Mapping[str, bytes]) -> int:
    fields = Fields.load(_need(members, INDEX), INDEX, max_bytes=_MAX_JSON)
    fields.kind("bundle-index")
    created_us = fields.number("created_us")
    listed = fields.raw("members")
    fields.done()
    found = {name: sha256(data).hexdigest() for name, data in members.items() if name not in {INDEX, SIGNATURE}}
    if not isinstance(listed, dict):
        raise ProofError(f"{INDEX}: 'members' is not a JSON object")
    for name in sorted(found.keys() | listed.keys()):
        if name not in found:
            raise ProofError(f"bundle: member {name} is listed in {INDEX} but missing")
        if found[name] != listed.get(name):
            raise ProofError(f"bundle: member {name} is not what {INDEX} lists: it was changed, or added")
    return created_us


def _signed_text(index: bytes) -> str:
    return f"{_INDEX_HEADING}{index.decode('utf-8')}\n"


def _need(members: Mapping[str, bytes], name: str) -> bytes:
    try:
        return members[name]
    except KeyError:
        raise ProofError(f"bundle: member {name} is missing") from None


def _text(members: Mapping[str, bytes], name: str) -> str:
    try:
        return _need(members, name).decode("utf-8")
    except UnicodeDecodeError:
        raise ProofError(f"bundle: member {name} is not UTF-8") from None


def _keys_document(keys: BundleKeys) -> bytes:
    return document(
        "keys", 1, {"log": [each.vkey for each in keys.log], "witnesses": [each.vkey for each in keys.witnesses]}
    )


def _read_keys(data: bytes) -> BundleKeys:
    fields = Fields.load(data, KEYS)
    fields.kind("keys")
    log, witnesses = (tuple(map(Verifier.parse, fields.texts(key))) for key in ("log", "witnesses"))
    fields.done()
    if not log or log[0].type.has_time:
        raise ProofError(f"{KEYS}: the log's first key must be of type 01")
    return BundleKeys(log, witnesses)


def _read_seal(members: Mapping[str, bytes]) -> OpenedSeal:
    fields = Fields.load(_need(members, _OPENING), _OPENING)
    fields.kind("seal-opening")
    opening = Opening(fields.hex("blind", BLIND_BYTES), fields.text("checkpoint"))
    fields.done()
    return OpenedSeal(_need(members, _SEAL), opening, TlogProof.parse(_need(members, _PLACE)))


def _read_entry(members: Mapping[str, bytes], name: str) -> OpenedEntry:
    other = name.removesuffix(".entry.json") + ".proof.json"
    fields = Fields.load(_need(members, other), other)
    fields.kind("inclusion")
    entry = OpenedEntry(fields.number("index"), members[name], fields.hexes("proof", merkle.HASH_BYTES))
    fields.done()
    return entry


def _incident_document(incident: OpenedIncident) -> bytes:
    content_salt, references_salt = incident.content_salt.hex(), incident.references_salt.hex()
    salts = {"content_salt": content_salt, "references_salt": references_salt}
    return document("incident-opening", 1, {"entry": incident.entry, **salts})


def _read_incident(members: Mapping[str, bytes]) -> OpenedIncident:
    fields = Fields.load(members[_INCIDENT], _INCIDENT)
    fields.kind("incident-opening")
    incident = OpenedIncident(
        fields.number("entry"),
        _need(members, _CONTENT),
        fields.hex("content_salt", SALT_BYTES),
        _need(members, _REFERENCES),
        fields.hex("references_salt", SALT_BYTES),
    )
    fields.done()
    Fields.load(incident.content, _CONTENT, max_bytes=_MAX_JSON)
    return incident
