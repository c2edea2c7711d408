"""What the actors of detections did besides: their rows of the spool, and how others use the same pages and tools.

Two passes over the spool. The first keeps the rows of the addresses that detections name (and, of log-in
messages, those without an address, and all log-ins that were accepted). The second looks at everybody
else, only where it must be known: who else uses a user agent, who else asks for a page and how large it is then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from pollwatch.events.lines import LineSet
from pollwatch.incidents.campaigns import Campaign, Traits
from pollwatch.incidents.kinds import Kind, kind_of
from pollwatch.incidents.sessions import TOOLS
from pollwatch.incidents.spool import KIND_AUTH, KIND_OTHER, KIND_WEB, STATUS_OK, Rows, Spool, hash_of, short

Mask = npt.NDArray[np.bool_]

#: As many other users of an agent as it takes to call it common.
_USERS: Final = 256
#: A page that this many ordinary visitors got is a page of the site.
_VISITORS: Final = 3
#: Sizes of answers that are enough to know what is usual.
_SIZES: Final = 512
_FEW_SIZES: Final = 16
#: A user agent is rare when at least this share of the addresses that use it are hostile.
_RARE: Final = 0.5
_NO_AGENT: Final = 0
#: One odd request can be chance; this many of one kind on one page are aimed.
_REPEATED: Final = 3
_ON_PAGES: Final = frozenset({Kind.EXPLOIT, Kind.SHELL, Kind.THEFT})


@dataclass(frozen=True, slots=True)
class Usual:
    """How everybody else uses the site.

    Attributes:
        sizes: page -> bytes of successful answers to others (a sample).
        visitors: page -> how many other addresses got it (counted up to a limit).
        agent_users: user agent -> how many other addresses use it (counted up to a limit).
    """

    sizes: Mapping[int, npt.NDArray[np.int32]]
    visitors: Mapping[int, int]
    agent_users: Mapping[int, int]


class Activity:
    """The rows of the actors in question."""

    def __init__(self, spool: Spool, addresses: Sequence[str]) -> None:
        """Read the rows of these addresses."""
        self._spool = spool
        hashed = hash_of(addresses)
        self._hash = dict(zip(addresses, hashed.tolist(), strict=True))
        wanted = np.unique(hashed[hashed != 0])
        kept: list[Rows] = []
        unaddressed: list[Rows] = []
        logins: list[Rows] = []
        tools = short(hash_of(TOOLS))
        for rows in spool.batches() if wanted.size else ():
            kept.append(rows.take(np.isin(rows.ip, wanted)))
            nameless = (rows.kind == KIND_AUTH) | ((rows.kind == KIND_OTHER) & np.isin(rows.stem, tools))
            unaddressed.append(rows.take(nameless & (rows.ip == 0)))
            logins.append(rows.take((rows.kind == KIND_AUTH) & (rows.status == STATUS_OK) & (rows.ip != 0)))
        rows = Rows.join(kept)
        self._rows = rows.take(np.argsort(rows.ip, kind="stable"))
        ip = self._rows.ip.copy()  # in one piece, which is searched sooner
        begins, ends = np.searchsorted(ip, hashed).tolist(), np.searchsorted(ip, hashed, side="right").tolist()
        self._spans = {
            address: span for address, *span in zip(addresses, begins, ends, strict=True) if span[0] < span[1]
        }
        self._last: tuple[tuple[str, ...], Rows] = (), Rows.join([])
        rows = Rows.join(unaddressed)
        self.unaddressed = rows.take(np.argsort(rows.thread, kind="stable"))
        self._threads = self.unaddressed.thread.copy()
        self.logins = Rows.join(logins)
        self._path_ids = {path: number for number, path in enumerate(spool.paths)}

    def of(self, addresses: Sequence[str]) -> Rows:
        """All rows of some addresses."""
        asked = tuple(sorted(set(addresses)))
        if self._last[0] != asked:  # who asks, asks several things of the same
            spans = [self._spans[address] for address in asked if address in self._spans]
            rows = [self._rows.take(slice(*span)) for span in spans]
            self._last = asked, rows[0] if len(rows) == 1 else Rows.join(rows)
        return self._last[1]

    def of_processes(self, threads: npt.NDArray[np.uint32]) -> Rows:
        """The messages without an address that some processes wrote."""
        wanted = np.unique(threads)
        begins, ends = np.searchsorted(self._threads, wanted), np.searchsorted(self._threads, wanted, side="right")
        spans = np.stack([begins, ends], axis=1)[begins < ends].tolist()
        return Rows.join([self.unaddressed.take(slice(*span)) for span in spans])

    def let_in(self, addresses: Sequence[str], accounts: npt.NDArray[np.uint32], before_us: int) -> list[str]:
        """Those of some addresses that were let in to one of these accounts before a moment."""
        logins = self.logins
        mine = (logins.time < before_us) & np.isin(logins.user, accounts)
        known = set(logins.ip[mine].tolist())
        return [address for address in addresses if self._hash.get(address) in known]

    def inside(self, rows: Rows, lines: LineSet) -> Mask:
        """Which rows are among the lines."""
        found = np.zeros(len(rows), dtype=bool)
        for path, numbers in lines.by_path.items():
            path_id = self._path_ids.get(path, -1)
            here = np.flatnonzero(rows.path == path_id)
            mine = rows.number[here]
            found[here] = numbers[np.searchsorted(numbers[:-1], mine)] == mine
        return found

    def lines(self, rows: Rows) -> LineSet:
        """The lines of rows."""
        return LineSet.union(
            LineSet.of(self._spool.paths[path_id], rows.number[rows.path == path_id])
            for path_id in np.unique(rows.path).tolist()
        )

    def usual(self, hostile_addresses: Sequence[str], agents: set[int], pages: set[int]) -> Usual:
        """How all but the hostile addresses use these agents and pages."""
        hostile = hash_of(hostile_addresses)
        users, visitors = _Collected(agents, _USERS), _Collected(pages, _VISITORS)
        # Who attacks thousands of pages works through a list; then a smaller sample of each must do.
        sizes = _Collected(pages, max(_FEW_SIZES, min(_SIZES, 50_000 // max(len(pages), 1))))
        for rows in self._spool.batches():
            if not (users.open or visitors.open or sizes.open):
                break
            others = (rows.kind == KIND_WEB) & ~np.isin(rows.ip, hostile)
            users.add(rows.thread[others], rows.ip[others])
            asked = others & (rows.status >= 200) & (rows.status < 400)
            visitors.add(rows.stem[asked], rows.ip[asked])
            got = asked & (rows.status < 300) & (rows.bytes >= 0)
            sizes.add(rows.stem[got], rows.bytes[got], distinct=False)
        return Usual(
            {page: np.asarray(got, dtype=np.int32) for page, got in sizes.found.items()},
            {page: len(set(addresses)) for page, addresses in visitors.found.items()},
            {agent: len(set(addresses)) for agent, addresses in users.found.items()},
        )


class _Collected:
    """Some values of each wanted key, up to a limit; keys that have enough are no longer looked at."""

    def __init__(self, wanted: set[int], limit: int) -> None:
        self.found: dict[int, list[int]] = {}
        self._limit = limit
        self.open = wanted - {0}

    def add(self, keys: npt.NDArray[np.uint32], values: npt.NDArray[np.generic], *, distinct: bool = True) -> None:
        picked = np.isin(keys, np.fromiter(self.open, dtype=np.uint32)) if self.open else np.zeros(0, dtype=bool)
        if not picked.any():
            return
        frame = pl.DataFrame({"key": keys[picked], "value": values[picked]})
        if distinct:
            frame = frame.unique(maintain_order=True)
        for key, some in frame.group_by("key").agg(pl.col("value").head(self._limit)).iter_rows():
            held = self.found.setdefault(key, [])
            held += some if not distinct else [value for value in some if value not in held]
            del held[self._limit :]
            if len(held) >= self._limit:
                self.open.discard(key)


@dataclass(frozen=True, slots=True)
class Looks:
    """What a campaign's own web lines look like, before it is known how others behave."""

    agents: frozenset[int]
    pages: frozenset[tuple[int, str]]


