"""Clusters of MISP's galaxies, from the data that ``pymispgalaxies`` ships.

Importing that package takes two seconds; reading one of its files with a typed decoder takes five milliseconds.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import msgspec


class Meta(msgspec.Struct):
    """What a cluster says of one of its values, as far as it is read."""

    external_id: str = ""
    synonyms: list[str] = []  # msgspec copies it for each struct
    kill_chain: list[str] = []


class Related(msgspec.Struct):
    """A relation to a value, of this cluster or another."""

    type: str
    dest: str = msgspec.field(default="", name="dest-uuid")


class Value(msgspec.Struct):
    """One value of a cluster."""

    value: str
    uuid: str
    meta: Meta = msgspec.field(default_factory=Meta)
    related: list[Related] = []


class _Cluster(msgspec.Struct):
    values: list[Value]


def cluster(name: str) -> list[Value]:
    """The values of a cluster; none where the data is not installed: names and kinship are a convenience."""
    spec = importlib.util.find_spec("pymispgalaxies")
    if spec is None or not spec.submodule_search_locations:
        return []
    clusters = Path(spec.submodule_search_locations[0], "data", "misp-galaxy", "clusters")
    return msgspec.json.decode((clusters / f"{name}.json").read_bytes(), type=_Cluster).values
