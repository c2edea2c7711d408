"""Lines of one batch, opened: whole, or only some fields of each; with one proof for all of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from pollwatch.errors import ProofError
from pollwatch.evidence import linefields, merkle
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.keys import decode_base64
from pollwatch.evidence.linefields import SLOTS
from pollwatch.evidence.manifest import Batch, PrivateEntry
from pollwatch.evidence.salted import SALT_BYTES, commitment

_KIND = "lines"
_MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class OpenedLine:
    """One line, whole.

    Attributes:
        number: its record number.
        salt: its salt.
        raw: its bytes.
        fields: the digest of its fields; None: it was sealed without any.
    """

    number: int
    salt: bytes
    raw: bytes
    fields: bytes | None = None

    def leaf(self) -> bytes:
        """What stands for it in the batch's tree."""
        return linefields.leaf_hash(commitment(self.salt, self.raw), self.fields)


@dataclass(frozen=True, slots=True)
class OpenedField:
    """One field of a line: its name, its salt, and its value; None: the line has no such field."""

    name: str
    salt: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class OpenedFields:
    """Some fields of one line, which is not shown itself.

    Attributes:
        number: the line's record number.
        line: the commitment to the line.
        shown: ascending by name, at least one.
        others: the commitments of the other slots, ascending by slot.
    """

    number: int
    line: bytes
    shown: tuple[OpenedField, ...]
    others: tuple[bytes, ...]

    def leaf(self, source: bytes) -> bytes:
        """What stands for the line in the tree of the batch with this source commitment.

        Raises:
            ProofError: there is another number of slots, or two of the fields have the same one.
        """
        slots = {}
        for each in self.shown:
            slots[linefields.slot(source, each.name)] = linefields.field_hashes(each.name, [each.salt], [each.value])[0]
        if not slots or len(slots) != len(self.shown) or len(slots) + len(self.others) != SLOTS:
            raise ProofError(
                f"fields of line {self.number}: there are {SLOTS} slots, and each field has one of its own"
            )
        rest = iter(self.others)
        commitments = [slots[slot] if slot in slots else next(rest) for slot in range(SLOTS)]
        return linefields.leaf_hash(self.line, linefields.fields_hash(commitments))


@dataclass(frozen=True, slots=True)
class OpenedBatch:
    """Lines of one batch.

    Attributes:
        entry: the batch's index in the private log; that entry must be among the opened ones.
        source: the input's name.
        source_salt: its salt.
        lines: those shown whole, ascending by number.
        parts: those of which only fields are shown, ascending by number; none of them is among ``lines``.
        proof: see :func:`pollwatch.evidence.merkle.prove_subset`.
    """

    entry: int
    source: str
    source_salt: bytes
    lines: tuple[OpenedLine, ...]
    parts: tuple[OpenedFields, ...]
    proof: merkle.Proof

    @property
    def numbers(self) -> tuple[int, ...]:
        """The record numbers of all lines that are shown, whole or in part."""
        return (*(each.number for each in self.lines), *(each.number for each in self.parts))

    def to_bytes(self) -> bytes:
        """Canonical JSON: the bundle's member."""
        lines = [
            {
                "number": each.number,
                "salt": each.salt.hex(),
                "raw": base64.b64encode(each.raw).decode("ascii"),
                "fields": None if each.fields is None else each.fields.hex(),
            }
            for each in self.lines
        ]
        parts = [
            {
                "number": each.number,
                "line": each.line.hex(),
                "shown": [_field_document(shown) for shown in each.shown],
                "others": [other.hex() for other in each.others],
            }
            for each in self.parts
        ]
        source = {"source": self.source, "source_salt": self.source_salt.hex()}
        proof = [each.hex() for each in self.proof]
        return document(_KIND, 1, {"entry": self.entry, **source, "lines": lines, "parts": parts, "proof": proof})

    @classmethod
    def parse(cls, data: bytes, name: str = "opened lines") -> OpenedBatch:
        """Read what :meth:`to_bytes` writes.

        Args:
            data: the bundle's member.
            name: what it is called, for errors.

        Raises:
            ProofError: not that.
            SignatureError: a line or a value is not canonical base64.
        """
        fields = Fields.load(data, name, max_bytes=_MAX_BYTES)
        fields.kind(_KIND)
        entry, source = fields.number("entry"), fields.text("source")
        source_salt = fields.hex("source_salt", SALT_BYTES)
        lines = tuple(_line(each, name) for each in fields.objects("lines"))
        parts = tuple(_parts(each, name) for each in fields.objects("parts"))
        proof = fields.hexes("proof", merkle.HASH_BYTES)
        fields.done()
        return cls(entry, source, source_salt, lines, parts, proof)

    def check(self, entries: Mapping[int, PrivateEntry]) -> None:
        """Check lines and fields, byte for byte, against the batch that the private log holds.

        Raises:
            ProofError: a line, a field, a number, or the input's name is not what was sealed.
        """
        manifest = entries.get(self.entry)
        if not isinstance(manifest, Batch):
            raise ProofError(f"lines: entry {self.entry} of the private log is no batch, or is not in the bundle")
        if commitment(self.source_salt, self.source.encode("utf-8")) != manifest.source:
            raise ProofError(f"lines of entry {self.entry}: the input's name is not the one that was sealed")
        for numbers in ([each.number for each in self.lines], [each.number for each in self.parts]):
            if any(left >= right for left, right in pairwise(numbers)):
                raise ProofError(f"lines of entry {self.entry}: not in ascending order")
        leaves = {line.number - manifest.first_number: line.leaf() for line in self.lines}
        leaves |= {part.number - manifest.first_number: part.leaf(manifest.source) for part in self.parts}
        if len(leaves) != len(self.lines) + len(self.parts):
            raise ProofError(f"lines of entry {self.entry}: a line is shown whole and in part")
        if merkle.root_from_subset(leaves, manifest.lines, self.proof) != manifest.root:
            what = "a line, its number or its salt" if self.lines else "a field, its salt or its line's number"
            raise ProofError(f"lines of entry {self.entry}: {what} is not what was sealed")


def _field_document(field: OpenedField) -> dict[str, str | None]:
    value = None if field.value is None else base64.b64encode(field.value).decode("ascii")
    return {"name": field.name, "salt": field.salt.hex(), "value": value}


def _line(fields: Fields, name: str) -> OpenedLine:
    raw = decode_base64(fields.text("raw", max_chars=_MAX_BYTES), f"{name}: a line")
    line = OpenedLine(
        fields.number("number"),
        fields.hex("salt", SALT_BYTES),
        raw,
        fields.optional_hex("fields", merkle.HASH_BYTES),
    )
    fields.done()
    return line


def _parts(fields: Fields, name: str) -> OpenedFields:
    shown = []
    for each in fields.objects("shown"):
        given = each.optional_text("value", max_chars=_MAX_BYTES)
        value = None if given is None else decode_base64(given, f"{name}: a field")
        shown.append(OpenedField(each.text("name", max_chars=64), each.hex("salt", SALT_BYTES), value))
        each.done()
    names = [each.name for each in shown]
    if any(left >= right for left, right in pairwise(names)):
        raise ProofError(f"{name}: the fields of a line are not in ascending order")
    linefields.check_names(names)
    number, line = fields.number("number"), fields.hex("line", merkle.HASH_BYTES)
    part = OpenedFields(number, line, tuple(shown), fields.hexes("others", merkle.HASH_BYTES))
    fields.done()
    return part
