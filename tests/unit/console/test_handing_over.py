"""An incident leaves the console only through the disclosure ledger, as it leaves by ``pollwatch share``."""

from __future__ import annotations

import html
import re
from pathlib import Path

from case_scenes import scan
from commands import told
from console_scenes import NOW_US, Visitor, hall
from joint_scenes import enrolled, trusting
from pollwatch.clock import ManualClock
from pollwatch.console.access import Role
from pollwatch.incidents.records import Case
from pollwatch.sharing.ledger import Ledger
from pollwatch.stix import bundle

SHA = re.compile(r'name="sha256" value="([0-9a-f]{64})"')


def test_a_member_is_told_what_was_looked_at_and_the_ledger_has_it(tmp_path: Path) -> None:
    """Preview, policy, marking, stage and ledger hold for the console too; without them nothing is given out."""
    clock = ManualClock(NOW_US)
    ours, theirs = enrolled(tmp_path, "ab", clock)
    with hall(ours.folder.case) as console:
        with Case.open(console.case_dir, clock) as case:
            scan(case, {"web": ["ann", "ann!", "bob", "eve+mal"]})
            name = case.incidents()[0].id
        lead, path = console.visitor(Role.LEAD), f"/incidents/{name}/share"
        assert "Show what would leave" in lead.get(path).text
        page = lead.get(f"{path}?to=B&tlp=green")
        (seen,) = SHA.findall(page.text)
        form = {"to": "B", "tlp": "green", "sha256": seen, "basis": "an agreement"}

        def asked(visitor: Visitor, **other: str) -> int:
            return visitor.post(path, {**form, **other}).status_code

        assert asked(lead) == 400  # we do not go so far with them
        trusting(ours, clock=clock)
        assert asked(console.visitor(Role.ANALYST)) == 403
        assert asked(lead, tlp="red") == asked(lead, to="C") == asked(lead, tlp="amber") == 400
        assert asked(lead, sha256="0" * 64) == 400
        assert Ledger(ours.folder.record).all() == ()
        lead.get(path)
        given = lead.post(path, form)
        assert given.status_code == 200, given.text
        (disclosure,) = Ledger(ours.folder.record).all()
        assert given.content == disclosure.release.body
        assert (disclosure.release.receiver, disclosure.release.sha256) == (theirs.me.name, seen)
        assert (disclosure.release.legal_basis, disclosure.release.tlp.word) == ("an agreement", "green")
        assert any(each["type"] == "incident" for each in bundle.read(given.content))
        assert lead.post(path, form).content == given.content
        assert len(Ledger(ours.folder.record).all()) == 1
        assert "They have it already" in html.unescape(lead.get(f"{path}?to=B&tlp=green").text)
        shared = told("share", name, "--to", "B", "--tlp", "green", "--dry-run", "--case", "a", cwd=tmp_path)
        assert shared.stdout.encode() == given.content
        assert lead.get(f"/incidents/{name}/export/stix").status_code == 400
        assert ("release", name) in [(row.action, row.about) for row in console.desk.trail.latest(20)]
