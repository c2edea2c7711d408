"""Bytes looked at eight at a time, as one number: what a processor does as fast as with one byte.

Only little-endian machines read such numbers as meant here (:data:`USABLE`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import Intrinsic, compiled

USABLE = sys.byteorder == "little"

_LOW = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MORE = np.uint64(0xD6E8FEB86659FD93)
_SOME, _HALF = np.uint64(29), np.uint64(32)
_ONE = np.uint64(1)

Bytes = npt.NDArray[np.uint8]
_Signed = tuple[Any, Callable[..., Any]]


def _word_at(_typing: Any, data: Any, at: Any) -> _Signed:  # noqa: ANN401 - numba's own kinds
    """The eight bytes from a place on; the caller knows that there are so many."""
    from numba import types  # noqa: PLC0415 - while a kernel is compiled only

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's own kinds
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        word = context.get_value_type(types.uint64)
        return builder.load(builder.bitcast(place, word.as_pointer()), align=1)

    return types.uint64(data, at), generate


def _put_word(_typing: Any, data: Any, at: Any, word: Any) -> _Signed:  # noqa: ANN401 - numba's own kinds
    """Write eight bytes from a place on; the caller knows that there is room for so many."""
    from numba import types  # noqa: PLC0415 - while a kernel is compiled only

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's own kinds
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, arguments[2].type.as_pointer()), align=1)
        return context.get_constant(types.int64, 0)

    return types.int64(data, at, word), generate


def _first_byte(_typing: Any, marks: Any) -> _Signed:  # noqa: ANN401 - numba's own kinds
    """Which byte, from 0 to 7, the lowest set bit of a number that has one is in."""
    from numba import types  # noqa: PLC0415 - while a kernel is compiled only

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's own kinds
        bit = builder.cttz(arguments[0], context.get_constant(types.boolean, True))  # True: it is never zero
        return builder.lshr(bit, bit.type(3))

    return types.int64(marks), generate


def _marks_at(_typing: Any, data: Any, at: Any, one: Any, other: Any, below: Any) -> _Signed:  # noqa: ANN401 - the same
    """A bit for each of the 32 bytes from a place on that is one or the other, or less than the third."""
    from numba import types  # noqa: PLC0415 - while a kernel is compiled only

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's own kinds
        from llvmlite import ir  # noqa: PLC0415 - the same

        byte, many = ir.IntType(8), ir.VectorType(ir.IntType(8), 32)
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), many.as_pointer())
        held = builder.load(place, align=1)
        order = ir.Constant(ir.VectorType(ir.IntType(32), 32), [0] * 32)
        each = []
        for value in arguments[2:]:
            single = builder.insert_element(
                ir.Constant(many, ir.Undefined), builder.trunc(value, byte), ir.IntType(32)(0)
            )
            each.append(builder.shuffle_vector(single, ir.Constant(many, ir.Undefined), order))
        equal = builder.or_(builder.icmp_unsigned("==", held, each[0]), builder.icmp_unsigned("==", held, each[1]))
        found = builder.or_(equal, builder.icmp_unsigned("<", held, each[2]))
        return builder.zext(builder.bitcast(found, ir.IntType(32)), ir.IntType(64))

    return types.uint64(data, at, one, other, below), generate


def _first_bit(_typing: Any, bits: Any) -> _Signed:  # noqa: ANN401 - numba's own kinds
    """The place of the lowest set bit of a number that has one."""
    from numba import types  # noqa: PLC0415 - while a kernel is compiled only

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's own kinds
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))  # True: it is never zero

    return types.int64(bits), generate


word_at = cast("Callable[[Bytes, int], np.uint64]", Intrinsic(_word_at))
put_word = cast("Callable[[Bytes, int, np.uint64], int]", Intrinsic(_put_word))
first_byte = cast("Callable[[np.uint64], int]", Intrinsic(_first_byte))
marks_at = cast("Callable[[Bytes, int, int, int, int], np.uint64]", Intrinsic(_marks_at))
first_bit = cast("Callable[[np.uint64], int]", Intrinsic(_first_bit))
#: Bytes that :func:`marks_at` looks at.
WIDE = 32


@compiled
def marked(word: np.uint64, byte: np.uint64) -> np.uint64:
    """A number whose lowest set bit is the highest of the first byte that is the given one; 0 where none is."""
    other = word ^ (byte * _LOW)
    return (other - _LOW) & ~other & _HIGH


@compiled
def find(data: Bytes, at: int, end: int, byte: int) -> int:
    """Where a byte first stands; ``end`` where it does not."""
    wanted = np.uint64(byte)
    while at + 8 <= end:
        hit = marked(word_at(data, at), wanted)
        if hit:
            return at + first_byte(hit)
        at += 8
    while at < end:
        if data[at] == byte:
            return at
        at += 1
    return end


@compiled
def find_either(data: Bytes, at: int, end: int, one: int, other: int) -> int:
    """Where the first of two bytes stands; ``end`` where neither does."""
    first, second = np.uint64(one), np.uint64(other)
    while at + 8 <= end:
        word = word_at(data, at)
        hit = marked(word, first) | marked(word, second)
        if hit:
            return at + first_byte(hit)
        at += 8
    while at < end:
        if data[at] == one or data[at] == other:
            return at
        at += 1
    return end


@compiled
def copy_text(data: Bytes, start: int, length: int, target: Bytes, at: int) -> None:
    """Copy bytes into a buffer that is filled from its beginning: up to seven behind them may be written as well."""
    place = 0
    if at + length + 8 <= len(target) and start + length + 8 <= len(data):
        while place < length:
            put_word(target, at + place, word_at(data, start + place))
            place += 8
    while place < length:
        target[at + place] = data[start + place]
        place += 1


@compiled
def short_word(data: Bytes, at: int, length: int) -> np.uint64:
    """The one to seven bytes from a place on, as one number."""
    if at + 8 <= len(data):
        return word_at(data, at) & ((_ONE << np.uint64(8 * length)) - _ONE)
    word = np.uint64(0)
    for place in range(length):
        word |= np.uint64(data[at + place]) << np.uint64(8 * place)
    return word


@compiled
def hash_of(data: Bytes, start: int, end: int) -> np.uint64:
    """A number that depends on every byte; not one that withstands whoever seeks equals."""
    length = end - start
    mixed = np.uint64(length) * _MIX
    at = start
    while at + 8 <= end:
        mixed = (mixed ^ word_at(data, at)) * _MORE
        mixed ^= mixed >> _HALF
        at += 8
    if at < end:
        mixed = (mixed ^ short_word(data, at, end - at)) * _MORE
    mixed = (mixed ^ (mixed >> _SOME)) * _MIX
    mixed = (mixed ^ (mixed >> _HALF)) * _MORE
    return mixed ^ (mixed >> _SOME)


@compiled
def same(data: Bytes, one: int, others: Bytes, other: int, length: int) -> bool:
    """Whether two runs of bytes, of one buffer or of two, are equal."""
    at = 0
    while at + 8 <= length:
        if word_at(data, one + at) != word_at(others, other + at):
            return False
        at += 8
    left = length - at
    return left == 0 or short_word(data, one + at, left) == short_word(others, other + at, left)
