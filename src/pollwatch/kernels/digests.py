"""SHA-256 of many short messages: without an object for each, and free of the interpreter's lock.

A batch of records is sealed by some seven digests a record, each of a hundred bytes or so. One by one through
``hashlib`` most of the time goes to making objects, and other threads wait for the lock meanwhile. Here the processor's
own instructions for SHA-256 are used (:func:`usable` says whether it has them), in a loop over all messages.
"""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Callable
from math import isqrt
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import Intrinsic, compiled, ready
from pollwatch.kernels.words import Bytes

#: Fewer messages than this are done sooner one by one.
WORTH: Final = 256

_Signed = tuple[Any, Callable[..., Any]]
_BLOCK: Final = 64
_ROUNDS: Final = 64


def _fractions(root: int, count: int) -> tuple[int, ...]:
    """The first 32 bits behind the point of the roots of the first primes: FIPS 180-4's constants."""
    primes = [each for each in range(2, 320) if all(each % divisor for divisor in range(2, isqrt(each) + 1))][:count]
    return tuple(_root(prime << 32 * root, root) % (1 << 32) for prime in primes)


def _root(value: int, root: int) -> int:
    found = int(value ** (1 / root))  # right but for rounding
    while found**root > value:
        found -= 1
    while (found + 1) ** root <= value:
        found += 1
    return found


_START = np.array(_fractions(2, 8), np.uint32)
_ADDED = _fractions(3, _ROUNDS)


@functools.cache
def usable() -> bool:
    """Whether this processor has instructions for SHA-256, and machine code is made for this very processor."""
    if platform.machine().lower() not in {"x86_64", "amd64"} or any(
        name.startswith("NUMBA_CPU") for name in os.environ
    ):
        return False
    return processor_has("sha", "ssse3", "sse4.1")


def processor_has(*features: str) -> bool:
    """Whether this processor has all of these."""
    import llvmlite.binding as llvm  # noqa: PLC0415 - only for who runs kernels

    found = llvm.get_host_cpu_features()
    return all(found.get(each, False) for each in features)


def worthwhile(messages: int) -> bool:
    """Whether so many messages are better given to :func:`digests` now."""
    return messages >= WORTH and ready() and usable()


def _compress(_typing: Any, state: Any, data: Any, at: Any) -> _Signed:  # noqa: ANN401 - numba's own kinds
    """Work the 64 bytes from a place on into the eight words of a state; the caller knows that they are there.

    The instructions want the words of a state as (F, E, B, A) and (H, G, D, C), and do two rounds each. They are of the
    older kind, which leaves the upper halves of registers as they are: where a loop before them used those (AVX), some
    processors (Sapphire Rapids, for one) take more than a hundred times as long for each, unless they are cleared.
    """
    from llvmlite import ir  # noqa: PLC0415 - while a kernel is compiled only
    from numba import types  # noqa: PLC0415 - the same

    word, index = ir.IntType(32), ir.IntType(64)
    four, bytes16 = ir.VectorType(word, 4), ir.VectorType(ir.IntType(8), 16)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's own kinds
        def pointer(place: int) -> Any:  # noqa: ANN401 - llvmlite's own kinds
            return context.make_array(signature.args[place])(context, builder, arguments[place]).data

        def instruction(name: str, *operands: Any) -> Any:  # noqa: ANN401 - llvmlite's own kinds
            kind = ir.FunctionType(four, [four] * len(operands))
            return builder.call(builder.module.declare_intrinsic(f"llvm.x86.sha256{name}", fnty=kind), operands)

        def chosen(left: Any, right: Any, *places: int) -> Any:  # noqa: ANN401 - llvmlite's own kinds
            return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(word, len(places)), list(places)))

        def loaded(base: Any, offset: Any, kind: Any) -> Any:  # noqa: ANN401 - llvmlite's own kinds
            return builder.load(builder.bitcast(builder.gep(base, [offset]), kind.as_pointer()), align=1)

        if processor_has("avx"):
            clears = ir.FunctionType(ir.VoidType(), [])
            builder.call(builder.module.declare_intrinsic("llvm.x86.avx.vzeroupper", fnty=clears), ())
        words = pointer(0)
        low, high = (loaded(words, ir.Constant(index, place), four) for place in (0, 4))
        first = before_first = chosen(low, high, 5, 4, 1, 0)
        second = before_second = chosen(low, high, 7, 6, 3, 2)
        order = ir.Constant(
            ir.VectorType(word, 16), [group + 3 - place for group in (0, 4, 8, 12) for place in range(4)]
        )
        schedule: list[Any] = []
        for step in range(_ROUNDS // 4):
            if step < 4:
                place = builder.add(arguments[2], ir.Constant(index, 16 * step))
                raw = loaded(pointer(1), place, bytes16)
                message = builder.bitcast(builder.shuffle_vector(raw, raw, order), four)
            else:
                mixed = builder.add(
                    instruction("msg1", schedule[-4], schedule[-3]), chosen(schedule[-2], schedule[-1], 1, 2, 3, 4)
                )
                message = instruction("msg2", mixed, schedule[-1])
            schedule.append(message)
            round_words = builder.add(message, ir.Constant(four, list(_ADDED[4 * step : 4 * step + 4])))
            for two in (round_words, chosen(round_words, round_words, 2, 3, 2, 3)):
                first, second = instruction("rnds2", second, first, two), first
        first, second = builder.add(first, before_first), builder.add(second, before_second)
        for place, shuffled in ((0, (3, 2, 7, 6)), (4, (1, 0, 5, 4))):
            target = builder.bitcast(builder.gep(words, [ir.Constant(index, place)]), four.as_pointer())
            builder.store(chosen(first, second, *shuffled), target, align=1)
        return ir.Constant(index, 0)

    return types.int64(state, data, at), generate


_compressed = cast("Callable[[npt.NDArray[np.uint32], Bytes, int], int]", Intrinsic(_compress))


@compiled
def digests(tag: int, fixed: Bytes, data: Bytes, starts: npt.NDArray[np.int64], out: Bytes) -> int:
    """SHA-256(tag || fixed[i] || data[starts[i]:starts[i + 1]]) of each i.

    Args:
        tag: the byte before each message.
        fixed: a row for each message.
        data: what follows, one after the other.
        starts: where each begins in it, and where the last ends.
        out: takes 32 bytes for each.
    """
    count, width = fixed.shape
    longest = 0
    for message in range(count):
        longest = max(longest, starts[message + 1] - starts[message])
    room = np.empty(1 + width + longest + 2 * _BLOCK, np.uint8)
    state = np.empty(8, np.uint32)
    room[0] = tag
    for message in range(count):
        for place in range(width):
            room[1 + place] = fixed[message, place]
        begin = starts[message]
        size = starts[message + 1] - begin
        for place in range(size):
            room[1 + width + place] = data[begin + place]
        size += 1 + width
        end = (size + 8) // _BLOCK * _BLOCK + _BLOCK
        room[size] = 0x80
        for place in range(size + 1, end - 8):
            room[place] = 0
        for place in range(8):
            room[end - 1 - place] = (size * 8 >> 8 * place) & 0xFF
        for place in range(8):
            state[place] = _START[place]
        for block in range(0, end, _BLOCK):
            _compressed(state, room, block)
        for place in range(32):
            out[message, place] = (state[place >> 2] >> np.uint32(24 - 8 * (place & 3))) & np.uint32(0xFF)
    return int(count)
