"""Amazon S3's server access logs: who asked a bucket for what.

Source: Amazon S3 User Guide, "Amazon S3 server access log format".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.formats.framing_proxy import ProxyLines, spelled
from pollwatch.formats.interface import Framing, ParseContext, Parser

_LAYOUT = spelled(
    'bucket_owner bucket [time] client user request_id operation key "request" status error_code bytes object_size '
    'ms turn_around_ms "referer" "agent" version_id'
)
_LINE = re.compile(_LAYOUT.pattern)

NOT_S3 = "no line of an S3 server access log"


@dataclass(frozen=True, slots=True)
class S3Access:
    """The format ``s3access``."""

    name: str = "s3access"
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines with S3's fields, operation included."""
        return sum(_LINE.match(line) is not None for line in sample) / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers nothing between blocks."""
        return ProxyLines(context.zone, (_LAYOUT,), _otherwise)


def _otherwise(_text: str, _zone: dt.tzinfo) -> str:
    return NOT_S3


S3_ACCESS = S3Access()
