"""The charters in a folder: all that were agreed to, and the one of them that is in force.

The inside node and its gateway each have their own folder with both, and go by them in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch import canonical, durable
from pollwatch.errors import ConfigError, FormatError, PolicyError
from pollwatch.members import document
from pollwatch.members.chain import Chain
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.roll import Roll

_SCHEMA: Final = "pollwatch.charters-since/1"
_MAX_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class CharterFiles:
    """The two files.

    Attributes:
        folder: where they are.
    """

    folder: Path

    @property
    def charter(self) -> Path:
        """The charter in force."""
        return self.folder / "charter.note"

    @property
    def charters(self) -> Path:
        """All charters from the first to the last that was agreed to."""
        return self.folder / "charters.json"

    @property
    def since(self) -> Path:
        """When each charter came into force here; need not exist."""
        return self.folder / "charters-since.json"

    def taken_up_us(self) -> dict[str, int]:
        """When each charter came into force here, by its digest, as far as that is known."""
        try:
            value = canonical.loads(self.since.read_bytes(), max_bytes=_MAX_BYTES)
            found = document.fields(value, self.since.name, {"schema": str, "since_us": dict})["since_us"]
        except (OSError, FormatError):  # without it, what charters say of themselves holds
            return {}
        return {digest: at_us for digest, at_us in found.items() if isinstance(at_us, int)}

    def roll(self, present: Charter, departed_us: Mapping[str, int] | None = None) -> Roll:
        """The members over all charters up to the one in force.

        Raises:
            ConfigError, FormatError, SignatureError, PolicyError: as :meth:`load_chain`.
        """
        return Roll.of_chain(self.load_chain(), present, self.taken_up_us(), departed_us)

    def load_chain(self) -> Chain:
        """All charters from the first to the last that was agreed to, which may be yet to come into force.

        Raises:
            ConfigError: there is none here.
            FormatError: the file is no chain of charters.
            SignatureError: it was changed.
            PolicyError: somebody's signature is missing.
        """
        try:
            chain = Chain.parse(self.charters.read_bytes())
        except FileNotFoundError:
            raise ConfigError(
                f"no charter was agreed to in {self.folder}; see: pollwatch charter new --help, then charter sign"
            ) from None
        chain.verify()
        return chain

    def turn(self, now_us: int) -> bool:
        """Put the charter in force that holds by now, if another one still is; gives whether one was put in force.

        There is no way back to an earlier one, whatever a clock says. If we stop in between, the next call does it.

        Raises:
            EvidenceError, FormatError, PolicyError: the charters here are not in order.
            OSError: the disk says no.
        """
        if not self.charters.exists():
            return False
        chain = self.load_chain()
        due = chain.agreed_at(now_us)
        present = SignedCharter.parse(self.charter.read_bytes()).charter.digest if self.charter.exists() else ""
        if due is None or present in chain.digests[chain.digests.index(due.charter.digest) :]:
            return False
        since = {due.charter.digest: now_us, **self.taken_up_us()}
        durable.write_file(self.since, canonical.dumps({"schema": _SCHEMA, "since_us": since}), mode=0o600)
        durable.write_file(self.charter, due.to_bytes())
        return True

    def load_charter(self) -> SignedCharter:
        """The charter in force.

        Raises:
            ConfigError: there is none here.
            SignatureError: it was changed.
            PolicyError: somebody's signature is missing.
        """
        try:
            data = self.charter.read_bytes()
        except FileNotFoundError:
            raise ConfigError(
                f"no charter is in force in {self.folder}; see: pollwatch charter new --help, then charter sign"
            ) from None
        signed = SignedCharter.parse(data)
        if signed not in self.load_chain().charters:
            raise PolicyError(f"the charter in {self.charter} was never agreed to; restore it, or sign it again")
        return signed
