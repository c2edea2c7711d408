"""Syslog's framings: cut anywhere, mixed, malformed, endless."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.sources.syslog_frames import LONGEST_BYTES, Frames, to_line

NOW_US = 1_793_739_851_000_000
HEADED = b"<34>1 2026-11-03T21:04:11.003Z office su - ID47 - 'su root' failed"


def _fed(parts: list[bytes]) -> tuple[list[bytes], int]:
    frames = Frames()
    messages = [message for part in parts for message in frames.feed(part)]
    return messages + frames.end(), frames.cut


@pytest.mark.parametrize(
    "stream",
    [
        b"".join(b"%d %b" % (len(each), each) for each in (HEADED, b"<13>two\nlines", b"x" * 300)),
        b"<13>one\n<13>two\r\n" + HEADED + b"\n",
        b"11 <13>counted\n<13>by line\n8 <13>both",
        b"<13>a\0<13>b\0",
        b"\n\n<13>after empty lines\n",
        b"12345678901234567890 no count\n<13>next\n",
        b"<13>unfinished",
    ],
)
def test_a_stream_reads_the_same_wherever_it_is_cut(stream: bytes) -> None:
    """Octet counting, line ends, both in turn, and nonsense: one cut at every byte, and all cuts at once."""
    whole = _fed([stream])
    assert whole[0]
    for at in range(1, len(stream)):
        assert _fed([stream[:at], stream[at:]]) == whole
    assert _fed([stream[at : at + 1] for at in range(len(stream))]) == whole


def test_counted_messages_may_hold_anything() -> None:
    """Line ends, digits and NUL inside of a counted message are its own."""
    messages = [b"<13>1\n2 3\0 4", b"5 6\n", HEADED]
    assert _fed([b"".join(b"%d %b" % (len(each), each) for each in messages)]) == (messages, 0)


@pytest.mark.parametrize("count", [b"", b"9000000 "])
def test_an_endless_message_is_cut_and_what_follows_is_read(count: bytes) -> None:
    """A sender that never ends its line, or says that it is 9 MB long, makes us hold no more than one message."""
    size = 9_000_000 if count else 3 * LONGEST_BYTES
    frames, messages = Frames(), list[bytes]()
    stream = count + b"x" * size + (b"" if count else b"\n") + b"<13>next\n"
    for at in range(0, len(stream), 50_000):
        messages += frames.feed(stream[at : at + 50_000])
        held = [value for value in vars(frames).values() if isinstance(value, bytearray)]
        assert sum(map(len, held)) <= LONGEST_BYTES + 50_000
    assert ([len(each) for each in messages], frames.cut) == ([LONGEST_BYTES, 8], 1)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_no_bytes_stop_the_reader(parts: list[bytes]) -> None:
    """Whatever comes, in whatever pieces, it neither fails nor depends on the pieces."""
    assert _fed(parts) == _fed([b"".join(parts)])


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (HEADED + b"\r\n", HEADED + b"\n"),
        (b"<13>Nov  3 21:04:11 office sshd[1]: x", b"<13>Nov  3 21:04:11 office sshd[1]: x\n"),
        (b"<189>%ASA-6-302013: Built", b"<189>1 2026-11-03T21:04:11Z 192.0.2.7 - - - - %ASA-6-302013: Built\n"),
        (b"no priority", b"<13>1 2026-11-03T21:04:11Z 192.0.2.7 - - - - no priority\n"),
        (b"<13>1 2026-11-03T21:04:11Z h a - - - a\nb\0", b"<13>1 2026-11-03T21:04:11Z h a - - - a#012b\n"),
        (b" \n\0", b""),
    ],
)
def test_a_message_becomes_one_line(message: bytes, line: bytes) -> None:
    """A header is kept as it is; where there is none, the sender's address and the present take its place."""
    assert to_line(message, "192.0.2.7", NOW_US) == line
