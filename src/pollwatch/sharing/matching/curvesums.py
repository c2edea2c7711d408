"""Sums of many public points with public weights: the text of the functions that compute them is written here.

Pippenger's way: each point is added into the bucket of its weight's digit, digit by digit. Here the four lanes are the
coordinates of *one* point, so that an addition is two products: the points that meet a bucket are one after the other,
and which bucket it is differs. Nothing secret may go in: how long it runs depends on its input.

A point in sums lies in lanes as (X, Y, Z, T), one that is added as (y - x, y + x, 2, 2dxy) times Z.
"""

from __future__ import annotations

from typing import Final

from pollwatch.sharing.matching.curvelanes import ROOM_BYTES
from pollwatch.sharing.matching.fieldlanes import (
    LANES,
    LIMBS,
    NUMBERS_BYTES,
    PRIME,
    VECTOR,
    VECTOR_BYTES,
    Code,
    D,
    bias,
    function,
    limbs,
)

#: A weight is read as so many signed digits of eight bits, the lowest first.
DIGITS: Final = 32
_BUCKETS: Final = 128
#: Memory for one sum: the result, the running sum, the sum of buckets, one that is added, and the buckets.
_RUNNING, _TOTAL, _ADDEND, _FIRST = (NUMBERS_BYTES * place for place in range(1, 5))
_LAST: Final = _FIRST + (_BUCKETS - 1) * NUMBERS_BYTES
SUM_BYTES: Final = _LAST + NUMBERS_BYTES


def text() -> str:
    """All functions; exported are ``spread_all`` and ``weighted_sum``."""
    written = (_constants(), _clear(), _front(), _cached(), _add("sum_add"), _add("sum_subtract"), _join())
    return "\n".join((*written, _spread_all(), _recode(), _weighted_sum()))


def _lanes(numbers: tuple[int, ...]) -> str:
    return f"<{', '.join(f'i64 {each}' for each in numbers)}>"


def _constants() -> str:
    """The neutral point, and what makes one that is added of (Y - X, Y + X, Z, T)."""
    rows = {"sum_neutral": (0, 1, 1, 0), "sum_factors": (1, 1, 2, 2 * D % PRIME)}
    lines = []
    for name, row in rows.items():
        vectors = ", ".join(f"{VECTOR} {_lanes(each)}" for each in zip(*map(limbs, row), strict=True))
        lines.append(f"@{name} = internal constant [{LIMBS} x {VECTOR}] [{vectors}], align {VECTOR_BYTES}")
    return "\n".join(lines)


def _shuffled(code: Code, value: str, *lanes: int, other: str = "zeroinitializer") -> str:
    """Lanes by their numbers; from 4 on those of the other vector."""
    places = ", ".join(f"i32 {each}" for each in lanes)
    return code.value(f"shufflevector {VECTOR} {value}, {VECTOR} {other}, <{len(lanes)} x i32> <{places}>")


def _differences_and_sums(code: Code, left: list[str], right: list[str], minus: tuple[int, ...]) -> list[str]:
    """``left - right`` in some lanes, ``left + right`` in the others; carried."""
    found = []
    for place in range(LIMBS):
        added = code.vector("add", left[place], right[place])
        taken = code.vector("sub", code.vector("add", left[place], bias(place)), right[place])
        lanes = (lane if lane in minus else lane + LANES for lane in range(LANES))
        found.append(_shuffled(code, taken, *lanes, other=added))
    return code.carried_once(found)


def _clear() -> str:
    return function(
        "sum_clear",
        "ptr %p",
        f"call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr @sum_neutral, i64 {NUMBERS_BYTES}, i1 false)",
    )


def _front() -> str:
    """``sum_front(to, p)``: (Y - X, Y + X, Z, T)."""
    code = Code()
    p = code.loaded("%p")
    y = [_shuffled(code, each, 1, 1, 2, 3) for each in p]
    x = [_shuffled(code, each, 0, 0, 4, 4) for each in p]
    code.keep("%to", _differences_and_sums(code, y, x, (0,)))
    return function("sum_front", "ptr %to, ptr %p", code.take())


