"""How kernels become machine code, and what is kept of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import product
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import numpy as np
import pytest

from pollwatch import cache
from pollwatch.events.batch import gathered
from pollwatch.kernels import digests, machinecode
from pollwatch.kernels.compiled import compiled, kind, made_of, makes_arrays
from pollwatch.kernels.sequences import signatures

_WITHOUT_NUMBA = """
import sys
import numpy as np
from pollwatch.kernels.sequences import signatures
nodes = np.array([3, 4, 3, 4, 5], np.int32)
number, firsts = signatures(np.array([2, 4, 5], np.int32), np.zeros(3, np.uint8), nodes, 5)
print(number.tolist(), firsts.tolist(), "numba" in sys.modules)
"""


def test_a_kernel_runs_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without a cache has no place for machine code, and compiles at each start."""
    monkeypatch.setattr(cache, "of_user", lambda _part: cache.Cache(None))
    assert compiled(_double)(21) == 42


def test_what_was_kept_runs_without_the_compiler() -> None:
    """A later process gets the same answer, arrays among it, and does not import numba for it."""
    nodes = np.array([3, 4, 3, 4, 5], np.int32)
    number, firsts = signatures(np.array([2, 4, 5], np.int32), np.zeros(3, np.uint8), nodes, 5)
    assert (number.tolist(), firsts.tolist()) == ([0, 0, 1], [0, 2])
    run = subprocess.run([sys.executable, "-c", _WITHOUT_NUMBA], capture_output=True, text=True, check=False)
    assert run.stdout == "[0, 0, 1] [0, 2] False\n", run.stderr


#: Kernels are never taken out of their place again.
_KEPT: list[object] = []


