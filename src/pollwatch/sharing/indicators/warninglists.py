"""Warning lists: what is known to be innocent, shared by many, or likely to be named by mistake.

They come with the package ``pymispwarninglists`` (MISP's lists, CC0): resolvers, cloud and mail providers, exits of
VPNs, research scanners, the million most visited sites. A hit does not say that an indicator is wrong. It says that
somebody has to look before it is used, because blocking or accusing would hit others.

The lists hold 2.7 million entries in 65 MB of JSON. They are compiled once into sorted arrays (addresses as ranges,
names as 128-bit hashes) that are kept in the user's cache and mapped into memory: opening takes milliseconds, and a
look-up is a binary search. Importing the package itself would cost seconds; only its files are read.
"""

from __future__ import annotations

import hashlib
import importlib.util
import ipaddress
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from pollwatch.errors import ConfigError
from pollwatch.events.observable import Kind, Network, Observable

_PACKAGE: Final = "pymispwarninglists"
_FORMAT: Final = 1
_ADDRESSES: Final = frozenset({Kind.IPV4, Kind.IPV6})
#: Our kinds by MISP's attribute types; types that are not here (certificates, AS numbers) concern no indicator of ours.
_MISP_TYPES: Final = {
    Kind.IPV4: ("ip-src", "ip-dst", "ip-src|port", "ip-dst|port", "domain|ip"),
    Kind.IPV6: ("ip-src", "ip-dst", "ip-src|port", "ip-dst|port", "domain|ip"),
    Kind.DOMAIN: ("domain", "hostname", "hostname|port", "domain|ip"),
    Kind.URL: ("url", "uri", "link"),
    Kind.HASH: (
        "md5",
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "filename|md5",
        "filename|sha1",
        "filename|sha256",
    ),
    Kind.EMAIL: ("email", "email-src", "email-dst", "target-email"),
    Kind.USER_AGENT: ("user-agent",),
}
_KEY_BYTES: Final = 16
#: Reserved for documentation and examples (RFC 5737, 3849, 9637): nobody has them, so nobody can be hit by mistake.
_NOBODYS: Final = tuple(
    ipaddress.ip_network(each)
    for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)
_Keys = npt.NDArray[np.bytes_]


class _File(msgspec.Struct):
    """A list as the package has it."""

    name: str
    type: str = "string"
    entries: list[str] = msgspec.field(default_factory=list, name="list")
    matching_attributes: list[str] = msgspec.field(default_factory=list)


class _Part(msgspec.Struct, frozen=True):
    """Where a compiled list's entries stand: slices of the arrays; patterns stand here themselves."""

    key: str
    name: str
    kinds: tuple[Kind, ...]
    exact: bool
    low: tuple[int, int]
    names: tuple[int, int]
    substrings: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compiled:
    """All lists: ranges of addresses as 16-byte numbers, hashes of names, sorted within each list."""

    parts: tuple[_Part, ...]
    first: _Keys
    last: _Keys
    names: _Keys


class WarningLists:
    """The lists, ready to be asked. Immutable."""

    def __init__(self, compiled: _Compiled) -> None:
        """Take compiled lists; :meth:`load` is what callers use."""
        self._compiled = compiled
        self._titles = {part.key: part.name for part in compiled.parts}

    @classmethod
    def load(cls, cache: Path | None) -> WarningLists:
        """The lists of the installed package.

        Args:
            cache: a folder for what was compiled, which is made when needed; None = compile now, which takes seconds.

        Raises:
            ConfigError: the package is not installed.
        """
        folders = _folders()
        if cache is None:
            return cls(_compile(folders))
        place = cache / f"warninglists-{_fingerprint(folders)}"
        compiled = _read(place)
        if compiled is None:
            compiled = _compile(folders)
            with suppress(OSError):  # a cache that cannot be written costs time, nothing else
                _write(place, compiled)
        return cls(compiled)

    def title(self, key: str) -> str:
        """What a list is, in its makers' words; the key where there is no such list."""
        return self._titles.get(key, key)

    def hits(self, observables: Sequence[Observable]) -> list[tuple[str, ...]]:
        """For each observable, the keys of the lists that name it, a part of it, or (a network) anything in it."""
        found: list[list[str]] = [[] for _ in observables]
        self._addresses(observables, found)
        self._names(observables, found)
        return [tuple(each) for each in found]

    def _addresses(self, observables: Sequence[Observable], found: list[list[str]]) -> None:
        wanted = {row: each.network for row, each in enumerate(observables) if each.kind in _ADDRESSES}
        rows = [row for row, network in wanted.items() if not _is_nobodys(network)]
        if not rows:
            return
        networks = [wanted[row] for row in rows]
        low, high = (np.array([_packed(each[end]) for each in networks], dtype="S16") for end in (0, -1))
        for part in self._compiled.parts:
            start, stop = part.low
            if start == stop:
                continue
            before = np.searchsorted(self._compiled.first[start:stop], high, side="right") - 1
            hit = (before >= 0) & (self._compiled.last[start:stop][np.maximum(before, 0)] >= low)
            for place in np.flatnonzero(hit).tolist():
                found[rows[place]].append(part.key)

    def _names(self, observables: Sequence[Observable], found: list[list[str]]) -> None:
        asked = [(row, each, _spellings(each)) for row, each in enumerate(observables) if each.kind not in _ADDRESSES]
        if not asked:
            return
        exact = [(row, each.kind, text) for row, each, (texts, _above) in asked for text in texts]
        below = [*exact, *((row, each.kind, text) for row, each, (_texts, above) in asked for text in above)]
        hashes = {text: _hashed(text) for _row, _kind, text in below}
        for part in self._compiled.parts:
            start, stop = part.names
            wanted = [each for each in (exact if part.exact else below) if each[1] in part.kinds]
            hit: set[int] = set()
            if stop > start and wanted:
                keys = np.array([hashes[text] for _row, _kind, text in wanted], dtype="S16")
                names = self._compiled.names[start:stop]
                at = np.minimum(np.searchsorted(names, keys), len(names) - 1)
                hit |= {wanted[place][0] for place in np.flatnonzero(names[at] == keys).tolist()}
            if part.substrings or part.patterns:
                tests = [re.compile(pattern, re.IGNORECASE) for pattern in part.patterns]
                hit |= {
                    row
                    for row, each, _texts in asked
                    if each.kind in part.kinds
                    and (
                        any(text in each.value for text in part.substrings) or any(t.search(each.value) for t in tests)
                    )
                }
            for row in sorted(hit):
                found[row].append(part.key)


