"""Where a member's joint watch lies in its case folder, and what is needed to act as that member.

::

    CASE/evidence/shared/public   the shared log as files: what peers may read
    CASE/joint/charter.note       the charter in force
    CASE/joint/charters.json      all charters from the first to the last that was agreed to
    CASE/joint/card.note          how this member introduces itself
    CASE/joint/stages.json        how far this member goes with each other one (a copy is the gateway's)
    CASE/joint/keys/              inside only: the statement key and the key of requests
    CASE/joint/next/              the statement key after the present one, until it is put into a safe
    CASE/joint/record.sqlite      inside only: ledger, objects, views of peers' logs
    CASE/joint/indicators.sqlite  inside only: indicators, also where no charter is in force
    CASE/joint/matching/          inside only: runs of private matching, and the keys of their epochs
    CASE/joint/never-share.txt    inside only, and only where somebody wrote it: what must not leave
    CASE/joint/mirrors, forks/    inside only: peers' logs as last seen, and proofs against them
    CASE/joint/gateway/           the gateway's: witness, mirror and receipt keys, witness state, mailbox
    CASE/joint/gateway/taxii.sqlite  collections of released objects, and what others posted to them (TAXII 2.1)
    CASE/joint/gateway/mirror/    the gateway's copies of the other members' logs, served to everybody (tlog-mirror)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pollwatch.clock import Clock, SystemClock
from pollwatch.errors import ConfigError, PolicyError
from pollwatch.evidence import durable
from pollwatch.members.chain import Chain
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.keys import GatewayKeys, MemberKeys
from pollwatch.members.member import Member
from pollwatch.sharing.outbound import Outbound
from pollwatch.sharing.stages import Gate, Stage


@dataclass(frozen=True, slots=True)
class JointFolder:
    """The paths in one case folder."""

    case: Path

    @property
    def root(self) -> Path:
        """Everything of the joint watch."""
        return self.case / "joint"

    @property
    def inner(self) -> Path:
        """Keys that stay inside."""
        return self.root / "keys"

    @property
    def following(self) -> Path:
        """The statement key after the present one. It belongs elsewhere: move it to a safe place."""
        return self.root / "next" / "statement.key"

    @property
    def outer(self) -> Path:
        """What the gateway has."""
        return self.root / "gateway"

    @property
    def card(self) -> Path:
        """The member's own card."""
        return self.root / "card.note"

    @property
    def charter(self) -> Path:
        """The charter in force."""
        return self.root / "charter.note"

    @property
    def charters(self) -> Path:
        """All charters from the first to the last that was agreed to."""
        return self.root / "charters.json"

    @property
    def stages(self) -> Path:
        """How far this member goes with each other one."""
        return self.root / "stages.json"

    @property
    def outer_stages(self) -> Path:
        """The same for the gateway, which must not be able to change what the inside node goes by."""
        return self.outer / "stages.json"

    @property
    def record(self) -> Path:
        """Ledger, objects and views."""
        return self.root / "record.sqlite"

    @property
    def indicators(self) -> Path:
        """Indicators, who reports them, and what was decided about them."""
        return self.root / "indicators.sqlite"

    @property
    def matching(self) -> Path:
        """Runs of private matching, and the keys of their epochs."""
        return self.root / "matching"

    @property
    def match_box(self) -> Path:
        """What peers left for matching."""
        return self.outer / "matching.sqlite"

    @property
    def never(self) -> Path:
        """What the office itself forbids to share, one regular expression a line; need not exist."""
        return self.root / "never-share.txt"

    @property
    def outbox(self) -> Path:
        """Releases that were previewed and not yet made."""
        return self.root / "outbox"

    @property
    def mirrors(self) -> Path:
        """Peers' logs as last seen."""
        return self.root / "mirrors"

    @property
    def forks(self) -> Path:
        """Proofs that a peer's log forked."""
        return self.root / "forks"

    @property
    def mailbox(self) -> Path:
        """What peers delivered."""
        return self.outer / "mail.sqlite"

    @property
    def taxii(self) -> Path:
        """Collections of released objects, and what others posted to them."""
        return self.outer / "taxii.sqlite"

    @property
    def witness(self) -> Path:
        """What was cosigned. NEVER restore it from a backup."""
        return self.outer / "witness.sqlite"

    @property
    def mirror(self) -> Path:
        """The gateway's copies of the other members' logs, and what it cosigned of them."""
        return self.outer / "mirror"

    @property
    def clients(self) -> Path:
        """The passwords of third parties' clients, as hashes."""
        return self.outer / "clients.json"

    @property
    def egress(self) -> Path:
        """What the gateway answered, until the inside node fetches it."""
        return self.outer / "egress.sqlite"

    @property
    def nonces(self) -> Path:
        """The nonces of signed requests that are still good."""
        return self.outer / "nonces.sqlite"

    @property
    def mirror_key(self) -> Path:
        """The key that the mirror cosigns with."""
        return self.outer / "mirror.key"

    @property
    def public(self) -> Path:
        """The shared log as files."""
        return self.case / "evidence" / "shared" / "public"

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
                f"no charter was agreed to in {self.case}; see: pollwatch charter new --help, then charter sign"
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
                f"no charter is in force in {self.case}; see: pollwatch charter new --help, then charter sign"
            ) from None
        signed = SignedCharter.parse(data)
        if signed not in self.load_chain().charters:
            raise PolicyError(f"the charter in {self.charter} was never agreed to; restore it, or sign it again")
        return signed


