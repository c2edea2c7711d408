"""Lookalikes: real ones are found, honest names are left alone, and the quick look loses nothing."""

from __future__ import annotations

import csv
import gzip
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.commands import told

from pollwatch.clock import SystemClock
from pollwatch.detect.lookalikes.finding import lookalikes
from pollwatch.detect.lookalikes.judging import judged
from pollwatch.detect.lookalikes.owned import Owned, name_of
from pollwatch.node.lookalikes import look

REAL = Path(__file__).parent / "lookalikes_real.csv"
DOTGOV = Path(__file__).parents[4] / "shared" / "data" / "dotgov" / "current-full.csv"
OWN = Owned.of(["kingcounty.gov", "www.stembureau-utrecht.nl", "voteohio.gov", "mon.gov.pl", "votes-example.co.uk"])


def _top(name: str) -> list[str]:
    spec = find_spec("pymispwarninglists")
    assert spec is not None
    assert spec.submodule_search_locations
    place = Path(spec.submodule_search_locations[0]) / "data" / "misp-warninglists" / "lists" / name / "list.json"
    names: list[str] = json.loads(place.read_bytes())["list"]
    return names


@pytest.fixture(scope="module")
def election_owners() -> list[str]:
    """The domains of American election offices."""
    if not DOTGOV.is_file():
        pytest.skip("../shared/data/dotgov is not here")
    with DOTGOV.open(encoding="utf-8") as opened:
        return [row["Domain name"] for row in csv.DictReader(opened) if row["Domain type"].endswith("Election")]


def test_domains_of_real_campaigns_are_found() -> None:
    """Of 71 domains that reports name, made to deceive voters, parties and offices, at least 85 % are found."""
    with REAL.open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    own = Owned.of(row["owner"] for row in rows)
    found = {each.domain: each.target for each in lookalikes(own, [row["domain"] for row in rows])}
    hits = [row for row in rows if (owner := name_of(row["owner"])) and found.get(row["domain"]) == owner.domain]
    assert len(rows) >= 70
    assert len(hits) >= 0.85 * len(rows)


@pytest.mark.parametrize("name", ["tranco10k", "cisco_top10k"])
def test_popular_domains_are_left_alone(election_owners: list[str], name: str) -> None:
    """At most 10 of the 10,000 most popular domains resemble one of 697 election offices' domains."""
    assert len(election_owners) == 697
    assert len(lookalikes(Owned.of(election_owners), _top(name))) <= 10


def test_owners_do_not_accuse_one_another(election_owners: list[str]) -> None:
    """No election office's domain is held against another office, also where only the others are known as owners."""
    assert lookalikes(Owned.of(election_owners), election_owners) == []
    for start in range(0, len(election_owners), 140):
        part = election_owners[start : start + 140]
        assert lookalikes(Owned.of(set(election_owners) - set(part)), part) == []


TRICKS = {
    "kingc0unty.com": "mistakes",
    "kimgcounty.org": "neighbouring key",
    "kingcounty.com": "another ending",
    "kingcounty.vote": "another ending",
    "king-county.org": "hyphen",
    "kingcountygov.com": "written as one",
    "kingcounty-gov.net": "written as one",
    "kingcounty.gov.ballot-check.com": "beginning of somebody else's",
    "kingcounty-gov.example.com": "before somebody else's",
    "kingcounty.election-results.com": "before somebody else's",
    "kingcounty-elections.com": "words added",
    "my-kingcounty-login.net": "words added",
    "secure-kingcounty.org": "words added",
    "resultskingcounty.info": "words added",
    "kingcountyverkiezingen.nl": "words added",
    "kingcoutny.org": "changed places",
    "kingcouunty.org": "doubled",
    "kngcounty.org": "left out",
    "kinghounty.com": "replaced",
    "kingkounty.com": "bit",
    "xn--kingcunty-42h.com": "another alphabet",
    "kingcоunty.com": "another alphabet",  # noqa: RUF001 - a Cyrillic o is the attack
    "stembureauutrecht.nl": "hyphen",
    "stembureau-utrecht-uitslag.com": "words added",
    "ohiovote.org": "other way round",
    "poczta.mon.g0v.pl": "whole domain",
    "WWW.KingCounty.COM.": "another ending",
}


