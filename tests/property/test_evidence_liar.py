"""A state machine: one member lies in every way that its log's key allows, the others run the real code.

The liar may fork, truncate, replay, equivocate, name wrong sizes, sign badly, serve another history's tiles, or keep
silent. Two roles accept: a *witness* cosigns without seeing entries, a *monitor* takes a state after reading all of
it. Neither ever accepts two states that contradict each other; and where the accepted states of different members
do, whatever the liar shows next is refused, or convicts it before a third party who has the verifier and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import combinations, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, ProofError
from pollwatch.evidence import checkpoint, fsck, merkle, monitor
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.evidence.tiles import TileReader, encode_entries, entries_path, tile_path
from pollwatch.evidence.verify import verify_bytes
from pollwatch.evidence.witness import Witness

LIAR = Signer("liar.example/shared", KeyType.ED25519, bytes(range(32)))
STRANGER = Signer("liar.example/shared", KeyType.ED25519, bytes(range(5, 37)))
CLOCK = ManualClock(1_793_000_000_000_000)
History = tuple[bytes, ...]


def seed(text: str) -> bytes:
    """Key material that is the same in every run."""
    return sha256(text.encode()).digest()


def tree_of(history: History) -> merkle.Tree:
    """The tree of these entries."""
    return merkle.Tree(merkle.leaf_hash(entry) for entry in history)


def served(history: History) -> TileReader:
    """The tiles of a history of fewer than 256 entries, as a peer serves them: at this size and no other."""
    files = {
        tile_path(0, 0, len(history)): b"".join(merkle.leaf_hash(entry) for entry in history),
        entries_path(0, len(history)): encode_entries(history),
    }

    def fetch(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    return TileReader(fetch, len(history))


def contradict(one: History, other: History) -> bool:
    """Whether one log cannot have had both: neither is the beginning of the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] != other[:shorter]


@dataclass
class Honest:
    """One honest member: its witness, its monitor, and its own log, in which it files proofs (begun with the first)."""

    name: str
    witness: Witness
    folder: Path
    log: Log | None = None
    views: list[SignedCheckpoint] = field(default_factory=list)
    mirror: dict[int, TileReader] = field(default_factory=dict)
    cosigned: list[SignedCheckpoint] = field(default_factory=list)
    proofs: list[ForkProof] = field(default_factory=list)

    def own_knowledge(self) -> list[SignedCheckpoint]:
        """What it saw, cosigned and refused."""
        latest = self.witness.latest(LIAR.name)
        return [*self.views, *([latest] if latest else []), *self.witness.contradictions(LIAR.name)]

    def look(self, note: bytes, tiles: TileReader, known: list[SignedCheckpoint]) -> str:
        """One look at the liar's log, as a node does it: compare, not behind, read all, keep."""
        try:
            now = checkpoint.open_checkpoint(note, LIAR.verifier)
            tiles = tiles.resized(now.checkpoint.size)
            proof = monitor.compare(LIAR.verifier, now, tiles, known, self._mirrored)
            if proof is not None:
                self.file(proof)
                return "forked"
            monitor.check_not_behind(now, known)
            fsck.check_all(tiles, now.checkpoint.root)
        except EvidenceError as error:
            return f"refused: {error}"
        self.views.append(now)
        self.mirror[now.checkpoint.size] = tiles
        return "accepted"

    def file(self, proof: ForkProof) -> None:
        """A proof goes into the member's own log, once."""
        if proof not in self.proofs:
            self.proofs.append(proof)
            if self.log is None:
                own = [Signer(f"{self.name}/shared", KeyType.ED25519, seed(self.name + "log"))]
                self.log = Log.open(self.folder / self.name, own, CLOCK)
            self.log.append([proof.to_bytes()])

    def _mirrored(self, size: int) -> TileReader | None:
        return self.mirror.get(size)


