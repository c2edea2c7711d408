"""Addresses, domains, URLs, hashes and the like in their one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.events.observable import Kind, guessed, normalised

SPELLINGS = {
    (Kind.IPV4, "203.0.113.7"): ("203.0.113.7", "203.0.113.7/32", "::ffff:203.0.113.7", " 203.0.113.7\n"),
    (Kind.IPV4, "203.0.113.0/24"): ("203.0.113.0/24", "203.0.113.9/24", "::ffff:203.0.113.0/120"),
    (Kind.IPV6, "2001:db8::1"): ("2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:db8::1/128"),
    (Kind.DOMAIN, "evil.example"): ("evil.example", "Evil.EXAMPLE."),
    (Kind.DOMAIN, "xn--bcher-kva.example"): ("bücher.example", "XN--BCHER-KVA.example"),
    (Kind.URL, "http://evil.example/a?b=1"): ("http://EVIL.example:80/a?b=1#c", "http://u:p@evil.example/a?b=1"),
    (Kind.URL, "https://[2001:db8::1]:8443/"): ("https://[2001:DB8:0::1]:8443",),
    (Kind.HASH, "8f154d23ac2071d7f179959aaba37ad5"): ("8F154D23AC2071D7F179959AABA37AD5",),
    (Kind.EMAIL, "vr.elections@evil.example"): ("VR.Elections@Evil.example",),
}


@pytest.mark.parametrize(("kind", "value"), SPELLINGS)
def test_every_spelling_is_brought_to_one(kind: Kind, value: str) -> None:
    """However a source writes a thing, it is told as the same thing, and its kind from its form alone."""
    for text in SPELLINGS[kind, value]:
        assert (guessed(text).kind, guessed(text).value) == (kind, value)
        assert normalised(kind, text) == guessed(text)


NONE = """
evil|1.2.3|1.2.3.999|01.2.3.4|1.2.3.4/33|fe80::1%eth0|a b.example|-x.example|ftp:/x|javascript://x.example/|http://
http://evil.example:99999/|a@b|@evil.example|x@@evil.example|zz154d23ac2071d7f179959aaba37ad5|8f15
http://evil.example/\x00||" "
"""


@pytest.mark.parametrize("text", [*NONE.replace("\n", "|").split("|"), "a" * 3000])
def test_what_is_none_is_refused(text: str) -> None:
    """What is no address, domain, URL, hash or e-mail address is refused with a reason, not guessed at."""
    with pytest.raises(ValueError, match=r"\w"):
        guessed(text)


def test_a_user_agent_is_taken_as_it_is_sent() -> None:
    """User agents are compared as sent; control characters are none of theirs."""
    assert normalised(Kind.USER_AGENT, " Mozilla/5.0 (X) ").value == "Mozilla/5.0 (X)"
    with pytest.raises(ValueError, match="control"):
        normalised(Kind.USER_AGENT, "x\x1b[2J")


@given(st.sampled_from(Kind), st.text(max_size=60))
def test_one_spelling_is_its_own(kind: Kind, text: str) -> None:
    """Whatever is accepted, bringing its spelling to one spelling again changes nothing."""
    try:
        found = normalised(kind, text)
    except ValueError:
        return
    assert normalised(found.kind, found.value) == found
