"""A log is cosigned by witnesses outside the joint watch, written by other people, each with its own ways."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from evidence_scenes import LINES, an_incident, fetch
from hostile_scenes import Served
from pollwatch.cli.main import root
from pollwatch.clock import US_PER_S, ManualClock
from pollwatch.errors import ConfigError
from pollwatch.evidence import checkpoint, verify
from pollwatch.evidence import request as requests
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.witness import Witness
from pollwatch.node.evidence import bundling
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.sealing import CaseEvidence, CaseKeys
from pollwatch.node.gateway import processes
from pollwatch.node.logs import outside

NOW_US = 1_793_736_000 * US_PER_S
CLOCK = ManualClock(NOW_US)
Answer = Callable[[bytes, Witness], Response]


def honest(body: bytes, witness: Witness) -> Response:
    """As the specification says."""
    said = witness.add_checkpoint(body)
    return Response(said.body, said.status, {"content-type": said.content_type})


def torchwood(_body: bytes, _witness: Witness) -> Response:
    """The snapshot of 2025-06: 403, not 404, for a log that it does not know."""
    return Response(b"unknown log\n", 403, media_type="text/plain")


def transparency_dev(body: bytes, witness: Witness) -> Response:
    """At 54dbcdd: any old size will do at first; for two roots of one size an empty 409 instead of 422."""
    asked = requests.parse_add_checkpoint(body)
    last = witness.latest(asked.signed.checkpoint.origin)
    if last is None:
        return honest(requests.build_add_checkpoint(0, (), asked.signed), witness)
    if last.checkpoint.size == asked.signed.checkpoint.size and last.checkpoint.root != asked.signed.checkpoint.root:
        return Response(b"", 409)
    return honest(body, witness)


def sigsum(body: bytes, witness: Witness) -> Response:
    """Looks at the proof before the old size, and says 400 where the specification says 422."""
    asked = requests.parse_add_checkpoint(body)
    if not asked.old and asked.proof:
        return Response(b"(400) expected empty proof\n", 400, media_type="text/plain; charset=utf-8")
    said = honest(body, witness)
    return Response(b"(400) bad proof\n", 400) if said.status_code == 422 else said


def busy(_body: bytes, _witness: Witness) -> Response:
    """Pushback."""
    return Response(b"", 429, {"retry-after": "60"})


WAYS: dict[str, Answer] = {
    "honest": honest, "torchwood": torchwood, "transparency-dev": transparency_dev, "sigsum": sigsum, "busy": busy,
}  # fmt: skip


class Outside:
    """Some witnesses that nobody here runs, and a case of ours."""

    def __init__(self, folder: Path, ways: dict[str, Answer]) -> None:
        """Nothing listens yet."""
        self.case = folder / "case"
        with CaseEvidence.open(self.case, CLOCK) as evidence:
            evidence.seal_batch("access.log", 1, LINES[:20])
            evidence.seal_incident(an_incident([3, 4]))
            evidence.publish_seal()
        self.log = CaseKeys.load(self.case / "evidence").shared.verifier
        self.keys = {
            name: Signer(f"{name}.example/w", KeyType.COSIGNATURE, bytes([place] * 32))
            for place, name in enumerate(ways, 1)
        }
        self.ports = dict(zip(ways, processes.free_ports(len(ways)), strict=True))
        self.witnesses = {name: Witness(folder / name, (key,), CLOCK, (self.log,)) for name, key in self.keys.items()}

    def policy(self, quorum: str) -> bytes:
        """A policy that names them all."""
        lines = [f"log {self.log.vkey}"]
        lines += [
            f"witness {name} {key.verifier.vkey} http://127.0.0.1:{self.ports[name]}/"
            for name, key in self.keys.items()
        ]
        return "".join(f"{line}\n" for line in (*lines, quorum)).encode()

    def ask(self, quorum: str) -> outside.Cosignings:
        """Ask them all."""
        return outside.cosign(self.case, Policy.parse(self.policy(quorum)), CLOCK)

    def signer(self) -> Signer:
        """The log's own key, for lying with."""
        return Signer.load(self.case / "evidence" / "keys" / "shared.key")

    def seal(self) -> None:
        """Let the log grow."""
        with CaseEvidence.open(self.case, CLOCK) as evidence:
            evidence.publish_seal()


