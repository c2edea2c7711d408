"""A gateway's folder: all that it has, wherever it stands. Nothing else of its member can be reached from it.

::

    charters.json, charter.note     the charters, and the one in force        from the inside node
    charters-since.json             when each of them came into force here
    stages.json                     how far its member goes with each other   from the inside node
    clients.json                    third parties' passwords, as hashes       from the inside node
    log/                            the shared log as files                   from the inside node
    taxii.sqlite                    released objects, and what others posted
    witness.key, gateway.key, mirror.key    its own keys, which speak for nobody
    witness.sqlite                  what it cosigned. NEVER restore it from a backup
    mirror/                         its copies of the other members' logs
    mail.sqlite, matching.sqlite    what others delivered, until the inside node fetches it
    egress.sqlite                   what it answered, until the inside node fetches it
    nonces.sqlite                   signed requests that were seen
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pollwatch.errors import ConfigError
from pollwatch.members import keys as keyfiles
from pollwatch.members.charter import SignedCharter
from pollwatch.members.keys import GatewayKeys
from pollwatch.members.member import Member
from pollwatch.node.charter.charterfiles import CharterFiles


@dataclass(frozen=True, slots=True)
class GatewayFolder:
    """The paths in it."""

    path: Path

    @property
    def charter_files(self) -> CharterFiles:
        """The charters that were agreed to, and the one in force."""
        return CharterFiles(self.path)

    @property
    def stages(self) -> Path:
        """How far its member goes with each other one."""
        return self.path / "stages.json"

    @property
    def clients(self) -> Path:
        """The passwords of third parties' clients, as hashes."""
        return self.path / "clients.json"

    @property
    def log(self) -> Path:
        """The shared log as files."""
        return self.path / "log"

    @property
    def taxii(self) -> Path:
        """Collections of released objects, and what others posted to them."""
        return self.path / "taxii.sqlite"

    @property
    def mirror_key(self) -> Path:
        """The key that the mirror cosigns with."""
        return self.path / "mirror.key"

    @property
    def witness(self) -> Path:
        """What was cosigned. NEVER restore it from a backup."""
        return self.path / "witness.sqlite"

    @property
    def mirror(self) -> Path:
        """Copies of the other members' logs, and what was cosigned of them."""
        return self.path / "mirror"

    @property
    def mailbox(self) -> Path:
        """What peers delivered."""
        return self.path / "mail.sqlite"

    @property
    def match_box(self) -> Path:
        """What peers left for matching."""
        return self.path / "matching.sqlite"

    @property
    def egress(self) -> Path:
        """What was answered."""
        return self.path / "egress.sqlite"

    @property
    def nonces(self) -> Path:
        """The nonces of signed requests that are still good."""
        return self.path / "nonces.sqlite"


@dataclass(frozen=True, slots=True)
class GatewayMembership:
    """What the gateway knows: no key that speaks for the member.

    Attributes:
        folder: where it is.
        charter: the one in force.
        me: how the charter names its member.
        keys: its keys, the mirror's aside.
    """

    folder: GatewayFolder
    charter: SignedCharter
    me: Member
    keys: GatewayKeys

    @classmethod
    def open(cls, folder: GatewayFolder, now_us: int) -> GatewayMembership:
        """Open a gateway's folder, with the charter that holds by now and the keys that it names.

        Raises:
            ConfigError: no charter is in force, or it does not name this gateway's keys.
            SignatureError: keys are missing, or can be read by others.
        """
        folder.charter_files.turn(now_us)
        signed = folder.charter_files.load_charter()
        mine = {use: {each.verifier for each in keyfiles.at_hand(folder.path, use)} for use in keyfiles.OUTER}
        named = (each for each in signed.charter.members if each.witness in mine["witness"])
        me = next((each for each in named if each.gateway in mine["gateway"]), None)
        if me is None:
            raise ConfigError(f"the charter in {folder.path} does not name the keys of this gateway")
        keyfiles.settle(folder.path, {"witness": me.witness, "gateway": me.gateway})
        return cls(folder, signed, me, GatewayKeys.load(folder.path))
