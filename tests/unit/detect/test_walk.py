"""Many regular expressions of one field are asked together first; that changes how long it takes and nothing else."""

import pyarrow as pa
import pytest

from pollwatch.detect import walk
from pollwatch.detect.columns import Columns, Mask, Rows
from pollwatch.detect.sigma.plan import Leaf, Or, Regex, Text
from pollwatch.events.batch import EventBatch
from pollwatch.events.taxonomy import WEB

PATTERNS = [
    Regex("(?i)union\\s+select"), Regex("^/admin", "i"), Regex("a{3,}$"), Regex("x|y"), Regex("(?<=q)z"),
    Regex("a.b", "s"), Regex("^k$", "m"), Regex("é+"), *(Regex(f"n{n}[0-9]{{1,60}}") for n in range(20)),
]  # fmt: skip
TEXTS = [
    "UNION  select",
    "/ADMIN/",
    "baaa",
    "aaac",
    None,
    "",
    "qz",
    "z",
    "a\nb",
    "j\nk\nl",
    "Éé",
    "n7123",
    "n7",
    "none",
]


def test_expressions_asked_together_say_what_each_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags, anchors, look-behind that RE2 refuses, null and plain text among them: the same rows fit."""
    texts = TEXTS * 100
    table = pa.table({"f": pa.array(texts, pa.string()), "time_us": [0] * len(texts), "number": range(len(texts))})
    condition = Or((Leaf("f", Text(("none",))), *(Leaf("f", each) for each in PATTERNS)))

    def fits(many: int) -> list[int]:
        columns = Columns(EventBatch(WEB, "log", table))

        def ask(leaf: Leaf, rows: Rows) -> Mask:
            return columns.test(leaf.field, leaf.test, rows)

        monkeypatch.setattr(walk, "_MANY_ROWS", many)
        return walk.fitting(condition, columns_rows, ask).nonzero()[0].tolist()

    columns_rows = pa.array(range(len(texts)), pa.int64()).to_numpy()
    together, alone = fits(1), fits(len(texts) + 1)
    assert together == alone
    assert {texts[row] for row in together} == {*TEXTS} - {None, "", "z", "aaac", "n7"}
