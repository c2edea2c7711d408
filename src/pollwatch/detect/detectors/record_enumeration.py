"""Somebody fetches records by their numbers: ``/voter/1001``, ``/voter/1002``, ... also shuffled or slowly.

An address with its numbers taken out is a *form*; the numbers are what it is about. Ordinary visitors ask for one
record of a form, or for those that everybody asks for (news, precincts on a map). Who copies a register asks for very
many that nobody else asks for, and they lie close together.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from pollwatch.detect import detections, recordforms
from pollwatch.detect.columns import Rows
from pollwatch.detect.interface import PATH, Memory, Seen, due, grown, noted
from pollwatch.detect.sigma.plan import DetectorRule, RuleInfo
from pollwatch.detect.sigma.samples import Samples, made
from pollwatch.detect.webtraffic import is_referred, is_robot
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import WEB
from pollwatch.i18n import _

#: So many different records of one form, and so many times what nine in ten others ask for.
_LEAST: Final = 50
_TIMES: Final = 10
#: They lie so close together, of all numbers between the lowest and the highest; or there are so many of them.
_DENSE: Final = 0.2
_VERY_MANY: Final = 500
#: At most this share is asked for by others as well: what everybody reads is no secret.
_SHARED: Final = 0.3
#: Where a page led to so many of them, somebody clicked.
_LED: Final = 0.5
_SPAN_US: Final = 30 * 86_400 * 1_000_000
_MOST: Final = 150_000
_MOST_TOLD: Final = 20_000
_LONGEST: Final = 100
#: Of the table in which visitors who get few records are counted; a power of two.
_PLACES: Final = 1 << 20
#: Of the table in which visitors with many records are looked for.
_PLACE_BITS: Final = 18
#: Seen so often, a key's records are remembered each.
_COUNTED: Final = 6
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_OTHER: Final = np.uint64(0xC2B2AE3D27D4EB4F)

_FETCHED: Final = {
    "c-ip": pl.String,
    "form": pl.String,
    "key": pl.UInt64,
    "what": pl.UInt64,
    "mark": pl.UInt64,
    "record": pl.Int64,
    "cs-host": pl.String,
    "referred": pl.Boolean,
    "robot": pl.Boolean,
    TIME: pl.Int64,
    PATH: pl.String,
    NUMBER: pl.Int64,
}
_KEY: Final = ["c-ip", "form"]


class RecordEnumeration:
    """See the module."""

    rule = DetectorRule(
        RuleInfo(
            id="detector.record_enumeration",
            name="record_enumeration",
            title="Records fetched one after another by their numbers",
            severity=Severity.MEDIUM,
            description="One source fetched many records of one kind by their numbers, and got them. Visitors look at "
            "their own record; who asks for thousands copies the register.",
            techniques=("T1213", "T1119"),
            tactics=("collection",),
            falsepositives=(
                "A program of your own, or of a partner, that copies records on purpose",
                "A search engine that does not say it is one, where the records are public",
            ),
            author="pollwatch",
            status="experimental",
            meaning="Somebody is copying records out of your system one by one. If they are about people, that is a "
            "data breach, whether or not a password was needed.",
            steps=(
                "Find out what the pages show: if it is about people, call your data protection officer today.",
                "Ask your web provider to limit how many records one address can see.",
                "Keep the logs: they say exactly which records were taken.",
            ),
            path=__file__,
        ),
        (WEB,),
        ("c-ip", "cs-uri-stem", "sc-status"),
        (
            "one address gets 50 different records of one form within 30 days, ten times what other visitors get",
            "at most 30 % of them are asked for by others as well",
            "their numbers lie close together, or there are 500 of them to which no page led",
        ),
    )
    version = f"3, polars {pl.__version__}"

    def start(self) -> Memory:
        """Nothing seen."""
        return {
            "fetched": pl.DataFrame(schema=_FETCHED),
            "often": pl.DataFrame({"often": np.zeros(_PLACES, np.uint16)}),
            "told": pl.DataFrame(schema={"c-ip": pl.String, "form": pl.String, "size": pl.Int64, TIME: pl.Int64}),
        }

    def step(
        self, memory: Memory, seen: Seen | None, watermark_us: int | None, *, done: bool
    ) -> tuple[Memory, list[Detection]]:
        """Take the records of a batch in; judge who got many."""
        fetched, told = memory["fetched"], memory["told"]
        often, fresh = memory["often"], pl.DataFrame(schema=_FETCHED)
        if seen is not None:
            fresh, often = _records(seen, often, fetched["mark"].to_numpy())
        if len(fresh):
            since_us = None if watermark_us is None else watermark_us - _SPAN_US
            fetched = grown(fetched, fresh, _MOST, since_us)
        if not done and not len(fresh):
            return {"fetched": fetched, "often": often, "told": told}, []
        sizes = due(suspicious(in_question(fetched, told, done=done)), told, _KEY, done=done).sort(_KEY)
        news = []
        for who in sizes.iter_rows(named=True):
            mine = fetched.filter(pl.col("c-ip") == who["c-ip"], pl.col("form") == who["form"])
            news.append(_detection(self.rule.info, mine, dense=who["density"] >= _DENSE))
        return {"fetched": fetched, "often": often, "told": noted(told, sizes, _KEY, _MOST_TOLD)}, news

    def samples(self) -> Samples:
        """Shuffled and slow among voters; readers of numbered news, and a map that asks for each precinct."""
        voters = [
            {"request": f"GET /voter/{4_000 + 37 * at}", "ip": f"198.51.100.{at}", "every": 50} for at in range(60)
        ]
        shuffled = [1_000 + at * 17 % 90 for at in range(90)]
        news = [
            {"request": f"GET /news/{100 + at * 7 % 60}", "ip": f"198.51.100.{visitor}", "every": 2}
            for visitor in range(12)
            for at in range(60)
        ]
        return made(
            fire=[
                *voters,
                *({"request": f"GET /voter/{each}", "ip": "203.0.113.9", "every": 1_800} for each in shuffled),
            ],
            silent=[
                *voters,
                *news,
                {"request": "GET /results?page=@n@", "ip": "203.0.113.9", "times": 80, "every": 2},
                {"request": "GET /voter/@n@", "ip": "203.0.113.9", "status": 404, "times": 80, "every": 2},
            ],
        )


def _records(seen: Seen, often: pl.DataFrame, known: npt.NDArray[np.uint64]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The numbered records that a batch's clients got, each client's each once, and how often each key was seen.

    Visitors who get a few records are only counted, in a table of fixed size: keys that share a place count together,
    which lets a few in too early and none too late. What is known of a visitor by its mark is not looked at again.
    """
    rows = seen.rows_where("sc-status", 200, 300)
    stem = recordforms.forms(seen, "cs-uri-stem", rows)
    in_stem, form, what = stem.usable, stem.form, stem.what
    left = np.flatnonzero(~in_stem)  # only their queries are asked: elsewhere each may be another text
    query = recordforms.forms(seen, "cs-uri-query", rows[left])
    in_query = np.zeros(len(rows), bool)
    in_query[left] = query.usable
    form[left] = seen.hashed("cs-uri-stem", rows[left]) * _ODD ^ query.form
    what[left] = query.what
    who = seen.hashed("c-ip", rows)
    kept = np.flatnonzero((in_stem | in_query) & (who != 0))
    key = who[kept] ^ form[kept] * _ODD
    marks = key ^ what[kept] * _OTHER
    first = pl.Series(marks).arg_unique().to_numpy()
    kept, marks, place = kept[first], marks[first], (key[first] % _PLACES).astype(np.int64)
    often, counts = _counted(often, place)
    admitted = np.flatnonzero(counts >= _COUNTED)
    admitted = admitted[~_among(marks[admitted], known)]
    admitted = admitted[np.argsort(kept[admitted])]
    chosen, marks = kept[admitted], marks[admitted]
    if not len(chosen):
        return pl.DataFrame(schema=_FETCHED), often
    frame = seen.frame("c-ip", "cs-host", rows=rows[chosen])
    if len(frame) < len(chosen):  # lines before the first that has a time
        chosen, marks = chosen[-len(frame) :], marks[-len(frame) :]
    asked = in_query[chosen]
    record = np.zeros(len(chosen), np.int64)
    record[~asked] = stem.records(chosen[~asked])
    record[asked] = query.records(np.searchsorted(left, chosen[asked]))
    rows = rows[chosen]
    frame = frame.with_columns(
        form=_named(seen, rows, np.flatnonzero(asked)),
        what=pl.Series(what[chosen]),
        mark=pl.Series(marks),
        record=pl.Series(record),
        referred=seen.made_once("cs-referer", rows, is_referred()),
        robot=seen.made_once("cs-user-agent", rows, is_robot()),
    )
    return frame.with_columns(keyed()).select(*_FETCHED), often


