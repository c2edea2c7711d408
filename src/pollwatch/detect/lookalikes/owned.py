"""One's own domains, in the forms in which others are compared with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from publicsuffixlist import PublicSuffixList

from pollwatch.detect.lookalikes.folding import look, plain
from pollwatch.detect.lookalikes.words import LURES, only_lures

#: Under these only those who were looked at get a name: nobody has to be warned of them.
_RESTRICTED: Final = frozenset({"gov", "mil", "edu", "int", "arpa"})


@dataclass(frozen=True, slots=True)
class Name:
    """A host name taken apart.

    Attributes:
        domain: the part that somebody registered: ``example.co.uk``.
        label: its first label, in ASCII as far as it looks like that: ``example``.
        suffix: what it was registered under: ``co.uk``.
        above: the labels before it.
    """

    host: str
    domain: str
    label: str
    suffix: str
    above: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether it lies under a suffix that the list of public suffixes names."""
        return _suffixes().publicsuffix(self.host, accept_unknown=False) is not None

    @property
    def restricted(self) -> bool:
        """Whether a registry looks at who gets a name under its suffix."""
        first, *more = self.suffix.split(".")
        return first in _RESTRICTED and (not more or len(more[-1]) == 2)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=True)


def name_of(host: str) -> Name | None:
    """A host name taken apart; None for what is none, and for a public suffix itself."""
    host = host.strip().rstrip(".").lower().removeprefix("*.")
    domain = _suffixes().privatesuffix(host) if "." in host and len(host) <= 253 else None
    if not domain:
        return None
    label, _dot, suffix = domain.partition(".")
    above = host[: -len(domain)].rstrip(".")
    return Name(host, domain, plain(label), suffix, tuple(map(plain, above.split("."))) if above else ())


@dataclass(slots=True)
class Owned:
    """One's own domains.

    Attributes:
        domains: each that was registered.
        labels: by label: the domain.
        looks: by what the label looks like.
        brands: what in a longer name stands for an owner: by text; labels that are words anybody uses are none.
        neighbours: by a label with one letter left out: whose it is.
        joined: a label and its suffix written as one.
        bare: labels without hyphens, and with their words turned round.
        brand_looks: what brands look like.
        domain_looks: what whole domains look like.
        look_ends: what their labels look like, each: of a domain written with other letters any may differ.
        lengths: of brands and what they look like.
    """

    domains: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    looks: dict[str, str] = field(default_factory=dict)
    brands: dict[str, str] = field(default_factory=dict)
    bare: dict[str, str] = field(default_factory=dict)
    neighbours: dict[str, list[str]] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)
    brand_looks: dict[str, str] = field(default_factory=dict)
    domain_looks: dict[str, str] = field(default_factory=dict)
    look_ends: set[str] = field(default_factory=set)
    lengths: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, hosts: Iterable[str]) -> Owned:
        """Take host names or domains; what is none is passed over."""
        own = cls()
        for host in hosts:
            name = name_of(host)
            if name is not None and name.domain not in own.domains:
                own._add(name)
        own.brand_looks = {look(brand): domain for brand, domain in own.brands.items()}
        own.lengths = sorted({len(brand) for brand in (*own.brands, *own.brand_looks)})
        return own

    def _add(self, name: Name) -> None:
        self.domains.add(name.domain)
        self.domain_looks.setdefault(".".join(map(look, name.domain.split("."))), name.domain)
        self.look_ends.update(map(look, name.domain.split(".")[:-1]))
        label, domain = name.label, name.domain
        self.labels.setdefault(label, domain)
        self.looks.setdefault(look(label), domain)
        bare = label.replace("-", "")
        self.bare.setdefault(bare, domain)
        self.joined.setdefault(bare + name.suffix.replace(".", ""), domain)
        for short in dict.fromkeys((label, bare)):
            if len(short) >= _SHORTEST_TYPO:
                for left_out in shortened(short):
                    self.neighbours.setdefault(left_out, []).append(label)
                self.neighbours.setdefault(short, []).append(label)
        if not only_lures(label) and len(bare) > 2:
            self.brands.setdefault(label, domain)
            self.brands.setdefault(bare, domain)
            for turned in _turned(bare):
                self.bare.setdefault(turned, domain)


_SHORTEST_TYPO: Final = 5
_SHORTEST_CORE: Final = 4


def shortened(label: str) -> set[str]:
    """A label with each of its letters left out once."""
    return {label[:at] + label[at + 1 :] for at in range(len(label))}


def _turned(label: str) -> list[str]:
    """A label of a word such as ``vote`` and a name, the other way round."""
    found = []
    for word in LURES:
        core = ""
        if label.startswith(word):
            core, turned = label[len(word) :], label[len(word) :] + word
        elif label.endswith(word):
            core, turned = label[: -len(word)], word + label[: -len(word)]
        if len(word) >= _SHORTEST_CORE and len(core) >= _SHORTEST_CORE and not only_lures(core):
            found.append(turned)
    return found
