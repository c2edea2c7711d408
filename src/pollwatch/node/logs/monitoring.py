"""The monitor: looks at every other member's log on a schedule, and at one's own through the others' eyes.

One look at a member (:mod:`pollwatch.node.logs.watching` reads the log, compares all known views, and files fork
proofs) ends in one state::

    fine          it has merely grown, all of it was read
    gaps          seals are missing since the last look: its sealer stood still
    late          the last seal is older than agreed, or than usual: it stands still now, or hides its log
    misdated      new entries carry dates that cannot be true: a wrong clock, or a lie
    partly-read   it grew by more than one look reads; the rest is read at the next ones
    unreachable   nothing could be read
    lied          its seal carries a state of another's log that no key of that log signed
    went-back     it shows an older state than it signed before
    damaged       it is not what its checkpoint says
    forked        two signed histories; the proof is kept, and filed in our own shared log
    misused       a key of it signed what another of its keys signs: stolen, or two histories; the proof is kept too

One's own log is looked at as well: where another member holds a state of it that our key signed and our log does not
have, the key is used elsewhere (``misused`` too). A gap or a late seal proves nothing but that there was no seal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from pollwatch.canonical import Json
from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import ProofError, SharingError, SplitError, StoreError
from pollwatch.evidence import log as logs
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.monitor import find_fork
from pollwatch.evidence.report import shown_time
from pollwatch.evidence.seal import Seal
from pollwatch.evidence.tiles import TileReader
from pollwatch.i18n import _
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import dating
from pollwatch.node.logs import copies, gossip, knowing, watching
from pollwatch.node.logs.gossip import Said
from pollwatch.node.logs.watching import Checked, Verdict
from pollwatch.sharing.followed import Followed
from pollwatch.sharing.keybook import KeyBook


class State(StrEnum):
    """What a look at a member came to."""

    FINE = "fine"
    GAPS = "gaps"
    LATE = "late"
    MISDATED = "misdated"
    LIED = "lied"
    PARTLY_READ = "partly-read"
    UNREACHABLE = "unreachable"
    WENT_BACK = "went-back"
    DAMAGED = "damaged"
    FORKED = "forked"
    MISUSED = "misused"
    BUSY = "busy"


_LOOKED_BACK = 25
"""Seals by which the usual interval is told."""
_USUAL_TOLERANCE = 3
"""Usual intervals without a seal."""
_BROKEN = frozenset({State.WENT_BACK, State.DAMAGED, State.FORKED, State.MISUSED, State.LIED})
_OF_VERDICT = {
    Verdict.UNREACHABLE: State.UNREACHABLE,
    Verdict.WENT_BACK: State.WENT_BACK,
    Verdict.DAMAGED: State.DAMAGED,
    Verdict.FORKED: State.FORKED,
    Verdict.KEY_MISUSED: State.MISUSED,
}


@dataclass(frozen=True, slots=True)
class View:
    """What another member says that it cosigned last of a log: its size, or None where it says nothing usable."""

    by: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Watched:
    """One member, as it stands after a look.

    Attributes:
        member: whose log; our own among them.
        state: see the module.
        size: entries; None where nothing could be read.
        detail: one sentence.
        last_seal_us: what its last seal states; None without one.
        views: what the others say of this log.
        proof: file of a fork proof, which ``pollwatch verify`` checks.
    """

    member: str
    state: State
    size: int | None
    detail: str
    last_seal_us: int | None = None
    views: tuple[View, ...] = ()
    proof: Path | None = None


def look(membership: Membership, clock: Clock, expect_s: int | None = None) -> tuple[Watched, ...]:
    """Look at all members once.

    Args:
        membership: ours.
        clock: for freshness.
        expect_s: the interval at which seals were agreed to come; None judges no gaps, and lateness by what is usual.

    Raises:
        StoreError: our own folder cannot be written, or a scan holds it.
    """
    found = {each.name: _judged(membership, each, clock, expect_s) for each in membership.peers}
    for name in gossip.contradicted(membership):
        # What was read of one log meanwhile speaks against another: look again, with that in hand.
        if found[name].state not in _BROKEN:
            found[name] = _judged(membership, membership.charter.member(name), clock, expect_s)
    for name, said in gossip.lies(membership).items():
        found[name] = _caught(found[name], said)
    return (*found.values(), _own(membership, clock))


def _caught(watched: Watched, said: Said) -> Watched:
    """With what a member put into its seal, unless something worse is known already."""
    if watched.state is not State.FINE:
        return watched
    text = _("its seal carries a state of {member}'s log, of size {size}, that no key of that log signed: it lies")
    detail = text.format(member=said.of.name, size=said.signed.checkpoint.size)
    return replace(watched, state=State.LIED, detail=detail)


def exit_code(found: Iterable[Watched]) -> int:
    """What a look ends with: 0 all is fine, 4 a log is broken, 5 a member is late, silent or out of reach."""
    states = {each.state for each in found}
    if states & _BROKEN:
        return SplitError.exit_code
    return 0 if states <= {State.FINE} else SharingError.exit_code


def document(found: Iterable[Watched]) -> dict[str, Json]:
    """A look as JSON for other tools."""
    members: list[Json] = [
        {
            "member": each.member,
            "state": each.state.value,
            "size": each.size,
            "detail": each.detail,
            "last_seal_us": each.last_seal_us,
            "views": [{"by": view.by, "size": view.size} for view in each.views],
            "proof": None if each.proof is None else str(each.proof),
        }
        for each in found
    ]
    return {"schema": "pollwatch.evidence-watch/1", "members": members}


def run(
    case_dir: Path,
    every_s: int,
    expect_s: int | None,
    clock: Clock,
    tell: Callable[[Sequence[Watched]], None],
    rounds: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Look at fixed moments until stopped; a look that our own scan is in the way of is made up for by the next.

    Args:
        case_dir: our case folder; the charter in force is read anew each time.
        every_s: the interval between looks.
        expect_s: see :func:`look`.
        clock: the time.
        tell: told what each look found.
        rounds: end after so many.
        sleep: waits so many seconds.

    Returns:
        The exit code of the worst look.

    Raises:
        ConfigError: no charter is in force.
    """
    worst = 0
    done = 0
    while True:
        membership = Membership.open(case_dir)
        try:
            found = look(membership, clock, expect_s)
        except StoreError as error:
            found = (Watched(membership.me.name, State.BUSY, None, str(error)),)
        tell(found)
        code = exit_code(found)
        # A broken log (4) outweighs a silent one (5), whatever the numbers.
        worst = code if worst == 0 or code == SplitError.exit_code else worst
        done += 1
        if done == rounds:
            return worst
        now_us = clock.now_us()
        sleep((every_s * US_PER_S - now_us % (every_s * US_PER_S)) / US_PER_S)