@contextmanager
def listening(folder: Path, ways: dict[str, Answer]) -> Iterator[Outside]:
    """They answer on loopback."""
    folder.mkdir(exist_ok=True)
    scene = Outside(folder, ways)

    def app(name: str) -> Starlette:
        async def add_checkpoint(request: Request) -> Response:
            return ways[name](await request.body(), scene.witnesses[name])

        return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])

    served = [Served(app(name), port) for name, port in scene.ports.items()]
    try:
        yield scene
    finally:
        for each in served:
            each.close()
        for witness in scene.witnesses.values():
            witness.close()


def test_witnesses_of_other_makers_are_understood(tmp_path: Path) -> None:
    """Known deviations: whoever cosigns does, whoever does not is told of in the same words."""
    with listening(tmp_path, WAYS) as scene:
        for _growth in range(3):
            found = scene.ask("group two 3 honest transparency-dev sigsum torchwood busy\nquorum two")
            said = {each.member: each.problem for each in found.asked}
            assert said["torchwood"] == "refused (403, unknown): unknown log"
            assert said["busy"] == "refused (429, later)"
            assert not said["honest"] + said["transparency-dev"] + said["sigsum"]
            assert found.met
            scene.seal()


def test_a_fork_is_refused_by_witnesses_of_every_maker(tmp_path: Path) -> None:
    """Attack 2: the log's key signs another history; each witness refuses in its own way, and all mean the same."""
    with listening(tmp_path / "a", {name: WAYS[name] for name in ("honest", "transparency-dev", "sigsum")}) as scene:
        assert scene.ask("quorum none").size == 1
        other = tmp_path / "other"
        with CaseEvidence.open(other, CLOCK) as evidence:
            evidence.publish_seal()
        keys = scene.case / "evidence" / "keys"
        for path in (other / "evidence" / "keys").iterdir():
            path.write_bytes((keys / path.name).read_bytes())
        for name in ("private", "shared"):
            for path in sorted((other / "evidence" / name).rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
        (other / "evidence" / "openings.sqlite").unlink()
        with CaseEvidence.open(other, CLOCK) as evidence:
            evidence.seal_batch("another.log", 1, LINES[:3])
            evidence.publish_seal()
        found = outside.cosign(other, Policy.parse(scene.policy("quorum none")), CLOCK)
        assert all("disagrees" in each.problem for each in found.asked), found
        kept = scene.witnesses["honest"].contradictions(scene.log.name)
        assert [each.checkpoint.size for each in kept] == [1]


def test_a_neutral_witness_raises_the_grade_of_what_a_rival_does_not_cosign(tmp_path: Path) -> None:
    """The founding case: nobody but a neutral witness cosigns, and a stranger's check says quorum, and since when."""
    with listening(tmp_path, {"honest": honest}) as scene:
        policy = scene.policy("quorum honest")
        (tmp_path / "p").write_bytes(policy)

        def graded() -> tuple[str, int | None]:
            target = tmp_path / "b.zip"
            target.unlink(missing_ok=True)
            extras = Extras(witnesses=(scene.keys["honest"].verifier,), policy=policy)
            with CaseEvidence.open(scene.case, CLOCK) as evidence:
                bundling.export(evidence, an_incident([3, 4]), target, CLOCK, fetch, extras)
            report = verify.verify_file(target, policy)
            return report.grade, report.not_later_us

        assert graded() == ("asserted", None)
        words = ["evidence", "cosign", "--case", str(scene.case), "--policy", str(tmp_path / "p")]
        done = CliRunner().invoke(root, words, standalone_mode=False)
        assert (done.return_value, done.output) == (0, "honest: cosigned\nsize 1: the quorum has cosigned\n")
        assert graded() == ("quorum", NOW_US)
        shown = json.loads(CliRunner().invoke(root, [*words, "--json"]).output)
        assert shown["asked"] == [{"problem": "", "witness": "honest"}]


@contextmanager
def neutral(folder: Path, policy: Path, *more: str) -> Iterator[str]:
    """`evidence witness` in a process of its own; gives the policy line that it prints."""
    command = [sys.executable, "-m", "pollwatch", "evidence", "witness", "--folder", str(folder)]
    command += ["--policy", str(policy), "--port", "0", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()
    assert process.returncode == 0


def test_a_neutral_party_runs_a_witness_of_its_own(tmp_path: Path) -> None:
    """A university that is no member cosigns a log, remembers it over a restart, and refuses what does not follow."""
    with listening(tmp_path, {}) as scene:
        pinned = tmp_path / "logs"
        pinned.write_text(f"log {scene.log.vkey}\nquorum none\n")
        words = ["evidence", "witness", "--folder", str(tmp_path / "w"), "--policy", str(pinned)]
        assert "--name" in str(CliRunner().invoke(root, words).exception)
        with neutral(tmp_path / "w", pinned, "--name", "witness.uni.example") as line:
            policy = Policy.parse(f"{pinned.read_text().splitlines()[0]}\n{line}quorum witness.uni.example\n".encode())
            assert outside.cosign(scene.case, policy, CLOCK).met
        scene.seal()
        with neutral(tmp_path / "w", pinned) as line:
            (key,) = policy.witnesses.values()
            assert f"witness.uni.example {key.vkey} http" in line
            address = line.split()[-1]
            again = Policy.parse(f"{pinned.read_text().splitlines()[0]}\n{line}quorum witness.uni.example\n".encode())
            assert outside.cosign(scene.case, again, CLOCK).size == 2
            origin = sha256(scene.log.name.encode()).hexdigest()
            with httpx.Client(trust_env=False, base_url=address) as client:
                shown = client.get(f"/{origin}/checkpoint")
                assert SignedCheckpoint.parse(shown.content).checkpoint.size == 2
                assert client.get(f"/{'0' * 64}/checkpoint").status_code == 404
                forged = checkpoint.signed(Checkpoint(scene.log.name, 3, bytes(32)), [scene.signer()])
                refused = client.post("/add-checkpoint", content=requests.build_add_checkpoint(2, (bytes(32),), forged))
                assert refused.status_code == 422
                assert client.post("/add-checkpoint", content=b"x" * (1 << 18)).status_code == 413
        assert (tmp_path / "w" / "witness.key").stat().st_mode & 0o777 == 0o600
        words += ["--name", "another.example"]
        assert "keeps its name" in str(CliRunner().invoke(root, words).exception)


def test_what_cannot_be_asked_is_said(tmp_path: Path) -> None:
    """Nobody there, nonsense, an address of another kind: told by name, exit code 5; a wrong policy: what to write."""
    with listening(tmp_path, {"honest": lambda _body, _witness: Response(b"\xff nonsense")}) as scene:
        silent, odd = (Signer.generate(f"{name}.example/w", KeyType.COSIGNATURE).verifier for name in ("s", "o"))
        (port,) = processes.free_ports(1)
        policy = scene.policy(
            f"witness silent {silent.vkey} http://127.0.0.1:{port}\nwitness odd {odd.vkey} ftp://x\nquorum honest"
        )
        (tmp_path / "p").write_bytes(policy)
        words = ["evidence", "cosign", "--case", str(scene.case), "--policy", str(tmp_path / "p")]
        done = CliRunner().invoke(root, words, standalone_mode=False)
        assert done.return_value == 5
        assert "silent: silent cannot be reached" in done.output
        assert "no address of http" in done.output
        assert "too few have cosigned" in done.output
        unnamed = Signer.generate("other.example/log").verifier
        for wrong, words_of_it in (
            (scene.policy("quorum none").replace(scene.log.vkey.encode(), unnamed.vkey.encode()), "does not name"),
            (f"log {scene.log.vkey}\nquorum none\n".encode(), "no witness with an address"),
        ):
            with pytest.raises(ConfigError, match=words_of_it):
                outside.cosign(scene.case, Policy.parse(wrong), CLOCK)


def test_a_policy_keeps_its_addresses() -> None:
    """What is read is written again, addresses of logs and witnesses of the same name included."""
    log = Signer("a.example", KeyType.ED25519, bytes(range(32))).verifier
    witness: Verifier = Signer("w.example", KeyType.COSIGNATURE, bytes(range(1, 33))).verifier
    text = (
        f"log {log.vkey} https://a.example/log\nwitness a.example {witness.vkey} https://w.example\nquorum a.example\n"
    )
    policy = Policy.parse(text.encode())
    assert policy.to_bytes() == text.encode()
    assert httpx.URL(policy.urls[witness]).host == "w.example"
