"""Records: no bytes lose a line or crash the reader."""

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.sources import records


@given(st.binary(max_size=2000), st.integers(1, 500), st.integers(1, 50))
def test_any_bytes_keep_their_lines(data: bytes, chunk: int, most: int) -> None:
    """Arbitrary bytes: joined records give the input back, save line ends, and numbers run from 1 without a gap."""
    shape = records.shape_of(data)
    parts = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    blocks = list(records.blocks(parts, "p", shape, most))
    numbers = [block.first_number + i for block in blocks for i in range(len(block))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(len(block) <= most and len(block.raw) == len(block.text) for block in blocks)
    assert [block.text[i] for block in blocks for i in range(len(block))] == [t for b in blocks for t in b.text]
    if shape.framing != "evtx" and shape.encoding == "utf-8" and not shape.by_value:
        expected = data[shape.bom_bytes :].split(b"\n")
        if not expected[-1]:
            expected.pop()
        assert [r for b in blocks for r in b.raw] == [
            e.removesuffix(b"\r") if i < len(expected) - 1 or data.endswith(b"\n") else e
            for i, e in enumerate(expected)
        ]
    for block in blocks:
        for text in block.text:
            text.encode()  # no lone surrogates: Arrow, JSON and terminals would refuse them