class Liar(RuleBasedStateMachine):
    """Four members, of whom one lies, and nobody neutral."""

    HONEST: ClassVar[int] = 3
    NEUTRAL: ClassVar[bool] = False

    def __init__(self) -> None:
        """Honest members with empty logs; a liar with one empty history."""
        super().__init__()
        self.folder = TemporaryDirectory(prefix="pollwatch-liar-")
        self.histories: list[History] = [()]
        self.told: dict[tuple[int, bytes], History] = {}
        self.counter = 0
        self.honest = [self._member(f"h{number}.example") for number in range(self.HONEST)]
        self.neutral = [self._member("neutral.example")] if self.NEUTRAL else []

    def _member(self, name: str) -> Honest:
        keys = [Signer(f"{name}/witness", KeyType.COSIGNATURE, seed(name))]
        witness = Witness(Path(":memory:"), keys, CLOCK, [LIAR.verifier])
        return Honest(name, witness, Path(self.folder.name))

    def teardown(self) -> None:
        """At the end the liar shows each history; nobody who knows of another one takes it. Then close everything."""
        try:
            self._reckoning()
        finally:
            for each in (*self.honest, *self.neutral):
                each.witness.close()
                if each.log is not None:
                    each.log.close()
            self.folder.cleanup()

    def _state(self, history: History) -> SignedCheckpoint:
        root = tree_of(history).root()
        self.told[len(history), root] = history
        return checkpoint.signed(Checkpoint(LIAR.name, len(history), root), [LIAR])

    def _cut(self, which: int, size: int) -> History:
        history = self.histories[which % len(self.histories)]
        return history[: size % (len(history) + 1)]

    def _known_to(self, member: Honest) -> list[SignedCheckpoint]:
        """What a node knows: its own knowledge, and what the other witnesses say they cosigned last."""
        found = member.own_knowledge()
        for other in (*self.honest, *self.neutral):
            answer = other.witness.monitoring(sha256(LIAR.name.encode()).hexdigest())
            if other is not member and answer.status == 200:
                found.append(checkpoint.open_checkpoint(answer.body, LIAR.verifier))
        return found

    @initialize(count=st.integers(1, 5))
    def begin(self, count: int) -> None:
        """Some entries, so that there is something to lie about."""
        self.grow(0, count)

    @rule(which=st.integers(0, 9), count=st.integers(1, 7))
    def grow(self, which: int, count: int) -> None:
        """Append to one of the histories."""
        place = which % len(self.histories)
        fresh = tuple(f"entry {self.counter + number}".encode() for number in range(count))
        self.counter += count
        if len(self.histories[place]) + count < 250:
            self.histories[place] += fresh

    @precondition(lambda self: len(self.histories) < 5)
    @rule(which=st.integers(0, 9), at=st.integers(0, 40))
    def fork(self, which: int, at: int) -> None:
        """Begin another history that shares the first entries of one there is."""
        self.histories.append((*self._cut(which, at), f"fork {self.counter}".encode()))
        self.counter += 1

    @rule(
        who=st.integers(0, 3),
        which=st.integers(0, 9),
        size=st.integers(0, 200) | st.just(-1),
        old=st.sampled_from(["right", "zero", "other"]),
        other=st.integers(0, 9),
    )
    def ask_to_cosign(self, who: int, which: int, size: int, old: str, other: int) -> None:
        """Ask a witness for a cosignature, with a right or wrong old size, and a proof from this or another history."""
        everybody = [*self.honest, *self.neutral]
        member = everybody[who % len(everybody)]
        shown = self.histories[which % len(self.histories)] if size < 0 else self._cut(which, size)
        last = member.witness.latest(LIAR.name)
        last_size = last.checkpoint.size if last else 0
        claimed = {"right": last_size, "zero": 0, "other": other}[old]
        proven_in = self.histories[other % len(self.histories)] if old == "other" else shown
        proof = tree_of(proven_in).consistency(claimed) if 0 < claimed <= len(proven_in) else ()
        sent = self._state(shown)
        answer = member.witness.add_checkpoint(build_add_checkpoint(claimed, proof, sent))
        assert answer.status in {200, 400, 409, 422}
        if answer.status == 200:
            assert claimed == last_size
            member.cosigned.append(sent)

    @rule(
        who=st.integers(0, 3),
        which=st.integers(0, 9),
        size=st.integers(0, 200) | st.just(-1),
        tiles=st.sampled_from(["true", "true", "true", "other", "none"]),
        other=st.integers(0, 9),
    )
    def show(self, who: int, which: int, size: int, tiles: str, other: int) -> None:
        """Show a history, now or as it was once, with its own tiles, another's, or none at all."""
        member = self.honest[who % len(self.honest)]
        shown = self.histories[which % len(self.histories)] if size < 0 else self._cut(which, size)
        reader = {"true": shown, "other": self.histories[other % len(self.histories)], "none": ()}[tiles]
        member.look(self._state(shown).to_bytes(), served(reader), self._known_to(member))

    @rule(who=st.integers(0, 3), which=st.integers(0, 9), lie=st.sampled_from(["size", "root", "key", "bit", "name"]))
    def show_nonsense(self, who: int, which: int, lie: str) -> None:
        """A size or root that is not the tree's, another key, a wrong signature, another log's name: never accepted."""
        member = self.honest[who % len(self.honest)]
        shown = self.histories[which % len(self.histories)]
        true = Checkpoint(LIAR.name, len(shown), tree_of(shown).root())
        line = checkpoint.signed(true, [LIAR]).note.signatures[0]
        bad = replace(line, blob=bytes([line.blob[0] ^ 1]) + line.blob[1:])
        note = {
            "size": checkpoint.signed(replace(true, size=true.size + 1), [LIAR]),
            "root": checkpoint.signed(replace(true, root=seed("nothing")), [LIAR]),
            "key": checkpoint.signed(true, [STRANGER]),
            "bit": SignedCheckpoint(true, replace(self._state(shown).note, signatures=(bad,))),
            "name": checkpoint.signed(replace(true, origin="other.example/shared"), [LIAR]),
        }[lie].to_bytes()
        proofs, views = len(member.proofs), len(member.views)
        outcome = member.look(note, served(shown), self._known_to(member))
        assert len(member.views) == views, outcome
        # A root of nothing under the log's own key contradicts what was seen at that size: that alone may convict it.
        assert lie in {"size", "root"} or len(member.proofs) == proofs

    @invariant()
    def no_witness_cosigns_two_histories(self) -> None:
        """All that one witness ever cosigned lies on one line of growth."""
        for each in (*self.honest, *self.neutral):
            self._on_one_line(each.cosigned)

    @invariant()
    def no_monitor_accepts_two_histories(self) -> None:
        """All that one monitor ever took lies on one line of growth."""
        for each in self.honest:
            self._on_one_line(each.views)

    def _on_one_line(self, states: list[SignedCheckpoint]) -> None:
        taken = [self.told[each.checkpoint.size, each.checkpoint.root] for each in states]
        assert all(not contradict(*pair) for pair in pairwise(taken))

    @invariant()
    def every_proof_convinces_a_third_party(self) -> None:
        """Whoever has the verifier and the proof's bytes sees that the liar signed two histories, and who it was."""
        for member in self.honest:
            for proof in member.proofs:
                report = verify_bytes(proof.to_bytes(), f"log {LIAR.verifier.vkey}\nquorum none\n".encode())
                assert report.log == LIAR.name
            filed = member.log.size if member.log is not None else 0
            assert filed == len(member.proofs)

    def _reckoning(self) -> None:
        """Every contradiction between accepted states shows, whatever the liar does next."""
        self._accepted_states_convict()
        for history in self.histories:
            note, tiles = self._state(history).to_bytes(), served(history)
            for member in self.honest:
                known = self._known_to(member)
                told = [self.told.get((each.checkpoint.size, each.checkpoint.root)) for each in known]
                # A state that is no tree's (told is None) contradicts every history as well.
                lies = any(each is None or contradict(history, each) for each in told)
                outcome = member.look(note, tiles, known)
                if not lies:
                    continue
                assert outcome != "accepted"
                if len(history) >= max(each.checkpoint.size for each in known):
                    assert outcome == "forked"  # with nothing hidden behind a larger state, the proof is complete
                    verify_bytes(member.proofs[-1].to_bytes())

    def _accepted_states_convict(self) -> None:
        """Two members that put their accepted states together have the proof, where one mirrored the larger."""
        accepted = [(state, member) for member in self.honest for state in (*member.views, *member.cosigned)]
        for (one, first), (two, second) in combinations(accepted, 2):
            histories = [self.told[each.checkpoint.size, each.checkpoint.root] for each in (one, two)]
            size = max(one.checkpoint.size, two.checkpoint.size)
            mirrors = [each.mirror.get(size) for each in (first, second)]
            if not contradict(*histories):
                continue
            for tiles in (None, *mirrors):
                try:
                    proof = monitor.find_fork(LIAR.verifier, one, two, tiles)
                except ProofError:
                    continue  # not these tiles
                assert proof is not None
                verify_bytes(proof.to_bytes())
                break
            else:
                larger = one if one.checkpoint.size > two.checkpoint.size else two
                assert one.checkpoint.size != two.checkpoint.size
                assert all(larger not in each.views for each in (first, second))  # cosigned only: nobody has its tiles


class LiarOfFourWithNeutral(Liar):
    """Four members and a neutral witness."""

    NEUTRAL = True


class LiarOfTwo(Liar):
    """Two members, of whom one lies: there is nobody to compare with."""

    HONEST = 1


class LiarOfTwoWithNeutral(Liar):
    """Two members and a neutral witness."""

    HONEST = 1
    NEUTRAL = True


MODEST = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
for machine in (Liar, LiarOfFourWithNeutral, LiarOfTwo, LiarOfTwoWithNeutral):
    machine.TestCase.settings = MODEST

TestOneLiarOfFour = Liar.TestCase
TestOneLiarOfFourWithANeutralWitness = LiarOfFourWithNeutral.TestCase
TestOneLiarOfTwo = LiarOfTwo.TestCase
TestOneLiarOfTwoWithANeutralWitness = LiarOfTwoWithNeutral.TestCase