def looks(campaign: Campaign, activity: Activity) -> Looks:
    """The user agents on the lines that made the campaign's detections fire, and the pages it attacked repeatedly."""
    if campaign.actor[0] != "ip":
        return Looks(frozenset(), frozenset())
    rows = activity.of([campaign.actor[1]])
    web = rows.take((rows.kind == KIND_WEB) & activity.inside(rows, campaign.lines))
    pages: set[tuple[int, str]] = set()
    attacks: dict[str, list[LineSet]] = defaultdict(list)
    for detection in campaign.detections:
        if detection.techniques and kind_of(detection.techniques[0]) in _ON_PAGES:
            attacks[detection.rule_id].append(detection.lines)
    for rule, lines in attacks.items():
        stems, counts = np.unique(web.take(activity.inside(web, LineSet.union(lines))).stem, return_counts=True)
        pages.update((stem, rule) for stem in stems[(counts >= _REPEATED) & (stems != 0)].tolist())
    return Looks(frozenset(np.unique(web.thread).tolist()) - {_NO_AGENT}, frozenset(pages))


def give_traits(found: Sequence[Campaign], activity: Activity) -> Usual:
    """Set each campaign's traits; returns how others behave, for those who weigh answers."""
    seen = [looks(campaign, activity) for campaign in found]
    agents = {agent for look in seen for agent in look.agents}
    # Who is only counted into a flood may be an ordinary visitor, and must not change what is taken as usual.
    attackers = sorted({ip for c in found if not c.floods for d in c.detections for ip in d.actors.ip})
    usual = activity.usual(attackers, agents, {page for look in seen for page, _rule in look.pages})
    hostile: dict[int, set[str]] = defaultdict(set)
    for campaign, look in zip(found, seen, strict=True):
        for agent in look.agents:
            hostile[agent].add(campaign.actor[1])
    rare = {a for a in agents if len(hostile[a]) >= _RARE * (len(hostile[a]) + usual.agent_users.get(a, 0))}
    real = {page for page, count in usual.visitors.items() if count >= _VISITORS}
    for campaign, look in zip(found, seen, strict=True):
        aimed = frozenset(pair for pair in look.pages if pair[0] in real)
        campaign.traits = Traits(look.agents & rare, aimed)
    return usual