def _is_nobodys(network: Network) -> bool:
    return any(
        network.version == each.version and each[0] <= network[0] and network[-1] <= each[-1]  # type: ignore[operator]
        for each in _NOBODYS
    )


def _spellings(observable: Observable) -> tuple[list[str], list[str]]:
    """Under which texts a list may have it: itself and its host, and the domains above its host."""
    texts = list(dict.fromkeys(text for text in (observable.value, observable.host) if text))
    labels = observable.host.split(".")
    return texts, [".".join(labels[at:]) for at in range(1, len(labels))]


def _folders() -> list[Path]:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"the package {_PACKAGE} is not installed; without warning lists no indicator is taken in")
    root = Path(spec.submodule_search_locations[0]) / "data" / "misp-warninglists" / "lists"
    return sorted(path for path in root.iterdir() if (path / "list.json").is_file())


def _fingerprint(folders: Iterable[Path]) -> str:
    digest = hashlib.sha256(f"{_FORMAT}".encode())
    for folder in folders:
        status = (folder / "list.json").stat()
        digest.update(f"\n{folder.name} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:24]


def _compile(folders: Sequence[Path]) -> _Compiled:
    parts: list[_Part] = []
    ranges: list[tuple[bytes, bytes]] = []
    names: list[_Keys] = []
    count = 0
    for folder in folders:
        file = msgspec.json.decode((folder / "list.json").read_bytes(), type=_File, strict=False)
        kinds = {kind for kind, types in _MISP_TYPES.items() if not set(types).isdisjoint(file.matching_attributes)}
        if not kinds and file.type == "cidr":
            kinds = set(_ADDRESSES)
        if not kinds:
            continue
        entries = [entry.strip() for entry in file.entries]
        at = len(ranges)
        if file.type in {"cidr", "string"} and kinds & _ADDRESSES:
            ranges += _merged(entries)
        keys = _key_array(entries) if file.type in {"string", "hostname"} and kinds - _ADDRESSES else _key_array(())
        names.append(keys)
        parts.append(
            _Part(
                folder.name,
                file.name,
                tuple(sorted(kinds)),
                file.type == "string",
                (at, len(ranges)),
                (count, count + len(keys)),
                tuple(each.lower() for each in entries) if file.type == "substring" else (),
                tuple(filter(None, map(_pattern, entries))) if file.type == "regex" else (),
            )
        )
        count += len(keys)
    first, last = (np.array([pair[end] for pair in ranges], dtype="S16") for end in (0, 1))
    return _Compiled(tuple(parts), first, last, np.concatenate([*names, _key_array(())]))


def _merged(entries: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """The addresses of a list as sorted ranges that do not overlap; what is no address is none."""
    spans = []
    for entry in entries:
        with suppress(ValueError):
            if "/" in entry:
                network = ipaddress.ip_network(entry, strict=False)
                spans.append((_packed(network[0]), _packed(network[-1])))
            else:
                address = _packed(ipaddress.ip_address(entry))
                spans.append((address, address))
    merged: list[tuple[bytes, bytes]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _packed(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """An address of either family as sixteen bytes that sort as addresses do."""
    packed = address.packed
    return packed if len(packed) == _KEY_BYTES else bytes(10) + b"\xff\xff" + packed


def _key_array(entries: Iterable[str]) -> _Keys:
    # A host list says ".example" for everything below it, which is what a host list means anyway.
    found = {_hashed(entry.strip(".")) for entry in entries if entry}
    return np.sort(np.array(list(found), dtype="S16"))


def _hashed(text: str) -> bytes:
    return hashlib.blake2b(text.lower().encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()


def _pattern(entry: str) -> str | None:
    """A PCRE as MISP writes it (``/.../i``); None for one that Python does not know."""
    body = entry[1:].rpartition("/")[0] if entry.startswith("/") else entry
    try:
        re.compile(body)
    except re.error:
        return None
    return body


def _read(place: Path) -> _Compiled | None:
    try:
        parts = msgspec.json.decode((place / "parts.json").read_bytes(), type=tuple[_Part, ...])
        arrays = [np.load(place / f"{name}.npy", mmap_mode="r") for name in ("first", "last", "names")]
    except (OSError, ValueError, EOFError, msgspec.MsgspecError):
        return None
    return _Compiled(parts, *arrays)


def _write(place: Path, compiled: _Compiled) -> None:
    """Write aside, then rename: another process sees all of it or nothing."""
    import tempfile  # noqa: PLC0415 - once per version of the lists

    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".warninglists-") as aside:
        folder = Path(aside) / "new"
        folder.mkdir(mode=0o700)
        for name in ("first", "last", "names"):
            np.save(folder / f"{name}.npy", getattr(compiled, name))
        (folder / "parts.json").write_bytes(msgspec.json.encode(compiled.parts))
        with suppress(FileExistsError, OSError):
            folder.rename(place)
