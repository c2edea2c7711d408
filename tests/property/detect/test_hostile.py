"""Hostile text cannot stop the engine, slow it down without limit, or reach a sentence unescaped."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs import least_cost_s
from pollwatch.detect.engine import Engine
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.taxonomy import AUTH, IDS, SYSLOG, WEB, WEB_ERROR

ENGINE = Engine.load()
COLUMNS = {
    WEB: ("c-ip", "cs-username", "cs-method", "cs-uri", "cs-uri-stem", "cs-host", "cs-referer", "cs-user-agent"),
    WEB_ERROR: ("c-ip", "message", "cs-uri", "cs-host"),
    AUTH: ("hostname", "program", "message", "action", "user", "src_ip", "src_host"),
    SYSLOG: ("hostname", "program", "message"),
    IDS: ("src_ip", "dest_ip", "signature", "category", "action"),
}
PIECES = [
    "'",
    " or 1=1",
    "<script>",
    "../",
    "%00",
    "\x1b[31m",
    "${jndi:",
    "\u202e",
    "union select ",
    "(" * 30,
    "a" * 50,
    "{count}",
]
texts = st.one_of(st.none(), st.text(max_size=12), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))


def run(logsource: LogSource, columns: dict[str, list[str | None]], rows: int) -> list[str]:
    """The sentences that the engine says about events with these texts."""
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    fixed = {"time_us": pa.array(range(rows), pa.int64()), "number": pa.array(range(1, rows + 1), pa.int64())}
    batch = EventBatch(logsource, "x", pa.table({**fixed, **arrays}))
    state, found = ENGINE.step(ENGINE.start(), ENGINE.match(batch), None)
    return [each.why for each in (*found, *ENGINE.step(state, None, None, done=True)[1])]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(COLUMNS)), st.data())
def test_any_text_in_any_column(logsource: LogSource, data: st.DataObject) -> None:
    """Whatever an attacker writes: no crash, and nothing in a sentence that a terminal would obey."""
    rows = data.draw(st.integers(0, 6))
    columns = {name: data.draw(st.lists(texts, min_size=rows, max_size=rows)) for name in COLUMNS[logsource]}
    for why in run(logsource, columns, rows):
        assert why.isprintable()


@pytest.mark.parametrize(
    "piece",
    ["a", "'", "../", "%25", "(", "<", "&#60;", "/*", "\\u003c", "select ", "union ", "$(", "or 1", "${", "=", "+"],
)
def test_a_long_line_costs_little(piece: str) -> None:
    """A megabyte of anything is one line among others: below three seconds of processor time."""
    text = "/x?q=" + piece * (1_000_000 // len(piece))

    def one_line(mark: str) -> None:
        written = [text + mark]
        run(WEB, {"cs-uri": written, "cs-user-agent": written, "cs-referer": written}, 1)
        run(AUTH, {"message": written, "program": ["sshd"]}, 1)

    assert least_cost_s(one_line) < 3
