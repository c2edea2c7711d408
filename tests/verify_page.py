"""verify.html on a desk in a real browser, good bundles to lay on it, and ways to change them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from evidence_scenes import QUANTUM, WITNESS
from pollwatch import canonical
from pollwatch.errors import EvidenceError
from pollwatch.evidence import checkpoint, container, timestamp, verify
from pollwatch.evidence.bundle import INDEX, SIGNATURE, Bundle
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.keys import KeyType, Signer

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "src" / "pollwatch" / "evidence" / "verify.html"
LOG = Signer("b.example/shared", KeyType.ED25519, bytes(range(3, 35)))


@dataclass(frozen=True, slots=True)
class Sample:
    """A good bundle, what it was made of, and the reader's policy."""

    data: bytes
    policy: bytes
    bundle: Bundle
    signer: Signer

    def packed(self, change: Callable[[dict[str, bytes]], None], *, index: bool = True, sign: bool = True) -> bytes:
        """The bundle with changed members; the forger repairs digests, and has the log's key unless ``sign`` is off."""
        members = container.unpack(self.data)
        change(members)
        if index:
            listed = canonical.loads(members[INDEX])
            listed["members"] = {
                name: sha256(data).hexdigest() for name, data in members.items() if name not in {INDEX, SIGNATURE}
            }
            members[INDEX] = canonical.dumps(listed)
            if sign:
                text = f"pollwatch bundle index v1\n{members[INDEX].decode()}\n"
                members[SIGNATURE] = checkpoint.notes.sign(text, self.signer).line.encode()
        return container.pack(members)

    def swapped(self, name: str, old: bytes, new: bytes, **how: bool) -> bytes:
        """The bundle with a text in one member replaced."""

        def change(members: dict[str, bytes]) -> None:
            assert old in members[name], name
            members[name] = members[name].replace(old, new, 1)

        return self.packed(change, **how)


Change = Callable[[Sample], bytes]


def policy_of(*logs: object, quorum: str = "both") -> bytes:
    """A reader's policy: these logs, two witnesses that must both have cosigned."""
    head = "".join(f"log {log.vkey}\n" for log in logs)  # type: ignore[attr-defined]
    witnesses = f"witness b {WITNESS.verifier.vkey}\nwitness c {QUANTUM.verifier.vkey}\n"
    return f"# mine\n{head}{witnesses}group both all b c\nquorum {quorum}\n".encode()


class Desk:
    """The page as its user has it: files go in, a verdict comes out."""

    def __init__(self, page: Page) -> None:
        """Sit down before an open page."""
        self.page = page

    def check(
        self, data: bytes, policy: bytes | None = None, name: str = "b.zip", authorities: bytes | None = None
    ) -> Mapping[str, str]:
        """Choose a file, and a policy or authorities or none; returns verdict, code and the reason's text."""
        self.page.evaluate("document.getElementById('forget').click()")
        own = (("policy.txt", policy), ("authorities.pem", authorities))
        choose = [{"name": each, "mimeType": "text/plain", "buffer": data} for each, data in own if data is not None]
        if choose:
            self.page.set_input_files("#policy", choose)  # type: ignore[arg-type]
        self.page.set_input_files("#file", {"name": name, "mimeType": "application/zip", "buffer": data})
        expect(self.page.locator("#state")).to_have_text(re.compile("Checked|Gecontroleerd"))
        self.page.wait_for_selector("article")
        return self.verdict()

    def verdict(self) -> Mapping[str, str]:
        """What the page says."""
        found: Mapping[str, str] = self.page.evaluate(
            """() => { const a = document.querySelector("article"); return { ...a.dataset, text: a.innerText,
            reason: a.querySelector(".reason")?.textContent || "" }; }"""
        )
        return found


def opened(browser: Browser, locale: str = "en-GB", script: str = "") -> tuple[BrowserContext, Desk]:
    """The page from disk, offline; whatever it asks for beyond itself fails the test."""
    context = browser.new_context(locale=locale, offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    if script:
        page.add_init_script(script)
    page.on("request", lambda request: pytest.fail(f"request: {request.url}") if request.url != PAGE.as_uri() else None)
    page.on("dialog", lambda dialog: pytest.fail(f"dialog: {dialog.message}"))
    page.on("pageerror", lambda error: pytest.fail(f"script: {error}"))
    page.goto(PAGE.as_uri())
    return context, Desk(page)


def the_tool() -> ModuleType:
    """What makes the page out of its source."""
    spec = spec_from_file_location("verify_html", ROOT / "tools" / "verify_html.py")
    assert spec is not None
    assert spec.loader is not None
    tool = module_from_spec(spec)
    sys.modules[spec.name] = tool
    spec.loader.exec_module(tool)
    return tool


def resigned(**changes: object) -> Change:
    """The owner itself signs a bundle with other parts."""
    return lambda s: replace(s.bundle, **changes).to_bytes(s.signer)  # type: ignore[arg-type]


def batch_with(**changes: object) -> Change:
    """The owner signs another version of what is shown of the first batch."""
    return lambda s: replace(
        s.bundle,
        batches=(replace(s.bundle.batches[0], **changes), *s.bundle.batches[1:]),  # type: ignore[arg-type]
    ).to_bytes(s.signer)


def line_with(**changes: object) -> Change:
    """The owner signs another version of the first line that is shown."""

    def lie(s: Sample) -> bytes:
        first, *others = s.bundle.batches[0].lines
        return batch_with(lines=(replace(first, **changes), *others))(s)  # type: ignore[arg-type]

    return lie


def flipped(find: bytes, offset: int = 0) -> Change:
    """One bit of the file is another one, so many bytes behind the first place where this stands."""

    def flip(s: Sample) -> bytes:
        place = s.data.index(find) + offset
        return s.data[:place] + bytes([s.data[place] ^ 1]) + s.data[place + 1 :]

    return flip


def stamped_note(s: Sample) -> bytes:
    """What an authority stamps: the checkpoint with the log's own signature alone."""
    return KeyChain(s.signer.verifier).bare(s.bundle.seal.place.signed).to_bytes()


def a_stamp(s: Sample, index: int = 0, token: bytes = b"token", note: bytes | None = None) -> bytes:
    """A time-stamp of the bundle's seal; unless one is given, its token is no token."""
    stamped = timestamp.StampedCheckpoint(note or stamped_note(s), token)
    return timestamp.TimestampProof(index, s.bundle.seal.place.proof, stamped).to_bytes()


def with_stamp(s: Sample, *stamps: bytes) -> bytes:
    """The bundle with time-stamps, signed by its owner."""
    named = {f"attachments/timestamp-{number}.json": stamp for number, stamp in enumerate(stamps)}
    return s.packed(lambda members: members.update(named))


def refused(desk: Desk, sample: Sample, make: Change, reason: str) -> None:
    """What was made of a good bundle is refused by the command line and by the page, both for this reason."""
    data = make(sample)
    with pytest.raises(EvidenceError, match=reason):
        verify.verify_bytes(data, sample.policy)
    found = desk.check(data, sample.policy)
    assert found["verdict"] == "bad"
    assert re.search(reason, found["reason"]), found["reason"]
