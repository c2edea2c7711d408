"""Keys of a case's logs change hands as their owner does it: committed to, kept elsewhere, put in place, gone."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pollwatch.cli.main import root
from pollwatch.clock import ManualClock
from pollwatch.errors import PolicyError, PollwatchError, RetiredKeyError, SignatureError, StoreError
from pollwatch.evidence import checkpoint, fsck, keychain, rotation
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log, open_reader
from pollwatch.evidence.manifest import parse_private, parse_shared
from pollwatch.evidence.signedstate import SignedState
from pollwatch.node.evidence import rekeying
from pollwatch.node.evidence.casekeys import CaseKeys, Which
from pollwatch.node.evidence.sealing import CaseEvidence
from stopping import until

CLOCK = ManualClock(1_793_000_000_000_000)
BOTH: tuple[Which, Which] = ("shared", "private")


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case with a sealed batch."""
    with CaseEvidence.open(tmp_path / "case", CLOCK) as evidence:
        evidence.seal_batch("a.log", 1, [b"one", b"two"])
        evidence.publish_seal()
    return tmp_path / "case"


def run(*words: str) -> Result:
    """The command, in this process, with the exit code that its user sees."""
    done = CliRunner().invoke(root, ["evidence", "key", *words])
    if isinstance(done.exception, PollwatchError):
        done.exit_code = done.exception.exit_code
    return done


def check(case: Path, which: Which) -> KeyChain:
    """Everything of a log fits; gives its keys."""
    folder = case / "evidence"
    found = rekeying.show(case, which)
    reader = fsck.check_log(folder / which, found.chain)
    for entry in reader.entries(0, reader.size):
        (parse_shared if which == "shared" else parse_private)(entry)
    signed, _reader = open_reader(folder / which / "public", found.chain.first)
    assert found.chain.check(signed) == found.chain.present
    keys = CaseKeys.load(folder)
    assert (keys.of(which)[0].verifier, keys.incoming) == (found.chain.present, ())
    return found.chain


@pytest.mark.parametrize("which", BOTH)
def test_a_key_is_changed_as_its_owner_does_it(which: Which, case: Path, tmp_path: Path) -> None:
    """begin, take the next key away, rotate with it twice; scans and seals go on, nothing of the old secret is left."""
    words = ("--case", str(case), "--log", which)
    assert run("rotate", *words).exit_code == PolicyError.exit_code
    secrets: list[bytes] = []
    safe = tmp_path / "none.key"
    for number in range(3):
        secrets.append((case / "evidence" / "keys" / f"{which}.key").read_bytes())
        if number:
            done = run("rotate", *words, "--next", str(safe))
            assert done.exit_code == 0, done.stderr
            again = run("rotate", *words, "--next", str(safe))  # what was done is not done twice
            assert again.exit_code == 0, again.stderr
        else:
            done = run("begin", *words)
            assert run("begin", *words).exit_code == PolicyError.exit_code
        (made,) = (case / "evidence" / "next").iterdir()
        assert str(made) in done.stderr
        shown = run("show", *words)
        assert f"{made} lies beside" in shown.stdout
        safe = tmp_path / f"safe-{number}.key"
        made.rename(safe)
        assert run("rotate", *words).exit_code == StoreError.exit_code
        with CaseEvidence.open(case, CLOCK) as evidence:
            evidence.seal_batch("a.log", 3 + number, [b"more"])
            evidence.publish_seal()
        assert len(check(case, which).links) == number + 1
    document = json.loads(run("show", *words, "--json").stdout)
    assert [each["number"] for each in document["keys"]] == [0, 1, 2]
    assert [each["key"] for each in document["keys"]] == [each.vkey for each in check(case, which).keys]
    left = b"".join(path.read_bytes() for path in (case / "evidence").rglob("*") if path.is_file())
    assert not any(secret in left for secret in secrets[:2])


def test_the_shared_logs_quantum_key_changes_with_it(case: Path) -> None:
    """The link names the ML-DSA key that cosigns from there on, under both keys' signatures."""
    before = CaseKeys.load(case / "evidence").shared_quantum.verifier
    rekeying.begin(case, "shared", CLOCK)
    rekeying.rotate(case, "shared", CLOCK)
    after = CaseKeys.load(case / "evidence").shared_quantum.verifier
    chain = check(case, "shared")
    assert [each.cosigner for each in chain.links] == [before, after]
    assert before != after
    signed, _tiles = open_reader(case / "evidence" / "shared" / "public", chain)
    assert [len(checkpoint.verify(signed, (each,))) for each in (before, after)] == [0, 1]


