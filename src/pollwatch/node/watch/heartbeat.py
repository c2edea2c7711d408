"""A heartbeat: a word that only this case knows, sent into a source to see whether it arrives where attacks are found.

It goes the whole way: over the network, through the spool, the follower, the format and the engine. There a detector
hears it. It is no detection that anybody is called for: the watch notes of which source it was heard, and when.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pollwatch import canonical
from pollwatch.clock import rfc3339, to_datetime
from pollwatch.detect.canary import CanaryDetector
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.election.canaries import Canary
from pollwatch.errors import StoreError
from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Detection, Severity
from pollwatch.formats.framing import MONTHS
from pollwatch.store.disk import make_folder, publish

RULE: Final = "detector.heartbeat"
_WORD: Final = "heartbeat"
_HEARD: Final = "heartbeats.json"
_LONGEST: Final = 64


class HeartbeatDetector(CanaryDetector):
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id=RULE,
            name="heartbeat",
            title="A heartbeat of this watch",
            severity=Severity.INFO,
            description="The watch's own sign of life, which it notes and tells nobody of.",
            techniques=(),
            tactics=(),
            falsepositives=(),
            author="pollwatch",
            status="stable",
            path=__file__,
        ),
        (LogSource(),),
        (),
        ("a text of any event holds the word that only this case knows",),
    )

    def __init__(self, word: str) -> None:
        """Hear this word."""
        super().__init__([Canary("heartbeat", (word,))])


def word_of(live: Path) -> str:
    """The case's word; made where there is none.

    Raises:
        StoreError: it cannot be read or written.
    """
    path = live / _WORD
    try:
        if not path.exists():
            make_folder(live)
            aside = path.with_name(f".{_WORD}.{secrets.token_hex(4)}")
            aside.write_text("pwhb" + secrets.token_hex(10), "ascii")
            aside.chmod(0o600)
            publish(aside, path)
        return path.read_text("ascii")[:_LONGEST]
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: {error}") from error


def line(fmt: str, word: str, now_us: int) -> str:
    """A sign of life as a line of a log of some format; as syslog where the format is none of those listed here.

    Args:
        fmt: name of the format.
        word: of the case.
        now_us: the time that it bears.
    """
    at, moment, sign = rfc3339(now_us), to_datetime(now_us), f"sign of life {word}"
    head = f"<14>1 {at} pollwatch heartbeat - - -"
    asked = f"GET /?{word} HTTP/1.1"
    when = f"{moment:%d}/{MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"
    request = {"hostname": "pollwatch", "url": f"/?{word}", "http_method": "GET", "status": 404}
    event = {"@timestamp": at, "event.kind": "event", "message": sign}
    own = {
        "weblog": f'127.0.0.1 - - [{when}] "{asked}" 404 0 "-" "pollwatch"',
        "weblog-json": canonical.compact(
            {"time_iso8601": at, "remote_addr": "127.0.0.1", "request": asked, "status": "404"}
        ),
        "suricata": canonical.compact({"timestamp": at, "event_type": "http", "src_ip": "127.0.0.1", "http": request}),
        "fortigate": f'<14>date={moment:%Y-%m-%d} time={moment:%H:%M:%S} devname="pollwatch" type="event" '
        f'subtype="system" level="notice" msg="{sign}"',
        "cef": f"{head} CEF:0|pollwatch|watch|1|heartbeat|sign of life|1|msg={word}",
        "leef": f"{head} LEEF:1.0|pollwatch|watch|1|heartbeat|msg={word}",
        "jsonlines": canonical.compact(event),
        "journald": canonical.compact(event),
    }
    return own.get(fmt, f"{head} {sign}")


def parted(found: Sequence[Detection]) -> tuple[list[Detection], set[str]]:
    """What people are told of, and the paths of the inputs in which a heartbeat was heard."""
    told = [each for each in found if each.rule_id != RULE]
    return told, {path for each in found if each.rule_id == RULE for path in each.lines.by_path}


def heard(live: Path) -> dict[str, int]:
    """When a heartbeat was heard last, by source."""
    try:
        return msgspec.json.decode((live / _HEARD).read_bytes(), type=dict[str, int])
    except (OSError, msgspec.MsgspecError):
        return {}


def note(live: Path, sources: Iterable[str], now_us: int) -> None:
    """Note that it was heard; a full disk is borne, the next one may be noted."""
    try:
        aside = live / f".{_HEARD}"
        aside.write_bytes(msgspec.json.encode({**heard(live), **dict.fromkeys(sources, now_us)}))
        publish(aside, live / _HEARD)
    except OSError:
        return
