"""Which of many texts are equal, as the kernel tells it that gives up seeking among texts that all differ."""

from __future__ import annotations

import numpy as np
import pytest

from pollwatch.kernels.distinct import ABSENT, code_texts


def coded(texts: list[bytes | None]) -> tuple[list[int], list[bytes]]:
    """Each text's code, and the texts that codes count."""
    data = np.frombuffer(b"".join(text or b"" for text in texts) + b" " * 8, np.uint8)
    bounds = np.cumsum([0, *(len(text or b"") for text in texts)]).astype(np.int32)
    starts, ends = bounds[:-1].copy(), bounds[1:].copy()
    starts[[at for at, text in enumerate(texts) if text is None]] = ABSENT
    codes, firsts, lasts = (np.empty(len(texts), np.int32) for _ in range(3))
    used = code_texts(data, starts, ends, np.zeros(1 << 16, np.uint64), codes, firsts, lasts, 0)
    whole = data.tobytes()
    return codes.tolist(), [whole[firsts[code] : lasts[code]] for code in range(used)]


@pytest.mark.parametrize(("many", "different"), [(20_000, 20_000), (20_000, 300), (20_000, 9_000)])
def test_a_code_counts_the_text_it_was_given_for(many: int, different: int) -> None:
    """Whether nearly all texts differ, few do, or they did at first: absent texts among them."""
    rng = np.random.default_rng(7)
    numbers = rng.integers(0, different, many) if different < many else rng.permutation(many)
    texts = [None if at % 50 == 0 else b"/page/%d" % number for at, number in enumerate(numbers.tolist())]
    codes, values = coded(texts)
    assert [None if code == ABSENT else values[code] for code in codes] == texts


def test_texts_that_repeat_are_found_again_after_many_that_did_not() -> None:
    """A flood for one page, behind a log in which every text was new, does not become as many texts as it has lines."""
    texts: list[bytes | None] = [b"/a/%d" % at for at in range(12_000)]
    texts += [(b"/one", b"/two")[at % 2] for at in range(12_000)]
    _codes, values = coded(texts)
    assert len(values) < 12_000 + 2_500
