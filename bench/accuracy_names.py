"""Names that others use: domains made to deceive, popular ones, and those of election offices."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path

from accuracy_table import DATA, Measured, Row

from pollwatch.detect.lookalikes.finding import lookalikes
from pollwatch.detect.lookalikes.owned import Owned, name_of

REAL = Path(__file__).parents[1] / "tests" / "contract" / "detect" / "lookalikes_real.csv"


def names() -> Measured:
    """Of the domains that public reports name how many are found; of others, how many are held against anybody."""
    with REAL.open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    found = {each.domain: each.target for each in lookalikes(Owned.of(row["owner"] for row in rows), _domains(rows))}
    missed = [row for row in rows if not (owner := name_of(row["owner"])) or found.get(row["domain"]) != owner.domain]
    with (DATA / "dotgov" / "current-full.csv").open(encoding="utf-8") as opened:
        offices = [row["Domain name"] for row in csv.DictReader(opened) if row["Domain type"].endswith("Election")]
    owned = Owned.of(offices)
    popular = _popular()
    accused = lookalikes(owned, popular)
    one_another = lookalikes(owned, offices)
    return Measured(
        "lookalikes",
        "domains of public reports against their owners; popular names and offices against 697 election offices.",
        [
            Row("real ones, found with the right owner", len(rows) - len(missed), len(rows), ">= 85"),
            Row("of the 10,000 most popular, held against an office", len(accused), len(popular), "<= 0.1"),
            Row("offices held against one another", len(one_another), len(offices), "<= 0"),
        ],
        [
            *(f"not found: {row['domain']} ({row['owner']})" for row in missed),
            *(f"popular: {each.domain} for {each.target}" for each in accused),
        ],
    )


def _domains(rows: list[dict[str, str]]) -> list[str]:
    return [row["domain"] for row in rows]


def _popular() -> list[str]:
    """Tranco's 10,000, from the package that ships the list; importing all its lists would take seconds."""
    spec = find_spec("pymispwarninglists")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    lists = Path(spec.submodule_search_locations[0]) / "data" / "misp-warninglists" / "lists"
    found: list[str] = json.loads((lists / "tranco10k" / "list.json").read_bytes())["list"]
    return found
