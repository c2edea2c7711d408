"""The detector for indicators: which events name something that people of ours accepted to look out for.

A pure function of a watch list and a batch. The list is compiled once into look-ups by value and by network prefix;
each column's distinct values are asked once, so that millions of lines cost little more than reading them.

What an indicator says stands in its sentence: who reports it, how many blocs, how old, how much weight is left. How
grave a hit is was decided when the list was made, and is never high: an address is not a deed.

Text that a client can write (``X-Forwarded-For``, a user name in a message) is not searched for addresses where the
log names the client itself: anybody could make anybody appear.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.detect import detections
from pollwatch.detect.columns import Mask, Rows
from pollwatch.detect.observations import Names, Observer
from pollwatch.detect.sigma.plan import RuleInfo
from pollwatch.election.assets import host_name
from pollwatch.events.batch import ABSENT, EventBatch, encoded, is_text
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.observable import Kind, Observable
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import actor_columns
from pollwatch.i18n import _

#: What rule ids of indicators begin with; the indicator's id follows.
RULE_PREFIX: Final = "indicator."
_MOST_TARGETS: Final = 50
_ADDRESS: Final = re.compile(r"(?:.*[._-])?(?:ip|addr|address|answer)", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:.*[._-])?(?:host|hostname|domain|query|fqdn|sni|server_name|answer)", re.IGNORECASE)
_URL: Final = re.compile(r"(?:.*[._-])?(?:url|uri|referer|referrer)", re.IGNORECASE)
_HASH: Final = re.compile(r".*(?:md5|sha-?1|sha-?(?:224|256|384|512)|hash|hashes)", re.IGNORECASE)
_EMAIL: Final = re.compile(r"(?:.*[._-])?(?:mail|email|sender|recipient|from|to|user|username|ruser)", re.IGNORECASE)
_AGENT: Final = re.compile(r"(?:.*[._-])?user[._-]?agent(?:[._-]original)?", re.IGNORECASE)
_TEXT: Final = frozenset({"message", "command", "signature"})
_DIGEST: Final = r"\b[0-9A-Fa-f]{32,128}\b"
_IN_TEXT: Final = (
    r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
    r"|\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b"
    rf"|{_DIGEST}"
    r"|(?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,}"
)


@dataclass(frozen=True, slots=True)
class Watched:
    """One indicator that is looked for.

    Attributes:
        id: the indicator's.
        observable: what to look for.
        severity: how grave a hit looks by itself.
        why: who says so and what it weighs; harmless to print, without the numbers of the hit.
    """

    id: str
    observable: Observable
    severity: Severity
    why: str


_Found: TypeAlias = "dict[str, list[Watched]]"
Numbers32: TypeAlias = npt.NDArray[np.uint32]
_Lookup: TypeAlias = Callable[[Iterable[str]], _Found]


class Watchlist:
    """Indicators, compiled for look-ups. Immutable."""

    def __init__(self, watched: Iterable[Watched]) -> None:
        """Compile."""
        self.watched = tuple(watched)
        self._exact: dict[str, list[Watched]] = defaultdict(list)
        self._domains: dict[str, list[Watched]] = defaultdict(list)
        self._urls: dict[str, list[Watched]] = defaultdict(list)
        self._prefixes: dict[tuple[int, int], dict[int, list[Watched]]] = defaultdict(lambda: defaultdict(list))
        self._kinds: set[Kind] = set()
        for each in self.watched:
            self._kinds.add(each.observable.kind)
            value = each.observable.value
            match each.observable.kind:
                case Kind.IPV4 | Kind.IPV6 if "/" in value:
                    network = each.observable.network
                    key = (network.version, network.prefixlen)
                    self._prefixes[key][_prefix(network.network_address, network.prefixlen)].append(each)
                case Kind.DOMAIN:
                    self._domains[value].append(each)
                case Kind.URL:
                    self._urls[_url_key(value)].append(each)
                case _:
                    self._exact[value].append(each)
        spans = sorted(
            (prefix << (32 - length), ((prefix + 1) << (32 - length)) - 1)
            for (version, length), known in self._prefixes.items()
            if version == 4
            for prefix in known
        )
        self._starts, self._ends = _disjoint(spans)
        self._url_paths = {"/" + key.partition("/")[2] for key in self._urls}

    def __len__(self) -> int:
        """How many indicators."""
        return len(self.watched)

    def lookups(self, column: str) -> Iterator[_Lookup]:
        """How to ask for a column's values; nothing where no indicator is of a kind that the column holds."""
        if self._kinds & {Kind.IPV4, Kind.IPV6} and _ADDRESS.fullmatch(column):
            yield self.addresses
        if self._domains and _HOST.fullmatch(column):
            yield self.hosts
        if (self._domains or self._urls) and _URL.fullmatch(column):
            yield self.linked
        if Kind.HASH in self._kinds and _HASH.fullmatch(column):
            yield self.digests
        if Kind.EMAIL in self._kinds and _EMAIL.fullmatch(column):
            yield self.folded
        if Kind.USER_AGENT in self._kinds and _AGENT.fullmatch(column):
            yield self.exactly

    def exactly(self, values: Iterable[str]) -> _Found:
        """Values that are an indicator as they stand."""
        return {value: list(self._exact[value]) for value in values if value in self._exact}

    def folded(self, values: Iterable[str]) -> _Found:
        """Values that are an indicator in any case, in angle brackets or not."""
        keys = {value: value.strip("<> ").lower() for value in values}
        return {value: list(self._exact[key]) for value, key in keys.items() if key in self._exact}

    def addresses(self, values: Iterable[str]) -> _Found:
        """Addresses that are one, or lie in a network that is."""
        listed = list(values)
        odd = {value: _spelled(value) for value in listed if ":" in value}
        found = {value: list(self._exact[key]) for value in listed if (key := odd.get(value, value)) in self._exact}
        for value in self._in_some_network(listed) if self._prefixes else ():
            if hits := list(self._networks(odd.get(value, value))):
                found.setdefault(value, []).extend(hits)
        return found

    def _in_some_network(self, values: Sequence[str]) -> list[str]:
        """The IPv4 addresses that lie in any network, told by two binary searches for all; every other text is kept."""
        packed, plain, kept = [], [], []
        for value in values:
            try:
                packed.append(socket.inet_pton(socket.AF_INET, value))
            except (OSError, ValueError):
                kept.append(value)
            else:
                plain.append(value)
        numbers = np.frombuffer(b"".join(packed), dtype=">u4")
        inside = np.searchsorted(self._starts, numbers, "right") > np.searchsorted(self._ends, numbers, "left")
        return [*kept, *(plain[at] for at in np.flatnonzero(inside).tolist())]

    def _networks(self, value: str) -> Iterator[Watched]:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return
        for (version, length), known in self._prefixes.items():
            if version == address.version:
                yield from known.get(_prefix(address, length), ())

    def hosts(self, values: Iterable[str]) -> _Found:
        """Hosts, or hosts in URLs, that are a domain or lie below one."""
        found: _Found = {}
        for value in values:
            name = host_name(value.partition("://")[2].partition("/")[0] if "://" in value else value)
            labels = name.split(".")
            hits = [hit for at in range(len(labels) - 1) for hit in self._domains.get(".".join(labels[at:]), ())]
            if hits:
                found[value] = hits
        return found

    def linked(self, values: Iterable[str]) -> _Found:
        """Whole URLs, and their hosts; the scheme does not matter. A path alone names no host."""
        full = [value for value in values if "://" in value]
        found = {value: list(self._urls[key]) for value in full if (key := _url_key(value)) in self._urls}
        for value, hits in self.hosts(full).items():
            found.setdefault(value, []).extend(hits)
        return found

    def digests(self, values: Iterable[str]) -> _Found:
        """Digests, alone or among others (``MD5=...,SHA256=...``)."""
        found: _Found = {}
        for value in values:
            if hits := [hit for digest in re.findall(_DIGEST, value) for hit in self._exact.get(digest.lower(), ())]:
                found[value] = hits
        return found

    def texts(self, values: Iterable[str]) -> _Found:
        """Free text that names an address, a domain, an e-mail address or a digest."""
        if not self._kinds - {Kind.URL, Kind.USER_AGENT}:
            return {}
        series = pl.Series(list(values), dtype=pl.String)
        tokens = pl.DataFrame({"text": series, "token": series.str.extract_all(_IN_TEXT)}).explode("token").drop_nulls()
        named = tokens["token"].unique().to_list()
        known = self.folded(named)
        for value, hits in self.addresses([token for token in named if token[0].isdigit()]).items():
            known.setdefault(value, []).extend(hits)
        hosts = {token: token.rpartition("@")[2].lower() for token in named} if self._domains else {}
        below = self.hosts(set(hosts.values()))
        for token, host in hosts.items():
            if host in below:
                known.setdefault(token, []).extend(below[host])
        found: _Found = {}
        for text, token in tokens.filter(pl.col("token").is_in(list(known))).iter_rows() if known else ():
            found.setdefault(text, []).extend(known[token])
        return found

    def client_texts(self, values: Iterable[str]) -> _Found:
        """The same, but for addresses: the log names the client, and this text may be the client's."""
        addresses = {Kind.IPV4, Kind.IPV6}
        found = self.texts(values) if self._kinds - addresses else {}
        kept = {value: [hit for hit in hits if hit.observable.kind not in addresses] for value, hits in found.items()}
        return {value: hits for value, hits in kept.items() if hits}

    def requested(self, batch: EventBatch) -> Iterator[tuple[Watched, Rows]]:
        """Requests for a URL that is one, where host and path stand in columns of their own."""
        names = batch.table.column_names
        if not self._urls or "cs-uri" not in names or "cs-host" not in names:
            return
        asked = pc.is_in(batch.table["cs-uri"], pa.array(sorted(self._url_paths), pa.string()))
        rows = np.flatnonzero(asked.to_numpy())
        hosts, uris = (batch.table[name].take(rows).to_pylist() for name in ("cs-host", "cs-uri"))
        hits: dict[Watched, list[int]] = defaultdict(list)
        for row, host, uri in zip(rows.tolist(), hosts, uris, strict=True):
            for watched in self._urls.get(f"{host_name(host or '')}{uri}", ()):
                hits[watched].append(row)
        for watched, found in hits.items():
            yield watched, np.array(found, dtype=np.int64)