@dataclass(frozen=True, slots=True)
class Membership:
    """A member, ready to act.

    Attributes:
        folder: where it lives.
        charter: the one in force.
        me: how the charter names it.
        keys: its keys, the log's aside.
    """

    folder: JointFolder
    charter: Charter
    me: Member
    keys: MemberKeys

    @classmethod
    def open(cls, case_dir: Path) -> Membership:
        """Open a member's folder, with the charter that holds by now.

        Raises:
            ConfigError: no charter is in force, or it does not name this member's key.
            SignatureError: keys are missing, or can be read by others.
        """
        folder = JointFolder(case_dir)
        folder.turn(SystemClock().now_us())
        charter = folder.load_charter().charter
        keys = MemberKeys.load(folder.inner, folder.outer)
        me = charter.by_statement_key(keys.statement.verifier)
        if me is None:
            raise ConfigError(f"the charter in {folder.charter} does not name the statement key of this node")
        return cls(folder, charter, me, keys)

    def peer(self, name: str) -> Member:
        """Another member, by name.

        Raises:
            PolicyError: there is none, or it is ourselves.
        """
        found = self.charter.member(name)
        if found == self.me:
            raise PolicyError(f"{found.name} is this node itself; name another member")
        return found

    @property
    def peers(self) -> tuple[Member, ...]:
        """The other members."""
        return self.charter.others(self.me.name)

    def way_to(self, member: Member, clock: Clock, needs: Stage = Stage.ALONE) -> Outbound:
        """The only way to another member's gateway.

        Args:
            member: whose.
            clock: for signatures.
            needs: the stage that what is sent needs, beyond what its route does.
        """
        return Outbound(member, self.charter, self.keys.request, clock, Gate(self.folder.stages), needs)


@dataclass(frozen=True, slots=True)
class GatewayMembership:
    """What the gateway knows: no key that speaks for the member."""

    folder: JointFolder
    charter: SignedCharter
    me: Member
    keys: GatewayKeys

    @classmethod
    def open(cls, case_dir: Path) -> GatewayMembership:
        """Open a gateway's folder, with the charter that holds by now.

        Raises:
            ConfigError: no charter is in force, or it does not name this gateway's keys.
            SignatureError: keys are missing, or can be read by others.
        """
        folder = JointFolder(case_dir)
        folder.turn(SystemClock().now_us())
        signed = folder.load_charter()
        keys = GatewayKeys.load(folder.outer)
        mine = (keys.witness.verifier, keys.gateway.verifier)
        me = next((each for each in signed.charter.members if (each.witness, each.gateway) == mine), None)
        if me is None:
            raise ConfigError(f"the charter in {folder.charter} does not name the keys of this gateway")
        return cls(folder, signed, me, keys)