def test_a_thief_of_the_present_key_cannot_change_it(case: Path, tmp_path: Path) -> None:
    """Attack: whoever has all keys of the case, but not the next one, rotates to a key of its own."""
    changed = rekeying.begin(case, "shared", CLOCK)
    assert changed.following is not None
    changed.following.rename(tmp_path / "safe.key")
    thief = Signer.generate(changed.chain.name)
    thief.save(tmp_path / "thief.key")
    with pytest.raises(SignatureError, match="not the next key"):
        rekeying.rotate(case, "shared", CLOCK, tmp_path / "thief.key")
    (case / "evidence" / "next" / "shared-00000000.key").write_bytes((tmp_path / "thief.key").read_bytes())
    (case / "evidence" / "next" / "shared-00000000.key").chmod(0o600)
    with pytest.raises(StoreError, match="not in"):
        rekeying.rotate(case, "shared", CLOCK)
    stolen = CaseKeys.load(case / "evidence").shared
    (case / "evidence" / "next" / "shared-00000000.key").unlink()
    # The owner notices, and changes the key: what the thief signs from then on is told as what it is.
    chain = rekeying.rotate(case, "shared", CLOCK, tmp_path / "safe.key").chain
    forged = checkpoint.signed(Checkpoint(chain.name, 100, bytes(32)), [stolen])
    with pytest.raises(RetiredKeyError, match="may have been stolen"):
        chain.check(forged)


def test_keys_on_tokens_and_of_other_machines(case: Path, tmp_path: Path) -> None:
    """The next key is a signing program's, known here only by its public half; the one after is made elsewhere too."""
    name = CaseKeys.load(case / "evidence").shared.name
    made = run("new", name, "-o", str(tmp_path / "token.key"))
    token = Signer.load(tmp_path / "token.key")
    assert made.stdout == token.verifier.vkey + "\n"
    assert run("new", name, "-o", str(tmp_path / "token.key")).exit_code == SignatureError.exit_code
    (tmp_path / "public").write_text(made.stdout)
    done = run("begin", "--case", str(case), "--following", str(tmp_path / "public"))
    assert (done.exit_code, (case / "evidence" / "next").exists()) == (0, False)
    code = (
        "import base64, sys\nfrom pathlib import Path\nfrom pollwatch.evidence.keys import Signer\n"
        f"key = Signer.load(Path({str(tmp_path / 'token.key')!r}))\n"
        "sys.stdout.write(base64.b64encode(key.sign(sys.stdin.buffer.read())).decode())\n"
    )
    reference = tmp_path / "reference"
    reference.touch(mode=0o600)
    reference.write_text(
        f"COMMAND+KEY {token.verifier.vkey}\n{sys.executable}\n-c\n" + code.replace("\n", ";")[:-1] + "\n"
    )
    done = run("rotate", "--case", str(case), "--next", str(reference))
    assert done.exit_code == 0, done.stderr
    assert check(case, "shared").present == token.verifier
    assert (case / "evidence" / "keys" / "shared.key").read_bytes() == reference.read_bytes()
    with CaseEvidence.open(case, CLOCK) as evidence:
        evidence.publish_seal()
    assert base64.b64encode(token.seed) not in (case / "evidence" / "keys" / "shared.key").read_bytes()
    check(case, "shared")


@pytest.mark.parametrize("which", BOTH)
def test_a_change_that_is_stopped_goes_on(which: Which, case: Path, tmp_path: Path) -> None:
    """Stopped before any file operation of a change, the log signs with one key or the other; the command goes on."""
    rekeying.begin(case, which, CLOCK)
    old = check(case, which).present
    (next_key,) = (case / "evidence" / "next").iterdir()
    new = Signer.load(next_key).verifier
    seen = set()
    for stop in count():
        copy = tmp_path / f"stopped-{stop}"
        shutil.copytree(case, copy)
        stopped = rotate_until(copy, which, stop)
        with CaseEvidence.open(copy, CLOCK) as evidence:
            evidence.seal_batch("a.log", 9, [b"after"])
            evidence.publish_seal()
        seen.add(rekeying.show(copy, which).chain.present)
        if not stopped:
            break
        rekeying.rotate(copy, which, CLOCK)
        assert check(copy, which).keys == (old, new)
    assert stop > 8
    assert seen == {old, new}


def rotate_until(case: Path, which: Which, stop: int) -> bool:
    """Change the key, stopping before the ``stop``-th step; gives whether it came to that."""
    return until(stop, lambda: rekeying.rotate(case, which, CLOCK), (Log, "append"), (SignedState, "advance"))


def test_entries_of_a_log_carry_its_keys(case: Path) -> None:
    """The links are entries of the log, where they say that they are."""
    rekeying.begin(case, "shared", CLOCK)
    chain = rekeying.rotate(case, "shared", CLOCK).chain
    _signed, reader = open_reader(case / "evidence" / "shared" / "public", chain)
    assert rotation.from_entries(chain.first, enumerate(reader.entries(0, reader.size))) == chain
    assert keychain.from_file((case / "evidence" / "shared" / "public" / "keys").read_bytes()) == chain.notes
    assert {each.type for each in chain.keys} == {KeyType.ED25519}