@pytest.mark.parametrize(("domain", "reason"), TRICKS.items())
def test_each_trick_is_named(domain: str, reason: str) -> None:
    """Each way to copy a name is found and told in plain words."""
    (found,) = lookalikes(OWN, [domain])
    assert reason in found.reason
    assert 0.5 <= found.score <= 1


@pytest.mark.parametrize(
    "domain",
    ["kingcounty.gov", "vote.kingcounty.gov", "kingscounty.gov", "voting.org", "results-portal.com", "county.com",
     "gov", "king.com", "utrecht.nl", "co.uk", "", "not a domain", "index.html", "ohio.gov", "10.0.0.1"],
)  # fmt: skip
def test_honest_names_are_left_alone(domain: str) -> None:
    """One's own, those of registries that look at who asks, and what merely shares a common word."""
    assert lookalikes(OWN, [domain]) == []


def test_the_quick_look_loses_nothing() -> None:
    """Whatever judgement alone finds among many distorted names, the columnar look before it lets through."""
    tried = [
        f"{before}{label[:at]}{letter}{label[at + cut :]}{after}"
        for label in ("kingcounty", "stembureau-utrecht", "voteohio", "mon")
        for at in range(len(label))
        for cut, letter in ((0, "x"), (1, ""), (1, "0"), (1, "l"))
        for before, after in (("", ".com"), ("my-", ".org"), ("a.", "-gov.net"), ("", ".gov.evil.com"))
    ]
    alone = {each.domain for host in tried if (name := name_of(host)) and (each := judged(name, OWN))}
    assert len(alone) >= 300
    assert {each.domain for each in lookalikes(OWN, tried)} == alone


def test_the_command_reads_tables_and_logs(tmp_path: Path) -> None:
    """Names are found in a table of certificates, compressed or not; files and scripts named in it are none."""
    (tmp_path / "own.txt").write_text("# ours\nkingcounty.gov\n", "utf-8")
    table = 'id,not_before,name\n1,2026-10-01T00:00:00,"*.kingcounty-vote.com"\n2,2026-10-02,"a.org see king.js"\n'
    (tmp_path / "ct.csv.gz").write_bytes(gzip.compress(table.encode()))
    done = told("lookalikes", "--own", "own.txt", "ct.csv.gz", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "schema": "pollwatch.lookalikes/1",
        "lookalikes": [
            {
                "domain": "kingcounty-vote.com",
                "target": "kingcounty.gov",
                "reason": "the name with words added to it",
                "score": 0.8,
            }
        ],
    }
    done = told("lookalikes", "--own", "own.txt", "ct.csv.gz", cwd=tmp_path)
    assert "1 of 2 names copies one of 1 domains" in done.stderr
    assert told("lookalikes", "--own", "ct.csv", "ct.csv.gz", cwd=tmp_path).returncode == 3
    (tmp_path / "none.txt").write_text("# nothing\n", "utf-8")
    assert told("lookalikes", "--own", "none.txt", "ct.csv.gz", cwd=tmp_path).returncode == 2


def test_all_of_a_folder_is_read_in_any_encoding(tmp_path: Path) -> None:
    """A folder of lists, one of them as Windows writes it: each name of each file is looked at."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "a.txt").write_text("kingcounty-vote.com\n", "utf-8")
    (folder / "b.txt").write_text("my-kingcounty-login.net\r\n", "utf-16")
    looked = look((), [str(folder)], ["kingcounty.gov"], SystemClock())
    assert sorted(each.domain for each in looked.found) == ["kingcounty-vote.com", "my-kingcounty-login.net"]
    assert looked.names == 2
