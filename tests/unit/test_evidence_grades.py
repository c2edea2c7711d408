"""What raises a grade, and policy files as other tools write them; answers of other people's witnesses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pollwatch.errors import QuorumError, SignatureError
from pollwatch.evidence import checkpoint, grades
from pollwatch.evidence.checkpoint import Checkpoint, SignedCheckpoint
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.opened import Witnessed, check_witnesses
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.report import Stamp
from pollwatch.evidence.request import parse_add_checkpoint
from pollwatch.evidence.witnessanswer import Conflict, Cosigned, Meaning, Refused, Response, parse_response

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="no ../shared/vectors")
LOG = Signer("a.example/shared", KeyType.ED25519, bytes(range(32)))
WITNESSES = {
    name: Signer(f"{name}.example/witness", KeyType.COSIGNATURE, bytes(range(place, place + 32)))
    for place, name in enumerate("bcde", 1)
}
HEAD = f"log {LOG.verifier.vkey} https://a.example\n" + "".join(
    f"witness {name} {each.verifier.vkey}\n" for name, each in WITNESSES.items()
)
BLOCS = "# bloc a.example/shared red\n# bloc b red\n# bloc c blue\n# bloc d green leaf\n"
STAMP = Stamp("CN=Clock", 1_000_000_000_000, 1_000_001_000_000)
SENT = checkpoint.signed(Checkpoint(LOG.name, 3, bytes(32)), [LOG])


def graded(text: str, cosigners: str, stamps: tuple[Stamp, ...] = ()) -> tuple[str, list[str]]:
    """The grade, and what raised it, when these witnesses cosigned."""
    policy = Policy.parse((HEAD + text).encode())
    lines = [checkpoint.sign(SENT.checkpoint, WITNESSES[name], 1_793_000_000 + n) for n, name in enumerate(cosigners)]
    witnessed = check_witnesses(SENT.adding(lines), policy)
    found = grades.grounds(LOG.name, witnessed, policy, stamps)
    return grades.grade(found), [each.grade for each in found]


def test_each_step_raises_the_grade() -> None:
    """Too few, a quorum of the owner's own bloc, a quorum with a rival, and a time-stamp: each is its own grade."""
    two = BLOCS + "group two 2 b c d e\nquorum two\n"
    assert graded(two, "b") == ("asserted", [])
    assert graded(two, "be") == ("quorum", ["quorum"])  # e's bloc is not said: it counts as nobody's rival
    assert graded(two, "bc") == ("cross-bloc", ["quorum", "cross-bloc"])
    assert graded(two, "bc", (STAMP,)) == ("timestamped", ["quorum", "cross-bloc", "timestamped"])
    assert graded(two, "", (STAMP,)) == ("timestamped", ["timestamped"])
    assert graded("quorum none\n", "bcde") == ("asserted", [])


def test_with_two_members_the_rival_is_the_quorum() -> None:
    """The founding case: one witness, a rival; its refusal lowers the grade, a neutral time-stamp raises it again."""
    text = "# bloc a.example/shared red\n# bloc c blue\nquorum c\n"
    assert graded(text, "c") == ("cross-bloc", ["quorum", "cross-bloc"])
    assert graded(text, "") == ("asserted", [])
    assert graded(text, "", (STAMP,))[0] == "timestamped"


def test_an_unknown_owner_needs_two_blocs() -> None:
    """Attack 15: where the owner's bloc is not said, a single bloc might be its own."""
    text = "# bloc c blue\n# bloc d green\n# bloc e blue\ngroup two 2 c d e\nquorum two\n"
    assert graded(text, "ce")[0] == "quorum"
    assert graded(text, "cd")[0] == "cross-bloc"


def test_not_later_than_the_earliest() -> None:
    """The quorum's time and each stamp bound it; the earliest counts, an authority's tolerance included."""
    assert grades.not_later_us(Witnessed({}, None), ()) is None
    assert grades.not_later_us(Witnessed({"b": 5}, 5), ()) == 5_000_000
    assert grades.not_later_us(Witnessed({"b": 5}, 5), (STAMP,)) == 5_000_000
    assert grades.not_later_us(Witnessed({}, None), (STAMP,)) == STAMP.latest_us