def match(watchlist: Watchlist, batch: EventBatch) -> list[Detection]:
    """The events of a batch that name something on the list. Pure."""
    if not len(watchlist) or not len(batch):
        return []
    acting: dict[Watched, list[Rows]] = defaultdict(list)
    named: dict[Watched, list[Rows]] = defaultdict(list)
    actors = actor_columns(batch.logsource)
    who = {actors.ip, actors.user, actors.host, actors.domain} - {""}
    for column in batch.table.column_names:
        kept = acting if column in who or not _tells(column) else named
        for watched, rows in _hits(batch, column, list(watchlist.lookups(column))):
            kept[watched].append(rows)
    client_known = _present(batch, actors.ip)
    for column in _TEXT.intersection(batch.table.column_names):
        for lookup, where in ((watchlist.texts, ~client_known), (watchlist.client_texts, client_known)):
            for watched, rows in _hits(batch, column, [lookup], where):
                acting[watched].append(rows)
    for watched, rows in watchlist.requested(batch):
        acting[watched].append(rows)
    return [*_told(batch, acting, as_target=False), *_told(batch, named, as_target=True)]


def _present(batch: EventBatch, column: str) -> Mask:
    """The rows in which a column has a value."""
    if column not in batch.table.column_names:
        return np.zeros(len(batch), dtype=bool)
    mask: Mask = batch.table[column].is_valid().to_numpy()
    return mask


