"""Looking only at forms of which somebody is due finds the copyists that looking at all records finds."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.detect import recordforms
from pollwatch.detect.detectors import record_enumeration as module
from pollwatch.detect.interface import Seen, due
from pollwatch.events import signs
from pollwatch.events.batch import EventBatch
from pollwatch.events.taxonomy import WEB

#: Who got how many records, from which number on and how far apart, of which form.
VISITS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["/voter/#", "/news/#"]),
        st.sampled_from([1, 3, 49, 50, 60, 120]),
        st.sampled_from([0, 1_000, 5_000]),
        st.sampled_from([1, 40]),
        st.booleans(),
    ),
    max_size=8,
)
TOLD = st.dictionaries(st.tuples(st.sampled_from("ab"), st.just("/voter/#")), st.sampled_from([30, 50, 60]))


def records(visits: list[tuple[str, str, int, int, int, bool]]) -> pl.DataFrame:
    """The records of some visits, each visitor's each once."""
    rows = {
        (who, form, first + step * at): (robot, nth * 1_000 + at)
        for nth, (who, form, many, first, step, robot) in enumerate(visits)
        for at in range(many)
    }
    frame = pl.DataFrame(
        [(who, form, record, robot, time) for (who, form, record), (robot, time) in rows.items()],
        schema={"c-ip": pl.String, "form": pl.String, "record": pl.Int64, "robot": pl.Boolean, "time_us": pl.Int64},
        orient="row",
    )
    return frame.with_columns(
        module.keyed(),
        what=pl.col("record").cast(pl.UInt64),
        referred=pl.lit(value=False),
        **{"cs-host": pl.lit(None, pl.String), "path": pl.lit("x"), "number": pl.int_range(pl.len())},
    )


@given(visits=VISITS, told=TOLD, done=st.booleans())
@settings(max_examples=60, deadline=None)
def test_forms_that_are_not_in_question_hold_nobody_who_is_due(
    visits: list[tuple[str, str, int, int, int, bool]], told: dict[tuple[str, str], int], *, done: bool
) -> None:
    """A copyist hides among readers of other forms, and in forms of which much was told already."""
    fetched = records(visits)
    before = pl.DataFrame(
        [(*who, size, 0) for who, size in told.items()],
        schema={"c-ip": pl.String, "form": pl.String, "size": pl.Int64, "time_us": pl.Int64},
        orient="row",
    )
    key = ["c-ip", "form"]
    plain = due(module.suspicious(fetched), before, key, done=done).sort(key)
    some = due(module.suspicious(module.in_question(fetched, before, done=done)), before, key, done=done).sort(key)
    assert some.equals(plain) or (some.is_empty() and plain.is_empty())  # of nobody, some columns are not made


#: Of queries and paths: what is shown, dates, parts of pages, numbers, and digits that are not ASCII's.
PIECES = st.sampled_from(
    [
        "page=2",
        "Page=",
        "&id=",
        "lesson=",
        "?v=3",
        "&",
        "7",
        "x",
        "/2026",
        "/10/",
        "/a/",
        ".png",
        ".js?",
        "\u0663",
        "_=",
    ]
)
TEXTS = st.lists(st.lists(PIECES, max_size=5).map("".join), min_size=1, max_size=30)


@given(texts=TEXTS, column=st.sampled_from(["cs-uri-query", "cs-uri-stem"]))
@settings(max_examples=25, deadline=None)
def test_texts_with_numbers_alone_have_the_forms_of_any_others(texts: list[str], column: str) -> None:
    """What machine code makes of most texts is what the expressions make of all, whatever else stands in them."""
    table = pa.table({column: pa.array(texts).dictionary_encode(), "number": pa.array(range(len(texts)), pa.int64())})
    rows, found = np.arange(len(texts)), []
    with pytest.MonkeyPatch.context() as patched:
        for least in (0, 1_000):
            patched.setattr(signs, "_WORTH_IT", least)
            patched.setattr(signs, "ready", lambda: True)
            forms = recordforms.forms(Seen(EventBatch(WEB, "x", table)), column, rows)
            found.append([each.tolist() for each in (forms.usable, forms.form, forms.what)])
    assert found[0] == found[1]
