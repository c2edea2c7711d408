"""Many points multiplied by one secret number: the text of the functions that do it is written here.

One number for all means the same additions for all, in every lane and every call. Which multiple of a point is added
follows from the secret: it is gathered from all of them by masks. No branch and no place in memory depends on it.
"""

from __future__ import annotations

from typing import Final

from pollwatch.sharing.matching.curvelanes import POINTS_BYTES, ROOM_BYTES
from pollwatch.sharing.matching.fieldlanes import (
    BITS,
    LANES,
    LIMBS,
    NUMBERS_BYTES,
    VECTOR,
    VECTOR_BYTES,
    Code,
    function,
    splat,
)

#: A secret number is read as so many signed digits of four bits, the lowest first.
DIGITS: Final = 64
_MULTIPLES: Final = 8
_DECLARED: Final = (
    "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
    "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
)


def text() -> str:
    """All functions; exported are those that go over many points."""
    return "\n".join((_pick(), _recode(), _multiply(), *_over_all(), *_DECLARED))


def _pick() -> str:
    """``pick(q, multiples, magnitude, sign)``: so many times a point, 0 to 8, made negative by all bits of the sign.

    Every multiple is read, and masks that the compiler cannot see through take one.
    """
    code = Code()
    masks = []
    for number in range(_MULTIPLES + 1):
        other = code.value(f"xor i64 %magnitude, {number}")
        mask = code.value(f"ashr i64 {code.value(f'sub i64 {other}, 1')}, 63")
        masks.append(_in_each_lane(code, mask))
    sign = _in_each_lane(code, "%sign")
    head = code.take()
    total = ""
    for number in range(1, _MULTIPLES + 1):
        entry = code.load(code.at("%source", (number - 1) * POINTS_BYTES), 0)
        part = code.vector("and", entry, masks[number])
        total = code.vector("or", total, part) if total else part
    code.store("%target", 0, total)
    loop = code.take()
    # the identity is (1, 1, 0, 2)
    for place, number in ((0, 1), (LIMBS, 1), (3 * LIMBS, 2)):
        code.store("%q", place, code.vector("or", code.load("%q", place), code.vector("and", masks[0], number)))
    for place in range(LIMBS):
        left, right = code.load("%q", place), code.load("%q", LIMBS + place)
        change = code.vector("and", code.vector("xor", left, right), sign)
        code.store("%q", place, code.vector("xor", left, change))
        code.store("%q", LIMBS + place, code.vector("xor", right, change))
    third = code.at("%q", 2 * NUMBERS_BYTES)
    negative = code.value(f"alloca [{NUMBERS_BYTES} x i8], align {VECTOR_BYTES}")
    mask = code.value(f"alloca {VECTOR}, align {VECTOR_BYTES}")
    code.store(mask, 0, sign)
    code.line(f"call void @minus(ptr {negative}, ptr @c_zero, ptr {third})")
    code.line(f"call void @choose(ptr {third}, ptr {mask}, ptr {negative}, ptr {third})")
    return function(
        "pick",
        "ptr %q, ptr %multiples, i64 %magnitude, i64 %sign",
        f"""{head}
br label %loop
loop:
%offset = phi i64 [ 0, %entry ], [ %after, %loop ]
%source = getelementptr i8, ptr %multiples, i64 %offset
%target = getelementptr i8, ptr %q, i64 %offset
{loop}
%after = add i64 %offset, {VECTOR_BYTES}
%more = icmp ne i64 %after, {POINTS_BYTES}
br i1 %more, label %loop, label %done
done:
{code.take()}""",
    )


def _in_each_lane(code: Code, mask: str) -> str:
    """One mask for all lanes. What the compiler knows about it ends here, so that it makes no branch of it."""
    opaque = code.value(f'call i64 asm sideeffect "", "=r,0"(i64 {mask})')
    first = code.value(f"insertelement {VECTOR} poison, i64 {opaque}, i32 0")
    return code.value(f"shufflevector {VECTOR} {first}, {VECTOR} poison, <{LANES} x i32> zeroinitializer")


def _recode() -> str:
    """``recode(digits, scalar)``: a number below 2^255 as 64 signed digits, -8 to 7 (the last one to 8)."""
    return function(
        "recode",
        "ptr %digits, ptr %scalar",
        f"""br label %loop
loop:
%place = phi i64 [ 0, %entry ], [ %next, %loop ]
%carry = phi i64 [ 0, %entry ], [ %over, %loop ]
%at = lshr i64 %place, 1
%from = getelementptr i8, ptr %scalar, i64 %at
%byte = load i8, ptr %from
%wide = zext i8 %byte to i64
%half = and i64 %place, 1
%shift = shl i64 %half, 2
%shifted = lshr i64 %wide, %shift
%nibble = and i64 %shifted, 15
%total = add i64 %nibble, %carry
%raised = add i64 %total, 8
%over = lshr i64 %raised, 4
%taken = shl i64 %over, 4
%digit = sub i64 %total, %taken
%to = getelementptr i64, ptr %digits, i64 %place
store i64 %digit, ptr %to, align 8
%next = add i64 %place, 1
%more = icmp ne i64 %next, {DIGITS}
br i1 %more, label %loop, label %done
done:""",
    )


