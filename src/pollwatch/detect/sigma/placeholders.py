"""What stands for what in rules with ``expand``: ``%Administrators%`` is other people in every organisation.

A folder of rules may hold a file ``placeholders.yml``: names, each with a list of values, in which ``*`` and ``?`` are
wildcards. A rule whose placeholder has no value there is refused, and the message says which one it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from pollwatch.errors import RuleError

FILE: Final = "placeholders.yml"
_LARGEST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Values:
    """The values of each placeholder, by its name."""

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def digest(self, data: bytes) -> bytes:
        """Of a rule file and what it may take from here: as long as it is the same, so is what the file says."""
        if not self.texts or b"expand" not in data:
            return sha256(data).digest()
        said = msgspec.msgpack.encode(self.texts, order="sorted")
        return sha256(sha256(data).digest() + said).digest()


NO_VALUES: Final = Values()


def read(folder: Path) -> Values:
    """The values that a folder of rules gives.

    Raises:
        RuleError: its file of placeholders is not understood.
    """
    path = folder / FILE
    try:
        with path.open("rb") as opened:
            data = opened.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        return NO_VALUES
    except OSError as error:
        raise RuleError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_BYTES:
        raise RuleError(f"{path}: larger than {_LARGEST_BYTES} bytes")
    import yaml  # noqa: PLC0415 - most folders have no such file

    try:
        document = yaml.load(data.decode("utf-8"), yaml.CSafeLoader)
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise RuleError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise RuleError(f"{path}: must hold names, each with a list of values")
    return Values({str(name).strip("%"): _texts(path, name, values) for name, values in document.items()})


def _texts(path: Path, name: object, values: object) -> tuple[str, ...]:
    listed = values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(each, str | int | float) and not isinstance(each, bool) for each in listed):
        raise RuleError(f"{path}: {str(name)[:60]} must be a text or a list of texts")
    return tuple(map(str, listed))
