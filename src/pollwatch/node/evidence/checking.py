"""Does what a case keeps still open what it sealed? Without the originals: seeds, names and fields against the log."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pollwatch.errors import ProofError
from pollwatch.evidence.manifest import Batch, parse_private
from pollwatch.evidence.tiles import TileReader
from pollwatch.node.evidence import batches, linevalues
from pollwatch.node.evidence.openings import KeptBatch, Openings


def check_openings(path: Path, private: TileReader) -> tuple[int, int]:
    """Check what opens the batches of the private log.

    Args:
        path: of the openings.
        private: the log, as it was signed.

    Returns:
        How many batches can be opened, and how many were erased.

    Raises:
        ProofError: what opens a batch is lost, or belongs to another one; names its entry.
        StoreError: the openings cannot be read.
    """
    if not path.exists():  # opening it would make an empty one
        raise ProofError(f"{path} is lost: nothing that was sealed can be opened any more")
    with closing(Openings(path)) as openings:
        kept = {each.entry: each for each in openings.batches_between(0, private.size)}
        pending = openings.unsettled("batches")  # a stopped scan's; the next one notes their places
        opened = erased = 0
        for index, data in enumerate(private.entries(0, private.size)):
            entry = parse_private(data)
            if not isinstance(entry, Batch) or data in pending:
                continue
            if index not in kept:
                raise ProofError(f"batch {index}: what opens it is lost; no line of it can be proven any more")
            if kept[index].erased:
                erased += 1
            else:
                _check(kept[index], entry, openings.fields_of(index))
                opened += 1
        return opened, erased


def _check(kept: KeptBatch, entry: Batch, packed: bytes) -> None:
    try:
        fields = linevalues.unpack(packed)
    except ProofError as error:
        raise ProofError(f"batch {kept.entry}: {error}") from error
    sealed = batches.salted_lines(kept.path, (), fields, kept.seed)
    if (kept.first_number, kept.lines, sealed.source) != (entry.first_number, entry.lines, entry.source):
        raise ProofError(f"batch {kept.entry}: what opens it was changed; it belongs to another batch")
    if any(len(values) != kept.lines for values in fields.values()):
        raise ProofError(f"batch {kept.entry}: the fields that are kept of it are not those of {kept.lines} lines")
