"""Private matching against openmined-psi in the same run, and group matching; time, and bytes on the wire.

Run: ``.venv/bin/python bench/matching.py`` (10,000 with 10,000 in a pair, and groups), ``--all`` for 100,000 as
well; the peer needs ``.venv/bin/pip install --require-hashes -r requirements/bench.txt``.

Both are measured alike: both sides on this machine, on as many cores as there are, until *both* sides know what both
have. The peer's client alone learns, so it is run in both directions at once, each in a process of its own. Ours is run
as it is used: sets are committed to, evaluated with proofs, checked, compared; the peer proves and counts nothing.
On a busy machine look at the processor's time: what all cores spent together.

A group run is shown part by part, with the keyed part that holders play, as it is with a machine for each member and as
it is on this machine alone.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import multiprocessing
import os
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import ceil
from time import perf_counter

from pollwatch.events.observable import Kind, Observable
from pollwatch.sharing.matching import entering, pair, ristretto, searching, tables, voprf
from pollwatch.sharing.matching.checking import elements_root
from pollwatch.sharing.matching.entering import Candidate, Entered
from pollwatch.sharing.matching.pair import Evaluation
from pollwatch.sharing.matching.secret import Secret
from pollwatch.sharing.matching.tables import Shape
from pollwatch.sharing.matching.workers import Workers

_CORES = len(os.sched_getaffinity(0))
_HOLDERS = 2


@dataclass(frozen=True)
class Cost:
    """What something took: by the clock and by all processors together, in seconds; bytes sent."""

    wall_s: float
    cpu_s: float
    sent: int


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def cost(work: Callable[[], int]) -> Cost:
    """What a piece of work takes; it gives the bytes that it sent, and has ended its processes."""
    wall, cpu = perf_counter(), _cpu_s()
    sent = work()
    return Cost(perf_counter() - wall, _cpu_s() - cpu, sent)


def _address(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _candidates(first: int, count: int) -> list[Candidate]:
    return [Candidate(Observable(Kind.IPV4, _address(n)), 0, "bench") for n in range(first, first + count)]


def ours(count: int, size: int) -> int:
    """Two members with ``count`` items each, half in common, in sets that look like ``size``; gives the bytes sent."""
    with Workers() as workers:
        keys = [Secret.new() for _ in range(2)]
        starts = (0, count // 2)
        sets = [
            entering.enter(_candidates(start, count), size, key.scalar, workers)
            for start, key in zip(starts, keys, strict=True)
        ]
        for each in sets:  # what is committed to in the log
            each.tree().root()
            elements_root(each)
        sent = [entering.split(each.elements) for each in sets]
        answers = [pair.evaluate(keys[1 - side], sent[side], workers) for side in range(2)]
        for side in range(2):
            pair.check(keys[1 - side].public, sent[side], answers[side], workers)
        found = [
            {sets[side].leaves[place].observable for place in pair.common(answers[side], answers[1 - side].elements)}
            for side in range(2)
        ]
    assert found[0] == found[1]
    assert {each.value for each in found[0] if each} == {_address(n) for n in range(count // 2, count)}
    return sum(len(each.elements) for each in sets) + sum(len(each.to_bytes()) for each in answers)


def _one_way(job: tuple[int, int, int]) -> tuple[int, int]:
    """The peer: a client that learns what a server has too."""
    import private_set_intersection.python as psi  # noqa: PLC0415 - absent where only we are measured

    first, other, count = job
    client, server = psi.client.CreateWithNewKey(True), psi.server.CreateWithNewKey(True)
    mine, theirs = ([_address(n) for n in range(start, start + count)] for start in (first, other))
    setup = server.CreateSetupMessage(1e-9, count, theirs, psi.DataStructure.RAW)
    request = client.CreateRequest(mine)
    response = server.ProcessRequest(request)
    found = len(client.GetIntersection(setup, response))
    return found, sum(len(each.SerializeToString()) for each in (setup, request, response))


def peer(count: int) -> int:
    """Both directions at once; gives the bytes sent."""
    jobs = [(0, count // 2, count), (count // 2, 0, count)]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        done = list(pool.map(_one_way, jobs))
    assert [found for found, _sent in done] == [count - count // 2] * 2
    return sum(sent for _found, sent in done)


def group(members: int, size: int, threshold: int) -> tuple[Cost, Cost]:
    """Group matching of full sets, with the PRF's outputs at hand: making all shares, and searching them."""
    shape = Shape(size, threshold)
    common = 50
    truth = {n: {m for m in range(members) if (n * 31 + m * m * 7) % members < n % members} for n in range(common)}
    outputs, items = [], []
    for member in range(members):
        held = [n for n in truth if member in truth[n]]
        held += list(islice(range(10**6 * (member + 1), 10**6 * (member + 2)), size - len(held)))
        items.append(held)
        outputs.append([hashlib.sha512(b"%d" % n).digest() for n in held])
    shares: list[tuple[bytes, bytes]] = []

    def make() -> int:
        for number, each in enumerate(outputs, 1):
            shares.append(searching.make(each, range(size), number, shape))
        return members * shape.share_bytes

    found: list[tables.Hit] = []

    def find() -> int:
        with Workers() as workers:
            found.extend(searching.find([each for each, _owners in shares], shape, workers))
        return 0

    costs = cost(make), cost(find)
    seen: dict[int, set[int]] = {}
    for hit in found:
        member = hit.holders[0] - 1
        owner = int.from_bytes(shares[member][1][4 * hit.cell : 4 * hit.cell + 4], "little", signed=True)
        seen.setdefault(items[member][owner], set()).update(number - 1 for number in hit.holders)
    assert seen == {n: who for n, who in truth.items() if len(who) >= threshold}, "a miss, or a false hit"
    return costs


