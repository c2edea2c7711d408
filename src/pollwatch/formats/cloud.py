"""Audit logs of cloud services as JSON, each its own format: how a record is told and read stands in ``framing_NAME``.

All of them come bare (one record a line, or an array), in the envelopes that services deliver (opened by the
source), or carried by another record (EventBridge, CloudWatch, exports of PowerShell).
"""

from __future__ import annotations

from pollwatch.formats import framing_aws
from pollwatch.formats.framing_cloud import CloudLog

CLOUDTRAIL = CloudLog("cloudtrail", framing_aws.read, "JSON, but no CloudTrail record: it has no event name and source")
