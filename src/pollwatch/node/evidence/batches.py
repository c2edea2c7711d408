"""A batch on its way into the private log: its lines and fields under their salts, its entry, and its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import pack
from types import MappingProxyType
from typing import Final

import numpy as np

from pollwatch.evidence import salted
from pollwatch.evidence.linefields import Values
from pollwatch.evidence.manifest import Batch
from pollwatch.evidence.saltedlines import SaltedLines

NO_FIELDS: Final[Mapping[str, Values]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Earliest and latest time in a batch; None where unknown."""

    first_us: int | None = None
    last_us: int | None = None


def salted_lines(
    path: str, lines: Sequence[bytes], fields: Mapping[str, Values], seed: bytes | None = None
) -> SaltedLines:
    """Lines of an input under their salts; a new seed is drawn where they are sealed for the first time.

    Raises:
        ProofError: fields that cannot be sealed together.
    """
    label = _label(path)
    return SaltedLines(salted.new_seed_for(label, fields) if seed is None else seed, label, lines, fields)


def manifest(sealed: SaltedLines, first_number: int, span: TimeSpan) -> Batch:
    """The entry that commits to such lines."""
    root = sealed.tree.root()
    return Batch(sealed.source, first_number, len(sealed.lines), span.first_us, span.last_us, root)


def digest(path: str, first_number: int, lines: Sequence[bytes]) -> bytes:
    """Names exactly these records: lengths first, so that no two batches run together."""
    found = sha256(pack(">QQQ", len(_label(path)), first_number, len(lines)) + _label(path))
    found.update(np.fromiter(map(len, lines), dtype=">u8", count=len(lines)).tobytes())
    found.update(b"".join(lines))
    return found.digest()


def _label(path: str) -> bytes:
    return path.encode("utf-8", "replace")
