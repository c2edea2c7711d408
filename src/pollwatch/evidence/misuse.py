"""A log's key used where another signs, as a portable proof: the key was stolen, or its owner keeps two histories.

Either a key of the log, once retired or not yet in use, signed a checkpoint of a size that another key signs; or its
keys signed two different links of one number. Nobody without these keys could have made either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pollwatch.errors import ProofError, RetiredKeyError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import keychain
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.fields import Fields, document
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.note import Note

MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class KeyMisuse:
    """Such a proof. Check it with :meth:`verify`.

    Attributes:
        log: the log's first key.
        keys: its key links, up to the ones that it takes.
        checkpoint: what was signed by the wrong one of these keys, with that signature alone; None in the other case.
        link: another link of the last one's number, with the later text; None in the other case.
    """

    KIND: ClassVar[str] = "key-misuse"
    log: Verifier
    keys: tuple[bytes, ...]
    checkpoint: SignedCheckpoint | None = None
    link: bytes | None = None

    @classmethod
    def of_checkpoint(cls, chain: KeyChain, signed: SignedCheckpoint) -> KeyMisuse:
        """The proof that a checkpoint is signed by a key that does not sign its size; it has been verified.

        Raises:
            ProofError: it is not.
            SignatureError: no key of the log signed it.
        """
        for signer in chain.keys:
            lines = signed.note.by(signer)
            if lines and signer != chain.key_at(signed.checkpoint.size):
                bare = SignedCheckpoint(signed.checkpoint, Note(signed.note.text, lines[:1]))
                proof = cls(chain.first, _needed(chain, bare, signer), bare)
                proof.verify()
                return proof
        raise ProofError(f"the checkpoint of {chain.name} is signed by no key that does not sign its size")

    @classmethod
    def of_chains(cls, left: KeyChain, right: KeyChain) -> KeyMisuse:
        """The proof that two chains of one log contradict each other; it has been verified.

        Raises:
            ProofError: they do not.
        """
        for number, (ours, theirs) in enumerate(zip(left.links, right.links, strict=False)):
            if ours != theirs:
                first, second = sorted((left, right), key=lambda chain: chain.links[number].text)
                proof = cls(first.first, first.notes[: number + 1], None, second.notes[number])
                proof.verify()
                return proof
        raise ProofError(f"the two chains of keys of {left.name} do not contradict each other")

    @property
    def chain(self) -> KeyChain:
        """The log's keys, as far as the proof shows them.

        Raises:
            ProofError: the links do not fit.
            SignatureError: see :func:`pollwatch.evidence.keychain.follow`.
        """
        chain = keychain.follow(self.log, self.keys)
        if chain.first != self.log or not self.keys:
            raise ProofError("the log's keys are not in their only form")
        return chain

    def verify(self) -> None:
        """Check that a key was really misused.

        Raises:
            SignatureError: a link or the checkpoint is not signed by the log's keys.
            ProofError: there is no misuse: the accusation is void.
        """
        chain = self.chain
        if self.checkpoint is not None and self.link is None:
            self._verify_checkpoint(chain, self.checkpoint)
        elif self.link is not None and self.checkpoint is None:
            other = keychain.follow(chain.first, (*self.keys[:-1], self.link)).links[-1]
            if other.number != chain.links[-1].number or other.text <= chain.links[-1].text:
                raise ProofError("the two links are the same, of different numbers, or in the wrong order")
        else:
            raise ProofError("a misuse of a key is shown by a checkpoint or by a link")

    def _verify_checkpoint(self, chain: KeyChain, signed: SignedCheckpoint) -> None:
        try:
            chain.check(signed)
        except RetiredKeyError:
            signer = next(each for each in chain.keys if checkpoints.verify(signed, (each,)))
            if len(signed.note.signatures) == 1 and self.keys == _needed(chain, signed, signer):
                return
            raise ProofError("a misuse of a key is shown by one signature, and no more keys than it takes") from None
        raise ProofError("the checkpoint is signed by the key of its size: no misuse is shown")

    def to_bytes(self) -> bytes:
        """The portable file: canonical JSON."""
        return document(
            self.KIND,
            1,
            {
                "log": self.log.vkey,
                "keys": [each.decode("utf-8") for each in self.keys],
                "checkpoint": None if self.checkpoint is None else self.checkpoint.to_bytes().decode("utf-8"),
                "link": None if self.link is None else self.link.decode("utf-8"),
            },
        )

    @classmethod
    def parse(cls, data: bytes) -> KeyMisuse:
        """Read the portable file; call :meth:`verify` before believing it.

        Raises:
            ProofError: not such a proof.
            SignatureError: a malformed key or checkpoint in it.
        """
        fields = Fields.load(data, "proof of a key's misuse", max_bytes=MAX_BYTES)
        fields.kind(cls.KIND)
        log = Verifier.parse(fields.text("log"))
        keys = tuple(each.encode("utf-8", "surrogatepass") for each in fields.texts("keys"))
        checkpoint, link = fields.optional_text("checkpoint"), fields.optional_text("link")
        fields.done()
        return cls(
            log,
            keys,
            None if checkpoint is None else SignedCheckpoint.parse(checkpoint.encode("utf-8", "surrogatepass")),
            None if link is None else link.encode("utf-8", "surrogatepass"),
        )


def _needed(chain: KeyChain, signed: SignedCheckpoint, signer: Verifier) -> tuple[bytes, ...]:
    """The links up to the key that signs that size, and to the one that signed it."""
    due = chain.link_at(signed.checkpoint.size)
    return chain.notes[: max(due.number if due else 0, chain.keys.index(signer)) + 1]
