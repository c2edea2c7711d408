"""Reports to those who answer for a network or a name: XARF 4 for machines, and a mail that a person can read and send.

Nothing is sent. What is quoted is what an abuse desk needs and no more: times, the address, and what was tried. The
accounts that were tried, what came with a request, and everybody else in the log stay out: they are not its business.

Format: https://xarf.org, specification 4; its types for connections that were made, and for names that mislead.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final

from pollwatch import canonical
from pollwatch.clock import rfc3339, to_datetime
from pollwatch.errors import FormatError
from pollwatch.i18n import _

VERSION: Final = "4.2.0"
_MAX_WORDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Reporter:
    """The office that reports.

    Attributes:
        org: its name.
        mail: where it is answered.
    """

    org: str
    mail: str

    def record(self) -> dict[str, str]:
        """As XARF has it."""
        return {"org": self.org, "contact": self.mail, "domain": self.mail.rpartition("@")[2]}


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported about one address or name.

    Attributes:
        reporter: the office.
        subject: the address or name.
        category: XARF's category.
        type: XARF's type within it.
        details: what that type asks for.
        at_us: when it happened last.
        words: what happened, for people, in one or two sentences.
        evidence: lines that show it; may be empty.
        reference: how the office calls it.
    """

    reporter: Reporter
    subject: str
    category: str
    type: str
    details: dict[str, Any]
    at_us: int
    words: str
    evidence: tuple[str, ...]
    reference: str

    @property
    def id(self) -> str:
        """A UUID that follows from what is reported: the same report is the same report."""
        said = [self.reference, self.subject, self.category, self.type, rfc3339(self.at_us), *self.evidence]
        digest = hashlib.sha256(canonical.dumps(said)).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))

    def xarf(self) -> bytes:
        """The report as XARF."""
        party = self.reporter.record()
        record: dict[str, Any] = {
            "xarf_version": VERSION,
            "report_id": self.id,
            "timestamp": rfc3339(self.at_us),
            "reporter": party,
            "sender": party,
            "source_identifier": self.subject,
            "category": self.category,
            "type": self.type,
            "evidence_source": "ids_detection",
            "description": self.words[:_MAX_WORDS],
            **self.details,
        }
        if self.evidence:
            record["evidence"] = [self._evidence()]
        return canonical.pretty(record).encode("utf-8") + b"\n"

    def _evidence(self) -> dict[str, Any]:
        payload = "".join(f"{line}\n" for line in self.evidence).encode("utf-8")
        return {
            "content_type": "text/plain",
            "description": "Times in UTC, by the clock of the logging system",
            "payload": base64.b64encode(payload).decode("ascii"),
            "hash": f"sha256:{hashlib.sha256(payload).hexdigest()}",
            "size": len(payload),
        }

    def mail(self, to: str) -> bytes:
        """The report as a mail (RFC 5322) that a person looks at and sends.

        Raises:
            FormatError: an address or name does not fit into a mail's head.
        """
        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = Address(self.reporter.org, addr_spec=self.reporter.mail)
            message["To"] = Address(addr_spec=to)
            message["Subject"] = _("Abuse report: {subject} ({type}) [{id}]").format(
                subject=self.subject, type=self.type, id=self.id
            )
            message["Date"] = to_datetime(self.at_us)
            message["Message-ID"] = f"<{self.id}@{self.reporter.mail.rpartition('@')[2]}>"
        except ValueError as error:  # line breaks, addresses that are none
            raise FormatError(f"no mail can be made to {to[:80]!r} about {self.subject[:80]!r}: {error}") from None
        message["X-XARF"] = "PLAIN"
        message.set_content(self._text())
        message.add_attachment(self.xarf(), "application", "json", filename="xarf.json")
        message.set_boundary(f"=={self.id}==")
        return message.as_bytes()

    def _text(self) -> str:
        lines = (
            _("This is a report about {subject}, for which you are named as the contact.").format(subject=self.subject),
            "",
            self.words,
            "",
            *self.evidence,
            "",
            _("Times are in UTC, by the clock of the system that logged them."),
            _("Please look into it, and tell us what came of it: {mail}, reference {id}.").format(
                mail=self.reporter.mail, id=self.reference
            ),
            _("The attached xarf.json says the same for machines (XARF 4)."),
            "",
            self.reporter.org,
        )
        return "\n".join(lines) + "\n"
