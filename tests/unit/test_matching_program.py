"""The program that computes with secrets: nothing it does depends on them, its bounds hold, and so on any processor."""

from __future__ import annotations

import ctypes
import re
import secrets
import subprocess
import sys

import llvmlite.binding as llvm
import pytest

from pollwatch.sharing.matching import program, ristretto, voprf
from pollwatch.sharing.matching.fieldlanes import BITS, LANES, LIMBS, NUMBERS_BYTES, PRIME, SHIFTS

#: Processors without wide vectors, with those of AVX2, and of another make.
_PROCESSORS = [
    ("x86_64-unknown-linux-gnu", "x86-64"),
    ("x86_64-unknown-linux-gnu", "x86-64-v3"),
    ("aarch64-unknown-linux-gnu", "generic"),
]
#: Only public numbers go through these.
_PUBLIC = {"weighted_sum", "sum_recode"}
#: The only numbers that follow from a secret and are handed on by themselves.
_SECRET_PARAMETERS = {"%magnitude", "%sign"}
_FUNCTION = re.compile(
    r"^define \w+ \w+ @(?P<name>\w+)\((?P<parameters>.*?)\).*?\{$(?P<body>.*?)^\}", re.MULTILINE | re.DOTALL
)
_NAME = re.compile(r"%\w+")
_JUMP = re.compile(r"^\s+(?:j(?!mp)[a-z]+|b\.[a-z]+|cbn?z|tbn?z)\s", re.MULTILINE)


def _functions() -> dict[str, re.Match[str]]:
    return {found["name"]: found for found in _FUNCTION.finditer(program.text()) if found["name"] not in _PUBLIC}


def _told_by_data(body: str) -> set[str]:
    """Values that follow from what lies in memory, or from a secret parameter."""
    tainted = set(_SECRET_PARAMETERS)
    while True:
        before = len(tainted)
        for line in body.splitlines():
            to, _, does = line.strip().partition(" = ")
            if (
                does
                and not does.startswith("alloca")
                and (does.startswith("load ") or tainted.intersection(_NAME.findall(does)))
            ):
                tainted.add(to)
        if len(tainted) == before:
            return tainted


def test_no_branch_and_no_place_follows_from_data() -> None:
    """Attack: a member measures how long an answer takes. No branch and no address depends on what lies in memory."""
    functions = _functions()
    assert {"multiply", "pick", "recode", "times", "map", "decode", "encode", "prepare_all"} <= functions.keys()
    assert "%magnitude" in functions["pick"]["parameters"]
    branches = 0
    for name, found in functions.items():
        tainted = _told_by_data(found["body"])
        for line in found["body"].splitlines():
            used = tainted.intersection(_NAME.findall(line.partition(" = ")[2] or line))
            if re.search(r"\b(?:br i1|getelementptr|switch|select|udiv|urem|sdiv|srem)\b", line):
                assert not used, f"{name}: {line}"
                branches += "br i1" in line
            pointers = set(re.findall(r"ptr (%\w+)", line))
            assert not pointers & tainted, f"{name}: {line}"
            called = re.search(r"call \w+ @(\w+)\((.*)\)", line)
            if called and called[1] != "pick":
                assert not tainted.intersection(re.findall(r"i64 (%\w+)", called[2])), f"{name}: {line}"
    assert branches == sum(found["body"].count("br i1") for found in functions.values()) > 0


@pytest.mark.parametrize(("triple", "processor"), _PROCESSORS)
def test_the_compiler_adds_no_branch(triple: str, processor: str) -> None:
    """Attack: as before, if the compiler made a branch of a choice. Machine code has the jumps of loops alone."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=processor, opt=1, jit=True)
    module = llvm.parse_assembly(program.text())
    module.triple = triple
    code = re.split(r"^(\w+):", machine.emit_assembly(module), flags=re.MULTILINE)
    bodies = dict(zip(code[1::2], code[2::2], strict=True))
    for name, found in _functions().items():
        assert len(_JUMP.findall(bodies[name])) == found["body"].count("br i1"), name


def test_a_plain_processor_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the processor has none of the instructions that this one may have, all results are the same."""
    plain = program.built(program.text(), "", "")
    points = [voprf.hash_to_group(b"%d" % each) for each in range(9)]
    uniform = [secrets.token_bytes(64) for _ in points]
    weights = [ristretto.random_scalar() for _ in points]
    program.compiled()
    results = []
    for _ in range(2):
        results.append(
            [
                ristretto.times_all(weights[0], points),
                ristretto.sums_times_all(weights[0], [points, points[1:] + points[:1]]),
                ristretto.hashed_times_all(weights[0], uniform),
                [ristretto.weighted_sum(points, weights)],
            ]
        )
        monkeypatch.setattr(program, "compiled", lambda: plain)
    assert results[0] == results[1]


_TRIED = {"times": 3, "minus": 3, "canonical": 2}


