"""Every log format's reader, one after another on the same lines: each line becomes one event or is quarantined."""

from __future__ import annotations

from pathlib import Path

from pollwatch.events.batch import NUMBER
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext

_CONTEXT = ParseContext("log", 1_793_836_800_000_000)
_GOLDEN = Path(__file__).parents[1] / "tests" / "contract" / "golden"
_MOST_LINES = 4


def read(data: bytes) -> None:
    """No line is lost, none is counted twice, none raises; the first byte chooses the format."""
    chosen = registry.ALL[data[0] % len(registry.ALL)] if data else registry.ALL[0]
    raw = data[1:].split(b"\n")[:_MOST_LINES]
    texts = [each.decode("utf-8", "replace") for each in raw]
    assert 0.0 <= chosen.sniff(texts) <= 1.0
    parsed = chosen.parser(_CONTEXT).parse(LineBlock("log", 1, raw, texts))
    numbers = [line.number for line in parsed.quarantined]
    for batch in parsed.batches:
        numbers += batch.table[NUMBER].to_pylist()
    assert sorted(numbers) == list(range(1, len(raw) + 1))


def seeds(folder: Path) -> list[bytes]:
    """The first lines of each format's golden samples."""
    del folder  # the samples are in the repository
    found = []
    for place, each in enumerate(registry.ALL):
        for sample in sorted((_GOLDEN / each.name).glob("*.in.log")):
            lines = sample.read_bytes().split(b"\n")
            found += [bytes([place]) + b"\n".join(lines[at : at + 2]) for at in range(0, min(len(lines), 40), 2)]
    return found