def test_a_kernel_that_another_process_made_meanwhile_is_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes begin at once on a machine that is new to both: the second takes what the first compiled."""
    tmp_path.chmod(0o700)

    class Meanwhile(cache.Cache):
        """A cache in which the other process is ready just when it is our turn."""

        @contextmanager
        def alone(self, name: str) -> Iterator[None]:
            """Our turn."""
            monkeypatch.setattr(cache, "of_user", lambda part: cache.Cache(tmp_path, part))
            assert first(4) == 8
            monkeypatch.setattr(machinecode, "compiled", None)
            with super().alone(name):
                yield

    first, second = compiled(_double), compiled(_double)
    _KEPT.extend((first, second))
    monkeypatch.setattr(cache, "of_user", lambda part: Meanwhile(tmp_path, part))
    assert second(21) == 42


def test_kinds_of_arguments_have_machine_code_of_their_own() -> None:
    """An array that may not be written, one that is not in order and one of other numbers are other machine code."""
    array = np.arange(6, dtype=np.int32)
    readonly = np.frombuffer(array.tobytes(), np.int32)
    kinds = [kind(each) for each in (array, readonly, array[::2], array.astype(np.int64), 1, True, 1.0)]
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("code", [b"", b"pollwatch kernel 0\nwrapper\n"])
def test_what_is_no_machine_code_is_compiled_again(code: bytes) -> None:
    """What another layout left is told from machine code; that bytes are whole, the cache says."""
    double = compiled(_double)
    assert machinecode.loaded(code, double.function) is None  # type: ignore[attr-defined]


def test_an_edited_kernel_is_compiled_anew_wherever_it_is_called_from() -> None:
    """A constant or a line of what a kernel calls, in whatever module, names other machine code."""
    named = {_made_of(text) for text in ("at + LIMIT", "at - LIMIT", "at + LIMIT ")}
    assert len(named) == 2
    assert _made_of("at + LIMIT", limit=2) not in named
    assert _made_of("at + LIMIT", limit=1) in named
    assert _made_of("at + LIMIT", limit=np.int8(1)) not in named


def _made_of(body: str, limit: object = 1) -> str:
    """What the machine code of a function is named by that calls one of this body."""
    inner: dict[str, object] = {"LIMIT": limit}
    exec(f"def called(at):\n    return {body}\n", inner)  # noqa: S102 - the test's own text
    outer: dict[str, object] = {"called": inner["called"]}
    exec("def calling(at):\n    return called(at)\n", outer)  # noqa: S102 - the test's own text
    calling = outer["calling"]
    assert isinstance(calling, FunctionType)
    return made_of(calling)


def _double(number: int) -> int:
    return 2 * number


def _tail(data: np.ndarray) -> np.ndarray:
    return data[1:]


def _second(data: np.ndarray) -> int:
    return _tail(data)[0]  # type: ignore[no-any-return]


def _third_of(first: int) -> int:
    own = np.full(1000, first)
    own[2] = first + 2
    behind = _tail(own)
    own = np.full(1000, -1)  # where the memory of the first one would be, were it not held any more
    return _second(behind)


def test_arrays_are_held_as_long_as_somebody_has_them() -> None:
    """Functions that make no array do not count who holds one; those that make or give back one do."""
    third = compiled(_third_of)
    _KEPT.append(third)
    assert [third(each) for each in range(200)] == [each + 2 for each in range(200)]
    counting = [each for each in (_tail, _second, _third_of, _double) if makes_arrays(cast("FunctionType", each))]
    assert counting == [_tail, _second, _third_of]


def test_gathered_texts_are_those_of_the_places() -> None:
    """Of every length, from the first byte to the last, behind one another and twice: nothing of a neighbour stays."""
    data = np.arange(200, dtype=np.uint8)
    places = [(start, start + length) for length in range(30) for start in (0, 17, 200 - length)] + [(0, 0), (0, 200)]
    starts, ends = (np.array(each, np.int32) for each in zip(*places, strict=True))
    texts = gathered(data, starts, ends)
    texts.validate(full=False)
    assert texts.cast("binary").to_pylist() == [bytes(data[start:end]) for start, end in places]


@pytest.mark.skipif(not digests.usable(), reason="this processor has no instructions for SHA-256")
def test_many_digests_are_those_of_one_by_one() -> None:
    """Every length around the ends of blocks, with rows of every width that is in use: as the standard library says."""
    data = [bytes(range(256))[:size] * 3 for size in range(90)]
    starts = np.cumsum([0, *map(len, data)])
    for tag, width in product((0, 4), (0, 16, 64, 512)):
        fixed = np.arange(len(data) * width, dtype=np.uint64).astype(np.uint8).reshape(len(data), width)
        out = np.empty((len(data), 32), np.uint8)
        digests.digests(tag, fixed, np.frombuffer(b"".join(data), np.uint8), starts, out)
        said = [sha256(bytes([tag]) + row.tobytes() + each).digest() for row, each in zip(fixed, data, strict=True)]
        assert [row.tobytes() for row in out] == said


@pytest.mark.skipif(
    not (digests.usable() and digests.processor_has("avx")), reason="this processor has no such instructions"
)
def test_upper_halves_of_registers_are_cleared_before_the_instructions_for_sha256(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Just before each block: otherwise some processors take a hundred times as long, and the digests are the same."""
    made: list[bytes] = []
    original = machinecode.compiled

    def recording(function: Any, arguments: tuple[object, ...]) -> object:  # noqa: ANN401 - numba's own kinds
        native, code = original(function, arguments)
        made.append(code or b"")
        return native, code

    monkeypatch.setattr(cache, "of_user", lambda _part: cache.Cache(None))
    monkeypatch.setattr(machinecode, "compiled", recording)
    again = compiled(digests.digests.function)  # type: ignore[attr-defined]
    _KEPT.append(again)
    fixed, none = np.zeros((1, 64), np.uint8), np.zeros(2, np.int64)
    assert again(0, fixed, np.frombuffer(b"", np.uint8), none, np.empty((1, 32), np.uint8)) == 1
    (code,) = made
    first_rounds = code.index(b"\x0f\x38\xcb")
    assert first_rounds - code.rfind(b"\xc5\xf8\x77", 0, first_rounds) < 200
