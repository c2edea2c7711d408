"""How far a scan is, for whoever waits for it: bars on stderr, and only on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.sources.interface import Source

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress(Protocol):
    """Told how far a scan is."""

    def compiling(self, done: int, files: int) -> None:
        """So many of the rule files that must be compiled are done."""

    def reading(self, source: Source, stored_bytes: int) -> None:
        """So many bytes of the current source are read."""


class _Bar:
    """One bar: first over the rule files, if any must be compiled, then over the stored bytes of all sources."""

    def __init__(self, bar: RichProgress, task: TaskID, total_bytes: int) -> None:
        self._bar, self._task, self._total_bytes = bar, task, total_bytes
        self._done: dict[str, int] = {}

    def compiling(self, done: int, files: int) -> None:
        self._bar.update(self._task, completed=done, total=files, description=_("compiling rules"))

    def reading(self, source: Source, stored_bytes: int) -> None:
        self._done[source.path] = stored_bytes
        self._bar.update(
            self._task,
            completed=sum(self._done.values()),
            total=self._total_bytes,
            description=printable(source.path, 40),
        )


@contextmanager
def progress_bar(sources: Sequence[Source], *, shown: bool) -> Iterator[Progress | None]:
    """A progress bar on stderr for a scan of the sources; None where it is not to be shown."""
    if not shown:
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, bar.add_task("", total=None), sum(source.size_bytes for source in sources))
