"""Disguises that normalising sees through, and what it leaves alone."""

from __future__ import annotations

import pytest

from pollwatch.events.text import normalise


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("%2e%2e%2fetc%2fpasswd", "../etc/passwd"),
        ("%252e%252e%252f", "../"),
        ("..%c0%afetc", "../etc"),
        ("..%e0%80%afetc", "../etc"),
        ("%u002e%u002e/", "../"),
        ("..\\..\\windows", "../../windows"),
        ("UN%49ON/**/SEL%45CT+1", "union select 1"),
        ("/*!50000union*/ /*!select*/ 1", " union select 1"),
        ("union%0a%0dselect", "union select"),
        ("\uff55\uff4e\uff49\uff4f\uff4e", "union"),
        ("&lt;script&gt;", "<script>"),
        ("&#60;script&#x3e;", "<script>"),
        ("\\u003cscript\\x3e", "<script>"),
        ("un%00ion", "union"),
        ("/a/././b", "/a/b"),
        ("1%2b1", "1+1"),
        ("100%", "100%"),
        ("%u%n%i%o%n %s%e%l%e%c%t", "union select"),
        ("5% or 6% of 100%", "5% or 6% of 100%"),
        ("%zz", "%zz"),
        ("a&copy=1&lt=2", "a&copy=1&lt=2"),
        ("caf%E9", "café"),
        ("caf%C3%A9", "café"),
    ],
)
def test_disguises(sent: str, meant: str) -> None:
    """Encodings, widths, comments and case: a disguise per line, and names of parameters that are no entities."""
    assert normalise(sent)[0] == meant


def test_layers_are_counted() -> None:
    """Encoding something twice is itself a sign, so it is counted."""
    assert normalise("/plain")[1] == 0
    assert normalise("%2e")[1] == 1
    assert normalise("%252e")[1] == 2
    assert normalise("%" + "25" * 40 + "2e")[1] == 5


def test_long_text_is_cut_in_the_middle() -> None:
    """A padded attack is still seen at its end, and a megabyte costs no more than a page."""
    assert normalise("a" * 1_000_000 + "%2e%2e")[0].endswith("aa..")
