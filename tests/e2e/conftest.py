"""The page and its samples, for all tests of verify.html."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from evidence_scenes import QUANTUM, WITNESS, exported
from verify_page import Desk, Sample, opened, policy_of


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A real case: three batches, an incident, a seal that names a rival, cosigned by two witnesses."""
    made = exported(
        tmp_path_factory.mktemp("verify-html"),
        WITNESS,
        QUANTUM,
        attachments={"claim.json": b"{}"},
        witnesses=(WITNESS.verifier, QUANTUM.verifier),
    )
    return Sample(made.path.read_bytes(), policy_of(made.signer.verifier), made.bundle, made.signer)


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Two fields each of the same lines, and not the lines."""
    made = exported(tmp_path_factory.mktemp("verify-html"), WITNESS, QUANTUM, fields=["ip", "note"])
    return Sample(made.path.read_bytes(), policy_of(made.signer.verifier), made.bundle, made.signer)


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Desk]:
    """One page for many files, as somebody with a stack of evidence uses it."""
    context, desk = opened(browser)
    yield desk
    context.close()