def _multiply() -> str:
    """``multiply(p, digits)``: four points times one secret number."""
    room = f"alloca [{POINTS_BYTES} x i8], align {VECTOR_BYTES}"
    return function(
        "multiply",
        "ptr %p, ptr %digits",
        f"""%multiples = alloca [{_MULTIPLES * POINTS_BYTES} x i8], align {VECTOR_BYTES}
%q = {room}
%copy = getelementptr i8, ptr %p, i64 0
call void @cached(ptr %multiples, ptr %p)
br label %making
making:
%offset = phi i64 [ {POINTS_BYTES}, %entry ], [ %after, %making ]
%multiple = getelementptr i8, ptr %multiples, i64 %offset
call void @add(ptr %p, ptr %multiples)
call void @cached(ptr %multiple, ptr %p)
%after = add i64 %offset, {POINTS_BYTES}
%making_more = icmp ne i64 %after, {_MULTIPLES * POINTS_BYTES}
br i1 %making_more, label %making, label %begin
begin:
call void @neutral(ptr %p)
br label %loop
loop:
%left = phi i64 [ {DIGITS}, %begin ], [ %place, %loop ]
%place = sub i64 %left, 1
call void @double_without_t(ptr %p)
call void @double_without_t(ptr %p)
call void @double_without_t(ptr %p)
call void @double(ptr %p)
%from = getelementptr i64, ptr %digits, i64 %place
%digit = load i64, ptr %from, align 8
%sign = ashr i64 %digit, 63
%turned = xor i64 %digit, %sign
%magnitude = sub i64 %turned, %sign
call void @pick(ptr %q, ptr %multiples, i64 %magnitude, i64 %sign)
call void @add_without_t(ptr %p, ptr %q)
%more = icmp ne i64 %place, 0
br i1 %more, label %loop, label %done
done:""",
    )


def _over_many(name: str, parameters: str, each: str, before: str = "", after: str = "") -> str:
    """A function that goes over a room, four points after four: ``%r``, number ``%k``; -1 says that all is well."""
    lanes = "\n".join(f"%lane{lane} = extractelement {VECTOR} %valid, i32 {lane}" for lane in range(LANES))
    return function(
        name,
        f"ptr %room, i64 %count, {parameters}",
        f"""%mask = alloca {VECTOR}, align {VECTOR_BYTES}
%s = alloca [{NUMBERS_BYTES} x i8], align {VECTOR_BYTES}
%p = alloca [{POINTS_BYTES} x i8], align {VECTOR_BYTES}
%q = alloca [{POINTS_BYTES} x i8], align {VECTOR_BYTES}
store {VECTOR} {splat(-1)}, ptr %mask, align {VECTOR_BYTES}
{before}
br label %loop
loop:
%k = phi i64 [ 0, %entry ], [ %next, %loop ]
%start = mul i64 %k, {ROOM_BYTES}
%r = getelementptr i8, ptr %room, i64 %start
{each}
%next = add i64 %k, 1
%more = icmp ne i64 %next, %count
br i1 %more, label %loop, label %done
done:
{after}
%valid = load {VECTOR}, ptr %mask, align {VECTOR_BYTES}
{lanes}
%both = and i64 %lane0, %lane1
%others = and i64 %lane2, %lane3
%all = and i64 %both, %others
ret i64 %all""",
        "i64",
        "dso_local",
    )


def _unpacked(offset: int, stride: int) -> str:
    """The next four numbers from ``%from``."""
    return f"""%at{offset} = mul i64 %k, {stride * LANES}
%source{offset} = getelementptr i8, ptr %from, i64 %at{offset}
%number{offset} = getelementptr i8, ptr %source{offset}, i64 {offset}
call void @unpack(ptr %s, ptr %number{offset}, i64 {stride})
"""


def _over_all() -> tuple[str, ...]:
    code = Code()
    last = LIMBS - 1
    code.store("%s", last, code.vector("and", code.load("%s", last), (1 << BITS[last]) - 1))
    below = code.take()
    return (
        _over_many("decode_all", "ptr %from", _unpacked(0, 32) + "call void @decode(ptr %r, ptr %mask, ptr %s)"),
        _over_many(
            "add_all",
            "ptr %from",
            _unpacked(0, 32)
            + """call void @decode(ptr %p, ptr %mask, ptr %s)
            call void @cached(ptr %q, ptr %p)
            call void @add(ptr %r, ptr %q)""",
        ),
        _over_many(
            "map_all",
            "ptr %from",
            f"""{_unpacked(0, 64)}
            {below}
            call void @map(ptr %r, ptr %s)
            {_unpacked(32, 64)}
            {below.replace("%v", "%w")}
            call void @map(ptr %p, ptr %s)
            call void @cached(ptr %q, ptr %p)
            call void @add(ptr %r, ptr %q)""",
        ),
        _over_many(
            "multiply_all",
            "ptr %scalar",
            "call void @multiply(ptr %r, ptr %digits)",
            f"%digits = alloca [{DIGITS} x i64]\ncall void @recode(ptr %digits, ptr %scalar)",
            f"call void @llvm.memset.p0.i64(ptr %digits, i8 0, i64 {8 * DIGITS}, i1 true)",
        ),
        _over_many(
            "prepare_all",
            "ptr %product",
            "call void @prepare(ptr %r, ptr %product)",
            f"call void @llvm.memcpy.p0.p0.i64(ptr %product, ptr @c_one, i64 {NUMBERS_BYTES}, i1 false)",
            """call void @zero(ptr %mask, ptr %product)
            call void @not(ptr %mask)
            call void @inverse(ptr %product, ptr %product)""",
        ),
        _over_many(
            "encode_all",
            "ptr %to, ptr %inverse",
            f"""%back = sub i64 %count, %k
            %before = sub i64 %back, 1
            %place = mul i64 %before, {ROOM_BYTES}
            %this = getelementptr i8, ptr %room, i64 %place
            %sent = mul i64 %before, {32 * LANES}
            %target = getelementptr i8, ptr %to, i64 %sent
            call void @encode(ptr %target, ptr %this, ptr %inverse)""",
        ),
    )
