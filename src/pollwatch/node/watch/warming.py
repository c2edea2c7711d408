"""The compiled loops, loaded before a watch says that it is ready: nobody's first lines shall wait for a compiler.

Reading, matching and correlating of many events run as machine code, which is loaded when there is much to do, and made
the first time on a machine. A scan of a few lines does better without. A watch runs for months, and what it is behind
after a minute of compiling it has to make up for; so it goes through some lines of its own first, which leave nothing
behind.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pollwatch.clock import US_PER_S, Clock, to_datetime
from pollwatch.detect.engine import Engine
from pollwatch.detect.work import WORK
from pollwatch.events.batch import EventBatch
from pollwatch.evidence import manylines
from pollwatch.evidence.salted import SEED_BYTES
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext
from pollwatch.i18n import _
from pollwatch.kernels import digests
from pollwatch.node.watch.telling import Tell
from pollwatch.sources import records
from pollwatch.sources.records import Shape

#: Loading takes a second or two; whoever waits longer is told why.
_SLOW_S: Final = 5.0
_LINES: Final = 600
_LINES_OF_TEXT: Final = Shape("lines", by_value=False, encoding="utf-8", bom_bytes=0)
_GUESSES: Final = 40
_LATER_US: Final = 30 * 86_400 * US_PER_S


def warm(engine: Engine, clock: Clock, tell: Tell) -> None:
    """Load what is compiled, and compile what never was.

    Args:
        engine: the rules; its plans for web servers and log-ins are made.
        clock: the time that the lines bear.
        tell: told where it takes long.
    """
    with _told_if_slow(tell):
        WORK.load()
        if digests.usable():
            manylines.tree(bytes(SEED_BYTES), [b""] * digests.WORTH, {})
        for _round in range(2):  # what the first one loads makes more of it worth its while
            batches = [batch for name, text in _logs(clock.now_us()) for batch in _read(name, text, clock)]
            state = engine.start()
            for matches in engine.match_all(batches):
                state, _found = engine.step(state, matches, None)
            engine.step(state, None, clock.now_us() + _LATER_US, done=True)


@contextmanager
def _told_if_slow(tell: Tell) -> Iterator[None]:
    said = _("the compiled loops are made for this machine, which takes a minute or two the first time")
    timer = threading.Timer(_SLOW_S, tell, ("info", said))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _read(name: str, text: str, clock: Clock) -> Iterator[EventBatch]:
    fmt, definition = registry.by_name(name)
    parser = fmt.parser(ParseContext(name, clock.now_us(), dt.UTC, definition))
    for block in records.blocks([text.encode()], name, _LINES_OF_TEXT):
        yield from parser.parse(block).batches


def _logs(now_us: int) -> Iterator[tuple[str, str]]:
    """Lines of a web server and of a log host, harmless and not, by their format."""
    moments = [to_datetime(now_us - (_LINES - at) * US_PER_S) for at in range(_LINES)]
    asked = ("/", "/page/7?session=1f", "/a/../../etc/passwd", "/?q=1%27%20UNION%20SELECT%20password%20FROM%20users--")
    requests = (
        f'192.0.2.{at % 250} - - [{when:%d/%b/%Y:%H:%M:%S} +0000] "GET {asked[at % 4]} HTTP/1.1" '
        f'{404 if at % 7 == 0 else 200} {500 + at} "https://vote.example/" "Mozilla/5.0 (X11; rv:{at % 9}.0)"\n'
        for at, when in enumerate(moments)
    )
    yield "weblog", "".join(requests)
    logins = (
        f"{when:%b %e %H:%M:%S} host sshd[{at}]: {'Failed' if at % _GUESSES else 'Accepted'} password for root from "
        f"192.0.2.9 port {4_000 + at} ssh2\n"
        for at, when in enumerate(moments)
    )
    yield "syslog", "".join(logins)