def _named(seen: Seen, rows: Rows, asked: Rows) -> pl.Series:
    """The form of each row, as a text; at these places of them it is the query that names the record."""
    form = seen.made_once("cs-uri-stem", rows, recordforms.of_stem().str.slice(0, _LONGEST))
    if not len(asked):
        return form
    texts = seen.frame("cs-uri-stem", "cs-uri-query", rows=rows[asked])
    named = (pl.col("cs-uri-stem") + "?" + recordforms.of_query()).str.slice(0, _LONGEST)
    return form.scatter(asked, texts.select(named).to_series())


def keyed() -> pl.Expr:
    """A number for who asked for what form, so that they are counted without comparing texts."""
    return (pl.col("c-ip").hash(seed=0) ^ pl.col("form").hash(seed=1)).alias("key")


def _among(marks: npt.NDArray[np.uint64], known: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Which marks are known. Most are told apart by their place in a table; the others are compared."""
    last = np.uint64(_PLACES - 1)
    held = np.zeros(_PLACES, bool)
    held[(known & last).astype(np.int64)] = True
    found: npt.NDArray[np.bool_] = held[(marks & last).astype(np.int64)]
    asked = np.zeros(_PLACES, bool)
    asked[(marks[found] & last).astype(np.int64)] = True
    found[found] = np.isin(marks[found], known[asked[(known & last).astype(np.int64)]])
    return found


def _counted(often: pl.DataFrame, place: npt.NDArray[np.int64]) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
    """The table with these places counted, and how often each of them was seen by now; once it is full, by half."""
    table = often["often"].to_numpy().copy()
    places, which, more = np.unique(place, return_inverse=True, return_counts=True)
    counts = table[places] + more
    table[places] = np.minimum(counts, 60_000)
    if int(table.sum()) > 4 * _PLACES:
        table //= 2
        counts //= 2
    return pl.DataFrame({"often": table}), counts[which]


def in_question(fetched: pl.DataFrame, told: pl.DataFrame, *, done: bool) -> pl.DataFrame:
    """The records of forms of which somebody got so many that they may be due; all others judge nobody.

    Args:
        fetched: all records.
        told: what was reported.
        done: nothing is still to come.
    """
    # Keys that share a place count together: where a place has few records, nobody in it has many.
    place = (fetched["key"].to_numpy() >> np.uint64(64 - _PLACE_BITS)).astype(np.int64)
    many = np.bincount(place, minlength=1 << _PLACE_BITS) >= _LEAST
    rows = np.flatnonzero(many[place])
    if not rows.size:
        return fetched.clear()
    sizes = fetched[rows].group_by(_KEY).agg(size=pl.len().cast(pl.Int64)).filter(pl.col("size") >= _LEAST)
    forms = due(sizes, told, _KEY, done=done).select("form").unique()
    return fetched.join(forms, on="form", how="semi", maintain_order="left") if len(forms) else fetched.clear()


def suspicious(fetched: pl.DataFrame) -> pl.DataFrame:
    """Who got records as only a copyist does: address, form, how many, and how close together."""
    per = fetched.group_by(_KEY).agg(
        size=pl.len(),
        robot=pl.col("robot").all(),
        low=pl.col("record").min(),
        high=pl.col("record").max(),
        **{TIME: pl.col(TIME).max()},
    )
    many = per.filter(pl.col("size") >= _LEAST, ~pl.col("robot"))
    if not len(many):
        return many.with_columns(density=pl.lit(0.0))
    usual = per.filter(pl.col("size") < _LEAST).group_by("form").agg(usual=pl.col("size").quantile(0.9))
    asked = fetched.join(many.select("form").unique(), on="form", how="semi")
    asked = asked.with_columns(shared=pl.len().over("form", "what") > 1)
    shared = asked.group_by(_KEY).agg(shared=pl.col("shared").mean(), led=pl.col("referred").mean())
    judged = (
        many.join(usual, on="form", how="left")
        .join(shared, on=_KEY, how="left")
        .with_columns(density=pl.col("size") / (pl.col("high") - pl.col("low") + 1))
    )
    return judged.filter(
        pl.col("size") >= _TIMES * pl.col("usual").fill_null(1),
        pl.col("shared") <= _SHARED,
        (pl.col("density") >= _DENSE) | ((pl.col("size") >= _VERY_MANY) & (pl.col("led") < _LED)),
    )


def _detection(info: RuleInfo, lines: pl.DataFrame, *, dense: bool) -> Detection:
    who, form = lines["c-ip"][0], lines["form"][0]
    why = _("{ip} got {count} different records of the form {form} within {span}, which no other visitor does").format(
        ip=printable(who, 60), count=len(lines), form=printable(form, _LONGEST), span=detections.spanned(lines)
    )
    # A page may fetch records for its reader; who calls them up by number alone names no page that led there.
    by_hand = lines["referred"].sum() < _LED * len(lines)
    return detections.of_lines(
        info,
        lines,
        WEB,
        why,
        actors=Actors(ip=(who,)),
        targets=detections.named(lines["cs-host"]),
        succeeded=by_hand and dense,
    )
