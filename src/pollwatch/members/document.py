"""Signed documents: canonical JSON under a line that says what it is, carried as a C2SP signed note.

The first line (``pollwatch/charter/v1``) separates the kinds: a signature over one kind of document can never be
shown as a signature over another, nor over a checkpoint, whose second line is a number. In an exercise, whose keys say
so in their names, it is ``pollwatch/exercise/charter/v1``: nothing signed there can be shown as real, or the reverse.
Reading is strict: unknown, missing and mistyped fields are refused, so that two members never read the same bytes
differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from pollwatch import canonical
from pollwatch.errors import FormatError, SignatureError
from pollwatch.evidence import note as notes
from pollwatch.evidence.note import Note, Signer, Verifier

Record: TypeAlias = Mapping[str, Any]
#: What a document may measure; a charter of a hundred members is a tenth of it.
MAX_BYTES: Final = 1 << 19


def text_of(kind: str, document: Record, *, exercise: bool = False) -> str:
    """The text that is signed: the kind's line, then the document on one line."""
    return f"{domain(kind, exercise=exercise)}\n{canonical.dumps(document).decode('utf-8')}\n"


def domain(kind: str, *, exercise: bool) -> str:
    """The line that begins every signed text of a kind, in an exercise or not."""
    return f"pollwatch/exercise/{kind}/v1" if exercise else f"pollwatch/{kind}/v1"


def sign(kind: str, document: Record, signers: Iterable[Signer]) -> bytes:
    """The document as a signed note.

    Raises:
        SignatureError: keys of an exercise and real ones are not used together.
    """
    keys = tuple(signers)
    exercise = any(each.verifier.exercise for each in keys)
    if not all(each.verifier.exercise is exercise for each in keys):
        raise SignatureError(f"the {kind} would be signed with keys of an exercise and with real ones")
    return notes.sign_note(text_of(kind, document, exercise=exercise), keys).to_bytes()


def read(kind: str, data: bytes) -> tuple[Note, dict[str, Any]]:
    """The note and the document in it; signatures are not checked.

    Raises:
        SignatureError: no signed note, or of another kind.
        FormatError: the document is not canonical JSON, or no object.
    """
    note = notes.parse(data, max_bytes=MAX_BYTES)
    head, _, body = note.text.partition("\n")
    if head not in {domain(kind, exercise=False), domain(kind, exercise=True)}:
        raise SignatureError(f"this is no signed {kind} but {head[:60]!r}")
    value = canonical.loads(body.removesuffix("\n").encode("utf-8"), max_bytes=MAX_BYTES)
    if not isinstance(value, dict) or note.text != text_of(kind, value, exercise=is_exercise(note)):
        raise FormatError(f"the signed {kind} is not one JSON object on one line")
    return note, value


def is_exercise(note: Note) -> bool:
    """Whether a note was signed in an exercise, as its first line says."""
    return note.text.startswith("pollwatch/exercise/")


def open_signed(kind: str, data: bytes, verifier: Verifier) -> dict[str, Any]:
    """The document of a note that this key signed.

    Raises:
        SignatureError: not signed by it, or signed wrongly.
        FormatError: not a well-formed document.
    """
    note, value = read(kind, data)
    if is_exercise(note) is not verifier.exercise:
        words = ("real", "an exercise") if verifier.exercise else ("an exercise", "real")
        raise SignatureError(f"the {kind} is {words[0]}, and the key {verifier.name} is {words[1]}")
    if not notes.verify(note, (verifier,)):
        raise SignatureError(f"the {kind} is not signed by {verifier.name} (key {verifier.id.hex()})")
    return value


def fields(value: object, what: str, shape: Mapping[str, type]) -> dict[str, Any]:
    """A JSON object that has exactly these fields with exactly these types.

    Raises:
        FormatError: naming the first field that is missing, unknown or mistyped.
    """
    if not isinstance(value, dict):
        raise FormatError(f"{what} is no JSON object")
    for name in value:
        if name not in shape:
            raise FormatError(f"{what} has an unknown field {str(name)[:60]!r}")
    for name, kind in shape.items():
        if name not in value:
            raise FormatError(f"{what} lacks the field {name!r}")
        # bool is an int in Python, not in JSON.
        if not isinstance(value[name], kind) or (kind is int and isinstance(value[name], bool)):
            raise FormatError(f"{what}: field {name!r} is not of type {kind.__name__}")
    return value


def texts(value: object, what: str) -> tuple[str, ...]:
    """A JSON array of strings.

    Raises:
        FormatError: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise FormatError(f"{what} is not a list of texts")
    return tuple(value)
