"""Warning lists and whom else to spare."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pollwatch.cache import folder_of
from pollwatch.election.settings import parse_assets
from pollwatch.events.observable import guessed
from pollwatch.sharing.indicators.innocents import Innocents
from pollwatch.sharing.indicators.warninglists import WarningLists

ASSETS = parse_assets(
    [
        {"name": "Portal", "kind": "registration", "appears_as": ["vote.county.example", "45.155.204.0/28"]},
        {"name": "Mail", "appears_as": ["*.mail.county.example"]},
    ]
)


@pytest.fixture(scope="module")
def lists() -> WarningLists:
    """The lists as they are installed."""
    return WarningLists.load(folder_of(os.environ))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("8.8.8.8", "public-dns-v4"),
        ("2001:4860:4860::8888", "public-dns-v6"),
        ("10.20.0.0/16", "rfc1918"),
        ("0.0.0.0/0", "googlebot"),
        ("mail.google.com", "alexa"),
        ("https://docs.google.com/forms", "tranco10k"),
        ("co.uk", "second-level-tlds"),
        ("d41d8cd98f00b204e9800998ecf8427e", "empty-hashes"),
        ("anything@mailinator.com", "disposable-email"),
        ("abuse@anything.example", "common-contact-emails"),
    ],
)
def test_what_is_shared_by_many_is_named(lists: WarningLists, text: str, key: str) -> None:
    """Resolvers, inner networks, great sites and what lies below them, empty files: each is named by its list."""
    (found,) = lists.hits([guessed(text)])
    assert key in found
    assert lists.title(key) != key


@pytest.mark.parametrize(
    "text", ["45.155.205.7", "2a0d:1234::7", "evil.example", "http://evil.example/x", "ab" * 32, "vr@evil.example"]
)
def test_what_nobody_else_uses_is_not(lists: WarningLists, text: str) -> None:
    """An attacker's own address, name, page or file is on no list."""
    assert lists.hits([guessed(text)]) == [()]


def test_examples_are_nobodys(lists: WarningLists) -> None:
    """Addresses reserved for documentation hit nobody; a network that reaches beyond them does."""
    assert lists.hits([guessed("203.0.113.7"), guessed("2001:db8::1"), guessed("203.0.112.0/22")])[:2] == [(), ()]


def test_many_are_answered_at_once_as_one_by_one(lists: WarningLists) -> None:
    """Looking up many together gives what looking up each gives."""
    asked = [guessed(each) for each in ("8.8.8.8", "evil.example", "10.0.0.1", "mail.google.com", "45.155.205.7")]
    assert lists.hits(asked) == [lists.hits([each])[0] for each in asked]
    assert lists.hits([]) == []


def test_own_systems_members_and_broad_networks(lists: WarningLists) -> None:
    """Our own systems by name, network or a domain above them, and networks of thousands, are told as such."""
    innocents = Innocents(lists, ASSETS, ())
    asked = ["vote.county.example", "county.example", "https://vote.county.example/x", "mx.mail.county.example",
             "45.155.204.3", "45.155.204.0/22", "45.144.0.0/12", "45.155.205.7", "evil.example"]  # fmt: skip
    found = dict(zip(asked, innocents.warnings([guessed(each) for each in asked]), strict=True))
    for text in asked[:3]:
        assert "own:Portal" in found[text]
    assert "own:Mail" in found["mx.mail.county.example"]
    assert "own:Portal" in found["45.155.204.3"]
    assert "own:Portal" in found["45.155.204.0/22"]
    assert "broad" in found["45.144.0.0/12"]
    assert (found["45.155.205.7"], found["evil.example"]) == ((), ())
    assert innocents.words("own:Portal") == "one of our own systems: Portal"


def test_a_damaged_or_unwritable_cache_costs_time_only(lists: WarningLists, tmp_path: Path) -> None:
    """A cache that somebody cut short is compiled anew; the answers stay the same."""
    folder = folder_of(os.environ)
    assert folder is not None
    # Another version of the lists may be kept there as well, for another version of pollwatch on this machine.
    kept = max(folder.glob("warninglists-*"), key=lambda each: each.stat().st_mtime_ns)
    broken = tmp_path / kept.name
    broken.mkdir()
    (broken / "parts.json").write_bytes((kept / "parts.json").read_bytes()[:100])
    again = WarningLists.load(tmp_path)
    assert again.hits([guessed("8.8.8.8")]) == lists.hits([guessed("8.8.8.8")])