def _tells(column: str) -> bool:
    """Whether a column names the other side of what an actor of ours did: where it connected, what it looked up."""
    return any(each.fullmatch(column) for each in (_ADDRESS, _HOST)) and column != "cs-host"


def _hits(
    batch: EventBatch, column: str, lookups: Sequence[_Lookup], where: Mask | None = None
) -> Iterator[tuple[Watched, Rows]]:
    """The rows of a column, among those wanted, that look-ups find."""
    if not lookups or (where is not None and not where.any()):
        return
    if not is_text(batch.table[column].type):
        return
    codes, values = encoded(batch.table[column])
    used = np.unique(codes if where is None else codes[where])
    used = used[used != ABSENT]
    codes_of: dict[str, list[int]] = defaultdict(list)
    for value, code in zip(values.take(pa.array(used)).to_pylist(), used.tolist(), strict=True):
        codes_of[value].append(code)
    by_value: dict[str, dict[Watched, None]] = defaultdict(dict)
    for lookup in lookups:
        for value, hits in lookup(list(codes_of)).items():
            by_value[value] |= dict.fromkeys(hits)
    hit: dict[Watched, list[int]] = defaultdict(list)
    for value, watched in by_value.items():
        for each in watched:
            hit[each] += codes_of[value]
    for each, wanted in hit.items():
        fits = np.isin(codes, wanted)
        yield each, np.flatnonzero(fits if where is None else fits & where)


