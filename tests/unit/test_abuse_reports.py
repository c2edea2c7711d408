"""Abuse reports and takedown requests: XARF by its own schemas, mails, contacts, and what is not quoted."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest
import xarf
from click.testing import CliRunner

from pollwatch.cli.main import root
from pollwatch.errors import FormatError
from pollwatch.events.observable import Kind, normalised
from pollwatch.report import contacts
from pollwatch.report.abuse import Report, Reporter

OFFICE = ("--org", "Kiesraad Alderland", "--mail", "security@alderland.example", "--by", "Ada", "--reason", "Guessing.")
CONTACTS = b"subject,contact,org\n203.0.113.0/24,abuse@big.example,Big\n203.0.113.9,abuse@small.example,Small\n"


def _run(*arguments: str) -> str:
    done = CliRunner().invoke(root, ["measure", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A case with guessed passwords from one address, and its incident."""
    folder = tmp_path_factory.mktemp("abuse")
    lines = [
        f"Nov  3 21:00:{n:02} web sshd[{n}]: Failed password for els from 203.0.113.9 port {4000 + n} ssh2"
        for n in range(1, 60)
    ]
    (folder / "auth.log").write_text("\n".join(lines) + "\n")
    done = CliRunner().invoke(root, ["scan", str(folder / "auth.log"), "--case", str(folder / "case"), "-q"])
    assert done.exit_code == 0, done.output
    listed = CliRunner().invoke(root, ["incidents", "list", "--case", str(folder / "case")])
    return folder / "case", next(word for word in listed.output.split() if word.startswith("PW-"))


def test_a_report_is_xarf_and_a_mail_to_the_nearest_contact(case: tuple[Path, str], tmp_path: Path) -> None:
    """The official schemas find nothing; the account that was tried is quoted nowhere; the decision is noted."""
    (tmp_path / "contacts.csv").write_bytes(CONTACTS)
    folder, incident = case
    arguments = ["abuse", incident, "--case", str(folder), "--contacts", str(tmp_path / "contacts.csv")]
    said = _run(*arguments, "-o", str(tmp_path / "out"), *OFFICE)
    assert "Nothing was sent" in said
    data = (tmp_path / "out" / "203.0.113.9.xarf.json").read_text()
    checked = xarf.parse(data)
    assert not checked.errors, checked.errors
    assert checked.report is not None
    assert (checked.report.category, checked.report.type) == ("connection", "login_attack")
    raw = (tmp_path / "out" / "203.0.113.9.eml").read_bytes()
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert mail["To"] == "abuse@small.example"
    assert mail["From"] == "Kiesraad Alderland <security@alderland.example>"
    (attached,) = mail.iter_attachments()
    assert attached.get_content().decode() == data
    body = mail.get_body()
    assert body is not None
    assert "203.0.113.9 port 4001 sshd: failure" in body.get_content()
    assert "els" not in body.get_content().split()
    _run(*arguments, "-o", str(tmp_path / "again"), *OFFICE)
    assert (tmp_path / "again" / "203.0.113.9.eml").read_bytes() == raw
    told = CliRunner().invoke(root, ["incidents", "show", incident, "--case", str(folder)])
    assert "Abuse reports: 203.0.113.9 to abuse@small.example" in told.output


def test_without_a_contact_there_is_a_report_and_no_mail(case: tuple[Path, str], tmp_path: Path) -> None:
    """Nobody is guessed: an abuse desk that is none would learn what an office knows."""
    folder, incident = case
    said = _run("abuse", incident, "--case", str(folder), "-o", str(tmp_path / "out"), *OFFICE)
    assert "nobody known" in said
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["203.0.113.9.xarf.json"]


def test_takedown_requests_for_lookalikes(tmp_path: Path) -> None:
    """Valid for names in other scripts; one's own names are never asked to be taken down."""
    names = ("a1derland-votes.example", "xn--80ak6aa92e.example")
    (tmp_path / "contacts.csv").write_text("subject,contact\n" + "".join(f"{each},r@nic.example\n" for each in names))
    arguments = ["--own", "alderland.example", "--contacts", str(tmp_path / "contacts.csv"), *OFFICE]
    _run("takedown", *names, "-o", str(tmp_path / "out"), *arguments)
    for name in names:
        checked = xarf.parse((tmp_path / "out" / f"{name}.xarf.json").read_text())
        assert not checked.errors, checked.errors
        assert b"r@nic.example" in (tmp_path / "out" / f"{name}.eml").read_bytes()
    own = ["measure", "takedown", "results.alderland.example", "-o", str(tmp_path / "own"), *arguments]
    assert CliRunner().invoke(root, own).exit_code != 0
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff\xfe", "no CSV"),
        (b"network,mail\n", "line 1 names"),
        (b"subject,contact\n203.0.113.0/24,nobody\n", "line 2"),
        (b"subject,contact\nhttp://x.example/,a@b.example\n", "line 2"),
        (b"subject,contact\n203.0.113.9,a@b.example\n\n203.0.113.9/99,a@b.example\n", "line 4"),
    ],
)
def test_broken_contacts_are_refused_by_line(data: bytes, problem: str) -> None:
    """Wrong encoding, columns, addresses: the message names file and line."""
    with pytest.raises(FormatError, match=problem):
        contacts.parse(data, "contacts.csv")


def test_the_longest_name_and_network_answer() -> None:
    """IPv6 networks, ends of names; a name that merely ends alike is another's."""
    known = contacts.parse(b"subject,contact\n2001:db8::/32,a@x.example\nshop.example,b@x.example\n", "c")
    assert known.of(normalised(Kind.IPV6, "2001:db8::7")) is not None
    assert known.of(normalised(Kind.DOMAIN, "www.shop.example")) is not None
    assert known.of(normalised(Kind.DOMAIN, "workshop.example")) is None
    assert known.of(normalised(Kind.IPV4, "203.0.113.1")) is None


@pytest.mark.parametrize("to", ["a@b.example\nBcc: all@b.example", "nobody"])
def test_no_line_gets_into_the_head_of_a_mail(to: str) -> None:
    """Attack: a contact or name with a line break that adds a receiver."""
    reporter = Reporter("Office", "a@b.example")
    made = Report(reporter, "203.0.113.9", "connection", "ddos", {}, 1_793_700_000_000_000, "So.", (), "PW-1")
    with pytest.raises(FormatError):
        made.mail(to)