def _judged(membership: Membership, member: Member, clock: Clock, expect_s: int | None) -> Watched:
    checked = watching.check_peer(membership, member, clock)
    views = _views(membership, member, clock)
    if not checked.sound or checked.size is None:
        state = _OF_VERDICT[checked.verdict]
        return Watched(member.name, state, checked.size, checked.detail, None, views, checked.proof)
    seals = copies.of(membership, member).followed
    last = seals.latest(Seal.KIND, checked.size, 1)
    last_us = last[0].at_us if last else None
    if checked.misdated or checked.read != checked.size:
        state = State.MISDATED if checked.misdated else State.PARTLY_READ
        return Watched(member.name, state, checked.size, checked.detail, last_us, views)
    state, detail = _rhythm(checked, seals, last_us, clock.now_us(), expect_s)
    return Watched(member.name, state, checked.size, detail, last_us, views)


def _rhythm(
    checked: Checked, seals: Followed, last_us: int | None, now_us: int, expect_s: int | None
) -> tuple[State, str]:
    """Whether seals come as agreed. Half an interval more is tolerated between two, a whole one before now."""
    if expect_s is None:
        return _usual_rhythm(checked, seals, last_us, now_us)
    expect_us = expect_s * US_PER_S
    if last_us is None or now_us - last_us > 2 * expect_us:
        when = shown_time(last_us) if last_us is not None else _("never")
        return State.LATE, _("its last seal is of {when}; one every {seconds} s was agreed").format(
            when=when, seconds=expect_s
        )
    if last_us - now_us > expect_us:
        return State.LATE, _("its last seal is dated {when}, which is yet to come: a clock is wrong").format(
            when=shown_time(last_us)
        )
    since = checked.before or 0
    new = seals.dated(Seal.KIND, since)
    times = [each.at_us or 0 for each in (*seals.latest(Seal.KIND, since, 1), *new)]
    gaps = [(first, then) for first, then in pairwise(times) if then - first > expect_us + expect_us // 2]
    if gaps:
        text = _("{count} times no seal came when one was due; last between {first} and {then}")
        first, then = map(shown_time, gaps[-1])
        return State.GAPS, text.format(count=len(gaps), first=first, then=then)
    return State.FINE, checked.detail


def _usual_rhythm(checked: Checked, seals: Followed, last_us: int | None, now_us: int) -> tuple[State, str]:
    """A log whose seals came regularly and then stopped is late, though nobody agreed on an interval."""
    usual_us = dating.usual_gap_us(seals.latest(Seal.KIND, checked.size or 0, _LOOKED_BACK))
    if usual_us is None or last_us is None or now_us - last_us <= _USUAL_TOLERANCE * usual_us:
        return State.FINE, checked.detail
    text = _("its last seal is of {when}; until then one came every {seconds} s")
    return State.LATE, text.format(when=shown_time(last_us), seconds=usual_us // US_PER_S)


def _views(membership: Membership, member: Member, clock: Clock) -> tuple[View, ...]:
    """What everybody else cosigned of a log; those that contradict it were compared when it was checked."""
    others = [each for each in membership.peers if each != member]
    return tuple(View(each.name, _size(_seen(membership, each, member, clock))) for each in others)


def _size(signed: SignedCheckpoint | None) -> int | None:
    return None if signed is None else signed.checkpoint.size


def _seen(membership: Membership, other: Member, member: Member, clock: Clock) -> SignedCheckpoint | None:
    seen = knowing.seen_by(membership, other, member, clock)
    chain = KeyBook(membership.folder.record).chain(member.known_log)
    good, _misuses = knowing.divide(chain, () if seen is None else (seen,))
    return good[0] if good else None


def _own(membership: Membership, clock: Clock) -> Watched:
    """Our own log through the others' eyes: whoever else has our key shows there."""
    me = membership.me
    cosigned = [(each.name, knowing.seen_by(membership, each, me, clock)) for each in membership.peers]
    carried = [(each.by.name, each.signed) for each in gossip.said_of(membership, me)]
    # Read after asking: what we publish meanwhile can only make our log larger.
    now, tiles = logs.open_reader(membership.folder.public, me.log)
    chain = logs.read_keys(membership.folder.public, me.log)
    size = now.checkpoint.size
    ours: dict[str, list[SignedCheckpoint]] = {}
    for name, signed in (*cosigned, *carried):
        good, misuses = knowing.divide(chain, () if signed is None else (signed,))
        ours.setdefault(name, []).extend(good)
        if misuses:
            text = _("{member} holds a state of our log that the wrong one of our keys signed: who has it?")
            proof = watching.keep(membership, misuses[0], clock)
            return Watched(me.name, State.MISUSED, size, text.format(member=name), None, (), proof)
    views = tuple(View(name, _size(signed if signed in ours[name] else None)) for name, signed in cosigned)
    for name, states in ours.items():
        for signed in states:
            if not _is_ours(chain, signed, now, tiles):
                text = _("{member} has size {size} under our key, and that is no state of our log: who else has it?")
                detail = text.format(member=name, size=signed.checkpoint.size)
                return Watched(me.name, State.MISUSED, size, detail, None, views)
    return Watched(me.name, State.FINE, size, _("our own log, as the others see it"), None, views)


def _is_ours(chain: KeyChain, signed: SignedCheckpoint, now: SignedCheckpoint, tiles: TileReader) -> bool:
    if signed.checkpoint.size > now.checkpoint.size:
        return False
    try:
        return find_fork(chain, signed, now, tiles) is None
    except ProofError as error:
        raise StoreError(f"our own shared log cannot be read ({error}); run: pollwatch evidence fsck") from error