@pytest.fixture(scope="module")
def tried() -> program.Program:
    """The program, and functions on numbers that can be called from outside."""
    wrappers = "\n".join(
        f"define i64 @try_{name}(ptr %to, ptr %a, ptr %b) {{\n"
        f"call void @{name}({', '.join(['ptr %to', 'ptr %a', 'ptr %b'][:count])})\nret i64 0\n}}"
        for name, count in _TRIED.items()
    )
    squares = (
        "define i64 @try_squares(ptr %to, ptr %a, ptr %b) {\ncall void @squares(ptr %to, ptr %a, i64 3)\nret i64 0\n}"
    )
    return program.built(f"{program.text()}\n{wrappers}\n{squares}", "", "")


def _computed(tried: program.Program, name: str, *operands: list[int]) -> tuple[list[int], int]:
    """What a function makes of one number, the same in each lane: its limbs, and the number."""
    memory = program.Memory(4 * NUMBERS_BYTES)
    places = [memory.address + NUMBERS_BYTES * place for place in range(4)]
    for place, operand in zip(places[1:], operands, strict=False):
        data = b"".join(limb.to_bytes(8, "little") * LANES for limb in operand)
        ctypes.memmove(place, data, NUMBERS_BYTES)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3)
    function(tried.engine.get_function_address(f"try_{name}"))(*places[:3])
    words = [int.from_bytes(ctypes.string_at(places[0] + at, 8), "little") for at in range(0, NUMBERS_BYTES, 8)]
    assert all(words[place] == words[place - place % LANES] for place in range(len(words)))
    return words[::LANES], _number(words[::LANES])


def _number(limbs: list[int]) -> int:
    return sum(limb << shift for limb, shift in zip(limbs, SHIFTS, strict=True)) % PRIME


def _full(times: float, other: float | None = None) -> list[int]:
    """Limbs of so many times their full size; every second one of another size."""
    sizes = [times, times if other is None else other] * (LIMBS // 2)
    return [int(size * 2**bits) for size, bits in zip(sizes, BITS, strict=True)]


@pytest.mark.parametrize(
    ("left", "right"), [((8, 8), (1.875, 1.875)), ((4.5, 4.5), (3.3, 3.3)), ((8, 0), (0, 1.875)), ((1, 8), (1.8, 0))]
)
def test_no_product_overflows(tried: program.Program, left: tuple[float, float], right: tuple[float, float]) -> None:
    """Attack: points for which every limb is as large as the bounds allow; products and squares stay right."""
    a, b = _full(*left), _full(*right)
    limbs, number = _computed(tried, "times", a, b)
    assert number == _number(a) * _number(b) % PRIME
    assert all(limb < 1.01 * 2**bits for limb, bits in zip(limbs, BITS, strict=True))
    for each in (b, _full(3.3), _full(3.3, 0)):
        limbs, number = _computed(tried, "squares", each)
        assert number == pow(_number(each), 8, PRIME)
        assert all(limb < 1.01 * 2**bits for limb, bits in zip(limbs, BITS, strict=True))


@pytest.mark.parametrize("times", [0, 0.5, 1, 1.01, 15])
def test_differences_and_forms_at_their_bounds(tried: program.Program, times: float) -> None:
    """What is taken away may be as large as the bounds allow; each number has one form, also p and those beside it."""
    large = _full(times)
    for left, right in ((large, large), ([0] * LIMBS, large), (large, [0] * LIMBS)):
        limbs, number = _computed(tried, "minus", left, right)
        assert number == (_number(left) - _number(right)) % PRIME
        assert all(limb < 1.01 * 2**bits for limb, bits in zip(limbs, BITS, strict=True))
    beside_p = [
        [(PRIME + step) >> shift & ((1 << bits) - 1) for shift, bits in zip(SHIFTS, BITS, strict=True)]
        for step in (-1, 0, 1, 18)
    ]
    for each in (large, *beside_p):
        limbs, number = _computed(tried, "canonical", each)
        assert number == _number(each)
        assert sum(limb << shift for limb, shift in zip(limbs, SHIFTS, strict=True)) < PRIME
        assert all(limb < 2**bits for limb, bits in zip(limbs, BITS, strict=True))


_DENIED = """
import ctypes
from pollwatch.errors import ConfigError
from pollwatch.sharing.matching import program
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, Linux 6.3 and later
    program.mmap.PROT_EXEC = 1 << 20  # an older kernel is made to refuse by a protection that there is not
try:
    program.compiled()
except ConfigError as error:
    print(error)
"""


def test_a_process_without_executable_memory_is_told() -> None:
    """Where a hardened unit denies memory that was written to be executed, the error says which setting to change."""
    done = subprocess.run([sys.executable, "-c", _DENIED], capture_output=True, text=True, check=True, timeout=60)
    assert "cannot be made executable" in done.stdout
    assert "MemoryDenyWriteExecute=no" in done.stdout