def test_policy_files_mean_one_thing() -> None:
    """Nested groups, any and all, blocs and free comments are read; what could mean two things is refused."""
    text = HEAD + BLOCS + "  # bloc\n#bloc b blue\n\tgroup any  any b c\ngroup all all any d e\nquorum all\n"
    policy = Policy.parse(text.encode())
    assert policy.blocs == {"a.example/shared": "red", "b": "red", "c": "blue", "d": "green leaf"}
    assert policy.is_met("cde")
    assert not policy.is_met("bcd")
    assert Policy.parse(policy.to_bytes()) == policy
    vkey = WITNESSES["b"].verifier.vkey
    renamed = Verifier("other.example", KeyType.COSIGNATURE, WITNESSES["b"].verifier.public).vkey
    for bad in (
        f"witness again {renamed}\nquorum none\n",  # one raw key under two names
        f"log {vkey}\nquorum none\n",  # a cosigner is no log
        f"witness l {LOG.verifier.vkey}\nquorum none\n",  # a log's key cosigns nothing
        "# bloc b red\n# bloc b blue\nquorum none\n",
        "group g 01 b c\nquorum g\n",
        "group g 0 b c\nquorum g\n",
        "group g 3 b c\nquorum g\n",
        "group g ² b c\nquorum g\n",
        "group none any b\nquorum none\n",
        "group g any g\nquorum g\n",
        "quorum g\n",
        "quorum none\r\n",
        "quorum\u00a0none\n",
        "group g any b\x0bc\nquorum g\n",
        "quorum none\nquorum none\n",
    ):
        with pytest.raises((QuorumError, SignatureError)):
            Policy.parse((HEAD + bad).encode())


@needs_vectors
def test_the_client_reads_a_real_witnesss_answers() -> None:
    """The recorded answers of a Go witness are understood, and its four cosignatures verify."""
    transcript = json.loads((VECTORS / "sigsum" / "witness-transcript.json").read_text())
    key = Verifier(transcript["witness_name"], KeyType.COSIGNATURE, bytes.fromhex(transcript["witness_pub_hex"]))
    cosigned = 0
    for step in transcript["steps"]:
        answer = Response(step["status"], step["content_type"], step["body"].encode())
        sent = SENT if answer.status in {400, 404} else parse_add_checkpoint(step["request"].encode()).signed
        outcome = parse_response(answer, sent, [key])
        if answer.status == 200:
            assert isinstance(outcome, Cosigned)
            cosigned += 1
        elif answer.status == 409:
            assert outcome == Conflict(300)
        else:
            assert isinstance(outcome, Refused)
            assert outcome.status == answer.status
    assert cosigned == 4


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (Response(422, "text/plain", b"no"), Meaning.DISAGREES),
        (Response(400, "text/plain; charset=utf-8", b"(400) expected empty proof\n"), Meaning.DISAGREES),  # for 422
        (Response(409, "", b""), Meaning.DISAGREES),  # for 422, where two roots of one size differ
        (Response(409, "text/plain", b"Conflict\n"), Meaning.DISAGREES),
        (Response(409, "text/x.tlog.size", b""), Meaning.DISAGREES),
        (Response(404, "text/plain", b"unknown log"), Meaning.UNKNOWN),
        (Response(403, "text/plain", b"unknown log"), Meaning.UNKNOWN),  # for 404
        (Response(429, "text/plain", b""), Meaning.LATER),
        (Response(503, "text/html", b"<html>"), Meaning.LATER),
        (Response(500, "", b"\xff"), Meaning.FAILED),
        (Response(302, "", b""), Meaning.FAILED),
    ],
)
def test_refusals_mean_the_same_whoever_words_them(answer: Response, meaning: Meaning) -> None:
    """The known deviations of other implementations become the same few outcomes."""
    outcome = parse_response(answer, SENT, [WITNESSES["b"].verifier])
    assert isinstance(outcome, Refused)
    assert outcome.meaning is meaning


def test_lines_by_others_do_not_hide_ours() -> None:
    """A witness that answers with further keys' lines, as several do, is understood by the keys that we know."""
    ours = checkpoint.sign(SENT.checkpoint, WITNESSES["b"], 7).line
    other = checkpoint.sign(SENT.checkpoint, WITNESSES["c"], 7).line
    outcome = parse_response(Response(200, "", (other + ours).encode()), SENT, [WITNESSES["b"].verifier])
    assert isinstance(outcome, Cosigned)
    assert [each.name for each in outcome.lines] == ["b.example/witness"]
    assert isinstance(SENT, SignedCheckpoint)
