"""Which columns may hold a keyword, asked of JSON as it is written."""

from __future__ import annotations

import re

import numpy as np

from pollwatch.kernels.holding import holding, wanted
from pollwatch.kernels.texts import ESCAPED, PLAIN

KEYWORDS = ("mimikatz", 'say "x"', "c:\\temp", "~@[`{")
PIECES = (
    "MimiKatz",
    "mimi",
    'say \\"x\\"',
    "C:\\\\Temp",
    "~@[`{",
    "^@;@[",
    "\\n",
    "\\\\",
    '\\"',
    "words ",
    "\\u0041",
    "\\/",
    "é",
)


def test_a_column_that_may_hold_a_keyword_is_found_wherever_in_it_that_stands() -> None:
    """As a plain look at the text says; what may read otherwise than it is written counts as holding any."""
    chance = np.random.default_rng(5)
    share = np.array([1] * 5 + [3] * 5 + [1] * 3) / 23
    texts = ["v" * at + piece + "w" * (at % 7) for piece in PIECES for at in range(70)]
    texts += ["".join(chance.choice(PIECES, 12, p=share)) for _ in range(300)]
    written = [text.encode() for text in texts]
    lengths = np.array([*map(len, written)], np.int32)
    starts = (np.cumsum(lengths) - lengths).astype(np.int32)
    kinds = np.array([ESCAPED if "\\" in text else PLAIN for text in texts], np.uint8)
    data = np.frombuffer(b"".join(written), np.uint8)
    cells, bounds = np.arange(len(texts), dtype=np.int32), np.arange(len(texts) + 1)
    found = holding(data, starts, lengths, kinds, cells, bounds, wanted(KEYWORDS))
    expected = [_may_hold(text) for text in texts]
    assert found.astype(bool).tolist() == expected
    assert {True, False} == set(expected)


def _may_hold(text: str) -> bool:
    if len(text.encode()) < min(map(len, KEYWORDS)):
        return False
    if not text.isascii() or re.search(r"\\[u/]", text.replace("\\\\", "..")):
        return True
    read = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text).lower()
    return any(keyword in read for keyword in KEYWORDS)
