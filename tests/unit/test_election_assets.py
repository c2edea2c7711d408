"""Assets: which system a host name, an address or a log belongs to."""

from __future__ import annotations

import tomllib

import pytest

from pollwatch.election.assets import Assets
from pollwatch.election.settings import parse_assets
from pollwatch.errors import ConfigError

TEXT = """
[[asset]]
name = "Voter portal"
owner = "County IT"
kind = "portal"
appears_as = ["portal.county.example", "203.0.113.7", "path:portal*.log", "/var/log/nginx/portal/*"]

[[asset]]
name = "Results"
owner = "Elections office"
kind = "results"
appears_as = ["results.county.example", "2001:db8::/64", "results/*.log"]
critical_phases = ["canvass"]

[[asset]]
name = "Everything else"
kind = "network"
appears_as = ["*.county.example", "203.0.113.0/24"]
"""


def parsed(text: str = TEXT) -> Assets:
    """The assets of a TOML text."""
    return parse_assets(tomllib.loads(text)["asset"], "pollwatch.toml")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("portal.county.example", "Voter portal"),
        ("PORTAL.county.example.:443", "Voter portal"),
        ("mail.county.example", "Everything else"),
        ("203.0.113.7", "Voter portal"),
        ("203.0.113.8:8080", "Everything else"),
        ("[2001:db8::1]:443", "Results"),
        ("2001:db8::1", "Results"),
    ],
)
def test_the_most_exact_entry_wins(target: str, name: str) -> None:
    """Case, port, brackets and a trailing dot do not matter; an exact name beats a wildcard, /32 beats /24."""
    found = parsed().of_target(target)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("target", ["elsewhere.example", "198.51.100.1", "", "county.example"])
def test_strangers_belong_to_no_asset(target: str) -> None:
    """A target that nobody listed is no asset."""
    assert parsed().of_target(target) is None


def test_logs_belong_to_assets_where_no_target_is_named() -> None:
    """A path matches a glob as a whole or by its end; targets come first."""
    assets = parsed()
    assert [a.name for a in assets.resolve((), ["/srv/case/results/access.log"])] == ["Results"]
    assert [a.name for a in assets.resolve((), ["portal-2026.log"])] == ["Voter portal"]
    assert [a.name for a in assets.resolve(["mail.county.example"], ["portal.log"])] == ["Everything else"]
    assert assets.resolve(["x"], ["y"]) == ()


def test_critical_phases_come_from_the_kind_unless_written() -> None:
    """An asset may override what its kind says."""
    portal, results, _ = parsed().entries
    assert "election-day" in portal.critical
    assert results.critical == {"canvass"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = "portal"\nappears_as = ["a"]', "name is missing"),
        ('name = "A"\nkind = "portl"\nappears_as = ["a"]', "'portl' is not known; did you mean 'portal'?"),
        ('name = "A"', "appears_as is missing"),
        ('name = "A"\nappears_as = "a"', "must be a list of texts"),
        ('name = "A"\nappears_as = ["10.0.0.300"]', "no valid address"),
        ('name = "A"\nappears_as = ["10.0.0.0/40"]', "no valid address"),
        ('name = "A"\nappears_as = ["a b"]', "no host name"),
        ('name = "A"\nappears_as = ["a"]\nowners = "x"', "owners is no setting; did you mean 'owner'?"),
        ('name = "A"\nappears_as = ["a"]\ncritical_phases = ["night"]', "'night' is not known"),
    ],
)
def test_mistakes_are_named(text: str, says: str) -> None:
    """An error names the file, the table, the key and the nearest valid word."""
    with pytest.raises(ConfigError) as error:
        parsed(f"[[asset]]\n{text}\n")
    assert says in str(error.value)