def _cached() -> str:
    """``sum_cached(to, p)``: a sum as it is added."""
    body = "call void @sum_front(ptr %to, ptr %p)\ncall void @times(ptr %to, ptr %to, ptr @sum_factors)"
    return function("sum_cached", "ptr %to, ptr %p", body)


def _add(name: str) -> str:
    """``p`` plus the addend ``q``, or minus it: then its first lanes change places, and 2dxy its sign."""
    subtracts = name == "sum_subtract"
    code = Code()
    a, b = (code.value(f"alloca [{NUMBERS_BYTES} x i8], align {VECTOR_BYTES}") for _ in range(2))
    code.line(f"call void @sum_front(ptr {a}, ptr %p)")
    code.keep(b, [_shuffled(code, each, *((1, 0, 2, 3) if subtracts else (0, 1, 2, 3))) for each in code.loaded("%q")])
    code.line(f"call void @times(ptr {a}, ptr {a}, ptr {b})")
    product = code.loaded(a)
    left = [_shuffled(code, each, 1, 1, 2, 2) for each in product]
    right = [_shuffled(code, each, 0, 0, 3, 3) for each in product]
    ehfg = _differences_and_sums(code, left, right, (0, 3) if subtracts else (0, 2))
    code.keep(a, [_shuffled(code, each, 0, 3, 2, 0) for each in ehfg])
    code.keep(b, [_shuffled(code, each, 2, 1, 3, 1) for each in ehfg])
    code.line(f"call void @times(ptr %p, ptr {a}, ptr {b})")
    return function(name, "ptr %p, ptr %q", code.take())


def _join() -> str:
    """``sum_join(p, q, room)``: the sum q added to p."""
    body = "call void @sum_cached(ptr %room, ptr %q)\ncall void @sum_add(ptr %p, ptr %room)"
    return function("sum_join", "ptr %p, ptr %q, ptr %room", body)


def _spread_all() -> str:
    """``spread_all(room, count, to)``: from four points in lanes, with Z = 1, to each as it is added."""
    code = Code()
    code.line("call void @cached(ptr %q, ptr %r)")
    coordinates = [code.loaded(code.at("%q", place * NUMBERS_BYTES)) for place in (1, 0, 3, 2)]
    for place in range(LIMBS):
        a, b, c, d = (each[place] for each in coordinates)
        low = [_shuffled(code, left, 0, 4, 2, 6, other=right) for left, right in ((a, b), (c, d))]
        high = [_shuffled(code, left, 1, 5, 3, 7, other=right) for left, right in ((a, b), (c, d))]
        for lane in range(LANES):
            left, right = high if lane % 2 else low
            first = lane // 2 * 2
            point = _shuffled(code, left, first, first + 1, first + 4, first + 5, other=right)
            code.store(code.at("%target", lane * NUMBERS_BYTES), place, point)
    return function(
        "spread_all",
        "ptr %room, i64 %count, ptr %to",
        f"""%q = alloca [{4 * NUMBERS_BYTES} x i8], align {VECTOR_BYTES}
br label %loop
loop:
%k = phi i64 [ 0, %entry ], [ %next, %loop ]
%start = mul i64 %k, {ROOM_BYTES}
%r = getelementptr i8, ptr %room, i64 %start
%end = mul i64 %k, {LANES * NUMBERS_BYTES}
%target = getelementptr i8, ptr %to, i64 %end
{code.take()}
%next = add i64 %k, 1
%more = icmp ne i64 %next, %count
br i1 %more, label %loop, label %done
done:""",
        linkage="dso_local",
    )


def _recode() -> str:
    """``sum_recode(digits, weights, count)``: the first digits of all weights first."""
    return function(
        "sum_recode",
        "ptr %digits, ptr %weights, i64 %count",
        f"""br label %weight
weight:
%number = phi i64 [ 0, %entry ], [ %after, %weight_done ]
%start = mul i64 %number, {DIGITS}
%from = getelementptr i8, ptr %weights, i64 %start
br label %loop
loop:
%place = phi i64 [ 0, %weight ], [ %next, %loop ]
%carry = phi i32 [ 0, %weight ], [ %over, %loop ]
%source = getelementptr i8, ptr %from, i64 %place
%byte = load i8, ptr %source
%wide = zext i8 %byte to i32
%digit = add i32 %wide, %carry
%raised = add i32 %digit, 128
%over = lshr i32 %raised, 8
%short = trunc i32 %digit to i8
%row = mul i64 %place, %count
%cell = add i64 %row, %number
%to = getelementptr i8, ptr %digits, i64 %cell
store i8 %short, ptr %to
%next = add i64 %place, 1
%more = icmp ne i64 %next, {DIGITS}
br i1 %more, label %loop, label %weight_done
weight_done:
%after = add i64 %number, 1
%weights_more = icmp ne i64 %after, %count
br i1 %weights_more, label %weight, label %done
done:""",
    )


