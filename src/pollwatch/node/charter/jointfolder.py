"""Where a member's joint watch lies in its case folder, and what is needed to act as that member.

::

    CASE/evidence/shared/public   the shared log as files: what peers may read
    CASE/joint/charter.note       the charter in force
    CASE/joint/charters.json      all charters from the first to the last that was agreed to
    CASE/joint/charters-since.json  when each of them came into force here
    CASE/joint/card.note          how this member introduces itself
    CASE/joint/card.next          how it does once the charter says so (:mod:`pollwatch.node.charter.renewing`)
    CASE/joint/stages.json        how far this member goes with each other one (a copy is the gateway's)
    CASE/joint/keys/              inside only: the statement key and the key of requests; NAME.next are to follow
    CASE/joint/next/              the statement key after the present one, until it is put into a safe
    CASE/joint/record.sqlite      inside only: ledger, objects, views of peers' logs
    CASE/joint/indicators.sqlite  inside only: indicators, also where no charter is in force
    CASE/joint/matching/          inside only: runs of private matching, and the keys of their epochs
    CASE/joint/never-share.txt    inside only, and only where somebody wrote it: what must not leave
    CASE/joint/refused/           inside only: how the charters of members that refuse us differ from ours
    CASE/joint/mirrors, forks/    inside only: peers' logs as last seen, and proofs against them
    CASE/joint/gateway/           the gateway's, unless elsewhere (:mod:`pollwatch.node.gateway.gatewayfolder`)
    CASE/joint/gateway.json       where it stands, if elsewhere
    CASE/joint/egress.sqlite      inside only: what left over HTTP (:mod:`pollwatch.node.gateway.answered`)
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.clock import Clock, SystemClock
from pollwatch.errors import ConfigError, PolicyError
from pollwatch.evidence.keys import Signer
from pollwatch.members import keys as keyfiles
from pollwatch.members.card import read_card
from pollwatch.members.chain import Chain
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.keys import MemberKeys
from pollwatch.members.member import Member
from pollwatch.members.roll import Roll
from pollwatch.node.charter.charterfiles import CharterFiles
from pollwatch.node.gateway.gatewayfolder import GatewayFolder, GatewayMembership
from pollwatch.sharing.decisions import Decided, Decisions
from pollwatch.sharing.outbound import Outbound
from pollwatch.sharing.stages import Gate, OwnGate, Stage

#: How the notice of a member that left is kept among the decisions (:mod:`pollwatch.node.charter.heeding`).
DEPARTURE: Final = "departure"


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
        """The gateway's folder, while it is kept with the case."""
        return self.root / "gateway"

    @property
    def egress(self) -> Path:
        """What left over HTTP: requests of ours, and answers of the gateway as far as they were fetched."""
        return self.root / "egress.sqlite"

    @property
    def outpost(self) -> Path:
        """Where the gateway stands, if elsewhere (:mod:`pollwatch.node.gateway.outpost`)."""
        return self.root / "gateway.json"

    @property
    def card(self) -> Path:
        """The member's own card."""
        return self.root / "card.note"

    @property
    def next_card(self) -> Path:
        """Its card once a charter says so: with other keys, or at another address."""
        return self.root / "card.next"

    @property
    def is_exercise(self) -> bool:
        """Whether this member introduced itself for an exercise.

        Raises:
            FormatError, SignatureError: its card was changed.
        """
        return self.card.exists() and read_card(self.card.read_bytes()).exercise

    @property
    def charter(self) -> Path:
        """The charter in force."""
        return self.charter_files.charter

    @property
    def charters(self) -> Path:
        """All charters from the first to the last that was agreed to."""
        return self.charter_files.charters

    @property
    def stages(self) -> Path:
        """How far this member goes with each other one."""
        return self.root / "stages.json"

    @property
    def outer_stages(self) -> Path:
        """The same for the gateway, which must not be able to change what the inside node goes by."""
        return self.gateway.stages

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
        return self.gateway.match_box

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
        return self.gateway.mailbox

    @property
    def taxii(self) -> Path:
        """Collections of released objects, and what others posted to them."""
        return self.gateway.taxii

    @property
    def witness(self) -> Path:
        """What was cosigned. NEVER restore it from a backup."""
        return self.gateway.witness

    @property
    def public(self) -> Path:
        """The shared log as files."""
        return self.case / "evidence" / "shared" / "public"

    @property
    def charter_files(self) -> CharterFiles:
        """The charters that were agreed to, and the one in force."""
        return CharterFiles(self.root)

    @property
    def gateway(self) -> GatewayFolder:
        """The gateway's folder, as long as it is kept with the case."""
        return GatewayFolder(self.outer)

    def load_chain(self) -> Chain:
        """All charters that were agreed to: :meth:`CharterFiles.load_chain`."""
        return self.charter_files.load_chain()

    def turn(self, now_us: int) -> bool:
        """Put the charter in force that holds by now: :meth:`CharterFiles.turn`."""
        return self.charter_files.turn(now_us)

    def load_charter(self) -> SignedCharter:
        """The charter in force: :meth:`CharterFiles.load_charter`."""
        return self.charter_files.load_charter()

    def settle(self, me: Member, now_us: int) -> None:
        """Put new keys and a new card in their places as soon as the charter in force names them.

        The gateway does so itself, where it stands elsewhere or runs; here it is done for it where it does not. If we
        stop in between, the next call does the rest.
        """
        keyfiles.settle(self.inner, {"statement": me.statement, "request": me.request})
        if keyfiles.incoming(self.outer, keyfiles.OUTER) and self.gateway.charter_files.charters.exists():
            GatewayMembership.open(self.gateway, now_us)
        with suppress(FileNotFoundError):  # there is none, or another process was first
            if read_card(self.next_card.read_bytes()).is_as(me):
                for path in self.root.glob("next/statement*.key"):
                    if Signer.load(path).verifier == me.statement:
                        path.unlink()  # it is in use now
                self.next_card.replace(self.card)
                durable.sync_path(self.root)


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
        """Open a member's folder, with the charter that holds by now and the keys that it names.

        Raises:
            ConfigError: no charter is in force, or it does not name this member's key.
            SignatureError: keys are missing, or can be read by others.
        """
        folder = JointFolder(case_dir)
        now_us = SystemClock().now_us()
        folder.turn(now_us)
        charter = folder.load_charter().charter
        mine = (charter.by_statement_key(each.verifier) for each in keyfiles.at_hand(folder.inner, "statement"))
        me = next((each for each in mine if each is not None), None)
        if me is None:
            raise ConfigError(f"the charter in {folder.charter} does not name the statement key of this node")
        folder.settle(me, now_us)
        return cls(folder, charter, me, MemberKeys.load(folder.inner, folder.outer))

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
    def roll(self) -> Roll:
        """The members over all charters up to this one, and who of them has left by its own notice."""
        departed_us = {identity: each.content["until_us"] for identity, each in self.departed.items()}
        return self.folder.charter_files.roll(self.charter, departed_us)

    @property
    def departed(self) -> dict[str, Decided]:
        """The notices of members that left, as far as they were read in their logs, by identity."""
        return {each.content["member"]: each for each in Decisions(self.folder.record).all(DEPARTURE)}

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
        gate = Gate(self.folder.stages)
        return Outbound(member, self.charter, self.keys.request, clock, gate, needs, self.folder.egress)

    def own_way(self, clock: Clock) -> Outbound:
        """The way to our own gateway, where that stands elsewhere."""
        return Outbound(self.me, self.charter, self.keys.request, clock, OwnGate())
