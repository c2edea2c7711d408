"""Schemathesis finds nothing: what the server does is what its OpenAPI document says, whatever is sent.

The suite runs it for half a minute; ``POLLWATCH_SCHEMATHESIS_S=600`` for longer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from taxii_scenes import API, TAXII, indicator, served, stix_id

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "taxii-openapi.yaml"
SECONDS = os.environ.get("POLLWATCH_SCHEMATHESIS_S", "30")


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return loaded


def narrowed(shelf_id: str) -> dict[str, Any]:
    """The document with names that exist here, so that not every request ends at 404."""
    narrow = document()
    parameters = narrow["components"]["parameters"]
    parameters["collection"]["schema"] = {"enum": [shelf_id, "indicators", "nowhere"]}
    parameters["object"]["schema"] = {"enum": [stix_id("indicator", n) for n in range(40)]}
    any_object = {"type": "object", "properties": {"type": {}, "id": {}, "modified": {}, "created": {}}}
    posted = narrow["components"]["schemas"]["PostedEnvelope"]["properties"]["objects"]
    posted["items"] = {"anyOf": [{"enum": [indicator(n, n % 3) for n in range(40)]}, any_object, {}]}
    return narrow


@pytest.mark.timeout(float(SECONDS) + 300)
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Requests made from the document, valid, invalid and in chains: answers are always those that it has."""
    with served(tmp_path / "server") as address:
        url = f"{address.base}{API}collections/{address.shelf_id}/objects/"
        headers = {"accept": TAXII, "content-type": TAXII}
        objects = {"objects": [indicator(n, second) for n in range(40) for second in range(3)]}
        httpx.post(url, json=objects, headers=headers, auth=("Birch", "password")).raise_for_status()
        schema = tmp_path / "openapi.yaml"
        schema.write_text(yaml.safe_dump(narrowed(address.shelf_id)), encoding="utf-8")
        command = [Path(sys.executable).with_name("st"), "run", schema, "--url", address.base]
        command += ["--auth", "Birch:password", "--max-time", SECONDS, "--workers", "1", "--no-color"]
        command += ["--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"]
        done = subprocess.run(
            [str(each) for each in command],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=float(SECONDS) + 120,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout


def test_the_document_lists_every_endpoint() -> None:
    """The document has the nine paths of the standard, with the methods that each of them has."""
    found = {path: sorted(set(item) - {"parameters"}) for path, item in document()["paths"].items()}
    collection = f"{API}collections/{{collection}}/"
    assert found == {
        "/taxii2/": ["get"],
        API: ["get"],
        f"{API}status/{{status}}/": ["get"],
        f"{API}collections/": ["get"],
        collection: ["get"],
        f"{collection}manifest/": ["get"],
        f"{collection}objects/": ["get", "post"],
        f"{collection}objects/{{object}}/": ["delete", "get"],
        f"{collection}objects/{{object}}/versions/": ["get"],
    }
