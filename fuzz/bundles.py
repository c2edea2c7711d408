"""Bundles: the container, and each member behind a right checksum and a signed index.

Changed bytes alone would only ever reach the checksums, so there are two kinds of input: ``PK...`` is a container as
it is; anything else is ``NAME newline CONTENT``, put into a real bundle in that member's place, indexed and signed.
"""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path

from made import LOG, by_name

from pollwatch import canonical
from pollwatch.evidence import bundle as bundles
from pollwatch.evidence import container, note
from pollwatch.evidence.checkpoint import Checkpoint, signed
from pollwatch.evidence.fields import document
from pollwatch.evidence.tlogproof import TlogProof
from pollwatch.evidence.verify import verify_bytes

_KEYS = document("keys", 1, {"log": [LOG.verifier.vkey], "witnesses": []})
_PLACE = "seal/shared.tlog-proof"
_LINES = "lines/00000000.json"
_real: dict[str, bytes] = {}
_parts: list[bytes] = []


def read(data: bytes) -> None:
    """What unpacks is packed again as the same bytes, and verifying ends in a report or in our own words."""
    if data.startswith(b"PK"):
        assert container.pack(container.unpack(data)) == data
        verify_bytes(data)
        return
    name, _, content = data.partition(b"\n")
    members = _bundle() | {name.decode("utf-8", "replace"): content}
    packed = _signed(members)
    found = bundles.read_bundle(packed)
    assert found.to_bytes(LOG) == packed
    verify_bytes(packed)


def _bundle() -> dict[str, bytes]:
    if not _real:
        with tempfile.TemporaryDirectory() as folder:
            made = by_name(Path(folder) / "made")
            _real.update(container.unpack(made["bundle"].data))
            _parts.append(made["opened fields"].data)
        place = TlogProof.parse(_real[_PLACE])
        at = Checkpoint(LOG.name, place.signed.checkpoint.size, place.signed.checkpoint.root)
        _real[_PLACE] = TlogProof(place.index, place.proof, signed(at, [LOG])).to_bytes()
        _real[bundles.KEYS] = _KEYS
    return _real


def _signed(members: dict[str, bytes]) -> bytes:
    kept = {name: data for name, data in members.items() if name not in {bundles.INDEX, bundles.SIGNATURE}}
    created_us = canonical.loads(_bundle()[bundles.INDEX])["created_us"]
    digests = {name: sha256(data).hexdigest() for name, data in kept.items()}
    index = document("bundle-index", 1, {"created_us": created_us, "members": digests})
    line = note.sign(bundles._signed_text(index), LOG).line  # noqa: SLF001 - the attacker's signature is a right one
    return container.pack(kept | {bundles.INDEX: index, bundles.SIGNATURE: line.encode()})


def seeds(folder: Path) -> list[bytes]:
    """A whole bundle, one that shows fields, a small container, and every member of the bundle."""
    del folder  # the bundle is made once, for the reader too
    small = container.pack({"a.json": b"{}", "b/c.txt": b"text"})
    whole, fields = _bundle(), [f"{_LINES}\n".encode() + each for each in _parts]
    return [_signed(whole), small, *fields, *(name.encode() + b"\n" + data for name, data in whole.items())]