def _weighted_sum() -> str:
    """``weighted_sum(addends, count, weights, digits, memory)``: the sum lies at the beginning of the memory."""
    join = "call void @sum_join(ptr {}, ptr {}, ptr %addend)"
    return function(
        "weighted_sum",
        "ptr %addends, i64 %count, ptr %weights, ptr %digits, ptr %memory",
        f"""call void @sum_recode(ptr %digits, ptr %weights, i64 %count)
%running = getelementptr i8, ptr %memory, i64 {_RUNNING}
%total = getelementptr i8, ptr %memory, i64 {_TOTAL}
%addend = getelementptr i8, ptr %memory, i64 {_ADDEND}
%before_buckets = getelementptr i8, ptr %memory, i64 {_FIRST - NUMBERS_BYTES}
call void @sum_clear(ptr %memory)
br label %digitwise
digitwise:
%left = phi i64 [ {DIGITS}, %entry ], [ %place, %summed ]
%place = sub i64 %left, 1
{(join.format("%memory", "%memory") + chr(10)) * 8}
br label %clearing
clearing:
%cleared = phi i64 [ {_FIRST}, %digitwise ], [ %cleared_next, %clearing ]
%empty = getelementptr i8, ptr %memory, i64 %cleared
call void @sum_clear(ptr %empty)
%cleared_next = add i64 %cleared, {NUMBERS_BYTES}
%clearing_more = icmp ule i64 %cleared_next, {_LAST}
br i1 %clearing_more, label %clearing, label %begin
begin:
%row = mul i64 %place, %count
%from = getelementptr i8, ptr %digits, i64 %row
br label %each
each:
%number = phi i64 [ 0, %begin ], [ %number_next, %each_done ]
%source = getelementptr i8, ptr %from, i64 %number
%short = load i8, ptr %source
%digit = sext i8 %short to i64
%offset = mul i64 %number, {NUMBERS_BYTES}
%q = getelementptr i8, ptr %addends, i64 %offset
%positive = icmp sgt i64 %digit, 0
br i1 %positive, label %adding, label %other
adding:
%up = mul i64 %digit, {NUMBERS_BYTES}
%bucket = getelementptr i8, ptr %before_buckets, i64 %up
call void @sum_add(ptr %bucket, ptr %q)
br label %each_done
other:
%negative = icmp slt i64 %digit, 0
br i1 %negative, label %subtracting, label %each_done
subtracting:
%down = mul i64 %digit, -{NUMBERS_BYTES}
%opposite = getelementptr i8, ptr %before_buckets, i64 %down
call void @sum_subtract(ptr %opposite, ptr %q)
br label %each_done
each_done:
%number_next = add i64 %number, 1
%each_more = icmp ne i64 %number_next, %count
br i1 %each_more, label %each, label %sum
sum:
call void @sum_clear(ptr %running)
call void @sum_clear(ptr %total)
br label %summing
; the bucket of digit n enters n times: once in each running sum from its own on
summing:
%at = phi i64 [ {_LAST}, %sum ], [ %at_next, %summing ]
%next_bucket = getelementptr i8, ptr %memory, i64 %at
{join.format("%running", "%next_bucket")}
{join.format("%total", "%running")}
%at_next = sub i64 %at, {NUMBERS_BYTES}
%summing_more = icmp uge i64 %at_next, {_FIRST}
br i1 %summing_more, label %summing, label %summed
summed:
{join.format("%memory", "%total")}
%more = icmp ne i64 %place, 0
br i1 %more, label %digitwise, label %done
done:""",
        linkage="dso_local",
    )
