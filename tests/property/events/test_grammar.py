# ruff: noqa: E501 - lists of values read best unbroken
"""The judge of values never raises, whatever the text, and its work is bounded, however long the text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.events.grammar import judge

PIECES = st.sampled_from(
    [
        *"'\"()<>{}[]|&;`$\\*=!?#%,.:/~^@ \n\r\x00\ud800",
        *[" or ", " and ", "1", "=", "union select ", "select ", " from t", "case when ", " then ", " end", "--", "/*", "*/"],
        *["<script", " on", "load=", "javascript:", "{{", "}}", "${", "../", "%00", "sleep(", "$(", "cat ", "/etc/passwd", "if "],
        *["in ", "between ", "not ", "exists ", "0x", "e", "é", "選", "::", "@@", "=>", "function(", 'O:1:"a"', "http://", "x:"],
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=40).map("".join))


@settings(max_examples=250, deadline=None)
@given(TEXTS)
def test_never_raises(text: str) -> None:
    """Any text, as an address, as a value and as a header, has an answer; the same text has the same one."""
    assert judge.kinds_of(text) == judge.kinds_of(text)
    for found in (judge.of_uri(text), judge.of_uri("/x?a=" + text), judge.of_header(text), judge.of_referer(text)):
        assert all("." in each.kind for each in found)


@pytest.mark.parametrize("piece", ["(select ", "'or ", "../", "<a ", "{{a", "//", "1,", "if(", "|id", "\\"])
def test_ten_megabytes_are_bounded(piece: str) -> None:
    """A value of ten megabytes, built to be parsed again and again, costs less than two seconds of computing."""
    text = "/x?a=" + piece * (10_000_000 // len(piece))
    begun = time.process_time()
    judge.of_uri(text)
    assert time.process_time() - begun < 2
