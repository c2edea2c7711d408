"""C2SP tlog-proof: one entry's place in a log, in one small file, with the checkpoint that carries it."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from pollwatch.errors import ProofError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import merkle
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import decode_base64

_MAGIC = "c2sp.org/tlog-proof@v1\n"
MAX_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Where an entry stands.

    Attributes:
        index: of the entry.
        proof: inclusion in the checkpoint's tree.
        signed: the checkpoint with all its signatures.
    """

    index: int
    proof: merkle.Proof
    signed: SignedCheckpoint

    def verify(self, entry: bytes) -> None:
        """Check the entry's place. The checkpoint's signatures are for the caller to check.

        Raises:
            ProofError: it does not stand there.
        """
        at = self.signed.checkpoint
        merkle.verify_inclusion(self.index, at.size, merkle.leaf_hash(entry), self.proof, at.root)

    def to_bytes(self) -> bytes:
        """The file."""
        hashes = "".join(base64.b64encode(each).decode("ascii") + "\n" for each in self.proof)
        return f"{_MAGIC}index {self.index}\n{hashes}\n".encode("ascii") + self.signed.to_bytes()

    @classmethod
    def parse(cls, data: bytes) -> TlogProof:
        """Read the file. ``extra`` lines are refused: they are not authenticated, so nobody should rely on them.

        Raises:
            ProofError: malformed.
            SignatureError: a number, hash or checkpoint that is not in its only form.
        """
        head, empty_line, rest = data.partition(b"\n\n")
        if len(data) > MAX_BYTES or not empty_line or not head.startswith(_MAGIC.encode("ascii")):
            raise ProofError("not a tlog-proof")
        try:
            index, *hashes = head.decode("ascii").removeprefix(_MAGIC).split("\n")
        except UnicodeDecodeError:
            raise ProofError("not a tlog-proof: its head is not ASCII") from None
        if not index.startswith("index ") or len(hashes) > merkle.MAX_PROOF:
            raise ProofError("a tlog-proof has an index line and at most 63 hashes")
        proof = cls(
            checkpoints.parse_decimal(index.removeprefix("index "), "index"),
            tuple(decode_base64(line, "a hash of the proof") for line in hashes),
            SignedCheckpoint.parse(rest),
        )
        if proof.to_bytes() != data:
            raise ProofError("tlog-proof is not in canonical form")
        return proof
