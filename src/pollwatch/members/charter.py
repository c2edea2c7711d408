"""The charter: the signed constitution of a joint watch.

It is a signed note over canonical JSON, so that every member holds the same bytes and its SHA-256 names them. The
first charter is signed by all; it takes effect at a node when its last signature is there. A later charter names
the hash of the one before it, and is signed as that one says (:mod:`pollwatch.members.amendment`); all of them together
are a :mod:`pollwatch.members.chain`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from pollwatch.clock import parse_rfc3339, rfc3339
from pollwatch.errors import FormatError, PolicyError, SignatureError
from pollwatch.evidence import note as notes
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.evidence.note import Note
from pollwatch.members import document
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role
from pollwatch.members.rules import Amendment, MatchingRules, Quorum

SCHEMA: Final = "pollwatch.charter/1"
_KIND: Final = "charter"
_MAX_MEMBERS: Final = 100


@dataclass(frozen=True, slots=True)
class Charter:
    """What the members agreed on.

    Attributes:
        name: of the joint watch.
        members: at least two, by name.
        elections: what is watched.
        quorum: how many must agree.
        tlp_default: the marking of a release that names no other.
        reply_window_s: how long a respondent has to answer a claim, in seconds.
        effective_us: from when it holds.
        previous: SHA-256 of the charter before it in hex; empty for the first.
        exercise: whether all of it is an exercise.
        releasers: how many people have to agree before anything leaves a member: 1 or 2.
        matching: what private matching may cost.
        amendment: who has to sign a change.
    """

    name: str
    members: tuple[Member, ...]
    elections: tuple[str, ...]
    quorum: Quorum
    tlp_default: Tlp
    reply_window_s: int
    effective_us: int
    previous: str = ""
    exercise: bool = False
    releasers: int = 1
    matching: MatchingRules = field(default_factory=MatchingRules)
    amendment: Amendment = field(default_factory=Amendment)
    _text: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check what holds between the fields.

        Raises:
            FormatError: members, keys or numbers that do not fit together.
        """
        if not 2 <= len(self.members) <= _MAX_MEMBERS:
            raise FormatError(f"a charter has 2 to {_MAX_MEMBERS} members, not {len(self.members)}")
        if [each.name for each in self.members] != sorted({each.name for each in self.members}):
            raise FormatError("a charter lists its members by name, each once")
        _check_distinct(self.members)
        voters = [each for each in self.members if each.role is Role.MEMBER]
        blocs = len({each.bloc for each in voters})
        if not 1 <= self.quorum.statements <= len(voters) or not 1 <= self.quorum.blocs <= blocs:
            raise FormatError(
                f"the quorum of {self.quorum.statements} members from {self.quorum.blocs} blocs cannot be reached "
                f"by {len(voters)} voting members from {blocs} blocs"
            )
        self.amendment.check(len(voters), blocs)
        if not 0 <= self.quorum.cosigners < len(self.members):
            raise FormatError(f"no log has {self.quorum.cosigners} other members to cosign it")
        if self.reply_window_s < 0 or self.effective_us % 1_000_000:
            raise FormatError("the reply window is not negative, and the effective time is in whole seconds")
        if any(each.exercise is not self.exercise for each in self.members):
            raise FormatError("an exercise has keys of its own, and no real charter takes them: make cards for it")
        if self.releasers not in {1, 2}:
            raise FormatError(f"one person or two release, not {self.releasers}")
        if self.matching.auditor and self.matching.auditor not in {each.name for each in self.members}:
            raise FormatError(f"{self.matching.auditor[:80]!r} is to audit the matching, and is no member")

    @property
    def digest(self) -> str:
        """SHA-256 in hex of the text that is signed: the charter's name among machines."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @property
    def text(self) -> str:
        """The text that is signed; written once, since a node asks for it at every step."""
        if not self._text:
            object.__setattr__(self, "_text", document.text_of(_KIND, self.record(), exercise=self.exercise))
        return self._text

    def member(self, name: str) -> Member:
        """The member of that name (case does not matter, nor does its key's short form).

        Raises:
            PolicyError: there is none.
        """
        wanted = name.casefold()
        for each in self.members:
            if wanted in {each.name.casefold(), each.statement.name.partition("/")[0]}:
                return each
        known = ", ".join(each.name for each in self.members)
        raise PolicyError(f"no member {name[:80]!r} in the charter {self.name!r}; its members are {known}")

    def by_identity(self, identity: str) -> Member | None:
        """The member with that STIX identity id."""
        return next((each for each in self.members if each.identity == identity), None)

    def by_statement_key(self, verifier: Verifier) -> Member | None:
        """The member that speaks with that key."""
        return next((each for each in self.members if each.statement == verifier), None)

    def others(self, name: str) -> tuple[Member, ...]:
        """All members but one."""
        return tuple(each for each in self.members if each.name != name)

    def policy(self, subject: Member) -> str:
        """The C2SP tlog-policy by which others judge one member's log: its key, who cosigns it, and all blocs."""
        lines = [f"log {subject.log.vkey} {subject.address}/log", f"# bloc {subject.log.name} {subject.bloc}"]
        lines += [f"# next {subject.log.name} {subject.following_log}"] if subject.following_log else []
        names = []
        for each in self.others(subject.name):
            name = each.witness.name.replace("/", "-")
            names.append(name)
            lines.append(f"witness {name} {each.witness.vkey} {each.address}/witness")
            lines.append(f"# bloc {name} {each.bloc}")
        if self.quorum.cosigners:
            lines += [f"group members {self.quorum.cosigners} {' '.join(names)}", "quorum members"]
        else:
            lines.append("quorum none")
        return "\n".join(lines) + "\n"

    def record(self) -> dict[str, Any]:
        """The charter as JSON."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "members": [each.record() for each in self.members],
            "elections": list(self.elections),
            "quorum": self.quorum.record(),
            "tlp_default": self.tlp_default.word,
            "reply_window_s": self.reply_window_s,
            "effective": rfc3339(self.effective_us),
            "previous": self.previous,
            "exercise": self.exercise,
            "releasers": self.releasers,
            "matching": self.matching.record(),
            "amendment": self.amendment.record(),
        }


@dataclass(frozen=True, slots=True)
class SignedCharter:
    """A charter and the signatures it has so far. Those by its members are right.

    A later charter may also be signed by keys of the charter before it; only the chain can tell whose they are.
    """

    charter: Charter
    note: Note

    @classmethod
    def begin(cls, charter: Charter, signer: Signer) -> SignedCharter:
        """A charter with its first signature.

        Raises:
            SignatureError: the key is no member's statement key.
        """
        _check_signer(charter, signer)
        return cls(charter, notes.sign_note(charter.text, (signer,)))

    @classmethod
    def parse(cls, data: bytes) -> SignedCharter:
        """Read a charter and check every signature on it.

        Raises:
            FormatError: not a well-formed charter.
            SignatureError: a signature is wrong, or on a first charter by nobody in it.
        """
        return _parsed(data)

    def to_bytes(self) -> bytes:
        """The charter as it travels and is kept."""
        return self.note.to_bytes()

    def signing(self, signer: Signer) -> SignedCharter:
        """With one more member's signature; signing twice changes nothing.

        Raises:
            SignatureError: the key is no member's statement key.
        """
        _check_signer(self.charter, signer)
        return SignedCharter(self.charter, self.note.adding((notes.sign(self.charter.text, signer),)))

    def missing(self) -> tuple[Member, ...]:
        """The members that have not signed yet."""
        return tuple(each for each in self.charter.members if not self.note.by(each.statement))

    def check_complete(self) -> None:
        """Accept a first charter that all its members signed.

        Raises:
            PolicyError: somebody has not; the message says who.
        """
        if missing := self.missing():
            names = ", ".join(each.name for each in missing)
            raise PolicyError(f"charter {self.charter.name!r} is not in force: not yet signed by {names}")


def difference(ours: Charter, theirs: Charter) -> tuple[str, ...]:
    """What differs between two charters, one line a field, ours first; empty when they are the same."""
    return tuple(_differences("", ours.record(), theirs.record()))


def _differences(path: str, ours: object, theirs: object) -> Iterator[str]:
    if ours == theirs:
        return
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            yield from _differences(f"{path}.{key}".lstrip("."), ours.get(key), theirs.get(key))
    elif path == "members" and isinstance(ours, list) and isinstance(theirs, list):
        left, right = ({each["name"]: each for each in side} for side in (ours, theirs))
        for name in sorted(left.keys() | right.keys()):
            yield from _differences(f"members[{name}]", left.get(name), right.get(name))
    else:
        yield f"{path}: {_shown(ours)} here, {_shown(theirs)} there"


def _shown(value: object) -> str:
    return "absent" if value is None else repr(value)[:120]


@lru_cache(maxsize=32)
def _parsed(data: bytes) -> SignedCharter:
    """The same bytes are the same charter, equally signed: a node that reads them at every step checks them once."""
    note, value = document.read(_KIND, data)
    charter = _from_record(value)
    if charter.text != note.text:
        raise SignatureError("the charter does not agree with its first line on whether this is an exercise")
    signed = SignedCharter(charter, note)
    keys = {(each.statement.name, each.statement.id) for each in charter.members}
    if not charter.previous and any((line.name, line.key_id) not in keys for line in note.signatures):
        raise SignatureError("the charter carries a signature by a key that is no member's")
    notes.verify(note, [each.statement for each in charter.members])
    return signed


def _from_record(value: object) -> Charter:
    shape: dict[str, type] = dict.fromkeys(("schema", "name", "tlp_default", "effective", "previous"), str)
    shape |= {"members": list, "elections": list, "quorum": dict, "matching": dict, "amendment": dict}
    record = document.fields(value, "charter", shape | {"exercise": bool, "reply_window_s": int, "releasers": int})
    if record["schema"] != SCHEMA:
        raise FormatError(f"the charter is of schema {record['schema'][:40]!r}; this version reads {SCHEMA}")
    try:
        effective_us = parse_rfc3339(record["effective"])
    except ValueError as error:
        raise FormatError(f"the charter's effective time: {error}") from None
    charter = Charter(
        record["name"],
        tuple(Member.from_record(each) for each in record["members"]),
        document.texts(record["elections"], "the charter's elections"),
        Quorum.from_record(record["quorum"]),
        Tlp.parse(record["tlp_default"]),
        record["reply_window_s"],
        effective_us,
        record["previous"],
        record["exercise"],
        record["releasers"],
        MatchingRules.from_record(record["matching"]),
        Amendment.from_record(record["amendment"]),
    )
    if charter.record() != record:
        raise FormatError("the charter is not in its only form")
    return charter


def _check_distinct(members: Sequence[Member]) -> None:
    """A key or identity that two share would let one speak for the other, or one count twice."""
    _check_once("key", ((each.name, key.public.hex()) for each in members for key in each.keys))
    _check_once("key name", ((each.name, key.name) for each in members for key in each.keys))
    _check_once("identity", ((each.name, each.identity) for each in members))
    _check_once("address", ((each.name, each.address) for each in members))


def _check_once(what: str, owned: Iterable[tuple[str, str]]) -> None:
    owners: dict[str, str] = {}
    for owner, value in owned:
        if value in owners:
            raise FormatError(f"{owner} and {owners[value]} have the same {what}; each {what} has one owner and use")
        owners[value] = owner


def _check_signer(charter: Charter, signer: Signer) -> None:
    if charter.by_statement_key(signer.verifier) is None:
        raise SignatureError(f"key {signer.name} ({signer.verifier.id.hex()}) is no member's key in this charter")
