"""Numbers modulo p = 2^255 - 19, four at a time: the text of the functions that compute with them is written here.

LLVM compiles the text (:mod:`pollwatch.sharing.matching.program`). A number is ten limbs of 26 and 25 bits in turn, the
lowest first; a *lane* is one of four numbers side by side, and each limb is one vector over the lanes, so that one
instruction works on four numbers. Nothing here branches or looks up memory by what a number is.

Bounds, in multiples of a limb's full size: products and differences come out below 1.01; sums are not carried. The
left factor of a product may reach 8, the right one and a squared number 3.3 (nineteen times a limb must stay below
2^32), both together 15 (a column of products must stay below 2^64); what is taken away, and what from, 15.
"""

from __future__ import annotations

from typing import Final

PRIME: Final = 2**255 - 19
D: Final = -121665 * pow(121666, -1, PRIME) % PRIME
ROOT_OF_MINUS_ONE: Final = pow(2, (PRIME - 1) // 4, PRIME)

LIMBS: Final = 10
LANES: Final = 4
#: How wide each limb is, and at which bit it begins.
BITS: Final = tuple(26 - place % 2 for place in range(LIMBS))
SHIFTS: Final = tuple(sum(BITS[:place]) for place in range(LIMBS))
VECTOR: Final = f"<{LANES} x i64>"
VECTOR_BYTES: Final = 8 * LANES
#: Four numbers.
NUMBERS_BYTES: Final = LIMBS * VECTOR_BYTES
_LOW_HALF: Final = (1 << 32) - 1


def limbs(number: int) -> list[int]:
    """A number as its limbs."""
    return [number >> shift & ((1 << bits) - 1) for shift, bits in zip(SHIFTS, BITS, strict=True)]


def bias(place: int) -> int:
    """What is added to a limb before another is taken away, so that it does not become negative; 16 p in all."""
    return 16 * ((1 << BITS[place]) - (1 if place else 19))


def splat(number: int) -> str:
    """The same number in each lane."""
    return f"<{', '.join([f'i64 {number}'] * LANES)}>"


class Code:
    """The body of one function while it is written, instruction by instruction."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lines: list[str] = []
        self._count = 0

    def line(self, text: str) -> None:
        """An instruction without a result, or a label."""
        self._lines.append(text)

    def value(self, text: str) -> str:
        """An instruction with a result; gives its name."""
        self._count += 1
        self._lines.append(f"%v{self._count} = {text}")
        return f"%v{self._count}"

    def vector(self, operation: str, left: str, right: str | int) -> str:
        """An operation on two vectors, or on one and the same number in each lane."""
        return self.value(f"{operation} {VECTOR} {left}, {splat(right) if isinstance(right, int) else right}")

    def at(self, pointer: str, offset: int) -> str:
        """The place so many bytes on."""
        return self.value(f"getelementptr i8, ptr {pointer}, i64 {offset}") if offset else pointer

    def load(self, pointer: str, place: int) -> str:
        """The vector of one limb."""
        return self.value(f"load {VECTOR}, ptr {self.at(pointer, VECTOR_BYTES * place)}, align {VECTOR_BYTES}")

    def store(self, pointer: str, place: int, value: str) -> None:
        """Keep the vector of one limb."""
        self.line(f"store {VECTOR} {value}, ptr {self.at(pointer, VECTOR_BYTES * place)}, align {VECTOR_BYTES}")

    def loaded(self, pointer: str) -> list[str]:
        """All limbs of a number."""
        return [self.load(pointer, place) for place in range(LIMBS)]

    def keep(self, pointer: str, values: list[str]) -> None:
        """Store all limbs of a number."""
        for place, value in enumerate(values):
            self.store(pointer, place, value)

    def take(self) -> str:
        """What was written since the last time."""
        text, self._lines = "\n".join(self._lines), []
        return text

    def carried_out(self, value: str, place: int) -> tuple[str, str]:
        """What of a limb is above its bits, as it is added to the next limb (2^255 = 19), and what stays."""
        over = self.vector("lshr", value, BITS[place])
        if place == LIMBS - 1:
            four_bits, one_bit = self.vector("shl", over, 4), self.vector("shl", over, 1)
            over = self.vector("add", self.vector("add", four_bits, one_bit), over)
        return over, self.vector("and", value, (1 << BITS[place]) - 1)

    def carry(self, values: list[str], order: tuple[int, ...]) -> None:
        """Carry from limb to limb, one after the other."""
        for place in order:
            over, values[place] = self.carried_out(values[place], place)
            after = (place + 1) % LIMBS
            values[after] = self.vector("add", values[after], over)

    def carried_once(self, values: list[str]) -> list[str]:
        """Limbs below 2^32, each carried once into the next, all at the same time."""
        parts = [self.carried_out(each, place) for place, each in enumerate(values)]
        return [self.vector("add", stays, parts[place - 1][0]) for place, (_, stays) in enumerate(parts)]

    def narrow(self, value: str) -> str:
        """A number below 2^32 that the compiler is to take for one, so that products take one instruction."""
        return self.vector("and", value, _LOW_HALF)


def function(name: str, parameters: str, body: str, result: str = "void", linkage: str = "internal") -> str:
    """A function of the program; calls are cheap beside what it does, and compiling it once is not."""
    end = "ret void\n" if result == "void" else ""
    return f"define {linkage} {result} @{name}({parameters}) noinline nounwind {{\nentry:\n{body}\n{end}}}"


def text() -> str:
    """All functions on numbers; pointers say where they come from and go to, which may be the same place."""
    written = (_times(), _squares(), _plus(), _minus(), _canonical(), _odd(), _zero(), _same(), _choose())
    return "\n".join((*written, _unpack(), _pack()))


def _columns(code: Code, factors: list[tuple[str, str, int]]) -> list[str]:
    """Sums of products, each given with the limb that it belongs to, and carried."""
    columns = [""] * LIMBS
    for left, right, place in factors:
        product = code.vector("mul", left, right)
        columns[place] = code.vector("add", columns[place], product) if columns[place] else product
    code.carry(columns, (0, 4, 1, 5, 2, 6, 3, 7, 4, 8, 9, 0))
    return columns


def _times() -> str:
    """``times(to, a, b)``: schoolbook; two limbs of 25 bits meet one bit below the limb of 26 where they belong."""
    code = Code()
    a, b = ([code.narrow(each) for each in code.loaded(pointer)] for pointer in ("%a", "%b"))
    twice = [code.narrow(code.vector("add", each, each)) if place % 2 else "" for place, each in enumerate(a)]
    wrapped = [code.narrow(code.vector("mul", each, 19)) if place else "" for place, each in enumerate(b)]
    factors = []
    for left in range(LIMBS):
        for right in range(LIMBS):
            place = (left + right) % LIMBS
            factor = twice[left] if left % 2 and right % 2 else a[left]
            factors.append((factor, wrapped[right] if left + right >= LIMBS else b[right], place))
    code.keep("%to", _columns(code, factors))
    return function("times", "ptr %to, ptr %a, ptr %b", code.take())


def _squared(code: Code, a: list[str]) -> list[str]:
    a = [code.narrow(each) for each in a]
    twice = [code.narrow(code.vector("add", each, each)) for each in a]
    wrapped = {place: code.narrow(code.vector("mul", a[place], 19)) for place in range(LIMBS // 2, LIMBS)}
    wrapped_twice = {place: code.narrow(code.vector("add", wrapped[place], wrapped[place])) for place in (5, 7, 9)}
    factors = []
    for place in range(LIMBS):
        for left in range(LIMBS):
            right = (place - left) % LIMBS
            if left > right:
                continue
            odd, wraps = left % 2 and right % 2, left + right >= LIMBS
            other = (wrapped_twice if odd else wrapped)[right] if wraps else (twice if odd else a)[right]
            factors.append((a[left] if left == right else twice[left], other, place))
    return _columns(code, factors)


def _squares() -> str:
    """``squares(to, a, n)``: squared n times."""
    code = Code()
    first = code.loaded("%a")
    head = code.take()
    after = _squared(code, [f"%p{place}" for place in range(LIMBS)])
    body = code.take()
    code.keep("%to", after)
    phis = "\n".join(
        f"%p{place} = phi {VECTOR} [ {first[place]}, %entry ], [ {after[place]}, %loop ]" for place in range(LIMBS)
    )
    return function(
        "squares",
        "ptr %to, ptr %a, i64 %n",
        f"""{head}
br label %loop
loop:
%left = phi i64 [ %n, %entry ], [ %fewer, %loop ]
{phis}
{body}
%fewer = sub i64 %left, 1
%more = icmp ne i64 %fewer, 0
br i1 %more, label %loop, label %done
done:
{code.take()}""",
    )


def _plus() -> str:
    code = Code()
    pairs = zip(code.loaded("%a"), code.loaded("%b"), strict=True)
    code.keep("%to", [code.vector("add", left, right) for left, right in pairs])
    return function("plus", "ptr %to, ptr %a, ptr %b", code.take())


def _minus() -> str:
    """``a + 16p - b``, each limb carried once."""
    code = Code()
    raised = [code.vector("add", each, bias(place)) for place, each in enumerate(code.loaded("%a"))]
    differences = [code.vector("sub", *each) for each in zip(raised, code.loaded("%b"), strict=True)]
    code.keep("%to", code.carried_once(differences))
    return function("minus", "ptr %to, ptr %a, ptr %b", code.take())


def _canonical() -> str:
    """``canonical(to, a)``: the one form of a number: each limb within its bits, and the number below p."""
    code = Code()
    values = code.loaded("%a")
    code.carry(values, tuple(range(LIMBS)) * 2)  # now below 2^255 + 2^27: at most once p too much
    over = splat(19)
    for value, bits in zip(values, BITS, strict=True):
        over = code.vector("lshr", code.vector("add", value, over), bits)
    for place, bits in enumerate(BITS):
        total = code.vector("add", values[place], code.vector("mul", over, 19) if place == 0 else over)
        over, values[place] = code.vector("lshr", total, bits), code.vector("and", total, (1 << bits) - 1)
    code.keep("%to", values)
    return function("canonical", "ptr %to, ptr %a", code.take())


def _scratch(code: Code) -> str:
    return code.value(f"alloca [{NUMBERS_BYTES} x i8], align {VECTOR_BYTES}")


def _odd() -> str:
    """``odd(mask, a)``: all bits of a lane where its number is odd, which is called negative, or none."""
    code = Code()
    form = _scratch(code)
    code.line(f"call void @canonical(ptr {form}, ptr %a)")
    bit = code.vector("and", code.load(form, 0), 1)
    code.store("%mask", 0, code.value(f"sub {VECTOR} {splat(0)}, {bit}"))
    return function("odd", "ptr %mask, ptr %a", code.take())


def _all_bits_if_zero(code: Code, values: list[str]) -> str:
    """Of numbers below 2^63."""
    bits = values[0]
    for each in values[1:]:
        bits = code.vector("or", bits, each)
    return code.value(f"sub {VECTOR} {splat(0)}, {code.vector('lshr', code.vector('sub', bits, 1), 63)}")


def _zero() -> str:
    """``zero(mask, a)``: all bits of a lane where its number is zero, or none."""
    code = Code()
    form = _scratch(code)
    code.line(f"call void @canonical(ptr {form}, ptr %a)")
    code.store("%mask", 0, _all_bits_if_zero(code, code.loaded(form)))
    return function("zero", "ptr %mask, ptr %a", code.take())


def _same() -> str:
    """``same(mask, a, b)``: all bits of a lane where all limbs are the same, or none."""
    code = Code()
    pairs = zip(code.loaded("%a"), code.loaded("%b"), strict=True)
    code.store("%mask", 0, _all_bits_if_zero(code, [code.vector("xor", *each) for each in pairs]))
    return function("same", "ptr %mask, ptr %a, ptr %b", code.take())


def _choose() -> str:
    """``choose(to, mask, a, b)``: a where the mask has all bits, b where it has none."""
    code = Code()
    mask = code.load("%mask", 0)
    chosen = []
    for left, right in zip(code.loaded("%a"), code.loaded("%b"), strict=True):
        chosen.append(code.vector("xor", right, code.vector("and", code.vector("xor", left, right), mask)))
    code.keep("%to", chosen)
    return function("choose", "ptr %to, ptr %mask, ptr %a, ptr %b", code.take())


def _unpack() -> str:
    """``unpack(to, from, stride)``: four numbers of 32 bytes; bit 255 stays, as bit 25 of the last limb."""
    code = Code()
    for lane in range(LANES):
        start = code.value(f"mul i64 %stride, {lane}")
        source = code.value(f"getelementptr i8, ptr %from, i64 {start}")
        words = [code.value(f"load i64, ptr {code.at(source, 8 * word)}, align 1") for word in range(4)]
        for place in range(LIMBS):
            word, shift = divmod(SHIFTS[place], 64)
            limb = code.value(f"lshr i64 {words[word]}, {shift}")
            if shift + BITS[place] > 64:
                limb = code.value(f"or i64 {limb}, {code.value(f'shl i64 {words[word + 1]}, {64 - shift}')}")
            limb = code.value(f"and i64 {limb}, {(1 << (26 if place == LIMBS - 1 else BITS[place])) - 1}")
            code.line(f"store i64 {limb}, ptr {code.at('%to', VECTOR_BYTES * place + 8 * lane)}, align 8")
    return function("unpack", "ptr %to, ptr %from, i64 %stride", code.take())


def _pack() -> str:
    """``pack(to, a)``: four numbers as 32 bytes each, in their one form."""
    code = Code()
    form = _scratch(code)
    code.line(f"call void @canonical(ptr {form}, ptr %a)")
    for lane in range(LANES):
        words = ["0"] * 4
        for place in range(LIMBS):
            limb = code.value(f"load i64, ptr {code.at(form, VECTOR_BYTES * place + 8 * lane)}, align 8")
            word, shift = divmod(SHIFTS[place], 64)
            words[word] = code.value(f"or i64 {words[word]}, {code.value(f'shl i64 {limb}, {shift}')}")
            if shift + BITS[place] > 64:
                words[word + 1] = code.value(f"lshr i64 {limb}, {64 - shift}")
        for word, value in enumerate(words):
            code.line(f"store i64 {value}, ptr {code.at('%to', 32 * lane + 8 * word)}, align 1")
    return function("pack", "ptr %to, ptr %a", code.take())
