"""A text was taken letter by letter through a page that answers only yes or no (``detect.blindsql``).

The questions of one address to one parameter of one page are gathered, and read as soon as there are enough of them.
What is told is what the log lets one infer, as such: the log has no answer's text, only its size, status and time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from pollwatch.detect import detections
from pollwatch.detect.blindsql import UNKNOWN, Answer, Question, Reading, question, read
from pollwatch.detect.columns import Rows
from pollwatch.detect.interface import PATH, Memory, Seen, due, grown, noted, sized
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.grammar import judge
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import WEB
from pollwatch.i18n import _

_GRAMMAR: Final = "norm.cs-uri-grammar"
_MOST: Final = 60_000
_MOST_TOLD: Final = 5_000
#: Letters that must be settled before a text is told, and texts and letters that are shown.
_LEAST_SURE: Final = 3
_SHOWN: Final = 5
_LONGEST: Final = 200

_WHO: Final = ("c-ip", "page")
_KEY: Final = (*_WHO, "place", "subject")
_ASKED: Final = {
    "c-ip": pl.String,
    "cs-host": pl.String,
    "page": pl.String,
    "place": pl.String,
    "subject": pl.String,
    "position": pl.Int32,
    "low": pl.Int32,
    "high": pl.Int32,
    "mask": pl.Int32,
    "opposite": pl.Boolean,
    "waits": pl.Boolean,
    "status": pl.Int32,
    "size": pl.Int64,
    "taken": pl.Int64,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}


class BlindExtraction:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.blind_extraction",
            name="blind_extraction",
            title="Data was taken letter by letter through a database hole",
            severity=Severity.HIGH,
            description="One address asked a page about single letters of texts in the database, and the answers "
            "differ as yes and no do. What the answers spell is what was taken.",
            techniques=("T1190", "T1213", "T1567"),
            tactics=("initial-access", "collection", "exfiltration"),
            falsepositives=("A security test that was ordered, which takes data, too",),
            author="pollwatch",
            status="experimental",
            meaning="Somebody reads your database through a weak page, one letter at a time. The text that is shown "
            "was most probably taken.",
            steps=(
                "Ask your web provider to close the page at once.",
                "Treat what is shown, and what lies beside it in the database, as known to the attacker.",
                "Change passwords that lie in that database, and keep the log: it is the record of what was taken.",
            ),
            path=__file__,
        ),
        (WEB,),
        ("c-ip", "cs-uri", "sc-status", "sc-bytes", "time-taken-us", _GRAMMAR),
        (
            "a parameter asks by SUBSTRING and a comparison for single letters, at least 12 times for one text",
            "its answers fall into two kinds, by status, size or time, that contradict each other hardly ever",
            "three letters or more are settled by them",
        ),
    )
    version = f"1, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing asked."""
        return {
            "asked": pl.DataFrame(schema=_ASKED),
            "told": pl.DataFrame(schema={"c-ip": pl.String, "page": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Gather a batch's questions; read those of who asked more."""
        del watermark_us
        asked, told = memory["asked"], memory["told"]
        fresh = pl.DataFrame(schema=_ASKED) if seen is None else _questions(seen)
        if len(fresh):
            asked = grown(asked, fresh, _MOST)
        if not done and not len(fresh):
            return {"asked": asked, "told": told}, []
        sizes = due(sized(asked, _WHO), told, _WHO, done=done)
        news, spoken = [], []
        for who in sizes.iter_rows(named=True):
            mine = asked.filter(pl.col("c-ip") == who["c-ip"], pl.col("page") == who["page"])
            readings = _readings(mine)
            if readings:
                news.append(_detection(self.rule.info, mine, readings))
                spoken.append({name: who[name] for name in told.columns})
        if spoken:
            told = noted(told, pl.DataFrame(spoken, schema=told.schema), _WHO, _MOST_TOLD)
        return {"asked": asked, "told": told}, news

    def samples(self) -> Samples:
        """A name found by halving; the same questions all answered alike."""
        asks = [
            (
                f"GET /item?id=7%20AND%20ASCII(SUBSTR((SELECT%20name%20FROM%20clerks),{at},1))%3E{pivot}",
                ord(letter) > pivot,
            )
            for at, letter in enumerate("Mary", 1)
            for pivot in _pivots(ord(letter))
        ]
        return made(
            fire=[{"request": ask, "ip": "203.0.113.9", "bytes": 5_210 if yes else 4_100} for ask, yes in asks],
            silent=[
                *({"request": ask, "ip": "203.0.113.9", "bytes": 4_100} for ask, _yes in asks),
                *({"request": f"GET /item?id={at}", "ip": "198.51.100.7", "bytes": 4_000 + at} for at in range(40)),
            ],
        )


def _pivots(code: int) -> list[int]:
    """The numbers that halving asks about until it has found a code below 128."""
    low, high, asked = 0, 127, []
    while low < high:
        asked.append(middle := (low + high) // 2)
        low, high = (middle + 1, high) if code > middle else (low, middle)
    return asked


def _questions(seen: Seen) -> pl.DataFrame:
    """The questions among a batch's requests."""
    rows = _speaking(seen)
    frame = seen.frame("c-ip", "cs-host", "cs-uri", "sc-status", "sc-bytes", "time-taken-us", rows=rows)
    found = []
    for row in frame.iter_rows(named=True):
        asked = _asked(row["cs-uri"] or "")
        if asked is None or row["c-ip"] is None:
            continue
        place, what = asked
        found.append(
            {
                "c-ip": row["c-ip"],
                "cs-host": row["cs-host"],
                "page": (row["cs-uri"] or "").partition("?")[0][:_LONGEST],
                "place": place,
                "subject": what.subject,
                "position": what.position,
                "low": what.low,
                "high": what.high,
                "mask": what.mask,
                "opposite": what.opposite,
                "waits": what.waits,
                "status": _number(row["sc-status"]),
                "size": _number(row["sc-bytes"]),
                "taken": _number(row["time-taken-us"]),
                TIME: row[TIME],
                PATH: row[PATH],
                NUMBER: row[NUMBER],
            }
        )
    return pl.DataFrame(found, schema=_ASKED)


def _number(value: object) -> int:
    return -1 if value is None else int(str(value))


def _speaking(seen: Seen) -> Rows:
    """The rows whose address speaks SQL; nearly none, so that this costs nothing."""
    if not seen.has(_GRAMMAR):
        return np.empty(0, np.int64)
    codes, texts = seen.distinct(_GRAMMAR, seen.all_rows())
    speaks = np.append(texts.str.contains("sql.", literal=True).fill_null(value=False).to_numpy(), False)
    return np.flatnonzero(speaks[codes])


def _asked(uri: str) -> tuple[str, Question] | None:
    for place, _name, text in judge.values(uri):
        what = question(text)
        if what is not None:
            return place, what
    return None


def _readings(asked: pl.DataFrame) -> list[tuple[str, Reading]]:
    """The texts that one address's questions to one page let one infer, with what they are of."""
    found = []
    for (_ip, _page, _place, subject), mine in asked.sort(TIME, maintain_order=True).group_by(
        _KEY, maintain_order=True
    ):
        pairs = [
            (
                Question(*(row[name] for name in ("subject", "position", "low", "high", "mask", "opposite", "waits"))),
                Answer(row["status"], row["size"], row["taken"]),
            )
            for row in mine.iter_rows(named=True)
        ]
        reading = read(pairs)
        if reading is not None and reading.sure >= _LEAST_SURE:
            found.append((str(subject), reading))
    return found


def _detection(info: RuleInfo, lines: pl.DataFrame, readings: list[tuple[str, Reading]]) -> Detection:
    who = str(lines["c-ip"][0])
    told = ", ".join(
        f"\N{LEFT DOUBLE QUOTATION MARK}{printable(reading.text, _LONGEST)}\N{RIGHT DOUBLE QUOTATION MARK} "
        f"({printable(subject, _LONGEST)})"
        for subject, reading in readings[:_SHOWN]
    )
    why = _(
        "{ip} asked {page} about single letters in {n} requests. From how the answers differ the log lets one infer "
        "what was taken: {told}"
    ).format(
        ip=printable(who, 60),
        page=printable(lines["page"][0], _LONGEST),
        n=len(lines),
        told=told,
    )
    if len(readings) > _SHOWN:
        why += ". " + _("And {n} more texts.").format(n=len(readings) - _SHOWN)
    if any(UNKNOWN in reading.text for _subject, reading in readings[:_SHOWN]):
        why += ". " + _("A dot stands for a letter that the answers do not settle.")
    return detections.of_lines(
        info,
        lines,
        WEB,
        why,
        actors=Actors(ip=(who,)),
        targets=detections.named(lines["cs-host"]),
        succeeded=True,
    )