def _told(batch: EventBatch, found: Mapping[Watched, Sequence[Rows]], *, as_target: bool) -> Iterator[Detection]:
    """Detections for the rows of each indicator.

    Args:
        batch: the events.
        found: rows by indicator.
        as_target: whether the indicator is the other side of what the log's actor did; then it is the one that acts,
            and who was in touch with it is the target.
    """
    names = Names()
    observer = Observer(batch, names)
    for watched, parts in found.items():
        rows = np.unique(np.concatenate(parts))
        info = RuleInfo(
            id=f"{RULE_PREFIX}{watched.id}",
            name="",
            title=_("Known indicator: {value}").format(value=printable(watched.observable.value, 200)),
            severity=watched.severity,
            why=watched.why.replace("{", "{{").replace("}", "}}") + " ({count} lines).",
        )
        for each in detections.from_rows(info, observer, rows, names, batch.logsource):
            if as_target:
                touched = (*each.actors.ip, *each.actors.host, *each.actors.user, *each.targets)
                yield replace(each, actors=_itself(watched), targets=tuple(dict.fromkeys(touched))[:_MOST_TARGETS])
            elif each.actors == Actors():
                yield replace(each, actors=_itself(watched))
            else:
                yield each


def _itself(watched: Watched) -> Actors:
    """The indicator as the one who acts, where the log names nobody else."""
    value = watched.observable.value
    match watched.observable.kind:
        case Kind.IPV4 | Kind.IPV6:
            return Actors(ip=(value,))
        case Kind.EMAIL | Kind.USER_AGENT | Kind.HASH:
            return Actors(user=(value,)) if watched.observable.kind is Kind.EMAIL else Actors()
        case Kind.DOMAIN | Kind.URL:
            return Actors(domain=(watched.observable.host,))


def _disjoint(spans: Sequence[tuple[int, int]]) -> tuple[Numbers32, Numbers32]:
    """Sorted spans without overlaps, as their starts and their ends."""
    merged: list[tuple[int, int]] = []
    for low, high in spans:
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    starts, ends = (np.array([span[end] for span in merged], dtype=np.uint32) for end in (0, 1))
    return starts, ends


def _prefix(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> int:
    return int(address) >> (address.max_prefixlen - length)


def _spelled(value: str) -> str:
    """An IPv6 address in its one spelling, an IPv4-mapped one as IPv4; other text as it is."""
    try:
        address = ipaddress.ip_address(value.partition("%")[0].strip("[]"))
    except ValueError:
        return value
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _url_key(url: str) -> str:
    """A URL without its scheme and fragment, its host in small letters."""
    rest = url.partition("://")[2] if "://" in url else url
    host, slash, path = rest.partition("#")[0].partition("/")
    return f"{host.lower()}{slash or '/'}{path}"
