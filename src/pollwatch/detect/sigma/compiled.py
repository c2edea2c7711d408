"""What became of one rule file, and how that is kept: as typed MessagePack, keyed by the file's bytes and by us.

A pack holds all files of one folder of rules. A file that changed is compiled again, the others are not. Only trees are
read back, never code: what does not fit the types of ``plan`` is not taken.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa

from pollwatch import __version__
from pollwatch.cache import Cache
from pollwatch.detect.sigma.plan import CorrelationRule, EventRule, FilterRule

_SOURCES: Final = (*sorted(Path(__file__).parent.glob("*.py")), Path(__file__).parents[1] / "why.py")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that is not understood; ``title`` and ``id`` are empty where the file does not even say that much."""

    title: str
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """One rule file by itself: what its rules refer to in other files is resolved later."""

    digest: bytes
    rules: tuple[EventRule, ...] = ()
    correlations: tuple[CorrelationRule, ...] = ()
    filters: tuple[FilterRule, ...] = ()
    refused: tuple[Refusal, ...] = ()


_ENCODER: Final = msgspec.msgpack.Encoder()


@lru_cache(maxsize=1)
def _decoder() -> msgspec.msgpack.Decoder[dict[str, Compiled]]:
    return msgspec.msgpack.Decoder(dict[str, Compiled])


def read(cache: Cache, root: Path) -> dict[str, Compiled]:
    """The files of a folder of rules as they were last compiled, by their paths in it; empty where none are kept."""
    data = cache.kept(_name(root), made_by())
    if data is None:
        return {}
    try:
        return _decoder().decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        cache.say(f"the compiled rules of {root} do not read back ({error}) and are made again")
        return {}


def write(cache: Cache, root: Path, pack: Mapping[str, Compiled]) -> None:
    """Keep the compiled files of a folder of rules."""
    try:
        data = _ENCODER.encode(pack)
    except (RecursionError, OverflowError, ValueError) as error:
        cache.say(f"the compiled rules of {root} cannot be kept ({error})")
        return
    cache.keep(_name(root), made_by(), data)


def _name(root: Path) -> str:
    return f"rules {root.resolve()}"


@lru_cache(maxsize=1)
def made_by() -> str:
    """By what rules are compiled: when any of this changes, so may the trees."""
    sources = sha256(b"".join(sha256(path.read_bytes()).digest() for path in _SOURCES)).hexdigest()
    others = f"pysigma {version('pysigma')} arrow {pa.__version__} python {platform.python_version()}"
    return f"pollwatch {__version__} {sources} {others}"
