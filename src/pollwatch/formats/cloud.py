"""Audit logs of cloud services as JSON, each its own format: how a record is told and read stands in ``framing_NAME``.

All of them come bare (one record a line, or an array), in the envelopes that services deliver (opened by the
source), or carried by another record (EventBridge, CloudWatch, exports of PowerShell).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats import (
    framing_aws,
    framing_azure,
    framing_defender,
    framing_google,
    framing_identity,
    framing_m365,
)
from pollwatch.formats.framing_cloud import CloudEvent, CloudRows, Fields, Reader, Record, unwrapped
from pollwatch.formats.framing_json import json_records, read_object
from pollwatch.formats.framing_sentinel import turned
from pollwatch.formats.interface import Framing, ParseContext, Parser


@dataclass(frozen=True, slots=True)
class CloudLog:
    """A format that is one service's records as JSON.

    Attributes:
        name: as ``--format`` takes it.
        reader: one record, or None where it is not one of the service.
        foreign: the reason why such a record is quarantined.
    """

    name: str
    reader: Reader
    foreign: str
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of the records that are the service's."""
        fields = Fields()
        fitting = 0
        for text in sample:
            record = read_object(text)
            fitting += isinstance(record, dict) and self.reader(turned(unwrapped(record)), fields) is not None
        return fitting / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return CloudParser(self, context.zone)


class CloudParser:
    """Reads one input's records, in order."""

    __slots__ = ("_fields", "_log", "_zone")

    def __init__(self, log: CloudLog, zone: dt.tzinfo) -> None:
        """Start before the first record; the zone is that of times that name none."""
        self._log = log
        self._zone = zone
        self._fields = Fields()

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        records, quarantined = json_records(block)
        rows = CloudRows(self._zone)
        for number, record in records:
            event = self._read(turned(unwrapped(record)))
            if event is None:
                quarantined.append(Quarantined(number, self._log.foreign))
            else:
                rows.add(number, event)
        return rows.parsed(block, quarantined)

    def _read(self, record: Record) -> CloudEvent | None:
        """A record; also of another service, since collectors put all of them into one file."""
        readers = (self._log.reader, *(each.reader for each in ALL if each is not self._log))
        return next((event for each in readers if (event := each(record, self._fields)) is not None), None)


CLOUDTRAIL = CloudLog("cloudtrail", framing_aws.read, "JSON, but no CloudTrail record: it has no event name and source")
AZURE = CloudLog("azure", framing_azure.read, "JSON, but no record of Entra's or Azure's logs")
M365 = CloudLog("m365", framing_m365.read, "JSON, but no record of Microsoft 365's audit log")
GOOGLE = CloudLog(
    "google", framing_google.read, "JSON, but no activity of Workspace and no audit entry of Google Cloud"
)
OKTA = CloudLog("okta", framing_identity.okta, "JSON, but no record of Okta's system log")
DUO = CloudLog("duo", framing_identity.duo, "JSON, but no record of Duo's authentication log")
GITHUB = CloudLog("github", framing_identity.github, "JSON, but no record of GitHub's audit log")
DEFENDER = CloudLog("defender", framing_defender.read, "JSON, but no row of Defender's advanced hunting")
ALL = (CLOUDTRAIL, AZURE, M365, DEFENDER, GOOGLE, OKTA, DUO, GITHUB)
