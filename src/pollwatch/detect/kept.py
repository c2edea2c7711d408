"""What an engine makes of its rules once, kept in the user's cache: conditions as arrays, and what data taught.

Both are named by all rules' bytes and by our own code, so that what is read is what would be made again. What was
learned changes no verdict: where it is of other data, it is learned anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from pollwatch.cache import Cache
from pollwatch.detect.learning import Lesson
from pollwatch.detect.rulewriting import Written
from pollwatch.detect.sigma.compiled import made_by
from pollwatch.events import taxonomy
from pollwatch.events.batch import LogSource

_FOLDER: Final = Path(__file__).parent
_MADE_OF: Final = (_FOLDER, _FOLDER.parent / "kernels")


class _Array(msgspec.Struct, frozen=True, array_like=True):
    """One array: its numpy type, its shape, its bytes."""

    kind: str
    shape: tuple[int, ...]
    data: bytes


class _Book(msgspec.Struct, frozen=True, array_like=True):
    """A :class:`Written`: its arrays in their order, and the names of fields."""

    arrays: tuple[_Array, ...]
    fields: tuple[str, ...]


class _Lessons(msgspec.Struct, frozen=True, array_like=True):
    """Each logsource's :class:`Lesson`: its arrays in their order."""

    by_logsource: tuple[tuple[tuple[str, str, str], tuple[_Array, ...]], ...]


class Kept:
    """What is kept for one set of rules. Nothing here raises: what does not read back is made again."""

    def __init__(self, cache: Cache, name: str, rules: bytes, *, recall: bool = True) -> None:
        """Read nothing yet.

        Args:
            cache: where.
            name: says what rules they are, so that another version of them replaces this one.
            rules: a digest of all their bytes.
            recall: with what earlier runs have learned; without, this run's lessons take their place.
        """
        self._cache = cache
        self._name = name
        self._rules = rules
        self._lessons: dict[LogSource, Lesson] | None = None if recall else {}

    def written(self, conditions: int) -> tuple[Written, tuple[str, ...]] | None:
        """So many conditions as they were written before."""
        data = self._cache.kept(f"conditions of {self._name}", self.key())
        if data is None:
            return None
        try:
            book = msgspec.msgpack.decode(data, type=_Book)
            found = Written(*map(_read, book.arrays))
        except (msgspec.DecodeError, TypeError, ValueError) as error:
            self._cache.say(f"the conditions of {self._name} do not read back ({error}) and are made again")
            return None
        return (found, book.fields) if len(found.first) == conditions else None

    def keep_written(self, written: Written, fields: tuple[str, ...]) -> None:
        """Keep conditions as they were written."""
        data = msgspec.msgpack.encode(_Book(tuple(map(_plain, written)), fields))
        self._cache.keep(f"conditions of {self._name}", self.key(), data)

    def lesson(self, logsource: LogSource) -> Lesson | None:
        """What was learned of a logsource's events in an earlier run."""
        if self._lessons is None:
            self._lessons = self._read_lessons()
        return self._lessons.get(logsource)

    def keep_lessons(self, lessons: Mapping[LogSource, Lesson]) -> None:
        """Keep what was learned now, beside what was learned of other logsources before."""
        if not lessons:
            return
        before = self._read_lessons() if self._lessons is None else self._lessons
        self._lessons = {**before, **lessons}
        found = _Lessons(
            tuple(
                ((source.category, source.product, source.service), tuple(map(_plain, lesson)))
                for source, lesson in self._lessons.items()
            )
        )
        self._cache.keep(f"lessons of {self._name}", self.key(), msgspec.msgpack.encode(found))

    def _read_lessons(self) -> dict[LogSource, Lesson]:
        data = self._cache.kept(f"lessons of {self._name}", self.key())
        if data is None:
            return {}
        try:
            found = msgspec.msgpack.decode(data, type=_Lessons).by_logsource
            return {LogSource(*names): Lesson(*map(_read, arrays)) for names, arrays in found}
        except (msgspec.DecodeError, TypeError, ValueError) as error:
            self._cache.say(f"what was learned for {self._name} does not read back ({error}) and is learned again")
            return {}

    def key(self) -> str:
        """Of what, and by what, all of it is made."""
        return f"{self._rules.hex()} {_code()} {made_by()}"


@lru_cache(maxsize=1)
def _code() -> str:
    """The code by which conditions are written and lessons learned."""
    files = [path for folder in _MADE_OF for path in sorted(folder.glob("*.py"))]
    digests = (sha256(path.read_bytes()).digest() for path in (*files, Path(taxonomy.__file__)))
    return f"{sha256(b''.join(digests)).hexdigest()} numpy {np.__version__}"


def _plain(array: Any) -> _Array:  # noqa: ANN401 - what named tuples give
    return _Array(array.dtype.str, array.shape, array.tobytes())


def _read(array: _Array) -> npt.NDArray[Any]:
    """An array that may be written to: kernels tell these from others."""
    return np.frombuffer(array.data, np.dtype(array.kind)).reshape(array.shape).copy()