def keyed(size: int) -> tuple[Cost, Cost, Cost]:
    """The keyed part of a group run, on one core: a member enters; a holder answers it; it checks two and unblinds."""
    keys, blind = [Secret.new() for _ in range(_HOLDERS)], ristretto.random_scalar()
    entered: list[Entered] = []
    answers: list[Evaluation] = []
    with Workers(1) as workers:

        def enter() -> int:
            entered.append(entering.enter(_candidates(0, size), size, blind, workers))
            entered[0].tree().root()
            elements_root(entered[0])
            return _HOLDERS * len(entered[0].elements)

        def hold() -> int:
            answers.append(pair.evaluate(keys[0], sent, workers))
            return len(answers[0].to_bytes())

        def finish() -> int:
            for key, each in zip(keys, answers, strict=True):
                pair.check(key.public, sent, each, workers)
            inputs = [leaf.point_input for leaf in entered[0].leaves]
            voprf.finalize_all(inputs, blind, [each.elements for each in answers])
            return 0

        entering_cost = cost(enter)
        sent = entering.split(entered[0].elements)
        holding_cost = cost(hold)
        answers.extend(pair.evaluate(key, sent, workers) for key in keys[1:])
        return entering_cost, holding_cost, cost(finish)


def group_run(members: int, size: int, threshold: int, goal_s: int) -> None:
    """A whole group run, part by part, and in all: with a machine for each member, and on this machine alone.

    Who waits for whom: all members at once, then both holders at once (each answers every member), then all members at
    once, then the collector. The work of each part is cut into pieces that do not wait for one another, so that with a
    machine each the run takes the sum of the parts' processor time over the cores.
    """
    made, found = group(members, size, threshold)
    entered, held, finished = keyed(size)
    shares = Cost(made.wall_s / members, made.cpu_s / members, made.sent // members)
    holding = Cost(held.wall_s * members, held.cpu_s * members, held.sent * members)
    print(f"group, {members} members, t = {threshold}, {size:,} items each, {_HOLDERS} holders: no miss, no false hit")
    show("  each member: enters its set, on one core", entered)
    show(f"  each holder: evaluates and proves {members} sets, on one core", holding, f"{members} x one of them")
    show("  each member: checks what both answer, unblinds, on one core", finished)
    show("  each member: makes its shares, on one core", shares)
    show("  collector: searches, on all cores", found)
    path_s = entered.cpu_s + holding.cpu_s + finished.cpu_s + shares.cpu_s + found.cpu_s
    whole_s = members * (entered.cpu_s + finished.cpu_s + shares.cpu_s) + _HOLDERS * holding.cpu_s + found.cpu_s
    sent = members * (entered.sent + shares.sent) + _HOLDERS * holding.sent
    words = f"goal {goal_s} s, which takes {ceil(path_s / goal_s)} cores each"
    show(f"  in all, a machine of {_CORES} cores for each member", Cost(path_s / _CORES, whole_s, sent), words)
    show(f"  in all, on one machine of {_CORES} cores", Cost(whole_s / _CORES, whole_s, sent))
    unkeyed_s = (made.cpu_s + found.cpu_s) / _CORES
    print(f"  (shares and search alone, on one machine of {_CORES} cores: {unkeyed_s:.2f} s)")


def show(what: str, took: Cost, note: str = "") -> None:
    """One line of the table."""
    print(f"{what:60} {took.wall_s:8.2f} {took.cpu_s:8.2f} {took.sent / 1e6:9.2f}  {note}")


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="100,000 with 100,000 as well")
    parser.add_argument("--pairs", type=int, nargs="*", help="other sizes of sets")
    chosen = parser.parse_args()
    has_peer = importlib.util.find_spec("private_set_intersection") is not None
    print(f"{f'on {_CORES} cores':60} {'clock s':>8} {'CPU s':>8} {'MB sent':>9}")
    for count in chosen.pairs or ([10_000, 100_000] if chosen.all else [10_000]):
        mine = cost(partial(ours, count, count))
        show(f"pair, {count:,} with {count:,}, both learn, proven", mine)
        if has_peer:
            theirs = cost(partial(peer, count))
            ratio = f"peer/ours: clock {theirs.wall_s / mine.wall_s:.2f}, CPU {theirs.cpu_s / mine.cpu_s:.2f}"
            show(f"openmined-psi, {count:,} with {count:,}, both directions", theirs, ratio)
        small = next((each for each in reversed(entering.BUCKETS) if each < count), count // 2) + 1
        show(f"pair, {small:,} with {small:,}, filled up to {count:,}", cost(partial(ours, small, count)))
    for members, size, threshold, goal_s in ((10, 10_000, 3, 5), (40, 2_000, 3, 30)):
        group_run(members, size, threshold, goal_s)


if __name__ == "__main__":
    main()
