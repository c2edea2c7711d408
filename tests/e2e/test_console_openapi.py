"""Schemathesis finds nothing: what the console's API does is what its OpenAPI document says, whatever is sent.

The suite asks each operation, and goes on for some seconds; ``POLLWATCH_SCHEMATHESIS_S=600`` for longer.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from case_scenes import scan
from console_scenes import Hall, hall, served
from pollwatch.console import api
from pollwatch.console.access import Permission, Role
from pollwatch.console.accounts import managing
from pollwatch.console.accounts.tokens import NEVER
from pollwatch.console.roles import PERMISSIONS
from pollwatch.incidents.records import Case

#: What a schema cannot say: a cursor is good for its own question only, a day must exist.
NOT_SAID = "unsupported_method,positive_data_acceptance"
SECONDS = os.environ.get("POLLWATCH_SCHEMATHESIS_S", "3")


def token(console: Hall, role: Role, scope: frozenset[Permission] | None = None) -> str:
    """A token of somebody with a role, for all that it can be for."""
    account = console.desk.accounts.by_name(role.value) or console.account(role.value, role)
    granted = (PERMISSIONS[role] if scope is None else scope) - NEVER
    return managing.make_token(console.desk, account, "test", sorted(granted), 9)[1]


def filled(console: Hall) -> str:
    """The case gets incidents; one's id."""
    with Case.open(console.case_dir, console.clock) as case:
        scan(case, {"web": ["ann", "ann!", "bob", "eve+mal"]})
        return case.incidents()[0].id


class Counting:
    """Notes which of the documented operations were asked."""

    def __init__(self, app: ASGIApp, document: dict[str, Any]) -> None:
        """Wrap an app."""
        self.app = app
        self.asked: set[tuple[str, str]] = set()
        self.all = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
        # What is written out stands before what a name may stand for, as in the router.
        self.patterns = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path) for path in sorted(document["paths"])
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] == "http":
            found = next((path for pattern, path in self.patterns if pattern.fullmatch(scope["path"])), "")
            self.asked.add((scope["method"], found))
        await self.app(scope, receive, send)


@pytest.mark.timeout(float(SECONDS) + 300)
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Requests made from the document, valid and invalid: no 500, no undocumented status or shape, no way in.

    Each operation is asked, however short the run.
    """
    document: dict[str, Any] = json.loads(json.dumps(api.document()))  # noqa: TID251 - a copy
    with hall(tmp_path / "case") as console, served(counting := Counting(console.app, document)) as address:
        incident = filled(console)
        for path, item in document["paths"].items():
            for told in item.values():
                for each in told.get("parameters", []):
                    if each["name"] == "name" and path.startswith("/api/v1/incidents"):
                        each["schema"] = {"anyOf": [{"enum": [incident, incident[:4], "nowhere"]}, each["schema"]]}
        schema = tmp_path / "openapi.json"
        schema.write_text(json.dumps(document), encoding="utf-8")  # noqa: TID251 - for another program
        command = [str(Path(sys.executable).with_name("st")), "run", str(schema), "--url", address]
        command += ["--header", f"Authorization: Bearer {token(console, Role.LEAD)}"]
        # A machine that has other things to do is no finding: an answer may take a minute.
        command += ["--workers", "1", "--no-color", "--generation-database", "none", "--request-timeout", "60"]
        command += ["--suppress-health-check", "all", "--warnings", "off", "--exclude-checks", NOT_SAID]
        for how in (["--phases", "fuzzing", "--max-examples", "1"], ["--max-time", SECONDS]):
            done = subprocess.run(
                [*command, *how],
                capture_output=True,
                text=True,
                check=False,
                cwd=tmp_path,
                timeout=float(SECONDS) + 120,
            )
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
            assert "No issues found" in done.stdout
        assert counting.all - counting.asked == set()


def test_a_program_reads_and_acts_within_its_scope(tmp_path: Path) -> None:
    """List, show, act: what the token's scope and role allow, under the token's name, and in the trail."""
    with hall(tmp_path / "case") as console, served(console.app) as address:
        incident = filled(console)
        with httpx.Client(base_url=f"{address}/api/v1") as client:
            assert client.get("/health").json()["status"] == "ok"
            assert client.get("/incidents").status_code == 401
            analyst = {"authorization": f"Bearer {token(console, Role.ANALYST)}"}
            listed = client.get("/incidents", headers=analyst, params={"limit": 2}).json()
            assert (len(listed["incidents"]), listed["total"] > 2) == (2, True)
            more = client.get("/incidents", headers=analyst, params={"limit": 2, "cursor": listed["next"]}).json()
            assert not {each["id"] for each in listed["incidents"]} & {each["id"] for each in more["incidents"]}
            shown = client.get(f"/incidents/{incident}", headers=analyst).json()
            assert shown["id"] == incident
            done = client.post(f"/incidents/{incident}/acknowledge", headers=analyst, json={"reason": "mine"})
            assert done.json()["status"] == "acknowledged"
            assert client.post(f"/incidents/{incident}/assignee", headers=analyst, json={"assignee": "Ana"}).is_success
            assert client.post(f"/incidents/{incident}/notes", headers=analyst, json={"text": "seen"}).is_success
            closed = {"status": "false-positive", "reason": "a robot"}
            assert client.post(f"/incidents/{incident}/status", headers=analyst, json=closed).is_success
            history = client.get(f"/incidents/{incident}/history", headers=analyst).json()
            assert {each["who"] for each in history} == {"Analyst (test)"}
            assert client.get("/audit", headers=analyst).status_code == 403
            narrow = {"authorization": f"Bearer {token(console, Role.ANALYST, frozenset({Permission.READ}))}"}
            assert client.post(f"/incidents/{incident}/notes", headers=narrow, json={"text": "x"}).status_code == 403
            assert client.get(f"/incidents/{incident}", headers=narrow).json()["actors"]["user"] == []
            auditor = {"authorization": f"Bearer {token(console, Role.AUDITOR)}"}
            rows = client.get("/audit", headers=auditor).json()["rows"]
            refused = [row["action"] for row in rows if row["outcome"] == "refused"]
            assert refused == [f"POST /api/v1/incidents/{incident}/notes"]
            assert {"incident: acknowledged", "incident: false-positive"} <= {row["action"] for row in rows}
            assert client.get("/light", headers=auditor).json()["state"]


def test_the_document_names_what_each_route_needs_no_token_for(tmp_path: Path) -> None:
    """Health and the description itself are open; all else asks for a token."""
    document = api.document()
    free = [path for path, item in document["paths"].items() for told in item.values() if told.get("security") == []]
    assert sorted(free) == ["/api/v1/health", "/api/v1/openapi.json"]
    with hall(tmp_path / "case") as console, served(console.app) as address:
        assert httpx.get(f"{address}/api/v1/openapi.json").json() == document


BROKEN = (b"{", b"[" * 100_000, b"\xff", b'{"reason": "a" "b"}', b"null", b'{"reason": 1e999}')


@pytest.mark.parametrize("body", BROKEN)
def test_bodies_that_are_no_json_are_refused(tmp_path: Path, body: bytes) -> None:
    """Malformed and deeply nested JSON is 422 or 400, never a stack trace."""
    with hall(tmp_path / "case") as console, served(console.app) as address:
        headers = {"authorization": f"Bearer {token(console, Role.LEAD)}", "content-type": "application/json"}
        answer = httpx.post(f"{address}/api/v1/incidents/x/acknowledge", content=body, headers=headers)
        assert answer.status_code in {400, 404, 422}
        assert set(answer.json()) == {"detail"}
